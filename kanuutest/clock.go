package kanuutest

import (
	"slices"
	"time"
)

// retries are the waits between the attempts at a payment that is due. After
// the last, the subscription is canceled.
var retries = [...]time.Duration{3 * day, 2 * day, 2 * day}

// Now is the fake's clock: [Options.Now], and what [Kanuu.Advance] added.
func (k *Kanuu) Now() time.Time {
	return k.now().Add(time.Duration(k.ahead.Load())).Round(0)
}

// Advance moves the fake's clock forward, and lets happen what falls due
// meanwhile, in its order and dated as it falls due:
//
//   - A trialing or active subscription is paid for and goes on for a month or
//     a year; of a month that is shorter, it is the last day.
//   - When that payment fails (a button of the portal sees to it), the
//     subscription is past-due. It is tried again 3, 5 and 7 days after the
//     first attempt, and canceled when the last one fails.
//   - The paid time of a paused or canceled one runs out.
//
// The same happens as real time passes; then it is noticed when somebody looks
// at the customer. Paddle leaves the days of the retries, and whether their end
// pauses or cancels, to the seller. Advance panics when d is negative.
func (k *Kanuu) Advance(d time.Duration) {
	if d < 0 {
		panic("kanuutest: Advance: time does not go back: use a positive duration")
	}
	k.books.mu.Lock()
	k.advance(d)
	k.books.mu.Unlock()
	k.tellAll()
}

// advance is Advance for a caller who has the lock.
func (k *Kanuu) advance(d time.Duration) {
	k.settleAll(k.Now().Add(d))
	k.ahead.Add(int64(d))
}

// settle lets happen what falls due for a customer until then; the caller has
// the lock.
func (k *Kanuu) settle(identifier string, c *customer, until time.Time) {
	for !c.due.IsZero() && !c.due.After(until) {
		k.fallDue(identifier, c)
	}
}

// settleAll does it for all customers, and brings their news in order.
func (k *Kanuu) settleAll(until time.Time) {
	var due []string
	for identifier, c := range k.books.customers {
		if !c.due.IsZero() && !c.due.After(until) {
			due = append(due, identifier)
		}
	}
	if len(due) == 0 {
		return
	}
	slices.Sort(due)
	told := len(k.books.untold)
	for _, identifier := range due {
		k.settle(identifier, k.books.customers[identifier], until)
	}
	slices.SortStableFunc(k.books.untold[told:], func(x, y change) int { return x.at.Compare(y.at) })
}

// fallDue is the payment that a customer's due date asks for.
func (k *Kanuu) fallDue(identifier string, c *customer) {
	at, plan := c.due, k.plan(c.PlanID)
	k.happen(identifier, c, at, func() []news { return k.renew(c, plan, at) })
	if c.Status == StatusPastDue && c.due.IsZero() {
		k.happen(identifier, c, at, func() []news { return c.cancel() })
	}
}

// renew charges for a period that begins now, whether it is the first attempt
// or a later one.
func (k *Kanuu) renew(c *customer, plan Plan, at time.Time) []news {
	status := c.Status
	var told news
	if c.declined {
		told = k.decline(c, plan, plan.price(), at)
	} else {
		told = k.pay(c, plan, plan.price(), at, false)
		c.begin(StatusActive, plan.addPeriods(at, 1))
	}
	if c.Status == status {
		return []news{told}
	}
	return []news{told, {alert: alertUpdated}}
}

// begin makes the subscription run until then.
func (c *customer) begin(status string, until time.Time) {
	c.Status, c.PaidUntil, c.due = status, until, until
	c.trial, c.failures = status == StatusTrialing, 0
}

// pay is a payment that goes through.
func (k *Kanuu) pay(c *customer, plan Plan, amount cents, at time.Time, first bool) news {
	return news{alertPaymentSucceeded, k.books.enter(c, payment{
		At: at, Plan: plan, Amount: amount.String(), Currency: plan.Currency, Status: paymentPaid, First: first,
	})}
}

// decline is one that does not: the subscription is overdue. No due date is
// left when it was the last attempt.
func (k *Kanuu) decline(c *customer, plan Plan, amount cents, at time.Time) news {
	c.failures++
	c.Status, c.due = StatusPastDue, time.Time{}
	if c.failures <= len(retries) {
		c.due = at.Add(retries[c.failures-1])
	}
	return news{alertPaymentFailed, k.books.enter(c, payment{
		At: at, Plan: plan, Amount: amount.String(), Currency: plan.Currency, Status: paymentFailed,
		Attempt: c.failures, NextRetry: c.due,
	})}
}
