package kanuuredis_test

import (
	"context"
	"crypto/rand"
	"io"
	"net"
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
	address, log := newEndpoint(t, primary), new(journal)
	cache := newCache(t, address.option(), logged(log, kanuu.CacheOptions{}))
	requireLoad(t, cache, "42", plan(1))
	claim := func(alertID string) (bool, error) { return cache.Begin(t.Context(), alertID, time.Minute) }
	fresh, err := claim("1")
	require.NoError(t, err)
	require.True(t, fresh)

	// The old connection stays open, and ends at a server that takes no writes any more.
	require.NoError(t, replica.do("REPLICAOF", "NO", "ONE").Error())
	address.target.Store(replica)
	primary.replicate(replica)
	start := time.Now()
	_, err = claim("2")
	require.ErrorContains(t, err, "READONLY")
	eventually(t, func() bool {
		fresh, err := claim("2")
		return err == nil && fresh
	}, "a new connection")
	assert.Less(t, time.Since(start), recoverySoon)

	// Both ways: what one instance forgets, the other hears of.
	other := newCache(t, replica.option(), patient(kanuu.CacheOptions{}))
	requireLoad(t, cache, "43", plan(1))
	requireKnown(t, other, "43", plan(1))
	require.NoError(t, cache.Forget(t.Context(), "43"))
	eventually(t, func() bool {
		subscription, err := other.Get(t.Context(), "43", says(plan(2)))
		require.NoError(t, err)
		return subscription == plan(2)
	}, "forgotten on the other instance")
	requireKnown(t, cache, "43", plan(2))
	require.NoError(t, other.Forget(t.Context(), "43"))
	eventually(t, func() bool {
		subscription, err := cache.Get(t.Context(), "43", says(plan(3)))
		require.NoError(t, err)
		return subscription == plan(3)
	}, "forgotten on this instance")
	assert.Equal(t, 1, log.count("level=WARN"), log.String())
	assert.Equal(t, 1, log.count("level=INFO"), log.String())
}

func TestNewNamesWhatRedisRefuses(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	for rights, want := range map[string]string{
		"~* +@all -@scripting":      "'eval'",
		"~* +@all -get":             "'get'",
		"~* +@all -set":             "'set'",
		"~* +@all -del":             "'del'",
		"~* +@all -exists":          "'exists'",
		"~* +@all -pttl":            "'pttl'",
		"~* +@all -pexpire":         "'pexpire'",
		"~* +@all -client|tracking": "CLIENT TRACKING",
		"~other:* +@all":            "Options.Prefix",
		"~kanuu:* +get +set +del +exists +pttl +pexpire +eval +client|tracking": "",
	} {
		t.Run(rights, func(t *testing.T) {
			t.Parallel()
			user := rand.Text()
			rule := append([]string{"ACL", "SETUSER", user, "reset", "on", ">secret"}, strings.Fields(rights)...)
			require.NoError(t, server.do(rule...).Error())
			option, log := server.option(), new(journal)
			option.Username, option.Password = user, "secret"
			cache, err := kanuuredis.New(option, logged(log, kanuu.CacheOptions{}))
			if want == "" {
				require.NoError(t, err)
				defer cache.Close()
				requireLoad(t, cache, "42", plan(1))
				require.NoError(t, cache.Forget(t.Context(), "42"))
				require.NoError(t, claimAndFree(t, cache))
			} else {
				require.ErrorContains(t, err, want)
				assert.NotContains(t, err.Error(), "secret")
				assert.NotContains(t, err.Error(), "DisableCache")
			}
			assert.Empty(t, log.String())
		})
	}
	for _, command := range []string{"EVAL", "DEL", "HELLO"} {
		t.Run(command+" renamed", func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, "--rename-command", command, "")
			_, err := kanuuredis.New(server.option(), patient(kanuu.CacheOptions{}))
			require.ErrorContains(t, err, "kanuuredis: connect: ")
			assert.NotContains(t, err.Error(), "DisableCache")
		})
	}
}

// claimAndFree claims a new alert and gives it back, as for a function that failed.
func claimAndFree(tb testing.TB, cache *kanuuredis.Cache) error {
	tb.Helper()
	alertID := rand.Text()
	if _, err := cache.Begin(tb.Context(), alertID, time.Minute); err != nil {
		return err
	}
	return cache.End(tb.Context(), alertID, false)
}

func TestRefusalWhileRunning(t *testing.T) {
	t.Parallel()
	for name, rights := range map[string]struct{ denied, allowed string }{
		"scripts":  {"-@scripting", "+@scripting"},
		"writes":   {"-@write", "+@write"},
		"GET":      {"-get", "+get"},
		"DEL":      {"-del", "+del"},
		"our keys": {"resetkeys", "~*"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, log := startRedis(t), new(journal)
			cache := newCache(t, server.option(), logged(log, kanuu.CacheOptions{}))
			requireLoad(t, cache, "42", plan(1))
			require.NoError(t, claimAndFree(t, cache))
			require.NoError(t, server.do("ACL", "SETUSER", "default", rights.denied).Error())
			for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(tick) { // tried twice meanwhile
				require.Error(t, claimAndFree(t, cache))
				requireKnown(t, cache, "42", plan(1))
			}
			assert.Equal(t, 1, log.count("\n"), log.String())
			require.NoError(t, server.do("ACL", "SETUSER", "default", rights.allowed).Error())
			start := time.Now()
			eventually(t, func() bool { return claimAndFree(t, cache) == nil }, "recovery")
			assert.Less(t, time.Since(start), recoverySoon)
			require.NoError(t, cache.Forget(t.Context(), "43"))
			assert.Equal(t, 1, log.count("level=WARN"), log.String())
			assert.Equal(t, 1, log.count("level=INFO"), log.String())
		})
	}
}

func TestAnotherCauseIsLoggedOnce(t *testing.T) {
	t.Parallel()
	t.Run("full, and then refused", func(t *testing.T) {
		t.Parallel()
		server, log := startRedis(t), new(journal)
		cache := newCache(t, server.option(), logged(log, kanuu.CacheOptions{}))
		require.NoError(t, server.do("CONFIG", "SET", "maxmemory", "1").Error())
		require.ErrorContains(t, claimAndFree(t, cache), "OOM")
		for range 2 {
			require.NoError(t, server.do("ACL", "SETUSER", "default", "-set").Error())
			eventually(t, func() bool { return log.count("NOPERM") == 1 }, "the other cause")
			require.NoError(t, server.do("ACL", "SETUSER", "default", "+set").Error())
		}
		require.NoError(t, server.do("CONFIG", "SET", "maxmemory", "0").Error())
		eventually(t, func() bool { return claimAndFree(t, cache) == nil }, "recovery")
		assert.Equal(t, 2, log.count("level=WARN"), log.String())
		assert.Equal(t, 1, log.count("level=INFO"), log.String())
	})
	t.Run("down, and then with another password", func(t *testing.T) {
		t.Parallel()
		server, log := startRedis(t), new(journal)
		server.kill()
		cache := newCache(t, server.option(), logged(log, kanuu.CacheOptions{}))
		server.args = []string{"--requirepass", "another"}
		server.start()
		eventually(t, func() bool { return log.count("NOAUTH") == 1 }, "the other cause")
		server.kill()
		server.args = nil
		server.start()
		eventually(t, func() bool { return claimAndFree(t, cache) == nil }, "recovery")
		assert.Equal(t, 2, log.count("level=WARN"), log.String())
		assert.Equal(t, 1, log.count("level=INFO"), log.String())
	})
}

func TestAKeyOfAnotherTypeIsNoOutage(t *testing.T) {
	t.Parallel()
	server, log := startRedis(t), new(journal)
	cache := newCache(t, server.option(), logged(log, kanuu.CacheOptions{}))
	for _, key := range []string{"kanuu:entry:{id:42}", "kanuu:lock:{id:43}", "kanuu:alert:{id:7}"} {
		require.NoError(t, server.do("HSET", key, "a", "b").Error())
	}
	for _, identifier := range []string{"42", "43", "44"} {
		requireLoad(t, cache, identifier, plan(1))
		requireKnown(t, cache, identifier, plan(1))
	}
	_, err := cache.Begin(t.Context(), "7", time.Minute)
	require.ErrorContains(t, err, "WRONGTYPE")
	require.NoError(t, claimAndFree(t, cache))
	requireKnown(t, newCache(t, server.option(), patient(kanuu.CacheOptions{})), "44", plan(1))
	require.NoError(t, cache.Forget(t.Context(), "42")) // mends it
	requireLoad(t, cache, "42", plan(2))
	requireKnown(t, newCache(t, server.option(), patient(kanuu.CacheOptions{})), "42", plan(2))
	assert.Empty(t, log.String())
}
