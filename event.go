package kanuu

import (
	"iter"
	"strconv"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
)

// Event is one alert of Paddle, verified. It is not the present state of a
// subscription: alerts are delivered repeatedly, late, and in any order.
// [Client.Subscription] has the state; its cache is invalidated before a handler is
// called.
//
// The methods return fields under Paddle's names, or the zero value if the alert has
// no such field or another kind of value in it. Fields has all of them.
type Event struct {
	// AlertName such as [AlertSubscriptionCreated].
	AlertName string

	// AlertID is the same in each delivery of an alert.
	AlertID string

	// Time of the event in UTC, with whole seconds; zero without one.
	Time time.Time

	// Identifier of the customer, as it was given to [Client.CreateNonce]. Empty: the
	// checkout was not opened by Kanuu. A buyer can set it to another customer's.
	Identifier string

	// Supplemental is [Identity.Supplemental], or what other texts the passthrough
	// has; nil without any.
	Supplemental map[string]string

	// Fields are all fields that Paddle signed.
	Fields Fields
}

func newEvent(form *paddle.Array) Event {
	e := Event{Fields: Fields{form}}
	e.AlertName = e.Fields.Get("alert_name")
	e.AlertID = e.Fields.Get("alert_id")
	e.Time = e.time("event_time", time.DateTime)
	e.Identifier, e.Supplemental = paddle.ParsePassthrough(e.Fields.Get("passthrough"))
	return e
}

// SubscriptionID is Paddle's id of the subscription.
func (e Event) SubscriptionID() int64 { return e.integer("subscription_id") }

// PlanID is Paddle's id of the plan; in subscription_updated of the new one.
func (e Event) PlanID() int64 { return e.integer("subscription_plan_id") }

// Email of the customer.
func (e Event) Email() string { return e.Fields.Get("email") }

// Status of the subscription, in the spelling of Kanuu: what Paddle calls
// "deleted" is [StatusCanceled].
func (e Event) Status() Status { return ParseStatus(e.Fields.Get("status")) }

// Quantity that was bought; in subscription_updated the new one.
func (e Event) Quantity() int64 { return e.integer(e.either("quantity", "new_quantity")) }

// UnitPrice of one; in subscription_updated the new one.
func (e Event) UnitPrice() Amount { return e.amount(e.either("unit_price", "new_unit_price")) }

// Price of all, in subscription_updated: the new one.
func (e Event) Price() Amount { return e.amount("new_price") }

// SaleGross is what was paid, tax included, in subscription_payment_succeeded.
func (e Event) SaleGross() Amount { return e.amount("sale_gross") }

// Amount that was not paid in subscription_payment_failed, and that was given
// back in subscription_payment_refunded.
func (e Event) Amount() Amount { return e.amount("amount") }

// GrossRefund is what was given back, tax included, in
// subscription_payment_refunded.
func (e Event) GrossRefund() Amount { return e.amount("gross_refund") }

// NextBillDate is the day of the next payment, as midnight UTC.
func (e Event) NextBillDate() time.Time { return e.time("next_bill_date", time.DateOnly) }

// CancellationEffectiveDate is when a cancelled subscription ends, in
// subscription_cancelled: midnight UTC of a day, or a day with a time, as Paddle sends
// it for some.
func (e Event) CancellationEffectiveDate() time.Time {
	return e.time("cancellation_effective_date", time.DateOnly, time.DateTime)
}

// PausedFrom is when a pause begins or began, in subscription_updated; zero if the
// subscription is not paused, and no pause is planned.
func (e Event) PausedFrom() time.Time { return e.time("paused_from", time.DateTime, time.DateOnly) }

// PausedReason is why a subscription is paused, in subscription_updated, such as
// "voluntary" or "delinquent".
func (e Event) PausedReason() string { return e.Fields.Get("paused_reason") }

// CancelURL is a page where any bearer can cancel.
func (e Event) CancelURL() string { return e.Fields.Get("cancel_url") }

// UpdateURL is a page where any bearer can change how the customer pays.
func (e Event) UpdateURL() string { return e.Fields.Get("update_url") }

// Previous is how a subscription was before subscription_updated.
type Previous struct {
	Status       Status
	PlanID       int64
	Quantity     int64
	UnitPrice    Amount
	Price        Amount
	NextBillDate time.Time
}

// Previous is how the subscription was before, in subscription_updated.
func (e Event) Previous() Previous {
	return Previous{
		Status:       ParseStatus(e.Fields.Get("old_status")),
		PlanID:       e.integer("old_subscription_plan_id"),
		Quantity:     e.integer("old_quantity"),
		UnitPrice:    e.amount("old_unit_price"),
		Price:        e.amount("old_price"),
		NextBillDate: e.time("old_next_bill_date", time.DateOnly),
	}
}

// Amount of money. The zero value is none at all, which is not 0.00.
type Amount struct {
	// Value as Paddle wrote it, "12.00": decimal, and exact as no float is.
	Value string

	// Currency is its ISO code, "EUR".
	Currency string
}

// String is "12.00 EUR", and empty for none at all.
func (a Amount) String() string {
	if a == (Amount{}) {
		return ""
	}
	return a.Value + " " + a.Currency
}

// either is the first of the fields, where the alert has it, else the second.
func (e Event) either(first, second string) string {
	if _, ok := e.Fields.Lookup(first); ok {
		return first
	}
	return second
}

func (e Event) integer(field string) int64 {
	value, err := strconv.ParseInt(e.Fields.Get(field), 10, 64)
	if err != nil {
		return 0
	}
	return value
}

func (e Event) amount(field string) Amount {
	value := e.Fields.Get(field)
	if value == "" {
		return Amount{}
	}
	return Amount{Value: value, Currency: e.Fields.Get("currency")}
}

// time is the field in the first of the layouts that it has.
func (e Event) time(field string, layouts ...string) time.Time {
	for _, layout := range layouts {
		if value, err := time.Parse(layout, e.Fields.Get(field)); err == nil {
			return value
		}
	}
	return time.Time{}
}

// Fields of an alert, as PHP reads a form. They hold what is personal about
// the customer, and are not shown when an [Event] is printed.
type Fields struct{ form *paddle.Array }

// Get returns a field's text; empty where there is none.
func (f Fields) Get(name string) string {
	value, _ := f.Lookup(name)
	return value
}

// Lookup returns a field's text, and whether there is one. Fields that are
// arrays have subscripts: the text of a[b][] is at "a", "b", "0".
func (f Fields) Lookup(name string, subscripts ...string) (string, bool) {
	if f.form == nil {
		return "", false
	}
	item, ok := f.form.Get(name)
	for _, subscript := range subscripts {
		if item.Array == nil {
			return "", false
		}
		item, ok = item.Array.Get(subscript)
	}
	return item.Text, ok && item.Array == nil
}

// All are the fields by name, in the order in which Paddle signed them. Those
// within arrays have names with subscripts, "a[b][0]".
func (f Fields) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if f.form != nil {
			f.form.Texts("", yield)
		}
	}
}
