package kanuu

import "sync"

// Stats are the counters of a [Client]. The JSON names are for a metrics page.
type Stats struct {
	// Nonces that were created.
	Nonces uint64 `json:"nonces"`

	// Calls that began: each is one attempt or more, or was short-circuited.
	Calls uint64 `json:"calls"`

	// InFlight is how many calls run now.
	InFlight int64 `json:"in_flight"`

	// Attempts that were sent to Kanuu, retries included.
	Attempts uint64 `json:"attempts"`

	// Retries among the attempts.
	Retries uint64 `json:"retries"`

	// Failures are calls whose last attempt failed, or whose response was unusable.
	Failures uint64 `json:"failures"`

	// ShortCircuited calls were not sent: the circuit breaker was open, a 429 asked
	// to wait, or 64 attempts were in flight.
	ShortCircuited uint64 `json:"short_circuited"`

	// Outages is how often a circuit breaker opened.
	Outages uint64 `json:"outages"`

	// Breaker is the state of the circuit breaker, "closed", "open" or "half-open":
	// the worse of the two endpoints.
	Breaker string `json:"breaker"`

	// Cache of subscriptions.
	Cache CacheStats `json:"cache"`
}

// RedirectStats counts the requests to a [RedirectHandler] or a [Redirector].
type RedirectStats struct {
	// Redirected requests got a nonce.
	Redirected uint64 `json:"redirected"`

	// Failed requests got none because the resolver or Kanuu failed.
	Failed uint64 `json:"failed"`

	// Speculative: prefetch, prerender, link preview.
	Speculative uint64 `json:"speculative"`

	// Embedded: an image, a frame, a script, a beacon.
	Embedded uint64 `json:"embedded"`

	// LedOn: Turbo, swup, Unpoly or a frame was led to a navigation of the whole
	// page.
	LedOn uint64 `json:"led_on"`

	// Head requests.
	Head uint64 `json:"head"`

	// Method: neither GET, HEAD nor POST.
	Method uint64 `json:"method"`

	// CrossOrigin: a form or a script of another origin.
	CrossOrigin uint64 `json:"cross_origin"`

	// Unauthenticated: the user was not logged in.
	Unauthenticated uint64 `json:"unauthenticated"`

	// Forbidden: the resolver returned [ErrForbidden].
	Forbidden uint64 `json:"forbidden"`

	// Limited: [RedirectOptions.MintBurst] was used up.
	Limited uint64 `json:"limited"`
}

// GateStats counts the requests that a [Gate] did not admit, or that it
// admitted without a check.
type GateStats struct {
	// NotSubscribed, or to a plan that the gate does not admit.
	NotSubscribed uint64 `json:"not_subscribed"`

	// Unauthenticated: the user was not logged in.
	Unauthenticated uint64 `json:"unauthenticated"`

	// Forbidden: the resolver returned [ErrForbidden].
	Forbidden uint64 `json:"forbidden"`

	// Failed: the resolver or Kanuu failed, and nothing was cached.
	Failed uint64 `json:"failed"`

	// Unchecked requests were admitted by [GateOptions.FailOpen].
	Unchecked uint64 `json:"unchecked"`
}

// WebhookStats counts the requests to a [WebhookHandler].
type WebhookStats struct {
	// Handled: all handlers of the alert succeeded.
	Handled uint64 `json:"handled"`

	// Duplicates were handled before.
	Duplicates uint64 `json:"duplicates"`

	// Unheard: no handler is registered for the alert.
	Unheard uint64 `json:"unheard"`

	// Failed: the response makes Paddle deliver the alert again.
	Failed uint64 `json:"failed"`

	// Unsigned: the signature is not that of one of the keys.
	Unsigned uint64 `json:"unsigned"`

	// Rejected for another reason: no POST, no form, too large, too old.
	Rejected uint64 `json:"rejected"`
}

// Stats returns the counters of the client.
func (c *Client) Stats() Stats {
	count := &c.api.Count
	breaker := c.fetchSubscription.Breaker()
	if state := c.createNonce.Breaker(); breaker == "closed" || state == "open" {
		breaker = state // the worse of the two
	}
	return Stats{
		Nonces:         c.nonces.Load(),
		Calls:          count.Calls.Load(),
		InFlight:       count.InFlight.Load(),
		Attempts:       count.Attempts.Load(),
		Retries:        count.Retries.Load(),
		Failures:       count.Failures.Load(),
		ShortCircuited: count.ShortCircuited.Load(),
		Outages:        count.Outages.Load(),
		Breaker:        breaker,
		Cache:          c.cache.stats(),
	}
}

// tally is what a handler has counted.
type tally[Stats any] struct {
	mu    sync.Mutex
	stats Stats
}

// add counts one in the field that is chosen.
func (t *tally[Stats]) add(field func(*Stats) *uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*field(&t.stats)++
}

func (t *tally[Stats]) snapshot() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats
}

// Stats returns what the handler has counted.
func (h *RedirectHandler) Stats() RedirectStats { return h.redirector.Stats() }

// Stats returns what the redirector has counted.
func (rd *Redirector) Stats() RedirectStats { return rd.tally.snapshot() }

// Stats returns what the gate has counted.
func (g *Gate) Stats() GateStats { return g.tally.snapshot() }

// Stats returns what the handler has counted.
func (h *WebhookHandler) Stats() WebhookStats { return h.tally.snapshot() }

// CacheStats counts what the cache did.
type CacheStats struct {
	// Hits were answered from an entry, fresh or stale-while-revalidate.
	Hits uint64 `json:"hits"`

	// Misses had to wait for a load.
	Misses uint64 `json:"misses"`

	// Refreshes were loads in the background.
	Refreshes uint64 `json:"refreshes"`

	// Failures of loads.
	Failures uint64 `json:"failures"`

	// Evictions of entries for others, because of CacheOptions.MaxEntries.
	Evictions uint64 `json:"evictions"`

	// Entries there are, about.
	Entries uint64 `json:"entries"`
}

func (c *cache) stats() CacheStats {
	return CacheStats{
		Hits:      c.hits.Load(),
		Misses:    c.misses.Load(),
		Refreshes: c.refreshes.Load(),
		Failures:  c.failures.Load(),
		Evictions: c.evictions.Load(),
		Entries:   uint64(max(0, c.entries.EstimatedSize())),
	}
}
