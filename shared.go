package kanuu

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/recent"
)

// SharedCache is what several instances of an application share, such as a
// Redis: see [Config.SharedCache]. It has verbs and no policy: what an entry is
// worth is decided by the client. Implementations must be safe for concurrent use
// and pass kanuutest/conformance.TestSharedCache.
//
// No clocks are compared: all times are ages, measured by the store.
type SharedCache interface {
	// Get returns what is stored for key. No entry is no error: its Value is nil.
	Get(ctx context.Context, key string) (SharedEntry, error)

	// Set stores a value whose load began age ago, under the version that Get
	// returned before the load.
	Set(ctx context.Context, key string, value []byte, version string, age time.Duration) error

	// Lock reports whether this instance may load key. No other one may until Unlock,
	// or until life has passed. It is advisory: if two instances have it, both call
	// Kanuu, and nothing else happens.
	Lock(ctx context.Context, key string, life time.Duration) (bool, error)

	// Unlock ends a Lock of this instance.
	Unlock(ctx context.Context, key string) error

	// Invalidate gives key a new version: what is stored under another one is
	// outdated, also if it is stored later.
	Invalidate(ctx context.Context, key string) error

	// Watch calls changed for each key that another instance has set or
	// invalidated since this instance got it, and with "" when any key may have
	// changed, for instance after a lost connection. It calls it from one goroutine
	// at a time. stop ends that.
	Watch(changed func(key string)) (stop func())
}

// SharedEntry is what a [SharedCache] has for a key.
type SharedEntry struct {
	// Value is what Set stored; nil: nothing.
	Value []byte

	// Age is the time since the load of Value began.
	Age time.Duration

	// Version of the key, for Set.
	Version string

	// Outdated reports whether the key was invalidated since the load began. Such
	// a value is good for stale-if-error only.
	Outdated bool

	// InvalidatedAge is the time since the last invalidation; negative: there was
	// none for at least 70 minutes.
	InvalidatedAge time.Duration
}

const (
	// sharedTimeout is how long a lookup waits for the shared cache in all, the
	// wait for another instance's load not counted.
	sharedTimeout = 250 * time.Millisecond

	// lockLife is how long other instances wait for the one that loads. Kanuu
	// answers in a tenth of that when it is well.
	lockLife = 3 * time.Second

	// firstPoll and maxPoll are how often they look whether it is done.
	firstPoll = 10 * time.Millisecond
	maxPoll   = 100 * time.Millisecond
)

// sharing is how the caches of several instances work together on a SharedCache.
type sharing struct {
	cache  *cache
	store  SharedCache
	prefix string // of keys: instances of another Kanuu or key share nothing

	mu       sync.Mutex
	unshared *recent.Map[struct{}] // invalidations that the store has not got yet
}

// newSharing starts to watch the store until stop.
func newSharing(c *cache, store SharedCache, base, key string) (s *sharing, stop func()) {
	sum := sha256.Sum256([]byte(base + "\n" + key))
	s = &sharing{
		cache: c, store: store, unshared: recent.New[struct{}](),
		prefix: base64.RawURLEncoding.EncodeToString(sum[:9]) + ":",
	}
	return s, store.Watch(s.changed)
}

// sharedValue is the JSON in the store.
type sharedValue struct {
	Subscription

	// Unchanged is for how long the answer was the same when it was fetched.
	Unchanged time.Duration `json:"unchanged"`
}

// read returns what the store has, and whether it can be read.
func (s *sharing) read(entry SharedEntry) (fetched, bool) {
	var value sharedValue
	if entry.Value == nil || json.Unmarshal(entry.Value, &value) != nil || entry.Age < 0 {
		return fetched{}, false
	}
	now := s.cache.now()
	got := fetched{subscription: value.Subscription, at: now - int64(entry.Age)}
	got.subscription.Status = ParseStatus(got.subscription.StatusText)
	got.changedAt = got.at - int64(value.Unchanged)
	if entry.InvalidatedAge >= 0 {
		got.invalidatedAt = now - int64(entry.InvalidatedAge)
	}
	return got, true
}

// load brings the subscription of identifier from the store, or from Kanuu on
// behalf of all instances. It calls end once, and stores after that: no caller waits
// for it.
func (s *sharing) load(ctx context.Context, identifier string, l *load, end func(fetched, error)) {
	key := s.prefix + identifier
	deadline := time.Now().Add(lockLife)
	for poll := firstPoll; ; poll = min(2*poll, maxPoll) {
		entry, got, mine, err := s.claim(ctx, key)
		switch {
		case err != nil: // alone, until the store is back
			end(s.cache.fetch(ctx, identifier))
			if mine {
				_ = s.store.Unlock(ctx, key) // others would wait for it
			}
			return
		case mine:
			s.loadForAll(ctx, key, identifier, entry, l, end)
			return
		case got.at > 0:
			end(got, nil)
			return
		case time.Now().After(deadline): // the other instance is gone, or Kanuu hangs
			end(s.cache.fetch(ctx, identifier))
			return
		}
		time.Sleep(poll)
	}
}

// claim returns what the store has if it is good enough; else whether this
// instance is the one to load. With an error, it may be.
func (s *sharing) claim(ctx context.Context, key string) (entry SharedEntry, got fetched, mine bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, sharedTimeout)
	defer cancel()
	for range 2 { // once more with the lock: its last holder may have stored in between
		if entry, err = s.store.Get(ctx, key); err != nil {
			return entry, fetched{}, mine, err
		}
		if got, ok := s.read(entry); ok && s.isUsable(entry, got) {
			if mine {
				_ = s.store.Unlock(ctx, key) // it would end by itself
			}
			return entry, got, false, nil
		}
		if mine {
			break
		}
		if mine, err = s.store.Lock(ctx, key, lockLife); err != nil || !mine {
			return entry, fetched{}, err != nil, err
		}
	}
	return entry, fetched{}, mine, nil
}

// isUsable reports whether the entry of another instance answers a lookup.
func (s *sharing) isUsable(entry SharedEntry, got fetched) bool {
	e := newEntry(got)
	e.generation = s.cache.generation.Load()
	return !entry.Outdated && s.cache.stateOf(&e, s.cache.now()) == fresh
}

func (s *sharing) loadForAll(
	ctx context.Context, key, identifier string, entry SharedEntry, l *load, end func(fetched, error),
) {
	old, readable := s.read(entry)
	now := s.cache.now()
	got, err := s.cache.fetch(ctx, identifier)
	if err == nil && readable && old.subscription == got.subscription {
		got.changedAt = old.changedAt
	}
	if err == nil && entry.InvalidatedAge >= 0 {
		got.invalidatedAt = now - int64(entry.InvalidatedAge)
	}
	if err != nil && readable && (old.subscription.IsSubscribed || !entry.Outdated) {
		s.cache.storeStale(identifier, l, old)
	}
	end(got, err)
	ctx, cancel := context.WithTimeout(ctx, lockLife)
	defer cancel()
	if err == nil {
		age := time.Duration(s.cache.now() - got.at)
		e := newEntry(got)
		value, err := json.Marshal(sharedValue{got.subscription, time.Duration(e.fetchedAt - e.changedAt)})
		if err == nil {
			_ = s.store.Set(ctx, key, value, entry.Version, age) // the store logs what goes wrong with it
		}
	}
	_ = s.store.Unlock(ctx, key) // it ends by itself
}

// invalidate invalidates the entry of the store, now or when it is available again.
func (s *sharing) invalidate(ctx context.Context, identifier string) error {
	err := s.store.Invalidate(ctx, s.prefix+identifier)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.unshared.Put(identifier, struct{}{})
		return fmt.Errorf("tell the shared cache: %w", err)
	}
	s.unshared.Remove(identifier)
	return nil
}

// changed makes the next lookup of a key look into the store.
func (s *sharing) changed(key string) {
	if key == "" {
		s.cache.expireAll()
		go s.catchUp()
		return
	}
	if identifier, ok := strings.CutPrefix(key, s.prefix); ok {
		s.cache.mu.Lock()
		defer s.cache.mu.Unlock()
		s.cache.expire(identifier, 0)
	}
}

// catchUp repeats the invalidations that the store has not got.
func (s *sharing) catchUp() {
	s.mu.Lock()
	identifiers := s.unshared.Keys()
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for _, identifier := range identifiers {
		if s.invalidate(ctx, identifier) != nil {
			return // it is gone again
		}
	}
}
