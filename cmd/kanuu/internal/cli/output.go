package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
)

// say writes a line of talk.
func (a *app) say(text string) { fmt.Fprintln(a.Stderr, printable(text)) }

// printJSON writes a value to stdout, in one line.
func (a *app) printJSON(v any) error { return writeJSON(a.Stdout, v) }

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // & stays & in URLs
	return encoder.Encode(v)
}

// printTable writes rows of a name and a value to stdout.
func (a *app) printTable(rows [][2]string) error {
	w := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\n", r[0], printable(r[1]))
	}
	return w.Flush()
}

// printable takes from a text what could move the cursor, recolour or retitle
// the terminal: part of it was written by a server. Line ends stay.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// oneLine is printable, and no more than a part of one line: a customer's
// identifier must not look like an event of its own.
func oneLine(text string) string {
	const limit = 200
	if cut := strings.ToValidUTF8(text[:min(len(text), limit)], ""); len(cut) < len(text) {
		text = cut + "…"
	}
	return strings.ReplaceAll(printable(text), "\n", string(unicode.ReplacementChar))
}
