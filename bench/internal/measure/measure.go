// Package measure counts and times work.
//
// Times on a shared machine swing by half from one second to the next, so that
// two things are never compared by times that were taken one after the other:
// they take turns in small slices, and what is reported is the median of the
// ratios between neighbours.
package measure

import (
	"fmt"
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// Slice of time in which one work was done.
type Slice struct {
	Ops     int
	Wall    time.Duration
	CPU     time.Duration // of this process; 0 where the system does not tell
	Objects uint64        // allocated, about: what is still in a processor's own cache is not counted
	Bytes   uint64
}

// WallPerOp is nanoseconds.
func (s Slice) WallPerOp() float64 { return float64(s.Wall) / float64(s.Ops) }

// CPUPerOp is nanoseconds, on all processors together.
func (s Slice) CPUPerOp() float64 { return float64(s.CPU) / float64(s.Ops) }

// BusyPerOp is CPUPerOp, or WallPerOp where the system does not tell it. For
// work that waits for nothing it is the same on a busy machine as on an idle one.
func (s Slice) BusyPerOp() float64 {
	if s.CPU == 0 {
		return s.WallPerOp()
	}

	return s.CPUPerOp()
}

// ObjectsPerOp is how many were allocated.
func (s Slice) ObjectsPerOp() float64 { return float64(s.Objects) / float64(s.Ops) }

// Rate is operations per second.
func (s Slice) Rate() float64 { return float64(s.Ops) / s.Wall.Seconds() }

// Run has so many callers do the work again and again for a time, each at least
// once.
func Run(w work.Work, callers int, length time.Duration) (Slice, error) {
	run := runTogether
	if callers == 1 {
		run = runAlone
	}

	objects, bytes := allocated()
	cpu := cpuTime()

	slice, err := run(w, callers, length)
	if err != nil {
		return slice, fmt.Errorf("%s: %w", w.Name, err)
	}

	slice.CPU = cpuTime() - cpu
	slice.Objects, slice.Bytes = allocated()
	slice.Objects -= objects
	slice.Bytes -= bytes

	return slice, nil
}

func runTogether(w work.Work, callers int, length time.Duration) (Slice, error) {
	var (
		wait     sync.WaitGroup
		ops      atomic.Int64
		firstErr atomic.Pointer[error]
	)

	start := time.Now()

	for caller := range callers {
		wait.Go(func() {
			// At least once: also one that comes late has something to show.
			for done := 0; done == 0 || time.Since(start) < length && firstErr.Load() == nil; done++ {
				if err := w.Do(caller + done*callers); err != nil {
					firstErr.CompareAndSwap(nil, &err)

					return
				}

				ops.Add(1)
			}
		})
	}

	wait.Wait()

	slice := Slice{Ops: int(ops.Load()), Wall: time.Since(start)}
	if err := firstErr.Load(); err != nil {
		return slice, *err
	}

	return slice, nil
}

// runAlone looks at the clock so seldom that it does not count.
func runAlone(w work.Work, _ int, length time.Duration) (Slice, error) {
	var slice Slice

	start, batch := time.Now(), 1

	for slice.Wall < length {
		for range batch {
			if err := w.Do(slice.Ops); err != nil {
				return slice, err
			}

			slice.Ops++
		}

		before := slice.Wall
		slice.Wall = time.Since(start)

		if slice.Wall-before < length/100 {
			batch *= 2
		}
	}

	return slice, nil
}

// allocated is how many objects and bytes there were so far.
func allocated() (objects, bytes uint64) {
	samples := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(samples)

	return samples[0].Value.Uint64(), samples[1].Value.Uint64()
}

// Series of slices of one work.
type Series []Slice

// Plan of a measurement.
type Plan struct {
	Callers int           // at once
	Rounds  int           // in each of which every work has a slice
	Length  time.Duration // of a slice
}

// Paired has works take turns: one slice of each, round after round, each round
// in another order. The series are in the order of works.
func Paired(works []work.Work, plan Plan) ([]Series, error) {
	series := make([]Series, len(works))

	for _, w := range works { // warm: connections, pools, caches
		if _, err := Run(w, plan.Callers, plan.Length/2); err != nil {
			return nil, err
		}
	}

	for round := range plan.Rounds {
		for i := range works {
			n := (i + round) % len(works)

			slice, err := Run(works[n], plan.Callers, plan.Length)
			if err != nil {
				return nil, err
			}

			series[n] = append(series[n], slice)

			if slice.Bytes > 1<<20 {
				runtime.GC() // what one leaves behind is not for the next
			}
		}
	}

	return series, nil
}

// Median over the slices.
func (s Series) Median(of func(Slice) float64) float64 {
	values := make([]float64, len(s))
	for i, slice := range s {
		values[i] = of(slice)
	}

	return median(values)
}

// Ratio is the median of s over other, round by round.
func (s Series) Ratio(other Series, of func(Slice) float64) float64 {
	return s.PerRound(func(round int) float64 { return of(s[round]) / of(other[round]) })
}

// Difference is the median of s minus other, round by round.
func (s Series) Difference(other Series, of func(Slice) float64) float64 {
	return s.PerRound(func(round int) float64 { return of(s[round]) - of(other[round]) })
}

// PerRound is the median of what is found for each round.
func (s Series) PerRound(of func(round int) float64) float64 {
	values := make([]float64, len(s))
	for round := range s {
		values[round] = of(round)
	}

	return median(values)
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))

	n := len(values)
	if n == 0 {
		return 0
	}

	return (values[(n-1)/2] + values[n/2]) / 2
}

// InTurn has works take turns operation by operation, so many times, each time in
// another order, and returns the median of what an operation of each takes, in
// nanoseconds of wall time: for small differences between operations of
// microseconds, which a slice would drown in its noise. Rare delays, such as a
// garbage collection, do not count.
func InTurn(works []work.Work, times int) ([]float64, error) {
	took := make([][]float64, len(works))

	for _, w := range works {
		if err := repeat(w, times/10+1); err != nil { // warm
			return nil, err
		}
	}

	for turn := range times {
		for i := range works {
			n := (i + turn) % len(works)
			start := time.Now()

			if err := works[n].Do(turn); err != nil {
				return nil, fmt.Errorf("%s: %w", works[n].Name, err)
			}

			took[n] = append(took[n], float64(time.Since(start)))
		}
	}

	medians := make([]float64, len(works))
	for i, values := range took {
		medians[i] = median(values)
	}

	return medians, nil
}

// Allocations of one operation: how many, and how many bytes. They are those of
// all goroutines of this process, warm, and without a garbage collection in
// between, which would empty the pools. Whatever else goes on only adds, so that
// of several measurements the least is the truth.
func Allocations(w work.Work, runs int) (objects, bytes float64, err error) {
	const repetitions = 5

	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))

	if err := repeat(w, runs/2); err != nil { // warm: connections, pools, caches
		return 0, 0, err
	}

	objects, bytes = math.Inf(1), math.Inf(1)

	for range repetitions {
		var before, after runtime.MemStats

		runtime.ReadMemStats(&before)

		if err := repeat(w, runs); err != nil {
			return 0, 0, err
		}

		runtime.ReadMemStats(&after)

		objects = min(objects, float64(after.Mallocs-before.Mallocs)/float64(runs))
		bytes = min(bytes, float64(after.TotalAlloc-before.TotalAlloc)/float64(runs))
	}

	return objects, bytes, nil
}

func repeat(w work.Work, times int) error {
	for i := range times {
		if err := w.Do(i); err != nil {
			return fmt.Errorf("%s: %w", w.Name, err)
		}
	}

	return nil
}

// Memory is how many bytes of the heap what build returns holds.
func Memory(build func() (work.Work, error)) (float64, error) {
	before := live()

	w, err := build()
	if err != nil {
		return 0, err
	}

	bytes := live() - before

	if w.Close != nil {
		w.Close()
	}

	runtime.KeepAlive(w)

	return bytes, nil
}

// live is what is left after what goes in two collections has gone.
func live() float64 {
	runtime.GC()
	runtime.GC()

	var stats runtime.MemStats

	runtime.ReadMemStats(&stats)

	return float64(stats.HeapAlloc)
}
