// Package kanuuprometheus makes Prometheus metrics of the library's counters:
//
//	registry.MustRegister(kanuuprometheus.NewCollector(kanuuprometheus.Sources{
//		Client: client, Billing: billing, Gates: []*kanuu.Gate{gate}, Webhooks: hook,
//	}))
//
// dashboard.json, beside this file, is a dashboard of Grafana for them.
package kanuuprometheus

import (
	"reflect"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kanuu-io/kanuu-go"
)

// Sources of a collector. A nil source has no metrics.
type Sources struct {
	Client *kanuu.Client

	// Billing is a [*kanuu.RedirectHandler], or the [*kanuu.Redirector] that an
	// adapter's Mount returns.
	Billing interface{ Stats() kanuu.RedirectStats }

	// Gates are added up.
	Gates []*kanuu.Gate

	Webhooks *kanuu.WebhookHandler
}

// NewCollector makes a collector of sources. Collecting costs some loads of
// counters and makes no call. The collector is safe for concurrent use.
//
//	kanuu_nonces_total, kanuu_calls_total, kanuu_attempts_total, kanuu_retries_total,
//	kanuu_failures_total, kanuu_short_circuited_total, kanuu_outages_total,
//	kanuu_calls_in_flight, kanuu_breaker_state{state}             see [kanuu.Stats]
//	kanuu_cache_lookups_total{result}, kanuu_cache_refreshes_total,
//	kanuu_cache_failures_total, kanuu_cache_evictions_total,
//	kanuu_cache_entries                                           see [kanuu.CacheStats]
//	kanuu_billing_requests_total{result}                          see [kanuu.RedirectStats]
//	kanuu_gate_requests_total{result}, without those admitted     see [kanuu.GateStats]
//	kanuu_webhook_requests_total{result}                          see [kanuu.WebhookStats]
//
// A result is the JSON name of its counter. No label is of a customer.
func NewCollector(sources Sources) prometheus.Collector { return collector{sources} }

type collector struct{ sources Sources }

func newDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kanuu_"+name, help, labels, nil)
}

var (
	nonces    = newDesc("nonces_total", "Nonces that were created.")
	calls     = newDesc("calls_total", "Calls to Kanuu that began.")
	attempts  = newDesc("attempts_total", "Attempts that were sent to Kanuu, retries included.")
	retries   = newDesc("retries_total", "Retries among the attempts.")
	failures  = newDesc("failures_total", "Calls to Kanuu that failed.")
	unsent    = newDesc("short_circuited_total", "Calls that were not sent: circuit breaker, 429, too many attempts.")
	outages   = newDesc("outages_total", "How often a circuit breaker opened.")
	inFlight  = newDesc("calls_in_flight", "Calls to Kanuu that run now.")
	breaker   = newDesc("breaker_state", "1 for the state of the circuit breaker.", "state")
	lookups   = newDesc("cache_lookups_total", "Lookups of subscriptions.", "result")
	refreshes = newDesc("cache_refreshes_total", "Loads in the background.")
	loads     = newDesc("cache_failures_total", "Loads that failed.")
	evictions = newDesc("cache_evictions_total", "Entries that were evicted for others.")
	entries   = newDesc("cache_entries", "Cached subscriptions.")
	billing   = newDesc("billing_requests_total", "Requests to the billing path.", "result")
	gates     = newDesc("gate_requests_total", "Requests that a gate did not admit, or admitted without a check.", "result")
	webhooks  = newDesc("webhook_requests_total", "Requests to the webhook handler.", "result")
)

func (c collector) Describe(descs chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, descs) }

func (c collector) Collect(metrics chan<- prometheus.Metric) {
	m := meter{metrics}
	if c.sources.Client != nil {
		m.client(c.sources.Client.Stats())
	}
	if c.sources.Billing != nil {
		m.results(billing, c.sources.Billing.Stats())
	}
	if len(c.sources.Gates) > 0 {
		all := make([]any, len(c.sources.Gates))
		for i, gate := range c.sources.Gates {
			all[i] = gate.Stats()
		}
		m.results(gates, all...)
	}
	if c.sources.Webhooks != nil {
		m.results(webhooks, c.sources.Webhooks.Stats())
	}
}

// meter writes metrics.
type meter struct{ metrics chan<- prometheus.Metric }

func (m meter) count(desc *prometheus.Desc, value uint64, labels ...string) {
	m.metrics <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(value), labels...)
}

func (m meter) gauge(desc *prometheus.Desc, value float64, labels ...string) {
	m.metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
}

func (m meter) client(stats kanuu.Stats) {
	m.count(nonces, stats.Nonces)
	m.count(calls, stats.Calls)
	m.count(attempts, stats.Attempts)
	m.count(retries, stats.Retries)
	m.count(failures, stats.Failures)
	m.count(unsent, stats.ShortCircuited)
	m.count(outages, stats.Outages)
	m.gauge(inFlight, float64(stats.InFlight))
	for _, state := range []string{"closed", "half-open", "open"} {
		is := 0.0
		if state == stats.Breaker {
			is = 1
		}
		m.gauge(breaker, is, state)
	}
	m.count(lookups, stats.Cache.Hits, "hit")
	m.count(lookups, stats.Cache.Misses, "miss")
	m.count(refreshes, stats.Cache.Refreshes)
	m.count(loads, stats.Cache.Failures)
	m.count(evictions, stats.Cache.Evictions)
	m.gauge(entries, float64(stats.Cache.Entries))
}

// results counts each field of stats, which are of one type, under its JSON name.
func (m meter) results(desc *prometheus.Desc, stats ...any) {
	of := reflect.TypeOf(stats[0])
	for i := range of.NumField() {
		sum := uint64(0)
		for _, s := range stats {
			sum += reflect.ValueOf(s).Field(i).Uint()
		}
		m.count(desc, sum, of.Field(i).Tag.Get("json"))
	}
}
