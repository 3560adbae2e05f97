package api

import (
	"container/list"
	"context"
	"sync"
	"time"
)

const (
	// maxInFlight is how many attempts to one endpoint may run concurrently. A backoff
	// holds no slot.
	maxInFlight = 64

	// maxSlotWait is how long a call waits for a slot, and how long a slow start
	// takes at most: callers that wait for a slow Kanuu must not fail because of it.
	maxSlotWait = time.Second

	// idleTime is after how long without a call there may be no connection left. The
	// next call then goes first again.
	idleTime = 30 * time.Second

	// breakerIdentifiers is for how many identifiers calls must fail, without a
	// success between, until the circuit breaker opens: a single customer cannot open
	// it. breakerFailures attempts at least must have failed: one blip for each
	// of a few customers is what retries are for.
	breakerIdentifiers = 3
	breakerFailures    = 8

	// breakerPause is how often an open breaker lets one probe pass, also while the
	// last one hangs.
	breakerPause = 2 * time.Second

	// defaultRetryAfter is for a 429 that does not say how long, and maxRetryAfter
	// the longest that is believed.
	defaultRetryAfter = 10 * time.Second
	maxRetryAfter     = 10 * time.Minute
)

// verdict on one attempt.
type verdict uint8

const (
	succeeded verdict = iota
	failed
	rateLimited
	abandoned
)

// admission decides whether an attempt may be made now: a bulkhead with slow
// start, a circuit breaker and the memory of a 429, all under one lock.
type admission struct {
	report func(open bool) // called without the lock

	mu       sync.Mutex
	inFlight int
	limit    int       // of inFlight; in a slow start it doubles with each response
	slow     time.Time // when the slow start began
	left     time.Time // when an attempt last ended
	waiting  list.List // of chan error, in their order

	notBefore time.Time // of a 429

	failures  int                 // since the last success
	failing   map[string]struct{} // their identifiers
	openedAt  time.Time           // zero: the breaker is closed
	nextProbe time.Time
	probing   int
	probed    string // whose probe failed last
}

func newAdmission(report func(open bool)) *admission {
	return &admission{report: report, limit: 1, failing: make(map[string]struct{})}
}

// enter waits for a slot. Each enter without an error is followed by leave.
func (a *admission) enter(ctx context.Context, identifier string) (isProbe bool, err error) {
	a.mu.Lock()
	now := time.Now()
	switch {
	case now.Before(a.notBefore):
		defer a.mu.Unlock()
		return false, &NotAdmittedError{Reason: ErrRateLimited, Wait: a.notBefore.Sub(now)}
	case !a.openedAt.IsZero():
		defer a.mu.Unlock()
		return true, a.probe(identifier, now)
	}
	if a.inFlight == 0 && a.waiting.Len() == 0 {
		if now.Sub(a.left) >= idleTime {
			a.limit = 1
		}
		a.slow = now
	}
	a.grow(now)
	if a.inFlight < a.limit {
		a.inFlight++
		a.mu.Unlock()
		return false, nil
	}
	granted := make(chan error, 1)
	place := a.waiting.PushBack(granted)
	a.mu.Unlock()
	return false, a.wait(ctx, granted, place)
}

// probe lets one attempt pass an open breaker every breakerPause. After a probe
// that failed, another identifier is preferred: it may be its own fault.
func (a *admission) probe(identifier string, now time.Time) error {
	next := a.nextProbe
	if identifier == a.probed {
		next = next.Add(breakerPause / 2)
	}
	if now.Before(next) {
		return &NotAdmittedError{Reason: ErrBreakerOpen, Wait: next.Sub(now)}
	}
	a.nextProbe = now.Add(breakerPause)
	a.probing++
	a.inFlight++
	return nil
}

func (a *admission) wait(ctx context.Context, granted chan error, place *list.Element) error {
	timer := time.NewTimer(maxSlotWait)
	defer timer.Stop()
	var err error
	select {
	case err := <-granted:
		return err
	case <-timer.C:
		err = &NotAdmittedError{Reason: ErrNoSlot, Wait: maxSlotWait}
	case <-ctx.Done():
		err = ctx.Err()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.grow(time.Now()) // who waited for a second may get a slot by it
	select {
	case late := <-granted: // in the same moment
		if late == nil && ctx.Err() != nil {
			a.inFlight--
			a.grant()
			return err
		}
		return late
	default:
		a.waiting.Remove(place)
		return err
	}
}

// leave ends an attempt.
func (a *admission) leave(identifier string, isProbe bool, v verdict, retryAfter time.Duration) {
	a.mu.Lock()
	now := time.Now()
	a.inFlight--
	a.left = now
	wasOpen := !a.openedAt.IsZero()
	if isProbe {
		a.probing--
	}
	switch v {
	case succeeded, rateLimited:
		clear(a.failing)
		a.failures = 0
		a.openedAt, a.probed = time.Time{}, ""
		if wasOpen || v == rateLimited {
			a.limit, a.slow = 1, now
		}
		a.limit = min(2*a.limit, maxInFlight)
		if until := now.Add(retryAfter); v == rateLimited && until.After(a.notBefore) {
			a.limit, a.slow, a.notBefore = 1, until, until
			a.refuse(&NotAdmittedError{Reason: ErrRateLimited, Wait: retryAfter})
		}
	case failed:
		a.failures++
		if len(a.failing) < breakerIdentifiers {
			a.failing[identifier] = struct{}{}
		}
		switch {
		case isProbe:
			a.probed = identifier
		case !wasOpen && len(a.failing) >= breakerIdentifiers && a.failures >= breakerFailures:
			a.nextProbe, a.openedAt, a.limit = now.Add(breakerPause), now, 1
			a.refuse(&NotAdmittedError{Reason: ErrBreakerOpen, Wait: breakerPause})
		}
	case abandoned:
	}
	a.grow(now)
	isOpen := !a.openedAt.IsZero()
	a.mu.Unlock()
	if isOpen != wasOpen {
		a.report(isOpen)
	}
}

// grow ends a slow start after its time, and grants what the limit allows.
func (a *admission) grow(now time.Time) {
	if now.Sub(a.slow) >= maxSlotWait {
		a.limit = maxInFlight
	}
	a.grant()
}

// grant gives free slots to waiting calls.
func (a *admission) grant() {
	for a.inFlight < a.limit && a.waiting.Len() > 0 && a.openedAt.IsZero() {
		a.inFlight++
		a.next() <- nil
	}
}

// refuse ends the wait of all.
func (a *admission) refuse(err error) {
	for a.waiting.Len() > 0 {
		a.next() <- err
	}
}

func (a *admission) next() chan error {
	return a.waiting.Remove(a.waiting.Front()).(chan error) //nolint:forcetypeassert // only enter writes to it
}

func (a *admission) state() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.openedAt.IsZero():
		return "closed"
	case a.probing > 0:
		return "half-open"
	default:
		return "open"
	}
}

func (a *admission) openFor() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.openedAt.IsZero() {
		return 0
	}
	return time.Since(a.openedAt)
}
