package count

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// Baseline is what the counts were when somebody last looked at them.
type Baseline struct {
	// Go that they were taken with: another one may allocate otherwise.
	Go string `json:"go"`

	Counts []Entry `json:"counts"`
}

// Entry of a baseline.
type Entry struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// ErrWorse says that a count is worse than it was, or not there any more.
var ErrWorse = errors.New("worse than the baseline")

// NewBaseline of counts.
func NewBaseline(goVersion string, counts []Count) Baseline {
	baseline := Baseline{Go: goVersion}
	for _, c := range counts {
		baseline.Counts = append(baseline.Counts, Entry{c.Name, c.Value})
	}

	return baseline
}

// ReadBaseline from a file.
func ReadBaseline(file string) (Baseline, error) {
	var baseline Baseline

	text, err := os.ReadFile(file) //nolint:gosec // whoever runs this names the file
	if err != nil {
		return baseline, fmt.Errorf("%w: run this in the root of the repository, or see -baseline", err)
	}

	if err := json.Unmarshal(text, &baseline); err != nil {
		return baseline, fmt.Errorf("%s: %w", file, err)
	}

	return baseline, nil
}

// Write the baseline to a file.
func (b Baseline) Write(file string) error {
	var text bytes.Buffer

	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)

	if err := encoder.Encode(b); err != nil {
		return err
	}

	return os.WriteFile(file, text.Bytes(), 0o644) //nolint:gosec // for everybody to read
}

// Verdict on one count.
type Verdict string

// The verdicts.
const (
	Same   Verdict = "same"
	Better Verdict = "better"
	Worse  Verdict = "WORSE"
	New    Verdict = "new"
)

// Compare writes a line for each count, and returns [ErrWorse] where one is
// worse or has gone. better tells whether one has become better: the baseline
// should then be made again, so that it stays so.
func (b Baseline) Compare(counts []Count, out io.Writer) (better bool, err error) {
	was := make(map[string]float64)
	for _, entry := range b.Counts {
		was[entry.Name] = entry.Value
	}

	var worse []string

	for _, c := range counts {
		old, known := was[c.Name]
		delete(was, c.Name)

		verdict := c.verdict(old, known)
		before := "none"

		if known {
			before = fmt.Sprintf("%g", old)
		}

		fmt.Fprintf(out, "%-88s %7g  was %7s  %s", c.Name, c.Value, before, verdict)

		if verdict == Worse && c.Tolerance > 0 {
			fmt.Fprintf(out, " by more than %g, which is allowed since %s", c.Tolerance, c.Why)
		}

		fmt.Fprintln(out)

		better = better || verdict == Better || verdict == New

		if verdict == Worse {
			worse = append(worse, c.Name)
		}
	}

	for _, entry := range b.Counts {
		if _, gone := was[entry.Name]; gone {
			fmt.Fprintf(out, "%-88s is not counted any more\n", entry.Name)

			worse = append(worse, entry.Name)
		}
	}

	if worse != nil {
		return better, fmt.Errorf("%w: %s", ErrWorse, strings.Join(worse, "; "))
	}

	return better, nil
}

func (c Count) verdict(old float64, known bool) Verdict {
	change := c.Value - old

	const rounding = 1e-9

	switch {
	case !known:
		return New
	case change > c.Tolerance+rounding:
		return Worse
	case change < -c.Tolerance-rounding:
		return Better
	default:
		return Same
	}
}
