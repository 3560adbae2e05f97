package kanuuredis

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// probePause is how long after a failure Redis is tried again. It doubles, up to
	// maxProbePause.
	probePause    = 500 * time.Millisecond
	maxProbePause = 2 * time.Second
)

// outage of Redis: whether there is one.
type outage struct {
	down    atomic.Bool
	closing chan struct{}
	probing sync.WaitGroup

	mu     sync.Mutex
	closed bool
	since  time.Time
	logged []string // remedies, of this outage
}

var (
	errDown       = errors.New("kanuuredis: Redis is unavailable")
	errNoTracking = errors.New("no client-side caching for this program in Redis")
)

// fail starts an outage, which ends by itself.
func (s *Store) fail(ctx context.Context, err error) {
	if errors.Is(err, rueidis.ErrClosing) { // of an old connection
		return
	}
	o := &s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed || o.down.Load() {
		return
	}
	o.since, o.logged = time.Now(), nil
	o.down.Store(true)
	o.probing.Go(s.recover)
	s.warn(ctx, "kanuuredis: Redis unavailable, using local cache", err)
}

// warn is called with the outage locked.
func (s *Store) warn(ctx context.Context, message string, err error) {
	remedy := causeOf(err).remedy
	s.outage.logged = append(s.outage.logged, remedy)
	s.log.LogAttrs(ctx, slog.LevelWarn, message, slog.Any("error", err), slog.String("remedy", remedy))
}

// recover ends the outage when Redis is back.
func (s *Store) recover() {
	for pause := probePause; ; pause = min(2*pause, maxProbePause) {
		select {
		case <-s.outage.closing:
			return
		case <-time.After(pause):
		}
		err := s.connect()
		if err == nil || s.client.Load() != nil {
			err = s.probe()
		}
		if s.end(err) {
			s.announce("") // nobody said what has changed in the meantime
			return
		}
	}
}

// end ends the outage if err is nil. Otherwise it logs a cause that an operator has to
// mend, once in an outage: a start of Redis has several causes on its way.
func (s *Store) end(err error) bool {
	o := &s.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	if cause := causeOf(err); err != nil {
		if !o.closed && cause != unreachable && !slices.Contains(o.logged, cause.remedy) {
			s.warn(context.Background(), "kanuuredis: Redis still unavailable, for another reason", err)
		}
		return false
	}
	if o.closed {
		return true
	}
	o.down.Store(false)
	s.log.LogAttrs(context.Background(), slog.LevelInfo, "kanuuredis: Redis available again",
		slog.Duration("after", time.Since(o.since).Round(time.Millisecond)))
	return true
}

// close tells whether it is the first to do so.
func (o *outage) close() bool {
	o.mu.Lock()
	first := !o.closed
	if first {
		o.closed = true
		o.down.Store(true)
		close(o.closing)
	}
	o.mu.Unlock()
	o.probing.Wait()
	return first
}

// cause is why Redis cannot be used.
type cause struct {
	answer  string // what Redis' answer begins with
	refusal bool   // which waiting does not change
	remedy  string
}

// Remedies that several causes have.
const (
	checkLogin = "check the user and the password"
	allow      = "allow GET, SET, DEL, PTTL and CLIENT TRACKING on all keys that begin with Options.Prefix; Redis 6 or newer " +
		"has them"
)

// What else goes wrong passes by itself, or is the network's.
var (
	unreachable = cause{remedy: "start Redis, or check the network; nothing else has to be done"}
	noTracking  = cause{refusal: true, remedy: allow}
	causes      = []cause{
		{"NOAUTH", true, checkLogin},
		{"WRONGPASS", true, checkLogin},
		{"NOPERM", true, allow},
		{"unknown command", true, allow},
		{"OOM", false, "raise maxmemory, or set a maxmemory-policy that evicts keys with a TTL"},
		{"READONLY", false, "connect to the primary; after a failover this passes by itself"},
		{"MISCONF", false, "read the log of Redis, which cannot save to its disk"},
	}
)

func causeOf(err error) cause {
	if errors.Is(err, errNoTracking) || errors.Is(err, rueidis.ErrNoCache) {
		return noTracking
	}
	if answer, ok := errors.AsType[*rueidis.RedisError](err); ok {
		for _, cause := range causes {
			if strings.HasPrefix(answer.Error(), cause.answer) {
				return cause
			}
		}
	}
	return unreachable
}
