package kanuuredis_test

import (
	"slices"
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
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(*testing.T) *redisServer{
		"one server": func(t *testing.T) *redisServer { t.Helper(); return startRedis(t) },
		"no scripts": func(t *testing.T) *redisServer {
			t.Helper()
			return startRedis(t, "--rename-command", "EVAL", "", "--rename-command", "EVALSHA", "")
		},
		"cluster": func(t *testing.T) *redisServer { t.Helper(); return startCluster(t, 1)[0] },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conformance.TestSharedCache(t, func(t *testing.T) func() kanuu.SharedCache {
				t.Helper()
				server := start(t)
				return func() kanuu.SharedCache { return newStore(t, server.option(), nil) }
			})
		})
	}
}

// The other instance sees an invalidation within 100 ms, but for one in a hundred.
func TestInvalidationIsSeenSoon(t *testing.T) {
	t.Parallel()
	machine, server, fake := watchMachine(t), startRedis(t), newFake(t)
	one, other := newClient(t, fake, newStore(t, server.option(), nil)), newClient(t, fake, newStore(t, server.option(), nil))
	took := make([]time.Duration, 300)
	for i := range took {
		began := time.Now()
		requireSeen(t, fake, one, other)
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	t.Logf("median %v, 99 %% %v, slowest %v, with three calls to Kanuu", took[150], took[297], took[299])
	assert.Less(t, took[297], machine.most(100*time.Millisecond))
}

// An instance that stores while another one invalidates is notified all the same.
func TestInvalidationWhileStoring(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	one, other := newStore(t, server.option(), nil), newStore(t, server.option(), nil)
	var notices atomic.Int64
	defer other.Watch(func(string) { notices.Add(1) })()
	for i := range 2000 {
		before := notices.Load()
		var both sync.WaitGroup
		both.Go(func() { _ = other.Set(t.Context(), "42", []byte("v"), "", 0) })
		both.Go(func() { eventually(t, func() bool { return one.Invalidate(t.Context(), "42") == nil }, "invalidated") })
		both.Wait()
		for deadline := time.Now().Add(soon); notices.Load() == before; time.Sleep(tick) {
			require.True(t, time.Now().Before(deadline), "not notified, try %d", i)
		}
	}
}

// Only identifiers, subscriptions and alert ids are in Redis, and every key ends.
func TestKeysInRedis(t *testing.T) {
	t.Parallel()
	server, fake := startRedis(t), newFake(t)
	store := newStore(t, server.option(), nil)
	client := newClient(t, fake, store)
	fake.SetSubscription("user:42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 7})
	_, err := client.Subscription(t.Context(), "user:42")
	require.NoError(t, err)
	_, err = client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "user:42", Email: "ann@example.com"})
	require.NoError(t, err)
	fresh, err := store.Begin(t.Context(), "7", 1<<40)
	require.NoError(t, err)
	require.True(t, fresh)
	require.NoError(t, store.End(t.Context(), "7", true))

	var keys []string
	eventually(t, func() bool {
		keys, err = server.do("KEYS", "*").AsStrSlice()
		require.NoError(t, err)
		return len(keys) == 3
	}, "an entry, a version and an alert")
	for _, key := range keys {
		assert.Regexp(t, `^kanuu:(entry|version|alert):\{id:([\w-]{12}:user:42|7)\}$`, key)
		left, err := server.do("PTTL", key).AsInt64()
		require.NoError(t, err)
		assert.Positive(t, left, key)
		value, err := server.do("GET", key).ToString()
		require.NoError(t, err)
		for _, secret := range []string{kanuutest.DefaultAPIKey, "ann@", "http"} {
			assert.NotContains(t, value, secret)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	_, err := kanuuredis.New(rueidis.ClientOption{
		DisableCache: true, ReplicaOnly: true,
	}, &kanuuredis.Options{Prefix: "{a}"})
	var invalid *kanuu.ConfigError
	require.ErrorAs(t, err, &invalid)
	assert.Len(t, invalid.Problems, 4, "all at once: %v", invalid)
	for _, url := range []string{"", "localhost", "redis://user:hunter2@host:port", "redis://a:hunt%er2@b"} {
		_, err := kanuuredis.NewFromURL(url, nil)
		require.ErrorAs(t, err, &invalid, url)
		assert.NotContains(t, err.Error(), "hunt")
	}
	server := startRedis(t, "--requirepass", "right")
	_, err = kanuuredis.NewFromURL("redis://:hunter2@"+server.address, nil)
	require.ErrorContains(t, err, "check the user and the password")
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestClose(t *testing.T) {
	t.Parallel()
	server, log, fake := startRedis(t), new(journal), newFake(t)
	store := newStore(t, server.option(), log)
	client := newClient(t, fake, store)
	store.Close()
	store.Close()
	_, err := client.Subscription(t.Context(), "42")
	require.NoError(t, err)
	require.Error(t, claimAndFree(t, store))
	assert.Empty(t, log.String())
}
