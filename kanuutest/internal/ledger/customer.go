package ledger

import (
	"slices"
	"time"
)

// The statuses that Kanuu documents for a subscription.
const (
	StatusTrialing = "trialing"
	StatusActive   = "active"
	StatusPastDue  = "past-due"
	StatusPaused   = "paused"
	StatusCanceled = "canceled"
)

// Subscription is what one identifier has. The zero value: never subscribed.
type Subscription struct {
	Status         string // answered as it stands; empty: null
	PlanID         int64  // 0: null
	SubscriptionID int64  // 0: null
	PaidUntil      time.Time
}

// IsSubscribed is Kanuu's is_subscribed: true for trialing, active and past-due,
// in any other status until PaidUntil.
func IsSubscribed(s Subscription, now time.Time) bool {
	return running(s) || s.Status == StatusPastDue || s.Status == "past_due" || s.Status != "" && now.Before(s.PaidUntil)
}

func running(s Subscription) bool { return s.Status == StatusTrialing || s.Status == StatusActive }

// Contact is what came with a customer's newest nonce.
type Contact struct {
	Email        string
	Supplemental map[string]string // not written to any more
}

// Payment is a line of the payment history.
type Payment struct {
	ID        int64     // subscription_payment_id
	OrderID   string    // "1-2"
	At        time.Time // when it was paid, or tried
	Plan      Plan
	Amount    string // "29.00"
	Status    string // PaymentPaid, PaymentFailed, PaymentRefunded
	Attempt   int    // attempt_number of a failed one, from 1
	NextRetry time.Time
	First     bool // initial_payment

	Instalments int // payments for the subscription up to this one
}

// The statuses of a [Payment].
const (
	PaymentPaid     = "paid"
	PaymentFailed   = "failed"
	PaymentRefunded = "refunded"
)

// maxPayments is two years of a monthly plan.
const maxPayments = 24

// Customer is everything about an identifier.
type Customer struct {
	Identifier string
	Contact
	Subscription
	Declined bool      // payments do not go through
	Payments []Payment // the newest maxPayments, oldest first

	Met         bool      // there was a nonce
	OnTrial     bool      // what lasts until PaidUntil is a trial
	Due         time.Time // when something happens by itself; zero: never
	Failures    int       // of the payment that is due, in a row
	Instalments int       // payments for the subscription
	Managed     int       // what the customer has done, which Kanuu notices
}

// Over reports whether it cannot go on: Paddle does not reinstate what was canceled.
func (c *Customer) Over() bool {
	return slices.Contains([]string{"", StatusCanceled, "cancelled", "deleted"}, c.Status)
}

// Running reports whether the subscription renews by itself.
func (c *Customer) Running() bool { return running(c.Subscription) }

// next is the next date at which something happens without the customer.
func (c *Customer) next(now time.Time) time.Time {
	switch {
	case !c.Due.IsZero():
		return c.Due
	case c.Status != "" && !c.Running() && c.PaidUntil.After(now):
		return c.PaidUntil
	}
	return time.Time{}
}

// refundable is the index of the newest payment that can be given back; else -1.
func (c *Customer) refundable() int {
	for i, p := range slices.Backward(c.Payments) {
		if p.Status == PaymentPaid && p.Amount != free {
			return i
		}
	}
	return -1
}

// Can reports whether a command fits the state of the subscription.
func (c *Customer) Can(do Command, now time.Time) bool {
	switch do.Action {
	case Subscribe:
		return !c.Running() || c.PlanID != do.Plan
	case Resume:
		return !c.Over() && !c.Running()
	case Pay:
		return c.Status == StatusPastDue
	case Pause:
		return c.Running()
	case Cancel, UpdateCard:
		return !c.Over()
	case Fail:
		return !c.Declined && c.Running()
	case Succeed:
		return c.Declined && !c.Over()
	case Skip:
		return !c.next(now).IsZero()
	case Refund:
		return c.refundable() >= 0
	}
	return false
}

// begin makes the subscription run until then.
func (c *Customer) begin(status string, until time.Time) {
	c.Status, c.PaidUntil, c.Due = status, until, until
	c.OnTrial, c.Failures = status == StatusTrialing, 0
}

// set replaces the subscription, as a test does, and lets time go on from there.
func (c *Customer) set(s Subscription, now time.Time) {
	c.Subscription = s
	c.OnTrial, c.Declined, c.Failures, c.Due = s.Status == StatusTrialing, false, 0, time.Time{}
	switch {
	case running(s) && s.PaidUntil.After(now):
		c.Due = s.PaidUntil
	case s.Status == StatusPastDue:
		c.Declined, c.Failures = true, 1
		c.Due = now.Add(retries[0])
	}
}

// copy has a history of its own.
func (c *Customer) copy() Customer {
	own := *c
	own.Payments = slices.Clone(c.Payments)
	return own
}
