package main

import (
	"expvar"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kanuu-io/kanuu-go"
)

func publish(client *kanuu.Client) {
	// snippet: expvar
	expvar.Publish("kanuu", expvar.Func(func() any { return client.Stats() }))
	// snippet: end
}

// snippet: prometheus
// collector makes metrics of a client's counters:
//
//	registry.MustRegister(collector{client.Stats})
type collector struct{ stats func() kanuu.Stats }

var (
	nonces   = prometheus.NewDesc("kanuu_nonces_total", "One-time portal URLs that were minted.", nil, nil)
	calls    = prometheus.NewDesc("kanuu_calls_total", "Calls to Kanuu that were begun.", nil, nil)
	inFlight = prometheus.NewDesc("kanuu_calls_in_flight", "Calls to Kanuu that are not over yet.", nil, nil)
	attempts = prometheus.NewDesc("kanuu_attempts_total", "Requests that were sent to Kanuu, retries included.", nil, nil)
	retries  = prometheus.NewDesc("kanuu_retries_total", "Requests that were sent again.", nil, nil)
	failures = prometheus.NewDesc("kanuu_failures_total", "Calls that failed after their last attempt.", nil, nil)
	heldBack = prometheus.NewDesc("kanuu_short_circuited_total", "Calls that were ended by the circuit breaker.", nil, nil)
	outages  = prometheus.NewDesc("kanuu_outages_total", "How often the circuit breaker found that Kanuu is down.", nil, nil)
	breaker  = prometheus.NewDesc("kanuu_breaker_state", "1 for the state that the circuit breaker is in.", []string{"state"},
		nil)
	refused = prometheus.NewDesc("kanuu_refused_total", "Visits to /billing that minted nothing.", []string{"reason"}, nil)
	gate    = prometheus.NewDesc("kanuu_gate_total", "Visits that a gate did not let in, or let in unchecked.",
		[]string{"result"}, nil)
	webhooks  = prometheus.NewDesc("kanuu_webhooks_total", "Requests to the webhook handler.", []string{"result"}, nil)
	lookups   = prometheus.NewDesc("kanuu_cache_lookups_total", "Subscriptions that were looked up.", []string{"result"}, nil)
	refreshes = prometheus.NewDesc("kanuu_cache_refreshes_total", "Subscriptions that were asked for again in the background.",
		nil, nil)
	unloaded = prometheus.NewDesc("kanuu_cache_failures_total", "Loads and refreshes that failed.", nil, nil)
	entries  = prometheus.NewDesc("kanuu_cache_entries", "Subscriptions that are remembered.", nil, nil)
)

func (c collector) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, descs) }

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	stats := c.stats()

	count := func(desc *prometheus.Desc, value uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}

	count(nonces, stats.Nonces)
	count(calls, stats.Calls)
	gauge(inFlight, float64(stats.InFlight))
	count(attempts, stats.Attempts)
	count(retries, stats.Retries)
	count(failures, stats.Failures)
	count(heldBack, stats.ShortCircuited)
	count(outages, stats.Outages)
	for _, state := range []string{"closed", "half-open", "open"} {
		value := 0.0
		if state == stats.Breaker {
			value = 1
		}
		gauge(breaker, value, state)
	}

	count(refused, stats.Refused.Speculative, "speculative")
	count(refused, stats.Refused.Embedded, "embedded")
	count(refused, stats.Refused.Head, "head")
	count(refused, stats.Refused.Method, "method")
	count(refused, stats.Refused.CrossOrigin, "cross_origin")
	count(refused, stats.Refused.Unauthenticated, "unauthenticated")
	count(refused, stats.Refused.Forbidden, "forbidden")

	count(gate, stats.Gate.NotSubscribed, "not_subscribed")
	count(gate, stats.Gate.Unauthenticated, "unauthenticated")
	count(gate, stats.Gate.Forbidden, "forbidden")
	count(gate, stats.Gate.Failed, "failed")
	count(gate, stats.Gate.Unchecked, "unchecked")

	count(webhooks, stats.Webhooks.Handled, "handled")
	count(webhooks, stats.Webhooks.Duplicates, "duplicate")
	count(webhooks, stats.Webhooks.Unheard, "unheard")
	count(webhooks, stats.Webhooks.Failed, "failed")
	count(webhooks, stats.Webhooks.Unsigned, "unsigned")
	count(webhooks, stats.Webhooks.Rejected, "rejected")

	count(lookups, stats.Cache.Hits, "hit")
	count(lookups, stats.Cache.Misses, "miss")
	count(refreshes, stats.Cache.Refreshes)
	count(unloaded, stats.Cache.Failures)
	gauge(entries, float64(stats.Cache.Entries))
}

// snippet: end
