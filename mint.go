package kanuu

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// defaultMintBurst nonces can be minted for one customer at once, and then one
	// every defaultMintInterval.
	defaultMintBurst    = 10
	defaultMintInterval = 10 * time.Second

	// maxMinting is how many nonce calls of one customer may be in flight.
	maxMinting = 2
)

// mintLimiter keeps one customer, who may reload /billing as often as they like,
// from using up what Kanuu allows all customers. It remembers the customers who
// clicked last.
type mintLimiter struct {
	burst    int
	interval time.Duration

	mu        sync.Mutex
	customers *recent[*mintBucket]
}

type mintBucket struct {
	nonces   *rate.Limiter
	inFlight int
}

func newMintLimiter(burst int, interval time.Duration) *mintLimiter {
	return &mintLimiter{burst: burst, interval: interval, customers: newRecent[*mintBucket]()}
}

// begin asks for a nonce of identifier. It is followed by end with what it returns,
// which is nil without a limit.
func (l *mintLimiter) begin(identifier string) (*mintBucket, error) {
	if l.burst < 0 {
		return nil, nil //nolint:nilnil // no limit
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	bucket, ok := l.customers.get(identifier)
	if !ok {
		bucket = &mintBucket{nonces: rate.NewLimiter(rate.Every(l.interval), l.burst)}
	}
	l.customers.put(identifier, bucket)
	if bucket.inFlight >= maxMinting {
		return nil, tooManyNoncesError{wait: time.Second}
	}
	if !bucket.nonces.Allow() {
		next := bucket.nonces.Reserve()
		defer next.Cancel()
		return nil, tooManyNoncesError{wait: next.Delay()}
	}
	bucket.inFlight++
	return bucket, nil
}

func (l *mintLimiter) end(bucket *mintBucket) {
	if bucket != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		bucket.inFlight--
	}
}

// tooManyNoncesError is [ErrTooManyNonces] with the time to wait.
type tooManyNoncesError struct{ wait time.Duration }

func (e tooManyNoncesError) Error() string {
	return fmt.Sprintf("kanuu: create nonce: %v: the next one is possible in %v", ErrTooManyNonces,
		e.wait.Round(time.Millisecond))
}

func (e tooManyNoncesError) Is(target error) bool { return target == ErrTooManyNonces }
