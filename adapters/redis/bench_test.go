package kanuuredis_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
)

func TestAHitAllocatesNothing(t *testing.T) {
	server := startRedis(t)
	cache := newCache(t, server.option(), patient(kanuu.CacheOptions{}))
	requireLoad(t, cache, "42", plan(1))

	ctx := t.Context()
	before := scriptCalls(t, server)

	assert.Zero(t, testing.AllocsPerRun(100, func() {
		_, _ = cache.Get(ctx, "42", mustNotLoad)
	}))

	assert.Equal(t, before, scriptCalls(t, server), "a hit does not ask Redis")
}

// scriptCalls counts the scripts that Redis ran.
func scriptCalls(tb testing.TB, server *redisServer) int {
	tb.Helper()

	counted, err := server.do("INFO", "commandstats").ToString()
	require.NoError(tb, err)

	_, counted, _ = strings.Cut(counted, "cmdstat_eval:calls=")
	counted, _, _ = strings.Cut(counted, ",")
	calls, err := strconv.Atoi(counted)
	require.NoError(tb, err)

	return calls
}

func BenchmarkHit(b *testing.B) {
	ctx := b.Context()
	cache := newCache(b, startRedis(b).option(), nil)
	identifiers := make([]string, 10_000)

	for i := range identifiers {
		identifiers[i] = strconv.Itoa(i)
		requireLoad(b, cache, identifiers[i], plan(1))
	}

	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()

		for i := 0; b.Loop(); i++ {
			_, _ = cache.Get(ctx, identifiers[i%len(identifiers)], mustNotLoad)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				_, _ = cache.Get(ctx, identifiers[i%len(identifiers)], mustNotLoad)
			}
		})
	})
}

// What a hit costs without Redis.
func BenchmarkMemoryCacheHit(b *testing.B) {
	cache, err := kanuu.NewMemoryCache(nil)
	require.NoError(b, err)

	ctx := b.Context()
	identifiers := make([]string, 10_000)

	for i := range identifiers {
		identifiers[i] = strconv.Itoa(i)
		requireLoad(b, cache, identifiers[i], plan(1))
	}

	b.Run("serial", func(b *testing.B) {
		b.ReportAllocs()

		for i := 0; b.Loop(); i++ {
			_, _ = cache.Get(ctx, identifiers[i%len(identifiers)], mustNotLoad)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				_, _ = cache.Get(ctx, identifiers[i%len(identifiers)], mustNotLoad)
			}
		})
	})
}

// An entry that another machine has loaded.
func BenchmarkFromRedis(b *testing.B) {
	server := startRedis(b)
	writer, reader := newCache(b, server.option(), nil), newCache(b, server.option(), nil)

	b.ReportAllocs()

	for i := 0; b.Loop(); i++ {
		b.StopTimer()
		requireLoad(b, writer, strconv.Itoa(i), plan(1))
		b.StartTimer()
		requireKnown(b, reader, strconv.Itoa(i), plan(1))
	}
}

// An identifier that no machine knows, without the call to Kanuu.
func BenchmarkMiss(b *testing.B) {
	cache := newCache(b, startRedis(b).option(), nil)
	load := says(plan(1))

	b.ReportAllocs()

	for i := 0; b.Loop(); i++ {
		_, _ = cache.Get(b.Context(), strconv.Itoa(i), load)
	}
}

func BenchmarkForget(b *testing.B) {
	cache := newCache(b, startRedis(b).option(), nil)

	b.ReportAllocs()

	for i := 0; b.Loop(); i++ {
		require.NoError(b, cache.Forget(b.Context(), strconv.Itoa(i)))
	}
}
