package ledger

import (
	"errors"
	"slices"
	"time"
)

// Action is something that happens to a customer.
type Action string

// What a customer does.
const (
	Subscribe  Action = "subscribe" // to a plan: buys or switches
	Resume     Action = "resume"    // what is paused; or as pay
	Pay        Action = "pay"       // what is overdue
	Pause      Action = "pause"
	Cancel     Action = "cancel"
	UpdateCard Action = "card" // a new one, with which an overdue payment is tried
)

// What otherwise time, a bank and the seller do.
const (
	Fail    Action = "fail"    // the next payments do not go through
	Succeed Action = "succeed" // they do again
	Skip    Action = "skip"    // to the customer's next date
	Refund  Action = "refund"  // of the newest payment
)

// byCustomer has all actions, and whether the customer does it in the portal.
var byCustomer = map[Action]bool{
	Subscribe: true, Resume: true, Pay: true, Pause: true, Cancel: true, UpdateCard: true,
	Fail: false, Succeed: false, Skip: false, Refund: false,
}

// Command is an action with all that it needs.
type Command struct {
	Action Action
	Plan   int64 // Subscribe: to which
}

// Why [Ledger.Do] does nothing, or not all of it.
var (
	ErrAction   = errors.New("no such action: use subscribe, pay, resume, pause, cancel, fail, succeed, skip or refund")
	ErrPlan     = errors.New("no such plan is on sale")
	ErrState    = errors.New("the subscription is not in a state for that")
	ErrDeclined = errors.New("the card was declined")
)

// check returns an error if a customer cannot do something.
func (l *Ledger) check(c *Customer, do Command, now time.Time) error {
	_, known := byCustomer[do.Action]
	switch {
	case !known:
		return ErrAction
	case do.Action == Subscribe && !slices.ContainsFunc(l.plans, func(p Plan) bool { return p.ID == do.Plan }):
		return ErrPlan
	case !c.Can(do, now):
		return ErrState
	}
	return nil
}

// carryOut does what can be done.
func (t *turn) carryOut(do Command) error {
	if t.Running() && t.PaidUntil.IsZero() { // set by a test that did not care
		t.begin(t.Status, Renewal(t.plan(), t.at))
	}
	switch do.Action {
	case Subscribe:
		return t.subscribe(do)
	case Resume, Pay:
		return t.resume()
	case Pause:
		t.Status, t.Due = StatusPaused, time.Time{}
		t.tell(Updated, Payment{})
	case Cancel:
		t.cancel()
	case UpdateCard:
		t.Declined = false
		if t.Status == StatusPastDue {
			return t.renew()
		}
	case Fail:
		t.Declined = true
	case Succeed:
		t.Declined = false
	case Skip: // the clock does it, for everybody
	case Refund:
		p := &t.Payments[t.refundable()]
		p.Status = PaymentRefunded
		t.tell(PaymentRefundedAlert, *p)
	}
	return nil
}

// subscribe buys a plan, or switches to it. A trial goes on as it is; otherwise
// a new period begins and is paid. Paddle prorates; no application can tell.
func (t *turn) subscribe(do Command) error {
	plan := t.ledger.Plan(do.Plan)
	if t.Over() {
		t.buy(plan)
		return nil
	}
	if t.Status == StatusPastDue { // the customer sees to it
		t.Declined = false
	}
	if t.Declined && t.Status != StatusTrialing {
		return ErrDeclined
	}
	t.PlanID = plan.ID
	if t.SubscriptionID == 0 { // set by a test that did not care
		t.SubscriptionID = t.ledger.nextID()
	}
	if t.Status == StatusTrialing {
		t.begin(StatusTrialing, t.PaidUntil)
	} else {
		t.pay(plan.Price, false)
		t.begin(StatusActive, Renewal(plan, t.at))
	}
	t.tell(Updated, Payment{})
	return nil
}

// buy begins a new subscription, with a trial if the plan has one. Paddle
// reports a first payment for a trial, too, of nothing.
func (t *turn) buy(plan Plan) {
	t.SubscriptionID, t.PlanID, t.Declined = t.ledger.nextID(), plan.ID, false
	price := plan.Price
	if plan.TrialDays > 0 {
		price = free
		t.begin(StatusTrialing, t.at.AddDate(0, 0, plan.TrialDays))
	} else {
		t.begin(StatusActive, Renewal(plan, t.at))
	}
	t.pay(price, true)
	t.tell(Created, Payment{})
}

// resume goes on with what is paused or overdue. In the paid time it is free.
func (t *turn) resume() error {
	if t.Status == StatusPastDue { // the customer sees to it
		t.Declined = false
		return t.renew()
	}
	if !t.at.Before(t.PaidUntil) {
		return t.renew()
	}
	status := StatusActive
	if t.OnTrial {
		status = StatusTrialing
	}
	t.begin(status, t.PaidUntil)
	t.tell(Updated, Payment{})
	return nil
}

func (t *turn) cancel() {
	t.Status, t.Due = StatusCanceled, time.Time{}
	t.tell(Cancelled, Payment{})
}
