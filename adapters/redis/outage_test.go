package kanuuredis_test

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func logged(log *journal, numbers kanuu.CacheOptions) *kanuuredis.Options {
	options := patient(numbers)
	options.Logger = log.logger()

	return options
}

// Redis dies under load, and comes back empty.
func TestKillMinusNine(t *testing.T) {
	t.Parallel()

	const known = 50

	box := newBox(t)
	server := startRedis(t)
	numbers := kanuu.CacheOptions{Fresh: 20 * time.Millisecond, RefreshPause: 10 * time.Millisecond}

	var (
		logs    [2]journal
		caches  [2]*kanuuredis.Cache
		clients [2]*kanuu.Client
	)

	for i := range clients {
		caches[i] = newCache(t, server.option(), logged(&logs[i], numbers))
		clients[i] = newClient(t, box, caches[i])
	}

	ask := func(ctx context.Context, machine, n int) {
		subscription, err := clients[machine].Subscription(ctx, strconv.Itoa(n))
		if assert.NoError(t, err) {
			assert.True(t, subscription.IsSubscribed)
			assert.EqualValues(t, n, subscription.PlanID)
		}
	}

	for n := 1; n <= known; n++ {
		box.SetSubscription(strconv.Itoa(n), kanuutest.Subscription{Status: "active", PlanID: int64(n)})
		ask(t.Context(), 0, n)
		ask(t.Context(), 1, n)
	}

	var (
		answers  atomic.Int64
		stop     = make(chan struct{})
		visitors sync.WaitGroup
	)

	for visitor := range 8 {
		visitors.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					ask(t.Context(), visitor%2, 1+n%known)
					answers.Add(1)
				}
			}
		})
	}

	more := func() {
		t.Helper()

		until := answers.Load() + 2000
		eventually(t, func() bool { return answers.Load() >= until }, "answers")
	}

	more()
	server.kill()
	more()

	// Also when Kanuu is gone too.
	box.Inject(kanuutest.Fault{Status: http.StatusInternalServerError})
	more()
	box.Recover()

	server.start()
	eventually(t, func() bool { return logs[0].count(isBack) == 1 && logs[1].count(isBack) == 1 }, "recovery")
	more()

	close(stop)
	visitors.Wait()

	for i := range logs {
		assert.Equal(t, 1, logs[i].count(isGone), logs[i].String())
	}

	// And they are one again.
	box.SetSubscription("1", kanuutest.Subscription{Status: "active", PlanID: 999})
	require.NoError(t, clients[0].ForgetSubscription(t.Context(), "1"))
	eventually(t, func() bool {
		subscription, err := clients[1].Subscription(t.Context(), "1")

		// The client's circuit breaker may still think that Kanuu is gone.
		return err == nil && subscription.PlanID == 999
	}, "forgotten on the other machine")
}

func TestKilledInTheMiddleOfACall(t *testing.T) {
	t.Parallel()

	server, a, b := twoMachines(t, kanuu.CacheOptions{})
	load := newHeld()

	onA := get(t.Context(), a, "42", load.load)
	receive(t, load.started, "the load")

	onB := get(t.Context(), b, "42", load.load)

	server.kill()
	receive(t, load.started, "the other machine goes on alone")

	load.say <- plan(1)
	load.say <- plan(1)

	for _, visitor := range []<-chan got{onA, onB} {
		assert.Equal(t, got{subscription: plan(1)}, receive(t, visitor, "an answer"))
	}

	requireKnown(t, a, "42", plan(1))
	requireKnown(t, b, "42", plan(1))
}

// What was forgotten on one machine while Redis was gone is forgotten on the
// others after it, whether Redis still has it or not.
func TestForgetDuringAnOutage(t *testing.T) {
	t.Parallel()

	for name, outage := range map[string]struct{ begin, end func(*redisServer) }{
		"killed": {(*redisServer).kill, (*redisServer).start},
		"hangs": {
			func(s *redisServer) { s.signal("STOP") },
			func(s *redisServer) { s.signal("CONT") },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			server := startRedis(t)
			logs := []*journal{new(journal), new(journal)}
			options := []*kanuuredis.Options{logged(logs[0], kanuu.CacheOptions{}), logged(logs[1], kanuu.CacheOptions{})}

			for _, o := range options {
				o.Timeout = 500 * time.Millisecond
			}

			a, b := newCache(t, server.option(), options[0]), newCache(t, server.option(), options[1])

			const forgotten = 1200 // more than are told at once

			for n := range forgotten {
				requireLoad(t, a, strconv.Itoa(n), plan(1))
			}

			for n := range forgotten {
				requireKnown(t, b, strconv.Itoa(n), plan(1))
			}

			outage.begin(server)

			start := time.Now()

			for n := range forgotten {
				err := a.Forget(t.Context(), strconv.Itoa(n))
				require.ErrorIs(t, err, kanuuredis.ErrNotShared)
				requireLoad(t, a, strconv.Itoa(n), plan(2)) // at once here
			}

			assert.Less(t, time.Since(start), 10*time.Second, "nobody waits for Redis, but the first")

			outage.end(server)

			for n := range forgotten {
				eventually(t, func() bool {
					subscription, err := b.Get(t.Context(), strconv.Itoa(n), says(plan(2)))
					require.NoError(t, err)

					return subscription == plan(2)
				}, "forgotten on the other machine")
			}

			// For good: what it knew does not come back.
			for n := range forgotten {
				requireAnswer(t, a, strconv.Itoa(n), says(plan(2)), plan(2))
				requireAnswer(t, b, strconv.Itoa(n), says(plan(2)), plan(2))
			}

			assert.Equal(t, 1, logs[0].count(isGone), logs[0].String())
			assert.NotContains(t, logs[0].String(), "1199")
		})
	}
}

// One machine alone loses Redis, and hears nothing of a Forget.
func TestForgetBehindTheBackOfAMachine(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	wire, log := new(network), new(journal)
	a := newCache(t, server.option(), patient(kanuu.CacheOptions{}))
	b := newCache(t, wire.through(server.option()), logged(log, kanuu.CacheOptions{RefreshPause: time.Millisecond}))

	requireLoad(t, a, "42", plan(1))
	requireKnown(t, b, "42", plan(1))
	requireLoad(t, a, "43", plan(1))

	wire.set(true)
	eventually(t, func() bool {
		requireKnown(t, b, "42", plan(1)) // as long as it is fresh

		return log.count(isGone) == 1
	}, "an outage")
	require.NoError(t, a.Forget(t.Context(), "42"))
	requireLoad(t, b, "44", plan(1)) // by itself, and then it changes
	requireLoad(t, a, "44", plan(2))
	wire.set(false)
	eventually(t, func() bool { return log.count(isBack) == 1 }, "recovery")

	// What was forgotten is shown while Kanuu cannot say otherwise, and no longer …
	call := newHeld()
	answer := get(t.Context(), b, "42", call.load)
	receive(t, call.started, "Kanuu is asked")

	call.fail <- kanuu.ErrUnavailable

	assert.Equal(t, got{subscription: plan(1)}, receive(t, answer, "an answer"))

	eventually(t, func() bool {
		asked := make(chan struct{}, 1)

		subscription, err := b.Get(t.Context(), "42", func(context.Context, string) (kanuu.Subscription, error) {
			asked <- struct{}{}

			return plan(2), nil
		})
		require.NoError(t, err)

		return subscription == plan(2) && assert.Len(t, asked, 1, "the first who comes after the pause waits for the answer")
	}, "what Kanuu says")
	requireKnown(t, b, "43", plan(1)) // … and what was not is where it was.
	requireKnown(t, b, "44", plan(2)) // What it found out alone is what the others say.
}

// The connection alone is lost, between two visits.
func TestReconnect(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	wire := new(network)
	a := newCache(t, server.option(), patient(kanuu.CacheOptions{}))
	b := newCache(t, wire.through(server.option()), patient(kanuu.CacheOptions{}))

	requireLoad(t, a, "42", plan(1))
	requireKnown(t, b, "42", plan(1))

	wire.set(true)
	require.NoError(t, a.Forget(t.Context(), "42"))
	requireLoad(t, a, "42", plan(2))
	wire.set(false)

	eventually(t, func() bool {
		subscription, err := b.Get(t.Context(), "42", mustNotLoad)
		require.NoError(t, err)

		return subscription == plan(2)
	}, "what the other machine knows")
}

func TestKnownSubscribersGetInWhenRedisAndKanuuAreGone(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	cache := newCache(t, server.option(), patient(kanuu.CacheOptions{Fresh: time.Millisecond, RefreshPause: time.Millisecond}))

	requireLoad(t, cache, "42", plan(1))
	requireLoad(t, cache, "43", plan(1))
	server.kill()

	for range 100 {
		requireAnswer(t, cache, "42", down, plan(1))
	}

	server.start() // empty

	start := time.Now()
	for time.Since(start) < 1500*time.Millisecond {
		requireAnswer(t, cache, "42", down, plan(1))
		requireAnswer(t, cache, "43", down, plan(1))
	}
}

// Redis loses everything while a subscriber is refreshed, and then Kanuu goes.
func TestALostLockLosesNobody(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	cache := newCache(t, server.option(), patient(kanuu.CacheOptions{Fresh: time.Millisecond}))
	refresh := newHeld()

	requireLoad(t, cache, "42", plan(1))
	eventually(t, func() bool {
		requireAnswer(t, cache, "42", refresh.load, plan(1))

		return len(refresh.started) == 1
	}, "a refresh")
	require.NoError(t, server.do("FLUSHALL").Error())

	refresh.say <- plan(2)

	eventually(t, func() bool {
		subscription, err := cache.Get(t.Context(), "42", down)
		require.NoError(t, err)

		return subscription == plan(2)
	}, "what Kanuu said last")

	for range 10 { // and not only for those who waited for it
		requireAnswer(t, cache, "42", down, plan(2))
	}
}

func TestSettlingDuringAnOutage(t *testing.T) {
	t.Parallel()

	server, a, b := twoMachines(t, kanuu.CacheOptions{Settling: 50 * time.Millisecond})

	require.NoError(t, a.Forget(t.Context(), "42"))
	requireLoad(t, b, "43", plan(1)) // b has heard of 42 by now
	server.kill()

	for i, cache := range []*kanuuredis.Cache{a, b} {
		requireLoad(t, cache, "42", plan(1))

		want := plan(int64(2 + i))

		eventually(t, func() bool {
			subscription, err := cache.Get(t.Context(), "42", says(want))
			require.NoError(t, err)

			return subscription == want
		}, "asked anew")
	}
}

// Redis that takes no writes is as good as none, and is reported once.
func TestRedisIsFull(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	log := new(journal)
	cache := newCache(t, server.option(), logged(log, kanuu.CacheOptions{}))

	require.NoError(t, server.do("CONFIG", "SET", "maxmemory", "1").Error())
	requireLoad(t, cache, "42", plan(1))
	requireKnown(t, cache, "42", plan(1))
	require.Never(t, func() bool { return log.count(isBack) > 0 }, 1200*time.Millisecond, 100*time.Millisecond)
	require.NoError(t, server.do("CONFIG", "SET", "maxmemory", "0").Error())
	eventually(t, func() bool { return log.count(isBack) == 1 }, "recovery")
	assert.Equal(t, 1, log.count(isGone))
}

func TestNobodyWaitsLongForRedis(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	cache := newCache(t, server.option(), &kanuuredis.Options{})

	requireLoad(t, cache, "42", plan(1))
	server.signal("STOP")

	defer server.signal("CONT")

	start := time.Now()
	requireLoad(t, cache, "43", plan(1))
	assert.Less(t, time.Since(start), 2*time.Second)
	requireKnown(t, cache, "42", plan(1))
	requireKnown(t, cache, "43", plan(1))
}

func TestStartWithoutRedis(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	server.kill()

	log := new(journal)
	cache := newCache(t, server.option(), logged(log, kanuu.CacheOptions{}))

	assert.Equal(t, 1, log.count(isGone))
	requireLoad(t, cache, "42", plan(1))
	require.ErrorIs(t, cache.Forget(t.Context(), "42"), kanuuredis.ErrNotShared)
	requireLoad(t, cache, "42", plan(2))

	server.start()
	eventually(t, func() bool { return log.count(isBack) == 1 }, "recovery")
	requireLoad(t, cache, "43", plan(3))
	requireKnown(t, newCache(t, server.option(), patient(kanuu.CacheOptions{})), "43", plan(3))
}

// So many are remembered that Redis has to be told of.
func TestForgetIsBounded(t *testing.T) {
	t.Parallel()

	cache, err := kanuuredis.New(rueidis.ClientOption{InitAddress: []string{"127.0.0.1:1"}}, nil)
	require.NoError(t, err)

	defer cache.Close()

	for n := range 10_000 {
		require.ErrorContains(t, cache.Forget(t.Context(), strconv.Itoa(n)), "until Redis is back")
	}

	err = cache.Forget(t.Context(), "one more")
	require.ErrorIs(t, err, kanuuredis.ErrNotShared)
	assert.NotContains(t, err.Error(), "until Redis is back")
	assert.ErrorContains(t, cache.Forget(t.Context(), "7"), "until Redis is back")
}
