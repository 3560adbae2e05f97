package kanuuredis

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// How one machine asks Kanuu for all of them.
const (
	// lockLife is how long the others wait for a machine that died in a call.
	lockLife = 2 * time.Second

	// lockBeat is how often a machine shows that it lives.
	lockBeat = lockLife / 4

	// patience is how long a machine waits for the call of another that lives.
	patience = 5 * time.Second

	// lookPause is how often it looks whether that call has failed. Its success
	// is heard of at once.
	lookPause = 100 * time.Millisecond
)

// finder finds out about an identifier, in a goroutine that everybody shares who
// waits for it on this machine.
type finder struct {
	cache      *Cache
	load       kanuu.LoadFunc
	background bool // nobody waits: the entry is stale
}

// search is one such finding out.
type search struct {
	finder
	identifier string
	known      *entry     // nil: nothing
	born       generation // what Redis says from now on outdates the result
}

// Load is for an identifier of which nothing is known here.
func (f finder) Load(ctx context.Context, identifier string) (*entry, error) {
	return f.Reload(ctx, identifier, nil)
}

// Reload is for one of which known is.
func (f finder) Reload(ctx context.Context, identifier string, known *entry) (*entry, error) {
	s := search{finder: f, identifier: identifier, known: known, born: f.cache.local.generations.of(identifier)}

	if s.cache.isDown() {
		return s.alone(ctx, s.cache.local.isSettling(identifier))
	}

	return s.shared(ctx)
}

// shared looks into Redis, and asks Kanuu if it is this machine's turn.
func (s search) shared(ctx context.Context) (*entry, error) {
	token := rand.Text()

	changed, leave := s.cache.waiting.join(s.identifier) // before it looks, so that no change is missed
	defer func() { leave() }()

	for start, waited := time.Now(), false; ; waited = true {
		now := time.Now() // before it looks, so that nothing lives longer here than in Redis
		got, err := s.cache.redis.take(ctx, s.identifier, token, s.background)

		switch {
		case errors.Is(err, errUnreadable):
			return s.alone(ctx, got.settling)
		case err != nil:
			s.cache.fail(ctx, err)

			if s.known != nil && now.UnixNano() < s.known.serveUntil {
				return s.known, nil
			}

			return s.alone(ctx, s.cache.local.isSettling(s.identifier))
		case got.locked:
			return s.locked(ctx, token, got, now)
		case got.found:
			return s.adopt(got, now, waited), nil
		case time.Since(start) >= patience:
			return s.alone(ctx, got.settling)
		}

		select {
		case <-changed:
		case <-time.After(lookPause):
		}

		leave()
		changed, leave = s.cache.waiting.join(s.identifier)
	}
}

// adopt makes an entry of one in Redis.
func (s search) adopt(got taken, now time.Time, waited bool) *entry {
	fresh := got.fresh
	if fresh <= 0 && s.background {
		fresh = s.cache.options.RefreshPause // another machine is at it, or has just failed
	}

	found := newEntry(got.subscription, s.born, now, life{fresh: fresh, serve: got.keep, keep: got.keep})
	found.asked = waited

	if got.settling { // Redis has it for as long as it is served
		whole := lifeOf(got.subscription, true, s.cache.options)
		age := max(0, whole.serve-got.keep)
		found.keepUntil = max(found.keepUntil, now.Add(whole.keep-age).UnixNano())
	}

	return found
}

// locked asks Kanuu for all machines; now is when got was taken.
func (s search) locked(ctx context.Context, token string, got taken, now time.Time) (*entry, error) {
	defer s.cache.waiting.wake(s.identifier) // who waits on this machine is not told by Redis

	subscription, err := s.ask(ctx, s.beat(ctx, token))
	if err != nil {
		if err := s.cache.redis.release(ctx, s.identifier, token, s.cache.options.RefreshPause); err != nil {
			s.cache.fail(ctx, err)
		}

		if got.found { // and may be newer than what is known here
			return s.adopt(got, now, false).again(s.born, time.Now(), s.cache.options.RefreshPause), nil
		}

		return s.failed(err, got.settling)
	}

	now = time.Now()
	happened, err := s.cache.redis.store(ctx, s.identifier, token, subscription, s.cache.options)
	settling := got.settling || s.cache.local.isSettling(s.identifier)

	switch {
	case err != nil:
		s.cache.fail(ctx, err)
	case happened == forgotten: // true for those who wait, and for nobody else
		found := newEntry(subscription, s.born, now, life{})
		found.asked = true

		return found, nil
	case happened == lost: // true, and this machine's alone
	default:
		settling = happened == storedSettling
	}

	return s.made(subscription, now, settling), nil
}

// alone asks Kanuu for this machine.
func (s search) alone(ctx context.Context, settling bool) (*entry, error) {
	subscription, err := s.ask(ctx, func() {})
	if err != nil {
		return s.failed(err, settling)
	}

	return s.made(subscription, time.Now(), settling), nil
}

// ask asks Kanuu, and calls done whatever happens.
func (s search) ask(ctx context.Context, done func()) (kanuu.Subscription, error) {
	defer done()

	if s.background {
		s.cache.refreshes.Add(1)
	}

	subscription, err := s.load(ctx, s.identifier)
	if err != nil {
		s.cache.failures.Add(1)
	}

	return subscription, err
}

// made is the entry of what Kanuu said just now.
func (s search) made(subscription kanuu.Subscription, now time.Time, settling bool) *entry {
	found := newEntry(subscription, s.born, now, lifeOf(subscription, settling, s.cache.options))
	found.asked = true

	return found
}

// failed goes on with what is known, also if it was forgotten: who is known gets
// in while Kanuu is down. While settling, which this machine may hear of only now,
// Kanuu is asked first after each pause.
func (s search) failed(err error, settling bool) (*entry, error) {
	known := s.known
	if known == nil {
		return nil, err
	}

	if settling {
		known = known.doubted()
	}

	known = known.again(s.born, time.Now(), s.cache.options.RefreshPause)
	known.asked = !s.background

	return known, nil
}

// beat shows the others that this machine lives, until it is done.
func (s search) beat(ctx context.Context, token string) (done func()) {
	stop := make(chan struct{})

	go func() {
		beat := time.NewTicker(lockBeat)
		defer beat.Stop()

		for {
			select {
			case <-stop:
				return
			case <-beat.C:
			}

			if err := s.cache.redis.extend(ctx, s.identifier, token); err != nil {
				s.cache.fail(ctx, err)

				return
			}
		}
	}()

	return func() { close(stop) }
}

// waiting wakes those who wait for another machine. The zero value is ready.
type waiting struct {
	mu    sync.Mutex
	rooms map[string]*room // by identifier
}

type room struct {
	changed chan struct{}
	guests  int
}

// join returns a channel that is closed by the next wake. Who joined must leave.
func (w *waiting) join(identifier string) (changed <-chan struct{}, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()

	in := w.rooms[identifier]
	if in == nil {
		if w.rooms == nil {
			w.rooms = make(map[string]*room)
		}

		in = &room{changed: make(chan struct{})}
		w.rooms[identifier] = in
	}

	in.guests++

	return in.changed, func() {
		w.mu.Lock()
		defer w.mu.Unlock()

		if in.guests--; in.guests == 0 && w.rooms[identifier] == in {
			delete(w.rooms, identifier)
		}
	}
}

func (w *waiting) wake(identifier string) {
	w.mu.Lock()
	defer w.mu.Unlock()

	if in := w.rooms[identifier]; in != nil {
		close(in.changed)
		delete(w.rooms, identifier)
	}
}
