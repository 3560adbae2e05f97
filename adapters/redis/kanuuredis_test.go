package kanuuredis_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
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

func TestOneCallForAllMachines(t *testing.T) {
	t.Parallel()

	box := newBox(t)
	box.SetSubscription("42", kanuutest.Subscription{Status: "active", PlanID: 67})
	box.Inject(kanuutest.Fault{Delay: 50 * time.Millisecond})

	_, a, b := twoMachines(t, kanuu.CacheOptions{})
	clients := []*kanuu.Client{newClient(t, box, a), newClient(t, box, b)}

	var visitors sync.WaitGroup
	for i := range 1000 {
		visitors.Go(func() {
			subscription, err := clients[i%2].Subscription(t.Context(), "42")
			if assert.NoError(t, err) {
				assert.EqualValues(t, 67, subscription.PlanID)
			}
		})
	}

	visitors.Wait()
	assert.Len(t, box.Requests(), 1)
}

// Not parallel: it measures.
//
//nolint:paralleltest // as said above
func TestForgetIsSeenByTheOthersAtOnce(t *testing.T) {
	_, a, b := twoMachines(t, kanuu.CacheOptions{})

	for i, identifier := range []string{"42", "team:7", "}", "{", "{a}b", "a}", "", "ü \x00\xff", strings.Repeat("x", 300)} {
		before, after := plan(1), plan(2)

		requireLoad(t, a, identifier, before)
		requireKnown(t, b, identifier, before)

		from, to := a, b
		if i%2 == 1 {
			from, to = b, a
		}

		require.NoError(t, from.Forget(t.Context(), identifier))

		forgotten := time.Now()

		for {
			subscription, err := to.Get(t.Context(), identifier, says(after))
			require.NoError(t, err)

			if subscription == after {
				break
			}
		}

		assert.Less(t, time.Since(forgotten), 100*time.Millisecond, identifier)
		requireKnown(t, from, identifier, after)
	}
}

func TestWhatIsForgottenDuringALoadIsNotRemembered(t *testing.T) {
	t.Parallel()

	for name, who := range map[string]struct{ forgets, asks int }{
		"on the machine that loads":           {0, 0},
		"on another, which asks then":         {1, 1},
		"on another, and the first asks then": {1, 0},
		"on the first, and another asks then": {0, 1},
	} {
		for _, firstEnds := range []string{"before the second", "after the second"} {
			t.Run(name+", the first load ends "+firstEnds, func(t *testing.T) {
				t.Parallel()

				_, a, b := twoMachines(t, kanuu.CacheOptions{Settling: long})
				machines := []*kanuuredis.Cache{a, b}
				older, newer := newHeld(), newHeld()

				first := get(t.Context(), a, "42", older.load)
				receive(t, older.started, "the first load")

				require.NoError(t, machines[who.forgets].Forget(t.Context(), "42"))

				// The first machine may hear of it a moment later.
				var second <-chan got

				eventually(t, func() bool {
					second = get(t.Context(), machines[who.asks], "42", newer.load)

					select {
					case <-newer.started:
						return true
					case <-time.After(200 * time.Millisecond):
						return false
					}
				}, "the second load")

				endFirst := func() {
					older.say <- plan(1)
					assert.Equal(t, got{subscription: plan(1)}, receive(t, first, "the first answer"))
				}

				if firstEnds == "before the second" {
					endFirst()
				}

				newer.say <- plan(2)

				assert.Equal(t, got{subscription: plan(2)}, receive(t, second, "the second answer"))

				if firstEnds == "after the second" {
					endFirst()
				}

				requireKnown(t, a, "42", plan(2))
				requireKnown(t, b, "42", plan(2))
			})
		}
	}
}

func TestSettlingIsShared(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{Settling: 100 * time.Millisecond})

	require.NoError(t, a.Forget(t.Context(), "42"))

	for _, identifier := range []string{"42", "43"} {
		requireLoad(t, b, identifier, plan(1))
	}

	for _, cache := range []*kanuuredis.Cache{a, b} {
		now := time.Now().UnixNano()

		eventually(t, func() bool {
			subscription, err := cache.Get(t.Context(), "42", says(plan(now)))
			require.NoError(t, err)

			return subscription == plan(now)
		}, "asked anew")
		requireKnown(t, cache, "43", plan(1))
	}
}

func TestSettlingEnds(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{Settling: time.Millisecond, SettlingWindow: 200 * time.Millisecond})

	require.NoError(t, a.Forget(t.Context(), "42"))

	var last int64

	eventually(t, func() bool { // until an entry has outlived Settling
		last++

		subscription, err := b.Get(t.Context(), "42", says(plan(last)))
		require.NoError(t, err)
		time.Sleep(5 * time.Millisecond)

		return subscription != plan(last)
	}, "kept")
}

func TestWhoIsNotSubscribedIsAskedForSoon(t *testing.T) {
	t.Parallel()

	const unsubscribed = 400 * time.Millisecond

	_, a, b := twoMachines(t, kanuu.CacheOptions{Unsubscribed: unsubscribed})

	requireLoad(t, a, "42", kanuu.Subscription{})

	loaded := time.Now()

	for n := int64(1); ; n++ {
		subscription, err := b.Get(t.Context(), "42", says(plan(n))) // it does not begin anew on the other machine
		require.NoError(t, err)

		if subscription.IsSubscribed {
			break
		}

		require.Less(t, time.Since(loaded), soon)
	}

	assert.Greater(t, time.Since(loaded), unsubscribed-50*time.Millisecond)
}

func TestStaleIsServedAndRefreshedByOneMachine(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	numbers := kanuu.CacheOptions{Fresh: 50 * time.Millisecond, RefreshPause: long}
	lasting := kanuu.CacheOptions{Fresh: long}
	a, b := newCache(t, server.option(), patient(numbers)), newCache(t, server.option(), patient(lasting))
	c := newCache(t, server.option(), patient(lasting))

	requireLoad(t, a, "42", plan(1))
	requireKnown(t, b, "42", plan(1))

	refresh := newHeld()
	machines := []*kanuuredis.Cache{a, b}

	eventually(t, func() bool { // the age is that of the load, on both machines
		for _, cache := range machines {
			requireAnswer(t, cache, "42", refresh.load, plan(1))
		}

		return len(refresh.started) > 0
	}, "a refresh")

	asked := scriptCalls(t, server)

	for range 100 { // served, and not loaded twice
		for _, cache := range machines {
			requireAnswer(t, cache, "42", refresh.load, plan(1))
		}
	}

	assert.Less(t, scriptCalls(t, server)-asked, 50, "nor is Redis asked by every visitor")

	requireAnswer(t, c, "42", mustNotLoad, plan(1)) // also where nothing is known yet

	// The machine that refreshes has a Fresh of its own.
	assert.Len(t, refresh.started, 1)
	assert.Equal(t, uint64(1), a.Stats().Refreshes+b.Stats().Refreshes+c.Stats().Refreshes)

	refresh.say <- plan(2) // which is stale soon, too

	for _, cache := range []*kanuuredis.Cache{a, b, c} {
		eventually(t, func() bool {
			subscription, err := cache.Get(t.Context(), "42", mustNotLoad)
			require.NoError(t, err)

			return subscription == plan(2)
		}, "the refreshed")
	}
}

// A refresh that fails finds what another machine has stored meanwhile, also where
// nobody could say so.
func TestAFailedRefreshShowsWhatRedisHas(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	cache := newCache(t, server.option(), patient(kanuu.CacheOptions{Fresh: time.Millisecond, RefreshPause: long}))

	requireLoad(t, cache, "42", plan(1))

	other := startRedis(t) // for an entry of plan 2 that is as stale
	requireLoad(t, newCache(t, other.option(), patient(kanuu.CacheOptions{Fresh: time.Millisecond})), "42", plan(2))

	value, err := other.do("GET", "kanuu:entry:{id:42}").ToString()
	require.NoError(t, err)
	require.NoError(t, server.do("SET", "kanuu:entry:{id:42}", value, "PX", "3000000").Error())

	eventually(t, func() bool {
		subscription, err := cache.Get(t.Context(), "42", down)
		require.NoError(t, err)

		return subscription == plan(2)
	}, "what Redis has")
}

func requireAnswer(tb testing.TB, cache kanuu.Cache, identifier string, load kanuu.LoadFunc, want kanuu.Subscription) {
	tb.Helper()

	subscription, err := cache.Get(tb.Context(), identifier, load)
	require.NoError(tb, err)
	require.Equal(tb, want, subscription)
}

func TestSubscribersGetInWhileKanuuIsDown(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{Fresh: time.Millisecond, RefreshPause: 200 * time.Millisecond})

	requireLoad(t, a, "42", plan(1))

	var (
		mu    sync.Mutex
		tries int
	)

	down := func(context.Context, string) (kanuu.Subscription, error) {
		mu.Lock()
		defer mu.Unlock()

		tries++

		return kanuu.Subscription{}, kanuu.ErrUnavailable
	}

	start := time.Now()

	for time.Since(start) < time.Second {
		requireAnswer(t, a, "42", down, plan(1))
		requireAnswer(t, b, "42", down, plan(1))
	}

	mu.Lock()
	defer mu.Unlock()

	assert.Positive(t, tries)
	assert.LessOrEqual(t, tries, 6, "once in each pause, over both machines")
	assert.EqualValues(t, tries, a.Stats().Failures+b.Stats().Failures)
}

// Whoever was a subscriber when Kanuu was last asked stays in while Kanuu is down,
// also where a click or a webhook on any machine has made all of them ask anew.
func TestForgottenSubscribersGetInWhileKanuuIsDown(t *testing.T) {
	t.Parallel()

	for name, forget := range map[string]func(t *testing.T, a, b *kanuuredis.Cache){
		"after the last answer": func(t *testing.T, a, b *kanuuredis.Cache) {
			t.Helper()
			requireLoad(t, a, "42", plan(1))
			requireKnown(t, b, "42", plan(1))
			require.NoError(t, a.Forget(t.Context(), "42"))
		},
		"before the last answer": func(t *testing.T, a, b *kanuuredis.Cache) {
			t.Helper()
			require.NoError(t, a.Forget(t.Context(), "42"))
			requireAnswer(t, a, "42", says(plan(1)), plan(1))
			requireAnswer(t, b, "42", says(plan(1)), plan(1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, a, b := twoMachines(t, kanuu.CacheOptions{Settling: 20 * time.Millisecond, RefreshPause: 20 * time.Millisecond})
			forget(t, a, b)

			for _, cache := range []*kanuuredis.Cache{a, b} {
				for range 3 {
					call := newHeld()

					var answer <-chan got

					eventually(t, func() bool { // once it has heard of it, and is not served as it is any more
						answer = get(t.Context(), cache, "42", call.load)

						select {
						case <-call.started:
							return true
						case other := <-answer:
							assert.Equal(t, got{subscription: plan(1)}, other)

							return false
						}
					}, "Kanuu is asked first")

					call.fail <- kanuu.ErrUnavailable

					assert.Equal(t, got{subscription: plan(1)}, receive(t, answer, "what it said last"))
				}
			}

			for _, cache := range []*kanuuredis.Cache{a, b} {
				eventually(t, func() bool {
					subscription, err := cache.Get(t.Context(), "42", says(kanuu.Subscription{}))
					require.NoError(t, err)

					return !subscription.IsSubscribed
				}, "Kanuu can say it again")
				eventually(t, func() bool {
					_, err := cache.Get(t.Context(), "42", down)

					return err != nil
				}, "and who is none is not let in for who they were")
			}
		})
	}
}

// What a load said that began before a Forget is for those who wait for it, also
// where the machine has not heard of the Forget yet.
func TestWhatIsForgottenElsewhereDuringALoadIsNotRemembered(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	cache := newCache(t, server.option(), patient(kanuu.CacheOptions{RefreshPause: time.Millisecond}))
	older := newHeld()

	var calls atomic.Int64

	first := get(t.Context(), cache, "42", func(ctx context.Context, identifier string) (kanuu.Subscription, error) {
		if calls.Add(1) > 1 {
			return down(ctx, identifier)
		}

		return older.load(ctx, identifier)
	})
	receive(t, older.started, "the load")

	// A Forget on another machine, whose message is still on its way.
	require.NoError(t, server.do("SET", "kanuu:settling:{id:42}", "", "PX", "60000").Error())
	require.NoError(t, server.do("DEL", "kanuu:entry:{id:42}", "kanuu:lock:{id:42}").Error())

	older.say <- plan(1)

	assert.Equal(t, got{subscription: plan(1)}, receive(t, first, "the answer"))

	_, err := cache.Get(t.Context(), "42", down)
	require.ErrorIs(t, err, kanuu.ErrUnavailable)
}

func TestForgottenSubscribersDoNotWaitForLong(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{Patience: 50 * time.Millisecond})
	stuck := newHeld()

	requireLoad(t, a, "42", plan(1))
	requireKnown(t, b, "42", plan(1))
	require.NoError(t, a.Forget(t.Context(), "42"))

	start := time.Now()

	requireAnswer(t, a, "42", stuck.load, plan(1))
	assert.Less(t, time.Since(start), soon)
	receive(t, stuck.started, "the call goes on")

	stuck.say <- plan(2)

	for _, cache := range []*kanuuredis.Cache{a, b} {
		eventually(t, func() bool {
			subscription, err := cache.Get(t.Context(), "42", mustNotLoad)
			require.NoError(t, err)

			return subscription == plan(2)
		}, "what the call said")
	}
}

func TestForgottenSubscribersGetInForAsLongAsTheyAreKept(t *testing.T) {
	t.Parallel()

	_, a, _ := twoMachines(t, kanuu.CacheOptions{Fresh: time.Millisecond, Keep: 500 * time.Millisecond, RefreshPause: time.Millisecond})

	requireLoad(t, a, "42", plan(1))

	loaded := time.Now()

	require.NoError(t, a.Forget(t.Context(), "42"))
	eventually(t, func() bool {
		_, err := a.Get(t.Context(), "42", down)

		return err != nil
	}, "out")
	assert.Greater(t, time.Since(loaded), 400*time.Millisecond)
}

func TestLoadErrors(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	log := new(journal)
	options := patient(kanuu.CacheOptions{})
	options.Logger = log.logger()
	cache := newCache(t, server.option(), options)
	cause := &kanuu.APIError{Operation: "fetch subscription", Status: 500}

	for range 2 {
		_, err := cache.Get(t.Context(), "42", func(context.Context, string) (kanuu.Subscription, error) {
			return kanuu.Subscription{}, cause
		})
		require.Same(t, cause, err, "as it is")
		require.ErrorIs(t, err, kanuu.ErrUnavailable)
	}

	_, err := cache.Get(t.Context(), "42", func(context.Context, string) (kanuu.Subscription, error) {
		return kanuu.Subscription{}, context.DeadlineExceeded
	})
	require.ErrorIs(t, err, context.DeadlineExceeded)

	assert.EqualValues(t, 3, cache.Stats().Failures)
	requireLoad(t, cache, "42", plan(1))
	assert.Empty(t, log.String(), "Redis has done nothing")
}

func TestALoadThatFailsLetsTheOthersGoOn(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{})
	first := newHeld()

	onA := get(t.Context(), a, "42", first.load)
	receive(t, first.started, "the load")

	onB := get(t.Context(), b, "42", says(plan(1)))

	first.fail <- kanuu.ErrUnavailable

	require.ErrorIs(t, receive(t, onA, "the error").err, kanuu.ErrUnavailable)
	assert.Equal(t, got{subscription: plan(1)}, receive(t, onB, "an answer"))
}

func TestVisitorsLeave(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{})
	load := newHeld()

	type key struct{}

	ctx, leave := context.WithCancel(context.WithValue(t.Context(), key{}, "trace"))
	first := get(ctx, a, "42", load.load)
	loading := receive(t, load.started, "the load")
	elsewhere := get(ctx, b, "42", load.load)
	stays := []<-chan got{get(t.Context(), a, "42", load.load), get(t.Context(), b, "42", load.load)}

	leave()

	require.ErrorIs(t, receive(t, first, "leaves").err, context.Canceled)
	require.ErrorIs(t, receive(t, elsewhere, "leaves").err, context.Canceled)
	require.NoError(t, loading.Err(), "goes on for the others")
	assert.Equal(t, "trace", loading.Value(key{}))

	load.say <- plan(1)

	for _, visitor := range stays {
		assert.Equal(t, got{subscription: plan(1)}, receive(t, visitor, "an answer"))
	}

	assert.Empty(t, load.started, "one load")
}

func TestAMachineThatDiesInACall(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	wire := new(network)
	a := newCache(t, wire.through(server.option()), patient(kanuu.CacheOptions{}))
	b := newCache(t, server.option(), patient(kanuu.CacheOptions{}))
	last := newHeld()

	onA := get(t.Context(), a, "42", last.load)
	receive(t, last.started, "the load")
	wire.set(true) // for Redis and the others, it is dead

	start := time.Now()

	requireLoad(t, b, "42", plan(2))
	assert.Less(t, time.Since(start), 4*time.Second)

	// It was not, and what it says now is not remembered.
	last.say <- plan(1)

	assert.Equal(t, plan(1), receive(t, onA, "its own answer").subscription)
	requireKnown(t, b, "42", plan(2))
}

// A call that takes longer than a dead machine is waited for is not made twice.
func TestASlowCallIsWaitedFor(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{})
	slow := newHeld()

	onA := get(t.Context(), a, "42", slow.load)
	receive(t, slow.started, "the load")

	onB := get(t.Context(), b, "42", slow.load)

	select {
	case <-slow.started:
		require.Fail(t, "called twice")
	case <-time.After(3 * time.Second):
	}

	slow.say <- plan(1)

	assert.Equal(t, plan(1), receive(t, onA, "an answer").subscription)
	assert.Equal(t, plan(1), receive(t, onB, "an answer").subscription)
}

func TestACallThatNeverEndsIsNotWaitedFor(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{})
	stuck := newHeld()

	onA := get(t.Context(), a, "42", stuck.load)
	receive(t, stuck.started, "the load")

	requireLoad(t, b, "42", plan(2)) // within soon
	requireKnown(t, b, "42", plan(2))

	// And what it knows for itself is forgotten with the rest.
	require.NoError(t, a.Forget(t.Context(), "42"))

	eventually(t, func() bool {
		subscription, err := b.Get(t.Context(), "42", says(plan(3)))
		require.NoError(t, err)

		return subscription == plan(3)
	}, "forgotten")

	stuck.say <- plan(1)
	receive(t, onA, "the end")
}

// A field that is added to kanuu.Subscription has to be added to the record.
func TestEverythingTravels(t *testing.T) {
	t.Parallel()

	var whole kanuu.Subscription

	fields := reflect.ValueOf(&whole).Elem()
	for i := range fields.NumField() {
		switch field := fields.Field(i); field.Kind() {
		case reflect.Bool:
			field.SetBool(true)
		case reflect.String:
			field.SetString(fmt.Sprintf("text %d \"ü\"", i))
		case reflect.Int64:
			field.SetInt(1<<62 + int64(i))
		default:
			require.Fail(t, "teach this test to fill in a", field.Kind().String())
		}
	}

	_, a, b := twoMachines(t, kanuu.CacheOptions{})
	requireLoad(t, a, "42", whole)
	requireKnown(t, b, "42", whole)

	requireLoad(t, a, "43", kanuu.Subscription{})
	requireKnown(t, b, "43", kanuu.Subscription{})
}

func TestWhatStandsInRedis(t *testing.T) {
	t.Parallel()

	box := newBox(t)
	server := startRedis(t)
	options := patient(kanuu.CacheOptions{})
	options.Prefix = "shop:"
	client := newClient(t, box, newCache(t, server.option(), options))

	nonce, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42", Email: "ann@example.com"})
	require.NoError(t, err)

	_, err = client.Subscription(t.Context(), "42")
	require.NoError(t, err)

	keys, err := server.do("KEYS", "*").AsStrSlice()
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{"shop:entry:{id:42}", "shop:settling:{id:42}"}, keys)

	for _, key := range keys {
		value, err := server.do("GET", key).ToString()
		require.NoError(t, err)

		for _, secret := range []string{nonce.Value, kanuutest.DefaultAPIKey, "ann@example.com"} {
			assert.NotContains(t, value, secret)
		}

		ttl, err := server.do("PTTL", key).AsInt64()
		require.NoError(t, err)
		assert.Positive(t, ttl)
	}
}

func TestWhatOthersWroteIsLeftAlone(t *testing.T) {
	t.Parallel()

	for name, value := range map[string]string{
		"no number": "something else", "no JSON": "0 something else", "empty": "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			server := startRedis(t)
			log := new(journal)
			options := patient(kanuu.CacheOptions{})
			options.Logger = log.logger()
			cache := newCache(t, server.option(), options)

			require.NoError(t, server.do("SET", "kanuu:entry:{id:42}", value, "PX", "60000").Error())
			requireLoad(t, cache, "42", plan(1))
			requireKnown(t, cache, "42", plan(1))
			assert.Empty(t, log.String())
		})
	}
}

func TestFlush(t *testing.T) {
	t.Parallel()

	server, a, b := twoMachines(t, kanuu.CacheOptions{})
	requireLoad(t, a, "42", plan(1))
	requireKnown(t, b, "42", plan(1))
	require.NoError(t, server.do("FLUSHALL").Error())

	for _, cache := range []*kanuuredis.Cache{a, b} {
		eventually(t, func() bool {
			subscription, err := cache.Get(t.Context(), "42", says(plan(2)))
			require.NoError(t, err)

			return subscription == plan(2)
		}, "asked anew")
	}
}

func TestCluster(t *testing.T) {
	t.Parallel()

	server := startRedis(t, "--cluster-enabled", "yes")
	require.NoError(t, server.do("CLUSTER", "ADDSLOTSRANGE", "0", "16383").Error())
	eventually(t, func() bool {
		info, err := server.do("CLUSTER", "INFO").ToString()
		require.NoError(t, err)

		return strings.Contains(info, "cluster_state:ok")
	}, "a cluster")

	a := newCache(t, server.option(), patient(kanuu.CacheOptions{}))
	b := newCache(t, server.option(), patient(kanuu.CacheOptions{}))

	for i := range 50 {
		identifier := fmt.Sprintf("}%d{", i)
		requireLoad(t, a, identifier, plan(1))
		requireKnown(t, b, identifier, plan(1))
		require.NoError(t, b.Forget(t.Context(), identifier))
		eventually(t, func() bool {
			subscription, err := a.Get(t.Context(), identifier, says(plan(2)))
			require.NoError(t, err)

			return subscription == plan(2)
		}, "forgotten")
	}
}

func TestStats(t *testing.T) {
	t.Parallel()

	_, a, b := twoMachines(t, kanuu.CacheOptions{})

	requireLoad(t, a, "42", plan(1))
	requireKnown(t, a, "42", plan(1))
	requireKnown(t, b, "42", plan(1))
	requireKnown(t, b, "42", plan(1))

	assert.Equal(t, kanuu.CacheStats{Hits: 1, Misses: 1, Entries: 1}, a.Stats())
	assert.Equal(t, kanuu.CacheStats{Hits: 2, Entries: 1}, b.Stats())
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()

	_, err := kanuuredis.New(rueidis.ClientOption{
		DisableCache: true, ReplicaOnly: true, ClientTrackingOptions: []string{"OPTIN"},
	}, &kanuuredis.Options{
		Cache: kanuu.CacheOptions{Fresh: -1, Keep: -1}, Prefix: "{a}", Timeout: -1,
	})

	var invalid *kanuu.ConfigError
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Problems, 8, "all at once: %v", invalid)
}

func TestRefusal(t *testing.T) {
	t.Parallel()

	server := startRedis(t, "--requirepass", "right")

	for name, password := range map[string]string{"no password": "", "wrong password": "hunter2"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			option := server.option()
			option.Password = password

			_, err := kanuuredis.New(option, nil)
			require.Error(t, err)
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestClose(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	log := new(journal)
	options := patient(kanuu.CacheOptions{})
	options.Logger = log.logger()
	cache := newCache(t, server.option(), options)

	requireLoad(t, cache, "42", plan(1))

	load := newHeld()
	late := get(t.Context(), cache, "43", load.load)
	receive(t, load.started, "the load")

	cache.Close()
	cache.Close()

	load.say <- plan(2)

	assert.Equal(t, got{subscription: plan(2)}, receive(t, late, "what was under way"))
	requireKnown(t, cache, "42", plan(1))
	requireLoad(t, cache, "44", plan(3))
	require.ErrorIs(t, cache.Forget(t.Context(), "42"), kanuuredis.ErrNotShared)
	requireLoad(t, cache, "42", plan(4))
	assert.Empty(t, log.String())
}

func TestAPanicOfALoadIsAnError(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	cache := newCache(t, server.option(), patient(kanuu.CacheOptions{}))

	_, err := cache.Get(t.Context(), "42", func(context.Context, string) (kanuu.Subscription, error) { panic("boom") })
	require.ErrorContains(t, err, "boom")
	requireLoad(t, cache, "42", plan(1))
}
