package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"
)

// style is how a text looks in a terminal: an SGR sequence of ECMA-48.
type style string

const (
	stylePlain style = ""
	styleBold  style = "1"
	styleError style = "31"
	styleWarn  style = "33"
	styleGood  style = "32"
	styleFaint style = "2"
)

// paint styles a text where w is a terminal and its owner wants colours.
func (a *app) paint(w io.Writer, s style, text string) string {
	if s == stylePlain || text == "" || !a.colours(w) {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// colours follows https://no-color.org.
func (a *app) colours(w io.Writer) bool {
	return a.IsTerminal(w) && a.Getenv("NO_COLOR") == "" && a.Getenv("TERM") != "dumb"
}

// isCharacterDevice tells a terminal from files and pipes. Other devices pass
// for one; none of them minds.
func isCharacterDevice(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// say writes a line of talk.
func (a *app) say(s style, text string) {
	fmt.Fprintln(a.Stderr, a.paint(a.Stderr, s, printable(text)))
}

// printJSON writes a value to stdout, in one line.
func (a *app) printJSON(v any) error { return writeJSON(a.Stdout, v) }

func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // & stays & in URLs
	return encoder.Encode(v)
}

// row of a table with two columns.
type row struct{ name, value string }

// printTable writes rows to stdout.
func (a *app) printTable(rows []row) error {
	w := tabwriter.NewWriter(a.Stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\n", r.name, printable(r.value))
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

// withName begins a line as the library's errors do.
func withName(message string) string {
	if strings.HasPrefix(message, "kanuu: ") {
		return message
	}
	return "kanuu: " + message
}
