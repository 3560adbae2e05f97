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
	serveUntil   int64
	keepUntil    int64        // after serveUntil, it is of use where Kanuu does not answer
	refreshAt    atomic.Int64 // when it is stale, or when the next refresh is tried
	asked        bool         // whoever waited for it has waited for Kanuu
}

// life of an entry from some moment on.
type life struct{ fresh, serve, keep time.Duration }

// lifeOf is the life of an entry from Kanuu's answer on.
func lifeOf(subscription kanuu.Subscription, settling bool, options kanuu.CacheOptions) life {
	fresh, keep := options.Lifetime(subscription, settling)
	if settling {
		return life{fresh: fresh, serve: fresh, keep: keep}
	}

	return life{fresh: fresh, serve: keep, keep: keep}
}

func newEntry(subscription kanuu.Subscription, born generation, now time.Time, life life) *entry {
	made := &entry{
		subscription: subscription, born: born,
		serveUntil: now.Add(life.serve).UnixNano(), keepUntil: now.Add(life.keep).UnixNano(),
	}
	made.refreshAt.Store(now.Add(life.fresh).UnixNano())

	return made
}

// again is the entry as one that was born later, to be served and not refreshed
// for a pause at least.
func (e *entry) again(born generation, now time.Time, pause time.Duration) *entry {
	over := now.Add(pause).UnixNano()
	later := &entry{
		subscription: e.subscription, born: born, serveUntil: max(e.serveUntil, over), keepUntil: e.keepUntil,
	}
	later.refreshAt.Store(over)

	return later
}

// doubted is the entry as one that is of use only where Kanuu does not answer.
func (e *entry) doubted() *entry {
	return &entry{subscription: e.subscription, born: e.born, keepUntil: e.keepUntil}
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

// get returns an entry, the time, and whether it can be served as it is: it may be
// stale.
func (l *local) get(identifier string) (known *entry, now int64, ok bool) {
	got, ok := l.entries.GetEntry(identifier)

	return got.Value, got.SnapshotAtNano, ok && got.SnapshotAtNano < got.Value.serveUntil
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

// forget doubts what is known of identifier, drops what is being found out about
// it, and opens its settling window.
func (l *local) forget(identifier string) {
	l.settling.Set(identifier, struct{}{})
	l.doubt(identifier)
	// Also where nothing is known: this ends what is being found out.
	l.entries.Compute(identifier, func(known *entry, found bool) (*entry, otter.ComputeOp) {
		if !found || !known.subscription.IsSubscribed {
			return nil, otter.InvalidateOp
		}

		return known.doubted(), otter.WriteOp
	})
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
