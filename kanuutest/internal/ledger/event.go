package ledger

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// The alerts of Paddle Classic that a change of a subscription makes.
const (
	Created               = "subscription_created"
	Updated               = "subscription_updated"
	Cancelled             = "subscription_cancelled"
	PaymentSucceededAlert = "subscription_payment_succeeded"
	PaymentFailedAlert    = "subscription_payment_failed"
	PaymentRefundedAlert  = "subscription_payment_refunded"
)

// AlertNames returns them, and then what else Paddle sends about a customer.
func AlertNames() []string {
	return []string{
		Created, Updated, Cancelled, PaymentSucceededAlert, PaymentFailedAlert, PaymentRefundedAlert,
		"payment_succeeded", "payment_refunded", "payment_dispute_created", "payment_dispute_closed",
		"high_risk_transaction_created", "high_risk_transaction_updated", "new_audience_member", "update_audience_member",
		"invoice_sent", "invoice_paid", "invoice_overdue",
	}
}

// Event is something that happened to a subscription.
type Event struct {
	Alert      string
	At         time.Time
	Identifier string
	Contact
	Before, After Subscription
	OldPlan, Plan Plan    // before and after; zero: none
	Payment       Payment // of the three payment alerts
}

// Invent returns an event that did not happen, with what data there is.
func (l *Ledger) Invent(alert, identifier string) Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, now := l.find(identifier), l.now()
	s := c.Subscription
	s.PlanID = cmp.Or(s.PlanID, l.plans[0].ID)
	s.SubscriptionID = cmp.Or(s.SubscriptionID, 600_000+Number(identifier))
	plan := l.Plan(s.PlanID)
	if !running(s) {
		s.Status = StatusActive
	}
	if !s.PaidUntil.After(now) {
		s.PaidUntil = Renewal(plan, now)
	}
	e := Event{
		Alert: alert, At: now, Identifier: identifier, Contact: c.Contact,
		Before: s, After: s, OldPlan: plan, Plan: plan, Payment: c.newest(plan, now),
	}
	switch alert {
	case Created:
		e.Before, e.OldPlan = Subscription{}, Plan{}
	case Updated: // from another plan, if there is one
		if i := slices.IndexFunc(l.plans, func(p Plan) bool { return p.ID != plan.ID }); i >= 0 {
			e.OldPlan = l.plans[i]
			e.Before.PlanID = e.OldPlan.ID
		}
	case Cancelled:
		e.After.Status = StatusCanceled
	case PaymentFailedAlert:
		e.After.Status, e.After.PaidUntil = StatusPastDue, now
		e.Payment.Attempt, e.Payment.NextRetry = 1, now.Add(retries[0])
	}
	return e
}

// newest is the customer's newest payment, or one that there might have been.
func (c *Customer) newest(plan Plan, at time.Time) Payment {
	if last := len(c.Payments) - 1; last >= 0 {
		p := c.Payments[last]
		p.At, p.Plan = at, plan
		return p
	}
	id := 400_000 + Number(c.Identifier)
	return Payment{ID: id, OrderID: fmt.Sprintf("1-%d", id), At: at, Plan: plan, Amount: plan.Price, Instalments: 1}
}

// Number is Paddle's number of a customer, the same each time.
func Number(identifier string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(identifier)) // never fails
	return 10_000 + int64(h.Sum32()%90_000)
}
