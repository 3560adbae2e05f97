package chart_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/chart"
)

// element of a drawing, with its text.
type element struct {
	name       string
	attributes map[string]string
	text       string
}

func (e element) number(t *testing.T, attribute string) float64 {
	t.Helper()

	value, err := strconv.ParseFloat(e.attributes[attribute], 64)
	require.NoError(t, err, "%s of %+v", attribute, e)

	return value
}

// parse fails on what is no XML.
func parse(t *testing.T, svg string) []element {
	t.Helper()

	var elements []element

	for decoder := xml.NewDecoder(strings.NewReader(svg)); ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return elements
		}

		require.NoError(t, err)

		switch token := token.(type) {
		case xml.StartElement:
			e := element{name: token.Name.Local, attributes: make(map[string]string)}
			for _, attribute := range token.Attr {
				e.attributes[attribute.Name.Local] = attribute.Value
			}

			elements = append(elements, e)
		case xml.CharData:
			if len(elements) > 0 {
				elements[len(elements)-1].text += strings.TrimSpace(string(token))
			}
		}
	}
}

func find(t *testing.T, elements []element, text string) element {
	t.Helper()

	for _, e := range elements {
		if e.name == "text" && e.text == text {
			return e
		}
	}

	require.Fail(t, "no text "+text)

	return element{}
}

func TestBars(t *testing.T) {
	t.Parallel()

	svg := chart.Bars{
		Title: "Speed", Axis: "% of the limit", Description: "Two bars.",
		Groups: []chart.Group{{Name: "64 callers", Bars: []chart.Bar{
			{Name: "kanuu-go", Value: 98, Label: "3,000/s", Role: chart.Ours},
			{Name: "A & B's <SDK>", Value: 49, Label: "1,500/s"},
			{Name: "too fast", Value: 400, Label: "12,000/s"},
		}}},
	}.SVG()

	elements := parse(t, svg)
	for _, text := range []string{"Speed", "64 callers", "kanuu-go", "A & B's <SDK>", "3,000/s", "% of the limit", "0", "100"} {
		find(t, elements, text)
	}

	var widths []float64

	for _, e := range elements {
		if e.name == "rect" && strings.HasPrefix(e.attributes["class"], "bar") {
			widths = append(widths, e.number(t, "width"))
		}
	}

	require.Len(t, widths, 3)
	assert.InDelta(t, 2, widths[0]/widths[1], 0.01)
	assert.Less(t, widths[2], widths[0]*1.1, "a bar stays on the drawing")
	assert.Contains(t, svg, "prefers-color-scheme:dark")
	assert.Contains(t, svg, "<desc id=\"description\">Two bars.</desc>")
}

func TestLines(t *testing.T) {
	t.Parallel()

	elements := parse(t, chart.Lines{
		Title: "Growth",
		Panels: []chart.Panel{{
			Name: "A call", X: "callers", Y: "µs", Sizes: []float64{1, 32, 1024},
			Lines: []chart.Line{
				{Name: "kanuu-go", Role: chart.Ours, Values: []float64{80, 40, 40}},
				{Name: "the limit", Role: chart.Limit, Values: []float64{70, 39, 39}},
				{Name: "other", Role: chart.First, Values: []float64{80, 1, 1}},
				{Name: "another", Role: chart.Second, Values: []float64{80, 0.5, 0.5}},
			},
		}},
	}.SVG())

	assert.InDelta(t, (find(t, elements, "1").number(t, "x")+find(t, elements, "1,024").number(t, "x"))/2,
		find(t, elements, "32").number(t, "x"), 0.1, "the axis is logarithmic")

	ours, limit := find(t, elements, "kanuu-go"), find(t, elements, "the limit")
	assert.GreaterOrEqual(t, limit.number(t, "y")-ours.number(t, "y"), 20.0, "names do not overlap")

	other, another := find(t, elements, "other"), find(t, elements, "another")
	assert.GreaterOrEqual(t, another.number(t, "y")-other.number(t, "y"), 20.0)
	assert.LessOrEqual(t, another.number(t, "y"), find(t, elements, "32").number(t, "y"), "nor does one lie on the axis")

	var ys []float64

	for _, e := range elements {
		if e.name == "circle" && e.attributes["class"] == "ours" {
			ys = append(ys, e.number(t, "cy"))
		}
	}

	require.Len(t, ys, 3)
	assert.Less(t, ys[0], ys[1], "what costs more is higher")
	assert.InDelta(t, ys[1], ys[2], 0)
}
