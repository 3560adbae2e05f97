package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// Target is a row of the table that the library is held to.
type Target struct {
	Key   string // of its reason
	Work  string
	Goal  string
	Got   string
	Peers string // what people have today

	// Missed is empty where the target is met, and else says by how much.
	Missed string
}

// AtMost is a target with an upper bound.
func AtMost(key, what, unit string, value, bound float64, peers string) Target {
	t := Target{Key: key, Work: what, Goal: atMost(bound) + unit, Got: figure(value) + unit, Peers: peers}

	if !(shown(value) <= bound) { // nor is what is no number
		t.Missed = missedBy(value, bound)
	}

	return t
}

func atMost(bound float64) string {
	if bound == 0 {
		return "0"
	}

	return "≤ " + figure(bound)
}

// AtLeast is a target with a lower bound.
func AtLeast(key, what, unit string, value, bound float64, peers string) Target {
	t := Target{Key: key, Work: what, Goal: "≥ " + figure(bound) + unit, Got: figure(value) + unit, Peers: peers}

	if !(shown(value) >= bound) {
		t.Missed = missedBy(value, bound)
	}

	return t
}

// shown is a value as exact as the page has it, so that no two figures on it
// contradict each other.
func shown(value float64) float64 { return math.Round(value*100) / 100 }

func missedBy(value, bound float64) string {
	if bound == 0 {
		return fmt.Sprintf("by %s", figure(value))
	}

	return fmt.Sprintf("%.2f × the target", value/bound)
}

// Targets in the order of the page.
func (r *Results) Targets() []Target {
	var targets []Target

	for _, table := range r.calls {
		ours, limit := table.row(work.Kanuu), table.row(work.Limit)
		targets = append(targets,
			AtMost("objects "+table.protocol, "`CreateNonce`, "+table.protocol+", allocations over the limit", "",
				whole(ours.objects-limit.objects), 16, table.peers(func(row callRow) string { return figure(whole(row.objects - limit.objects)) })),
			AtMost("cpu "+table.protocol, "`CreateNonce`, "+table.protocol+", client CPU ÷ limit", "", ours.ratio, 1.10,
				table.peers(func(row callRow) string { return figure(row.ratio) })),
		)
	}

	for _, table := range r.loads {
		if table.protocol != "HTTP/1.1" {
			continue
		}

		key, what := fmt.Sprintf("%d callers", table.callers), fmt.Sprintf("Kanuu takes 20 ms, HTTP/1.1, %d callers", table.callers)
		ours := table.row(work.Kanuu)
		targets = append(targets,
			AtLeast("rate "+key, what+": calls per second ÷ limit", "", ours.ratio, map[int]float64{64: 0.98, 256: 0.95}[table.callers],
				table.peers(func(row loadRow) string { return figure(row.ratio) })),
			AtMost("connections "+key, what+": new connections for 100 calls, once warm", "", ours.connections, 0,
				table.peers(func(row loadRow) string { return figure(row.connections) })),
		)
	}

	visit := r.visits[work.Kanuu].objects - r.visits[work.Call].objects
	hits := r.gateHits()
	oursHit, _ := find(hits.rows, func(row hitRow) bool { return row.name == work.Kanuu })

	return append(targets,
		AtMost("burst", fmt.Sprintf("first burst of %d callers, cold, HTTP/2: connections", visitors), "", float64(r.bursts[0].value), 2, peers(r.bursts[1:])),
		AtMost("redirect objects", "redirect handler without its call, over one that sets a header: allocations", "",
			whole(visit-r.visits[work.SetHeader].objects), 1, fmt.Sprintf("`http.Redirect` %s", figure(r.visits[work.HTTPRedirect].objects-r.visits[work.SetHeader].objects))),
		AtMost("redirect time", "redirect handler without its call, over one that sets a header: time ÷ `http.Redirect`", "", r.redirect, 0.25, "`http.Redirect` 1"),
		AtMost("echo", "echo adapter over the redirect handler: allocations", "",
			r.overHandler(work.EchoAdapter), 0, "wrapped "+figure(r.overHandler(work.EchoWrapped))),
		AtMost("gin", "gin adapter over the redirect handler: allocations", "",
			r.overHandler(work.GinAdapter), 0, "wrapped "+figure(r.overHandler(work.GinWrapped))),
		AtMost("gate objects", "gate hit, "+thousands(float64(hits.entries))+" entries: allocations", "", whole(oursHit.objects), 0, hits.peers(func(row hitRow) float64 { return whole(row.objects) })),
		AtMost("gate time", "gate hit, "+thousands(float64(hits.entries))+" entries: time ÷ a map with RWMutex and expiry", "", oursHit.ratio, 0.9, hits.peers(func(row hitRow) float64 { return row.ratio })),
		AtMost("memory", fmt.Sprintf("memory of a cached subscription, of %s, without the key", thousands(r.growth.memory[len(r.growth.memory)-1].Size)), " bytes",
			whole(r.memory[0].value), 165, peers(r.memory[1:])),
		AtMost("cold", "1,000 cold requests for one identifier: calls", "", float64(r.cold[0].value), 1, peers(r.cold[1:])),
		AtMost("webhook time", "webhook, 34 fields, 4096-bit key, over the RSA check: time", " µs", r.over.time/1e3, 15,
			fmt.Sprintf("hand-written %s µs", figure((r.webhook[work.HandWebhook].time-r.webhook[work.RSA].time)/1e3))),
		AtMost("webhook objects", "webhook, 34 fields, 4096-bit key, over the RSA check: allocations", "", whole(r.over.objects), 10,
			fmt.Sprintf("hand-written %s", figure(whole(r.webhook[work.HandWebhook].objects-r.webhook[work.RSA].objects)))),
	)
}

func find[R any](rows []R, is func(R) bool) (R, bool) {
	if i := slices.IndexFunc(rows, is); i >= 0 {
		return rows[i], true
	}

	var none R

	return none, false
}

func (t callTable) row(name string) callRow {
	row, _ := find(t.rows, func(row callRow) bool { return row.name == name })

	return row
}

func (t callTable) peers(of func(callRow) string) string {
	var texts []string

	for _, row := range t.rows {
		if row.name != work.Kanuu && row.name != work.Limit {
			texts = append(texts, row.name+" "+of(row))
		}
	}

	return strings.Join(texts, ", ")
}

func (t loadTable) row(name string) loadRow {
	row, _ := find(t.rows, func(row loadRow) bool { return row.name == name })

	return row
}

func (t loadTable) peers(of func(loadRow) string) string {
	var texts []string

	for _, name := range []string{work.HandDefault, work.Retryable, work.Resty, work.Paddle, work.Stripe} {
		texts = append(texts, name+" "+of(t.row(name)))
	}

	return strings.Join(texts, ", ")
}

// overHandler is how many allocations more than the redirect handler.
func (r *Results) overHandler(name string) float64 {
	return whole(r.visits[name].objects - r.visits[work.Kanuu].objects)
}

func (t hitTable) peers(of func(hitRow) float64) string {
	var texts []string

	for _, row := range t.rows {
		if row.name != work.Kanuu && row.name != work.Map {
			texts = append(texts, row.name+" "+figure(of(row)))
		}
	}

	return strings.Join(texts, ", ")
}

// gateHits are the hits of the largest cache that the target speaks of.
func (r *Results) gateHits() hitTable {
	var largest hitTable

	for _, table := range r.hits {
		if table.callers == 1 && table.entries <= gateEntries && table.entries > largest.entries {
			largest = table
		}
	}

	return largest
}

func peers[V int64 | float64](rows []row[V]) string {
	texts := make([]string, len(rows))
	for i, row := range rows {
		texts[i] = row.name + " " + figure(whole(float64(row.value)))
	}

	return strings.Join(texts, ", ")
}
