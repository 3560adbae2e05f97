package kanuu

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
	"unique"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
)

// Cache remembers subscriptions by identifier. [MemoryCache] is the default;
// kanuuredis has one that several machines share. It must be safe for
// concurrent use.
type Cache interface {
	// Get returns what is known of identifier, or what load says. It calls load
	// at most once at a time for each identifier, with a context that no single
	// caller ends, and remembers no error of it.
	Get(ctx context.Context, identifier string, load LoadFunc) (Subscription, error)

	// Forget makes the next Get call load, and opens the settling window of
	// identifier. What a load that started before says is not remembered. A
	// subscription that was known may still be returned where load fails or takes
	// seconds, for as long as it would have been kept.
	Forget(ctx context.Context, identifier string) error
}

// LoadFunc asks Kanuu for the subscription of identifier.
type LoadFunc func(ctx context.Context, identifier string) (Subscription, error)

// Defaults of [CacheOptions].
const (
	DefaultMaxEntries     = 100_000
	DefaultFresh          = 5 * time.Minute
	DefaultKeep           = time.Hour
	DefaultUnsubscribed   = 5 * time.Second
	DefaultSettling       = 5 * time.Second
	DefaultSettlingWindow = 15 * time.Minute
	DefaultRefreshPause   = 5 * time.Second
	DefaultPatience       = 3 * time.Second
)

// CacheOptions are all numbers of a cache. 0 stands for the default.
type CacheOptions struct {
	// MaxEntries at most are kept, default [DefaultMaxEntries]; those that are
	// asked for least go first. An entry takes about 150 bytes and its
	// identifier.
	MaxEntries int

	// Fresh is how long a subscriber's entry is served as it is, default
	// [DefaultFresh]. Older ones are still served, while they are refreshed in
	// the background.
	Fresh time.Duration

	// Keep is when an entry that could not be refreshed is dropped, default
	// [DefaultKeep]: so long a subscriber gets in while Kanuu is down, counted
	// from its last answer, also after [Cache.Forget].
	Keep time.Duration

	// Unsubscribed is how long "not subscribed" is kept, default
	// [DefaultUnsubscribed]: so long at most somebody who has just paid waits.
	Unsubscribed time.Duration

	// Settling is how long an entry is served as it is within the settling
	// window, default [DefaultSettling]. Then Kanuu is asked first, and the entry
	// served only if that fails or takes longer than Patience.
	Settling time.Duration

	// SettlingWindow is how long after [Cache.Forget] things may still change,
	// default [DefaultSettlingWindow]: the customer is on the portal, or Paddle
	// and Kanuu are at work.
	SettlingWindow time.Duration

	// RefreshPause is how long after a call that failed the next one is made,
	// default [DefaultRefreshPause]. What is known is served meanwhile.
	RefreshPause time.Duration

	// Patience is how long a subscriber waits for Kanuu where it is asked first,
	// default [DefaultPatience]: then what it said last counts, and the call goes
	// on. Kanuu answers in a tenth of that when it is well.
	Patience time.Duration
}

// withDefaults is o with each 0 replaced, or every problem of it.
func (o CacheOptions) withDefaults() (CacheOptions, []string) {
	var problems []string
	if o.MaxEntries < 0 {
		problems = append(problems, "CacheOptions.MaxEntries is negative: leave it 0 for the default")
	} else if o.MaxEntries == 0 {
		o.MaxEntries = DefaultMaxEntries
	}
	for _, field := range []struct {
		name     string
		value    *time.Duration
		standard time.Duration
	}{
		{"Fresh", &o.Fresh, DefaultFresh},
		{"Keep", &o.Keep, DefaultKeep},
		{"Unsubscribed", &o.Unsubscribed, DefaultUnsubscribed},
		{"Settling", &o.Settling, DefaultSettling},
		{"SettlingWindow", &o.SettlingWindow, DefaultSettlingWindow},
		{"RefreshPause", &o.RefreshPause, DefaultRefreshPause},
		{"Patience", &o.Patience, DefaultPatience},
	} {
		value, problem := parseTimeout("CacheOptions."+field.name, *field.value, field.standard)
		if problem != "" {
			problems = append(problems, problem)
		}
		*field.value = value
	}
	return o, problems
}

// Lifetime is how long an entry is fresh, and how long it is kept, by what it
// says and whether its identifier is in its settling window. What is kept and
// not fresh is served while it is refreshed, or, if it is of the settling window,
// only where that fails or takes longer than Patience. It is for those who write a cache; call it on options
// that [MemoryCache.Options] returned.
func (o CacheOptions) Lifetime(subscription Subscription, settling bool) (fresh, keep time.Duration) {
	fresh, keep = o.Fresh, o.Keep
	if settling {
		fresh = min(fresh, o.Settling)
	}
	if !subscription.IsSubscribed {
		keep = min(keep, o.Unsubscribed)
	}
	if settling && !subscription.IsSubscribed {
		keep = min(keep, o.Settling) // they may have paid meanwhile
	}
	return min(fresh, keep), keep
}

// MemoryCache is a [Cache] in the memory of the process, bounded and safe for
// concurrent use. A hit allocates nothing.
type MemoryCache struct {
	options  CacheOptions
	clock    clock
	entries  *otter.Cache[string, record]
	settling *otter.Cache[string, struct{}] // identifiers that are in their window

	lookups             *stats.Counter
	refreshes, failures atomic.Uint64
}

// record is a [Subscription] in half of its memory, and when Kanuu said so: what
// is the same for many customers is kept once for all of them. How long it is
// good for follows from nothing else, so that who reads it while another is
// written takes neither for the other.
type record struct {
	terms          unique.Handle[terms]
	subscriptionID int64
	said           int64 // by the cache's clock
}

type terms struct {
	standing                 standing
	isSubscribed, isTrialing bool
	status                   Status
	statusText               string
	planID                   int64
}

// standing of a record: what it is good for once it is not fresh any more.
type standing uint8

const (
	settled   standing = iota // it is served while it is refreshed
	settling                  // it is served if Kanuu was asked and did not answer
	forgotten                 // as before, and it is not fresh from the start
)

func newRecord(s Subscription, standing standing, said int64) record {
	return record{
		terms:          unique.Make(terms{standing, s.IsSubscribed, s.IsTrialing, s.Status, s.StatusText, s.PlanID}),
		subscriptionID: s.SubscriptionID,
		said:           said,
	}
}

func (r record) standing() standing { return r.terms.Value().standing }

func (r record) subscription() Subscription {
	terms := r.terms.Value()
	return Subscription{
		IsSubscribed:   terms.isSubscribed,
		IsTrialing:     terms.isTrialing,
		Status:         terms.status,
		StatusText:     terms.statusText,
		PlanID:         terms.planID,
		SubscriptionID: r.subscriptionID,
	}
}

// NewMemoryCache makes a cache, or returns a [*ConfigError] with every problem
// of the options. nil options are the defaults.
func NewMemoryCache(options *CacheOptions) (*MemoryCache, error) {
	if options == nil {
		options = new(CacheOptions)
	}
	set, problems := options.withDefaults()
	if problems != nil {
		return nil, &ConfigError{Problems: problems}
	}
	cache := &MemoryCache{options: set, clock: newClock(), lookups: stats.NewCounter()}
	cache.entries = otter.Must(&otter.Options[string, record]{
		MaximumSize:       set.MaxEntries,
		ExpiryCalculator:  otter.ExpiryWritingFunc(cache.keep),
		RefreshCalculator: pauses{set.RefreshPause},
		Logger:            &otter.NoopLogger{}, // the client logs its own calls
		Clock:             cache.clock,
	})
	cache.settling = otter.Must(&otter.Options[string, struct{}]{
		MaximumSize:      set.MaxEntries,
		ExpiryCalculator: otter.ExpiryWriting[string, struct{}](set.SettlingWindow),
		Logger:           &otter.NoopLogger{},
		Clock:            cache.clock,
		Executor:         func(clean func()) { clean() }, // less work than to have another goroutine do it
	})
	return cache, nil
}

// Options of the cache, with the defaults filled in.
func (m *MemoryCache) Options() CacheOptions { return m.options }

// Get returns what is known of identifier, or what load says.
func (m *MemoryCache) Get(ctx context.Context, identifier string, load LoadFunc) (Subscription, error) {
	known, ok := m.entries.GetEntry(identifier)
	switch {
	case !ok:
		m.lookups.RecordMisses(1)
		return m.load(ctx, identifier, load, nil)
	case !m.isDue(known):
		m.lookups.RecordHits(1)
		return known.Value.subscription(), nil
	case known.Value.standing() == settled:
		m.lookups.RecordHits(1)

		// This starts a refresh unless one is running, and waits for it only if
		// the entry is dropped in this very moment.
		stale, err := m.entries.Get(context.WithoutCancel(ctx), identifier, loader{cache: m, load: load, background: true})
		if err != nil {
			return Subscription{}, err
		}
		return stale.subscription(), nil
	default:
		m.lookups.RecordMisses(1)
		return m.ask(ctx, identifier, load)
	}
}

// errImpatient is for a subscriber whose entry went while they waited.
var errImpatient = fmt.Errorf("kanuu: fetch subscription: %w: no answer within CacheOptions.Patience", ErrUnavailable)

// ask loads, and goes by what Kanuu said last if that fails or takes too long.
func (m *MemoryCache) ask(ctx context.Context, identifier string, load LoadFunc) (Subscription, error) {
	enough := time.NewTimer(m.options.Patience)
	defer enough.Stop()

	found, err := m.load(ctx, identifier, load, enough.C)
	if err == nil || ctx.Err() != nil {
		return found, err
	}

	// Not what was known before: somebody else may have been answered since.
	last, ok := m.entries.GetEntryQuietly(identifier)
	if !ok {
		return Subscription{}, err
	}
	return last.Value.subscription(), nil
}

// isDue tells whether Kanuu is to be asked: the entry is not fresh, and no call
// has failed a moment ago.
func (m *MemoryCache) isDue(entry otter.Entry[string, record]) bool {
	fresh, _ := m.lifetime(entry.Value)
	return entry.SnapshotAtNano-entry.Value.said >= int64(fresh) && entry.RefreshableAfter() <= atOnce
}

// lifetime of a record since Kanuu said so.
func (m *MemoryCache) lifetime(r record) (fresh, keep time.Duration) {
	terms := r.terms.Value()
	fresh, keep = m.options.Lifetime(Subscription{IsSubscribed: terms.isSubscribed}, terms.standing != settled)
	if terms.standing == forgotten {
		fresh = 0
	}
	return fresh, keep
}

// load runs in a goroutine of its own, which otter detaches from ctx, or joins
// the one that does. It goes on after ctx and after enough.
func (m *MemoryCache) load(
	ctx context.Context, identifier string, load LoadFunc, enough <-chan time.Time,
) (Subscription, error) {
	loaded := m.entries.Refresh(ctx, identifier, loader{cache: m, load: load})
	select {
	case result := <-loaded:
		if result.Err != nil {
			return Subscription{}, result.Err
		}
		return result.Value.subscription(), nil
	case <-enough:
		return Subscription{}, errImpatient
	case <-ctx.Done():
		return Subscription{}, ctx.Err()
	}
}

// Forget makes the next Get of identifier call load, and opens its settling
// window. It never fails.
func (m *MemoryCache) Forget(_ context.Context, identifier string) error {
	m.Settle(identifier)

	// Also where nothing is known: this ends what is being loaded.
	m.entries.Compute(identifier, func(known record, found bool) (record, otter.ComputeOp) {
		if !found || !known.terms.Value().isSubscribed {
			return known, otter.InvalidateOp
		}
		return newRecord(known.subscription(), forgotten, known.said), otter.WriteOp
	})
	return nil
}

// Settle opens the settling window of identifier and drops nothing.
func (m *MemoryCache) Settle(identifier string) { m.settling.Set(identifier, struct{}{}) }

// CacheStats counts what a cache did.
type CacheStats struct {
	// Hits were answered from the cache, fresh or not.
	Hits uint64 `json:"hits"`

	// Misses had to wait for Kanuu.
	Misses uint64 `json:"misses"`

	// Refreshes were made in the background for entries that were not fresh.
	Refreshes uint64 `json:"refreshes"`

	// Failures of loads and refreshes.
	Failures uint64 `json:"failures"`

	// Entries there are, about.
	Entries uint64 `json:"entries"`
}

// Stats of the cache so far.
func (m *MemoryCache) Stats() CacheStats {
	counted := m.lookups.Snapshot()
	return CacheStats{
		Hits:      counted.Hits,
		Misses:    counted.Misses,
		Refreshes: m.refreshes.Load(),
		Failures:  m.failures.Load(),
		Entries:   uint64(max(0, m.entries.EstimatedSize())),
	}
}

// keep tells otter when an entry is dropped.
func (m *MemoryCache) keep(entry otter.Entry[string, record]) time.Duration {
	_, keep := m.lifetime(entry.Value)
	return max(atOnce, keep-time.Duration(entry.SnapshotAtNano-entry.Value.said))
}

// atOnce, as otter takes it: a duration of 0 changes nothing there.
const atOnce = time.Nanosecond

// pauses tell otter that an entry may be refreshed from the start, but for a while
// after that failed. Whether it has to be, the cache knows.
type pauses struct{ pause time.Duration }

func (p pauses) RefreshAfterCreate(otter.Entry[string, record]) time.Duration { return atOnce }

func (p pauses) RefreshAfterUpdate(otter.Entry[string, record], record) time.Duration { return atOnce }

// RefreshAfterReload leaves it as it was: in the past, or in the pause if nobody was
// asked (see loader). Who sees a later moment here, and still the value from
// before, would take it for a pause.
func (p pauses) RefreshAfterReload(otter.Entry[string, record], record) time.Duration { return 0 }

func (p pauses) RefreshAfterReloadFailure(otter.Entry[string, record], error) time.Duration {
	return p.pause
}

// clock has no tick: the cache then needs no goroutine that somebody would have
// to end, and clears out what has expired when it is written to. It reads the
// monotonic clock alone, which takes half of what [time.Now] does and never jumps;
// it stands still while the machine is suspended.
type clock struct {
	start time.Time
	nanos int64 // of start
}

func newClock() clock {
	now := time.Now()
	return clock{now, now.UnixNano()}
}

func (c clock) NowNano() int64 { return c.nanos + int64(time.Since(c.start)) }

func (clock) Tick(time.Duration) <-chan time.Time { return nil }

// loader is a LoadFunc as otter wants it, and counted.
type loader struct {
	cache      *MemoryCache
	load       LoadFunc
	background bool // nobody waits
}

func (l loader) Load(ctx context.Context, identifier string) (record, error) {
	subscription, err := l.load(ctx, identifier)
	if err != nil {
		l.cache.failures.Add(1)
		return record{}, err
	}
	standing := settled
	if _, ok := l.cache.settling.GetIfPresent(identifier); ok {
		standing = settling
	}
	return newRecord(subscription, standing, l.cache.clock.NowNano()), nil
}

func (l loader) Reload(ctx context.Context, identifier string, _ record) (record, error) {
	// Who comes when the call that they wanted to join is just over has its answer.
	if known, ok := l.cache.entries.GetEntryQuietly(identifier); ok && !l.cache.isDue(known) {
		return known.Value, nil
	}
	if l.background {
		l.cache.refreshes.Add(1)
	}
	return l.Load(ctx, identifier)
}
