package demo

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// askTimeout is how long the home page waits for Kanuu: it shows the notes without,
// too.
const askTimeout = 2 * time.Second

// state is a subscription in words.
type state struct {
	Label  string
	Tone   string // of the label: good, warn or none
	Text   string
	PlanID int64 // 0: none

	Known, Subscribed bool
}

// stateOf asks for the user's subscription.
func (a *App) stateOf(r *http.Request, user *User) state {
	ctx, cancel := context.WithTimeout(r.Context(), askTimeout)
	defer cancel()
	subscription, err := a.Client.Subscription(ctx, user.ID)
	if err == nil {
		return describe(subscription)
	}
	if r.Context().Err() == nil { // the user waits
		a.logger.Warn("the home page has no subscription to show", "error", err)
	}
	return state{
		Label: "Not known right now", Tone: "none",
		Text: "Your subscription is as it was, it just cannot be shown at the moment.",
	}
}

func describe(s kanuu.Subscription) state {
	described := state{
		Label: label(s), Tone: "good", Text: "Pro is open to you.", PlanID: s.PlanID, Known: true, Subscribed: s.IsSubscribed,
	}
	switch {
	case s.IsSubscribed && s.Status == kanuu.StatusPastDue:
		described.Tone, described.Text = "warn", "The last payment failed. Pro stays open while it is tried again."
	case s.OnGracePeriod():
		described.Tone, described.Text = "warn", "Pro stays open until the time that you paid for is over."
	case s.IsSubscribed:
	case s.Status == "":
		described.Tone, described.Text = "none", "Your notes are free. Pro is for subscribers."
	default:
		described.Tone, described.Text = "warn", "Pro is closed until you are subscribed again."
	}
	return described
}

func label(s kanuu.Subscription) string {
	switch s.Status {
	case kanuu.StatusTrialing:
		return "Trial"
	case kanuu.StatusActive:
		return "Active"
	case kanuu.StatusPastDue:
		return "Payment overdue"
	case kanuu.StatusPaused:
		return "Paused"
	case kanuu.StatusCanceled:
		return "Canceled"
	default:
		return cmp.Or(s.StatusText, "No subscription")
	}
}
