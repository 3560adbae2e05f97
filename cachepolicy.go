package kanuu

import (
	"cmp"
	"errors"
	"time"
)

// CacheOptions set how long a subscription is served without asking Kanuu. The
// vocabulary is that of RFC 9111 and RFC 5861. 0 stands for the default.
//
// An entry is fresh for as long as it has been unchanged: at least MinAge, at
// most MaxAge. A stale subscriber is served for another MaxAge while one refresh
// runs in the background; everything else that is stale is revalidated first.
//
// [Client.InvalidateSubscription], a nonce and a webhook open a revalidation
// window of 70 minutes. In it, an entry is fresh for 10 % of the time since then,
// at least 5 s, and it is revalidated before it is served. After a failed load,
// the same identifier is not loaded again for 5 s, doubling to 1 min.
type CacheOptions struct {
	// MaxEntries is how many entries are kept, default 100,000. The least used
	// are evicted first. An entry takes about 200 bytes and its identifier.
	MaxEntries int

	// MinAge is how long an entry is fresh at least, default 1 min.
	MinAge time.Duration

	// MaxAge is how long an entry is fresh at most, default 1 h. Kanuu itself
	// caches for that long.
	MaxAge time.Duration

	// NegativeMaxAge is how long "not subscribed" is fresh at most, default
	// 5 min. It is how long a customer waits who pays without passing /billing and
	// without a webhook.
	NegativeMaxAge time.Duration

	// StaleIfError is how long a stale entry may be served when Kanuu fails or
	// takes longer than 3 s, measured from Kanuu's last response, default 24 h.
	// Negative: never.
	StaleIfError time.Duration
}

const (
	// window is how long after an invalidation Kanuu's answer may still change:
	// Kanuu caches for an hour, and Paddle's webhook reaches it within minutes.
	window = 70 * time.Minute

	// windowMinAge is the least max age within the window, and windowShare the
	// part of the time since the invalidation that it grows with.
	windowMinAge = 5 * time.Second
	windowShare  = 10

	// minBackoff and maxBackoff are how long an identifier is not loaded again after
	// a load that failed.
	minBackoff = 5 * time.Second
	maxBackoff = time.Minute

	// maxWait is how long a caller waits for Kanuu where a stale entry may be
	// served, and maxWaitShare the part of its own deadline.
	maxWait      = 3 * time.Second
	maxWaitShare = 0.8
)

// withDefaults returns o with each 0 replaced.
func (o CacheOptions) withDefaults(found *problems) CacheOptions {
	o.MinAge = found.timeout("CacheOptions.MinAge", o.MinAge, time.Minute)
	o.MaxAge = found.timeout("CacheOptions.MaxAge", o.MaxAge, time.Hour)
	o.NegativeMaxAge = found.timeout("CacheOptions.NegativeMaxAge", o.NegativeMaxAge, 5*time.Minute)
	if o.MaxEntries < 0 {
		found.add("CacheOptions.MaxEntries is negative: leave it 0 for the default")
	}
	if o.MinAge > o.MaxAge {
		found.add("CacheOptions.MinAge is longer than MaxAge: make it shorter")
	}
	o.MaxEntries = cmp.Or(o.MaxEntries, 100_000)
	o.StaleIfError = cmp.Or(o.StaleIfError, 24*time.Hour)
	return o
}

// fetched is a subscription and when the attempt that brought it began. What a
// shared cache has comes with its history.
type fetched struct {
	subscription             Subscription
	at                       int64
	changedAt, invalidatedAt int64 // 0: unknown, never
}

// entry of the cache. Its times are of the cache's clock.
type entry struct {
	statusText               string
	planID, subscriptionID   int64
	fetchedAt                int64  // when the attempt that brought it began
	changedAt                int64  // when the answer last differed, or was invalidated
	invalidatedAt            int64  // the last time; 0: never
	generation               uint32 // that of the cache when it was stored; 0: of none
	isSubscribed, isTrialing bool
	invalid                  bool // invalidated since, or changed in the shared cache
}

func newEntry(got fetched) entry {
	s := got.subscription
	return entry{
		statusText: s.StatusText, planID: s.PlanID, subscriptionID: s.SubscriptionID,
		isSubscribed: s.IsSubscribed, isTrialing: s.IsTrialing,
		fetchedAt: got.at, invalidatedAt: got.invalidatedAt,
		changedAt: max(cmp.Or(got.changedAt, got.at), got.invalidatedAt),
	}
}

func (e *entry) subscription() Subscription {
	return Subscription{
		IsSubscribed: e.isSubscribed, IsTrialing: e.isTrialing,
		Status: ParseStatus(e.statusText), StatusText: e.statusText,
		PlanID: e.planID, SubscriptionID: e.subscriptionID,
	}
}

// state of an entry at one moment.
type state uint8

const (
	fresh   state = iota // served as it is
	stale                // served while it is refreshed
	expired              // revalidated before anything is served
)

// maxAge is how long an entry is fresh after it was fetched.
func (c *cache) maxAge(e *entry) time.Duration {
	age := min(max(time.Duration(e.fetchedAt-e.changedAt), c.options.MinAge), c.options.MaxAge)
	if !e.isSubscribed {
		age = min(age, c.options.NegativeMaxAge)
	}
	return age
}

func (c *cache) inWindow(e *entry, now int64) bool {
	return e.invalidatedAt > 0 && now-e.invalidatedAt < int64(window)
}

func (c *cache) stateOf(e *entry, now int64) state {
	age, maxAge, inWindow := time.Duration(now-e.fetchedAt), c.maxAge(e), c.inWindow(e, now)
	if inWindow {
		maxAge = min(maxAge, max(windowMinAge, time.Duration(e.fetchedAt-e.invalidatedAt)/windowShare))
	}
	switch {
	case e.invalid || e.generation != c.generation.Load():
		return expired
	case age < maxAge:
		return fresh
	case e.isSubscribed && !inWindow && age < maxAge+c.options.MaxAge:
		return stale
	default:
		return expired
	}
}

// usableOnError reports whether the entry may be served when Kanuu fails. Within
// the window, "not subscribed" may be what has just changed.
func (c *cache) usableOnError(e *entry, now int64) bool {
	return time.Duration(now-e.fetchedAt) < c.options.StaleIfError &&
		(e.isSubscribed || !e.invalid && !c.inWindow(e, now))
}

// staleMayReplace reports whether a stale entry is better than err: unless err is
// about this customer.
func staleMayReplace(err error) bool {
	return !errors.Is(err, ErrInvalidIdentity) && !errors.Is(err, ErrValidation)
}
