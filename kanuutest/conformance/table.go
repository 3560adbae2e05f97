package conformance

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Result is how much of the suite a framework's applications passed.
type Result []Count

// Count of a chapter of the suite.
type Count struct {
	Group  string
	Visits int // 0: does not apply to the framework
	Passed int
}

// The table stands between these lines of a file.
const (
	tableStart = "<!-- conformance -->"
	tableEnd   = "<!-- end of conformance -->"
)

// oneWriter at a time in this process.
var oneWriter sync.Mutex

// CheckTable fails the test unless the Markdown table in a file, between the lines
//
//	<!-- conformance -->
//	<!-- end of conformance -->
//
// has a row for the framework that says just what was passed. With the
// environment variable UPDATE_CONFORMANCE=1 it writes the row instead. Several
// packages that share a table must not do that at once: go test -p 1. It is a
// subtest, so that who runs a few visits alone does not hear of the others.
func (r Result) CheckTable(t *testing.T, file, framework string) {
	t.Helper()
	t.Run(filepath.Base(file), func(t *testing.T) { r.checkTable(t, file, framework) })
}

func (r Result) checkTable(t *testing.T, file, framework string) {
	t.Helper()

	oneWriter.Lock()
	defer oneWriter.Unlock()

	text, err := os.ReadFile(file) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}

	before, rest, ok := strings.Cut(string(text), tableStart+"\n")
	table, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no lines %s and %s", file, tableStart, tableEnd)
	}

	want := r.writeTo(table, framework)
	if want == table {
		return
	}

	if os.Getenv("UPDATE_CONFORMANCE") == "" {
		t.Fatalf("the table in %s does not say what the suite says: run with UPDATE_CONFORMANCE=1 and -p 1\n%s", file, want)
	}

	text = []byte(before + tableStart + "\n" + want + tableEnd + after)
	if err := os.WriteFile(file, text, 0o644); err != nil { //nolint:gosec // a README is for everybody
		t.Fatal(err)
	}
}

// writeTo is the table with the result's head and the framework's row in it.
func (r Result) writeTo(table, framework string) string {
	head, rule, cells := []string{"visits passed"}, []string{"---"}, []string{framework}
	for _, count := range r {
		head = append(head, count.Group)
		rule = append(rule, "---:")
		cells = append(cells, count.String())
	}

	line := func(cells []string) string { return "| " + strings.Join(cells, " | ") + " |" }

	rows := strings.Split(strings.TrimSpace(table), "\n")
	rows = rows[min(2, len(rows)):]

	at := slices.IndexFunc(rows, func(row string) bool { return strings.HasPrefix(row, line(cells[:1])) })
	if at < 0 {
		rows = append(rows, line(cells))
	} else {
		rows[at] = line(cells)
	}
	return strings.Join(append([]string{line(head), line(rule)}, rows...), "\n") + "\n"
}

func (c Count) String() string {
	switch c.Passed {
	case 0:
		if c.Visits == 0 {
			return "–"
		}
	case c.Visits:
		return strconv.Itoa(c.Visits)
	}
	return fmt.Sprintf("%d of %d", c.Passed, c.Visits)
}
