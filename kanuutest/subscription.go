package kanuutest

import (
	"sync"
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
// active, and in any other status until PaidUntil.
type Subscription struct {
	// Status is answered as it stands, so that other spellings ("past_due",
	// "deleted") can be tried too. Empty: null, and not subscribed.
	Status string

	// PlanID and SubscriptionID are Paddle's. 0: null.
	PlanID         int64
	SubscriptionID int64

	// PaidUntil is when the time that was paid for is over.
	PaidUntil time.Time
}

// Plan is something that the portal sells.
type Plan struct {
	ID       int64  // Paddle's plan_id
	Name     string // as the customer sees it
	Price    string // "9.00"
	Currency string // "EUR"
	Yearly   bool   // paid for a year at a time; else for a month
}

func defaultPlans() []Plan {
	return []Plan{
		{ID: 12345, Name: "Basic", Price: "9.00", Currency: "EUR"},
		{ID: 67, Name: "Pro", Price: "29.00", Currency: "EUR"},
	}
}

// SetSubscription replaces what the identifier has. The zero Subscription
// makes it one that never subscribed.
func (k *Kanuu) SetSubscription(identifier string, s Subscription) {
	k.subscriptions.update(identifier, func(Subscription) Subscription { return s })
}

// Subscription returns what the identifier has; the zero value when it never
// subscribed.
func (k *Kanuu) Subscription(identifier string) Subscription {
	return k.subscriptions.get(identifier)
}

type subscriptions struct {
	mu     sync.Mutex
	byID   map[string]Subscription
	lastID int64
}

func (ss *subscriptions) get(identifier string) Subscription {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.byID[identifier]
}

func (ss *subscriptions) update(identifier string, change func(Subscription) Subscription) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	s := change(ss.byID[identifier])
	if s == (Subscription{}) {
		delete(ss.byID, identifier)
		return
	}
	if ss.byID == nil {
		ss.byID = make(map[string]Subscription)
	}
	ss.byID[identifier] = s
}

// nextID numbers the subscriptions that are bought in the portal.
func (ss *subscriptions) nextID() int64 {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.lastID++
	return 700_000 + ss.lastID
}

func (s Subscription) running() bool {
	return s.Status == StatusTrialing || s.Status == StatusActive
}

func (s Subscription) subscribed(now time.Time) bool {
	return s.running() || s.Status != "" && now.Before(s.PaidUntil)
}

// can reports whether the portal offers the action. What is over (canceled,
// and nothing left of the paid time) can only be bought again.
func (s Subscription) can(a action, now time.Time) bool {
	over := s.Status == "" || s.Status == StatusCanceled && !s.subscribed(now)
	switch a {
	case actionSubscribe:
		return true
	case actionResume:
		return !over && !s.running()
	case actionPause, actionFail:
		return s.running()
	case actionCancel:
		return !over && s.Status != StatusCanceled
	}
	return false
}

// action is a button of the portal.
type action string

const (
	actionSubscribe action = "subscribe"
	actionResume    action = "resume"
	actionPause     action = "pause"
	actionCancel    action = "cancel"
	actionFail      action = "fail"
)

// apply returns what is left after the button was pressed. One that came too late, from a page that
// shows an older state, changes nothing. plan is the one to buy, or the one
// that the identifier has.
func (s Subscription) apply(a action, plan Plan, newID int64, now time.Time) Subscription {
	if !s.can(a, now) {
		return s
	}
	if s.running() && s.PaidUntil.IsZero() { // set by a test that did not care
		s.PaidUntil = plan.paidFrom(now)
	}
	switch a {
	case actionSubscribe:
		if s.SubscriptionID == 0 || !s.can(actionCancel, now) && !s.can(actionResume, now) {
			s.SubscriptionID = newID
		}
		s.Status, s.PlanID, s.PaidUntil = StatusActive, plan.ID, plan.paidFrom(now)
	case actionResume:
		s.Status = StatusActive
		if !now.Before(s.PaidUntil) {
			s.PaidUntil = plan.paidFrom(now)
		}
	case actionPause:
		s.Status = StatusPaused
	case actionCancel:
		s.Status = StatusCanceled
	case actionFail: // the money for the next period does not come: nothing is paid from here on
		s.Status, s.PaidUntil = StatusPastDue, now
	}
	return s
}

func (p Plan) paidFrom(now time.Time) time.Time {
	if p.Yearly {
		return now.AddDate(1, 0, 0)
	}
	return now.AddDate(0, 1, 0)
}
