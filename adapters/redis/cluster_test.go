package kanuuredis_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const slots = 16384

// cluster of primaries only, which serves the other slots if one of them is down
// (cluster-require-full-coverage no).
type cluster []*redisServer

func startNode(t *testing.T) *redisServer {
	t.Helper()
	return startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-require-full-coverage", "no")
}

func startCluster(t *testing.T, size int) cluster {
	t.Helper()
	c := make(cluster, size)
	for i := range c {
		c[i] = startNode(t)
		c[i].command("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		c[i].command("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/size), strconv.Itoa((i+1)*slots/size-1))
	}
	c.meet()
	c.serve()
	return c
}

// serve waits until each node serves all slots or knows which one does.
func (c cluster) serve() {
	for _, node := range c {
		eventually(node.t, func() bool {
			info := node.command("CLUSTER", "INFO")
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_slots_ok:16384")
		}, "a cluster")
	}
}

// meet introduces all nodes to the first one.
func (c cluster) meet() {
	for _, node := range c[1:] {
		host, port := node.host()
		c[0].command("CLUSTER", "MEET", host, port)
	}
	for _, node := range c {
		eventually(node.t, func() bool {
			return strings.Contains(node.command("CLUSTER", "INFO"), fmt.Sprintf("cluster_known_nodes:%d\r", len(c)))
		}, "the nodes know each other")
	}
}

func (c cluster) option() rueidis.ClientOption { return c[0].option() }

// slot that key's kinds are in.
func (c cluster) slot(key string) int64 {
	slot, err := c[0].do("CLUSTER", "KEYSLOT", "id:"+key).AsInt64()
	require.NoError(c[0].t, err)
	return slot
}

// keyOf returns the key of a customer whose entry is stored.
func (c cluster) keyOf(identifier string) string {
	for _, node := range c {
		keys, err := node.do("KEYS", "kanuu:entry:{id:*:"+identifier+"}").AsStrSlice()
		require.NoError(node.t, err)
		for _, key := range keys {
			return strings.TrimSuffix(strings.TrimPrefix(key, "kanuu:entry:{id:"), "}")
		}
	}
	require.FailNow(c[0].t, "no entry")
	return ""
}

// move moves a slot to the last node, as redis-cli --cluster reshard does.
func (c cluster) move(slot int64) {
	number, to := strconv.FormatInt(slot, 10), c[len(c)-1]
	from := c[slot*int64(len(c)-1)/slots]
	fromID, toID := from.command("CLUSTER", "MYID"), to.command("CLUSTER", "MYID")
	to.command("CLUSTER", "SETSLOT", number, "IMPORTING", fromID)
	from.command("CLUSTER", "SETSLOT", number, "MIGRATING", toID)
	keys, err := from.do("CLUSTER", "GETKEYSINSLOT", number, "100").AsStrSlice()
	require.NoError(from.t, err)
	host, port := to.host()
	for _, key := range keys {
		from.command("MIGRATE", host, port, key, "0", "5000")
	}
	for _, node := range append(cluster{to, from}, c...) { // the new owner first
		node.command("CLUSTER", "SETSLOT", number, "NODE", toID)
	}
}

// The customers and the webhooks of the other shards notice nothing.
func TestOneShardIsDown(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ begin, end func(*redisServer) }{
		"kill -9": {(*redisServer).kill, (*redisServer).start},
		"hangs":   {func(s *redisServer) { s.signal("STOP") }, func(s *redisServer) { s.signal("CONT") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nodes := startCluster(t, 3)
			s := newSite(t, nodes.option())
			isDown := func(key string) bool { return nodes.slot(key) >= 2*slots/3 }
			keys := make([]string, 100)
			for i := range keys {
				keys[i] = strconv.Itoa(i)
			}
			prefix, before := strings.TrimSuffix(nodes.keyOf("0"), "0"), len(s.fake.Requests())
			nodes[2].awaitUnlock()
			tc.begin(nodes[2])
			for began := time.Now(); time.Since(began) < faultTime; {
				s.open()
			}
			others := 0
			for _, request := range s.fake.Requests()[before:] {
				id, err := strconv.Atoi(request.Identifier())
				require.NoError(t, err)
				if id < known && !isDown(prefix+request.Identifier()) {
					others++
				}
			}
			if !s.machine.isBusy() {
				assert.Zero(t, others, "calls to Kanuu for cached customers of other shards")
			}
			store, refused := s.instances[0].store, 0
			for _, key := range keys {
				_, err := store.Get(t.Context(), key)
				fresh, claimErr := store.Begin(t.Context(), key, time.Minute)
				if isDown(key) {
					refused++
					require.Error(t, err)
					require.Error(t, claimErr)
					require.Error(t, store.Invalidate(t.Context(), key))
					if name == "hangs" {
						break // each takes a second
					}
					continue
				}
				require.NoError(t, err)
				require.NoError(t, claimErr)
				require.True(t, fresh)
				require.NoError(t, store.End(t.Context(), key, true))
				require.NoError(t, store.Invalidate(t.Context(), key))
			}
			if name != "hangs" {
				assert.InDelta(t, len(keys)/3, refused, 15)
			}
			for _, instance := range s.instances {
				if !s.machine.isBusy() {
					assert.Equal(t, 1, instance.log.count("level=WARN"), instance.log.String())
				}
			}
			s.set(0, 2)
			_ = s.instances[0].client.InvalidateSubscription(t.Context(), "0")
			tc.end(nodes[2])
			s.recover(time.Now(), true)
			s.requirePages()
		})
	}
}

// An instance is notified of a key which has moved to a node that the instance has
// never sent a command to.
func TestClusterGrows(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t, 3)
	s := newSite(t, nodes.option())
	var mu sync.Mutex
	seen := make(map[string]int)
	defer s.instances[1].store.Watch(func(key string) {
		mu.Lock()
		defer mu.Unlock()
		seen[key]++
	})()
	count := func(key string) int {
		mu.Lock()
		defer mu.Unlock()
		return seen[""] + seen[key]
	}

	nodes = append(nodes, startNode(t))
	nodes.meet()
	nodes.serve()
	for _, key := range []string{nodes.keyOf("0"), "never stored"} {
		nodes.move(nodes.slot(key))
		before, began := count(key), time.Now()
		require.NoError(t, s.instances[0].store.Invalidate(t.Context(), key))
		eventually(t, func() bool { return count(key) > before }, "the other instance is notified")
		took := time.Since(began)
		t.Logf("%q: notified after %v", key, took)
		assert.Less(t, took, s.machine.most(recoverySoon))
	}
	s.set(0, 2)
	require.NoError(t, s.instances[0].client.InvalidateSubscription(t.Context(), "0"))
	s.recover(time.Now(), false)
	s.requirePages()
}

// startSentinel watches over primary.
func startSentinel(t *testing.T, primary *redisServer) *redisServer {
	t.Helper()
	host, port := primary.host()
	file := filepath.Join(t.TempDir(), "sentinel.conf") // Sentinel writes to it
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, "sentinel monitor kanuu %s %s 1\n"+
		"sentinel down-after-milliseconds kanuu 500\nsentinel failover-timeout kanuu 5000\n", host, port), 0o600))
	return startServer(t, file, "--sentinel")
}

func TestSentinelFailover(t *testing.T) {
	t.Parallel()
	primary, replica := startRedis(t), startRedis(t)
	replica.replicate(primary)
	sentinel := startSentinel(t, primary)
	eventually(t, func() bool {
		return strings.Contains(sentinel.command("INFO", "sentinel"), "slaves=1")
	}, "Sentinel knows the replica")
	s := newSite(t, rueidis.ClientOption{
		InitAddress: []string{sentinel.address}, Sentinel: rueidis.SentinelOption{MasterSet: "kanuu"},
	})
	primary.awaitUnlock()
	replica.awaitUnlock()
	primary.kill()
	assert.Equal(t, http.StatusServiceUnavailable, s.during(), "webhook")
	eventually(t, func() bool {
		s.open()
		return strings.Contains(replica.command("INFO", "replication"), "role:master")
	}, "the replica is the primary")
	s.recover(time.Now(), true)
	s.requirePages()
}
