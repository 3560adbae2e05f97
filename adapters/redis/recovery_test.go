package kanuuredis_test

import (
	"context"
	"crypto/rand"
	"io"
	"net"
	"strconv"
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

// recoverySoon is how long Redis may work again before it is used again.
const recoverySoon = 5 * time.Second

// endpoint is an address that stays the same while the server behind it changes,
// as a DNS name or a Kubernetes Service does. Connections stay where they are.
type endpoint struct {
	listener net.Listener
	target   atomic.Pointer[redisServer]
}

func newEndpoint(tb testing.TB, target *redisServer) *endpoint {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	e := &endpoint{listener: listener}
	e.target.Store(target)
	ctx, cancel := context.WithCancel(context.WithoutCancel(tb.Context()))
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { e.serve(ctx, conn) })
		}
	})
	tb.Cleanup(func() {
		_ = listener.Close()
		cancel()
		running.Wait()
	})
	return e
}

// serve copies both ways until either side ends, or ctx does.
func (e *endpoint) serve(ctx context.Context, client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", e.target.Load().address)
	if err != nil {
		return
	}
	end := func() { _, _ = client.Close(), server.Close() }
	defer context.AfterFunc(ctx, end)()
	var copying sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		copying.Go(func() {
			defer end()
			_, _ = io.Copy(pair[0], pair[1])
		})
	}
	copying.Wait()
}

func (e *endpoint) option() rueidis.ClientOption {
	return rueidis.ClientOption{InitAddress: []string{e.listener.Addr().String()}}
}

// replicate makes s a replica of primary, and returns when it has everything.
func (s *redisServer) replicate(primary *redisServer) {
	s.t.Helper()
	host, port, err := net.SplitHostPort(primary.address)
	require.NoError(s.t, err)
	require.NoError(s.t, s.do("REPLICAOF", host, port).Error())
	eventually(s.t, func() bool {
		info, err := s.do("INFO", "replication").ToString()
		require.NoError(s.t, err)
		return strings.Contains(info, "master_link_status:up")
	}, "replication")
}

func TestFailoverBehindAnEndpoint(t *testing.T) {
	t.Parallel()
	primary, replica := startRedis(t, "--repl-diskless-sync-delay", "0"), startRedis(t, "--repl-diskless-sync-delay", "0")
	replica.replicate(primary)
	address, log, fake := newEndpoint(t, primary), new(journal), newFake(t)
	store := newStore(t, address.option(), log)
	client := newClient(t, fake, store)
	fresh, err := store.Begin(t.Context(), "1", time.Minute)
	require.NoError(t, err)
	require.True(t, fresh)

	// The old connection stays open, and ends at a server that takes no writes any more.
	require.NoError(t, replica.do("REPLICAOF", "NO", "ONE").Error())
	address.target.Store(replica)
	primary.replicate(replica)
	began := time.Now()
	_, err = store.Begin(t.Context(), "2", time.Minute)
	require.ErrorContains(t, err, "READONLY")
	eventually(t, func() bool { return claimAndFree(t, store) == nil }, "a new connection")
	assert.Less(t, time.Since(began), recoverySoon)

	// Both ways: what one instance invalidates, the other sees.
	other := newClient(t, fake, newStore(t, replica.option(), nil))
	for _, pair := range [][2]*kanuu.Client{{client, other}, {other, client}} {
		requireSeen(t, fake, pair[0], pair[1])
	}
	assert.Equal(t, 1, log.count("level=WARN"), log.String())
	assert.Equal(t, 1, log.count("level=INFO"), log.String())
}

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

// While Redis is unavailable, cached subscribers keep their access, new ones are
// fetched from Kanuu, no page waits, and webhooks are refused. One line is logged when
// it begins and one when it ends.
func TestOutage(t *testing.T) {
	t.Parallel()
	acl := func(rule ...string) func(*testing.T, *redisServer) {
		return func(t *testing.T, server *redisServer) {
			t.Helper()
			require.NoError(t, server.do(append([]string{"ACL", "SETUSER", "default"}, rule...)...).Error())
		}
	}
	config := func(name, value string) func(*testing.T, *redisServer) {
		return func(t *testing.T, server *redisServer) {
			t.Helper()
			require.NoError(t, server.do("CONFIG", "SET", name, value).Error())
		}
	}
	for name, tc := range map[string]struct {
		begin, end func(*testing.T, *redisServer)
		slowest    time.Duration // page, when it begins
	}{
		"kill -9, restarted empty": {
			func(_ *testing.T, s *redisServer) { s.kill() }, func(_ *testing.T, s *redisServer) { s.start() }, 0,
		},
		"hangs": {
			func(_ *testing.T, s *redisServer) { s.signal("STOP") }, func(_ *testing.T, s *redisServer) { s.signal("CONT") },
			250 * time.Millisecond,
		},
		"refuses writes":   {acl("-@write"), acl("+@write"), 0},
		"refuses GET":      {acl("-get"), acl("+get"), 0},
		"refuses our keys": {acl("resetkeys"), acl("~*"), 0},
		"is full":          {config("maxmemory", "1"), config("maxmemory", "0"), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, log, fake := startRedis(t), new(journal), newFake(t)
			store := newStore(t, server.option(), log)
			client := newClient(t, fake, store)
			for i := range 100 {
				fake.SetSubscription(strconv.Itoa(i), kanuutest.Subscription{Status: kanuutest.StatusActive})
			}
			subscribed := func(id int) {
				t.Helper()
				began := time.Now()
				subscription, err := client.Subscription(t.Context(), strconv.Itoa(id))
				require.NoError(t, err)
				assert.True(t, subscription.IsSubscribed)
				assert.Less(t, time.Since(began), tc.slowest+4*time.Second, "a lock may have been left behind, for 3 s")
			}
			subscribed(0)
			tc.begin(t, server)
			for i := 1; i < 20; i++ {
				subscribed(0)
				subscribed(i)
			}
			eventually(t, func() bool { return claimAndFree(t, store) != nil }, "the outage is noticed")
			require.Error(t, client.InvalidateSubscription(t.Context(), "0"))
			subscribed(0)
			eventually(t, func() bool { return log.count("level=WARN") == 1 }, "one line")

			tc.end(t, server)
			began := time.Now()
			eventually(t, func() bool { return claimAndFree(t, store) == nil }, "recovery")
			assert.Less(t, time.Since(began), recoverySoon)
			eventually(t, func() bool { return client.InvalidateSubscription(t.Context(), "0") == nil }, "invalidation")
			subscribed(0)
			assert.Equal(t, 1, log.count("level=WARN"), log.String())
			assert.Equal(t, 1, log.count("level=INFO"), log.String())
		})
	}
}

// What was invalidated during an outage is told to the other instances after it.
func TestInvalidationDuringAnOutage(t *testing.T) {
	t.Parallel()
	server, fake := startRedis(t), newFake(t)
	one, other := newClient(t, fake, newStore(t, server.option(), nil)), newClient(t, fake, newStore(t, server.option(), nil))
	isSubscribed := func(client *kanuu.Client) bool {
		subscription, err := client.Subscription(t.Context(), "42")
		require.NoError(t, err)
		return subscription.IsSubscribed
	}
	require.False(t, isSubscribed(one))
	require.False(t, isSubscribed(other))
	server.kill()
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	require.Error(t, one.InvalidateSubscription(t.Context(), "42"))
	require.True(t, isSubscribed(one))
	server.start()
	eventually(t, func() bool { return isSubscribed(other) }, "the other instance sees it when Redis is back")
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
		assert.Equal(t, 2, log.count("level=WARN"), log.String())
		assert.Equal(t, 1, log.count("level=INFO"), log.String())
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
		assert.Equal(t, 2, log.count("level=WARN"), log.String())
		assert.Equal(t, 1, log.count("level=INFO"), log.String())
	})
}

// A key that somebody else has written is that key's miss, and mended.
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
