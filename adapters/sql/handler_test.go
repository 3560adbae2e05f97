package kanuusql_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// What fails leaves nothing behind, and succeeds when it is delivered again.
func TestHandlerFails(t *testing.T) {
	t.Parallel()
	failure := errors.New("no more disk")
	for name, fail := range map[string]func(ctx context.Context) error{
		"error": func(context.Context) error { return failure },
		"panic": func(context.Context) error { panic(failure) },
		"time":  func(ctx context.Context) error { <-ctx.Done(); return sql.ErrTxDone },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachEngine(t, func(t *testing.T, d *database) {
				db := d.open(t)
				store := d.store(t, db)
				createEffects(t, db)
				fails, record := true, recordEffect(d.dialect)
				handler := store.Handler(func(ctx context.Context, tx *sql.Tx, e kanuu.Event, c kanuusql.Change) error {
					if err := record(ctx, tx, e, c); err != nil {
						return err
					}
					if fails {
						return fail(ctx)
					}
					return nil
				})
				var last error
				hook := newHook(t, func(ctx context.Context, e kanuu.Event) error {
					ctx, cancel := context.WithTimeout(ctx, time.Second)
					defer cancel()
					last = handler(ctx, e)
					return last
				})
				alert := kanuutest.Webhook{AlertID: "7", Identifier: "42"}
				assert.Equal(t, http.StatusInternalServerError, signer.Post(hook, alert).StatusCode)
				switch name {
				case "error":
					require.ErrorIs(t, last, failure)
				case "time":
					require.ErrorIs(t, last, context.DeadlineExceeded)
				}
				assert.Empty(t, dump(t, db))
				assert.Empty(t, effects(t, db))
				fails = false
				assert.Equal(t, http.StatusOK, signer.Post(hook, alert).StatusCode)
				assert.Equal(t, map[string]int{"7": 1}, effects(t, db))
			})
		})
	}
}

// The response of a COMMIT may be lost. Then the alert is looked for.
func TestCommittedAlertIsNoFailure(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		store := d.store(t, d.open(t))
		other := d.store(t, d.open(t)).Handler(nil)
		e := event(t, kanuutest.Webhook{AlertName: kanuu.AlertTransferPaid, AlertID: "7"})
		commits := func(ctx context.Context, tx *sql.Tx, e kanuu.Event, _ kanuusql.Change) error {
			require.NoError(t, tx.Rollback())
			return other(ctx, e) // as if the server had committed after all
		}
		assert.NoError(t, store.Handler(commits)(t.Context(), e))
	})
}

func TestSecondHandlerPanics(t *testing.T) {
	t.Parallel()
	d := engines[0].newDatabase(t)
	store := d.store(t, d.open(t))
	store.Handler(nil)
	assert.PanicsWithValue(t,
		"kanuusql: Store.Handler was called twice: each alert is handled once, so do everything in one function",
		func() { store.Handler(nil) })
}

// No text of a buyer makes a webhook fail: Paddle would deliver it for 72 hours.
func TestHostileAlerts(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		store := d.store(t, db)
		hook := newHook(t, store.Handler(nil))
		for i, text := range []string{"a\x00b", "a\xffb", long, strings.Repeat("é", 200), "'; DROP TABLE kanuu_alerts; --",
			"?$1{}"} {
			id := int64(i + 1)
			fields := map[string]string{"subscription_id": fmt.Sprint(id)}
			for _, name := range strings.Fields("status subscription_plan_id currency quantity unit_price next_bill_date " +
				"cancel_url update_url old_status unknown") {
				fields[name] = text
			}
			for _, webhook := range []kanuutest.Webhook{
				{AlertID: fmt.Sprint(id), Identifier: text, Fields: fields, Time: at("1 10:00:00")},
				{AlertID: text, AlertName: kanuu.AlertSubscriptionUpdated, Fields: fields},
				{AlertID: "x" + text, AlertName: "x" + text, Fields: fields},
				{AlertID: "y" + fmt.Sprint(id), Fields: map[string]string{"subscription_id": text, "event_time": text}},
				{AlertID: "z" + fmt.Sprint(id), Fields: map[string]string{
					"subscription_id": fmt.Sprint(id), "event_time": "0999-01-01 00:00:00", "next_bill_date": "0001-01-01",
				}},
			} {
				assert.Equal(t, http.StatusOK, signer.Post(hook, webhook).StatusCode, "%.20q", text)
			}
			list, err := store.Subscriptions(t.Context(), text)
			require.NoError(t, err)
			if i < 4 { // not storable
				assert.Empty(t, list)
			} else {
				require.Len(t, list, 1)
				assert.Equal(t, text, list[0].Identifier)
				assert.Equal(t, kanuusql.Secret(text), list[0].CancelURL)
			}
		}
	})
}

// A row that the database refuses is an error, and not an alert that was handled before.
func TestRefusedRowIsAnError(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		store := d.store(t, db)
		for _, statement := range []string{
			"ALTER TABLE kanuu_alerts ADD COLUMN checked integer CHECK (alert_name <> 'transfer_paid')",
			"ALTER TABLE kanuu_once ADD COLUMN checked integer CHECK (name <> 'refused')",
		} {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err)
		}
		handle := store.Handler(nil)
		require.NoError(t, handle(t.Context(), event(t, kanuutest.Webhook{AlertName: kanuu.AlertTransferCreated})))
		require.Error(t, handle(t.Context(), event(t, kanuutest.Webhook{AlertName: kanuu.AlertTransferPaid})))
		_, err := store.First(t.Context(), db, "refused")
		require.Error(t, err)
		if d.dialect == kanuusql.MySQL { // the others do not shorten
			_, err := db.ExecContext(t.Context(), "ALTER TABLE kanuu_alerts MODIFY fields varchar(20) NOT NULL")
			require.NoError(t, err)
			require.ErrorContains(t, handle(t.Context(), event(t, kanuutest.Webhook{AlertName: created})), "Data too long")
		}
	})
}

// Options of the driver change how many rows a statement affects, and what a time is.
func TestMySQLDriverOptions(t *testing.T) {
	t.Parallel()
	for _, options := range []string{"", "?clientFoundRows=true", "?parseTime=true&loc=America%2FNew_York"} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			d := engines[2].newDatabase(t)
			d.dsn += options
			db := d.open(t)
			store := d.store(t, db)
			calls := 0
			handle := store.Handler(func(context.Context, *sql.Tx, kanuu.Event, kanuusql.Change) error { calls++; return nil })
			for range 2 {
				require.NoError(t, handle(t.Context(), event(t, kanuutest.Webhook{
					AlertID: "7", AlertName: created, Identifier: "42", Time: at("1 10:00:00"),
					Fields: map[string]string{"next_bill_date": "2026-07-01"},
				})))
				transfer := kanuutest.Webhook{AlertID: "8", AlertName: kanuu.AlertTransferPaid}
				require.NoError(t, handle(t.Context(), event(t, transfer)))
			}
			assert.Equal(t, 2, calls)
			for _, want := range []bool{true, false, false} {
				first, err := store.First(t.Context(), db, "welcome")
				require.NoError(t, err)
				assert.Equal(t, want, first)
			}
			list, err := store.Subscriptions(t.Context(), "42")
			require.NoError(t, err)
			require.Len(t, list, 1)
			assert.Equal(t, at("1 10:00:00"), list[0].EventTime)
			assert.Equal(t, time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC), list[0].NextBillDate)
		})
	}
}

// Names are for ever, and differ by every byte.
func TestFirst(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		store := d.store(t, db)
		first := func(name string, commit bool) bool {
			tx, err := db.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			defer func() { _ = tx.Rollback() }()
			is, err := store.First(t.Context(), tx, name)
			require.NoError(t, err)
			if commit {
				require.NoError(t, tx.Commit())
			}
			return is
		}
		assert.True(t, first("welcome:a", false), "rolled back")
		assert.True(t, first("welcome:a", true))
		assert.False(t, first("welcome:a", true))
		assert.True(t, first("welcome:A", true))
		assert.True(t, first("welcome:a ", true))
		for _, name := range []string{"", "\x00", strings.Repeat("x", 256)} {
			_, err := store.First(t.Context(), db, name)
			require.EqualError(t, err, "kanuusql: first: a name has 1 to 255 bytes of valid UTF-8")
		}
	})
}

// An application with its own transaction, here one that also uses pgx without
// database/sql.
func TestApplyInOwnTransaction(t *testing.T) {
	t.Parallel()
	d := engines[1].newDatabase(t)
	pool, err := pgxpool.New(t.Context(), d.dsn)
	require.NoError(t, err)
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()
	store := d.store(t, db)
	createEffects(t, db)
	for range 2 {
		require.NoError(t, applyWithPgx(t.Context(), db, store, event(t, kanuutest.Webhook{AlertID: "7"})))
	}
	assert.Equal(t, map[string]int{"7": 1}, effects(t, db))
}

func applyWithPgx(ctx context.Context, db *sql.DB, store *kanuusql.Store, e kanuu.Event) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	change, err := store.Apply(ctx, tx, e)
	if err != nil || !change.Fresh {
		return err
	}
	err = conn.Raw(func(driverConn any) error { // in the same transaction
		native := driverConn.(*stdlib.Conn).Conn()
		_, err := native.Exec(ctx, "INSERT INTO effects (alert_id) VALUES ($1)", e.AlertID)
		return err
	})
	if err != nil {
		return err
	}
	return tx.Commit()
}
