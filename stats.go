package kanuu

import "sync"

// Stats counts what a [Client] did since it was made. The JSON names are those
// for a metrics page.
type Stats struct {
	// Nonces that were minted.
	Nonces uint64 `json:"nonces"`

	// Calls that were begun: each is one attempt or more, or short-circuited.
	Calls uint64 `json:"calls"`

	// InFlight is how many calls are not over yet. It goes up and down.
	InFlight int64 `json:"in_flight"`

	// Attempts that were sent to Kanuu, first ones and retries.
	Attempts uint64 `json:"attempts"`

	// Retries among the attempts.
	Retries uint64 `json:"retries"`

	// Failures: calls that ended with an error after their last attempt, or with
	// an answer that is of no use.
	Failures uint64 `json:"failures"`

	// ShortCircuited calls were ended by the circuit breaker, because Kanuu was
	// down a moment ago.
	ShortCircuited uint64 `json:"short_circuited"`

	// Outages is how often the circuit breaker found that Kanuu is down.
	Outages uint64 `json:"outages"`

	// Breaker is the state of the circuit breaker: "closed" while Kanuu is up,
	// "open" while it is down, "half-open" while one caller probes it. Each
	// endpoint of Kanuu has one; this is the worse of the two.
	Breaker string `json:"breaker"`

	// Cache of subscriptions.
	Cache CacheStats `json:"cache"`
}

// RedirectStats counts the visits to a [RedirectHandler] or a [Redirector].
type RedirectStats struct {
	// Redirected visits got a nonce.
	Redirected uint64 `json:"redirected"`

	// Failed visits got none although they should: the resolver or Kanuu failed.
	Failed uint64 `json:"failed"`

	// Speculative: prefetch, prerender, link preview.
	Speculative uint64 `json:"speculative"`

	// Embedded: an image, a frame, a script, a beacon.
	Embedded uint64 `json:"embedded"`

	// LedOn: a script or a frame that navigates, which was led to a navigation of
	// the whole page.
	LedOn uint64 `json:"led_on"`

	// Head requests.
	Head uint64 `json:"head"`

	// Method: neither GET, HEAD nor POST.
	Method uint64 `json:"method"`

	// CrossOrigin: a POST from another origin.
	CrossOrigin uint64 `json:"cross_origin"`

	// Unauthenticated: nobody was logged in.
	Unauthenticated uint64 `json:"unauthenticated"`

	// Forbidden: the resolver returned [ErrForbidden].
	Forbidden uint64 `json:"forbidden"`

	// Limited: [RedirectOptions.MintBurst] was used up.
	Limited uint64 `json:"limited"`
}

// GateStats counts visits to a [Gate] by what became of them. Those that it let
// in for a subscription are the hits and misses of the cache that are not here.
type GateStats struct {
	// NotSubscribed, or not to a plan that the gate lets in.
	NotSubscribed uint64 `json:"not_subscribed"`

	// Unauthenticated: nobody was logged in.
	Unauthenticated uint64 `json:"unauthenticated"`

	// Forbidden: the resolver said [ErrForbidden].
	Forbidden uint64 `json:"forbidden"`

	// Failed: the resolver or Kanuu could not be asked, and nothing was known.
	Failed uint64 `json:"failed"`

	// Unchecked visits were let in by [GateOptions.FailOpen].
	Unchecked uint64 `json:"unchecked"`
}

// WebhookStats counts requests to a [WebhookHandler] by what became of them.
type WebhookStats struct {
	// Handled: all functions that listen to it succeeded.
	Handled uint64 `json:"handled"`

	// Duplicates were handled before.
	Duplicates uint64 `json:"duplicates"`

	// Unheard alerts have no handler.
	Unheard uint64 `json:"unheard"`

	// Failed: Paddle was told to come again.
	Failed uint64 `json:"failed"`

	// Unsigned: Paddle did not sign it, or the handler has another key.
	Unsigned uint64 `json:"unsigned"`

	// Rejected for another reason: not a POST, no form, too large.
	Rejected uint64 `json:"rejected"`
}

// Stats of the client so far. Each number is exact; together they are of about
// the same moment.
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
