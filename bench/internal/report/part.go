package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Parts of a call, each with the functions that do it, innermost call first.
var parts = []struct {
	name      string
	functions []string
}{
	{"`net/http` and TLS", []string{"net/http.(*Transport).", "net/http.(*persistConn).", "net/http.(*http2", "net/http.http2"}},
	{"the deadline of the attempt", []string{"context.WithDeadline"}},
	{"forgetting the subscription", []string{"kanuu-go.(*Client).forget"}},
	{"checking the identity", []string{"kanuu-go.Identity.Validate"}},
	{"writing the body", []string{"kanuu-go.Identity.appendJSON"}},
	{"reading and checking the answer", []string{"kanuu-go.decodeNonce"}},
	{"the request itself", []string{"kanuu-go.(*endpoint).", "work.callLimit."}},
}

// partElse is what none of the parts names.
const partElse = "all else"

// partOf a call that allocates with these functions on the stack.
func partOf(functions []string) string {
	for _, part := range parts {
		for _, name := range part.functions {
			if slices.ContainsFunc(functions, func(function string) bool { return strings.Contains(function, name) }) {
				return part.name
			}
		}
	}

	return partElse
}

func partNames() []string {
	var names []string
	for _, part := range parts {
		names = append(names, part.name)
	}

	return append(names, partElse)
}

// over the limit by part, the most first, for a sentence.
func (t partTable) over() string {
	names := partNames()
	over := func(name string) float64 { return whole(t.ours[name] - t.limit[name]) }

	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(over(b), over(a)) })

	var texts []string

	for _, name := range names {
		if over(name) > 0 {
			texts = append(texts, fmt.Sprintf("%s %s", name, figure(over(name))))
		}
	}

	return strings.Join(texts, ", ")
}

func (t partTable) ratio(name string) float64 {
	found, _ := find(t.ratios, func(row row[float64]) bool { return row.name == name })

	return found.value
}
