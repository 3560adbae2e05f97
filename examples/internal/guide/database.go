package guide

import (
	"context"
	"database/sql"
	"errors"
	"log"
	"log/slog"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
)

// Database is the webhook handler of an application that keeps a table of subscriptions.
func Database() (*kanuu.WebhookHandler, error) {
	ctx := context.Background()
	// snippet: database
	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL")) // import _ "github.com/jackc/pgx/v5/stdlib"
	if err != nil {
		log.Fatal(err)
	}
	store, err := kanuusql.New(db, kanuusql.Postgres, nil)
	if err != nil {
		log.Fatal(err)
	}
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey:    os.Getenv("KANUU_API_KEY"),
		BaseURL:   os.Getenv("KANUU_BASE_URL"), // of the emulator; empty: Kanuu's
		Logger:    slog.Default(),
		LastKnown: store.LastKnown,
	})
	if err != nil {
		log.Fatal(err)
	}
	hook, err := kanuu.NewWebhookHandler(client, os.Getenv("PADDLE_PUBLIC_KEY"), nil)
	if err != nil {
		log.Fatal(err)
	}
	hook.On("*", store.Handler(func(ctx context.Context, tx *sql.Tx, e kanuu.Event, c kanuusql.Change) error {
		if c.After.Identifier == "" || c.After.Status != kanuu.StatusActive && c.After.Status != kanuu.StatusTrialing {
			return nil
		}
		first, err := store.First(ctx, tx, "welcome:"+c.After.Identifier)
		if err != nil || !first {
			return err
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO outbox (kind, identifier) VALUES ('welcome', $1)", c.After.Identifier)
		return err
	}))
	// snippet: end
	return hook, err
}

// Effects returns a function that does what follows from alerts.
func Effects() func(context.Context, *sql.Tx, kanuu.Event, kanuusql.Change) error {
	// snippet: effects
	effects := func(ctx context.Context, tx *sql.Tx, _ kanuu.Event, c kanuusql.Change) error {
		before, after := c.Before, c.After
		mail := func(kind string) error {
			_, err := tx.ExecContext(ctx, "INSERT INTO outbox (kind, identifier) VALUES ($1, $2)", kind, after.Identifier)
			return err
		}
		const setSeats = "UPDATE teams SET seats = $1 WHERE billing_id = $2"
		if _, err := tx.ExecContext(ctx, setSeats, after.Quantity, after.Identifier); err != nil {
			return err
		}
		switch {
		case after.Status == kanuu.StatusCanceled && before.Status != kanuu.StatusCanceled:
			return mail("goodbye") // access ends at after.EndsAt
		case after.Status == kanuu.StatusPastDue && before.Status != kanuu.StatusPastDue:
			return mail("payment failed")
		case before.PlanID != 0 && before.PlanID != after.PlanID:
			return mail("plan changed")
		}
		return nil
	}
	// snippet: end
	return effects
}

// Reconcile finds lost alerts.
func Reconcile(ctx context.Context, store *kanuusql.Store, client *kanuu.Client, logger *slog.Logger) {
	// snippet: reconcile
	for range time.Tick(time.Hour) {
		differences, err := store.Reconcile(ctx, client, 100) // takes 100 s
		for _, d := range differences {
			logger.Warn("subscription differs from Kanuu", "id", d.Table.ID, "repaired", d.Repaired)
		}
		if err != nil {
			logger.Warn("subscriptions not reconciled", "error", err)
		}
	}
	// snippet: end
}

// DeleteUser deletes a user's account.
func DeleteUser(ctx context.Context, db *sql.DB, store *kanuusql.Store, id string) error {
	// snippet: purge
	err := store.Purge(ctx, "user:"+id)
	if errors.Is(err, kanuusql.ErrStillBilled) {
		return errors.New("cancel your subscription first: the button below leads to it")
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "DELETE FROM users WHERE id = $1", id)
	}
	// snippet: end
	return err
}

// WithPgx handles an alert in a transaction that both database/sql and pgx use.
func WithPgx(ctx context.Context, pool *pgxpool.Pool, store *kanuusql.Store, e kanuu.Event) error {
	db := stdlib.OpenDBFromPool(pool)
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// snippet: pgx
	change, err := store.Apply(ctx, tx, e) // the first statement
	if err != nil || !change.Fresh {
		return err
	}
	err = conn.Raw(func(driverConn any) error {
		native := driverConn.(*stdlib.Conn).Conn() // a *pgx.Conn, in the same transaction
		_, err := native.Exec(ctx, "INSERT INTO outbox (kind, identifier) VALUES ($1, $2)", e.AlertName, e.Identifier)
		return err
	})
	if err != nil {
		return err
	}
	return tx.Commit()
	// snippet: end
}
