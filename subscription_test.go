package kanuu_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]kanuu.Status{
		"trialing": kanuu.StatusTrialing, "active": kanuu.StatusActive, " Active ": kanuu.StatusActive,
		"past-due": kanuu.StatusPastDue, "past_due": kanuu.StatusPastDue, "paused": kanuu.StatusPaused,
		"canceled": kanuu.StatusCanceled, "cancelled": kanuu.StatusCanceled, "deleted": kanuu.StatusCanceled,
		"": "", "On Hold": "On Hold",
	} {
		assert.Equal(t, want, kanuu.ParseStatus(text), text)
	}
}

func TestOnGracePeriod(t *testing.T) {
	t.Parallel()
	for status, want := range map[kanuu.Status]bool{
		kanuu.StatusTrialing: false, kanuu.StatusActive: false, "": false, "new": false,
		kanuu.StatusPastDue: true, kanuu.StatusPaused: true, kanuu.StatusCanceled: true,
	} {
		assert.Equal(t, want, kanuu.Subscription{IsSubscribed: true, Status: status}.OnGracePeriod(), status)
		assert.False(t, kanuu.Subscription{Status: status}.OnGracePeriod(), status)
	}
}

func TestFetchSubscription(t *testing.T) {
	t.Parallel()
	active := kanuu.Subscription{IsSubscribed: true, Status: "active", StatusText: "active", PlanID: 12345, SubscriptionID: 67890}
	for name, tc := range map[string]struct {
		body string
		want kanuu.Subscription
		says string // a part of the error
	}{
		"the API page's": {
			`{"is_trialing": false, "is_subscribed": true, "status": "active", "plan_id": 12345, "subscription_id": 67890}`,
			active, ""},
		"ids in quotes": {`{"is_subscribed": true, "status": "active", "plan_id": "12345", "subscription_id": "67890"}`, active,
			""},
		"unknown fields": {
			`{"is_subscribed": true, "status": "active", "plan_id": 12345, "subscription_id": 67890, "seats": [1]}`, active, ""},
		"never": {
			`{"is_trialing": false, "is_subscribed": false, "status": null, "plan_id": null, "subscription_id": null}`,
			kanuu.Subscription{}, ""},
		"nulls": {
			`{"is_trialing": null, "is_subscribed": null, "status": null, "plan_id": null, "subscription_id": null}`,
			kanuu.Subscription{}, ""},
		"trial": {`{"is_trialing": true, "is_subscribed": true, "status": "trialing"}`,
			kanuu.Subscription{IsSubscribed: true, IsTrialing: true, Status: "trialing", StatusText: "trialing"}, ""},
		"other spelling": {`{"is_subscribed": true, "status": "cancelled"}`,
			kanuu.Subscription{IsSubscribed: true, Status: kanuu.StatusCanceled, StatusText: "cancelled"}, ""},
		"new status": {`{"is_subscribed": true, "status": "On Hold"}`,
			kanuu.Subscription{IsSubscribed: true, Status: "On Hold", StatusText: "On Hold"}, ""},

		"nothing":           {`{}`, kanuu.Subscription{}, "has no is_subscribed"},
		"HTML":              {`<html>`, kanuu.Subscription{}, "not the JSON"},
		"list":              {`[]`, kanuu.Subscription{}, "not the JSON"},
		"null":              {`null`, kanuu.Subscription{}, "not the JSON"},
		"a word":            {`{"is_subscribed": "true"}`, kanuu.Subscription{}, "neither true, false nor null"},
		"a number":          {`{"is_subscribed": 1}`, kanuu.Subscription{}, "neither true, false nor null"},
		"id of letters":     {`{"is_subscribed": true, "plan_id": "pro"}`, kanuu.Subscription{}, "not the JSON"},
		"id with fractions": {`{"is_subscribed": true, "plan_id": 1.5}`, kanuu.Subscription{}, "not the JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fake := setup(t)
			fake.Inject(kanuutest.Fault{Status: 200, Body: tc.body})

			got, err := client.FetchSubscription(t.Context(), "42")
			assert.Equal(t, tc.want, got)
			if tc.says != "" {
				require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
				require.ErrorContains(t, err, tc.says)
			} else {
				require.NoError(t, err)
			}

			requests := fake.Requests()
			require.Len(t, requests, 1)
			assert.Equal(t, "/api/subscription", requests[0].Path)
			assert.JSONEq(t, `{"identifier": "42"}`, string(requests[0].Body))
			assert.Equal(t, "Bearer "+key, requests[0].Header.Get("Authorization"))
		})
	}
}

func TestSubscriptionInvalidIdentifiers(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	for _, identifier := range []string{"", " ", "\xff"} {
		_, err := client.Subscription(t.Context(), identifier)
		require.ErrorIs(t, err, kanuu.ErrInvalidIdentity)
	}
	assert.Empty(t, fake.Requests())
}

// fakeTransport is a Kanuu with the same response about everybody. It counts the
// calls for a subscription.
type fakeTransport struct {
	subscribed, down atomic.Bool
	calls            atomic.Int64
	delay            time.Duration
}

func (w *fakeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/api/nonce" {
		return response(201, success), nil
	}
	w.calls.Add(1)
	subscribed := w.subscribed.Load() // when the call arrives, not when the response leaves
	if err := wait(r.Context(), w.delay); err != nil {
		return nil, err
	}
	if w.down.Load() { // for so long that the call is not retried
		return answering(503, "Retry-After", "3600")(r)
	}
	return response(200, fmt.Sprintf(`{"is_subscribed": %t, "status": "active", "plan_id": 1}`, subscribed)), nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// withTransport runs test in a synctest bubble.
func withTransport(t *testing.T, test func(t *testing.T, w *fakeTransport, client *kanuu.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := new(fakeTransport)
		w.subscribed.Store(true)
		client, err := kanuu.NewClient(kanuu.Config{APIKey: key, HTTPClient: &http.Client{Transport: w}})
		require.NoError(t, err)
		test(t, w, client)
		synctest.Wait()
	})
}

func isSubscribed(t *testing.T, client *kanuu.Client) bool {
	t.Helper()
	subscription, err := client.Subscription(t.Context(), "42")
	require.NoError(t, err)
	synctest.Wait() // for a refresh in the background
	return subscription.IsSubscribed
}

// A step waits, changes something and looks the subscription up.
type step struct {
	after time.Duration
	kanuu string // "yes", "no" or "down" from now on; empty: as before
	do    func(context.Context, *kanuu.Client) error
	want  string // "yes", "no" or "error"; empty: no lookup
	calls uint64 // for a subscription, in all
}

func TestSubscriptionCache(t *testing.T) {
	t.Parallel()
	openPortal := func(ctx context.Context, client *kanuu.Client) error {
		_, err := client.CreateNonce(ctx, user42)
		return err
	}
	invalidate := func(ctx context.Context, client *kanuu.Client) error { return client.ForgetSubscription(ctx, "42") }
	revalidation := func(begin func(context.Context, *kanuu.Client) error) []step {
		return []step{
			{want: "yes", calls: 1},
			{do: begin, want: "yes", calls: 2},
			{after: 5*time.Second - time.Millisecond, want: "yes", calls: 2},
			{after: time.Millisecond, kanuu: "no", want: "no", calls: 3}, // without serving what is stale
			{after: 15 * time.Minute, kanuu: "yes", want: "yes", calls: 4},
			{after: time.Minute, want: "yes", calls: 4}, // the window is over
		}
	}
	for name, tc := range map[string]struct {
		steps []step
		stats kanuu.CacheStats
	}{
		"fresh for 5 minutes, then refreshed in the background": {[]step{
			{want: "yes", calls: 1},
			{after: 5*time.Minute - time.Second, want: "yes", calls: 1},
			{after: time.Second, kanuu: "no", want: "yes", calls: 2},
			{want: "no", calls: 2},
		}, kanuu.CacheStats{Hits: 3, Misses: 1, Refreshes: 1, Entries: 1}},
		"negative entry for 5 seconds": {[]step{
			{kanuu: "no", want: "no", calls: 1},
			{after: 5*time.Second - time.Millisecond, kanuu: "yes", want: "no", calls: 1},
			{after: time.Millisecond, want: "yes", calls: 2},
		}, kanuu.CacheStats{Hits: 1, Misses: 2, Entries: 1}},
		"stale entry for an hour": {[]step{
			{want: "yes", calls: 1},
			{after: 5 * time.Minute, kanuu: "down", want: "yes", calls: 2},
			{after: 5*time.Second - time.Millisecond, want: "yes", calls: 2}, // the refresh is not repeated at once
			{after: time.Millisecond, want: "yes", calls: 3},
			{after: 54 * time.Minute, want: "yes", calls: 4},
			{after: time.Minute, want: "error", calls: 5},
			{kanuu: "yes", want: "yes", calls: 6}, // an error is not cached
		}, kanuu.CacheStats{Hits: 4, Misses: 3, Refreshes: 3, Failures: 4, Entries: 1}},
		"opening the portal starts the revalidation window": {revalidation(openPortal),
			kanuu.CacheStats{Hits: 2, Misses: 4, Entries: 1}},
		"invalidation starts the revalidation window": {revalidation(invalidate),
			kanuu.CacheStats{Hits: 2, Misses: 4, Entries: 1}},
		"stale entry after an invalidation": {[]step{
			{want: "yes", calls: 1},
			{after: time.Minute, kanuu: "down", do: invalidate, want: "yes", calls: 2},
			{want: "yes", calls: 2}, // a call that failed is not repeated at once
			{after: 30 * time.Second, want: "yes", calls: 3},
			{want: "yes", calls: 3},
			{after: 20 * time.Minute, want: "yes", calls: 4},
			{want: "yes", calls: 4},
			{after: 5 * time.Second, kanuu: "no", want: "no", calls: 5},
			{after: 5 * time.Second, kanuu: "down", want: "error", calls: 6},
		}, kanuu.CacheStats{Hits: 3, Misses: 6, Failures: 4}},
		"stale entry after an invalidation, an hour after the last response": {[]step{
			{do: invalidate, want: "yes", calls: 1},
			{after: 30 * time.Minute, kanuu: "down", do: invalidate, calls: 1},
			{after: 29 * time.Minute, want: "yes", calls: 2},
			{after: 2 * time.Minute, want: "error", calls: 3},
		}, kanuu.CacheStats{Misses: 3, Failures: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
				t.Helper()
				for i, step := range tc.steps {
					time.Sleep(step.after)
					if step.kanuu != "" {
						w.down.Store(step.kanuu == "down")
						w.subscribed.Store(step.kanuu == "yes")
					}
					if step.do != nil {
						require.NoError(t, step.do(t.Context(), client))
					}
					if step.want != "" {
						subscription, err := client.Subscription(t.Context(), "42")
						synctest.Wait() // for a refresh in the background
						if step.want == "error" {
							require.ErrorIs(t, err, kanuu.ErrUnavailable, "step %d", i)
						} else {
							require.NoError(t, err, "step %d", i)
							assert.Equal(t, step.want == "yes", subscription.IsSubscribed, "step %d", i)
						}
					}
					assert.Equal(t, step.calls, client.Stats().Calls-client.Stats().Nonces, "step %d", i)
				}
				assert.Equal(t, tc.stats, client.Stats().Cache)
			})
		})
	}
}

// A subscriber does not wait for long for a Kanuu that hangs.
func TestStaleServedWhenKanuuHangs(t *testing.T) {
	t.Parallel()
	withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
		t.Helper()
		assert.True(t, isSubscribed(t, client))
		require.NoError(t, client.ForgetSubscription(t.Context(), "42"))

		w.delay = 4 * time.Second
		w.subscribed.Store(false)

		start := time.Now()
		subscription, err := client.Subscription(t.Context(), "42")
		require.NoError(t, err)
		assert.True(t, subscription.IsSubscribed)
		assert.Equal(t, 3*time.Second, time.Since(start))

		time.Sleep(time.Second)
		assert.False(t, isSubscribed(t, client), "what the call said is remembered")
		assert.EqualValues(t, 2, w.calls.Load())

		// Whoever was none waits for an answer.
		w.subscribed.Store(true)
		time.Sleep(5 * time.Second)

		start = time.Now()

		assert.True(t, isSubscribed(t, client))
		assert.Equal(t, 4*time.Second, time.Since(start))
	})
}

// What Kanuu says while another call fails slowly is what it said last.
func TestNewerResponseWinsOverFailedLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache, err := kanuu.NewMemoryCache(nil)
		require.NoError(t, err)

		slowly := func(context.Context, string) (kanuu.Subscription, error) {
			time.Sleep(2 * time.Second)
			return kanuu.Subscription{}, kanuu.ErrUnavailable
		}

		get(t, cache, kanuu.Subscription{IsSubscribed: true})
		require.NoError(t, cache.Forget(t.Context(), "42"))

		var late kanuu.Subscription
		failed := make(chan error, 1)
		go func() {
			var err error
			late, err = cache.Get(t.Context(), "42", slowly)
			failed <- err
		}()

		time.Sleep(time.Second)
		require.NoError(t, cache.Forget(t.Context(), "42"))
		get(t, cache, kanuu.Subscription{})

		require.NoError(t, <-failed)
		assert.False(t, late.IsSubscribed)
	})
}

// A call that fails slowly keeps nobody in for longer.
func TestSlowFailureDoesNotExtendMaxAge(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cache, err := kanuu.NewMemoryCache(nil)
		require.NoError(t, err)

		get(t, cache, kanuu.Subscription{IsSubscribed: true})
		require.NoError(t, cache.Forget(t.Context(), "42"))
		time.Sleep(time.Hour - time.Second)

		_, err = cache.Get(t.Context(), "42", func(context.Context, string) (kanuu.Subscription, error) {
			time.Sleep(2 * time.Second)
			return kanuu.Subscription{}, kanuu.ErrUnavailable
		})
		require.ErrorIs(t, err, kanuu.ErrUnavailable)
	})
}

// get has the cache hear an answer.
func get(t *testing.T, cache kanuu.Cache, says kanuu.Subscription) {
	t.Helper()
	got, err := cache.Get(t.Context(), "42", func(context.Context, string) (kanuu.Subscription, error) { return says, nil })
	require.NoError(t, err)
	require.Equal(t, says, got)
}

// A visitor who leaves is not told what may be out of date.
func TestCancelledLookupGetsNoStaleEntry(t *testing.T) {
	t.Parallel()
	withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
		t.Helper()
		assert.True(t, isSubscribed(t, client))
		require.NoError(t, client.ForgetSubscription(t.Context(), "42"))

		w.delay = 2 * time.Second

		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		_, err := client.Subscription(hurried, "42")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		time.Sleep(2 * time.Second) // nothing may be left in the bubble
	})
}

func TestConcurrentLookupsShareOneCall(t *testing.T) {
	t.Parallel()
	withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
		t.Helper()
		w.delay = 100 * time.Millisecond
		var visitors sync.WaitGroup
		for range 1000 {
			visitors.Go(func() {
				subscription, err := client.Subscription(t.Context(), "42")
				assert.True(t, err == nil && subscription.IsSubscribed, err)
			})
		}
		visitors.Wait()
		assert.EqualValues(t, 1, w.calls.Load())
	})
}

// The same on a real clock, with visitors who come just when the call is over.
func TestLookupsAtTheEndOfACallShareIt(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		known bool
		err   error
	}{
		"unknown":                      {false, nil},
		"forgotten":                    {true, nil},
		"forgotten, and Kanuu is down": {true, kanuu.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 50 {
				cache, err := kanuu.NewMemoryCache(nil)
				require.NoError(t, err)
				if test.known {
					get(t, cache, kanuu.Subscription{IsSubscribed: true})
					require.NoError(t, cache.Forget(t.Context(), "42"))
				}

				var (
					calls    atomic.Int64
					visitors sync.WaitGroup
				)
				for range 1000 {
					visitors.Go(func() {
						_, err := cache.Get(t.Context(), "42", func(context.Context, string) (kanuu.Subscription, error) {
							calls.Add(1)
							return kanuu.Subscription{IsSubscribed: true}, test.err
						})
						assert.NoError(t, err)
					})
				}

				visitors.Wait()
				require.EqualValues(t, 1, calls.Load())
			}
		})
	}
}

func TestCancelledLookupsDoNotCancelTheCall(t *testing.T) {
	t.Parallel()
	withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
		t.Helper()
		w.delay = 2 * time.Second

		first, leave := context.WithCancel(t.Context())
		left := make(chan error, 1)

		go func() {
			_, err := client.Subscription(first, "42")
			left <- err
		}()

		synctest.Wait() // the first has asked

		stayed := make(chan error, 1)
		go func() {
			_, err := client.Subscription(t.Context(), "42")
			stayed <- err
		}()

		hurried, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()

		start := time.Now()
		leave()
		require.ErrorIs(t, <-left, context.Canceled)
		assert.Zero(t, time.Since(start))

		_, err := client.Subscription(hurried, "42")
		require.ErrorIs(t, err, context.DeadlineExceeded)
		assert.Equal(t, time.Second, time.Since(start))

		require.NoError(t, <-stayed)
		assert.Equal(t, 2*time.Second, time.Since(start))
		assert.EqualValues(t, 1, w.calls.Load())
	})
}

// What Kanuu said before a webhook must not be remembered after it.
func TestInvalidationDuringALoad(t *testing.T) {
	t.Parallel()
	withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
		t.Helper()
		w.delay = 2 * time.Second
		w.subscribed.Store(false)

		go func() { _, _ = client.Subscription(t.Context(), "42") }()

		time.Sleep(time.Second)
		w.subscribed.Store(true)
		require.NoError(t, client.ForgetSubscription(t.Context(), "42"))

		assert.True(t, isSubscribed(t, client), "asked after Forget")
		time.Sleep(4 * time.Second)
		assert.True(t, isSubscribed(t, client), "the old answer came to nothing")
		assert.EqualValues(t, 2, w.calls.Load())
	})
}

// The same for a refresh in the background.
func TestInvalidationDuringARefresh(t *testing.T) {
	t.Parallel()
	withTransport(t, func(t *testing.T, w *fakeTransport, client *kanuu.Client) {
		t.Helper()
		assert.True(t, isSubscribed(t, client))
		time.Sleep(6 * time.Minute)

		w.delay = 2 * time.Second
		w.subscribed.Store(true)
		_, err := client.Subscription(t.Context(), "42") // starts the refresh
		require.NoError(t, err)

		time.Sleep(time.Second)
		w.subscribed.Store(false)
		require.NoError(t, client.ForgetSubscription(t.Context(), "42"))
		assert.False(t, isSubscribed(t, client))
		time.Sleep(4 * time.Second)
		assert.False(t, isSubscribed(t, client))
	})
}

func TestHitAllocatesNothing(t *testing.T) {
	client, fake := setup(t)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})

	ctx := t.Context()
	gate := kanuu.NewGate(client, &kanuu.GateOptions{Plans: []int64{0}, Allow: func(kanuu.Subscription) bool { return true }})

	_, err := client.Subscription(ctx, "42")
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = client.Subscription(ctx, "42") }))
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = gate.Check(ctx, "42") }))
	assert.Len(t, fake.Requests(), 1)
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{MaxEntries: 100})
	require.NoError(t, err)
	load := func(context.Context, string) (kanuu.Subscription, error) {
		return kanuu.Subscription{IsSubscribed: true}, nil
	}
	for i := range 10_000 {
		_, err := cache.Get(t.Context(), strconv.Itoa(i), load)
		require.NoError(t, err)
	}
	assert.Eventually(t, func() bool { return cache.Stats().Entries <= 100 }, 5*time.Second, time.Millisecond)
}

func TestCacheOptions(t *testing.T) {
	t.Parallel()
	_, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{MaxEntries: -1, Fresh: -1, Keep: -1, Unsubscribed: -1, Settling: -1,
		SettlingWindow: -1, RefreshPause: -1, Patience: -1})

	var configErr *kanuu.ConfigError
	require.ErrorAs(t, err, &configErr)
	assert.Len(t, configErr.Problems, 8)
	assert.Contains(t, configErr.Problems, "CacheOptions.Keep is negative: leave it 0 for the default of 1h0m0s")

	want := kanuu.CacheOptions{
		MaxEntries: 100_000, Fresh: 5 * time.Minute, Keep: time.Hour, Unsubscribed: 5 * time.Second,
		Settling: 5 * time.Second, SettlingWindow: 15 * time.Minute, RefreshPause: 5 * time.Second, Patience: 3 * time.Second,
	}
	cache, err := kanuu.NewMemoryCache(nil)
	require.NoError(t, err)
	assert.Equal(t, want, cache.Options())
	for _, tc := range []struct {
		subscribed, settling bool
		fresh, keep          time.Duration
	}{
		{true, false, 5 * time.Minute, time.Hour},
		{true, true, 5 * time.Second, time.Hour},
		{false, false, 5 * time.Second, 5 * time.Second},
	} {
		fresh, keep := want.Lifetime(kanuu.Subscription{IsSubscribed: tc.subscribed}, tc.settling)
		assert.Equal(t, []time.Duration{tc.fresh, tc.keep}, []time.Duration{fresh, keep}, "%+v", tc)
	}

	cache, err = kanuu.NewMemoryCache(&kanuu.CacheOptions{Fresh: time.Minute})
	require.NoError(t, err)
	want.Fresh = time.Minute
	assert.Equal(t, want, cache.Options())
}

func TestMemoryCacheSettle(t *testing.T) {
	t.Parallel()
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{Settling: time.Nanosecond})
	require.NoError(t, err)
	cache.Settle("42")
	get(t, cache, kanuu.Subscription{IsSubscribed: true})
	get(t, cache, kanuu.Subscription{}) // is loaded anew
	assert.EqualValues(t, 2, cache.Stats().Misses)
}

func TestCustomCache(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	fake := kanuutest.NewServer(&kanuutest.Options{APIKey: key})
	t.Cleanup(fake.Close)
	cache := &uncached{err: io.ErrClosedPipe}
	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: fake.URL, Cache: cache, Logger: debug(&log)})
	require.NoError(t, err)
	for range 2 {
		_, err = client.Subscription(t.Context(), "42")
		require.NoError(t, err)
	}
	assert.Len(t, fake.Requests(), 2, "the cache decides when to load")

	_, err = client.CreateNonce(t.Context(), user42)
	require.NoError(t, err, "a cache that fails costs no visit to the portal")
	assert.Contains(t, log.String(), "level=WARN")
	require.ErrorIs(t, client.ForgetSubscription(t.Context(), "42"), io.ErrClosedPipe)
	assert.Equal(t, []string{"42", "42"}, cache.forgotten)
	assert.Zero(t, client.Stats().Cache)
}

func TestGateCheck(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 7})

	subscription, err := kanuu.NewGate(client, nil).Check(t.Context(), "42")
	require.NoError(t, err)
	assert.EqualValues(t, 7, subscription.PlanID)

	subscription, err = kanuu.NewGate(client, &kanuu.GateOptions{Plans: []int64{8}}).Check(t.Context(), "42")
	require.ErrorIs(t, err, kanuu.ErrNotSubscribed)
	assert.EqualValues(t, 7, subscription.PlanID, "to say which plan it is instead")

	_, ok := kanuu.SubscriptionFromContext(t.Context())
	assert.False(t, ok, "there is no gate")

	_, err = kanuu.NewGate(client, nil).Check(t.Context(), "")
	require.ErrorIs(t, err, kanuu.ErrInvalidIdentity)
}
