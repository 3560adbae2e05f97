package kanuusql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// Change is what an alert changed. It has only Fresh if the alert is not about a
// subscription, or if the subscription was purged.
type Change struct {
	// Before and After are the row without and with the alert. They are equal if newer
	// alerts came before it, so act on the difference, and not on the alert's name.
	Before, After Subscription

	// Fresh is whether the alert was not stored before.
	Fresh bool
}

// Apply stores an alert and brings the row of its subscription up to date, in a
// transaction of the application. It must be the first statement of tx, which must be
// READ COMMITTED on PostgreSQL and MySQL. It locks the row until the end of tx, so the
// alerts of one subscription are handled one after the other.
//
// If the change is not Fresh, the alert was committed before: commit, and do nothing
// else. After an error, roll back. [Store.Handler] does all of this.
//
// An alert without an id is not stored and always Fresh.
func (s *Store) Apply(ctx context.Context, tx Tx, e kanuu.Event) (Change, error) {
	change, err := s.apply(ctx, tx, newAlert(e))
	if err != nil {
		return Change{}, fmt.Errorf("kanuusql: apply %s: %w", e.AlertName, err)
	}
	return change, nil
}

func (s *Store) apply(ctx context.Context, tx Tx, a alert) (Change, error) {
	if a.id == "" {
		return Change{Fresh: true}, nil
	}
	if !a.isFolded() {
		isNew, err := s.insert(ctx, tx, a)
		return Change{Fresh: isNew}, err
	}
	before, err := s.lock(ctx, tx, a.subscriptionID)
	if err != nil {
		return Change{}, err
	}
	if before.purged {
		a.fields = nil
	}
	isNew, err := s.insert(ctx, tx, a)
	switch {
	case err != nil:
		return Change{}, err
	case before.purged:
		return Change{Fresh: isNew}, nil
	case !isNew:
		return Change{Before: before.Subscription, After: before.Subscription}, nil
	}
	after, err := s.refold(ctx, tx, a.subscriptionID)
	return Change{Before: before.Subscription, After: after, Fresh: true}, err
}

// Handler returns a handler for [kanuu.WebhookHandler.On], with the pattern "*" or
// "subscription_*". It stores each alert, brings the tables up to date, and calls fn
// once for each alert in the same transaction. What fn writes through tx is committed
// exactly once, whatever is delivered again and whichever process dies. A nil fn only
// keeps the tables.
//
// The transaction is run up to three times after a deadlock, so fn must do nothing
// outside of tx: it writes a mail into a table, from which another part of the
// application sends it. See [Store.First] for effects that happen once although several
// alerts cause them.
//
// It panics if it is called twice: of two handlers, only the first would be called.
func (s *Store) Handler(fn func(ctx context.Context, tx *sql.Tx, e kanuu.Event, c Change) error) func(context.Context,
	kanuu.Event) error {
	if s.handled.Swap(true) {
		panic("kanuusql: Store.Handler was called twice: each alert is handled once, so do everything in one function")
	}
	return func(ctx context.Context, e kanuu.Event) error {
		err := s.transact(ctx, func(tx *sql.Tx) error {
			change, err := s.Apply(ctx, tx, e)
			if err != nil || !change.Fresh || fn == nil {
				return err
			}
			return fn(ctx, tx, e, change)
		})
		if err != nil && s.isCommitted(ctx, e) {
			return nil
		}
		return err
	}
}

// commitCheckTimeout leaves time to respond within Paddle's five seconds.
const commitCheckTimeout = 500 * time.Millisecond

// isCommitted reports whether an alert is in the table. A COMMIT can succeed although
// its response is lost.
func (s *Store) isCommitted(ctx context.Context, e kanuu.Event) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitCheckTimeout)
	defer cancel()
	var one int
	return s.db.QueryRowContext(ctx, s.statements.isCommitted, s.account, newAlert(e).id).Scan(&one) == nil
}

// First reports whether an effect is due that must happen once, such as a welcome that
// several alerts cause: it is true in the first transaction with this name that is
// committed, and false in all others, for ever. Names are for all of the application,
// and have 1 to 255 bytes.
//
//	first, err := s.First(ctx, tx, "welcome:"+c.After.Identifier)
//	if first {
//		_, err = tx.ExecContext(ctx, "INSERT INTO outbox …")
//	}
func (s *Store) First(ctx context.Context, tx Tx, name string) (bool, error) {
	if name == "" || !storable(name, maxName) {
		return false, errors.New("kanuusql: first: a name has 1 to 255 bytes of valid UTF-8")
	}
	isNew, err := s.dialect.isNew(tx.ExecContext(ctx, s.statements.insertOnce, name, s.dialect.bind(time.Now())))
	if err != nil {
		return false, fmt.Errorf("kanuusql: first: %w", err)
	}
	return isNew, nil
}

const maxName = 255
