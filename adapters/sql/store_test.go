package kanuusql_test

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var signer = kanuutest.NewSigner()

// newHook is the webhook handler of an instance. It takes recordings, on slow machines too.
func newHook(tb testing.TB, handler func(context.Context, kanuu.Event) error) *kanuu.WebhookHandler {
	tb.Helper()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey})
	require.NoError(tb, err)
	tb.Cleanup(client.Close)
	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), &kanuu.WebhookOptions{MaxAge: -1, Timeout: time.Minute})
	require.NoError(tb, err)
	if handler != nil {
		hook.On("*", handler)
	}
	return hook
}

// event is the event of a webhook.
func event(tb testing.TB, webhook kanuutest.Webhook) kanuu.Event {
	tb.Helper()
	e, err := newHook(tb, nil).Verify(signer.Request("http://localhost/webhooks/paddle", webhook))
	require.NoError(tb, err)
	return e
}

// dump is the content of the tables, without the times of the delivery.
func dump(tb testing.TB, db *sql.DB) []string {
	tb.Helper()
	var lines []string
	for table, columns := range map[string]string{
		"kanuu_alerts": "account, alert_id, subscription_id, event_time, alert_name, fields",
		"kanuu_subscriptions": "account, subscription_id, identifier, status, plan_id, quantity, unit_price, currency, " +
			"next_bill_date, paid_until, paused_from, paused_reason, ends_at, cancel_url, update_url, past_due_since, " +
			"created_at, refunded_at, last_payment_at, event_time, observed_at, fold_version",
	} {
		rows, err := db.QueryContext(tb.Context(), "SELECT "+columns+" FROM "+table+" ORDER BY 1, 2") //nolint:gosec // constants
		require.NoError(tb, err)
		names, err := rows.Columns()
		require.NoError(tb, err)
		for rows.Next() {
			values, targets := make([]any, len(names)), make([]any, len(names))
			for i := range values {
				targets[i] = &values[i]
			}
			require.NoError(tb, rows.Scan(targets...))
			line := table
			for i, value := range values {
				line += fmt.Sprintf(" %s=%s", names[i], value)
			}
			lines = append(lines, line)
		}
		require.NoError(tb, rows.Err())
		require.NoError(tb, rows.Close())
	}
	return lines
}

func TestApply(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		db := d.open(t)
		store := d.store(t, db)
		var changes []kanuusql.Change
		hook := newHook(t, store.Handler(func(_ context.Context, _ *sql.Tx, _ kanuu.Event, c kanuusql.Change) error {
			changes = append(changes, c)
			return nil
		}))
		post := func(webhook kanuutest.Webhook) kanuusql.Change {
			t.Helper()
			changes = append(changes, kanuusql.Change{})
			require.Equal(t, http.StatusOK, signer.Post(hook, webhook).StatusCode)
			return changes[len(changes)-1]
		}
		created := kanuutest.Webhook{AlertID: "7", Identifier: "user:A", Time: at("1 10:00:00"), Fields: map[string]string{
			"subscription_id": "70", "subscription_plan_id": "67", "status": "active", "quantity": "3", "unit_price": "9.00",
			"currency": "EUR", "next_bill_date": "2026-07-01", "cancel_url": "https://cancel/1", "update_url": "https://update/1",
		}}
		c := post(created)
		want := kanuusql.Subscription{
			ID: 70, Identifier: "user:A", Status: kanuu.StatusActive, PlanID: 67, Quantity: 3,
			UnitPrice: kanuu.Amount{Value: "9.00", Currency: "EUR"}, NextBillDate: time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC),
			CreatedAt: at("1 10:00:00"), EventTime: at("1 10:00:00"), CancelURL: "https://cancel/1",
			UpdateURL: "https://update/1",
		}
		assert.Equal(t, kanuusql.Change{Before: kanuusql.Subscription{ID: 70}, After: want, Fresh: true}, c)
		list, err := store.Subscriptions(t.Context(), "user:A")
		require.NoError(t, err)
		assert.Equal(t, []kanuusql.Subscription{want}, list)
		for _, other := range []string{"user:a", "user:A ", "", "\x00", "\xff"} {
			list, err := store.Subscriptions(t.Context(), other)
			require.NoError(t, err)
			assert.Empty(t, list, "%q", other)
		}

		// Another delivery, also to an instance that starts later, changes nothing.
		tables := dump(t, db)
		again := d.store(t, d.open(t))
		calls := 0
		handler := again.Handler(func(context.Context, *sql.Tx, kanuu.Event, kanuusql.Change) error { calls++; return nil })
		require.NoError(t, handler(t.Context(), event(t, created)))
		assert.Zero(t, calls)
		assert.ElementsMatch(t, tables, dump(t, db))

		// An alert that is not about a subscription.
		assert.Equal(t, kanuusql.Change{Fresh: true}, post(kanuutest.Webhook{AlertName: kanuu.AlertTransferPaid, AlertID: "8"}))
		require.NoError(t, handler(t.Context(), event(t, kanuutest.Webhook{AlertName: kanuu.AlertTransferPaid, AlertID: "8"})))
		assert.Zero(t, calls)

		// A newer URL supersedes, and the end blanks.
		post(kanuutest.Webhook{AlertName: kanuu.AlertSubscriptionUpdated, AlertID: "3", Time: at("2 10:00:00"),
			Fields: map[string]string{
				"subscription_id": "70", "cancel_url": "https://cancel/2", "update_url": "https://update/2", "status": "active",
			}})
		assert.NotContains(t, fmt.Sprint(dump(t, db)), "https://cancel/1")
		c = post(kanuutest.Webhook{AlertName: kanuu.AlertSubscriptionCancelled, AlertID: "2", Identifier: "user:A",
			Time:   at("3 10:00:00"),
			Fields: map[string]string{"subscription_id": "70", "cancellation_effective_date": "2026-06-15 12:51:17"}})
		assert.Equal(t, at("15 12:51:17"), c.After.EndsAt)
		assert.Equal(t, kanuusql.Secret("https://cancel/2"), c.Before.CancelURL)
		assert.NotContains(t, fmt.Sprint(dump(t, db)), "https://")
	})
}
