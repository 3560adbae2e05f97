package kanuusql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// columns of the subscriptions table that the fold sets, in the order of [values] and
// [destinations].
const columns = "identifier, status, plan_id, quantity, unit_price, currency, next_bill_date, paid_until, paused_from, " +
	"paused_reason, ends_at, cancel_url, update_url, past_due_since, created_at, refunded_at, last_payment_at, " +
	"event_time, observed_at"

// statements with the prefix and the placeholders of the dialect.
type statements struct {
	lockRow, selectRow, updateRow, selectByIdentifier string
	insertAlert, selectAlerts, updateFields           string
	isCommitted, insertOnce                           string
}

func (s *Store) prepare() {
	const where = " WHERE account = ? AND subscription_id = ?"
	s.statements = statements{
		lockRow: s.sql("INSERT INTO {}subscriptions (account, subscription_id) VALUES (?, ?)" +
			s.dialect.lockSuffix("account, subscription_id")),
		selectRow: s.sql("SELECT purged_at, subscription_id, " + columns + " FROM {}subscriptions" + where),
		updateRow: s.sql("UPDATE {}subscriptions SET " + strings.ReplaceAll(columns, ",", " = ?,") +
			" = ?, fold_version = ?" + where),
		selectByIdentifier: s.sql("SELECT purged_at, subscription_id, " + columns +
			" FROM {}subscriptions WHERE account = ? AND identifier = ?"),
		insertAlert: s.sql(s.dialect.insertNew("INSERT INTO {}alerts (account, alert_id, subscription_id, event_time, "+
			"alert_name, received_at, fields) VALUES (?, ?, ?, ?, ?, ?, ?)", "alert_id")),
		selectAlerts: s.sql("SELECT alert_id, event_time, alert_name, fields FROM {}alerts" + where),
		updateFields: s.sql("UPDATE {}alerts SET fields = ? WHERE account = ? AND alert_id = ?"),
		isCommitted:  s.sql("SELECT 1 FROM {}alerts WHERE account = ? AND alert_id = ?"),
		insertOnce:   s.sql(s.dialect.insertNew("INSERT INTO {}once (name, happened_at) VALUES (?, ?)", "name")),
	}
}

// row is a row of the subscriptions table. A purged one has nothing but its id.
type row struct {
	Subscription
	purged bool
}

// lock creates the row if there is none, locks it until the end of tx, and reads it.
// It is the first statement of a transaction: that a write both creates and locks
// keeps all engines from deadlocks and from reading an old row.
func (s *Store) lock(ctx context.Context, tx Tx, id int64) (row, error) {
	if _, err := tx.ExecContext(ctx, s.statements.lockRow, s.account, id); err != nil {
		return row{}, fmt.Errorf("lock subscription: %w", err)
	}
	return s.scanRow(tx.QueryRowContext(ctx, s.statements.selectRow, s.account, id))
}

func (s *Store) scanRow(from interface{ Scan(...any) error }) (row, error) {
	var (
		r                                                                 row
		purgedAt                                                          time.Time
		identifier, status, price, currency, reason, cancelURL, updateURL sql.NullString
		plan, quantity                                                    sql.NullInt64
	)
	d := s.dialect
	err := from.Scan(d.scan(&purgedAt), &r.ID, &identifier, &status, &plan, &quantity, &price, &currency, d.scan(&r.NextBillDate),
		d.scan(&r.PaidUntil), d.scan(&r.PausedFrom), &reason, d.scan(&r.EndsAt), &cancelURL, &updateURL, d.scan(&r.PastDueSince),
		d.scan(&r.CreatedAt), d.scan(&r.RefundedAt), d.scan(&r.LastPaymentAt), d.scan(&r.EventTime), d.scan(&r.ObservedAt))
	if err != nil {
		return row{}, fmt.Errorf("read subscription: %w", err)
	}
	r.purged = !purgedAt.IsZero()
	r.Identifier, r.Status, r.PausedReason = identifier.String, kanuu.Status(status.String), reason.String
	r.PlanID, r.Quantity, r.UnitPrice = plan.Int64, quantity.Int64, kanuu.Amount{Value: price.String, Currency: currency.String}
	r.CancelURL, r.UpdateURL, r.pastDueGrace = Secret(cancelURL.String), Secret(updateURL.String), s.pastDueGrace
	return r, nil
}

// save writes what the fold has set.
func (s *Store) save(ctx context.Context, tx Tx, is Subscription) error {
	t := s.dialect.bind
	_, err := tx.ExecContext(ctx, s.statements.updateRow, orNull(is.Identifier), orNull(string(is.Status)), orNull(is.PlanID),
		orNull(is.Quantity), orNull(is.UnitPrice.Value), orNull(is.UnitPrice.Currency), t(is.NextBillDate), t(is.PaidUntil),
		t(is.PausedFrom), orNull(is.PausedReason), t(is.EndsAt), orNull(string(is.CancelURL)), orNull(string(is.UpdateURL)),
		t(is.PastDueSince), t(is.CreatedAt), t(is.RefundedAt), t(is.LastPaymentAt), t(is.EventTime), t(is.ObservedAt),
		foldVersion, s.account, is.ID)
	if err != nil {
		return fmt.Errorf("update subscription: %w", err)
	}
	return nil
}

// orNull makes NULL of a zero value.
func orNull[T comparable](value T) any {
	var zero T
	if value == zero {
		return nil
	}
	return value
}

// insert stores an alert, and reports whether it is new.
func (s *Store) insert(ctx context.Context, tx Tx, a alert) (bool, error) {
	isNew, err := s.dialect.isNew(tx.ExecContext(ctx, s.statements.insertAlert, s.account, a.id, orNull(a.subscriptionID),
		s.dialect.bind(a.time), a.name, s.dialect.bind(time.Now()), a.encodeFields()))
	if err != nil {
		return false, fmt.Errorf("insert alert: %w", err)
	}
	return isNew, nil
}

// alerts reads the alerts of a subscription, without those of other kinds that name it.
func (s *Store) alerts(ctx context.Context, tx Tx, id int64) ([]alert, error) {
	rows, err := tx.QueryContext(ctx, s.statements.selectAlerts, s.account, id)
	if err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var list []alert
	for rows.Next() {
		a, fields := alert{subscriptionID: id}, ""
		err := rows.Scan(&a.id, s.dialect.scan(&a.time), &a.name, &fields)
		if err == nil {
			a.fields, err = decodeFields(fields)
		}
		if err != nil {
			return nil, fmt.Errorf("read alerts: %w", err)
		}
		if a.isFolded() {
			list = append(list, a)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read alerts: %w", err)
	}
	return list, nil
}

// refold derives a row that is locked from its alerts, and saves it.
func (s *Store) refold(ctx context.Context, tx Tx, id int64) (Subscription, error) {
	alerts, err := s.alerts(ctx, tx, id)
	if err != nil {
		return Subscription{}, err
	}
	is := fold(id, alerts)
	is.pastDueGrace = s.pastDueGrace
	for _, a := range blanked(alerts, is) {
		if _, err := tx.ExecContext(ctx, s.statements.updateFields, a.encodeFields(), s.account, a.id); err != nil {
			return Subscription{}, fmt.Errorf("blank alert: %w", err)
		}
	}
	return is, s.save(ctx, tx, is)
}

// blanked returns the alerts whose URLs are superseded, without these. The URLs
// of the newest second stay: another alert of that second may still change the order.
func blanked(alerts []alert, is Subscription) []alert {
	var changed []alert
	newest := make(map[string]time.Time)
	urls := []string{cancelURLField, updateURLField}
	for _, a := range alerts {
		for _, name := range urls {
			if a.fields[name] != "" {
				newest[name] = latest(newest[name], a.time)
			}
		}
	}
	for _, a := range alerts {
		before := len(a.fields)
		for _, name := range urls {
			if is.Status == kanuu.StatusCanceled || a.time.Before(newest[name]) {
				delete(a.fields, name)
			}
		}
		if len(a.fields) < before {
			changed = append(changed, a)
		}
	}
	return changed
}
