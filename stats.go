package kanuu

import "sync/atomic"

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

	// Cache of subscriptions; zeros for a [Config.Cache] without a method
	// Stats() CacheStats.
	Cache CacheStats `json:"cache"`

	// Refused visits to a [RedirectHandler] or an adapter, that minted nothing.
	Refused Refused `json:"refused"`

	// Gate counts visits that no [Gate] of the client let in, and those that
	// one let in unchecked.
	Gate GateStats `json:"gate"`

	// Webhooks that each [WebhookHandler] of the client got.
	Webhooks WebhookStats `json:"webhooks"`
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

	// Unchecked visitors were let in by [GateOptions.LetAnybodyInDuringOutages].
	Unchecked uint64 `json:"unchecked"`
}

// WebhookStats counts requests to a [WebhookHandler] by what became of them.
type WebhookStats struct {
	// Handled: all functions that listen to it succeeded.
	Handled uint64 `json:"handled"`

	// Duplicates were handled before.
	Duplicates uint64 `json:"duplicates"`

	// Unheard: no function listens to it.
	Unheard uint64 `json:"unheard"`

	// Failed: Paddle was told to come again.
	Failed uint64 `json:"failed"`

	// Unsigned: Paddle did not sign it, or the handler has another key.
	Unsigned uint64 `json:"unsigned"`

	// Rejected for another reason: not a POST, no form, too large.
	Rejected uint64 `json:"rejected"`
}

// counters behind [Stats].
type counters struct {
	nonces, calls, attempts, retries, failures, shortCircuited, outages atomic.Uint64

	inFlight atomic.Int64

	refused struct {
		speculative, embedded, head, method, crossOrigin, unauthenticated, forbidden atomic.Uint64
	}
	gate struct {
		notSubscribed, unauthenticated, forbidden, failed, unchecked atomic.Uint64
	}
	webhooks struct {
		handled, duplicates, unheard, failed, unsigned, rejected atomic.Uint64
	}
}

// Stats of the client so far. Each number is exact; together they are of about
// the same moment.
func (c *Client) Stats() Stats {
	count := c.count
	var cache CacheStats
	if counting, ok := c.cache.(interface{ Stats() CacheStats }); ok {
		cache = counting.Stats()
	}
	breaker := max(c.createNonce.breaker.State(), c.fetchSubscription.breaker.State())
	return Stats{
		Nonces:         count.nonces.Load(),
		Calls:          count.calls.Load(),
		InFlight:       count.inFlight.Load(),
		Attempts:       count.attempts.Load(),
		Retries:        count.retries.Load(),
		Failures:       count.failures.Load(),
		ShortCircuited: count.shortCircuited.Load(),
		Outages:        count.outages.Load(),
		Breaker:        breaker.String(),
		Cache:          cache,
		Refused: Refused{
			Speculative:     count.refused.speculative.Load(),
			Embedded:        count.refused.embedded.Load(),
			Head:            count.refused.head.Load(),
			Method:          count.refused.method.Load(),
			CrossOrigin:     count.refused.crossOrigin.Load(),
			Unauthenticated: count.refused.unauthenticated.Load(),
			Forbidden:       count.refused.forbidden.Load(),
		},
		Gate: GateStats{
			NotSubscribed:   count.gate.notSubscribed.Load(),
			Unauthenticated: count.gate.unauthenticated.Load(),
			Forbidden:       count.gate.forbidden.Load(),
			Failed:          count.gate.failed.Load(),
			Unchecked:       count.gate.unchecked.Load(),
		},
		Webhooks: WebhookStats{
			Handled:    count.webhooks.handled.Load(),
			Duplicates: count.webhooks.duplicates.Load(),
			Unheard:    count.webhooks.unheard.Load(),
			Failed:     count.webhooks.failed.Load(),
			Unsigned:   count.webhooks.unsigned.Load(),
			Rejected:   count.webhooks.rejected.Load(),
		},
	}
}
