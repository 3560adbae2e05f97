package measure_test

import (
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/measure"
	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

var errBroken = errors.New("broken")

var sink []byte

func TestAllocations(t *testing.T) {
	objects, bytes, err := measure.Allocations(work.Work{Do: func(int) error {
		for range 3 {
			sink = make([]byte, 1024)
		}

		return nil
	}}, 500)
	require.NoError(t, err)
	assert.InDelta(t, 3, objects, 0.2)
	assert.InDelta(t, 3*1024, bytes, 100)
}

func TestOrigins(t *testing.T) { //nolint:paralleltest // it changes how the whole process is profiled
	var one, many []byte

	allocate := func(into *[]byte) { *into = make([]byte, 64) }
	allocateMany := func() {
		for range 3 {
			many = make([]byte, 128)
		}
	}

	origins, err := measure.Origins(work.Work{Do: func(int) error {
		allocate(&one)
		allocateMany()

		return nil
	}}, 200, func(functions []string) string {
		if slices.ContainsFunc(functions, func(name string) bool { return strings.Contains(name, "TestOrigins") }) {
			return functions[0]
		}

		return "else"
	})
	require.NoError(t, err)
	assert.Len(t, many, 128)

	delete(origins, "else")

	total := 0.0
	for _, objects := range origins {
		total += objects
	}

	assert.InDelta(t, 4, total, 0.1, origins)
	assert.Equal(t, 512*1024, runtime.MemProfileRate, "as it was")

	_, err = measure.Origins(work.Work{Do: func(int) error { return errBroken }}, 10, nil)
	require.ErrorIs(t, err, errBroken)
}

func TestMemory(t *testing.T) { //nolint:paralleltest // it counts what the whole process holds
	const held = 1 << 20

	closed := false

	bytes, err := measure.Memory(func() (work.Work, error) {
		block := make([]byte, held)
		_ = make([]byte, held) // garbage

		return work.Work{Do: func(i int) error { block[i]++; return nil }, Close: func() { closed = true }}, nil
	})
	require.NoError(t, err)
	assert.InDelta(t, held, bytes, held/10)
	assert.True(t, closed)

	_, err = measure.Memory(func() (work.Work, error) { return work.Work{}, errBroken })
	require.ErrorIs(t, err, errBroken)
}

func TestRun(t *testing.T) {
	t.Parallel()

	for _, callers := range []int{1, 3} {
		var (
			mu   sync.Mutex
			seen []int
		)

		slice, err := measure.Run(work.Work{Do: func(i int) error {
			time.Sleep(time.Millisecond)
			mu.Lock()
			defer mu.Unlock()

			seen = append(seen, i)

			return nil
		}}, callers, 20*time.Millisecond)
		require.NoError(t, err)

		assert.Len(t, seen, slice.Ops)
		assert.GreaterOrEqual(t, slice.Wall, 20*time.Millisecond)
		assert.GreaterOrEqual(t, slice.Ops, callers)

		slices.Sort(seen)
		assert.Len(t, slices.Compact(seen), slice.Ops, "each is another one")
	}
}

func TestErrorsNameTheWork(t *testing.T) {
	t.Parallel()

	broken := work.Work{Name: "whoever", Do: func(int) error { return errBroken }}

	for _, callers := range []int{1, 3} {
		_, err := measure.Run(broken, callers, time.Millisecond)
		require.ErrorIs(t, err, errBroken)
		require.ErrorContains(t, err, "whoever")
	}

	_, err := measure.Paired([]work.Work{broken}, measure.Plan{Callers: 1, Rounds: 1, Length: time.Millisecond})
	require.ErrorIs(t, err, errBroken)

	_, _, err = measure.Allocations(broken, 10)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "whoever")
}

func TestPairedTakesTurns(t *testing.T) {
	t.Parallel()

	var order string

	named := func(name string) work.Work {
		return work.Work{Name: name, Do: func(i int) error {
			if i == 0 {
				order += name
			}

			time.Sleep(time.Millisecond)

			return nil
		}}
	}

	series, err := measure.Paired([]work.Work{named("a"), named("b"), named("c")},
		measure.Plan{Callers: 1, Rounds: 4, Length: 2 * time.Millisecond})
	require.NoError(t, err)

	assert.Equal(t, "abc"+"abc"+"bca"+"cab"+"abc", order, "once to get warm, and then each round begins with the next")
	require.Len(t, series, 3)
	assert.Len(t, series[2], 4)
}

func TestInTurn(t *testing.T) {
	t.Parallel()

	var order string

	named := func(name string, delay time.Duration) work.Work {
		return work.Work{Name: name, Do: func(int) error {
			order += name

			time.Sleep(delay)

			return nil
		}}
	}

	medians, err := measure.InTurn([]work.Work{named("a", 0), named("b", 10*time.Millisecond)}, 3)
	require.NoError(t, err)
	assert.Equal(t, "ab"+"ab"+"ba"+"ab", order, "once to get warm, and then another is first each time")
	require.Len(t, medians, 2)
	assert.GreaterOrEqual(t, medians[1], float64(10*time.Millisecond))
	assert.Less(t, medians[0], medians[1])

	broken := work.Work{Name: "whoever", Do: func(i int) error {
		if i == 2 {
			return errBroken
		}

		return nil
	}}
	_, err = measure.InTurn([]work.Work{broken}, 3)
	require.ErrorIs(t, err, errBroken)
	require.ErrorContains(t, err, "whoever")
}

func TestSeries(t *testing.T) {
	t.Parallel()

	ours := measure.Series{{Ops: 1, Wall: 30}, {Ops: 1, Wall: 10}, {Ops: 2, Wall: 200}}
	theirs := measure.Series{{Ops: 1, Wall: 20}, {Ops: 1, Wall: 10}, {Ops: 1, Wall: 50}}

	assert.InDelta(t, 30, ours.Median(measure.Slice.WallPerOp), 0)
	assert.InDelta(t, 1.5, ours.Ratio(theirs, measure.Slice.WallPerOp), 0, "the middle of 1.5, 1 and 2, not that of the middles")
	assert.InDelta(t, 10, ours.Difference(theirs, measure.Slice.WallPerOp), 0)
	assert.InDelta(t, 20, ours[:2].Median(measure.Slice.WallPerOp), 0, "between the two in the middle")
	assert.Zero(t, measure.Series(nil).Median(measure.Slice.WallPerOp))
}

func TestSlice(t *testing.T) {
	t.Parallel()

	slice := measure.Slice{Ops: 4, Wall: 2 * time.Second, CPU: time.Second, Objects: 40}

	assert.InDelta(t, 5e8, slice.WallPerOp(), 0)
	assert.InDelta(t, 2.5e8, slice.CPUPerOp(), 0)
	assert.InDelta(t, 2.5e8, slice.BusyPerOp(), 0)
	assert.InDelta(t, 10, slice.ObjectsPerOp(), 0)
	assert.InDelta(t, 2, slice.Rate(), 0)

	slice.CPU = 0
	assert.InDelta(t, 5e8, slice.BusyPerOp(), 0, "where the system does not tell the CPU time")
}
