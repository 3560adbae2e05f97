package kanuusql

import (
	"cmp"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// foldVersion grows when the fold makes other rows of the same alerts.
const foldVersion = 1

// fold derives the row of a subscription from its alerts. It is a pure function of
// the set of alerts: their order and repetitions do not matter.
func fold(id int64, alerts []alert) Subscription {
	s := Subscription{ID: id}
	for _, a := range inOrder(alerts) {
		s.take(a)
	}
	return s
}

// take applies the next alert. An absent field overwrites nothing, unless noted.
func (s *Subscription) take(a alert) {
	s.Identifier = cmp.Or(s.Identifier, a.fields[identifierField])
	s.takeTimes(a)
	if s.Status == kanuu.StatusCanceled || a.name == kanuu.AlertSubscriptionPaymentRefunded {
		return // a canceled subscription cannot be reinstated; a refund does not end one
	}
	s.takeState(a)
	s.CancelURL = cmp.Or(Secret(a.fields[cancelURLField]), s.CancelURL)
	s.UpdateURL = cmp.Or(Secret(a.fields[updateURLField]), s.UpdateURL)
	switch s.Status {
	case kanuu.StatusCanceled:
		s.NextBillDate, s.PausedFrom, s.PausedReason, s.CancelURL, s.UpdateURL = time.Time{}, time.Time{}, "", "", ""
	case kanuu.StatusPaused:
		s.NextBillDate = time.Time{}
	default:
	}
}

// takeTimes sets what changes even after the end: the times that only grow, and the
// end itself.
func (s *Subscription) takeTimes(a alert) {
	if a.name != observedName {
		s.EventTime = latest(s.EventTime, a.time)
		if s.CreatedAt.IsZero() {
			s.CreatedAt = a.time
		}
	}
	switch a.name {
	case kanuu.AlertSubscriptionPaymentRefunded:
		s.RefundedAt = latest(s.RefundedAt, a.time)
	case kanuu.AlertSubscriptionPaymentSucceeded:
		s.LastPaymentAt = latest(s.LastPaymentAt, a.time)
		s.PaidUntil = latest(s.PaidUntil, a.date("next_bill_date"))
	case kanuu.AlertSubscriptionCreated:
		if a.status() == kanuu.StatusTrialing {
			s.PaidUntil = latest(s.PaidUntil, a.date("next_bill_date"))
		}
	case kanuu.AlertSubscriptionCancelled:
		if end := a.date("cancellation_effective_date"); !end.IsZero() {
			s.EndsAt = end
		}
	case observedName:
		if a.fields[subscribedField] != "" {
			s.ObservedAt = latest(s.ObservedAt, a.time)
		} else if a.status() == kanuu.StatusCanceled && (s.EndsAt.IsZero() || s.EndsAt.After(a.time)) {
			s.EndsAt = a.time
		}
	}
}

// takeState sets what describes a subscription that has not ended.
func (s *Subscription) takeState(a alert) {
	status := a.status()
	if a.name == kanuu.AlertSubscriptionCancelled {
		status = kanuu.StatusCanceled
	}
	s.Status = cmp.Or(status, s.Status)
	switch {
	case status == kanuu.StatusPastDue || a.name == kanuu.AlertSubscriptionPaymentFailed:
		s.PastDueSince = cmp.Or(s.PastDueSince, a.time)
	case status != "":
		s.PastDueSince = time.Time{}
	}
	s.PlanID = cmp.Or(a.integer("subscription_plan_id"), s.PlanID)
	s.Quantity = cmp.Or(a.integer("new_quantity", "quantity"), s.Quantity)
	s.UnitPrice.Currency = cmp.Or(a.fields["currency"], s.UnitPrice.Currency)
	switch a.name {
	case kanuu.AlertSubscriptionCreated, kanuu.AlertSubscriptionUpdated:
		s.UnitPrice.Value = cmp.Or(a.first("new_unit_price", "unit_price"), s.UnitPrice.Value)
		s.NextBillDate = cmp.Or(a.date("next_bill_date"), s.NextBillDate)
	case kanuu.AlertSubscriptionPaymentSucceeded: // its price may be prorated or discounted
		s.NextBillDate = cmp.Or(a.date("next_bill_date"), s.NextBillDate)
	}
	switch a.name {
	case kanuu.AlertSubscriptionUpdated: // absent when the subscription was resumed
		s.PausedFrom, s.PausedReason = a.date("paused_from"), a.fields["paused_reason"]
	case observedName:
		if status != kanuu.StatusPaused && !s.PausedFrom.After(a.time) { // it was resumed
			s.PausedFrom, s.PausedReason = time.Time{}, ""
		}
	}
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
