package portal

import (
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// view is what the page shows.
type view struct {
	*ledger.Customer
	Title     string
	Team      string
	ReturnURL string // "Back to your application"
	Control   string // the control page
	Declined  bool   // the card, when the customer clicked
	Now       time.Time
	Badge     Badge
	Plan      ledger.Plan // of the customer
	Plans     []ledger.Plan
}

func (v visit) view(c ledger.Customer) view {
	now := v.store.Now()
	slices.Reverse(c.Payments) // newest first
	return view{
		Customer: &c, Title: "Your subscription", Team: v.team, ReturnURL: v.ReturnURL(),
		Control: v.base[:strings.LastIndex(v.base, "/manage/")] + "/control", Declined: v.r.URL.Query().Has("declined"),
		Now: now, Badge: BadgeOf(&c, now), Plan: v.store.Plan(c.PlanID), Plans: v.store.Plans(),
	}
}

// Coming reports whether paid time is left.
func (v view) Coming() bool { return v.PaidUntil.After(v.Now) }

// Offers reports whether the customer has a button for an action.
func (v view) Offers(do ledger.Action) bool { return Offers(v.Customer, do, v.Now) }

// Offers reports whether a customer has a button for an action. An overdue
// subscription has only "Pay now", though Resume would do the same.
func Offers(c *ledger.Customer, do ledger.Action, now time.Time) bool {
	return c.Can(ledger.Command{Action: do}, now) && (do != ledger.Resume || c.Status != ledger.StatusPastDue)
}

// Badge is a word about a subscription, and its tone: good, warn, bad or none.
type Badge struct{ Text, Tone string }

var badges = map[string]Badge{
	"":                    {"No subscription", "none"},
	ledger.StatusActive:   {"Active", "good"},
	ledger.StatusTrialing: {"Trial", "good"},
	ledger.StatusPastDue:  {"Payment overdue", "bad"},
	ledger.StatusPaused:   {"Paused", "warn"},
	ledger.StatusCanceled: {"Canceled", "warn"},
}

// BadgeOf is the word about a customer's subscription.
func BadgeOf(c *ledger.Customer, now time.Time) Badge {
	badge, ok := badges[c.Status]
	switch {
	case !ok:
		return Badge{c.Status, "none"}
	case c.Status == ledger.StatusCanceled && !now.Before(c.PaidUntil):
		return Badge{"Ended", "none"}
	}
	return badge
}
