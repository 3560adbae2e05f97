package kanuutest

import "time"

// The alerts of Paddle Classic that a change can be.
const (
	alertCreated          = "subscription_created"
	alertUpdated          = "subscription_updated"
	alertCancelled        = "subscription_cancelled"
	alertPaymentSucceeded = "subscription_payment_succeeded"
	alertPaymentFailed    = "subscription_payment_failed"
	alertPaymentRefunded  = "subscription_payment_refunded"
)

// change is something that happened to a subscription, in the words of
// Paddle's alerts. Where one event has several alerts, all of them have its
// before and after.
type change struct {
	alert        string    // the alert_name
	at           time.Time // by the fake's clock
	identifier   string
	email        string            // of the newest nonce; may be empty
	supplemental map[string]string // of the newest nonce: goes to the passthrough
	before       Subscription
	after        Subscription
	plan         Plan    // after; the zero value if there is none
	oldPlan      Plan    // before; likewise
	payment      payment // of the three payment alerts
}

// payment is a line of the payment history.
type payment struct {
	ID        int64     // subscription_payment_id
	OrderID   string    // "1-2"
	At        time.Time // when it was paid, or tried
	Plan      Plan
	Amount    string // "29.00"
	Currency  string
	Status    string    // paymentPaid, paymentFailed, paymentRefunded
	Attempt   int       // attempt_number of a failed one, from 1
	NextRetry time.Time // of a failed one; zero: there is none
	First     bool      // initial_payment
}

const (
	paymentPaid     = "paid"
	paymentFailed   = "failed"
	paymentRefunded = "refunded"
)
