package kanuuredis

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

const (
	// checkEvery is how long after a failure Redis is tried again.
	checkEvery = time.Second

	// maxRoundTrip is how long Redis may take: a page makes three round trips in 250 ms,
	// and would wait in vain for a slower one.
	maxRoundTrip = 75 * time.Millisecond
)

// outage of Redis, or of some shards of a cluster.
type outage struct {
	mu     sync.Mutex
	down   map[string]string // shards, each with a key that failed
	began  time.Time
	logged []string // remedies
}

var (
	errDown       = errors.New("kanuuredis: Redis is unavailable")
	errNoTracking = errors.New("no client-side caching for this program in Redis")
)

func (s *Store) isDown(shard string) bool {
	s.outage.mu.Lock()
	defer s.outage.mu.Unlock()
	_, down := s.outage.down[shard]
	return down
}

// fail begins or continues an outage of shard, where an operation on key has failed. An
// operation that was slow is not logged until a probe fails, too: the program itself may
// have been slow. Another cause is logged if an operator has to remove it.
func (s *Store) fail(shard, key string, err error, isProbe bool) {
	o := &s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if s.ctx.Err() != nil || errors.Is(err, rueidis.ErrClosing) { // of an old connection
		return
	}
	if len(o.down) == 0 {
		o.down, o.began, o.logged = make(map[string]string), time.Now(), nil
	}
	o.down[shard] = key
	remedy := remedyOf(err)
	attrs := []slog.Attr{slog.Any("error", err), slog.String("remedy", remedy)}
	switch {
	case len(o.logged) == 0 && (isProbe || !errors.Is(err, context.DeadlineExceeded)):
		s.log.LogAttrs(s.ctx, slog.LevelWarn, "kanuuredis: Redis unavailable, using local cache", attrs...)
	case len(o.logged) > 0 && remedy != wait && remedy != usePrimary && !slices.Contains(o.logged, remedy):
		s.log.LogAttrs(s.ctx, slog.LevelWarn, "kanuuredis: Redis still unavailable, for another reason", attrs...)
	default:
		return
	}
	o.logged = append(o.logged, remedy)
}

// end ends the outage of shard.
func (s *Store) end(shard string) {
	o := &s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.down, shard)
	s.missed.Store(true)
	if len(o.down) == 0 && len(o.logged) > 0 {
		s.log.LogAttrs(s.ctx, slog.LevelInfo, "kanuuredis: Redis available again",
			slog.Duration("after", time.Since(o.began).Round(time.Millisecond)))
	}
}

// maintain ends outages and keeps the connections to a cluster, until Close.
func (s *Store) maintain() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-time.After(checkEvery):
		}
		s.reach()
		s.retry()
		if s.missed.Swap(false) {
			s.announce("")
		}
	}
}

// retry ends the outage of each shard that works again.
func (s *Store) retry() {
	if s.client.Load() == nil {
		if err := s.connect(); err != nil {
			s.fail("", "", err, true)
			return
		}
	}
	s.outage.mu.Lock()
	down := maps.Clone(s.outage.down)
	s.outage.mu.Unlock()
	var probing sync.WaitGroup
	for shard, key := range down {
		probing.Go(func() {
			err := s.probe(key, maxOperation) // it may need a new connection
			if err == nil {
				err = s.probe(key, maxRoundTrip)
			}
			if err != nil {
				s.fail(shard, key, err, true)
			} else {
				s.end(shard)
			}
		})
	}
	probing.Wait()
}

// probe does what the store does, beside key. After a failover behind an address that
// stays the same, only new connections lead to the primary.
func (s *Store) probe(key string, limit time.Duration) error {
	client, name := s.client.Load(), s.key(probeKind, key)
	if client == nil {
		return errDown
	}
	b := (*client).B()
	_, err := run(s.ctx, limit, *client, []rueidis.Completed{
		b.Set().Key(name).Value("").Px(time.Second).Build(), b.Get().Key(name).Build(), b.Pttl().Key(name).Build(),
		b.Del().Key(name).Build(),
	})
	if isAnswer(err, "READONLY") {
		s.disconnect()
	}
	return err
}

// Remedies. The first two are for a Redis that refuses the program, which is an error
// of New. The last two pass by themselves where a failover or a start is the cause.
const (
	checkLogin = "check the user and the password"
	allow      = "allow GET, SET, DEL, PTTL and CLIENT TRACKING on all keys that begin with Options.Prefix; Redis 6 or newer " +
		"has them"
	addMemory  = "raise maxmemory, or set a maxmemory-policy that evicts keys with a TTL"
	checkDisk  = "read the log of Redis, which cannot save to its disk"
	usePrimary = "connect to the primary; after a failover this passes by itself"
	wait       = "start Redis, or check the network; nothing else has to be done"
)

func remedyOf(err error) string {
	for _, known := range []struct{ answer, remedy string }{
		{"NOAUTH", checkLogin}, {"WRONGPASS", checkLogin}, {"NOPERM", allow}, {"unknown command", allow},
		{"OOM", addMemory}, {"MISCONF", checkDisk}, {"READONLY", usePrimary},
	} {
		if isAnswer(err, known.answer) {
			return known.remedy
		}
	}
	if errors.Is(err, errNoTracking) || errors.Is(err, rueidis.ErrNoCache) {
		return allow
	}
	return wait
}

// isAnswer reports whether err is Redis' own and begins with prefix.
func isAnswer(err error, prefix string) bool {
	answer, ok := errors.AsType[*rueidis.RedisError](err)
	return ok && strings.HasPrefix(answer.Error(), prefix)
}
