// Package report measures what the library costs, holds it to its targets, and
// writes it down.
package report

import (
	"fmt"
	"slices"
	"time"

	"github.com/kanuu-io/kanuu-go/bench/internal/count"
	"github.com/kanuu-io/kanuu-go/bench/internal/growth"
	"github.com/kanuu-io/kanuu-go/bench/internal/measure"
	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// Effort is how long things are measured.
type Effort struct {
	// Rounds in which works take turns: in slices of Call or Hit, and of Load.
	Rounds, LoadRounds int

	Turns int // of what is compared operation by operation

	Call time.Duration // slices of calls that are answered at once
	Load time.Duration // slices of calls that wait for an answer
	Lull time.Duration // after which nobody else is expected of callers who come at once
	Hit  time.Duration // slices of hits

	Runs        int   // of which allocations are counted
	Callers     []int // by whose number growth is measured
	LoadCallers []int // under load: the targets are for 64 and 256
	Entries     []int // in the caches
}

// The efforts: one to publish, in about five minutes, and one for a look, in a
// minute.
var (
	Full = Effort{
		Rounds: 9, LoadRounds: 15, Turns: 20_000,
		Call: 100 * time.Millisecond, Load: 250 * time.Millisecond, Lull: count.Lull, Hit: 20 * time.Millisecond,
		Runs: 2000, Callers: []int{1, 4, 16, 64, 256, 1024}, LoadCallers: []int{64, 256},
		Entries: []int{1_000, 10_000, 100_000, 1_000_000},
	}
	Quick = Effort{
		Rounds: 3, LoadRounds: 3, Turns: 2_000,
		Call: 50 * time.Millisecond, Load: 150 * time.Millisecond, Lull: count.Lull, Hit: 15 * time.Millisecond,
		Runs: 300, Callers: []int{1, 64, 256}, LoadCallers: []int{64, 256},
		Entries: []int{1_000, 100_000},
	}
)

// Sizes at which growth is measured.
var (
	supplementalSizes = []int{0, 1, 2, 4, 8, 16}
	webhookSizes      = []int{1, 2, 4, 8, 16, 32, 64} // kB
)

const (
	// latency of Kanuu in the measurements under load.
	latency = 20 * time.Millisecond

	// visitors who come at once to a client that is cold.
	visitors = 64

	// gateEntries of the cache in the row of the gate.
	gateEntries = 100_000
)

// Results of everything.
type Results struct {
	calls    []callTable // by protocol
	parts    []partTable // as above
	loads    []loadTable
	bursts   []row[int64] // connections, HTTP/2
	cold     []row[int64] // calls for 1,000 visitors
	visits   map[string]cost
	redirect float64 // over the call and one header, ÷ http.Redirect
	hits     []hitTable
	memory   []row[float64] // bytes an entry
	webhook  map[string]cost
	over     struct{ time, objects, bytes float64 } // webhook over the RSA check
	growth   grown
}

type row[V any] struct {
	name  string
	value V
}

// cost of one operation.
type cost struct{ objects, bytes, time float64 } // time in nanoseconds

type callTable struct {
	protocol string
	rows     []callRow
}

type callRow struct {
	name           string
	objects, bytes float64
	cpu, ratio     float64 // nanoseconds, and ÷ the limit; one caller
	busy           float64 // CPU ÷ the limit; 64 callers
}

// partTable tells what the library does that the limit does not.
type partTable struct {
	protocol    string
	ratios      []row[float64] // CPU ÷ the limit; one caller
	ours, limit map[string]float64
}

type loadTable struct {
	protocol string
	callers  int
	rows     []loadRow
}

type loadRow struct {
	name        string
	rate, ratio float64 // calls per second, and ÷ the limit
	connections float64 // opened per 100 calls
}

type hitTable struct {
	entries, callers int
	rows             []hitRow
}

type hitRow struct {
	name        string
	time, ratio float64 // nanoseconds, and ÷ the map
	objects     float64
}

// grown are curves by name, each at the sizes of its kind.
type grown struct {
	callers      map[string]growth.Curve // CPU of a call in µs
	objects      growth.Curve            // allocations of a call, by callers
	hits         map[string]growth.Curve // ns
	memory       growth.Curve            // bytes an entry
	supplemental growth.Curve            // µs of a call without its network
	webhook      growth.Curve            // µs over the RSA check, by kB
}

// taker measures.
type taker struct {
	Effort

	*Results

	server *upstream.Server
}

// Take measures everything. It tells say what comes next. The process must trust
// the server.
func Take(server *upstream.Server, effort Effort, say func(string)) (*Results, error) {
	t := taker{effort, new(Results), server}

	for _, step := range []struct {
		what string
		take func() error
	}{
		{"calls", t.takeCalls},
		{"calls under load", t.takeLoads},
		{"cold starts", t.takeCold},
		{"visits", t.takeVisits},
		{"webhooks", t.takeWebhook},
		{"growth by callers", t.growCallers},
		{"growth by supplemental fields", t.growSupplemental},
		{"growth by size of a webhook", t.growWebhook},
		// Last: golang-lru keeps its tables for good, for each garbage collection to look at.
		{"hits", t.takeHits},
		{"memory", t.takeMemory},
	} {
		say(step.what)

		if err := step.take(); err != nil {
			return nil, fmt.Errorf("%s: %w", step.what, err)
		}
	}

	return t.Results, nil
}

func (t *taker) takeCalls() error {
	if err := t.server.SetDelay(0); err != nil {
		return err
	}

	for _, protocol := range count.Protocols(t.server) {
		if err := t.takeCall(protocol); err != nil {
			return err
		}
	}

	return nil
}

func (t *taker) takeCall(protocol count.Protocol) error {
	works, err := work.Calls(protocol.Base)
	if err != nil {
		return err
	}

	defer work.CloseAll(works)

	apart, err := work.CallParts(protocol.Base)
	if err != nil {
		return err
	}

	defer work.CloseAll(apart)

	all := slices.Concat(works, apart)

	alone, err := measure.Paired(all, measure.Plan{Callers: 1, Rounds: 3 * t.Rounds, Length: t.Call})
	if err != nil {
		return err
	}

	busy, err := measure.Paired(works, measure.Plan{Callers: 64, Rounds: t.Rounds, Length: t.Call})
	if err != nil {
		return err
	}

	table, parts, limit := callTable{protocol: protocol.Name}, partTable{protocol: protocol.Name}, index(works, work.Limit)

	for i, w := range all {
		parts.ratios = append(parts.ratios, row[float64]{w.Name, alone[i].Ratio(alone[limit], measure.Slice.BusyPerOp)})
	}

	for i, w := range works {
		objects, bytes, err := measure.Allocations(w, t.Runs)
		if err != nil {
			return err
		}

		table.rows = append(table.rows, callRow{
			name: w.Name, objects: objects, bytes: bytes,
			cpu:   alone[i].Median(measure.Slice.BusyPerOp),
			ratio: parts.ratio(w.Name),
			busy:  busy[i].Ratio(busy[limit], measure.Slice.BusyPerOp),
		})
	}

	if parts.ours, err = measure.Origins(works[index(works, work.Kanuu)], t.Runs, partOf); err != nil {
		return err
	}

	if parts.limit, err = measure.Origins(works[limit], t.Runs, partOf); err != nil {
		return err
	}

	t.calls, t.parts = append(t.calls, table), append(t.parts, parts)

	return nil
}

// index of a name that is there.
func index(works []work.Work, name string) int {
	return slices.IndexFunc(works, func(w work.Work) bool { return w.Name == name })
}

func (t *taker) takeLoads() error {
	for _, protocol := range count.Protocols(t.server) {
		for _, callers := range t.LoadCallers {
			table, err := t.takeLoad(protocol, callers)
			if err != nil {
				return err
			}

			t.loads = append(t.loads, table)
		}
	}

	return nil
}

func (t *taker) takeLoad(protocol count.Protocol, callers int) (loadTable, error) {
	table := loadTable{protocol: protocol.Name, callers: callers}

	works, err := work.CallsAsTheyCome(protocol.Base)
	if err != nil {
		return table, err
	}
	defer work.CloseAll(works)

	for _, w := range works {
		if err := count.Warm(t.server, w, callers, t.Lull); err != nil {
			return table, err
		}
	}

	if err := t.server.SetDelay(latency); err != nil {
		return table, err
	}

	connections, calls := make([]int64, len(works)), make([]int64, len(works))

	series := make([]measure.Series, len(works))

	for round := range t.LoadRounds {
		for i := range works {
			n := (i + round) % len(works)

			before, err := t.server.Counts()
			if err != nil {
				return table, err
			}

			slice, err := measure.Run(works[n], callers, t.Load)
			if err != nil {
				return table, err
			}

			after, err := t.server.Counts()
			if err != nil {
				return table, err
			}

			series[n] = append(series[n], slice)
			connections[n] += after.Since(before).Connections
			calls[n] += after.Since(before).Requests
		}
	}

	limit := index(works, work.Limit)

	for i, w := range works {
		table.rows = append(table.rows, loadRow{
			name: w.Name,
			rate: series[i].Median(measure.Slice.Rate), ratio: series[i].Ratio(series[limit], measure.Slice.Rate),
			connections: 100 * float64(connections[i]) / float64(calls[i]),
		})
	}

	return table, nil
}

func (t *taker) takeCold() error {
	works, err := work.CallsAsTheyCome(t.server.H2)
	if err != nil {
		return err
	}

	for _, w := range works {
		burst, err := count.ColdBurst(t.server, w, visitors, t.Lull)
		if err != nil {
			return err
		}

		t.bursts = append(t.bursts, row[int64]{w.Name, burst.Connections})
	}

	works, err = work.Subscriptions(t.server.H1)
	if err != nil {
		return err
	}

	for _, w := range works {
		burst, err := count.ColdBurst(t.server, w, 1000, t.Lull)
		if err != nil {
			return err
		}

		t.cold = append(t.cold, row[int64]{w.Name, burst.Requests})
	}

	return nil
}

func (t *taker) takeVisits() error {
	works, err := work.Visits()
	if err != nil {
		return err
	}

	if t.visits, err = t.costs(works, t.Turns, t.Runs); err != nil {
		return err
	}

	t.redirect = (t.visits[work.Kanuu].time - t.visits[work.Call].time - t.visits[work.SetHeader].time) / t.visits[work.HTTPRedirect].time

	return nil
}

func (t *taker) costs(works []work.Work, turns, runs int) (map[string]cost, error) {
	times, err := measure.InTurn(works, turns)
	if err != nil {
		return nil, err
	}

	costs := make(map[string]cost)

	for i, w := range works {
		objects, bytes, err := measure.Allocations(w, runs)
		if err != nil {
			return nil, err
		}

		costs[w.Name] = cost{objects, bytes, times[i]}
	}

	return costs, nil
}

func (t *taker) takeHits() error {
	t.growth.hits = make(map[string]growth.Curve)

	for _, entries := range t.Entries {
		ids := work.NewIdentifiers(entries)

		var works []work.Work

		for _, hit := range work.Hits() {
			w, err := hit.Make(ids)
			if err != nil {
				return err
			}

			works = append(works, w)
		}

		for _, callers := range []int{1, 64} {
			table, err := t.takeHit(works, entries, callers)
			if err != nil {
				return err
			}

			t.hits = append(t.hits, table)

			if callers > 1 {
				continue
			}

			for _, r := range table.rows {
				t.growth.hits[r.name] = append(t.growth.hits[r.name], growth.Point{Size: float64(entries), Cost: r.time})
			}
		}

		work.CloseAll(works)
	}

	return nil
}

func (t *taker) takeHit(works []work.Work, entries, callers int) (hitTable, error) {
	table := hitTable{entries: entries, callers: callers}

	series, err := measure.Paired(works, measure.Plan{Callers: callers, Rounds: 4*t.Rounds + 1, Length: t.Hit})
	if err != nil {
		return table, err
	}

	time := measure.Slice.BusyPerOp
	if callers > 1 {
		time = measure.Slice.WallPerOp // waiting for a lock is no work
	}

	for i, w := range works {
		objects, _, err := measure.Allocations(w, t.Runs)
		if err != nil {
			return table, err
		}

		table.rows = append(table.rows, hitRow{
			name: w.Name, objects: objects,
			time:  series[i].Median(time),
			ratio: series[i].Ratio(series[index(works, work.Map)], time),
		})
	}

	return table, nil
}

func (t *taker) takeMemory() error {
	for _, entries := range t.Entries {
		bytes, err := count.EntryMemory(work.Hits()[0], entries)
		if err != nil {
			return err
		}

		t.growth.memory = append(t.growth.memory, growth.Point{Size: float64(entries), Cost: bytes})
	}

	for _, hit := range work.Hits() {
		bytes, err := count.EntryMemory(hit, t.Entries[len(t.Entries)-1])
		if err != nil {
			return err
		}

		t.memory = append(t.memory, row[float64]{hit.Name, bytes})
	}

	return nil
}

func (t *taker) takeWebhook() error {
	works, err := work.Webhooks(work.Form(count.Fields))
	if err != nil {
		return err
	}

	// A webhook takes as long as a hundred visits.
	if t.webhook, err = t.costs(works, t.Turns/10, t.Runs/10); err != nil {
		return err
	}

	t.over.time = t.webhook[work.Kanuu].time - t.webhook[work.RSA].time
	t.over.objects = t.webhook[work.Kanuu].objects - t.webhook[work.RSA].objects
	t.over.bytes = t.webhook[work.Kanuu].bytes - t.webhook[work.RSA].bytes

	return nil
}

func (t *taker) growCallers() error {
	if err := t.server.SetDelay(0); err != nil {
		return err
	}

	works, err := work.Calls(t.server.H1)
	if err != nil {
		return err
	}
	defer work.CloseAll(works)

	works = works[:3] // the library, the limit, and the client that most people write
	t.growth.callers = make(map[string]growth.Curve)

	for _, callers := range t.Callers {
		for _, w := range works {
			if err := count.AtOnce(w, callers); err != nil {
				return err
			}
		}

		series, err := measure.Paired(works, measure.Plan{Callers: callers, Rounds: t.Rounds, Length: t.Call})
		if err != nil {
			return err
		}

		for i, w := range works {
			t.growth.callers[w.Name] = append(t.growth.callers[w.Name],
				growth.Point{Size: float64(callers), Cost: series[i].Median(measure.Slice.BusyPerOp) / 1e3})
		}

		t.growth.objects = append(t.growth.objects,
			growth.Point{Size: float64(callers), Cost: series[0].Median(measure.Slice.ObjectsPerOp)})
	}

	return nil
}

func (t *taker) growSupplemental() error {
	works := make([]work.Work, len(supplementalSizes))

	for i, fields := range supplementalSizes {
		var err error
		if works[i], err = work.CreateNonceAlone(fields); err != nil {
			return err
		}
	}

	times, err := measure.InTurn(works, t.Turns)
	if err != nil {
		return err
	}

	for i, fields := range supplementalSizes {
		t.growth.supplemental = append(t.growth.supplemental, growth.Point{Size: float64(fields), Cost: times[i] / 1e3})
	}

	return nil
}

func (t *taker) growWebhook() error {
	for _, size := range webhookSizes {
		works, err := work.Webhooks(work.FormOfSize(size * 1000))
		if err != nil {
			return err
		}

		times, err := measure.InTurn(works[:2], t.Turns/20)
		if err != nil {
			return err
		}

		t.growth.webhook = append(t.growth.webhook, growth.Point{Size: float64(size), Cost: (times[0] - times[1]) / 1e3})
	}

	return nil
}
