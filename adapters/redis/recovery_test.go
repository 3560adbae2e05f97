package kanuuredis_test

import (
	"context"
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
