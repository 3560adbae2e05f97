package kanuusql

import (
	"cmp"
	"fmt"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// Subscription is a row of the subscriptions table: one subscription of Paddle. A
// customer who cancels and returns has several. Times are in UTC with whole seconds;
// dates are midnight. A zero field is NULL in the table.
type Subscription struct {
	// ID is Paddle's id of the subscription.
	ID int64

	// Identifier of the customer: that of the earliest alert that names one. No later
	// alert changes it.
	// A buyer can set it to another customer's.
	Identifier string

	// Status in Kanuu's spelling, also in the table: what Paddle calls "deleted" is
	// [kanuu.StatusCanceled], and final.
	Status kanuu.Status

	// PlanID is Paddle's id of the plan.
	PlanID int64

	// Quantity that is paid for, such as seats.
	Quantity int64

	// UnitPrice without coupons and proration.
	UnitPrice kanuu.Amount

	// NextBillDate is when the next payment is due; zero if canceled or paused.
	NextBillDate time.Time

	// PaidUntil is the latest date that a payment or a trial reached.
	PaidUntil time.Time

	// PausedFrom is when a pause begins or began, and PausedReason why ("voluntary",
	// "delinquent"); zero after a resume.
	PausedFrom   time.Time
	PausedReason string

	// EndsAt is the last day of a canceled subscription. It may be in the future.
	EndsAt time.Time

	// CancelURL and UpdateURL are pages where any bearer can cancel, or change the
	// card; empty if canceled.
	CancelURL, UpdateURL Secret

	// PastDueSince is when a payment failed first, since the last one that succeeded.
	PastDueSince time.Time

	// CreatedAt is the time of the first alert.
	CreatedAt time.Time

	// RefundedAt and LastPaymentAt are the times of the newest alerts of their kind, and
	// EventTime is that of any kind.
	RefundedAt, LastPaymentAt, EventTime time.Time

	// ObservedAt is when Kanuu last confirmed that the customer has access, see
	// [Store.Reconcile].
	ObservedAt time.Time

	pastDueGrace time.Duration // 0: the default
}

// Secret is a URL that works for any bearer, so it prints and marshals redacted.
// string(s) is the URL.
type Secret string

// Format writes a text without the URL, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.redacted()) }

// MarshalText returns a text without the URL.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.redacted()), nil }

func (s Secret) redacted() string {
	if s == "" {
		return ""
	}
	return "[redacted]"
}

// Entitlement is whether a subscription gives access.
type Entitlement string

// The alerts show that a subscription gives access, that it does not, or neither:
// Kanuu has to be asked, with [kanuu.Client.Subscription].
const (
	Entitled    Entitlement = "entitled"
	NotEntitled Entitlement = "not entitled"
	Unknown     Entitlement = "unknown"
)

const (
	day = 24 * time.Hour

	// renewalMargin is how late the alert of a renewal may be.
	renewalMargin = 3 * day

	// endMargin is for dates that have no time of day.
	endMargin = day

	defaultPastDueGrace = 30 * day
)

// Entitled reports whether the subscription gives access at a time, which is nearly
// always time.Now():
//
//	canceled          until the day after EndsAt
//	PausedFrom set    until then
//	paused            until the day after PaidUntil
//	past due          for [Options.PastDueGrace] after PastDueSince
//	active, trialing  until 3 days after NextBillDate, and then it is Unknown: often
//	                  the alert is not enabled that moves the date
//
// A confirmation by Kanuu extends each of these by one day after ObservedAt, and the
// last by three. A subscription of which a date is missing is Unknown.
func (s Subscription) Entitled(now time.Time) Entitlement {
	margin, after := endMargin, NotEntitled
	var until time.Time
	switch {
	case s.Status == kanuu.StatusCanceled:
		until = addTo(cmp.Or(s.EndsAt, s.PaidUntil), endMargin)
	case !s.PausedFrom.IsZero():
		until = s.PausedFrom
	case s.Status == kanuu.StatusPaused:
		until = addTo(s.PaidUntil, endMargin)
	case s.Status == kanuu.StatusPastDue:
		until = addTo(s.PastDueSince, cmp.Or(s.pastDueGrace, defaultPastDueGrace))
	case s.Status == kanuu.StatusActive, s.Status == kanuu.StatusTrialing:
		margin, after = renewalMargin, Unknown
		until = addTo(s.NextBillDate, renewalMargin)
	}
	switch {
	case now.Before(until), now.Before(addTo(s.ObservedAt, margin)):
		return Entitled
	case until.IsZero():
		return Unknown
	}
	return after
}

// addTo keeps the zero time.
func addTo(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(d)
}
