package kanuuredis

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
)

// Kinds of keys, behind the prefix. The braces keep the keys of one identifier in one
// slot of a cluster.
//
//	kanuu:entry:{id:42}    version, a line feed, and the value
//	kanuu:version:{id:42}  random; another one with each invalidation
//	kanuu:lock:{id:42}     as long as an instance loads
//	kanuu:alert:{id:7}     whether an alert is being handled, or was
//
// Redis notifies every instance when a key of the first two kinds changes (BCAST),
// moves to another node or ends, but not the one that wrote it (NOLOOP). Redis
// remembers only the first writer of a key within one cycle of its event loop: of two
// that invalidate in one cycle one is not notified, and it loads anew without that. No
// clocks are compared: ages are read from TTLs. An entry under another version than the
// present one is outdated, and so a load which an invalidation has overtaken does no
// harm.
const (
	entryKind   = "entry:{id:"
	versionKind = "version:{id:"
	lockKind    = "lock:{id:"
	alertKind   = "alert:{id:"
	probeKind   = "probe:{id:"
)

const (
	// entryLife is a little more than the default of CacheOptions.StaleIfError.
	entryLife = 25 * time.Hour

	// versionLife is longer: an entry must not become current again because the
	// version under which it is outdated has expired.
	versionLife = entryLife + time.Hour

	// minInvalidate is what a page has for Redis.
	minInvalidate = 250 * time.Millisecond
)

func (s *Store) key(kind, key string) string { return s.prefix + kind + key + "}" }

// Get returns what is stored for key. A value that cannot be read counts as none.
func (s *Store) Get(ctx context.Context, key string) (kanuu.SharedEntry, error) {
	entry, version := s.key(entryKind, key), s.key(versionKind, key)
	results, err := s.lookup(ctx, "get", key, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{ // TTLs first: what is replaced in between counts as older than it is
			b.Pttl().Key(entry).Build(), b.Get().Key(entry).Build(),
			b.Pttl().Key(version).Build(), b.Get().Key(version).Build(),
		}
	})
	if err != nil {
		return kanuu.SharedEntry{}, err
	}
	found := kanuu.SharedEntry{InvalidatedAge: -1}
	if found.Version, err = results[3].ToString(); err == nil {
		found.InvalidatedAge, _ = ageOf(results[2], versionLife)
	}
	text, err := results[1].ToString()
	version, value, isEntry := strings.Cut(text, "\n")
	if age, ok := ageOf(results[0], entryLife); ok && err == nil && isEntry {
		found.Value, found.Age = []byte(value), age
		found.Outdated = version != found.Version
	}
	return found, nil
}

// ageOf returns the age of a key that lives for life. Without a TTL, or with a longer
// one, another program has written it, or the clock of Redis was set back.
func ageOf(ttl rueidis.RedisResult, life time.Duration) (time.Duration, bool) {
	left, err := ttl.AsInt64()
	if age := life - time.Duration(left)*time.Millisecond; err == nil && left > 0 && age >= 0 {
		return age, true
	}
	return 0, false
}

// Set stores a value whose load began age ago.
func (s *Store) Set(ctx context.Context, key string, value []byte, version string, age time.Duration) error {
	_, err := s.lookup(ctx, "set", key, func(b rueidis.Builder) []rueidis.Completed {
		text := version + "\n" + string(value)
		return []rueidis.Completed{
			b.Set().Key(s.key(entryKind, key)).Value(text).Px(max(entryLife-age, time.Millisecond)).Build(),
		}
	})
	return err
}

// Lock takes the lock of key for life, if it is free.
func (s *Store) Lock(ctx context.Context, key string, life time.Duration) (bool, error) {
	name := s.key(lockKind, key)
	results, err := s.lookup(ctx, "lock", key, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Set().Key(name).Value("").Nx().Px(life).Build(), b.Pttl().Key(name).Build()}
	})
	if err != nil {
		return false, err
	}
	if results[0].Error() == nil {
		return true, nil
	}
	if left, _ := results[1].AsInt64(); left == -1 || left > life.Milliseconds() { // see ageOf: it would not end in time
		return false, s.Unlock(ctx, key)
	}
	return false, nil
}

// Unlock frees the lock of key. It tries in an outage, too: other instances may wait.
func (s *Store) Unlock(ctx context.Context, key string) error {
	_, err := s.do(ctx, "unlock", key, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Del().Key(s.key(lockKind, key)).Build()}
	})
	return err
}

// Invalidate gives key a new version. It waits until the deadline of ctx, and for 250 ms
// if that is sooner or ctx is canceled: the other instances need to know in any case.
func (s *Store) Invalidate(ctx context.Context, key string) error {
	wait := maxOperation
	if deadline, ok := ctx.Deadline(); ok {
		wait = max(minInvalidate, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), wait)
	defer cancel()
	_, err := s.do(ctx, "invalidate", key, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Set().Key(s.key(versionKind, key)).Value(rand.Text()).Px(versionLife).Build()}
	})
	return err
}

// Watch calls changed for each key that another instance changes, and with "" after
// a lost connection, an outage and FLUSHALL.
func (s *Store) Watch(changed func(key string)) (stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[&changed] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.watchers, &changed)
	}
}

// onInvalidations is called by rueidis with the keys that have changed, and with nil
// when a connection is gone or everything was flushed.
func (s *Store) onInvalidations(messages []rueidis.RedisMessage) {
	if messages == nil {
		s.nodes.lost.Store(true)
		s.announce("")
	}
	for _, message := range messages {
		name, _ := message.ToString() // it is one
		for _, kind := range []string{entryKind, versionKind} {
			if key, ok := strings.CutPrefix(name, s.prefix+kind); ok {
				s.announce(strings.TrimSuffix(key, "}"))
			}
		}
	}
}

// announce calls the watchers, one call at a time.
func (s *Store) announce(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for changed := range s.watchers {
		(*changed)(key)
	}
}
