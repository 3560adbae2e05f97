package kanuusql

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kanuu-io/kanuu-go"
)

// ranks order the alerts of one second. An observation may be an hour old, so every
// alert of Paddle is later.
var ranks = map[string]int{
	observedName:                            0,
	kanuu.AlertSubscriptionPaymentRefunded:  1,
	kanuu.AlertSubscriptionCreated:          2,
	kanuu.AlertSubscriptionPaymentFailed:    3,
	kanuu.AlertSubscriptionPaymentSucceeded: 4,
	kanuu.AlertSubscriptionUpdated:          5,
	kanuu.AlertSubscriptionCancelled:        6,
}

// inOrder returns the alerts of one subscription in the order in which they happened,
// as far as they show it. The result depends only on the set of alerts. An alert
// with an unreadable time comes first.
//
// Times have whole seconds, and ids do not grow with time. Within a second, the kind
// decides, then the states that updates name, then the id.
func inOrder(alerts []alert) []alert {
	alerts = slices.Clone(alerts)
	slices.SortFunc(alerts, func(a, b alert) int {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(ranks[a.name], ranks[b.name]), compareIDs(a.id, b.id))
	})
	var before state
	for start := 0; start < len(alerts); {
		end := start + 1
		for end < len(alerts) && alerts[end].time.Equal(alerts[start].time) {
			end++
		}
		second := alerts[start:end]
		if i := slices.IndexFunc(second, isUpdate); i >= 0 {
			initial := before
			for _, a := range second {
				if a.name == kanuu.AlertSubscriptionCreated {
					initial.take(a)
				}
			}
			updates := second[i:]
			if end := slices.IndexFunc(updates, func(a alert) bool { return !isUpdate(a) }); end >= 0 {
				updates = updates[:end]
			}
			copy(updates, chain(updates, initial))
		}
		for _, a := range second {
			before.take(a)
		}
		start = end
	}
	return alerts
}

func isUpdate(a alert) bool { return a.name == kanuu.AlertSubscriptionUpdated }

// compareIDs compares ids as numbers of any length, and others as texts after them.
func compareIDs(a, b string) int {
	numberA, isNumberA := number(a)
	numberB, isNumberB := number(b)
	switch {
	case isNumberA && isNumberB:
		return cmp.Or(cmp.Compare(len(numberA), len(numberB)), strings.Compare(numberA, numberB), strings.Compare(a, b))
	case isNumberA:
		return -1
	case isNumberB:
		return 1
	}
	return strings.Compare(a, b)
}

func number(text string) (digits string, ok bool) {
	ok = text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r < '0' || r > '9' })
	return strings.TrimLeft(text, "0"), ok
}

// state is what an update names of a subscription before and after it: status, plan,
// quantity, unit price and next bill date, as texts.
type state [5]string

func oldState(a alert) state {
	return state{
		a.fields["old_status"], a.fields["old_subscription_plan_id"], a.fields["old_quantity"], a.fields["old_unit_price"],
		a.fields["old_next_bill_date"],
	}
}

func newState(a alert) state {
	return state{
		a.fields["status"], a.fields["subscription_plan_id"], a.first("new_quantity", "quantity"),
		a.first("new_unit_price", "unit_price"), a.fields["next_bill_date"],
	}
}

// take changes the state as an alert does. A payment's price may be prorated.
func (s *state) take(a alert) {
	after := newState(a)
	switch a.name {
	case kanuu.AlertSubscriptionPaymentSucceeded:
		after[3] = ""
	case kanuu.AlertSubscriptionPaymentFailed, observedName:
		after[3], after[4] = "", ""
	case kanuu.AlertSubscriptionPaymentRefunded:
		return
	}
	for i, value := range after {
		if value != "" {
			s[i] = value
		}
	}
}

// chain orders updates of one second, which come sorted by id: one whose old state is
// the new state of another one is later. Each update is an edge between two states,
// and the order is an Eulerian trail: from the state that is left more often than
// entered, and if there is none, from the state before.
func chain(updates []alert, before state) []alert {
	if len(updates) < 2 {
		return updates
	}
	left, ordered := slices.Clone(updates), make([]alert, 0, len(updates))
	for len(left) > 0 {
		var trail []alert
		trail, left = follow(left, firstState(left, before))
		ordered = append(ordered, trail...)
		before = newState(trail[len(trail)-1])
	}
	return ordered
}

func firstState(updates []alert, before state) state {
	surplus := make(map[state]int) // how much more often a state is left than entered
	leavesBefore := false
	for _, a := range updates {
		surplus[oldState(a)]++
		surplus[newState(a)]--
		leavesBefore = leavesBefore || oldState(a) == before
	}
	if surplus[before] > 0 {
		return before
	}
	for _, a := range updates {
		if surplus[oldState(a)] > 0 {
			return oldState(a)
		}
	}
	if leavesBefore {
		return before
	}
	return oldState(updates[0])
}

// follow takes a trail of updates from a state out of left: by Hierholzer's algorithm,
// or as far as each next update by id leads if they make no single trail.
func follow(left []alert, at state) (trail, rest []alert) {
	rest = slices.Clone(left)
	var path []alert
	for now := at; ; {
		if i := slices.IndexFunc(rest, func(a alert) bool { return oldState(a) == now }); i >= 0 {
			path, now = append(path, rest[i]), newState(rest[i])
			rest = slices.Delete(rest, i, i+1)
			continue
		}
		last := len(path) - 1
		if last < 0 {
			break
		}
		trail, now, path = append(trail, path[last]), oldState(path[last]), path[:last]
	}
	slices.Reverse(trail)
	if isTrail(trail) {
		return trail, rest
	}
	trail, rest = nil, slices.Clone(left)
	for {
		i := slices.IndexFunc(rest, func(a alert) bool { return oldState(a) == at })
		if i < 0 {
			return trail, rest
		}
		trail, at = append(trail, rest[i]), newState(rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
}

func isTrail(updates []alert) bool {
	for i := 1; i < len(updates); i++ {
		if oldState(updates[i]) != newState(updates[i-1]) {
			return false
		}
	}
	return true
}
