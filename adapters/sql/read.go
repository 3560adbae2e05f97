package kanuusql

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// Subscriptions returns the rows of an identifier, the oldest first; none is no error. A
// buyer can choose the identifier of an alert, so one of them may be a stranger's.
func (s *Store) Subscriptions(ctx context.Context, identifier string) ([]Subscription, error) {
	list, err := s.subscriptions(ctx, s.db, identifier)
	if err != nil {
		return nil, fmt.Errorf("kanuusql: subscriptions: %w", err)
	}
	return list, nil
}

func (s *Store) subscriptions(ctx context.Context, tx Tx, identifier string) ([]Subscription, error) {
	if identifier == "" || !storable(identifier, maxIdentifier) {
		return nil, nil
	}
	list, err := s.query(ctx, tx, s.statements.selectByIdentifier, s.account, identifier)
	if err != nil {
		return nil, err
	}
	last := time.Unix(1<<40, 0) // for those without an alert that shows its time
	slices.SortFunc(list, func(a, b Subscription) int {
		return cmp.Or(cmp.Or(a.CreatedAt, last).Compare(cmp.Or(b.CreatedAt, last)), cmp.Compare(a.ID, b.ID))
	})
	return list, nil
}

// query reads rows of the subscriptions table.
func (s *Store) query(ctx context.Context, tx Tx, statement string, args ...any) ([]Subscription, error) {
	rows, err := tx.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var list []Subscription
	for rows.Next() {
		r, err := s.scanRow(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r.Subscription)
	}
	return list, rows.Err()
}

// LastKnown is for [kanuu.Config.LastKnown]: it lets subscribers in when the
// application starts while Kanuu is unavailable. It returns the oldest subscription
// of the identifier that is [Entitled] now, because a stranger's purchase must not
// replace a plan. Otherwise the error is a [kanuu.ErrUnavailable]: the table never
// makes a subscriber of Kanuu a stranger.
func (s *Store) LastKnown(ctx context.Context, identifier string) (kanuu.Subscription, time.Time, error) {
	now := time.Now()
	list, err := s.subscriptions(ctx, s.db, identifier)
	if err != nil {
		return kanuu.Subscription{}, time.Time{}, fmt.Errorf("kanuusql: last known: %w: %w", kanuu.ErrUnavailable, err)
	}
	for _, is := range list {
		if is.Entitled(now) == Entitled {
			return kanuu.Subscription{
				IsSubscribed: true, IsTrialing: is.Status == kanuu.StatusTrialing,
				Status: is.Status, StatusText: string(is.Status), PlanID: is.PlanID, SubscriptionID: is.ID,
			}, now, nil
		}
	}
	return kanuu.Subscription{}, time.Time{}, fmt.Errorf("kanuusql: last known: %w: no alert shows that the customer has access",
		kanuu.ErrUnavailable)
}

// ErrStillBilled is why [Store.Purge] deletes nothing: a subscription is not canceled.
var ErrStillBilled = errors.New("the customer has a subscription that is not canceled")

// Purge deletes what the tables have about an identifier, such as when a user deletes
// their account. The ids of alerts and subscriptions stay, so alerts that come later
// bring nothing back; names given to [Store.First] stay too. It returns
// [ErrStillBilled], and deletes nothing, while a subscription is not canceled.
//
// It deletes subscriptions that others bought with this identifier, too.
func (s *Store) Purge(ctx context.Context, identifier string) error {
	list, err := s.subscriptions(ctx, s.db, identifier)
	if err == nil {
		err = s.transact(ctx, func(tx *sql.Tx) error { return s.purge(ctx, tx, identifier, list) })
	}
	if err != nil {
		return fmt.Errorf("kanuusql: purge: %w", err)
	}
	return nil
}

// purge deletes the subscriptions of an identifier. The list was read before tx, whose
// first statement has to lock a row, so it is read again when the rows are locked.
func (s *Store) purge(ctx context.Context, tx Tx, identifier string, list []Subscription) error {
	locked := make(map[int64]bool)
	isLocked := func(is Subscription) bool { return locked[is.ID] }
	for {
		added := slices.DeleteFunc(slices.Clone(list), isLocked)
		if len(added) == 0 {
			break
		}
		// In one order everywhere, so two calls do not deadlock.
		slices.SortFunc(added, func(a, b Subscription) int { return cmp.Compare(a.ID, b.ID) })
		for _, is := range added {
			if _, err := s.lock(ctx, tx, is.ID); err != nil {
				return err
			}
			locked[is.ID] = true
		}
		var err error
		if list, err = s.subscriptions(ctx, tx, identifier); err != nil {
			return err
		}
	}
	for _, is := range list {
		switch is.Status {
		case kanuu.StatusActive, kanuu.StatusTrialing, kanuu.StatusPastDue, kanuu.StatusPaused:
			return ErrStillBilled
		default:
		}
	}
	for _, is := range list {
		if err := s.save(ctx, tx, Subscription{ID: is.ID}); err != nil {
			return err
		}
		tombstone := s.sql("UPDATE {}subscriptions SET purged_at = ? WHERE account = ? AND subscription_id = ?")
		if _, err := tx.ExecContext(ctx, tombstone, s.dialect.bind(time.Now()), s.account, is.ID); err != nil {
			return err
		}
		blank := s.sql("UPDATE {}alerts SET fields = ? WHERE account = ? AND subscription_id = ?")
		if _, err := tx.ExecContext(ctx, blank, alert{}.encodeFields(), s.account, is.ID); err != nil {
			return err
		}
	}
	return nil
}

// Refold derives all rows of the account from their alerts again. Call it after an
// update of the package whose release notes ask for it, or after the alerts table was
// restored from a backup. It locks one row at a time, so webhooks go on.
func (s *Store) Refold(ctx context.Context) error {
	if err := s.refoldAll(ctx); err != nil {
		return fmt.Errorf("kanuusql: refold: %w", err)
	}
	return nil
}

func (s *Store) refoldAll(ctx context.Context) error {
	next := s.sql("SELECT min(subscription_id) FROM {}alerts WHERE account = ? AND subscription_id > ?")
	for last := int64(0); ; {
		var id *int64
		if err := s.db.QueryRowContext(ctx, next, s.account, last).Scan(&id); err != nil {
			return err
		}
		if id == nil {
			return nil
		}
		err := s.transact(ctx, func(tx *sql.Tx) error {
			r, err := s.lock(ctx, tx, *id)
			if err != nil || r.purged {
				return err
			}
			_, err = s.refold(ctx, tx, *id)
			return err
		})
		if err != nil {
			return err
		}
		last = *id
	}
}
