// Package mint limits how many nonces one customer can have.
package mint

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/kanuu-io/kanuu-go/internal/recent"
)

// maxInFlight is how many calls of one customer may be in flight.
const maxInFlight = 2

// Limiter keeps one customer, who may reload /billing as often as they like, from
// using up what Kanuu allows all customers. It remembers the customers who clicked
// last. It is safe for concurrent use.
type Limiter struct {
	burst    int
	interval time.Duration

	mu        sync.Mutex
	customers *recent.Map[*bucket]
}

type bucket struct {
	nonces   *rate.Limiter
	inFlight int
}

// NewLimiter allows burst nonces at once and then one every interval. A negative
// burst is no limit.
func NewLimiter(burst int, interval time.Duration) *Limiter {
	return &Limiter{burst: burst, interval: interval, customers: recent.New[*bucket]()}
}

// Begin asks for a nonce of identifier: it may be created if wait is 0, and then
// end must follow. Otherwise wait is the time until the next one.
func (l *Limiter) Begin(identifier string) (end func(), wait time.Duration) {
	if l.burst < 0 {
		return func() {}, 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b, ok := l.customers.Get(identifier)
	if !ok {
		b = &bucket{nonces: rate.NewLimiter(rate.Every(l.interval), l.burst)}
	}
	l.customers.Put(identifier, b)
	if b.inFlight >= maxInFlight {
		return nil, time.Second
	}
	if !b.nonces.Allow() {
		next := b.nonces.Reserve()
		defer next.Cancel()
		return nil, next.Delay()
	}
	b.inFlight++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		b.inFlight--
	}, 0
}
