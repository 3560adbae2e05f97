package portal

import (
	"errors"
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
	Until     time.Time   // when the paid time ends, or the one that is bought
}

// badge is a word about a state, or a message.
type badge struct {
	Text string
	Tone string // good, warn, bad, none
}

// view shows a customer as the portal does now.
func (v visit) view(c *ledger.Customer) *view {
	return &view{
		Customer: c, Title: "Your subscription", Team: v.team, ReturnURL: v.ReturnURL(), Home: v.home(),
		Control: v.base[:strings.LastIndex(v.base, "/manage/")] + "/control", Now: v.store.Now(),
		Plan: v.store.Plan(c.PlanID), Plans: v.store.Plans(), Until: c.PaidUntil,
	}
}

// cancel asks whether that is meant.
func (v *view) cancel() {
	v.Title = "Cancel your subscription?"
	if v.Running() && v.Until.IsZero() { // set by a test that did not care
		v.Until = ledger.Renewal(v.Plan, v.Now)
	}
}

// take shows the terms of a plan.
func (v *view) take(to ledger.Plan) {
	v.To, v.Title = to, "Switch to "+to.Name
	if v.Over() {
		v.Title = "Subscribe to " + to.Name
	}
	switch {
	case v.Status == ledger.StatusTrialing: // goes on
	case v.Trial():
		v.Until = v.Now.AddDate(0, 0, to.TrialDays)
	default:
		v.Until = ledger.Renewal(to, v.Now)
	}
}

// Trial reports whether the plan to take begins with a trial.
func (v *view) Trial() bool { return v.Over() && v.To.TrialDays > 0 }

// Coming reports whether paid time is left.
func (v *view) Coming() bool { return v.Until.After(v.Now) }

// Offers reports whether the customer has a button for an action.
func (v *view) Offers(do ledger.Action) bool { return Offers(v.Customer, do, v.Now) }

// Badge is a word about the subscription.
func (v *view) Badge() badge {
	text, tone := Badge(v.Customer, v.Now)
	return badge{text, tone}
}

// Offers reports whether a customer has a button for an action. An overdue
// subscription has only "Pay now", though Resume would do the same.
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

func price(p ledger.Plan) string { return strings.TrimSpace(p.Price + " " + p.Currency) }

// period is what the price is for.
func period(p ledger.Plan) string {
	if p.Yearly {
		return "year"
	}
	return "month"
}

// said has the messages after an action.
var said = map[ledger.Action]string{
	ledger.Pay:        "Thank you. Your payment went through.",
	ledger.Resume:     "Your subscription goes on.",
	ledger.Pause:      "Your subscription is paused.",
	ledger.Cancel:     "Your subscription is canceled.",
	ledger.UpdateCard: "Your card is saved.",
}

// message is the one after a command. The second of a double click keeps that of
// the first one, which was not shown yet.
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
