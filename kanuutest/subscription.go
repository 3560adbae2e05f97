package kanuutest

import (
	"slices"
	"strconv"
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
//
// It counts as subscribed (is_subscribed in the API) while it is trialing or
// active, and in any other status until PaidUntil. So a paused or canceled one
// lasts to the end of what was paid for, and an overdue one does not last: its
// payment was due when the paid time ended.
type Subscription struct {
	// Status is answered as it stands, so that other spellings ("past_due",
	// "deleted") can be tried too. Empty: null, and not subscribed.
	Status string

	// PlanID and SubscriptionID are Paddle's. 0: null.
	PlanID         int64
	SubscriptionID int64

	// PaidUntil is when the time that was paid for, or the trial, is over. For
	// a trialing or active one that is when the next payment falls due.
	PaidUntil time.Time
}

// Plan is something that the portal sells.
type Plan struct {
	ID        int64  // Paddle's plan_id
	Name      string // as the customer sees it
	Price     string // "9.00"
	Currency  string // "EUR"
	Yearly    bool   // paid for a year at a time; else for a month
	TrialDays int    // each new subscription begins with so many free days
}

func defaultPlans() []Plan {
	return []Plan{
		{ID: 12345, Name: "Basic", Price: "9.00", Currency: "EUR"},
		{ID: 67, Name: "Pro", Price: "29.00", Currency: "EUR"},
	}
}

// SetSubscription replaces what the identifier has, and keeps its card and its
// payment history. The zero Subscription makes it one that never subscribed.
//
// Time goes on from there: a trialing or active one with a PaidUntil that is
// yet to come renews then, and a past-due one has just failed to be paid. See
// [Kanuu.Advance]. No other status changes by itself, nor does one whose
// PaidUntil is zero or over.
func (k *Kanuu) SetSubscription(identifier string, s Subscription) {
	k.books.set(identifier, s, k.Now())
}

// Subscription returns what the identifier has; the zero value when it never
// subscribed.
func (k *Kanuu) Subscription(identifier string) Subscription {
	return k.customer(identifier).Subscription
}

// offered finds a plan that is on sale.
func (k *Kanuu) offered(id string) (p Plan, ok bool) {
	n, err := strconv.ParseInt(id, 10, 64)
	i := slices.IndexFunc(k.plans, func(p Plan) bool { return p.ID == n })
	if err != nil || i < 0 {
		return Plan{}, false
	}
	return k.plans[i], true
}

// plan finds a plan; one that is not on sale is known by its number alone.
func (k *Kanuu) plan(id int64) Plan {
	for _, p := range k.plans {
		if p.ID == id {
			return p
		}
	}
	if id == 0 {
		return Plan{Name: "Unknown plan"}
	}
	return Plan{ID: id, Name: "Plan " + strconv.FormatInt(id, 10)}
}

func (s Subscription) running() bool {
	return s.Status == StatusTrialing || s.Status == StatusActive
}

func (s Subscription) subscribed(now time.Time) bool {
	return s.running() || s.Status != "" && now.Before(s.PaidUntil)
}

// over reports whether there is nothing left that could go on.
func (s Subscription) over(now time.Time) bool {
	return s.Status == "" || s.Status == StatusCanceled && !s.subscribed(now)
}

// daysLeft counts the days that are paid for, of those in their period.
func (s Subscription) daysLeft(p Plan, now time.Time) (left, of int) {
	if !now.Before(s.PaidUntil) {
		return 0, 0
	}
	of = days(s.PaidUntil.Sub(p.addPeriods(s.PaidUntil, -1)))
	return min(days(s.PaidUntil.Sub(now)), of), of
}

func (p Plan) addPeriods(t time.Time, n int) time.Time {
	if p.Yearly {
		return addMonths(t, 12*n)
	}
	return addMonths(t, n)
}

func (p Plan) price() cents { return parsePrice(p.Price) }

// period is what the price is for.
func (p Plan) period() string {
	if p.Yearly {
		return "year"
	}
	return "month"
}
