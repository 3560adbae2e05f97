// Package chart draws SVG that can be read in light and in dark, and at half its
// size on a phone.
package chart

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strconv"
	"strings"
)

const (
	width    = 640
	margin   = 24
	fontSize = 15
	line     = 20 // from one line of text to the next
)

// style follows the reader's colour scheme. The background is painted, as the
// page around the image may be in the other one.
const style = `
text{font:15px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:#1f2328}
.title{font-weight:600;font-size:18px}.panel{font-weight:600}
.axis,.note{fill:#59636e}.note{font-size:14px}
.back{fill:#fff}.grid{stroke:#d1d9e0}.base{stroke:#59636e}
.ours{fill:#0969da}.ours-line{stroke:#0969da}
.limit{fill:#59636e}.limit-line{stroke:#59636e}
.first{fill:#a8600a}.first-line{stroke:#a8600a}
.second{fill:#8250df}.second-line{stroke:#8250df}
.bar{fill:#afb8c1}.bar.ours{fill:#0969da}.bar.limit{fill:#6e7781}
.curve{fill:none;stroke-width:2.5;stroke-linejoin:round;stroke-linecap:round}.dash{stroke-dasharray:6 5}
@media (prefers-color-scheme:dark){
text{fill:#f0f6fc}.axis,.note{fill:#9198a1}
.back{fill:#0d1117}.grid{stroke:#3d444d}.base{stroke:#9198a1}
.ours{fill:#4493f8}.ours-line{stroke:#4493f8}
.limit{fill:#9198a1}.limit-line{stroke:#9198a1}
.first{fill:#d8973c}.first-line{stroke:#d8973c}
.second{fill:#ab7df8}.second-line{stroke:#ab7df8}
.bar{fill:#4d5560}.bar.ours{fill:#4493f8}.bar.limit{fill:#9198a1}
}`

// Role of a bar or a curve decides its colour.
type Role string

// The roles.
const (
	Ours   Role = "ours"
	Limit  Role = "limit"
	First  Role = "first"
	Second Role = "second"
	Other  Role = ""
)

// Bar of a [Bars].
type Bar struct {
	Name  string
	Value float64
	Label string // behind the bar
	Role  Role
}

// Group of bars under a heading.
type Group struct {
	Name string
	Bars []Bar
}

// Bars lie on one axis from 0 to 100 and a little more.
type Bars struct {
	Title, Description string
	Axis               string // with the unit
	Groups             []Group
}

// SVG is the drawing.
func (c Bars) SVG() string {
	const (
		left, right, most = 225, 515, 100.0
		step, thick       = 26, 18
	)

	var d drawing

	y := d.head(c.Title)

	for _, group := range c.Groups {
		y += line + 4
		d.text(margin, y, "panel", "start", group.Name)

		y += 10
		top := y

		for _, bar := range group.Bars {
			length := (right - left) * min(bar.Value, most*1.05) / most
			d.text(left-10, y+14, string(bar.Role), "end", bar.Name)
			d.printf(`<rect class="bar %s" x="%d" y="%g" width="%.1f" height="%d" rx="2"/>`, bar.Role, left, y, max(length, 1), thick)
			d.text(left+length+8, y+14, "", "start", bar.Label)

			y += step
		}

		for tick := 0.0; tick <= most; tick += 25 {
			x := left + (right-left)*tick/most
			d.belowf(`<line class="grid" x1="%.1f" y1="%g" x2="%.1f" y2="%g"/>`, x, top-4, x, y)
		}

		y += 8
	}

	for tick := 0.0; tick <= most; tick += 25 {
		x := left + (right-left)*tick/most
		d.text(x, y+line-2, "axis", "middle", strconv.FormatFloat(tick, 'f', -1, 64))
	}

	y += 2*line + 2
	d.text((left+right)/2, y, "axis", "middle", c.Axis)

	return d.finish(y+margin, c.Title, c.Description)
}

// Line of a [Panel].
type Line struct {
	Name   string
	Role   Role
	Values []float64 // one for each of the panel's sizes
}

// Panel is one coordinate system.
type Panel struct {
	Name  string
	X, Y  string // axis titles, with units
	Sizes []float64
	Lines []Line
}

// Lines are panels below each other, whose x axes are logarithmic.
type Lines struct {
	Title, Description string
	Panels             []Panel
}

// SVG is the drawing.
func (c Lines) SVG() string {
	var d drawing

	y := d.head(c.Title)
	for _, panel := range c.Panels {
		y = d.panel(panel, y+line)
	}

	return d.finish(y+margin/2, c.Title, c.Description)
}

func (d *drawing) panel(p Panel, y float64) float64 {
	const left, right, height = 70, 455, 210

	d.text(margin, y+4, "panel", "start", p.Name)
	d.text(margin, y+4+line, "axis", "start", p.Y)

	top := y + 2*line + 6
	bottom := top + height

	highest := 0.0
	for _, l := range p.Lines {
		highest = max(highest, slices.Max(l.Values))
	}

	step := niceStep(highest / 4)
	ceiling := math.Ceil(highest/step) * step

	first, last := math.Log(p.Sizes[0]), math.Log(p.Sizes[len(p.Sizes)-1])
	xOf := func(size float64) float64 { return left + (right-left)*(math.Log(size)-first)/(last-first) }
	yOf := func(value float64) float64 { return bottom - height*value/ceiling }

	for tick := 0.0; tick <= ceiling+step/2; tick += step {
		class := "grid"
		if tick == 0 {
			class = "base"
		}

		d.printf(`<line class="%s" x1="%d" y1="%.1f" x2="%d" y2="%.1f"/>`, class, left, yOf(tick), right, yOf(tick))
		d.text(left-8, yOf(tick)+5, "axis", "end", thousands(tick))
	}

	for _, size := range p.Sizes {
		d.printf(`<line class="base" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/>`, xOf(size), bottom, xOf(size), bottom+4)
		d.text(xOf(size), bottom+line, "axis", "middle", thousands(size))
	}

	d.text((left+right)/2, bottom+2*line, "axis", "middle", p.X)

	ends := make([]float64, len(p.Lines))
	for i, l := range p.Lines {
		ends[i] = yOf(l.Values[len(l.Values)-1])
	}

	spread(ends, line, bottom)

	for i, l := range p.Lines {
		d.curve(l, p.Sizes, xOf, yOf)
		d.text(right+12, ends[i]+5, string(l.Role), "start", l.Name)
	}

	return bottom + 3*line
}

func (d *drawing) curve(l Line, sizes []float64, xOf, yOf func(float64) float64) {
	points := make([]string, len(sizes))
	for i, size := range sizes {
		points[i] = fmt.Sprintf("%.1f,%.1f", xOf(size), yOf(l.Values[i]))
	}

	class := "curve " + string(l.Role) + "-line"
	if l.Role == Limit {
		class += " dash"
	}

	d.printf(`<polyline class="%s" points="%s"/>`, class, strings.Join(points, " "))

	for i, size := range sizes {
		d.printf(`<circle class="%s" cx="%.1f" cy="%.1f" r="3.5"/>`, l.Role, xOf(size), yOf(l.Values[i]))
	}
}

// spread moves labels apart that are nearer than gap, none below the lowest.
func spread(at []float64, gap, lowest float64) {
	order := make([]int, len(at))
	for i := range order {
		order[i] = i
	}

	slices.SortFunc(order, func(i, j int) int {
		switch {
		case at[i] < at[j]:
			return -1
		case at[i] > at[j]:
			return 1
		default:
			return i - j
		}
	})

	for n := 1; n < len(order); n++ {
		at[order[n]] = max(at[order[n]], at[order[n-1]]+gap)
	}

	for n, i := range slices.Backward(order) {
		at[i] = min(at[i], lowest-gap*float64(len(order)-1-n))
	}
}

// niceStep is 1, 2 or 5 times a power of ten, and at least least.
func niceStep(least float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(least)))

	for _, factor := range []float64{1, 2, 5} {
		if step := factor * power; step >= least {
			return step
		}
	}

	return 10 * power
}

// thousands has a comma before each three digits.
func thousands(value float64) string {
	text := strconv.FormatFloat(value, 'f', -1, 64)

	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}

	if fraction != "" {
		whole += "." + fraction
	}

	return whole
}

// drawing is put together from back to front.
type drawing struct {
	behind, front strings.Builder
}

func (d *drawing) printf(format string, args ...any) {
	fmt.Fprintf(&d.front, format+"\n", args...)
}

func (d *drawing) belowf(format string, args ...any) {
	fmt.Fprintf(&d.behind, format+"\n", args...)
}

func (d *drawing) text(x, y float64, class, anchor, text string) {
	d.printf(`<text x="%.1f" y="%.1f" class="%s" text-anchor="%s">%s</text>`, x, y, class, anchor, html.EscapeString(text))
}

// head writes the title, a line for each of its lines.
func (d *drawing) head(title string) (y float64) {
	y = margin

	for row := range strings.SplitSeq(title, "\n") {
		y += fontSize
		d.text(margin, y, "title", "start", row)

		y += 9
	}

	return y
}

func (d *drawing) finish(height float64, title, description string) string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %.0f" width="%d" height="%.0f" role="img" aria-labelledby="title description">
<title id="title">%s</title>
<desc id="description">%s</desc>
<style>%s</style>
<rect class="back" width="100%%" height="100%%"/>
%s%s</svg>
`, width, height, width, height, html.EscapeString(strings.ReplaceAll(title, "\n", " ")), html.EscapeString(description), style,
		d.behind.String(), d.front.String())
}
