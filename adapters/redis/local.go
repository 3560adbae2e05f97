package kanuuredis

import (
	"context"
	"hash/maphash"
	"math"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/kanuu-io/kanuu-go"
)

// entry is a subscription in the memory of this machine. Times are of this
// machine's clock, in nanoseconds.
type entry struct {
	subscription kanuu.Subscription
	born         generation
	keepUntil    int64
	refreshAt    atomic.Int64 // when it is stale, or when the next refresh is tried
	asked        bool         // whoever waited for it has waited for Kanuu
}

func newEntry(subscription kanuu.Subscription, born generation, now time.Time, fresh, keep time.Duration) *entry {
	made := &entry{subscription: subscription, born: born, keepUntil: now.Add(keep).UnixNano()}
	made.refreshAt.Store(now.Add(fresh).UnixNano())

	return made
}

// again is the entry as one that was born later, to be refreshed after pause.
func (e *entry) again(born generation, now time.Time, pause time.Duration) *entry {
	later := &entry{subscription: e.subscription, born: born, keepUntil: e.keepUntil}
	later.refreshAt.Store(now.Add(pause).UnixNano())

	return later
}

// stripes is how many counters share the identifiers. When two identifiers
// share one, what changes the first costs the second a look into Redis.
const stripes = 1 << 16

// generation of what Redis said: an entry is current as long as the generation
// of its identifier is the one in which the entry was asked for.
type generation uint64

// generations count what Redis says has changed. That is why a change is never
// missed, also when it is heard of before the answer that it outdates is kept.
type generations struct {
	seed  maphash.Seed
	epoch atomic.Uint32
	each  [stripes]atomic.Uint32
}

func (g *generations) stripe(identifier string) *atomic.Uint32 {
	return &g.each[maphash.String(g.seed, identifier)%stripes]
}

func (g *generations) of(identifier string) generation {
	return generation(g.epoch.Load())<<32 | generation(g.stripe(identifier).Load())
}

// local is what this machine remembers.
type local struct {
	entries     *otter.Cache[string, *entry]
	settling    *otter.Cache[string, struct{}] // matters while Redis is gone
	generations generations
}

func newLocal(options kanuu.CacheOptions) *local {
	return &local{
		entries: otter.Must(&otter.Options[string, *entry]{
			MaximumSize: options.MaxEntries,
			ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, *entry]) time.Duration {
				return max(1, time.Duration(e.Value.keepUntil-e.SnapshotAtNano))
			}),
			// Never by itself, but Refresh works only with one.
			RefreshCalculator: otter.RefreshWriting[string, *entry](math.MaxInt64),
			Logger:            &otter.NoopLogger{},
			Clock:             clock{},
		}),
		settling: otter.Must(&otter.Options[string, struct{}]{
			MaximumSize:      options.MaxEntries,
			ExpiryCalculator: otter.ExpiryWriting[string, struct{}](options.SettlingWindow),
			Logger:           &otter.NoopLogger{},
			Clock:            clock{},
		}),
		generations: generations{seed: maphash.MakeSeed()},
	}
}

// get returns an entry that may be stale, and the time.
func (l *local) get(identifier string) (known *entry, now int64, ok bool) {
	got, ok := l.entries.GetEntry(identifier)

	return got.Value, got.SnapshotAtNano, ok
}

// isCurrent tells whether Redis would have said if known were outdated.
func (l *local) isCurrent(identifier string, known *entry) bool {
	return known.born == l.generations.of(identifier)
}

// refresh runs the loader in a goroutine of its own, or joins the one that runs
// for identifier. What it says is remembered unless it is forgotten meanwhile.
func (l *local) refresh(
	ctx context.Context, identifier string, loader finder,
) <-chan otter.RefreshResult[string, *entry] {
	return l.entries.Refresh(ctx, identifier, loader)
}

// doubt makes the next Get of identifier look into Redis.
func (l *local) doubt(identifier string) { l.generations.stripe(identifier).Add(1) }

// doubtAll does so for every identifier.
func (l *local) doubtAll() { l.generations.epoch.Add(1) }

// forget drops what is known of identifier, and what is being found out about
// it, and opens its settling window.
func (l *local) forget(identifier string) {
	l.settling.Set(identifier, struct{}{})
	l.doubt(identifier)
	l.entries.Invalidate(identifier)
}

func (l *local) isSettling(identifier string) bool {
	_, settling := l.settling.GetIfPresent(identifier)

	return settling
}

func (l *local) size() uint64 { return uint64(max(0, l.entries.EstimatedSize())) }

// clock has no tick, so that the caches need no goroutine: they clear out what
// has expired when they are written to.
type clock struct{}

func (clock) NowNano() int64 { return time.Now().UnixNano() }

func (clock) Tick(time.Duration) <-chan time.Time { return nil }
