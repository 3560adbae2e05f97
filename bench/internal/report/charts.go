package report

import (
	"fmt"

	"github.com/kanuu-io/kanuu-go/bench/internal/chart"
	"github.com/kanuu-io/kanuu-go/bench/internal/growth"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// LoadChart is throughput under load against the peers.
func (r *Results) LoadChart() chart.Bars {
	c := chart.Bars{
		Title: "Links to the portal per second, under load",
		Axis:  "calls per second, % of the limit (longer is better)",
		Description: "Bars for each client, with 64 and with 256 callers over HTTP/1.1, while Kanuu takes 20 ms to answer. " +
			"The limit is a tuned transport that sends a prepared request.",
	}

	for _, t := range r.loads {
		if t.protocol != "HTTP/1.1" {
			continue
		}

		group := chart.Group{Name: fmt.Sprintf("%d callers, HTTP/1.1, Kanuu takes 20 ms", t.callers)}

		for _, row := range t.rows {
			group.Bars = append(group.Bars, chart.Bar{
				Name: shortNames[row.name], Value: 100 * row.ratio, Role: barRoles[row.name],
				Label: fmt.Sprintf("%s/s", figure(whole(row.rate))),
			})
		}

		c.Groups = append(c.Groups, group)
	}

	return c
}

// GrowthChart is what a call costs by callers, and a hit by entries.
func (r *Results) GrowthChart() chart.Lines {
	calls := chart.Panel{
		Name: "A call", X: "callers at once (log scale)", Y: "CPU of the client for a call, µs",
		Lines: lines(r.growth.callers, work.Kanuu, work.Hand, work.Limit),
	}
	for _, p := range r.growth.callers[work.Kanuu] {
		calls.Sizes = append(calls.Sizes, p.Size)
	}

	hits := chart.Panel{
		Name: "A hit of the gate", X: "cached subscriptions (log scale)", Y: "time of a hit, ns",
		Lines: lines(r.growth.hits, work.Kanuu, work.Otter, work.Map, work.LRU),
	}
	for _, p := range r.growth.hits[work.Kanuu] {
		hits.Sizes = append(hits.Sizes, p.Size)
	}

	return chart.Lines{
		Title: "How cost grows",
		Description: "Two panels of lines. CPU of a call by callers, from 1 to 1,024, for the library, a hand-written client and the limit. " +
			"Time of a hit by cached subscriptions for the library, otter, a map with RWMutex, and golang-lru.",
		Panels: []chart.Panel{calls, hits},
	}
}

func lines(curves map[string]growth.Curve, names ...string) []chart.Line {
	drawn := make([]chart.Line, len(names))

	for i, name := range names {
		drawn[i] = chart.Line{Name: shortNames[name], Role: roles[name]}
		for _, p := range curves[name] {
			drawn[i].Values = append(drawn[i].Values, p.Cost)
		}
	}

	return drawn
}

// In the bars, peers are told apart by their names.
var barRoles = map[string]chart.Role{work.Kanuu: chart.Ours, work.Limit: chart.Limit}

var roles = map[string]chart.Role{
	work.Kanuu: chart.Ours, work.Limit: chart.Limit, work.Map: chart.Limit,
	work.Hand: chart.First, work.Otter: chart.First, work.LRU: chart.Second,
}

var shortNames = map[string]string{
	work.Kanuu: "kanuu-go", work.Limit: "the limit",
	work.Hand: "hand-written, tuned", work.HandDefault: "hand-written, default",
	work.Retryable: "go-retryablehttp", work.Resty: "resty", work.Paddle: "Paddle's SDK", work.Stripe: "Stripe's SDK",
	work.Map: "map + RWMutex", work.Otter: "otter", work.LRU: "golang-lru",
}
