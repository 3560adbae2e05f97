// Package growth tells how a cost grows with what it depends on.
package growth

import (
	"fmt"
	"math"
)

// Point of a curve: a cost at a size.
type Point struct{ Size, Cost float64 }

// Curve in the order of the sizes.
type Curve []Point

const (
	// noise is how far apart two costs are that count as the same.
	noise = 1.25

	// straight is the coefficient of determination from which on a line is one.
	straight = 0.98
)

// Verdict in words: flat, linear, or with which power of the size the cost grows.
// unit is that of the cost, and each the name of one more of the size.
func (c Curve) Verdict(unit, each string) string {
	first, last := c[0], c[len(c)-1]

	highest, lowest := first.Cost, first.Cost
	for _, p := range c {
		highest, lowest = max(highest, p.Cost), min(lowest, p.Cost)
	}

	switch base, slope, fit := c.line(); {
	case highest <= lowest*noise:
		return fmt.Sprintf("flat, within %.0f %%", 100*(highest/lowest-1))
	case highest <= first.Cost*noise:
		return fmt.Sprintf("falls to %.2f ×", last.Cost/first.Cost)
	case fit >= straight && len(c) > 2:
		return fmt.Sprintf("linear: %s %s + %s %s %s", number(base), unit, number(slope), unit, each)
	default:
		return fmt.Sprintf("%.1f × for %.0f × as much (size to the power of %.2f)",
			last.Cost/first.Cost, last.Size/max(first.Size, 1), c.power())
	}
}

// power of the size with which the cost grows: 0 is flat, 1 is linear. Sizes and
// costs of 0 have no logarithm and are left out.
func (c Curve) power() float64 {
	var logs Curve

	for _, p := range c {
		if p.Size > 0 && p.Cost > 0 {
			logs = append(logs, Point{math.Log(p.Size), math.Log(p.Cost)})
		}
	}

	_, slope, _ := logs.line()

	return slope
}

// line is the straight line with the least squares of what it misses, and how
// much of the differences in cost it explains, 1 being all.
func (c Curve) line() (base, slope, fit float64) {
	var sizes, costs float64
	for _, p := range c {
		sizes += p.Size
		costs += p.Cost
	}

	n := float64(max(len(c), 1))
	meanSize, meanCost := sizes/n, costs/n

	var sizeSquares, products, costSquares float64

	for _, p := range c {
		size, cost := p.Size-meanSize, p.Cost-meanCost
		sizeSquares += size * size
		products += size * cost
		costSquares += cost * cost
	}

	if sizeSquares == 0 || costSquares == 0 {
		return meanCost, 0, 0
	}

	slope = products / sizeSquares

	return meanCost - slope*meanSize, slope, products * products / (sizeSquares * costSquares)
}

// number with two or three digits that count.
func number(value float64) string {
	switch magnitude := math.Abs(value); {
	case magnitude < 0.01:
		return fmt.Sprintf("%.1g", value)
	case magnitude >= 100:
		return fmt.Sprintf("%.0f", value)
	case magnitude >= 10:
		return fmt.Sprintf("%.1f", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}
