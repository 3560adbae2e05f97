package kanuusql_test

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// drawAlert draws an alert about one of the subscriptions. Few seconds and few states
// make ties and chains frequent.
func drawAlert(t *rapid.T, subscriptions int) kanuutest.Webhook {
	pick := func(label string, values ...string) string { return rapid.SampledFrom(values).Draw(t, label) }
	statuses := []string{"active", "trialing", "past_due", "paused", "deleted", ""}
	plans, dates := []string{"1", "2", ""}, []string{"2026-07-01", "2026-08-01", "", "soon"}
	return kanuutest.Webhook{
		AlertName:  pick("name", created, updated, updated, updated, cancelled, succeeded, failed, refunded, "transfer_paid"),
		Identifier: pick("identifier", "42", "42", "43"),
		Time:       at("1 10:00:00").Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "second")) * time.Second),
		Fields: map[string]string{
			"subscription_id": strconv.Itoa(70 + rapid.IntRange(0, subscriptions-1).Draw(t, "subscription")),
			"status":          pick("status", statuses...), "old_status": pick("old status", statuses...),
			"subscription_plan_id": pick("plan", plans...), "old_subscription_plan_id": pick("old plan", plans...),
			"next_bill_date": pick("date", dates...), "old_next_bill_date": pick("old date", dates...),
			"cancellation_effective_date": pick("end", "2026-06-15", "2026-06-20 12:51:17", ""),
			"paused_from":                 pick("paused from", "2026-06-10 10:00:00", ""),
			"cancel_url":                  pick("cancel URL", "https://cancel/1", "https://cancel/2", ""),
			"update_url":                  pick("update URL", "https://update/1", "https://update/2", ""),
		},
	}
}

// Any order and any repetition of the same alerts give the same tables.
func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		d.store(t, db)
		verifier, deliveries := newHook(t, nil), 0
		rapid.Check(t, func(rt *rapid.T) {
			subscriptions := rapid.IntRange(1, 5).Draw(rt, "subscriptions")
			ids := rapid.SliceOfNDistinct(rapid.IntRange(1, 200), 1, 8, rapid.ID).Draw(rt, "ids")
			events := make([]kanuu.Event, len(ids))
			for i, id := range ids {
				webhook := drawAlert(rt, subscriptions)
				webhook.AlertID = strconv.Itoa(id)
				var err error
				events[i], err = verifier.Verify(signer.Request("http://localhost/", webhook))
				require.NoError(rt, err)
			}
			var tables []string
			for range 2 {
				_, err := db.ExecContext(t.Context(), "DELETE FROM kanuu_alerts")
				require.NoError(rt, err)
				_, err = db.ExecContext(t.Context(), "DELETE FROM kanuu_subscriptions")
				require.NoError(rt, err)
				store, err := kanuusql.New(db, d.dialect, nil)
				require.NoError(rt, err)
				handle := store.Handler(nil)
				again := rapid.SliceOfN(rapid.SampledFrom(events), 0, 3).Draw(rt, "repetitions")
				for _, e := range rapid.Permutation(append(again, events...)).Draw(rt, "order") {
					require.NoError(rt, handle(t.Context(), e))
					deliveries++
				}
				got := dump(t, db)
				if tables != nil {
					require.ElementsMatch(rt, tables, got)
				}
				tables = got
			}
		})
		t.Logf("%s: %d deliveries", d.dialect, deliveries)
	})
}

// deadlocks is how many the engine has counted; 0 where it does not count.
func deadlocks(tb testing.TB, d *database, db *sql.DB) int {
	tb.Helper()
	var n int
	var err error
	switch d.dialect {
	case kanuusql.Postgres:
		err = db.QueryRowContext(tb.Context(),
			"SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&n)
	case kanuusql.SQLite: // has one writer at a time
	case kanuusql.MySQL:
		err = db.QueryRowContext(tb.Context(),
			"SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'Innodb_deadlocks'").Scan(&n)
	}
	require.NoError(tb, err)
	return n
}

// Eight workers of two instances deliver the alerts of each subscription at the same
// time, each alert twice. No later alert repairs a row that became stale.
func TestConcurrentInstances(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		const subscriptions, alertsOfEach = 75, 4
		db := d.open(t)
		store := d.store(t, db)
		createEffects(t, db)
		var events []kanuu.Event
		verifier := newHook(t, nil)
		for i := range subscriptions * alertsOfEach {
			e, err := verifier.Verify(signer.Request("http://localhost/", kanuutest.Webhook{
				AlertID: strconv.Itoa(i + 1), AlertName: []string{created, updated, succeeded, failed}[i%alertsOfEach],
				Identifier: "42", Time: at("1 10:00:00").Add(time.Duration(i%alertsOfEach/2) * time.Second),
				Fields: map[string]string{"subscription_id": strconv.Itoa(70 + i/alertsOfEach),
					"subscription_plan_id": strconv.Itoa(i)},
			}))
			require.NoError(t, err)
			events = append(events, e, e)
		}
		for group := range slices.Chunk(events, 2*alertsOfEach) {
			//nolint:gosec // no secret
			rand.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
		}
		before := deadlocks(t, d, db)
		var (
			runs    atomic.Int64
			wg      sync.WaitGroup
			queue   = make(chan kanuu.Event)
			record  = recordEffect(d.dialect)
			welcome = func(ctx context.Context, tx *sql.Tx, e kanuu.Event, c kanuusql.Change) error {
				runs.Add(1)
				if first, err := store.First(ctx, tx, "welcome:"+c.After.Identifier); err != nil || !first {
					return err
				}
				return record(ctx, tx, kanuu.Event{AlertID: "welcome"}, c)
			}
		)
		began := time.Now()
		for range 2 {
			instance := d.store(t, d.open(t))
			handle := instance.Handler(func(ctx context.Context, tx *sql.Tx, e kanuu.Event, c kanuusql.Change) error {
				if err := welcome(ctx, tx, e, c); err != nil {
					return err
				}
				return record(ctx, tx, e, c)
			})
			for range 4 {
				wg.Go(func() {
					for e := range queue {
						assert.NoError(t, handle(t.Context(), e))
					}
				})
			}
		}
		for _, e := range events {
			queue <- e
		}
		close(queue)
		wg.Wait()
		took := time.Since(began)
		locked := deadlocks(t, d, db) - before
		t.Logf("%s: %d deliveries of %d alerts in %v, %d runs, %d deadlocks", d.dialect, len(events), len(events)/2,
			took.Round(time.Millisecond), runs.Load(), locked)
		assert.Zero(t, locked, "deadlocks, which retries hide")
		assert.EqualValues(t, len(events)/2, runs.Load(), "runs of the handler")

		counts := effects(t, db)
		assert.Len(t, counts, len(events)/2+1)
		for id, n := range counts {
			assert.Equal(t, 1, n, "effects of alert %s", id)
		}
		tables := dump(t, db)
		require.NoError(t, store.Refold(t.Context()))
		assert.Equal(t, stale(tables), stale(dump(t, db)), "rows are stale")
	})
}

// stale is a text of all rows, to compare.
func stale(lines []string) string {
	var rows []string
	for _, line := range lines {
		if strings.HasPrefix(line, "kanuu_subscriptions") {
			rows = append(rows, line)
		}
	}
	return strings.Join(rows, "\n")
}
