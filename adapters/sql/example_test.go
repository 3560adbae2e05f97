package kanuusql_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// openApp opens the database of an application, and creates the tables.
func openApp() (db *sql.DB, store *kanuusql.Store, closeApp func()) {
	folder, err := os.MkdirTemp("", "app")
	if err != nil {
		panic(err)
	}
	db, err = sql.Open("sqlite", "file:"+filepath.Join(folder, "app.db")+"?_pragma=busy_timeout(3000)")
	if err != nil {
		panic(err)
	}
	store, err = kanuusql.New(db, kanuusql.SQLite, nil)
	if err != nil {
		panic(err)
	}
	if err := store.Migrate(context.Background()); err != nil {
		panic(err)
	}
	if _, err := db.Exec("CREATE TABLE outbox (text text)"); err != nil {
		panic(err)
	}
	return db, store, func() { _, _ = db.Close(), os.RemoveAll(folder) }
}

// The table follows Paddle's alerts, and a welcome is sent once.
func Example() {
	db, store, closeApp := openApp()
	defer closeApp()
	paddle := kanuutest.NewSigner() // signs webhooks as Paddle does
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "key", LastKnown: store.LastKnown})
	if err != nil {
		panic(err)
	}
	hook, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), nil)
	if err != nil {
		panic(err)
	}
	hook.On("*", store.Handler(func(ctx context.Context, tx *sql.Tx, _ kanuu.Event, c kanuusql.Change) error {
		if c.After.Status != kanuu.StatusActive {
			return nil
		}
		first, err := store.First(ctx, tx, "welcome:"+c.After.Identifier)
		if err == nil && first {
			_, err = tx.ExecContext(ctx, "INSERT INTO outbox (text) VALUES (?)", "Welcome, "+c.After.Identifier)
		}
		return err
	}))

	created := kanuutest.Webhook{AlertName: kanuu.AlertSubscriptionCreated, AlertID: "7", Identifier: "user:42",
		Fields: map[string]string{"subscription_id": "70", "unit_price": "9.00", "next_bill_date": "2026-12-01"}}
	cancelled := kanuutest.Webhook{AlertName: kanuu.AlertSubscriptionCancelled, AlertID: "8", Identifier: "user:42",
		Time:   time.Now().Add(time.Minute),
		Fields: map[string]string{"subscription_id": "70", "cancellation_effective_date": "2026-12-01"}}
	for _, webhook := range []kanuutest.Webhook{created, cancelled, created} { // the last one is a repetition
		paddle.Post(hook, webhook)
	}

	subscriptions, err := store.Subscriptions(context.Background(), "user:42")
	if err != nil {
		panic(err)
	}
	for _, s := range subscriptions {
		fmt.Println(s.Status, s.UnitPrice, "until", s.EndsAt.Format(time.DateOnly))
	}
	var welcomes int
	err = db.QueryRow("SELECT count(*) FROM outbox").Scan(&welcomes)
	fmt.Println(welcomes, "welcome", err)
	// Output:
	// canceled 9.00 EUR until 2026-12-01
	// 1 welcome <nil>
}

// The SQL of the tables, for a migration tool.
func ExampleSchema() {
	schema, err := kanuusql.Schema(kanuusql.Postgres, "shop_")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(schema) {
		if strings.HasPrefix(line, "CREATE TABLE") {
			fmt.Print(line)
		}
	}
	// Output:
	// CREATE TABLE IF NOT EXISTS shop_alerts (
	// CREATE TABLE IF NOT EXISTS shop_subscriptions (
	// CREATE TABLE IF NOT EXISTS shop_once (
}

// Apply is for an application with its own transactions.
func ExampleStore_Apply() {
	db, store, closeApp := openApp()
	defer closeApp()
	handle := func(ctx context.Context, e kanuu.Event) error {
		tx, err := db.BeginTx(ctx, &sql.TxOptions{}) // LevelReadCommitted on PostgreSQL and MySQL
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		change, err := store.Apply(ctx, tx, e)
		if err != nil || !change.Fresh {
			return err
		}
		if _, err := tx.ExecContext(ctx, "INSERT INTO outbox (text) VALUES (?)", e.AlertName); err != nil {
			return err
		}
		return tx.Commit()
	}
	fmt.Println(handle(context.Background(), kanuu.Event{AlertName: kanuu.AlertTransferPaid, AlertID: "7"}))
	// Output: <nil>
}

// The alerts show access until three days after the next payment is due.
func ExampleSubscription_Entitled() {
	s := kanuusql.Subscription{Status: kanuu.StatusActive, NextBillDate: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	fmt.Println(s.Entitled(time.Date(2026, 12, 3, 0, 0, 0, 0, time.UTC)))
	fmt.Println(s.Entitled(time.Date(2026, 12, 4, 0, 0, 0, 0, time.UTC)))
	// Output:
	// entitled
	// unknown
}
