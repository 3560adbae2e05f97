package kanuusql_test

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Customers click several times a second while webhooks are lost and delivered again,
// reordered and duplicated, to two instances. In the end the table is as Kanuu is.
func TestChaos(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		for _, seed := range []uint64{1, 2, 3} {
			t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
				t.Parallel()
				testChaos(t, d.newDatabase(t), seed)
			})
		}
	})
}

func testChaos(t *testing.T, d *database, seed uint64) {
	t.Helper()
	var (
		random    = rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // no secret
		now       = time.Now().Truncate(time.Second)
		db        = d.open(t)
		store     = d.store(t, db)
		instances = []http.Handler{
			newHook(t, store.Handler(nil)), newHook(t, d.store(t, d.open(t)).Handler(nil)),
		}
		requests atomic.Int64
	)
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		instances[requests.Add(1)%2].ServeHTTP(w, r)
	}))
	defer app.Close()
	fake := kanuutest.NewServer(&kanuutest.Options{
		Seed: seed, Now: func() time.Time { return now },
		Webhooks: &kanuutest.WebhookOptions{URL: app.URL, Signer: signer, Backoff: []time.Duration{}},
	})
	defer fake.Close()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	require.NoError(t, err)
	defer client.Close()

	fake.SetChaos(kanuutest.Chaos{Duplicate: 0.5, Reorder: 0.5, Lose: 0.3, ShuffleIDs: true, SplitUpdates: true})
	var passed time.Duration
	for range 150 {
		act(fake.Customer("user:"+strconv.Itoa(random.IntN(6))), random.IntN(10))
		if random.IntN(4) == 0 {
			step := []time.Duration{time.Second, time.Hour, 12 * 24 * time.Hour}[random.IntN(3)]
			fake.Advance(step)
			passed += step
		}
	}
	fake.SetChaos(kanuutest.Chaos{})
	require.NoError(t, fake.Settle(t.Context()))
	lost, sent := 0, map[string]bool{}
	for _, delivery := range fake.Deliveries() {
		sent[delivery.AlertID] = true
		if delivery.State == kanuutest.DeliveryLost {
			lost++
		}
	}
	for again := true; again; { // also what a slow machine did not take in time
		again = false
		for _, delivery := range fake.Deliveries() {
			if delivery.State != kanuutest.DeliveryDelivered {
				again = true
				require.NoError(t, fake.Resend(delivery.AlertID))
			}
		}
		require.NoError(t, fake.Settle(t.Context()))
	}
	t.Logf("%s: %d alerts, %d of them lost at first, %d requests", d.dialect, len(sent), lost, requests.Load())

	for i := range 6 {
		identifier := "user:" + strconv.Itoa(i)
		kanuuSays, err := client.FetchSubscription(t.Context(), identifier)
		require.NoError(t, err)
		list, err := store.Subscriptions(t.Context(), identifier)
		require.NoError(t, err)
		found := kanuuSays.SubscriptionID == 0
		for _, is := range list {
			if is.ID != kanuuSays.SubscriptionID {
				assert.Equal(t, kanuu.StatusCanceled, is.Status, "another subscription of %s is not canceled", identifier)
				continue
			}
			found = true
			assert.Equal(t, kanuuSays.Status, is.Status, "%+v", is)
			assert.Equal(t, kanuuSays.PlanID, is.PlanID, "%+v", is)
			at := now.Add(passed)
			if kanuuSays.IsSubscribed {
				assert.EqualValues(t, "entitled", is.Entitled(at), "%+v", is)
			} else { // it ends by the day
				assert.EqualValues(t, "not entitled", is.Entitled(at.Add(24*time.Hour)), "%+v", is)
			}
		}
		assert.True(t, found, "%s has no row of %d", identifier, kanuuSays.SubscriptionID)
	}
	tables := dump(t, db)
	require.NoError(t, store.Refold(t.Context()))
	assert.Equal(t, stale(tables), stale(dump(t, db)))
}

// act does what the customer can do.
func act(c *kanuutest.Customer, action int) {
	actions := []func() error{
		func() error { return c.Subscribe(12345) }, func() error { return c.Subscribe(67) },
		func() error { return c.ChangePlan(12345) }, func() error { return c.ChangePlan(67) },
		c.Pause, c.Resume, c.FailPayments, c.UpdateCard, c.Refund, c.Cancel,
	}
	_ = actions[action]() // the portal does not offer all of them at any time
}

// An instance that starts while Kanuu is unavailable lets subscribers in, and no
// others.
func TestRestartInAnOutage(t *testing.T) {
	t.Parallel()
	onEachEngine(t, func(t *testing.T, d *database) {
		hook := newHook(t, d.store(t, d.open(t)).Handler(nil))
		app := httptest.NewServer(hook)
		defer app.Close()
		fake := kanuutest.NewServer(&kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{URL: app.URL, Signer: signer}})
		defer fake.Close()
		require.NoError(t, fake.Customer("subscriber").Subscribe(67))
		require.NoError(t, fake.Customer("paused").Subscribe(67))
		require.NoError(t, fake.Customer("paused").Pause())
		fake.GoDown()

		store := d.store(t, d.open(t))
		client, err := kanuu.NewClient(kanuu.Config{
			APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL, LastKnown: store.LastKnown,
		})
		require.NoError(t, err)
		defer client.Close()
		for identifier, status := range map[string]kanuu.Status{"subscriber": kanuu.StatusActive, "paused": kanuu.StatusPaused} {
			is, err := client.Subscription(t.Context(), identifier)
			require.NoError(t, err)
			assert.True(t, is.IsSubscribed)
			assert.Equal(t, status, is.Status)
			assert.Equal(t, int64(67), is.PlanID)
		}
		_, err = client.Subscription(t.Context(), "stranger")
		require.ErrorIs(t, err, kanuu.ErrUnavailable)

		// A purchase with the identifier of another customer does not replace their plan.
		require.NoError(t, d.store(t, d.open(t)).Handler(nil)(t.Context(), event(t, kanuutest.Webhook{
			Identifier: "subscriber", Time: time.Now().Add(time.Minute),
			Fields: map[string]string{"subscription_id": "1", "subscription_plan_id": "12345", "status": "active"},
		})))
		is, _, err := store.LastKnown(t.Context(), "subscriber")
		require.NoError(t, err)
		assert.Equal(t, int64(67), is.PlanID)
	})
}
