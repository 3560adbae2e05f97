package bench_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/maypok86/otter/v2"

	"github.com/kanuu-io/kanuu-go"
)

// entries of each cache: as many as the library's keeps by default.
const entries = 100_000

var (
	errNotSubscribed = errors.New("not subscribed")

	subscription = kanuu.Subscription{
		IsSubscribed: true, Status: kanuu.StatusActive, StatusText: "active", PlanID: 12345, SubscriptionID: 67890,
	}
)

// caches are what keeps subscriptions, each made with an entry for each of ids. The first one is
// the base.
func caches() []struct {
	name string
	make func(b *testing.B, ids []string) peer
} {
	return []struct {
		name string
		make func(b *testing.B, ids []string) peer
	}{{"otter", otterPeer}, {"kanuu", subscriptionPeer}, {"map", mapPeer}, {"golang-lru", lruPeer}}
}

// BenchmarkCacheHit looks up known identifiers in random order. cpu/otter is the CPU time as a
// multiple of what the bare otter takes in the same moment.
func BenchmarkCacheHit(b *testing.B) {
	ids := newIdentifiers(entries)
	for _, cache := range caches() {
		b.Run("callers=1/peer="+cache.name, func(b *testing.B) {
			base, p := otterPeer(b, ids), cache.make(b, ids)
			took := rounds(b, base.do, p.do)
			median(b, "cpu-ns/op", took, cpu)
			median(b, "cpu/otter", took, perBase)
			closeAll([]peer{base, p})
		})
	}
	for _, cache := range caches() {
		b.Run("callers=64/peer="+cache.name, func(b *testing.B) {
			p := cache.make(b, ids)
			b.ReportAllocs()
			b.ResetTimer()
			together(b, p.do, 64, b.N)
			b.StopTimer()
			closeAll([]peer{p})
		})
	}
}

// BenchmarkCacheMemory fills a cache. B/entry is what stays on the heap for each entry, with its
// identifier of seven bytes.
func BenchmarkCacheMemory(b *testing.B) {
	ids := newIdentifiers(entries)
	for _, cache := range caches() {
		b.Run("peer="+cache.name, func(b *testing.B) {
			var held float64
			for b.Loop() {
				before := liveHeap()
				p := cache.make(b, ids)
				held += liveHeap() - before
				closeAll([]peer{p})
				runtime.KeepAlive(p)
			}
			b.ReportMetric(held/float64(b.N)/entries, "B/entry")
		})
	}
}

func liveHeap() float64 {
	runtime.GC()
	runtime.GC() // what finalizers and weak pointers held
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return float64(stats.HeapAlloc)
}

// newIdentifiers returns identifiers of seven digits in an order that is random, but always the same.
func newIdentifiers(n int) []string {
	ids := make([]string, n)
	for i, number := range rand.New(rand.NewPCG(1, 2)).Perm(n) { //nolint:gosec // no secret
		ids[i] = strconv.Itoa(1_000_000 + number)
	}
	return ids
}

// fill adds a copy of each identifier: a request does not bring the very string that a cache keeps.
func fill(ids []string, add func(id string)) {
	for _, id := range ids {
		add(strings.Clone(id))
	}
}

// admit is what a caller does with the result of a lookup.
func admit(subscription kanuu.Subscription, known bool) error {
	if !known || !subscription.IsSubscribed {
		return errNotSubscribed
	}
	return nil
}

func subscriptionPeer(b *testing.B, ids []string) peer {
	b.Helper()
	client, ctx := newOfflineClient(b), context.Background()
	fill(ids, func(id string) {
		if _, err := client.Subscription(ctx, id); err != nil {
			b.Fatal(err)
		}
	})
	do := func(i int) error {
		subscription, err := client.Subscription(ctx, ids[i%len(ids)])
		return admit(subscription, err == nil)
	}
	return peer{"kanuu", do, func() { runtime.KeepAlive(client) }}
}

func otterPeer(b *testing.B, ids []string) peer {
	b.Helper()
	cache, err := otter.New(&otter.Options[string, kanuu.Subscription]{
		MaximumSize:      len(ids),
		ExpiryCalculator: otter.ExpiryWriting[string, kanuu.Subscription](time.Hour),
	})
	if err != nil {
		b.Fatal(err)
	}
	client, ctx := newOfflineClient(b), context.Background()
	fill(ids, func(id string) { // after a call each, as in a real program: it scatters them over the heap
		fetched, err := client.FetchSubscription(ctx, id)
		if err != nil {
			b.Fatal(err)
		}
		cache.Set(id, fetched)
	})
	do := func(i int) error { return admit(cache.GetIfPresent(ids[i%len(ids)])) }
	return peer{"otter", do, func() { cache.StopAllGoroutines() }}
}

func mapPeer(b *testing.B, ids []string) peer {
	b.Helper()
	cache := newMapCache(ids)
	return peer{"map", func(i int) error { return admit(cache.get(ids[i%len(ids)])) }, func() { runtime.KeepAlive(cache) }}
}

// mapCache is the cache that most people write.
type mapCache struct {
	mu      sync.RWMutex
	entries map[string]mapEntry
}

type mapEntry struct {
	subscription kanuu.Subscription
	until        time.Time
}

func newMapCache(ids []string) *mapCache {
	c := &mapCache{entries: make(map[string]mapEntry)}
	fill(ids, func(id string) { c.entries[id] = mapEntry{subscription, time.Now().Add(time.Hour)} })
	return c
}

func (c *mapCache) get(id string) (kanuu.Subscription, bool) {
	c.mu.RLock()
	entry, ok := c.entries[id]
	c.mu.RUnlock()
	return entry.subscription, ok && time.Now().Before(entry.until)
}

func lruPeer(b *testing.B, ids []string) peer {
	b.Helper()
	cache := expirable.NewLRU[string, kanuu.Subscription](len(ids), nil, time.Hour)
	fill(ids, func(id string) { cache.Add(id, subscription) })
	// Purge, because a goroutine of the cache never ends and keeps its entries.
	return peer{"golang-lru", func(i int) error { return admit(cache.Get(ids[i%len(ids)])) }, cache.Purge}
}
