//go:debug x509usefallbackroots=1

package count_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/count"
	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

var server *upstream.Server

func TestMain(m *testing.M) {
	os.Exit(upstream.During(func(started *upstream.Server) int {
		server = started

		return m.Run()
	}))
}

func TestCompare(t *testing.T) {
	t.Parallel()

	exact := func(value float64) count.Count { return count.Count{Name: "it", Value: value} }
	about := func(value float64) count.Count {
		return count.Count{Name: "it", Value: value, Tolerance: 0.5, Why: "it swings"}
	}

	for name, c := range map[string]struct {
		was    float64
		is     count.Count
		says   string
		better bool
		worse  bool
	}{
		"the same":                    {was: 3, is: exact(3), says: "same"},
		"more":                        {was: 3, is: exact(4), says: "WORSE", worse: true},
		"less":                        {was: 3, is: exact(2), says: "better", better: true},
		"more, within the tolerance":  {was: 3, is: about(3.5), says: "same"},
		"less, within the tolerance":  {was: 3, is: about(2.5), says: "same"},
		"more, beyond the tolerance":  {was: 3, is: about(3.6), says: "WORSE by more than 0.5, which is allowed since it swings", worse: true},
		"less, beyond the tolerance":  {was: 3, is: about(2.4), says: "better", better: true},
		"more than none":              {was: 0, is: exact(1), says: "WORSE", worse: true},
		"tenths that are not binary":  {was: 0.3, is: exact(0.1 + 0.2), says: "same"},
		"beyond by what is no binary": {was: 44.1, is: count.Count{Name: "it", Value: 44.2, Tolerance: 0.1}, says: "same"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var lines strings.Builder

			better, err := count.NewBaseline("go1", []count.Count{exact(c.was)}).Compare([]count.Count{c.is}, &lines)
			assert.Contains(t, lines.String(), "  "+c.says+"\n")
			assert.Equal(t, c.better, better)

			if c.worse {
				require.ErrorIs(t, err, count.ErrWorse)
				assert.ErrorContains(t, err, "it")
			} else {
				assert.NoError(t, err)
			}
		})
	}
}

func TestCompareOtherCounts(t *testing.T) {
	t.Parallel()

	var lines strings.Builder

	better, err := count.NewBaseline("go1", []count.Count{{Name: "old"}, {Name: "kept"}}).
		Compare([]count.Count{{Name: "kept"}, {Name: "added", Value: 7}}, &lines)

	require.ErrorIs(t, err, count.ErrWorse, "nobody drops a count by mistake")
	assert.Contains(t, lines.String(), "old")
	assert.Contains(t, lines.String(), "is not counted any more")
	assert.True(t, better, "a new one belongs into the baseline")
	assert.NotContains(t, err.Error(), "added")
}

func TestBaselineFile(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "baseline.json")
	baseline := count.NewBaseline("go1", []count.Count{{Name: "a > b", Value: 1.5}, {Name: "c"}})

	require.NoError(t, baseline.Write(file))

	read, err := count.ReadBaseline(file)
	require.NoError(t, err)
	assert.Equal(t, baseline, read)

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Contains(t, string(text), "a > b", "for people to read")

	_, err = count.ReadBaseline(file + ".none")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "root of the repository")
}

// The baseline that is checked in is one of what is counted today.
func TestBaselineIsUsable(t *testing.T) {
	t.Parallel()

	baseline, err := count.ReadBaseline("../../testdata/baseline.json")
	require.NoError(t, err)
	assert.NotEmpty(t, baseline.Counts)
	assert.NotEmpty(t, baseline.Go)
}

func TestConnections(t *testing.T) { //nolint:paralleltest // they are counted by the one server
	const lull = 30 * time.Millisecond

	calls := func(base, name string) work.Work {
		works, err := work.CallsAsTheyCome(base)
		require.NoError(t, err)

		for _, w := range works {
			if w.Name == name {
				return w
			}
		}

		require.Fail(t, "no "+name)

		return work.Work{}
	}

	opened, err := count.WarmConnections(server, calls(server.H1, work.Limit), 8, lull)
	require.NoError(t, err)
	assert.Zero(t, opened)

	opened, err = count.WarmConnections(server, calls(server.H1, work.HandDefault), 8, lull)
	require.NoError(t, err)
	assert.Positive(t, opened, "the default transport keeps two")

	burst, err := count.ColdBurst(server, calls(server.H1, work.Limit), 8, lull)
	require.NoError(t, err)
	assert.EqualValues(t, 8, burst.Connections)
	assert.EqualValues(t, 8, burst.Requests)
	assert.EqualValues(t, 8, burst.Peak)

	works, err := work.Subscriptions(server.H1)
	require.NoError(t, err)

	burst, err = count.ColdBurst(server, works[0], 20, lull)
	require.NoError(t, err)
	assert.EqualValues(t, 1, burst.Requests)

	burst, err = count.ColdBurst(server, works[1], 20, lull)
	require.NoError(t, err)
	assert.EqualValues(t, 20, burst.Requests)
}
