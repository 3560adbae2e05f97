package kanuuredis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// probePause is how long Redis is left alone once it is gone. It doubles, up to maxProbePause.
	probePause    = 500 * time.Millisecond
	maxProbePause = 2 * time.Second

	// maxUntold is how many identifiers are remembered that Redis has to be told
	// to forget.
	maxUntold = 10_000

	// tellAtOnce is how many of them it is told in one go.
	tellAtOnce = 300 // three commands each; rueidis takes another connection for 2,000
)

// outage of Redis: whether there is one, and what has to be made good after it.
type outage struct {
	down    atomic.Bool
	closing chan struct{}
	probing sync.WaitGroup

	mu     sync.Mutex
	closed bool
	since  time.Time
	logged []string             // remedies, of this outage
	untold map[string]time.Time // identifiers, and when they were forgotten
}

func (c *Cache) isDown() bool { return c.outage.down.Load() }

// fail is told of every error of Redis. It starts an outage, which ends by
// itself. What an error says of one key or of an old connection starts none.
func (c *Cache) fail(ctx context.Context, err error) {
	answer, ok := errors.AsType[*rueidis.RedisError](err)
	if errors.Is(err, rueidis.ErrClosing) || ok && strings.HasPrefix(answer.Error(), "WRONGTYPE") {
		return
	}

	o := &c.outage

	o.mu.Lock()
	defer o.mu.Unlock()

	c.failLocked(ctx, err)
}

func (c *Cache) failLocked(ctx context.Context, err error) {
	o := &c.outage
	if o.closed || o.down.Load() {
		return
	}

	o.since, o.logged = time.Now(), nil
	o.down.Store(true)
	o.probing.Go(c.probe)
	c.warn(ctx, "kanuuredis: Redis is gone, this machine goes on alone", err)
}

// failAgain is told why Redis is still not back. Only what somebody has to mend is
// logged, and once in an outage: a start of Redis has several causes on its way.
func (c *Cache) failAgain(err error) {
	o := &c.outage

	o.mu.Lock()
	defer o.mu.Unlock()

	cause := causeOf(err)
	if !o.closed && cause != unreachable && !slices.Contains(o.logged, cause.remedy) {
		c.warn(context.Background(), "kanuuredis: Redis is not back, for another reason", err)
	}
}

func (c *Cache) warn(ctx context.Context, message string, err error) {
	remedy := causeOf(err).remedy
	c.outage.logged = append(c.outage.logged, remedy)
	c.log.LogAttrs(ctx, slog.LevelWarn, message, slog.Any("error", err), slog.String("remedy", remedy))
}

// probe ends the outage when Redis is back.
func (c *Cache) probe() {
	for pause := probePause; ; pause = min(2*pause, maxProbePause) {
		select {
		case <-c.outage.closing:
			return
		case <-time.After(pause):
		}
		err := c.tryAgain()
		if err == nil {
			return
		}
		c.failAgain(err)
	}
}

// tryAgain tries Redis over a new connection, and ends the outage if it works.
func (c *Cache) tryAgain() error {
	if err := c.redis.connect(); err != nil && c.redis.client.Load() == nil {
		return err
	}
	if err := c.redis.probe(); err != nil {
		return err
	}
	return c.makeGood()
}

// makeGood tells Redis what it has missed, and ends the outage after that.
func (c *Cache) makeGood() error {
	o := &c.outage

	for {
		told, windows := c.nextUntold()
		if told == nil {
			return nil
		}

		if err := c.redis.forgetAll(windows); err != nil {
			return err
		}

		o.mu.Lock()
		maps.DeleteFunc(o.untold, func(identifier string, at time.Time) bool { return told[identifier].Equal(at) })
		o.mu.Unlock()
	}
}

// nextUntold is what to tell next, and with what is left of the settling
// windows; nil if there is nothing, and then the outage is over.
func (c *Cache) nextUntold() (told map[string]time.Time, windows map[string]time.Duration) {
	o := &c.outage

	o.mu.Lock()
	defer o.mu.Unlock()

	if len(o.untold) == 0 {
		c.local.doubtAll() // nobody said what has changed meanwhile
		o.down.Store(false)
		c.log.LogAttrs(context.Background(), slog.LevelInfo, "kanuuredis: Redis is back",
			slog.Duration("after", time.Since(o.since).Round(time.Millisecond)))

		return nil, nil
	}

	told, windows = make(map[string]time.Time), make(map[string]time.Duration)

	for identifier, at := range o.untold {
		if len(told) == tellAtOnce {
			break
		}

		told[identifier], windows[identifier] = at, c.options.SettlingWindow-time.Since(at)
	}

	return told, windows
}

// errDown is the cause where Redis was not even asked.
var errDown = errors.New("not asked again so soon after it failed")

// tell tells Redis, now or later, to forget identifier.
func (c *Cache) tell(ctx context.Context, identifier string) error {
	err := errDown
	if !c.isDown() {
		err = c.redis.forget(ctx, identifier, c.options.SettlingWindow)
	}

	if err == nil {
		return nil
	}

	o := &c.outage

	o.mu.Lock()
	defer o.mu.Unlock()

	c.failLocked(ctx, err) // also when Redis is back since: this has to be told

	if o.untold == nil {
		o.untold = make(map[string]time.Time)
	}

	if _, known := o.untold[identifier]; o.closed || !known && len(o.untold) >= maxUntold {
		return fmt.Errorf("kanuuredis: %w, and too late to tell Redis: %w", ErrNotShared, err)
	}

	o.untold[identifier] = time.Now()

	return fmt.Errorf("kanuuredis: %w until Redis is back: %w", ErrNotShared, err)
}

// close tells whether it is the first to do so.
func (c *Cache) close() bool {
	o := &c.outage

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
