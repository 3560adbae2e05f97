package kanuuredis

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
)

// Kinds of keys, behind the prefix. What is in the braces keeps the keys of one
// identifier in one slot of a cluster.
//
//	kanuu:entry:{id:42}    version, a line feed, and the value
//	kanuu:version:{id:42}  random; another one with each invalidation
//	kanuu:lock:{id:42}     as long as an instance loads
//	kanuu:stored:{id:42}   written and removed when there is another entry
//	kanuu:invalid:{id:42}  written and removed when there is another version
//
// Redis notifies every instance when a key of the last two kinds is written (BCAST),
// but not the one that wrote it (NOLOOP). They are two because Redis remembers only
// the first writer of a key within one cycle of its event loop: an instance that
// stores while another one invalidates would not be notified. No clocks are compared: ages are read from
// TTLs. An entry under another version than the present one is outdated, so that a
// load which an invalidation has overtaken does no harm.
const (
	entryKind   = "entry:{id:"
	versionKind = "version:{id:"
	lockKind    = "lock:{id:"
	storedKind  = "stored:{id:"
	invalidKind = "invalid:{id:"
	alertKind   = "alert:{id:"
)

const (
	// entryLife is a little more than the default of CacheOptions.StaleIfError.
	entryLife = 25 * time.Hour

	// versionLife is longer: an entry must not become current again because the
	// version under which it is outdated has expired.
	versionLife = entryLife + time.Hour

	// noticeLife is for the case that the removal is lost.
	noticeLife = time.Second
)

func (s *Store) key(kind, key string) string { return s.prefix + kind + key + "}" }

// notice notifies the other instances.
func (s *Store) notice(b rueidis.Builder, kind, key string) []rueidis.Completed {
	name := s.key(kind, key)
	return []rueidis.Completed{
		b.Set().Key(name).Value("").Px(noticeLife).Build(),
		b.Del().Key(name).Build(),
	}
}

// Get returns what is stored for key. A value that cannot be read counts as none.
func (s *Store) Get(ctx context.Context, key string) (kanuu.SharedEntry, error) {
	entry, version := s.key(entryKind, key), s.key(versionKind, key)
	results, err := s.do(ctx, "get", func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{ // TTLs first: what is replaced in between counts as older than it is
			b.Pttl().Key(entry).Build(), b.Get().Key(entry).Build(),
			b.Pttl().Key(version).Build(), b.Get().Key(version).Build(),
		}
	})
	if err != nil {
		return kanuu.SharedEntry{}, err
	}
	found := kanuu.SharedEntry{InvalidatedAge: -1}
	if left, ok := ttl(results[2]); ok {
		found.Version, _ = results[3].ToString()
		found.InvalidatedAge = max(0, versionLife-left)
	}
	text, err := results[1].ToString()
	version, value, isEntry := strings.Cut(text, "\n")
	if left, ok := ttl(results[0]); ok && err == nil && isEntry {
		found.Value, found.Age = []byte(value), max(0, entryLife-left)
		found.Outdated = version != found.Version
	}
	return found, nil
}

// ttl of a key that has one.
func ttl(result rueidis.RedisResult) (time.Duration, bool) {
	left, err := result.AsInt64()
	return time.Duration(left) * time.Millisecond, err == nil && left > 0
}

// Set stores a value whose load began age ago.
func (s *Store) Set(ctx context.Context, key string, value []byte, version string, age time.Duration) error {
	_, err := s.do(ctx, "set", func(b rueidis.Builder) []rueidis.Completed {
		text := version + "\n" + string(value)
		return append([]rueidis.Completed{
			b.Set().Key(s.key(entryKind, key)).Value(text).Px(max(entryLife-age, time.Millisecond)).Build(),
		}, s.notice(b, storedKind, key)...)
	})
	return err
}

// Lock takes the lock of key for life, if it is free.
func (s *Store) Lock(ctx context.Context, key string, life time.Duration) (bool, error) {
	name := s.key(lockKind, key)
	results, err := s.do(ctx, "lock", func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Set().Key(name).Value("").Nx().Px(life).Build(), b.Pttl().Key(name).Build()}
	})
	if err != nil {
		return false, err
	}
	if results[0].Error() == nil {
		return true, nil
	}
	if left, err := results[1].AsInt64(); err == nil && left == -1 { // not the store's: it would never end
		return false, s.Unlock(ctx, key)
	}
	return false, nil
}

// Unlock frees the lock of key.
func (s *Store) Unlock(ctx context.Context, key string) error {
	_, err := s.do(ctx, "unlock", func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Del().Key(s.key(lockKind, key)).Build()}
	})
	return err
}

// Invalidate gives key a new version.
func (s *Store) Invalidate(ctx context.Context, key string) error {
	_, err := s.do(ctx, "invalidate", func(b rueidis.Builder) []rueidis.Completed {
		return append([]rueidis.Completed{
			b.Set().Key(s.key(versionKind, key)).Value(rand.Text()).Px(versionLife).Build(),
		}, s.notice(b, invalidKind, key)...)
	})
	return err
}

// probe tells whether Redis does everything that the store has it do.
func (s *Store) probe() error {
	client := s.client.Load()
	if client == nil {
		return errDown
	}
	ctx, cancel := context.WithTimeout(context.Background(), maxOperation)
	defer cancel()
	b, name := (*client).B(), s.prefix+"probe"
	for _, result := range (*client).DoMulti(ctx,
		b.Set().Key(name).Value("").Px(noticeLife).Build(), b.Get().Key(name).Build(), b.Pttl().Key(name).Build(),
		b.Del().Key(name).Build(),
	) {
		if err := result.Error(); err != nil && !rueidis.IsRedisNil(err) {
			return err
		}
	}
	return nil
}
