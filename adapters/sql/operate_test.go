package kanuusql_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestNewReportsEveryProblem(t *testing.T) {
	t.Parallel()
	_, err := kanuusql.New(nil, "oracle", &kanuusql.Options{Prefix: "1; DROP", Account: strings.Repeat("x", 65)})
	problems, ok := errors.AsType[*kanuu.ConfigError](err)
	require.True(t, ok, "%v", err)
	assert.Len(t, problems.Problems, 4)

	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/app.db")
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	_, err = kanuusql.New(db, kanuusql.SQLite, nil)
	require.ErrorContains(t, err, "busy_timeout of SQLite is 0 ms")
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		store, err := kanuusql.New(db, d.dialect, &kanuusql.Options{Prefix: "shop_"})
		require.NoError(t, err)
		var instances sync.WaitGroup
		for range 6 {
			instances.Go(func() { assert.NoError(t, store.Migrate(t.Context())) })
		}
		instances.Wait()
		require.NoError(t, store.Migrate(t.Context()))
		var n int
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM shop_schema").Scan(&n))
		assert.Equal(t, 1, n)
		require.NoError(t, store.Handler(nil)(t.Context(), event(t, kanuutest.Webhook{AlertID: "7"})))
		require.NoError(t, db.QueryRowContext(t.Context(), "SELECT count(*) FROM shop_alerts").Scan(&n))
		assert.Equal(t, 1, n)

		// A migration tool applies the same text, also after Migrate.
		schema, err := kanuusql.Schema(d.dialect, "")
		require.NoError(t, err)
		for range 2 {
			for statement := range strings.SplitSeq(schema, ";\n") {
				if strings.TrimSpace(statement) != "" {
					_, err := db.ExecContext(t.Context(), statement)
					require.NoError(t, err)
				}
			}
		}
		require.NoError(t, d.store(t, db).Handler(nil)(t.Context(), event(t, kanuutest.Webhook{AlertID: "7"})))

		files := kanuusql.Migrations(d.dialect)
		text, err := fs.ReadFile(files, "0001_kanuu.up.sql")
		require.NoError(t, err)
		assert.Equal(t, string(text), schema)
	})
	assert.Panics(t, func() { kanuusql.Migrations("oracle") })
	_, err := kanuusql.Schema("oracle", "a-b")
	require.EqualError(t, err, `kanuu: the dialect is "oracle": use one of ["postgres" "mysql" "sqlite"]; `+
		`the prefix is "a-b": use at most 32 of a-z, 0-9 and _, and no digit at the beginning`)
}

// Two Paddle accounts have the same ids.
func TestAccountsAreSeparate(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		d.store(t, db)
		for _, account := range []string{"live", "sandbox"} {
			store, err := kanuusql.New(db, d.dialect, &kanuusql.Options{Account: account})
			require.NoError(t, err)
			handle := store.Handler(nil)
			require.NoError(t, handle(t.Context(), event(t, kanuutest.Webhook{AlertID: "7", Identifier: account})))
			list, err := store.Subscriptions(t.Context(), account)
			require.NoError(t, err)
			assert.Len(t, list, 1)
		}
		assert.Len(t, dump(t, db), 4)
	})
}

func TestPurge(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		store := d.store(t, db)
		var changes []kanuusql.Change
		handle := store.Handler(func(_ context.Context, _ *sql.Tx, _ kanuu.Event, c kanuusql.Change) error {
			changes = append(changes, c)
			return nil
		})
		send := func(id, name string, subscription int) {
			t.Helper()
			require.NoError(t, handle(t.Context(), event(t, kanuutest.Webhook{
				AlertID: id, AlertName: name, Identifier: "ann@example.com", Fields: map[string]string{
					"subscription_id": strconv.Itoa(subscription),
				},
			})))
		}
		send("1", created, 70)
		send("2", created, 71)
		require.ErrorIs(t, store.Purge(t.Context(), "ann@example.com"), kanuusql.ErrStillBilled)
		send("3", cancelled, 70)
		require.ErrorIs(t, store.Purge(t.Context(), "ann@example.com"), kanuusql.ErrStillBilled)
		assert.Equal(t, 5, strings.Count(fmt.Sprint(dump(t, db)), "ann@example.com"), "nothing is deleted")
		send("4", cancelled, 71)
		require.NoError(t, store.Purge(t.Context(), "ann@example.com"))

		send("5", refunded, 70)
		assert.Equal(t, kanuusql.Change{Fresh: true}, changes[len(changes)-1])
		send("1", created, 70)
		assert.Len(t, changes, 5)
		require.NoError(t, store.Refold(t.Context()))
		text := fmt.Sprint(dump(t, db))
		assert.NotContains(t, text, "ann@example.com")
		assert.NotContains(t, text, "https://")
		assert.NotContains(t, text, "canceled")
		require.NoError(t, store.Purge(t.Context(), "ann@example.com"), "again")
	})
}

// An alert that arrives when Purge begins is not missed.
func TestPurgeMeetsAlert(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		alert string
		want  error
	}{
		"that bills":   {created, kanuusql.ErrStillBilled},
		"of a payment": {succeeded, kanuusql.ErrStillBilled},
		"of an end":    {cancelled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachEngine(t, func(t *testing.T, d *database) {
				db := d.open(t)
				handle := d.store(t, db).Handler(nil)
				send := func(name string, subscription int) {
					assert.NoError(t, handle(t.Context(), event(t, kanuutest.Webhook{
						AlertID: name + strconv.Itoa(subscription), AlertName: name, Identifier: "ann@example.com",
						Fields: map[string]string{"subscription_id": strconv.Itoa(subscription)},
					})))
				}
				send(cancelled, 70)
				before := dump(t, db)
				meets := sync.OnceFunc(func() { send(tc.alert, 71); send(tc.alert, 69) })
				hooked := sql.OpenDB(&beforeTx{db.Driver(), d.dsn, meets})
				defer func() { _ = hooked.Close() }()
				store, err := kanuusql.New(hooked, d.dialect, nil)
				require.NoError(t, err)
				err = store.Purge(t.Context(), "ann@example.com")
				require.ErrorIs(t, err, tc.want)
				if tc.want != nil {
					assert.Subset(t, dump(t, db), before, "nothing is deleted")
				} else {
					assert.NotContains(t, fmt.Sprint(dump(t, db)), "ann@example.com")
				}
			})
		})
	}
}

// beforeTx calls a function before each transaction begins.
type beforeTx struct {
	driver driver.Driver
	dsn    string
	call   func()
}

func (b *beforeTx) Driver() driver.Driver { return b.driver }

func (b *beforeTx) Connect(context.Context) (driver.Conn, error) {
	conn, err := b.driver.Open(b.dsn)
	return &beforeTxConn{conn, b.call}, err
}

type beforeTxConn struct {
	driver.Conn
	call func()
}

func (c *beforeTxConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	c.call()
	return c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		store := d.store(t, d.open(t))
		handle := store.Handler(nil)
		fake := kanuutest.NewServer(nil)
		defer fake.Close()
		client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
		require.NoError(t, err)
		defer client.Close()
		send := func(name, identifier string, id int, when, nextBill time.Time) {
			t.Helper()
			require.NoError(t, handle(t.Context(), event(t, kanuutest.Webhook{
				AlertName: name, Identifier: identifier, Time: when, Fields: map[string]string{
					"subscription_id": strconv.Itoa(id), "subscription_plan_id": "67", "status": "active",
					"next_bill_date": nextBill.Format(time.DateOnly),
				},
			})))
		}
		now := time.Now()
		monthAgo, monthAhead := now.AddDate(0, -1, 0), now.AddDate(0, 1, 0)
		kanuuHas := func(identifier string, id int64, status string, paidUntil time.Time) {
			fake.SetSubscription(identifier, kanuutest.Subscription{
				Status: status, PlanID: 67, SubscriptionID: id, PaidUntil: paidUntil,
			})
		}
		check := func(n int) string {
			t.Helper()
			differences, err := store.Reconcile(t.Context(), client, n)
			require.NoError(t, err)
			var got []string
			for _, is := range differences {
				got = append(got, fmt.Sprintf("%d %s: %s -> %s %v", is.Table.ID, is.Table.Identifier, is.Table.Status,
					is.Kanuu.Status,
					is.Repaired))
			}
			return strings.Join(got, ", ")
		}
		one := func(identifier string) kanuusql.Subscription {
			t.Helper()
			list, err := store.Subscriptions(t.Context(), identifier)
			require.NoError(t, err)
			require.Len(t, list, 1)
			return list[0]
		}

		// The same on both sides; then a renewal without alerts, which is checked first.
		send(created, "same", 70, monthAgo, monthAhead)
		kanuuHas("same", 70, kanuutest.StatusActive, monthAhead)
		send(created, "renewed", 71, monthAgo.AddDate(0, -1, 0), monthAgo)
		kanuuHas("renewed", 71, kanuutest.StatusActive, monthAhead)
		assert.Equal(t, kanuusql.Unknown, one("renewed").Entitled(now))
		assert.Equal(t, "71 renewed: active -> active true", check(1))
		assert.Equal(t, kanuusql.Entitled, one("renewed").Entitled(now))
		assert.Empty(t, check(2))

		// The alert of a cancellation was lost; one of another customer may be on its way.
		kanuuHas("same", 70, kanuutest.StatusCanceled, monthAgo)
		send(updated, "renewed", 71, now, monthAhead)
		kanuuHas("renewed", 71, kanuutest.StatusPaused, monthAhead)
		assert.ElementsMatch(t, []string{"70 same: active -> canceled true", "71 renewed: active -> paused false"},
			strings.Split(check(2), ", "))
		assert.Equal(t, kanuusql.NotEntitled, one("same").Entitled(now.AddDate(0, 0, 1)))
		assert.Equal(t, kanuu.StatusActive, one("renewed").Status)

		// All alerts of a new subscription were lost.
		kanuuHas("same", 72, kanuutest.StatusActive, monthAhead)
		assert.Equal(t, "72 :  -> active true", check(1))
		list, err := store.Subscriptions(t.Context(), "same")
		require.NoError(t, err)
		require.Len(t, list, 2)
		assert.Equal(t, int64(72), list[1].ID, "its creation is unknown, so it is the last")
		assert.Equal(t, kanuusql.Entitled, list[1].Entitled(now))

		// It ends when Kanuu has enough.
		fake.Inject(kanuutest.Fault{Status: http.StatusTooManyRequests, Times: 1})
		_, err = store.Reconcile(t.Context(), client, 5)
		require.ErrorIs(t, err, kanuu.ErrRateLimited)
	})
}

// A repair changes the row. Kanuu's response has no dates, so it cannot correct those.
func TestReconcileWithoutRepair(t *testing.T) {
	t.Parallel()
	monthAgo, monthAhead := time.Now().AddDate(0, -1, 0), time.Now().AddDate(0, 1, 0)
	for name, tc := range map[string]struct {
		paidUntil      time.Time // of the table
		kanuuPaidUntil time.Time
		want           string
		entitled       kanuusql.Entitlement
	}{
		"neither shows access":    {time.Time{}, monthAgo, "", kanuusql.Unknown},
		"within the margin":       {time.Now().Add(-time.Hour), time.Now().Add(-time.Hour), "", kanuusql.Entitled},
		"only Kanuu shows access": {time.Time{}, monthAhead, "true", kanuusql.Entitled},
		"only the table does":     {monthAhead, monthAgo, "false", kanuusql.Entitled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEachEngine(t, func(t *testing.T, d *database) {
				db := d.open(t)
				store := d.store(t, db)
				handle := store.Handler(nil)
				fake := kanuutest.NewServer(nil)
				defer fake.Close()
				client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
				require.NoError(t, err)
				defer client.Close()
				send := func(name string, when time.Time, fields map[string]string) {
					fields["subscription_id"], fields["subscription_plan_id"] = "70", "67"
					require.NoError(t, handle(t.Context(), event(t, kanuutest.Webhook{
						AlertID: name, AlertName: name, Identifier: "42", Time: when, Fields: fields,
					})))
				}
				send(created, monthAgo, map[string]string{"status": "active"})
				if !tc.paidUntil.IsZero() {
					send(succeeded, monthAgo, map[string]string{
						"status": "active", "next_bill_date": tc.paidUntil.UTC().Format(time.DateTime),
					})
				}
				send(updated, monthAgo.Add(time.Second), map[string]string{"status": "paused"})
				fake.SetSubscription("42", kanuutest.Subscription{
					Status: kanuutest.StatusPaused, PlanID: 67, SubscriptionID: 70, PaidUntil: tc.kanuuPaidUntil,
				})
				before := dump(t, db)
				differences, err := store.Reconcile(t.Context(), client, 1)
				require.NoError(t, err)
				got := ""
				for _, is := range differences {
					got += strconv.FormatBool(is.Repaired)
				}
				assert.Equal(t, tc.want, got)
				if tc.want != "true" {
					assert.ElementsMatch(t, before, dump(t, db))
				}
				list, err := store.Subscriptions(t.Context(), "42")
				require.NoError(t, err)
				require.Len(t, list, 1)
				assert.Equal(t, tc.entitled, list[0].Entitled(time.Now()))
			})
		})
	}
}

// Errors after which a transaction is run again.
func TestTransientErrors(t *testing.T) {
	t.Parallel()
	for text, dialect := range map[string]kanuusql.Dialect{
		"Error 1213 (40001): Deadlock found when trying to get lock": kanuusql.MySQL,
		"database is locked (5) (SQLITE_BUSY)":                       kanuusql.SQLite,
	} {
		for _, d := range []kanuusql.Dialect{kanuusql.MySQL, kanuusql.SQLite, kanuusql.Postgres} {
			assert.Equal(t, d == dialect, d.IsTransient(errors.New(text)))
		}
	}
	assert.True(t, kanuusql.Postgres.IsTransient(fmt.Errorf("insert: %w", stateError("40P01"))))
	assert.False(t, kanuusql.Postgres.IsTransient(stateError("23505")))
	assert.False(t, kanuusql.Postgres.IsTransient(nil))
}

type stateError string

func (e stateError) Error() string    { return string(e) }
func (e stateError) SQLState() string { return string(e) }
