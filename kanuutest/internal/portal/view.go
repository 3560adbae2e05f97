package portal

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// What the pages of the portal show.

// frame is what all of them have.
type frame struct {
	Title      string
	Team       string
	ReturnURL  string // "Back to your application"
	Home       string // the portal's first page
	Identifier string
	Email      string
}

func (v visit) frame(c *ledger.Customer) frame {
	return frame{
		Title: "Your subscription", Team: v.team, ReturnURL: v.ReturnURL(), Home: v.home(),
		Identifier: c.Identifier, Email: c.Email,
	}
}

// badge is a word about a state, or a message.
type badge struct {
	Text string
	Tone string // good, warn, bad, none
}

// overview is the first page.
type overview struct {
	frame
	Flash    badge
	Has      bool // there is, or was, a subscription
	Live     bool // it goes on, or can
	Plan     ledger.Plan
	Badge    badge
	State    state
	Retry    time.Time // of a payment that failed
	Buttons  []button
	Cancel   bool
	Offers   []offer
	Card     string
	Payments []entry // newest first
	Now      time.Time
	Levers   []lever
	API      string
}

// state is the sentence below the price: the text, a date, and the rest.
type state struct {
	Text string
	Date time.Time
	More string
}

type button struct {
	Action ledger.Action
	Label  string
	Main   bool
}

type offer struct {
	ledger.Plan
	Current bool
	Verb    string
	Note    string
}

type entry struct {
	ledger.Payment
	Badge badge
}

// lever is a button for developers, with a value to send along.
type lever struct {
	Action      ledger.Action
	Label, Hint string
	Name, Value string
}

func (v visit) overview(f frame, c *ledger.Customer, now time.Time, flash badge) overview {
	plan := v.store.Plan(c.PlanID)
	text, tone := Badge(c, now)
	view := overview{
		frame: f, Flash: flash, Has: c.Status != "", Live: !c.Over(), Plan: plan, Badge: badge{text, tone},
		State: stateOf(c, plan, now), Retry: c.Retry(), Cancel: c.Can(ledger.Command{Action: ledger.Cancel}, now),
		Card: c.Card, Now: now, Levers: levers(c, now),
	}
	for _, b := range []button{
		{ledger.Pay, "Pay now", true}, {ledger.Resume, "Resume", true}, {ledger.Pause, "Pause", false},
	} {
		if Offers(c, b.Action, now) {
			view.Buttons = append(view.Buttons, b)
		}
	}
	for _, p := range v.store.Plans() {
		o := offer{Plan: p, Verb: "Subscribe to", Note: trial(p)}
		if view.Live {
			o.Current, o.Verb, o.Note = p.ID == plan.ID, "Switch to", ""
		}
		view.Offers = append(view.Offers, o)
	}
	for _, p := range slices.Backward(c.Payments) {
		view.Payments = append(view.Payments, entry{p, paymentBadge(p)})
	}
	described, err := json.MarshalIndent(api.Describe(c.Subscription, v.store), "", "  ")
	if err != nil {
		panic(err) // it has only strings, numbers and booleans
	}
	view.API = string(described)
	return view
}

// Offers reports whether a customer has a button for an action. What is overdue
// is paid, which is another word for to resume.
func Offers(c *ledger.Customer, action ledger.Action, now time.Time) bool {
	return c.Can(ledger.Command{Action: action}, now) && (action != ledger.Resume || c.Status != ledger.StatusPastDue)
}

// Badge is a word about a customer's subscription, and its tone.
func Badge(c *ledger.Customer, now time.Time) (text, tone string) {
	switch c.Status {
	case "":
		return "No subscription", "none"
	case ledger.StatusActive:
		return "Active", "good"
	case ledger.StatusTrialing:
		return "Trial", "good"
	case ledger.StatusPastDue:
		return "Payment overdue", "bad"
	case ledger.StatusPaused:
		return "Paused", "warn"
	case ledger.StatusCanceled:
		if now.Before(c.PaidUntil) {
			return "Canceled", "warn"
		}
		return "Ended", "none"
	}
	return c.Status, "none"
}

func stateOf(c *ledger.Customer, plan ledger.Plan, now time.Time) state {
	until, price := c.PaidUntil, price(plan)
	coming := until.After(now)
	switch {
	case c.Status == "":
		return state{Text: "Choose a plan below. You can change or cancel it at any time."}
	case c.Status == ledger.StatusPastDue && until.IsZero():
		return state{Text: "Payment overdue: " + price + "."}
	case c.Status == ledger.StatusPastDue:
		return state{"Payment overdue: " + price + " since", until, "."}
	case until.IsZero():
		return state{}
	case c.Status == ledger.StatusTrialing && coming:
		return state{"Free until", until, ", then " + price + " a " + period(plan) + "."}
	case c.Status == ledger.StatusActive && coming:
		return state{"Renews on", until, " for " + price + "."}
	case c.Status == ledger.StatusCanceled && coming:
		return state{"Ends on", until, ". Nothing more will be charged. To stay, subscribe again."}
	case c.Status == ledger.StatusCanceled:
		return state{"Ended on", until, "."}
	case c.Status == ledger.StatusPaused && coming:
		return state{"Paused. You can use it until", until, ", and nothing is charged."}
	case c.Status == ledger.StatusPaused:
		return state{"Paused. You could use it until", until, "."}
	}
	return state{"Paid until", until, "."}
}

func levers(c *ledger.Customer, now time.Time) []lever {
	all := []lever{
		{Action: ledger.Fail, Label: "Let the next payment fail",
			Hint: "And those after it, until a new card is there or the customer pays."},
		{Action: ledger.Succeed, Label: "Let the next payment succeed", Hint: "It would fail now."},
		{Action: ledger.Skip, Label: "Skip to " + date(c.Next(now)), Name: "next",
			Hint:  "Moves the clock, for all customers, to the next date of this one.",
			Value: c.Next(now).UTC().Format(time.RFC3339Nano)},
	}
	if i := c.Refundable(0); i >= 0 {
		p := c.Payments[i]
		all = append(all, lever{Action: ledger.Refund, Label: "Refund " + p.Amount + " " + p.Plan.Currency, Name: "payment",
			Hint: "Gives the newest payment back, and changes nothing else.", Value: strconv.FormatInt(p.ID, 10)})
	}
	return slices.DeleteFunc(all, func(l lever) bool { return !c.Can(ledger.Command{Action: l.Action}, now) })
}

func paymentBadge(p ledger.Payment) badge {
	switch p.Status {
	case ledger.PaymentPaid:
		return badge{"Paid", "good"}
	case ledger.PaymentFailed:
		return badge{"Failed", "bad"}
	}
	return badge{"Refunded", "none"}
}

// planPage is the page about taking a plan.
type planPage struct {
	frame
	Live     bool // there is a plan to switch from
	From, To ledger.Plan
	DueToday string
	Terms    string
	Then     string
	Until    time.Time
	Submit   string
}

func (v visit) planPage(f frame, c *ledger.Customer, to ledger.Plan, now time.Time) planPage {
	view := planPage{
		frame: f, Live: !c.Over(), From: v.store.Plan(c.PlanID), To: to,
		DueToday: price(to), Then: "It renews on", Until: ledger.Renewal(to, now),
	}
	verb, trialing := "Subscribe", c.Status == ledger.StatusTrialing
	if view.Live {
		verb, view.Terms = "Switch to "+to.Name, "A new "+period(to)+" begins today."
		view.Title = verb
	} else {
		view.Title = "Subscribe to " + to.Name
	}
	view.Submit = verb + " and pay " + view.DueToday
	switch {
	case trialing:
		view.Terms, view.Until, view.Submit = "Your trial goes on.", c.PaidUntil, verb
	case !view.Live && to.TrialDays > 0:
		view.Terms, view.Until, view.Submit = trial(to)+".", now.AddDate(0, 0, to.TrialDays), "Start the trial"
	default:
		return view
	}
	view.DueToday = strings.TrimSpace("0.00 " + to.Currency)
	view.Then = fmt.Sprintf("Then %s a %s from", price(to), period(to))
	return view
}

// cancelPage asks whether that is meant.
type cancelPage struct {
	frame
	Plan  ledger.Plan
	Until time.Time // zero: it ends at once
}

func (v visit) cancelPage(f frame, c *ledger.Customer, now time.Time) cancelPage {
	f.Title = "Cancel your subscription?"
	view := cancelPage{frame: f, Plan: v.store.Plan(c.PlanID)}
	switch {
	case now.Before(c.PaidUntil):
		view.Until = c.PaidUntil
	case c.Running() && c.PaidUntil.IsZero(): // set by a test that did not care
		view.Until = ledger.Renewal(view.Plan, now)
	}
	return view
}

// cardPage is the form for another card.
type cardPage struct {
	frame
	Overdue string // what is paid with it at once
}

func (v visit) cardPage(f frame, c *ledger.Customer) cardPage {
	f.Title = "Update your card"
	view := cardPage{frame: f}
	if c.Status == ledger.StatusPastDue {
		view.Overdue = price(v.store.Plan(c.PlanID))
	}
	return view
}

func price(p ledger.Plan) string {
	return strings.TrimSpace(ledger.ParsePrice(p.Price).String() + " " + p.Currency)
}

// period is what the price is for.
func period(p ledger.Plan) string {
	if p.Yearly {
		return "year"
	}
	return "month"
}

func trial(p ledger.Plan) string {
	switch p.TrialDays {
	case 0:
		return ""
	case 1:
		return "The first day is free"
	}
	return fmt.Sprintf("The first %d days are free", p.TrialDays)
}

// message is what the customer is told after a command. Another click on the
// same button is told the same.
func (v visit) message(do ledger.Command, c *ledger.Customer, err error) badge {
	now, plan := v.store.Now(), v.store.Plan(c.PlanID).Name
	usable := ""
	if now.Before(c.PaidUntil) {
		usable = " You can use " + plan + " until " + date(c.PaidUntil) + "."
	}
	switch {
	case err == ledger.ErrDeclined:
		return badge{"Your card was declined. Update it and try again.", "bad"}
	case do.Action == ledger.Subscribe && c.Running() && c.PlanID == do.Plan:
		return badge{"Your plan is now " + plan + ".", "good"}
	case do.Action == ledger.Pay && c.Running():
		return badge{"Thank you. Your payment went through.", "good"}
	case do.Action == ledger.Resume && c.Running():
		return badge{"Your subscription goes on.", "good"}
	case do.Action == ledger.Pause && c.Status == ledger.StatusPaused:
		return badge{"Your subscription is paused." + usable, "good"}
	case do.Action == ledger.Cancel && c.Status == ledger.StatusCanceled:
		return badge{"Your subscription is canceled." + usable, "good"}
	case do.Action == ledger.UpdateCard && err == nil:
		return badge{"Your card ending in " + c.Card + " is saved.", "good"}
	case do.Action == ledger.Fail && c.Declined:
		return badge{"The next payment will fail.", "none"}
	case do.Action == ledger.Succeed && !c.Declined:
		return badge{"The next payment will go through.", "none"}
	case do.Action == ledger.Skip && !now.Before(do.Next):
		return badge{"It is now " + date(now) + ".", "none"}
	case do.Action == ledger.Refund && c.Refundable(do.Payment) < 0:
		return badge{"The payment was refunded.", "none"}
	}
	return badge{"Nothing has changed: the page that you came from was out of date.", "none"}
}
