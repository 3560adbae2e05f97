package kanuutest

import (
	"slices"
	"time"
)

// action is a button of the portal.
type action string

// What a customer does.
const (
	actionSubscribe action = "subscribe" // to a plan: buys or switches
	actionResume    action = "resume"    // what is paused or canceled; or as pay
	actionPay       action = "pay"       // what is overdue
	actionPause     action = "pause"
	actionCancel    action = "cancel"
	actionCard      action = "card" // a new one
)

// What otherwise time, a bank and the seller do.
const (
	actionFail    action = "fail"    // the next payments do not go through
	actionSucceed action = "succeed" // they do again
	actionSkip    action = "skip"    // to the customer's next date
	actionRefund  action = "refund"
)

// order is an action with all that it needs.
type order struct {
	action  action
	plan    Plan      // to subscribe to
	card    string    // last four digits of a new card; empty: the one on file
	next    time.Time // skip: the date to skip to
	payment int64     // refund: which; 0: the newest
}

// act does what a button of the portal does, and reports whether there is such
// a button.
func (k *Kanuu) act(identifier, does, planID string) (known bool) {
	o, known := k.order(does, planID)
	if known {
		k.perform(identifier, o)
	}
	return known
}

func (k *Kanuu) order(does, planID string) (o order, known bool) {
	o.action = action(does)
	switch o.action {
	case actionSubscribe:
		o.plan, known = k.offered(planID)
		return o, known
	case actionResume, actionPay, actionPause, actionCancel, actionCard, actionFail, actionSucceed, actionSkip, actionRefund:
		return o, true
	}
	return o, false
}

// perform carries an order out. One that came too late, from a page that shows
// an older state, changes nothing, and so does the second of a double click.
func (k *Kanuu) perform(identifier string, o order) (c customer, done bool) {
	b := &k.books
	b.mu.Lock()
	now := k.Now()
	found, known := b.customers[identifier]
	if known {
		k.settle(identifier, found, now)
	} else {
		found = new(customer)
	}
	if done = found.can(o, now); done {
		if !known {
			found = b.open(identifier)
		}
		if o.action == actionSkip {
			k.advance(found.next(now).Sub(now))
		} else {
			k.happen(identifier, found, now, func() []news { return k.carryOut(found, o, now) })
		}
	}
	c = *found
	c.payments = slices.Clone(found.payments)
	b.mu.Unlock()
	k.tellAll()
	return c, done
}

// can reports whether the portal offers an action. What is over can only be
// bought again.
func (c *customer) can(o order, now time.Time) bool {
	over := c.over(now)
	switch o.action {
	case actionSubscribe:
		return !c.running() || c.PlanID != o.plan.ID
	case actionResume:
		return !over && !c.running()
	case actionPay:
		return c.Status == StatusPastDue
	case actionPause:
		return c.running()
	case actionCancel:
		return !over && c.Status != StatusCanceled
	case actionCard:
		return !over && o.card != ""
	case actionFail:
		return !c.declined && c.running()
	case actionSucceed:
		return c.declined && !over
	case actionSkip:
		next := c.next(now)
		return !next.IsZero() && (o.next.IsZero() || o.next.Equal(next))
	case actionRefund:
		return c.refundable(o.payment) >= 0
	}
	return false
}

// carryOut does what can be done.
func (k *Kanuu) carryOut(c *customer, o order, now time.Time) []news {
	plan := k.plan(c.PlanID)
	if c.running() && c.PaidUntil.IsZero() { // set by a test that did not care
		c.begin(c.Status, plan.addPeriods(now, 1))
	}
	switch o.action {
	case actionSubscribe:
		return k.subscribe(c, o, now)
	case actionResume, actionPay:
		return k.resume(c, plan, now)
	case actionPause:
		c.Status, c.due = StatusPaused, time.Time{}
		return []news{{alert: alertUpdated}}
	case actionCancel:
		return c.cancel()
	case actionCard:
		return k.replaceCard(c, o.card, plan, now)
	case actionFail:
		c.declined = true
	case actionSucceed:
		c.declined = false
	case actionSkip: // the clock does it, for everybody
	case actionRefund:
		p := &c.payments[c.refundable(o.payment)]
		p.Status = paymentRefunded
		return []news{{alertPaymentRefunded, *p}}
	}
	return nil
}

// subscribe buys a plan, or switches to it where a subscription goes on.
func (k *Kanuu) subscribe(c *customer, o order, now time.Time) []news {
	if o.card != "" {
		c.card, c.declined = o.card, false
	}
	if c.card == "" {
		c.card = defaultCard
	}
	if c.over(now) {
		return k.buy(c, o.plan, now)
	}
	if c.Status == StatusPastDue {
		c.declined = false
	}
	q := c.quote(k.plan(c.PlanID), o.plan, now)
	if c.declined && q.now > 0 {
		k.books.enter(c, payment{
			At: now, Plan: o.plan, Amount: q.now.String(), Currency: o.plan.Currency, Status: paymentFailed, Attempt: 1,
		})
		return nil
	}
	var told []news
	if q.now > 0 {
		told = append(told, k.pay(c, o.plan, q.now, now, false))
	}
	c.PlanID = o.plan.ID
	if c.SubscriptionID == 0 { // set by a test that did not care
		c.SubscriptionID = k.books.nextID()
	}
	if c.Status == StatusTrialing {
		c.begin(StatusTrialing, q.until)
	} else {
		c.begin(StatusActive, q.until)
	}
	return append(told, news{alert: alertUpdated})
}

// buy begins a new subscription, with a trial if the plan has one. Paddle
// reports a first payment for a trial, too, of nothing.
func (k *Kanuu) buy(c *customer, plan Plan, now time.Time) []news {
	c.SubscriptionID, c.PlanID, c.declined = k.books.nextID(), plan.ID, false
	price := plan.price()
	if plan.TrialDays > 0 {
		price = 0
		c.begin(StatusTrialing, now.AddDate(0, 0, plan.TrialDays))
	} else {
		c.begin(StatusActive, plan.addPeriods(now, 1))
	}
	return []news{k.pay(c, plan, price, now, true), {alert: alertCreated}}
}

// quote is what a switch to another plan means.
type quote struct {
	now   cents     // to be paid at once
	until time.Time // and then the price, on this day
}

// quote says so for a subscription that goes on. A trial goes on as it is. Of
// plans with the same period, the difference is paid for the days that are
// left, and a cheaper one gives nothing back. Else a new period begins, and
// what is left of the old one counts towards its price.
func (c *customer) quote(from, to Plan, now time.Time) quote {
	if c.Status == StatusTrialing {
		return quote{until: c.PaidUntil}
	}
	left, of := c.daysLeft(from, now)
	if from.Currency != to.Currency || c.trial {
		left = 0
	}
	if c.Status == StatusActive && left > 0 && from.Yearly == to.Yearly {
		return quote{max(0, to.price()-from.price()).share(left, of), c.PaidUntil}
	}
	return quote{max(0, to.price()-from.price().share(left, of)), to.addPeriods(now, 1)}
}

// resume goes on with what is paused, canceled or overdue. It costs nothing in
// the time that is paid for.
func (k *Kanuu) resume(c *customer, plan Plan, now time.Time) []news {
	switch {
	case c.Status == StatusPastDue: // the customer sees to it
		c.declined = false
		return k.renew(c, plan, now)
	case !now.Before(c.PaidUntil):
		return k.renew(c, plan, now)
	case c.trial:
		c.begin(StatusTrialing, c.PaidUntil)
	default:
		c.begin(StatusActive, c.PaidUntil)
	}
	return []news{{alert: alertUpdated}}
}

func (c *customer) cancel() []news {
	c.Status, c.due = StatusCanceled, time.Time{}
	return []news{{alert: alertCancelled}}
}

// defaultCard is what those pay with who were not asked for a card.
const defaultCard = "4242"

// replaceCard is a card that works: what is overdue is paid with it at once.
func (k *Kanuu) replaceCard(c *customer, card string, plan Plan, now time.Time) []news {
	c.card, c.declined = card, false
	if c.Status == StatusPastDue {
		return k.renew(c, plan, now)
	}
	return nil
}

// refundable is the index of that payment, or of the newest, if money was paid
// and not given back; else -1.
func (c *customer) refundable(id int64) int {
	for i, p := range slices.Backward(c.payments) {
		if p.Status == paymentPaid && parsePrice(p.Amount) > 0 && (id == 0 || p.ID == id) {
			return i
		}
	}
	return -1
}

// next is the next date at which something happens without the customer, who
// is settled until now.
func (c *customer) next(now time.Time) time.Time {
	switch {
	case !c.due.IsZero():
		return c.due
	case c.Status != "" && !c.running() && c.PaidUntil.After(now):
		return c.PaidUntil
	}
	return time.Time{}
}
