package growth_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go/bench/internal/growth"
)

func TestVerdict(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		curve growth.Curve
		says  string
	}{
		"flat":                 {growth.Curve{{1, 10}, {10, 11}, {100, 10.5}}, "flat, within 10 %"},
		"all the same":         {growth.Curve{{1, 10}, {10, 10}}, "flat, within 0 %"},
		"falls":                {growth.Curve{{1, 40}, {10, 20}, {100, 10}}, "falls to 0.25 ×"},
		"linear":               {growth.Curve{{0, 2}, {4, 10}, {8, 18}, {16, 34}}, "linear: 2.00 µs + 2.00 µs a field"},
		"linear, with noise":   {growth.Curve{{0, 2.1}, {4, 9.9}, {8, 18.2}, {16, 33.9}}, "linear: 2.08 µs + 1.99 µs a field"},
		"logarithmic":          {growth.Curve{{1, 10}, {10, 20}, {100, 30}, {1000, 40}}, "4.0 × for 1000 × as much (size to the power of 0.20)"},
		"a hump in the middle": {growth.Curve{{1, 10}, {10, 30}, {100, 10}}, "1.0 × for 100 × as much (size to the power of 0.00)"},
		"a root":               {growth.Curve{{1, 10}, {4, 20}, {16, 40}, {64, 80}}, "8.0 × for 64 × as much (size to the power of 0.50)"},
		"two points":           {growth.Curve{{1, 10}, {10, 20}}, "2.0 × for 10 × as much (size to the power of 0.30)"},
		"next to nothing":      {growth.Curve{{0, 1}, {1000, 2}, {2000, 3}}, "linear: 1.00 µs + 0.001 µs a field"},
		"large numbers":        {growth.Curve{{0, 100}, {1, 250}, {2, 400}}, "linear: 100 µs + 150 µs a field"},
		"middling numbers":     {growth.Curve{{0, 10}, {1, 25.25}, {2, 40.5}}, "linear: 10.0 µs + 15.2 µs a field"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.says, c.curve.Verdict("µs", "a field"))
		})
	}
}
