package kanuu_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

// fakeTransport is Kanuu: its response for every identifier, and how often it was
// called.
type fakeTransport struct {
	subscribed atomic.Bool
	calls      atomic.Int64
	delay      atomic.Int64                                                // nanoseconds
	failure    atomic.Pointer[func(*http.Request) (*http.Response, error)] // instead of a subscription
}

func (f *fakeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasSuffix(r.URL.Path, "/api/nonce") {
		return response(201, success), nil
	}
	f.calls.Add(1)
	subscribed, failure := f.subscribed.Load(), f.failure.Load() // when the call arrives
	select {
	case <-time.After(time.Duration(f.delay.Load())):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if failure != nil {
		return (*failure)(r)
	}
	return response(200, fmt.Sprintf(`{"is_subscribed": %t, "status": "active", "plan_id": 1}`, subscribed)), nil
}

// fail makes calls for subscriptions fail; nil: succeed.
func (f *fakeTransport) fail(failure func(*http.Request) (*http.Response, error)) {
	if failure == nil {
		f.failure.Store(nil)
	} else {
		f.failure.Store(&failure)
	}
}

// inVirtualTime runs a test with a client on a fake Kanuu, where an hour takes no
// time. config may be nil.
func inVirtualTime(
	t *testing.T, config func(*kanuu.Config), test func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client),
) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		transport := new(fakeTransport)
		transport.subscribed.Store(true)
		set := kanuu.Config{APIKey: key, HTTPClient: &http.Client{Transport: transport}}
		if config != nil {
			config(&set)
		}
		client, err := kanuu.NewClient(set)
		require.NoError(t, err)
		test(t, transport, client)
		client.Close()
		time.Sleep(time.Minute) // for loads in the background
		synctest.Wait()
	})
}

func lookup(t *testing.T, client *kanuu.Client) bool {
	t.Helper()
	subscription, err := client.Subscription(t.Context(), "42")
	require.NoError(t, err)
	synctest.Wait() // for a refresh in the background
	return subscription.IsSubscribed
}

// visit opens a gated page every interval for a while.
func visitPages(t *testing.T, client *kanuu.Client, interval, duration time.Duration) {
	t.Helper()
	for end := time.Now().Add(duration); time.Now().Before(end); time.Sleep(interval) {
		lookup(t, client)
	}
}

func click(t *testing.T, client *kanuu.Client) {
	t.Helper()
	_, err := client.CreateNonce(t.Context(), user42)
	require.NoError(t, err)
}

func TestCallsPerUserHour(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		user               string
		subscribed, clicks bool
		first, later       int64
	}{
		{"subscriber", true, false, 8, 1},
		{"free user", false, false, 15, 12},
		{"subscriber after a click", true, true, 60, 12},
		{"free user after a click", false, true, 60, 13},
	} {
		for _, interval := range []time.Duration{time.Second, 10 * time.Second, time.Minute} {
			t.Run(fmt.Sprintf("%s, a page every %v", tc.user, interval), func(t *testing.T) {
				t.Parallel()
				inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
					t.Helper()
					kanuuAPI.subscribed.Store(tc.subscribed)
					if tc.clicks {
						click(t, client)
					}
					visitPages(t, client, interval, time.Hour)
					first := kanuuAPI.calls.Load()
					visitPages(t, client, interval, 10*time.Hour)
					later := float64(kanuuAPI.calls.Load()-first) / 10
					t.Logf("calls to Kanuu in the first hour %d, in later hours %.1f", first, later)
					assert.LessOrEqual(t, first, tc.first)
					assert.LessOrEqual(t, later, float64(tc.later)+0.1)
				})
			})
		}
	}
}

// A customer who returns from the portal immediately sees what they bought, and a
// colleague of the same team, who works on, within 5 s or 10 % of the wait.
func TestPurchaseIsSeen(t *testing.T) {
	t.Parallel()
	for _, wait := range []time.Duration{8 * time.Second, time.Minute, 10 * time.Minute, 65 * time.Minute} {
		t.Run(wait.String(), func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
				t.Helper()
				kanuuAPI.subscribed.Store(false)
				visitPages(t, client, 10*time.Second, time.Hour)
				click(t, client)
				time.Sleep(wait)
				kanuuAPI.subscribed.Store(true)
				assert.True(t, lookup(t, client), "returns from the portal")
			})
			inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
				t.Helper()
				kanuuAPI.subscribed.Store(false)
				click(t, client)
				visitPages(t, client, time.Second, wait)
				kanuuAPI.subscribed.Store(true)
				began := time.Now()
				for !lookup(t, client) {
					time.Sleep(time.Second)
				}
				t.Logf("a colleague sees it after %v", time.Since(began))
				assert.LessOrEqual(t, time.Since(began), max(5*time.Second, wait/10)+time.Second)
			})
		})
	}
}

func TestPurchaseWithoutWebhookIsSeen(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.subscribed.Store(false)
		visitPages(t, client, 10*time.Second, 3*time.Hour)
		kanuuAPI.subscribed.Store(true)
		began := time.Now()
		for !lookup(t, client) {
			time.Sleep(10 * time.Second)
		}
		assert.LessOrEqual(t, time.Since(began), 5*time.Minute)
	})
}

// Kanuu has a cache of an hour itself, and may answer as before after a webhook.
func TestRefundBehindKanuusOwnCacheIsSeen(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		visitPages(t, client, 10*time.Second, 3*time.Hour)
		require.NoError(t, client.InvalidateSubscription(t.Context(), "42")) // the webhook
		began := time.Now()
		visitPages(t, client, 10*time.Second, time.Hour)
		kanuuAPI.subscribed.Store(false)
		for lookup(t, client) {
			time.Sleep(10 * time.Second)
		}
		t.Logf("seen after %v", time.Since(began))
		assert.LessOrEqual(t, time.Since(began), 67*time.Minute)
	})
}

func TestOutageOfSixHours(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		subscribed, invalidated bool
		failure                 func(*http.Request) (*http.Response, error)
	}{
		"subscriber, 503":              {true, false, answering(503)},
		"subscriber, no network":       {true, false, down},
		"subscriber, key refused":      {true, false, answering(401)},
		"subscriber, payment required": {true, false, answering(402)},
		"subscriber, forbidden":        {true, false, answering(403)},
		"subscriber, rate limited":     {true, false, answering(429)},
		"subscriber, garbage":          {true, false, garbage},
		"subscriber, Kanuu hangs":      {true, false, hang},
		"subscriber after a click":     {true, true, answering(503)},
		"subscriber, click and hang":   {true, true, hang},
		"free user":                    {false, false, answering(503)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
				t.Helper()
				kanuuAPI.subscribed.Store(tc.subscribed)
				lookup(t, client)
				if tc.invalidated {
					click(t, client)
				}
				kanuuAPI.fail(tc.failure)
				before := kanuuAPI.calls.Load()
				for end := time.Now().Add(6 * time.Hour); time.Now().Before(end); time.Sleep(10 * time.Second) {
					began := time.Now()
					assert.Equal(t, tc.subscribed, lookup(t, client))
					require.LessOrEqual(t, time.Since(began), 3*time.Second)
				}
				assert.LessOrEqual(t, kanuuAPI.calls.Load()-before, int64(6*720))

				kanuuAPI.fail(nil)
				kanuuAPI.subscribed.Store(!tc.subscribed)
				time.Sleep(2 * time.Minute)
				lookup(t, client)
				assert.Equal(t, !tc.subscribed, lookup(t, client), "Kanuu is back")
			})
		})
	}
}

func TestNegativeEntryIsNotServedOnErrorWithinTheWindow(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.subscribed.Store(false)
		lookup(t, client)
		click(t, client)
		kanuuAPI.fail(answering(503))
		_, err := client.Subscription(t.Context(), "42")
		require.ErrorIs(t, err, kanuu.ErrUnavailable, "it may be what has just changed")
	})
}

func TestStaleIfErrorEnds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		option, served time.Duration
	}{
		"default": {0, 24 * time.Hour},
		"an hour": {time.Hour, time.Hour},
		"off":     {-1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := func(c *kanuu.Config) { c.Cache.StaleIfError = tc.option }
			inVirtualTime(t, config, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
				t.Helper()
				lookup(t, client)
				began := time.Now()
				require.NoError(t, client.InvalidateSubscription(t.Context(), "42"))
				kanuuAPI.fail(answering(503))
				for {
					if _, err := client.Subscription(t.Context(), "42"); err != nil {
						require.ErrorIs(t, err, kanuu.ErrUnavailable)
						break
					}
					time.Sleep(time.Minute)
				}
				assert.InDelta(t, tc.served, time.Since(began), float64(2*time.Minute))
			})
		})
	}
}

// A caller with a deadline of its own is served before it passes.
func TestStaleEntryIsServedWhileKanuuHangs(t *testing.T) {
	t.Parallel()
	for own, want := range map[time.Duration]time.Duration{
		time.Minute: 3 * time.Second, 2 * time.Second: 1600 * time.Millisecond, 100 * time.Millisecond: 80 * time.Millisecond,
	} {
		t.Run(own.String(), func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
				t.Helper()
				lookup(t, client)
				click(t, client)
				kanuuAPI.fail(hang)
				ctx, cancel := context.WithTimeout(t.Context(), own)
				defer cancel()
				began := time.Now()
				subscription, err := client.Subscription(ctx, "42")
				require.NoError(t, err)
				assert.True(t, subscription.IsSubscribed)
				assert.Equal(t, want, time.Since(began).Round(time.Millisecond))
			})
		})
	}
}

func TestFailedLoadIsNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.fail(answering(402)) // no retries
		var pauses []time.Duration
		last := time.Now()
		for calls := int64(0); len(pauses) < 7; time.Sleep(time.Second) {
			_, err := client.Subscription(t.Context(), "42")
			require.ErrorIs(t, err, kanuu.ErrPaymentRequired)
			if now := kanuuAPI.calls.Load(); now != calls {
				calls = now
				pauses = append(pauses, time.Since(last))
				last = time.Now()
			}
		}
		s := time.Second
		assert.Equal(t, []time.Duration{0, 5 * s, 10 * s, 20 * s, 40 * s, 60 * s, 60 * s}, pauses)

		kanuuAPI.fail(nil)
		require.NoError(t, client.InvalidateSubscription(t.Context(), "42"))
		assert.True(t, lookup(t, client), "an invalidation ends the pause")
	})
}

func TestOneLoadAtATime(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.delay.Store(int64(100 * time.Millisecond))
		for _, what := range []string{"unknown", "invalidated"} {
			before := kanuuAPI.calls.Load()
			var callers sync.WaitGroup
			for range 1000 {
				callers.Go(func() {
					subscription, err := client.Subscription(t.Context(), "42")
					assert.True(t, err == nil && subscription.IsSubscribed, err)
				})
			}
			callers.Wait()
			assert.EqualValues(t, 1, kanuuAPI.calls.Load()-before, what)
			require.NoError(t, client.InvalidateSubscription(t.Context(), "42"))
		}
	})
}

func TestCallersLeaveAndTheLoadGoesOn(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.delay.Store(int64(2 * time.Second))
		began := time.Now()
		first, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		_, err := client.Subscription(first, "42")
		require.ErrorIs(t, err, context.Canceled)
		assert.Equal(t, time.Second, time.Since(began))

		assert.True(t, lookup(t, client))
		assert.Equal(t, 2*time.Second, time.Since(began))
		assert.EqualValues(t, 1, kanuuAPI.calls.Load())
	})
}

// A response from before an invalidation reaches the callers that waited for it,
// and no other.
func TestOvertakenLoadIsNotStored(t *testing.T) {
	t.Parallel()
	for name, background := range map[string]bool{"first load": false, "refresh": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
				t.Helper()
				if background {
					lookup(t, client)
					time.Sleep(2 * time.Minute) // stale
				}
				kanuuAPI.delay.Store(int64(2 * time.Second))
				before := make(chan bool, 1)
				go func() {
					subscription, _ := client.Subscription(t.Context(), "42")
					before <- subscription.IsSubscribed
				}()
				time.Sleep(time.Second)
				kanuuAPI.subscribed.Store(false)
				require.NoError(t, client.InvalidateSubscription(t.Context(), "42"))
				assert.False(t, lookup(t, client), "asked after the invalidation")
				assert.True(t, <-before)
				time.Sleep(3 * time.Second)
				assert.False(t, lookup(t, client))
			})
		})
	}
}

func TestAgeCountsFromTheStartOfTheCall(t *testing.T) {
	t.Parallel()
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.subscribed.Store(false)
		kanuuAPI.delay.Store(int64(2 * time.Second))
		lookup(t, client)
		kanuuAPI.subscribed.Store(true)
		time.Sleep(58*time.Second - time.Millisecond)
		assert.False(t, lookup(t, client))
		time.Sleep(time.Millisecond)
		assert.True(t, lookup(t, client), "a minute after the call began")
	})
}

func TestLastKnown(t *testing.T) {
	t.Parallel()
	unknown := errors.New("no such row")
	for name, tc := range map[string]struct {
		asOf       time.Duration
		err        error
		subscribed bool
		failure    func(*http.Request) (*http.Response, error)
		want       error
	}{
		"a subscriber of an hour ago": {time.Hour, nil, true, answering(503), nil},
		"a free user":                 {time.Hour, nil, false, down, nil},
		"too old":                     {25 * time.Hour, nil, true, answering(503), kanuu.ErrUnavailable},
		"nothing is known":            {0, unknown, false, answering(503), kanuu.ErrUnavailable},
		"Kanuu is not unavailable":    {time.Hour, nil, true, answering(402), kanuu.ErrPaymentRequired},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			config := func(c *kanuu.Config) {
				c.LastKnown = func(_ context.Context, identifier string) (kanuu.Subscription, time.Time, error) {
					asked.Add(1)
					assert.Equal(t, "42", identifier)
					return kanuu.Subscription{IsSubscribed: tc.subscribed, PlanID: 7}, time.Now().Add(-tc.asOf), tc.err
				}
			}
			inVirtualTime(t, config, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
				t.Helper()
				kanuuAPI.fail(tc.failure)
				for range 100 {
					subscription, err := client.Subscription(t.Context(), "42")
					require.ErrorIs(t, err, tc.want)
					if tc.want == nil {
						assert.Equal(t, kanuu.Subscription{IsSubscribed: tc.subscribed, PlanID: 7}, subscription)
					}
				}
				assert.LessOrEqual(t, asked.Load(), int64(1))
				kanuuAPI.fail(nil)
				time.Sleep(time.Minute)
				assert.True(t, lookup(t, client), "Kanuu is asked as soon as it is back")
			})
		})
	}
}

func TestEvictionsAreCountedAndReportedOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	config := func(c *kanuu.Config) { c.Cache.MaxEntries, c.Logger = 100, debug(&log) }
	inVirtualTime(t, config, func(t *testing.T, _ *fakeTransport, client *kanuu.Client) {
		t.Helper()
		for i := range 1000 {
			_, err := client.Subscription(t.Context(), strconv.Itoa(i))
			require.NoError(t, err)
		}
		synctest.Wait()
		stats := client.Stats().Cache
		assert.LessOrEqual(t, stats.Entries, uint64(100))
		assert.GreaterOrEqual(t, stats.Evictions, uint64(900))
		assert.Equal(t, 1, strings.Count(log.String(), "kanuu: cache too small"), log.String())
	})
}

// An invalidation is not lost with the entry that it was for.
func TestWindowOutlivesItsEntry(t *testing.T) {
	t.Parallel()
	config := func(c *kanuu.Config) { c.Cache.MaxEntries = 10 }
	inVirtualTime(t, config, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.subscribed.Store(false)
		click(t, client)
		for i := range 1000 {
			_, err := client.Subscription(t.Context(), "other "+strconv.Itoa(i))
			require.NoError(t, err)
		}
		for range 3 { // often enough to be kept
			lookup(t, client)
		}
		kanuuAPI.subscribed.Store(true)
		time.Sleep(5 * time.Second)
		assert.True(t, lookup(t, client))
	})
}

func TestHitAllocatesNothing(t *testing.T) {
	client, server := setup(t)
	server.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	ctx := t.Context()
	gate := kanuu.NewGate(client, &kanuu.GateOptions{Plans: []int64{0}, Allow: func(kanuu.Subscription) bool { return true }})

	_, err := client.Subscription(ctx, "42")
	require.NoError(t, err)
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = client.Subscription(ctx, "42") }))
	assert.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = gate.Check(ctx, "42") }))
	assert.Len(t, server.Requests(), 1)
}

func TestCacheOptionsAreChecked(t *testing.T) {
	t.Parallel()
	_, err := kanuu.NewClient(kanuu.Config{APIKey: key, Cache: kanuu.CacheOptions{
		MaxEntries: -1, MinAge: -1, MaxAge: -1, NegativeMaxAge: -1,
	}})
	var configErr *kanuu.ConfigError
	require.ErrorAs(t, err, &configErr)
	assert.Len(t, configErr.Problems, 4)

	_, err = kanuu.NewClient(kanuu.Config{APIKey: key, Cache: kanuu.CacheOptions{MinAge: 2 * time.Hour}})
	require.ErrorContains(t, err, "CacheOptions.MinAge is longer than MaxAge")
}

func TestStatusTextIsBounded(t *testing.T) {
	t.Parallel()
	play := func(*http.Request) (*http.Response, error) {
		return response(200, `{"is_subscribed": true, "status": "`+strings.Repeat("é", 100_000)+`"}`), nil
	}
	inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
		t.Helper()
		subscription, err := client.Subscription(t.Context(), "42")
		require.NoError(t, err)
		assert.Equal(t, strings.Repeat("é", 32), subscription.StatusText)
		assert.Equal(t, subscription.StatusText, string(subscription.Status))
	})
}

// While the shared cache is down each instance uses its own cache; when it is back, it
// gets the invalidations that it missed.
func TestSharedCacheIsDown(t *testing.T) {
	t.Parallel()
	store := conformance.NewMemoryStore()
	synctest.Test(t, func(t *testing.T) {
		transport := new(fakeTransport)
		var clients [2]*kanuu.Client
		for i := range clients {
			var err error
			clients[i], err = kanuu.NewClient(kanuu.Config{
				APIKey: key, HTTPClient: &http.Client{Transport: transport}, SharedCache: store.Connect(),
			})
			require.NoError(t, err)
			assert.False(t, lookup(t, clients[i]))
		}
		assert.EqualValues(t, 1, transport.calls.Load())

		store.SetDown(errors.New("connection refused"))
		transport.subscribed.Store(true)
		require.ErrorContains(t, clients[0].InvalidateSubscription(t.Context(), "42"), "connection refused")
		assert.True(t, lookup(t, clients[0]))
		assert.False(t, lookup(t, clients[1]), "could not be told")

		store.SetDown(nil)
		synctest.Wait()
		assert.True(t, lookup(t, clients[1]))
		for _, client := range clients {
			client.Close()
		}
		synctest.Wait()
	})
}

// lateLock is a store whose response to Lock does not arrive.
type lateLock struct{ kanuu.SharedCache }

func (s lateLock) Lock(ctx context.Context, key string, life time.Duration) (bool, error) {
	_, _ = s.SharedCache.Lock(ctx, key, life)
	return false, context.DeadlineExceeded
}

// A lock that an instance may have taken without knowing holds up no other one.
func TestSharedLockOfUnknownState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store, transport := conformance.NewMemoryStore(), new(fakeTransport)
		for _, cache := range []kanuu.SharedCache{lateLock{store.Connect()}, store.Connect()} {
			client, err := kanuu.NewClient(kanuu.Config{
				APIKey: key, HTTPClient: &http.Client{Transport: transport}, SharedCache: cache,
			})
			require.NoError(t, err)
			began := time.Now()
			lookup(t, client)
			assert.Zero(t, time.Since(began))
			synctest.Wait()
			client.Close()
		}
		assert.EqualValues(t, 2, transport.calls.Load())
	})
}

// A client of another key or another Kanuu on the same store sees nothing.
func TestSharedCacheIsForOneKey(t *testing.T) {
	t.Parallel()
	store := conformance.NewMemoryStore()
	for i, config := range []kanuu.Config{
		{APIKey: key}, {APIKey: "another"}, {APIKey: key, BaseURL: "https://kanuu.example"},
	} {
		transport := new(fakeTransport)
		config.HTTPClient, config.SharedCache = &http.Client{Transport: transport}, store.Connect()
		client, err := kanuu.NewClient(config)
		require.NoError(t, err)
		_, err = client.Subscription(t.Context(), "42")
		require.NoError(t, err)
		assert.EqualValues(t, 1, transport.calls.Load(), i)
		client.Close()
	}
}

// What another instance has fetched helps when Kanuu fails.
func TestSharedEntryIsServedOnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := conformance.NewMemoryStore()
		transport := new(fakeTransport)
		transport.subscribed.Store(true)
		config := kanuu.Config{APIKey: key, HTTPClient: &http.Client{Transport: transport}, SharedCache: store.Connect()}
		first, err := kanuu.NewClient(config)
		require.NoError(t, err)
		assert.True(t, lookup(t, first))
		require.NoError(t, first.InvalidateSubscription(t.Context(), "42"))
		first.Close()

		transport.fail(answering(503))
		config.SharedCache = store.Connect()
		second, err := kanuu.NewClient(config)
		require.NoError(t, err)
		assert.True(t, lookup(t, second), "outdated, and better than nothing")
		second.Close()
		synctest.Wait()
	})
}

// sharedClients are instances that started one after the other.
func sharedClients(t *testing.T, transport *fakeTransport) (clients [2]*kanuu.Client) {
	t.Helper()
	store := conformance.NewMemoryStore()
	for i := range clients {
		var err error
		clients[i], err = kanuu.NewClient(kanuu.Config{
			APIKey: key, HTTPClient: &http.Client{Transport: transport}, SharedCache: store.Connect(),
		})
		require.NoError(t, err)
		t.Cleanup(clients[i].Close)
		time.Sleep(time.Second)
	}
	return clients
}

// A first response is fresh for MinAge on the other instances too.
func TestSharedEntryIsFreshAsLongAsUnchanged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		transport := new(fakeTransport)
		clients := sharedClients(t, transport)
		transport.subscribed.Store(true)
		assert.True(t, lookup(t, clients[0]))
		assert.True(t, lookup(t, clients[1]))
		transport.subscribed.Store(false)
		time.Sleep(time.Minute)
		lookup(t, clients[1]) // stale-while-revalidate
		assert.False(t, lookup(t, clients[1]))
	})
}

// "Not subscribed" from before an invalidation is not served on error: not after
// the window, and not if the invalidation came while the load ran.
func TestOutdatedNegativeSharedEntryIsNotServedOnError(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]time.Duration{"after the window": 2 * time.Hour, "during the load": -time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				transport := new(fakeTransport)
				clients := sharedClients(t, transport)
				assert.False(t, lookup(t, clients[0]))
				time.Sleep(time.Hour)
				transport.fail(answering(402))
				transport.delay.Store(int64(2 * time.Second))
				time.AfterFunc(-min(before, 0), func() { _ = clients[0].InvalidateSubscription(context.Background(), "42") })
				time.Sleep(max(before, 0))
				for range 2 {
					_, err := clients[1].Subscription(t.Context(), "42")
					require.ErrorIs(t, err, kanuu.ErrPaymentRequired)
				}
			})
		})
	}
}
