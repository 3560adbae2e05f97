package kanuusql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// Difference is a subscription of which the table and Kanuu did not say the same.
type Difference struct {
	// Table is the row before the repair.
	Table Subscription

	// Kanuu is its response for the identifier of the row.
	Kanuu kanuu.Subscription

	// Repaired is whether the response was stored as an observation, and changed the
	// row. It is not stored while an alert is younger than 65 minutes, because Kanuu's
	// response may be an hour old, nor if Kanuu names no subscription, nor if a row does
	// not follow from the response: it shows no dates.
	Repaired bool
}

const (
	// kanuuCache is how old a response of Kanuu may be.
	kanuuCache = time.Hour

	// newAlertAge is how long after an alert a difference is no fault.
	newAlertAge = kanuuCache + 5*time.Minute

	// reconcileInterval between calls: the application's own calls come first.
	reconcileInterval = time.Second

	// recheckAfter is how long a suspicious row waits for the next check, so it does
	// not keep others from theirs.
	recheckAfter = day

	// endedLongAgo is for canceled subscriptions that are not checked any more.
	endedLongAgo = 30 * day
)

// Reconcile compares n subscriptions with Kanuu, and repairs the table where alerts
// were lost. Call it regularly, such as every hour with n = 100, on one instance or
// several. Suspicious rows are checked first: [Unknown] ones, ones that ended before the
// date that was paid for, and ones without the alert of their creation. The others follow
// in the order of their last checks.
//
// It calls Kanuu once a second at most, and returns at the first [kanuu.ErrRateLimited]
// or other error, with the differences found so far. It changes no row directly: it
// stores an observation, which the table is derived from as it is from alerts. No
// handler is called.
func (s *Store) Reconcile(ctx context.Context, client *kanuu.Client, n int) ([]Difference, error) {
	list, err := s.toCheck(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("kanuusql: reconcile: %w", err)
	}
	var differences []Difference
	for i, is := range list {
		if i > 0 {
			select {
			case <-time.After(reconcileInterval):
			case <-ctx.Done():
				return differences, ctx.Err()
			}
		}
		difference, err := s.checkOne(ctx, client, is)
		if err != nil {
			return differences, fmt.Errorf("kanuusql: reconcile: %w", err)
		}
		if difference != nil {
			differences = append(differences, *difference)
		}
	}
	return differences, nil
}

// toCheck returns the n rows to check next.
func (s *Store) toCheck(ctx context.Context, n int) ([]Subscription, error) {
	now, t := time.Now(), s.dialect.bind
	return s.query(ctx, s.db, s.sql("SELECT purged_at, subscription_id, "+columns+" FROM {}subscriptions s "+
		"WHERE account = ? AND identifier IS NOT NULL AND NOT (status = 'canceled' AND ends_at IS NOT NULL AND ends_at < ?) "+
		"ORDER BY CASE WHEN (checked_at IS NULL OR checked_at < ?) AND (status IS NULL OR "+
		"(status IN ('active', 'trialing') AND (next_bill_date IS NULL OR next_bill_date < ?)) OR ends_at < paid_until OR "+
		"NOT EXISTS (SELECT 1 FROM {}alerts a WHERE a.account = s.account AND a.subscription_id = s.subscription_id AND "+
		"a.alert_name = 'subscription_created')) THEN 0 ELSE 1 END, "+
		"CASE WHEN checked_at IS NULL THEN 0 ELSE 1 END, checked_at, subscription_id LIMIT ?"),
		s.account, t(now.Add(-endedLongAgo)), t(now.Add(-recheckAfter)), t(now.Add(-renewalMargin)), n)
}

// checkOne compares a row with Kanuu's response.
func (s *Store) checkOne(ctx context.Context, client *kanuu.Client, is Subscription) (*Difference, error) {
	at := time.Now()
	response, err := client.FetchSubscription(ctx, is.Identifier)
	if err != nil && !errors.Is(err, kanuu.ErrInvalidIdentity) { // such an identifier is not from Kanuu
		return nil, err
	}
	checked := s.sql("UPDATE {}subscriptions SET checked_at = ? WHERE account = ? AND subscription_id = ?")
	if _, err := s.db.ExecContext(ctx, checked, s.dialect.bind(at), s.account, is.ID); err != nil {
		return nil, err
	}
	if err != nil || response.SubscriptionID == 0 { // nothing to repair by
		if err == nil && is.Entitled(at) == Entitled {
			return &Difference{Table: is, Kanuu: response}, nil
		}
		return nil, nil //nolint:nilnil // no difference
	}
	known := is
	if response.SubscriptionID != is.ID {
		list, err := s.subscriptions(ctx, s.db, is.Identifier)
		if err != nil {
			return nil, err
		}
		known = Subscription{ID: response.SubscriptionID} // unless it is one of those
		for _, other := range list {
			if other.ID == known.ID {
				known = other
			}
		}
	}
	if agrees(known, response, at) {
		return nil, nil //nolint:nilnil // no difference
	}
	difference := &Difference{Table: known, Kanuu: response}
	if at.Sub(known.EventTime) < newAlertAge {
		return difference, nil
	}
	err = s.transact(ctx, func(tx *sql.Tx) error {
		change, err := s.apply(ctx, tx, observation(is.Identifier, response, at))
		if err == nil && change.Before == change.After {
			return errNoChange // so that each check does not add another observation
		}
		return err
	})
	difference.Repaired = err == nil
	if errors.Is(err, errNoChange) {
		err = nil
	}
	return difference, err
}

// errNoChange rolls back an observation that changes nothing.
var errNoChange = errors.New("the row stays as it is")

// agrees reports whether a row and Kanuu say the same. A day's difference at the end
// of a subscription is a margin, and no fault. A row that is [Unknown] contradicts
// only a response that the customer has access.
func agrees(is Subscription, response kanuu.Subscription, at time.Time) bool {
	isEntitled := is.Entitled(at) == Entitled
	if !response.IsSubscribed && is.Entitled(at.Add(endMargin)) == NotEntitled {
		isEntitled = false
	}
	return is.Status == response.Status && is.PlanID == response.PlanID && isEntitled == response.IsSubscribed
}

// observation makes an alert of a response. Its time is that of the oldest state that
// the response may show.
func observation(identifier string, response kanuu.Subscription, at time.Time) alert {
	at = sane(at.Add(-kanuuCache))
	a := alert{
		id:             fmt.Sprintf("kanuu:%d:%d", response.SubscriptionID, at.Unix()),
		subscriptionID: response.SubscriptionID, time: at, name: observedName,
		fields: map[string]string{identifierField: identifier},
	}
	if status := string(response.Status); status != "" && storable(status, allowedFields["status"]) {
		a.fields["status"] = status
	}
	if response.PlanID != 0 {
		a.fields["subscription_plan_id"] = strconv.FormatInt(response.PlanID, 10)
	}
	if response.IsSubscribed {
		a.fields[subscribedField] = "1"
	}
	return a
}
