package kanuu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/kanuu-io/kanuu-go/internal/recent"
)

// cache of subscriptions by identifier. A hit reads only entries and allocates
// nothing; everything else goes through mu.
type cache struct {
	options   CacheOptions
	fetch     func(ctx context.Context, identifier string) (fetched, error)
	lastKnown func(ctx context.Context, identifier string) (Subscription, time.Time, error) // nil: nothing
	shared    *sharing                                                                      // nil: not shared
	made      time.Time
	log       *slog.Logger
	entries   *otter.Cache[string, entry]

	mu      sync.Mutex
	windows *recent.Map[int64] // when an identifier was last invalidated, for entries to come
	failed  *recent.Map[failure]
	loads   map[string]*load

	// generation of the entries that may be served: each moment when any entry may
	// have changed elsewhere begins another one. It begins with 1.
	generation atomic.Uint32

	hits, misses, refreshes, failures, evictions atomic.Uint64
	warned                                       atomic.Bool
}

// failure of the last load of an identifier: the next one is not before until.
type failure struct {
	err     error
	until   int64
	backoff time.Duration
}

// load is one call for an identifier, which its callers share.
type load struct {
	done   chan struct{} // closed when the result is there
	result Subscription
	err    error

	overtaken bool // by an invalidation: the result is for its waiters, and not stored
}

func newCache(options CacheOptions, log *slog.Logger) *cache {
	c := &cache{
		options: options, log: log, made: time.Now(),
		windows: recent.New[int64](), failed: recent.New[failure](), loads: make(map[string]*load),
	}
	c.generation.Store(1)
	c.entries = otter.Must(&otter.Options[string, entry]{
		MaximumSize: options.MaxEntries,  // and no expiry by otter, which would double the time of a hit
		Logger:      &otter.NoopLogger{}, // nothing is loaded by otter
		OnAtomicDeletion: func(e otter.DeletionEvent[string, entry]) {
			if e.Cause == otter.CauseOverflow {
				c.evictions.Add(1)
			}
		},
	})
	return c
}

// lookup returns the subscription of identifier, from its entry or from Kanuu.
func (c *cache) lookup(ctx context.Context, identifier string) (Subscription, error) {
	e, ok := c.entries.GetIfPresent(identifier)
	if ok {
		switch c.stateOf(&e, c.now()) {
		case fresh:
			c.hits.Add(1)
			return e.subscription(), nil
		case stale:
			c.hits.Add(1)
			c.refresh(ctx, identifier)
			return e.subscription(), nil
		case expired:
		}
	}
	c.misses.Add(1)
	if err := (Identity{Identifier: identifier}).Validate(); err != nil {
		return Subscription{}, err
	}
	subscription, err := c.revalidate(ctx, identifier, ok && c.usableOnError(&e, c.now()))
	if err == nil || ctx.Err() != nil || !staleMayReplace(err) {
		return subscription, err
	}
	// Read again: another caller may have had a response, or LastKnown one.
	if e, ok := c.entries.GetIfPresent(identifier); ok && c.usableOnError(&e, c.now()) {
		return e.subscription(), nil
	}
	return Subscription{}, err
}

// errSlow is why a stale entry is served although the load still runs.
var errSlow = fmt.Errorf("kanuu: fetch subscription: %w: no response within %v", ErrUnavailable, maxWait)

// revalidate loads the entry, or joins the load that runs. It waits for it until
// ctx ends, and less long where a stale entry could be served instead.
func (c *cache) revalidate(ctx context.Context, identifier string, hasStale bool) (Subscription, error) {
	l, err := c.join(ctx, identifier)
	if err != nil {
		return Subscription{}, err
	}
	var enough <-chan time.Time
	if hasStale {
		wait := maxWait
		if deadline, ok := ctx.Deadline(); ok {
			wait = min(wait, time.Duration(float64(time.Until(deadline))*maxWaitShare))
		}
		timer := time.NewTimer(wait)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-l.done:
		return l.result, l.err
	case <-enough:
		return Subscription{}, errSlow
	case <-ctx.Done():
		return Subscription{}, ctx.Err()
	}
}

// refresh starts a load in the background, unless one runs or has just failed.
func (c *cache) refresh(ctx context.Context, identifier string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.loads[identifier]; ok || c.retryAt(identifier) > c.now() {
		return
	}
	if e, ok := c.entries.GetIfPresent(identifier); ok && c.stateOf(&e, c.now()) == fresh {
		return
	}
	c.refreshes.Add(1)
	c.start(ctx, identifier)
}

// join returns the load that runs for identifier, a new one, or the error of the
// last one if that was a moment ago.
func (c *cache) join(ctx context.Context, identifier string) (*load, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.loads[identifier]; ok {
		return l, nil
	}
	now := c.now()
	if e, ok := c.entries.GetIfPresent(identifier); ok && c.stateOf(&e, now) == fresh {
		l := &load{done: make(chan struct{}), result: e.subscription()} // a load has just ended
		close(l.done)
		return l, nil
	}
	if c.retryAt(identifier) > now {
		last, _ := c.failed.Get(identifier)
		return nil, last.err
	}
	return c.start(ctx, identifier), nil
}

func (c *cache) retryAt(identifier string) int64 {
	last, _ := c.failed.Get(identifier)
	return last.until
}

// start starts a load. It ends with the client's timeout, not with its callers.
func (c *cache) start(ctx context.Context, identifier string) *load {
	l := &load{done: make(chan struct{})}
	c.loads[identifier] = l
	go c.run(context.WithoutCancel(ctx), identifier, l)
	return l
}

func (c *cache) run(ctx context.Context, identifier string, l *load) {
	end := func(got fetched, err error) {
		if err != nil {
			c.failures.Add(1)
			c.useLastKnown(ctx, identifier, l, err)
		}
		c.end(identifier, l, got, err)
	}
	if c.shared != nil {
		c.shared.load(ctx, identifier, l, end)
	} else {
		end(c.fetch(ctx, identifier))
	}
	if c.evictions.Load() >= uint64(c.options.MaxEntries) && !c.warned.Swap(true) { //nolint:gosec // not negative
		c.log.LogAttrs(ctx, slog.LevelWarn, "kanuu: cache too small", slog.Int("max_entries", c.options.MaxEntries),
			slog.String("remedy", "raise CacheOptions.MaxEntries above the number of active users"))
	}
}

// end stores what a load brought and releases its callers.
func (c *cache) end(identifier string, l *load, got fetched, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(l.done)
	l.result, l.err = got.subscription, err
	if l.overtaken {
		return
	}
	delete(c.loads, identifier)
	switch {
	case err == nil:
		c.failed.Remove(identifier)
		e := newEntry(got)
		e.generation = c.generation.Load()
		c.store(identifier, e)
	case isNotAdmitted(err): // Kanuu was not called: the limits of the client are pause enough
	default:
		last, _ := c.failed.Get(identifier)
		backoff := min(max(2*last.backoff, minBackoff), maxBackoff)
		c.failed.Put(identifier, failure{err: err, until: c.now() + int64(backoff), backoff: backoff})
	}
}

// store puts an entry in the place of the last one. It is called with mu locked.
func (c *cache) store(identifier string, e entry) {
	opened, _ := c.windows.Get(identifier)
	e.invalidatedAt = max(e.invalidatedAt, opened)
	if last, ok := c.entries.GetIfPresent(identifier); ok && last.subscription() == e.subscription() {
		e.changedAt = min(e.changedAt, last.changedAt)
	}
	e.changedAt = max(e.changedAt, e.invalidatedAt)
	c.entries.Set(strings.Clone(identifier), e) // which may be part of a longer string
}

// storeStale makes an entry for stale-if-error where there is none, after l has
// failed. If l was overtaken, "not subscribed" may be what has just changed.
func (c *cache) storeStale(identifier string, l *load, got fetched) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.knows(identifier) && (got.subscription.IsSubscribed || !l.overtaken) {
		c.store(identifier, newEntry(got)) // of no generation: the next lookup revalidates it
	}
}

// useLastKnown makes an entry of what LastKnown returns, if Kanuu is unavailable and
// there is none.
func (c *cache) useLastKnown(ctx context.Context, identifier string, l *load, err error) {
	if c.lastKnown == nil || !errors.Is(err, ErrUnavailable) || c.knows(identifier) {
		return
	}
	subscription, asOf, err := c.lastKnown(ctx, identifier)
	if err == nil {
		got := fetched{subscription: subscription, at: c.now() - int64(time.Since(asOf))}
		c.storeStale(identifier, l, got)
	}
}

// knows reports whether there is an entry that is not too old for any use.
func (c *cache) knows(identifier string) bool {
	e, ok := c.entries.GetIfPresent(identifier)
	return ok && time.Duration(c.now()-e.fetchedAt) < max(c.options.StaleIfError, 2*c.options.MaxAge)
}

// invalidate makes the next lookup call Kanuu and opens the window.
func (c *cache) invalidate(identifier string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	c.windows.Put(identifier, now)
	c.failed.Remove(identifier)
	c.expire(identifier, now)
}

// expire makes the next lookup revalidate the entry. A load that runs is
// overtaken. It is called with mu locked; at is when a window opens, 0: none.
func (c *cache) expire(identifier string, at int64) {
	if l, ok := c.loads[identifier]; ok {
		l.overtaken = true
		delete(c.loads, identifier)
	}
	c.entries.ComputeIfPresent(identifier, func(e entry) (entry, otter.ComputeOp) {
		e.invalid = true
		if at > 0 {
			e.invalidatedAt, e.changedAt = at, at
		}
		return e, otter.WriteOp
	})
}

// expireAll makes each next lookup revalidate its entry.
func (c *cache) expireAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.generation.Add(1)
	for identifier := range c.loads {
		c.expire(identifier, 0)
	}
}

// now returns a monotonic time. It counts from a year before the cache was made: an
// entry that is older than the process must not have a negative time.
func (c *cache) now() int64 { return int64(time.Since(c.made) + 365*24*time.Hour) }
