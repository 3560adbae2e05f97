package kanuu

import "sync/atomic"

// Stats counts what a [Client] did since it was made. The JSON names are those
// for a metrics page.
type Stats struct {
	// Nonces that were minted.
	Nonces uint64 `json:"nonces"`

	// Attempts that were sent to Kanuu, first ones and retries.
	Attempts uint64 `json:"attempts"`

	// Retries among the attempts.
	Retries uint64 `json:"retries"`

	// Failures: calls that ended with an error after their last attempt.
	Failures uint64 `json:"failures"`

	// ShortCircuited calls were not sent, because Kanuu was down a moment ago.
	ShortCircuited uint64 `json:"short_circuited"`

	// Breaker is the state of the circuit breaker: "closed" while Kanuu is up,
	// "open" while it is down, "half-open" while one caller probes it.
	Breaker string `json:"breaker"`

	// Cache of subscriptions; zeros for a [Config.Cache] without a method
	// Stats() CacheStats.
	Cache CacheStats `json:"cache"`

	// Refused visits to a [RedirectHandler] or an adapter, that minted nothing.
	Refused Refused `json:"refused"`
}

// Refused counts visits that minted nothing, by reason.
type Refused struct {
	// Speculative: prefetch, prerender, link preview.
	Speculative uint64 `json:"speculative"`

	// Embedded: an image, a frame, a script, a beacon.
	Embedded uint64 `json:"embedded"`

	// Head requests.
	Head uint64 `json:"head"`

	// Method: neither GET, HEAD nor POST.
	Method uint64 `json:"method"`

	// CrossOrigin: a POST from another origin.
	CrossOrigin uint64 `json:"cross_origin"`

	// Unauthenticated: nobody was logged in.
	Unauthenticated uint64 `json:"unauthenticated"`

	// Forbidden: the resolver said [ErrForbidden].
	Forbidden uint64 `json:"forbidden"`
}

// counters behind [Stats].
type counters struct {
	nonces, attempts, retries, failures, shortCircuited atomic.Uint64

	refused struct {
		speculative, embedded, head, method, crossOrigin, unauthenticated, forbidden atomic.Uint64
	}
}

// Stats of the client so far. Each number is exact; together they are of about
// the same moment.
func (c *Client) Stats() Stats {
	refused := &c.count.refused

	var cache CacheStats
	if counting, ok := c.cache.(interface{ Stats() CacheStats }); ok {
		cache = counting.Stats()
	}

	return Stats{
		Cache:          cache,
		Nonces:         c.count.nonces.Load(),
		Attempts:       c.count.attempts.Load(),
		Retries:        c.count.retries.Load(),
		Failures:       c.count.failures.Load(),
		ShortCircuited: c.count.shortCircuited.Load(),
		Breaker:        c.breaker.State().String(),
		Refused: Refused{
			Speculative:     refused.speculative.Load(),
			Embedded:        refused.embedded.Load(),
			Head:            refused.head.Load(),
			Method:          refused.method.Load(),
			CrossOrigin:     refused.crossOrigin.Load(),
			Unauthenticated: refused.unauthenticated.Load(),
			Forbidden:       refused.forbidden.Load(),
		},
	}
}
