//go:debug x509usefallbackroots=1

package report_test

import (
	"encoding/xml"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/report"
	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
)

var server *upstream.Server

func TestMain(m *testing.M) {
	os.Exit(upstream.During(func(started *upstream.Server) int {
		server = started

		return m.Run()
	}))
}

// All of it, so briefly that the numbers mean nothing.
func TestReport(t *testing.T) { //nolint:paralleltest // it counts the allocations of the whole process
	var said []string

	r, err := report.Take(server, report.Effort{
		Rounds: 1, LoadRounds: 1, Turns: 20, Call: time.Millisecond, Load: time.Millisecond, Lull: 10 * time.Millisecond, Hit: time.Millisecond,
		Runs: 10, Callers: []int{1, 2, 4}, LoadCallers: []int{4, 8}, Entries: []int{100, 1_000},
	}, func(what string) { said = append(said, what) })
	require.NoError(t, err)
	assert.Contains(t, said, "webhooks")

	targets := r.Targets()
	assert.Len(t, targets, 19, "the rows of the design")

	keys := make(map[string]bool)

	for _, target := range targets {
		assert.NotEmpty(t, target.Work)
		assert.NotContains(t, target.Got, "NaN", target.Work)
		assert.False(t, keys[target.Key], "two with the key %s", target.Key)

		keys[target.Key] = true
	}

	for _, target := range targets {
		if target.Missed != "" {
			assert.Contains(t, r.Table(), "missed: "+target.Missed)
		}
	}

	page := r.Page("go run ./bench/report", 100*time.Second)
	assert.Contains(t, page, r.Table())
	assert.Contains(t, page, "go run ./bench/report    # made this page, in 1m40s")
	assert.Contains(t, page, "](images/performance-load.svg)")
	assert.Contains(t, page, "](images/performance-growth.svg)")
	assert.NotContains(t, page, "%!", "a format and its arguments differ")

	for _, peer := range []string{
		"the limit", "hand-written", "hand-written, default transport", "go-retryablehttp", "resty", "Paddle's SDK", "Stripe's SDK",
		"http.Redirect", "echo's c.Redirect", "gin's c.Redirect", "map + RWMutex + expiry", "otter, raw", "golang-lru expirable",
	} {
		assert.True(t, strings.Contains(page, "| "+peer+" "), "no row of %s", peer) //nolint:testifylint // the page is too long to be printed
	}

	for _, drawn := range []string{r.LoadChart().SVG(), r.GrowthChart().SVG()} {
		require.NoError(t, xml.Unmarshal([]byte(drawn), new(struct{})))
		assert.Contains(t, drawn, ">kanuu-go<")
		assert.NotContains(t, drawn, "NaN")
	}
}

func TestTarget(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		target            report.Target
		goal, got, missed string
	}{
		"met, at most":           {report.AtMost("", "", "", 16, 16, ""), "≤ 16", "16", ""},
		"missed, at most":        {report.AtMost("", "", " µs", 18, 15, ""), "≤ 15 µs", "18 µs", "1.20 × the target"},
		"met, as it is shown":    {report.AtMost("", "", "", 1.104, 1.10, ""), "≤ 1.10", "1.10", ""},
		"not measured":           {report.AtMost("", "", "", math.NaN(), 1, ""), "≤ 1", "NaN", "NaN × the target"},
		"missed, nothing at all": {report.AtMost("", "", "", 3, 0, ""), "0", "3", "by 3"},
		"met, at least":          {report.AtLeast("", "", "", 0.98, 0.98, ""), "≥ 0.98", "0.98", ""},
		"missed, at least":       {report.AtLeast("", "", "", 0.49, 0.98, ""), "≥ 0.98", "0.49", "0.50 × the target"},
		"large":                  {report.AtMost("", "", "", 1234.5, 1e6, ""), "≤ 1,000,000", "1,235", ""},
		"middling":               {report.AtMost("", "", "", 27.75, 100, ""), "≤ 100", "27.8", ""},
		"below nothing":          {report.AtMost("", "", "", -1234, 1, ""), "≤ 1", "−1,234", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.goal, c.target.Goal)
			assert.Equal(t, c.got, c.target.Got)
			assert.Equal(t, c.missed, c.target.Missed)
		})
	}
}
