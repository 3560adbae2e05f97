package load

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// Report of a run.
type Report struct {
	Clickers, Users int

	Clicks  int // with those of the warm-up, which is in no phase
	Wrong   int
	Samples []string // of what was wrong

	// Phases of the plan, and one that has what was clicked between them.
	Phases []PhaseReport

	// Before the phases and After them, with the app at rest: warm, and without
	// a connection.
	Before, After Usage

	MostCalls int64 // of Kanuu for one click; 0 where it cannot be told
	MostOpen  int64 // connections at Kanuu at one time

	Minted, Lost int // URLs, and those that nobody was sent to
	Stats        kanuu.Stats

	LogLines, Leaks int   // of the app's log; those with a secret
	Exit            error // of the app's process
}

// PhaseReport is what happened to the clicks that began in a phase, and what
// Kanuu saw meanwhile.
type PhaseReport struct {
	Name    string
	Healthy bool
	For     time.Duration

	Clicks                                     int
	Portal, BadGateway, Unavailable, OtherPage int // right; honest
	Wrong                                      int

	P50, P99 time.Duration

	Calls, MostCalls int64
	Dialed           int64
	Peak             Usage

	// Recovered is how long after Kanuu's return a click first succeeded.
	Recovered time.Duration
}

func (p *PhaseReport) add(c click) {
	p.Clicks++

	switch {
	case c.wrong != "":
		p.Wrong++
	case c.status == 302:
		p.Portal++
	case c.status == 502:
		p.BadGateway++
	case c.status == 503:
		p.Unavailable++
	default:
		p.OtherPage++
	}
}

const (
	// maxCalls of Kanuu for one click, as the library promises.
	maxCalls = 3

	// margin of goroutines and sockets: what measures is there, too.
	margin = 3
)

// Problems are what the run shows to be wrong with the app; none is what one
// hopes for.
func (r *Report) Problems() []string {
	var problems []string

	problem := func(is bool, format string, args ...any) {
		if is {
			problems = append(problems, fmt.Sprintf(format, args...))
		}
	}

	problem(r.Wrong > 0, "%d wrong answers, such as %q", r.Wrong, r.Samples)
	problem(r.MostCalls > maxCalls, "%d calls of Kanuu for one click", r.MostCalls)
	problem(r.Leaks > 0, "%d lines of the log have a secret in them", r.Leaks)
	problem(r.Exit != nil, "the app did not end well: %v", r.Exit)
	problem(r.After.Goroutines > r.Before.Goroutines+margin,
		"%d goroutines at rest before, %d after", r.Before.Goroutines, r.After.Goroutines)
	problem(r.After.Sockets > r.Before.Sockets+margin,
		"%d sockets at rest before, %d after", r.Before.Sockets, r.After.Sockets)

	for _, p := range r.Phases {
		problem(p.Healthy && p.Portal < p.Clicks, "%d of %d clicks failed in the phase %q", p.Clicks-p.Portal, p.Clicks, p.Name)
		problem(p.Healthy && p.Clicks == 0, "no clicks in the phase %q", p.Name)
	}

	return problems
}

// Markdown of the report: two tables and what they leave out.
func (r *Report) Markdown() string {
	var b strings.Builder

	perUser, goroutines := "", ""
	if r.MostCalls > 0 {
		perUser = " (most)"
	}

	if r.Before.Goroutines >= 0 {
		goroutines = " goroutines |"
	}

	b.WriteString("| Kanuu | for | clicks | portal | 502 | 503 | wrong | p50 | p99 | calls | a click" + perUser +
		" | connections opened |" + goroutines + " back after |\n")
	b.WriteString("| --- |" + strings.Repeat(" ---: |", 12+strings.Count(goroutines, "|")) + "\n")

	for _, p := range r.Phases {
		perClick := fmt.Sprintf("%.2f", float64(p.Calls)/float64(max(p.Clicks, 1)))
		if r.MostCalls > 0 {
			perClick += fmt.Sprintf(" (%d)", p.MostCalls)
		}

		back := ""
		if p.Recovered > 0 {
			back = short(p.Recovered)
		}

		if goroutines != "" {
			goroutines = " " + number(p.Peak.Goroutines) + " |"
		}

		fmt.Fprintf(&b, "| %s | %.1f s | %d | %d | %d | %d | %d | %s | %s | %d | %s | %d |%s %s |\n",
			p.Name, p.For.Seconds(), p.Clicks, p.Portal, p.BadGateway, p.Unavailable+p.OtherPage, p.Wrong,
			short(p.P50), short(p.P99), p.Calls, perClick, p.Dialed, goroutines, back)
	}

	most := unknown()
	for _, p := range r.Phases {
		most.RSS = max(most.RSS, p.Peak.RSS)
		most.Sockets = max(most.Sockets, p.Peak.Sockets)
		most.Goroutines = max(most.Goroutines, p.Peak.Goroutines)
	}

	b.WriteString("\n| the app | at rest before | most | at rest after |\n| --- | ---: | ---: | ---: |\n")

	row := func(name, before, most, after string) {
		if before != "" {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, before, most, after)
		}
	}

	row("memory (RSS)", size(r.Before.RSS), size(most.RSS), size(r.After.RSS))
	row("live heap", size(r.Before.Heap), "", size(r.After.Heap))
	row("open sockets", number(r.Before.Sockets), number(most.Sockets), number(r.After.Sockets))
	row("goroutines", number(r.Before.Goroutines), number(most.Goroutines), number(r.After.Goroutines))

	fmt.Fprintf(&b, "\n%d clicks of %d clickers (%d users), **%d wrong answers**. Kanuu had at most %d connections open at once;\n"+
		"it minted %d URLs, %d of which reached nobody. %d of the app's %d log lines had a secret in them.\n",
		r.Clicks, r.Clickers, r.Users, r.Wrong, r.MostOpen, r.Minted, r.Lost, r.Leaks, r.LogLines)

	if r.Stats.Attempts > 0 {
		fmt.Fprintf(&b, "`Client.Stats` at the end: %d attempts, %d retries among them, %d calls that failed,\n"+
			"%d that were answered at once because Kanuu was down a moment ago.\n",
			r.Stats.Attempts, r.Stats.Retries, r.Stats.Failures, r.Stats.ShortCircuited)
	}

	return b.String()
}

func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	default:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	}
}

func number(n int) string {
	if n < 0 {
		return ""
	}

	return strconv.Itoa(n)
}

func size(bytes int64) string {
	if bytes < 0 {
		return ""
	}

	return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20))
}
