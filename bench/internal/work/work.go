// Package work is what is measured: each row of the report as things that can
// be done many times, the library's beside the limit and beside what else there
// is for the same purpose.
package work

// Work is one thing to measure.
type Work struct {
	// Name of who does it.
	Name string

	// Do does it once. i is another number each time; several callers call it
	// at once where the work is one that has callers.
	Do func(i int) error

	// Close frees what the work holds. It may be nil.
	Close func()
}

// The names that the report reads by.
const (
	Kanuu = "kanuu-go"
	Limit = "the limit"
)

// CloseAll closes what can be closed.
func CloseAll(works []Work) {
	for _, w := range works {
		if w.Close != nil {
			w.Close()
		}
	}
}
