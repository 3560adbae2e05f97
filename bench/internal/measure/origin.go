package measure

import (
	"runtime"
	"slices"

	"github.com/kanuu-io/kanuu-go/bench/internal/work"
)

// Origins says where the allocations of one operation come from, in all
// goroutines: of gets the names of the functions on the stack, the innermost
// first, and tells what to count them as.
func Origins(w work.Work, runs int, of func(functions []string) string) (map[string]float64, error) {
	if err := repeat(w, runs/2); err != nil { // warm
		return nil, err
	}

	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1 // each

	defer func() { runtime.MemProfileRate = rate }()

	before := allocations()

	if err := repeat(w, runs); err != nil {
		return nil, err
	}

	origins := make(map[string]float64)

	for stack, objects := range allocations() {
		more, names := objects-before[stack], functions(stack)
		if more > 0 && !slices.Contains(names, itself) {
			origins[of(names)] += float64(more) / float64(runs)
		}
	}

	return origins, nil
}

// itself allocates too, and is not to be counted.
const itself = "github.com/kanuu-io/kanuu-go/bench/internal/measure.allocations"

// stack of program counters, as the profile has it.
type stack = [32]uintptr

// allocations so far, by where they were made.
func allocations() map[stack]int64 {
	runtime.GC() // the profile is that of the last collection but one
	runtime.GC()

	records := make([]runtime.MemProfileRecord, 0)

	for {
		n, ok := runtime.MemProfile(records, true)
		if ok {
			records = records[:n]

			break
		}

		records = make([]runtime.MemProfileRecord, n+n/10)
	}

	counts := make(map[stack]int64)
	for _, record := range records {
		counts[record.Stack0] += record.AllocObjects
	}

	return counts
}

func functions(pcs stack) []string {
	n := 0
	for n < len(pcs) && pcs[n] != 0 {
		n++
	}

	var names []string

	for frames, more := runtime.CallersFrames(pcs[:n]), n > 0; more; {
		var frame runtime.Frame

		frame, more = frames.Next()
		names = append(names, frame.Function)
	}

	return names
}
