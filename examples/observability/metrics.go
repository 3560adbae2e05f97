package main

import (
	"expvar"

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
