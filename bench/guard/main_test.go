package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/count"
)

func TestRun(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		is   float64
		says string
		err  error
	}{
		"the same": {is: 16, says: "same"},
		"better":   {is: 15, says: "Keep it so: " + command},
		"worse":    {is: 17, says: "WORSE", err: count.ErrWorse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			file := filepath.Join(t.TempDir(), "baseline.json")
			require.NoError(t, count.NewBaseline("go1.0", counts(16)).Write(file))

			was, err := os.ReadFile(file)
			require.NoError(t, err)

			var out strings.Builder

			err = run(taken(c.is), &out, file, false)
			require.ErrorIs(t, err, c.err)
			assert.Contains(t, out.String(), c.says)

			if c.err != nil {
				require.ErrorContains(t, err, "allocations")
				require.ErrorContains(t, err, command)
				assert.Contains(t, out.String(), "made with go1.0", "it may be Go's doing")
			}

			is, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Equal(t, was, is, "only -update writes")
		})
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "baseline.json")

	require.NoError(t, run(taken(16), new(strings.Builder), file, true), "also where there is none")
	require.NoError(t, run(taken(17), new(strings.Builder), file, true), "also where it is worse")

	baseline, err := count.ReadBaseline(file)
	require.NoError(t, err)
	assert.Equal(t, []count.Entry{{Name: "allocations", Value: 17}}, baseline.Counts)
}

func TestRunFails(t *testing.T) {
	t.Parallel()

	file := filepath.Join(t.TempDir(), "baseline.json")
	require.ErrorIs(t, run(taken(16), new(strings.Builder), file, false), os.ErrNotExist, "without a baseline nothing is compared")

	require.NoError(t, os.WriteFile(file, []byte("no JSON"), 0o600))
	require.ErrorContains(t, run(taken(16), new(strings.Builder), file, true), file, "it is not overwritten unread")

	require.NoError(t, count.NewBaseline("go1.0", counts(16)).Write(file))

	broken := errors.New("broken")
	take := func() ([]count.Count, error) { return nil, broken }
	require.ErrorIs(t, run(take, new(strings.Builder), file, true), broken)
}

func counts(value float64) []count.Count { return []count.Count{{Name: "allocations", Value: value}} }

func taken(value float64) func() ([]count.Count, error) {
	return func() ([]count.Count, error) { return counts(value), nil }
}
