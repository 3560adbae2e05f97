package main

import (
	"expvar"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kanuu-io/kanuu-go"
)

// snippet: stats
// stats are the counters of a client and of the handlers on it.
type stats struct {
	Client   kanuu.Stats         `json:"client"`
	Billing  kanuu.RedirectStats `json:"billing"`
	Gate     kanuu.GateStats     `json:"gate"`
	Webhooks kanuu.WebhookStats  `json:"webhooks"`
}

// snippet: end

func publish(collect func() stats) {
	// snippet: expvar
	expvar.Publish("kanuu", expvar.Func(func() any { return collect() }))
	// snippet: end
}

// snippet: prometheus
// collector makes metrics of them: registry.MustRegister(collector{collect}).
type collector struct{ collect func() stats }

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
	redirected = prometheus.NewDesc("kanuu_redirected_total", "Visits to /billing that went on to the portal.", nil, nil)
	refused    = prometheus.NewDesc("kanuu_refused_total", "Visits to /billing that minted nothing.", []string{"reason"}, nil)
	gate       = prometheus.NewDesc("kanuu_gate_total", "Visits that a gate did not let in, or let in unchecked.",
		[]string{"result"}, nil)
	webhooks  = prometheus.NewDesc("kanuu_webhooks_total", "Requests to the webhook handler.", []string{"result"}, nil)
	lookups   = prometheus.NewDesc("kanuu_cache_lookups_total", "Subscriptions that were looked up.", []string{"result"}, nil)
	refreshes = prometheus.NewDesc("kanuu_cache_refreshes_total", "Subscriptions that were asked for again in the background.",
		nil, nil)
	unloaded = prometheus.NewDesc("kanuu_cache_failures_total", "Loads and refreshes that failed.", nil, nil)
	evicted  = prometheus.NewDesc("kanuu_cache_evictions_total", "Subscriptions that made room for others.", nil, nil)
	entries  = prometheus.NewDesc("kanuu_cache_entries", "Cached subscriptions.", nil, nil)
)

func (c collector) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, descs) }

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	all := c.collect()
	client := all.Client

	count := func(desc *prometheus.Desc, value uint64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}

	count(nonces, client.Nonces)
	count(calls, client.Calls)
	gauge(inFlight, float64(client.InFlight))
	count(attempts, client.Attempts)
	count(retries, client.Retries)
	count(failures, client.Failures)
	count(heldBack, client.ShortCircuited)
	count(outages, client.Outages)
	for _, state := range []string{"closed", "half-open", "open"} {
		value := 0.0
		if state == client.Breaker {
			value = 1
		}
		gauge(breaker, value, state)
	}

	count(refused, all.Billing.Speculative, "speculative")
	count(refused, all.Billing.Embedded, "embedded")
	count(refused, all.Billing.LedOn, "led_on")
	count(refused, all.Billing.Head, "head")
	count(refused, all.Billing.Method, "method")
	count(refused, all.Billing.CrossOrigin, "cross_origin")
	count(refused, all.Billing.Unauthenticated, "unauthenticated")
	count(refused, all.Billing.Forbidden, "forbidden")
	count(refused, all.Billing.Limited, "limited")
	count(refused, all.Billing.Failed, "failed")
	count(redirected, all.Billing.Redirected)

	count(gate, all.Gate.NotSubscribed, "not_subscribed")
	count(gate, all.Gate.Unauthenticated, "unauthenticated")
	count(gate, all.Gate.Forbidden, "forbidden")
	count(gate, all.Gate.Failed, "failed")
	count(gate, all.Gate.Unchecked, "unchecked")

	count(webhooks, all.Webhooks.Handled, "handled")
	count(webhooks, all.Webhooks.Duplicates, "duplicate")
	count(webhooks, all.Webhooks.Unheard, "unheard")
	count(webhooks, all.Webhooks.Failed, "failed")
	count(webhooks, all.Webhooks.Unsigned, "unsigned")
	count(webhooks, all.Webhooks.Rejected, "rejected")

	count(lookups, client.Cache.Hits, "hit")
	count(lookups, client.Cache.Misses, "miss")
	count(refreshes, client.Cache.Refreshes)
	count(unloaded, client.Cache.Failures)
	count(evicted, client.Cache.Evictions)
	gauge(entries, float64(client.Cache.Entries))
}

// snippet: end
