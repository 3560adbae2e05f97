package kanuutest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What the pages of the portal show.

// page is what all of them have.
type page struct {
	Title      string
	Team       string
	ReturnURL  string // "Back to your application"
	Home       string // the portal's first page
	Identifier string
	Email      string
}

func (k *Kanuu) page(title, identifier, home string) page {
	return page{
		Title:      title,
		Team:       k.name,
		ReturnURL:  k.backURL(),
		Home:       home,
		Identifier: identifier,
		Email:      k.links.contact(identifier).email,
	}
}

// badge is a word about a state.
type badge struct {
	Text string
	Tone string // good, warn, bad, none
}

// flash is a message after an action.
type flash badge

// overview is the first page.
type overview struct {
	page
	Flash     flash
	Has       bool // there is, or was, a subscription
	Live      bool // it goes on, or can
	Plan      Plan
	Badge     badge
	State     state
	Retry     time.Time // of a payment that failed
	Buttons   []button
	CanCancel bool
	Offers    []offer
	Card      string
	Payments  []entry // newest first
	Now       time.Time
	Levers    []lever
	API       string
}

// state is the sentence below the price: the text, a date, and the rest.
type state struct {
	Text string
	Date time.Time
	More string
}

type button struct {
	Action action
	Label  string
	Main   bool
}

type offer struct {
	Plan
	Current bool
	Verb    string
	Note    string
}

type entry struct {
	payment
	Badge badge
}

// lever is a button for developers, with a value to send along.
type lever struct {
	Action      action
	Label, Hint string
	Name, Value string
}

func (k *Kanuu) overview(identifier, home string, f flash) overview {
	c := k.customer(identifier)
	now := k.Now()
	plan := k.plan(c.PlanID)
	v := overview{
		page:      k.page("Your subscription", identifier, home),
		Flash:     f,
		Has:       c.Status != "",
		Live:      !c.over(now),
		Plan:      plan,
		Badge:     c.badge(now),
		State:     c.state(plan, now),
		CanCancel: c.can(order{action: actionCancel}, now),
		Card:      c.card,
		Now:       now,
		Levers:    c.levers(now),
	}
	if c.Status == StatusPastDue {
		v.Retry = c.due
	}
	for _, b := range []button{{actionPay, "Pay now", true}, {actionResume, "Resume", true}, {actionPause, "Pause", false}} {
		if c.can(order{action: b.Action}, now) && (b.Action != actionResume || c.Status != StatusPastDue) {
			v.Buttons = append(v.Buttons, b)
		}
	}
	for _, p := range k.plans {
		v.Offers = append(v.Offers, c.offer(plan, p, now))
	}
	for _, p := range slices.Backward(c.payments) {
		v.Payments = append(v.Payments, entry{p, p.badge()})
	}
	api, err := json.MarshalIndent(k.describe(c.Subscription), "", "  ")
	if err != nil {
		panic(err) // it has only strings, numbers and booleans
	}
	v.API = string(api)
	return v
}

func (c *customer) badge(now time.Time) badge {
	switch c.Status {
	case "":
		return badge{"No subscription", "none"}
	case StatusActive:
		return badge{"Active", "good"}
	case StatusTrialing:
		return badge{"Trial", "good"}
	case StatusPastDue:
		return badge{"Payment overdue", "bad"}
	case StatusPaused:
		return badge{"Paused", "warn"}
	case StatusCanceled:
		if c.over(now) {
			return badge{"Ended", "none"}
		}
		return badge{"Canceled", "warn"}
	}
	return badge{c.Status, "none"}
}

func (c *customer) state(plan Plan, now time.Time) state {
	until, price := c.PaidUntil, plan.sum(plan.price())
	coming := until.After(now)
	switch {
	case c.Status == "":
		return state{Text: "Choose a plan below. You can change or cancel it at any time."}
	case c.Status == StatusPastDue && until.IsZero():
		return state{Text: "Payment overdue: " + price + "."}
	case c.Status == StatusPastDue:
		return state{"Payment overdue: " + price + " since", until, "."}
	case until.IsZero():
		return state{}
	case c.Status == StatusTrialing && coming:
		return state{"Free until", until, ", then " + plan.rate() + "."}
	case c.Status == StatusActive && coming:
		return state{"Renews on", until, " for " + price + "."}
	case c.Status == StatusCanceled && coming:
		return state{"Ends on", until, ". Nothing more will be charged."}
	case c.Status == StatusCanceled:
		return state{"Ended on", until, "."}
	case c.Status == StatusPaused && coming:
		return state{"Paused. You can use it until", until, ", and nothing is charged."}
	case c.Status == StatusPaused:
		return state{"Paused. You could use it until", until, "."}
	}
	return state{"Paid until", until, "."}
}

// offer compares a plan with that of the customer.
func (c *customer) offer(from, to Plan, now time.Time) offer {
	o := offer{Plan: to, Verb: "Subscribe to"}
	switch {
	case c.over(now):
		o.Note = to.trial()
	case to.ID == from.ID:
		o.Current = true
	default:
		o.Verb, o.Note = "Switch to", difference(from, to)
	}
	return o
}

func (c *customer) levers(now time.Time) []lever {
	var ls []lever
	offer := func(o order, l lever) {
		if c.can(o, now) {
			l.Action = o.action
			ls = append(ls, l)
		}
	}
	offer(order{action: actionFail},
		lever{Label: "Let the next payment fail", Hint: "And those after it, until a new card is there or the customer pays."})
	offer(order{action: actionSucceed}, lever{Label: "Let the next payment succeed", Hint: "It would fail now."})
	next := c.next(now)
	offer(order{action: actionSkip}, lever{
		Label: "Skip to " + next.UTC().Format(dateFormat),
		Hint:  "Moves the clock, for all customers, to the next date of this one.",
		Name:  "next", Value: next.UTC().Format(time.RFC3339Nano),
	})
	if i := c.refundable(0); i >= 0 {
		p := c.payments[i]
		offer(order{action: actionRefund}, lever{
			Label: "Refund " + p.Amount + " " + p.Currency,
			Hint:  "Gives the newest payment back, and changes nothing else.",
			Name:  "payment", Value: strconv.FormatInt(p.ID, 10),
		})
	}
	return ls
}

func (p payment) badge() badge {
	switch p.Status {
	case paymentPaid:
		return badge{"Paid", "good"}
	case paymentFailed:
		return badge{"Failed", "bad"}
	}
	return badge{"Refunded", "none"}
}

// planPage is the page about taking a plan.
type planPage struct {
	page
	Live       bool // there is a plan to switch from
	From, To   Plan
	Difference string
	DueToday   string
	Terms      string
	Then       string
	Until      time.Time
	Submit     string
	Form       cardForm
}

// planPage reports false when there is nothing to decide.
func (k *Kanuu) planPage(identifier, home string, to Plan, form cardForm) (planPage, bool) {
	c, now := k.customer(identifier), k.Now()
	if !c.can(order{action: actionSubscribe, plan: to}, now) {
		return planPage{}, false
	}
	from := k.plan(c.PlanID)
	v := planPage{
		page: k.page("Subscribe to "+to.Name, identifier, home),
		Live: !c.over(now),
		From: from, To: to, Form: form,
	}
	if !v.Live {
		v.DueToday, v.Until = to.sum(to.price()), to.addPeriods(now, 1)
		v.Then = "It renews on"
		v.Submit = "Subscribe and pay " + v.DueToday
		if to.TrialDays > 0 {
			v.DueToday, v.Until = to.sum(0), now.AddDate(0, 0, to.TrialDays)
			v.Terms, v.Then = to.trial()+".", "Then "+to.rate()+" from"
			v.Submit = "Start the trial"
		}
		return v, true
	}
	q := c.quote(from, to, now)
	v.Title, v.Submit = "Switch to "+to.Name, "Switch to "+to.Name
	v.Difference, v.DueToday, v.Until = difference(from, to), to.sum(q.now), q.until
	v.Terms, v.Then = c.terms(from, to, q), "Then "+to.rate()+" from"
	if q.now > 0 {
		v.Submit += " and pay " + v.DueToday
	}
	return v, true
}

// terms explains what is due at once.
func (c *customer) terms(from, to Plan, q quote) string {
	switch {
	case c.Status == StatusTrialing:
		return "Your trial goes on."
	case q.until.Equal(c.PaidUntil) && q.now > 0:
		return "The difference for the days that you have paid for."
	case q.until.Equal(c.PaidUntil):
		return "Nothing to pay for the time that you have paid for already."
	case q.now < to.price():
		return fmt.Sprintf("A new %s begins today. What is left of %s counts towards it.", to.period(), from.Name)
	}
	return fmt.Sprintf("A new %s begins today.", to.period())
}

// cancelPage asks whether that is meant.
type cancelPage struct {
	page
	Plan  Plan
	Until time.Time // zero: it ends at once
}

func (k *Kanuu) cancelPage(identifier, home string) (cancelPage, bool) {
	c, now := k.customer(identifier), k.Now()
	v := cancelPage{page: k.page("Cancel your subscription?", identifier, home), Plan: k.plan(c.PlanID)}
	switch {
	case now.Before(c.PaidUntil):
		v.Until = c.PaidUntil
	case c.running() && c.PaidUntil.IsZero(): // set by a test that did not care
		v.Until = v.Plan.addPeriods(now, 1)
	}
	return v, c.can(order{action: actionCancel}, now)
}

// cardPage is the form for another card.
type cardPage struct {
	page
	Overdue string // what is paid with it at once
	Form    cardForm
}

func (k *Kanuu) cardPage(identifier, home string, form cardForm) (cardPage, bool) {
	c := k.customer(identifier)
	v := cardPage{page: k.page("Update your card", identifier, home), Form: form}
	if c.Status == StatusPastDue {
		plan := k.plan(c.PlanID)
		v.Overdue = plan.sum(plan.price())
	}
	return v, !c.over(k.Now())
}

// difference says what another plan costs more or less.
func difference(from, to Plan) string {
	if from.Price == "" || from.Currency != to.Currency {
		return to.rate()
	}
	of, period := to.price()-from.price(), to.period()
	switch {
	case from.Yearly && !to.Yearly:
		of = to.price() - from.price().share(1, 12)
	case to.Yearly && !from.Yearly:
		of, period = to.price().share(1, 12)-from.price(), "month, paid for a year at a time"
	}
	switch {
	case of > 0:
		return fmt.Sprintf("%s more a %s", to.sum(of), period)
	case of < 0:
		return fmt.Sprintf("%s less a %s", to.sum(-of), period)
	case from.Yearly == to.Yearly:
		return "The same price"
	}
	return "The same price a " + period
}

// sum is an amount in the plan's currency, rate its price for a period, and
// trial what comes before it.
func (p Plan) sum(c cents) string { return strings.TrimSpace(c.String() + " " + p.Currency) }

func (p Plan) rate() string { return fmt.Sprintf("%s %s a %s", p.Price, p.Currency, p.period()) }

func (p Plan) trial() string {
	switch p.TrialDays {
	case 0:
		return ""
	case 1:
		return "The first day is free"
	}
	return fmt.Sprintf("The first %d days are free", p.TrialDays)
}

// answer is what the customer is told after an order.
func (o order) answer(c customer, done bool, k *Kanuu) flash {
	now := k.Now()
	plan := k.plan(c.PlanID)
	usable := ""
	if now.Before(c.PaidUntil) {
		usable = " You can use " + plan.Name + " until " + c.PaidUntil.UTC().Format(dateFormat) + "."
	}
	switch {
	case o.action == actionSubscribe && c.running() && c.PlanID == o.plan.ID:
		return flash{"Your plan is now " + plan.Name + ".", "good"}
	case o.action == actionSubscribe && done:
		return flash{"Your card was declined, so your plan is still " + plan.Name + ". Update your card and try again.", "bad"}
	case o.action == actionPay && c.running():
		return flash{"Thank you. Your payment went through.", "good"}
	case o.action == actionResume && c.running():
		return flash{"Your subscription goes on.", "good"}
	case o.action == actionResume && done:
		return flash{"Your card was declined. Update it to go on.", "bad"}
	case o.action == actionPause && c.Status == StatusPaused:
		return flash{"Your subscription is paused." + usable, "good"}
	case o.action == actionCancel && c.Status == StatusCanceled:
		return flash{"Your subscription is canceled." + usable, "good"}
	case o.action == actionCard && done:
		return flash{"Your card ending in " + c.card + " is saved.", "good"}
	case o.action == actionFail && c.declined:
		return flash{"The next payment will fail.", "none"}
	case o.action == actionSucceed && !c.declined:
		return flash{"The next payment will go through.", "none"}
	case o.action == actionSkip && !now.Before(o.next):
		return flash{"It is now " + now.UTC().Format(dateFormat) + ".", "none"}
	case o.action == actionRefund && c.refundable(o.payment) < 0:
		return flash{"The payment was refunded.", "none"}
	}
	return nothingChanged
}

var nothingChanged = flash{"Nothing has changed: the page that you came from was out of date.", "none"}
