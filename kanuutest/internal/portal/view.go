package portal

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// view is what the pages of the portal show.
type view struct {
	*ledger.Customer
	Title     string
	Team      string
	ReturnURL string // "Back to your application"
	Home      string // the portal's first page
	Control   string // the control page
	Flash     badge
	Now       time.Time
	Plan      ledger.Plan // of the customer
	Plans     []ledger.Plan
	To        ledger.Plan // to take
	Terms     terms       // for that
	Until     time.Time   // when it ends if it is canceled; zero: at once
}

// badge is a word about a state, or a message.
type badge struct {
	Text string
	Tone string // good, warn, bad, none
}

// terms of taking a plan.
type terms struct {
	Title, Due, Text, Then, Submit string
	Until                          time.Time
}

// view shows a customer as the portal does now.
func (v visit) view(c *ledger.Customer) *view {
	now, plan := v.store.Now(), v.store.Plan(c.PlanID)
	shown := &view{
		Customer: c, Title: "Your subscription", Team: v.team, ReturnURL: v.ReturnURL(), Home: v.home(),
		Control: v.base[:strings.LastIndex(v.base, "/manage/")] + "/control", Now: now, Plan: plan, Plans: v.store.Plans(),
	}
	switch {
	case now.Before(c.PaidUntil):
		shown.Until = c.PaidUntil
	case c.Running() && c.PaidUntil.IsZero(): // set by a test that did not care
		shown.Until = ledger.Renewal(plan, now)
	}
	return shown
}

// Offers reports whether the customer has a button for an action.
func (v *view) Offers(do ledger.Action) bool { return Offers(v.Customer, do, v.Now) }

// Badge is a word about the subscription.
func (v *view) Badge() badge {
	text, tone := Badge(v.Customer, v.Now)
	return badge{text, tone}
}

// Offers reports whether a customer has a button for an action. What is overdue
// is paid, which is another word for to resume.
func Offers(c *ledger.Customer, do ledger.Action, now time.Time) bool {
	return c.Can(ledger.Command{Action: do}, now) && (do != ledger.Resume || c.Status != ledger.StatusPastDue)
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

// Newest are the payments, newest first.
func (v *view) Newest() []ledger.Payment {
	newest := slices.Clone(v.Payments)
	slices.Reverse(newest)
	return newest
}

// State is a sentence about the subscription.
func (v *view) State() string {
	until, coming := date(v.PaidUntil), v.PaidUntil.After(v.Now)
	switch {
	case v.Status == "":
		return "Choose a plan below. You can change or cancel it at any time."
	case v.PaidUntil.IsZero():
		return ""
	case v.Status == ledger.StatusPastDue:
		return price(v.Plan) + " are overdue since " + until + "."
	case v.Status == ledger.StatusTrialing && coming:
		return "Free until " + until + ", then " + price(v.Plan) + " a " + period(v.Plan) + "."
	case v.Status == ledger.StatusActive && coming:
		return "Renews on " + until + " for " + price(v.Plan) + "."
	case v.Status == ledger.StatusCanceled && coming:
		return "Ends on " + until + ". Nothing more will be charged. To stay, subscribe again."
	case v.Status == ledger.StatusCanceled:
		return "Ended on " + until + "."
	}
	return "Paid until " + until + "."
}

// take says what it means to take a plan.
func (v *view) take(to ledger.Plan) *view {
	t := terms{
		Title: "Subscribe to " + to.Name, Due: price(to), Text: "A new " + period(to) + " begins today.",
		Then: "It renews on", Until: ledger.Renewal(to, v.Now), Submit: "Subscribe",
	}
	if !v.Over() {
		t.Title = "Switch to " + to.Name
		t.Submit = t.Title
	}
	switch {
	case v.Status == ledger.StatusTrialing:
		t.Text, t.Until = "Your trial goes on.", v.PaidUntil
	case v.Over() && to.TrialDays > 0:
		t.Text, t.Until, t.Submit = trial(to)+".", v.Now.AddDate(0, 0, to.TrialDays), "Start the trial"
	default:
		t.Submit += " and pay " + t.Due
		v.Title, v.To, v.Terms = t.Title, to, t
		return v
	}
	t.Then, t.Due = "Then "+price(to)+" a "+period(to)+" from", "0.00 "+to.Currency
	v.Title, v.To, v.Terms = t.Title, to, t
	return v
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
	if p.TrialDays == 0 {
		return ""
	}
	return fmt.Sprintf("The first %d days are free", p.TrialDays)
}

// said is what the customer is told after an action.
var said = map[ledger.Action]string{
	ledger.Pay:        "Thank you. Your payment went through.",
	ledger.Resume:     "Your subscription goes on.",
	ledger.Pause:      "Your subscription is paused.",
	ledger.Cancel:     "Your subscription is canceled.",
	ledger.UpdateCard: "Your card is saved.",
}

// message is what the customer is told after a command. The second of a double
// click keeps what the first one said, which was not shown yet.
func (v visit) message(do ledger.Command, c *ledger.Customer, err error, last badge) badge {
	switch {
	case errors.Is(err, ledger.ErrDeclined):
		return badge{"Your card was declined. Update it and try again.", "bad"}
	case err != nil && last != badge{}:
		return last
	case err != nil:
		return badge{"Nothing has changed: the page that you came from was out of date.", "none"}
	case do.Action == ledger.Subscribe:
		return badge{"Your plan is now " + v.store.Plan(c.PlanID).Name + ".", "good"}
	case !c.Running() && v.store.Now().Before(c.PaidUntil):
		return badge{said[do.Action] + " You can use it until " + date(c.PaidUntil) + ".", "good"}
	}
	return badge{said[do.Action], "good"}
}
