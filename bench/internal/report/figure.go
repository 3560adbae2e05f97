package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// figure is a number as a table shows it: with two decimals where it is small,
// with commas where it is large.
func figure(value float64) string {
	switch magnitude := math.Abs(value); {
	case value == math.Trunc(value):
		return thousands(value)
	case magnitude >= 100:
		return thousands(math.Round(value))
	case magnitude >= 10:
		return strconv.FormatFloat(value, 'f', 1, 64)
	default:
		return strconv.FormatFloat(value, 'f', 2, 64)
	}
}

// whole leaves out what is noise in a count.
func whole(value float64) float64 { return math.Round(value) + 0 }

// thousands has a comma before each three digits.
func thousands(value float64) string {
	text := strconv.FormatFloat(math.Abs(value), 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}

	if value < 0 {
		return "−" + text
	}

	return text
}

// table in Markdown, aligned so that it can be read as it is; but for the last
// column, whose texts are long.
func table(head []string, rows [][]string) string {
	widths := make([]int, len(head))

	for _, row := range append([][]string{head}, rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}

	var b strings.Builder

	write := func(row []string, fill string) {
		for i, cell := range row {
			gap := widths[i] - utf8.RuneCountInString(cell)
			if last := len(row) - 1; i == last && last > 0 {
				gap = min(gap, max(0, 3-utf8.RuneCountInString(cell)))
			}

			fmt.Fprintf(&b, "| %s%s ", cell, strings.Repeat(fill, gap))
		}

		b.WriteString("|\n")
	}

	write(head, " ")
	write(make([]string, len(head)), "-")

	for _, row := range rows {
		write(row, " ")
	}

	return b.String()
}
