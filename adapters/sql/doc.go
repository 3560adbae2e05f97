// Package kanuusql keeps the application's own table of subscriptions, derived from
// Paddle's alerts, in PostgreSQL, MySQL, MariaDB or SQLite. It needs database/sql and a
// driver, and imports none.
//
//	db, err := sql.Open("pgx", os.Getenv("DATABASE_URL"))
//	store, err := kanuusql.New(db, kanuusql.Postgres, nil)
//	err = store.Migrate(ctx) // or the SQL of Schema, with a migration tool
//
//	hook, err := kanuu.NewWebhookHandler(client, publicKey, nil)
//	hook.On("*", store.Handler(func(ctx context.Context, tx *sql.Tx, e kanuu.Event, c kanuusql.Change) error {
//		if c.After.Status != kanuu.StatusActive || c.Before.Status == kanuu.StatusActive {
//			return nil
//		}
//		_, err := tx.ExecContext(ctx, "INSERT INTO outbox …", c.After.Identifier)
//		return err
//	}))
//
// Decide access by [kanuu.Client.Subscription]. The tables are for what Kanuu's API does
// not have: price, quantity, renewal and end dates, queries over all customers, and
// effects that happen exactly once.
//
// # Tables
//
// kanuu_alerts has a row for each alert. Its primary key, account and alert id, decides
// for ever whether an alert was handled, so [kanuu.WebhookOptions.Deduplicator] is not
// needed with it, also for several instances. kanuu_subscriptions has a row for each
// subscription of Paddle, see [Subscription], and several for a customer who returns.
//
// Paddle delivers alerts late, repeatedly, and in any order, and their times have whole
// seconds. So a row is never updated by an alert: it is derived from all alerts of its
// subscription, and any order gives the same row. Alerts that are lost are found by
// [Store.Reconcile].
//
// # Privacy
//
// Of an alert, only the fields that a row is derived from are stored. No email address,
// name, country or receipt is among them. Identifiers are; [Store.Purge] deletes them.
// The columns cancel_url and update_url work for any bearer: keep them out of logs.
package kanuusql
