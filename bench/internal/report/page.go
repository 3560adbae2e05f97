package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/bench/internal/growth"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// What the page links to, beside it.
const (
	LoadFile   = "images/performance-load.svg"
	GrowthFile = "images/performance-growth.svg"
)

// Table of the targets, for the terminal and the page.
func (r *Results) Table() string {
	var rows, missed [][]string

	for _, t := range r.Targets() {
		verdict := "met"

		if t.Missed != "" {
			verdict = "missed: " + t.Missed

			missed = append(missed, []string{t.Work, t.Missed, r.reason(t.Key)})
		}

		rows = append(rows, []string{t.Work, t.Goal, t.Got, verdict, t.Peers})
	}

	text := table([]string{"work", "target", "kanuu-go", "", "others"}, rows)
	if missed != nil {
		text += "\n" + table([]string{"missed", "by", "because"}, missed)
	}

	return text
}

// Page is docs/performance.md.
func (r *Results) Page(command string, took time.Duration) string {
	var b strings.Builder

	fmt.Fprintf(&b, `# Performance

What the library costs, beside the limit and beside what else there is, all measured in one run. The limit for a call is
a tuned `+"`http.Transport`"+` that is given a request made before, and drains the answer.

`+"```sh"+`
%s    # made this page, in %v
`+"```"+`

%s
## Under load

Kanuu takes 20 ms to answer, and each caller calls again as soon as it has its link. Each client has the transport that
it comes with: what does not keep a connection for each caller dials again and again.

![Calls per second of each client as a share of the limit](%s)

%s
## A call

Here everybody has a tuned transport, so that what differs is their own work. CPU is that of the client's process, in user
and in system mode; the server has a process of its own. Paddle's and Stripe's SDK make the link to their own portal,
from an answer of their own shape.

%s
What the library does beyond the limit: where its allocations come from, and the CPU of the limit with one thing more and
of the library with one thing less, from the same rounds with one caller.

%s
## Cold starts

%s
## Answering the click

Without the network: Kanuu's answer is there at once. What a call takes then is in each row of ours, and in the row of its own.
“Wrapped” is the `+"`net/http`"+` handler in a framework whose context goes along in that of the request, as it must where there is no adapter.

%s
The redirect handler without its call, and without one header that any redirect must set, takes %s × what `+"`http.Redirect`"+` does.

## Cached subscriptions

Time of one hit, by how many there are and how many ask at once.

%s
%s
## Webhooks

34 fields, signed with a key of 4096 bits, received and verified. The RSA check is the same for everybody. The last row has
also made sure that the alert was not handled before, and called a function.

%s
## How cost grows

![CPU of a call by callers, and time of a hit by cached subscriptions](%s)

%s
## How it was measured

%s
- The server is a process of its own, on the same machine, and speaks TLS as Kanuu does.
- Times on a shared machine swing by half from one second to the next: compare ratios, not times. What is compared takes
  turns, in slices of 20 to 250 ms, each round in another order, and what stands here is the median of the ratios within a
  round. Operations of microseconds take turns one by one, and their time is the median.
- Allocations are those of all goroutines of the client's process, warm, between two garbage collections.

`+"`go run ./bench/guard`"+` counts allocations, bytes, connections and calls, and fails when one is worse than in
[bench/testdata/baseline.json](../bench/testdata/baseline.json). It is a step of `+"`.ci/run`"+`; no time is.
`,
		command, took.Round(time.Minute/6), r.Table(), LoadFile, r.loadSection(), r.callSection(), r.partSection(), r.coldSection(), r.visitSection(),
		figure(r.redirect), r.hitSection(), r.memorySection(), r.webhookSection(), GrowthFile, r.growthSection(), thisMachine().section())

	return b.String()
}

func (r *Results) loadSection() string {
	var b strings.Builder

	for _, t := range r.loads {
		var rows [][]string

		for _, row := range t.rows {
			rows = append(rows, []string{row.name, figure(row.rate), figure(row.ratio), figure(row.connections)})
		}

		fmt.Fprintf(&b, "%s, %d callers:\n\n%s\n", t.protocol, t.callers,
			table([]string{"", "calls per second", "÷ limit", "new connections for 100 calls"}, rows))
	}

	return strings.TrimSuffix(b.String(), "\n")
}

func (r *Results) callSection() string {
	var b strings.Builder

	for _, t := range r.calls {
		var rows [][]string

		for _, row := range t.rows {
			rows = append(rows, []string{
				row.name, figure(whole(row.objects)), figure(whole(row.objects - t.row(work.Limit).objects)),
				figure(whole(row.bytes)), figure(row.cpu / 1e3), figure(row.ratio), figure(row.busy),
			})
		}

		fmt.Fprintf(&b, "%s:\n\n%s\n", t.protocol, table([]string{
			"", "allocations", "over the limit", "bytes", "CPU, µs", "CPU ÷ limit, 1 caller", "CPU ÷ limit, 64 callers",
		}, rows))
	}

	return strings.TrimSuffix(b.String(), "\n")
}

func (r *Results) partSection() string {
	var originRows, ratioRows [][]string

	origins, ratios := []string{"allocations in"}, []string{"CPU ÷ limit"}

	for _, t := range r.parts {
		origins = append(origins, t.protocol+": limit", "kanuu-go")
		ratios = append(ratios, t.protocol)
	}

	for _, name := range partNames() {
		row := []string{name}
		for _, t := range r.parts {
			row = append(row, figure(whole(t.limit[name])), figure(whole(t.ours[name])))
		}

		originRows = append(originRows, row)
	}

	for _, name := range []string{work.LimitDeadline, work.LimitAndAlone, work.WithoutCache, work.Kanuu} {
		row := []string{name}
		for _, t := range r.parts {
			row = append(row, figure(t.ratio(name)))
		}

		ratioRows = append(ratioRows, row)
	}

	return table(origins, originRows) + "\n" + table(ratios, ratioRows)
}

func (r *Results) coldSection() string {
	var bursts, cold [][]string

	for _, row := range r.bursts {
		bursts = append(bursts, []string{row.name, figure(float64(row.value))})
	}

	for _, row := range r.cold {
		cold = append(cold, []string{row.name, figure(float64(row.value))})
	}

	return table([]string{fmt.Sprintf("first %d callers at once, HTTP/2", visitors), "connections"}, bursts) + "\n" +
		table([]string{"1,000 visitors at once, of whom nothing is known", "calls to Kanuu"}, cold)
}

func (r *Results) visitSection() string {
	return costTable(r.visits, "ns", 1,
		work.Kanuu, work.Call, work.EchoAdapter, work.GinAdapter, work.SetHeader, work.HTTPRedirect, work.EchoRedirect, work.GinRedirect, work.EchoWrapped, work.GinWrapped)
}

func (r *Results) webhookSection() string {
	return costTable(r.webhook, "µs", 1e3, work.RSA, work.Kanuu, work.HandWebhook, work.Handled)
}

func costTable(costs map[string]cost, unit string, nanoseconds float64, names ...string) string {
	rows := make([][]string, len(names))
	for i, name := range names {
		c := costs[name]
		rows[i] = []string{name, figure(whole(c.objects)), figure(whole(c.bytes)), figure(c.time / nanoseconds)}
	}

	return table([]string{"", "allocations", "bytes", unit}, rows)
}

func (r *Results) hitSection() string {
	var rows [][]string

	for _, t := range r.hits {
		for _, row := range t.rows {
			rows = append(rows, []string{
				thousands(float64(t.entries)), thousands(float64(t.callers)), row.name,
				figure(row.time), figure(row.ratio), figure(whole(row.objects)),
			})
		}
	}

	return table([]string{"entries", "callers", "", "ns", "÷ map", "allocations"}, rows)
}

func (r *Results) memorySection() string {
	var rows [][]string
	for _, row := range r.memory {
		rows = append(rows, []string{row.name, figure(whole(row.value))})
	}

	entries := thousands(r.growth.memory[len(r.growth.memory)-1].Size)

	return table([]string{entries + " entries, without their keys", "bytes each"}, rows)
}

func (r *Results) growthSection() string {
	g := r.growth

	row := func(what, size, unit, each string, curve growth.Curve) []string {
		sizes, costs := make([]string, len(curve)), make([]string, len(curve))
		for i, p := range curve {
			sizes[i], costs[i] = thousands(p.Size), figure(p.Cost)
		}

		return []string{what, size, strings.Join(sizes, " · "), strings.Join(costs, " · ") + " " + unit, curve.Verdict(unit, each)}
	}

	return table([]string{"cost", "by", "sizes", "", "growth"}, [][]string{
		row("CPU of a call, HTTP/1.1", "callers", "µs", "a caller", g.callers[work.Kanuu]),
		row("the same, the limit", "callers", "µs", "a caller", g.callers[work.Limit]),
		row("allocations of a call", "callers", "allocations", "a caller", g.objects),
		row("a gate hit", "entries", "ns", "an entry", g.hits[work.Kanuu]),
		row("the same, a map with RWMutex and expiry", "entries", "ns", "an entry", g.hits[work.Map]),
		row("memory of an entry", "entries", "bytes", "an entry", g.memory),
		row("a call without its network", "supplemental fields", "µs", "a field", g.supplemental),
		row("a webhook over the RSA check", "kB of body", "µs", "a kB", g.webhook),
	}) + `
A hit in a large cache waits for memory, not for the library: the same happens to a map.
`
}

func (m machine) section() string {
	rows := [][]string{
		{"processor", m.processor}, {"system", m.system}, {"Go", m.goVersion}, {"day", m.day},
	}
	for _, module := range m.modules {
		name, version, _ := strings.Cut(module, " ")
		rows = append(rows, []string{name, version})
	}

	return table([]string{"", ""}, rows)
}
