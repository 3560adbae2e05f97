package kanuuredis_test

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// requireSeen changes a subscription, invalidates it on one instance and waits until
// the other one sees it.
func requireSeen(tb testing.TB, fake *kanuutest.Server, one, other *kanuu.Client) {
	tb.Helper()
	plan := func(client *kanuu.Client) int64 {
		subscription, err := client.Subscription(tb.Context(), "42")
		require.NoError(tb, err)
		return subscription.PlanID
	}
	before := plan(other)
	_ = plan(one)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: before + 1})
	require.NoError(tb, one.InvalidateSubscription(tb.Context(), "42"))
	require.Equal(tb, before+1, plan(one))
	eventually(tb, func() bool { return plan(other) == before+1 }, "the invalidation is seen by the other instance")
}

func TestNewNamesWhatRedisRefuses(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	for rights, want := range map[string]string{
		"~* +@all -get":             "'get'",
		"~* +@all -set":             "'set'",
		"~* +@all -del":             "'del'",
		"~* +@all -pttl":            "'pttl'",
		"~* +@all -client|tracking": "CLIENT TRACKING",
		"~other:* +@all":            "Options.Prefix",
		"~* +@all -@scripting":      "",
		"~kanuu:* +get +set +del +pttl +client|tracking": "",
	} {
		t.Run(rights, func(t *testing.T) {
			t.Parallel()
			user := rand.Text()
			rule := append([]string{"ACL", "SETUSER", user, "reset", "on", ">secret"}, strings.Fields(rights)...)
			require.NoError(t, server.do(rule...).Error())
			option, log := server.option(), new(journal)
			option.Username, option.Password = user, "secret"
			store, err := kanuuredis.New(option, &kanuuredis.Options{Logger: log.logger()})
			if want == "" {
				require.NoError(t, err)
				defer store.Close()
				require.NoError(t, store.Invalidate(t.Context(), "42"))
				require.NoError(t, claimAndFree(t, store))
			} else {
				require.ErrorContains(t, err, want)
				assert.NotContains(t, err.Error(), "secret")
				assert.NotContains(t, err.Error(), "DisableCache")
			}
			assert.Empty(t, log.String())
		})
	}
	for _, command := range []string{"DEL", "HELLO"} {
		t.Run(command+" renamed", func(t *testing.T) {
			t.Parallel()
			_, err := kanuuredis.New(startRedis(t, "--rename-command", command, "").option(), nil)
			require.ErrorContains(t, err, "kanuuredis: connect: ")
			assert.NotContains(t, err.Error(), "DisableCache")
		})
	}
}

// claimAndFree claims a new alert and gives it back, as for a handler that failed.
func claimAndFree(tb testing.TB, store *kanuuredis.Store) error {
	tb.Helper()
	alertID := rand.Text()
	if _, err := store.Begin(tb.Context(), alertID, time.Minute); err != nil {
		return err
	}
	return store.End(tb.Context(), alertID, false)
}

func TestAnotherCauseIsLoggedOnce(t *testing.T) {
	t.Parallel()
	t.Run("full, and then refused", func(t *testing.T) {
		t.Parallel()
		server, log := startRedis(t), new(journal)
		store := newStore(t, server.option(), log)
		require.NoError(t, server.do("CONFIG", "SET", "maxmemory", "1").Error())
		require.ErrorContains(t, claimAndFree(t, store), "OOM")
		for range 2 {
			require.NoError(t, server.do("ACL", "SETUSER", "default", "-set").Error())
			eventually(t, func() bool { return log.count("NOPERM") == 1 }, "the other cause")
			require.NoError(t, server.do("ACL", "SETUSER", "default", "+set").Error())
		}
		require.NoError(t, server.do("CONFIG", "SET", "maxmemory", "0").Error())
		eventually(t, func() bool { return claimAndFree(t, store) == nil }, "recovery")
		eventually(t, func() bool { return log.count("level=INFO") == 1 }, "the end of the outage")
		assert.Equal(t, 2, log.count("level=WARN"), log.String())
	})
	t.Run("down from the start, and then with another password", func(t *testing.T) {
		t.Parallel()
		server, log := startRedis(t), new(journal)
		server.kill()
		store := newStore(t, server.option(), log)
		server.args = []string{"--requirepass", "another"}
		server.start()
		eventually(t, func() bool { return log.count("NOAUTH") == 1 }, "the other cause")
		server.kill()
		server.args = nil
		server.start()
		eventually(t, func() bool { return claimAndFree(t, store) == nil }, "recovery")
		eventually(t, func() bool { return log.count("level=INFO") == 1 }, "the end of the outage")
		assert.Equal(t, 2, log.count("level=WARN"), log.String())
	})
}

// A key that another program has written is a miss for this key, and is replaced.
func TestForeignKeyIsNoOutage(t *testing.T) {
	t.Parallel()
	server, log := startRedis(t), new(journal)
	store := newStore(t, server.option(), log)
	ctx := t.Context()
	for _, key := range []string{"entry:{id:a}", "version:{id:b}", "lock:{id:c}", "alert:{id:7}"} {
		require.NoError(t, server.do("HSET", "kanuu:"+key, "a", "b").Error())
	}
	require.NoError(t, server.do("SET", "kanuu:entry:{id:d}", "unreadable").Error())
	for _, key := range []string{"a", "b", "c", "d"} {
		entry, err := store.Get(ctx, key)
		require.NoError(t, err)
		require.Nil(t, entry.Value)
		eventually(t, func() bool {
			locked, err := store.Lock(ctx, key, time.Minute)
			return err == nil && locked
		}, "a lock that would never end is freed")
		require.NoError(t, store.Set(ctx, key, []byte("v"), entry.Version, 0))
		entry, err = store.Get(ctx, key)
		require.NoError(t, err)
		assert.Equal(t, "v", string(entry.Value), key)
		require.NoError(t, store.Invalidate(ctx, key))
	}
	_, err := store.Begin(ctx, "7", time.Minute)
	require.ErrorContains(t, err, "WRONGTYPE")
	require.NoError(t, claimAndFree(t, store))
	assert.Empty(t, log.String())
}
