package guide

import (
	"fmt"
	"net/http"

	"github.com/kanuu-io/kanuu-go"
)

// Member is a row of the application: a user in a team, with their rights.
type Member struct {
	UserID, TeamID string
	Owner          bool
	Email          string
}

// Members is the application's own table.
type Members interface {
	// OfSession is the member that the session names, in the team that they
	// chose to work in. ok is false if the user is not logged in.
	OfSession(r *http.Request) (member Member, ok bool, err error)
}

// WithTeams is an application in which teams and people pay.
func WithTeams(client *kanuu.Client, members Members, pro http.Handler) http.Handler {
	// snippet: teams
	// payer is the team, or a user without one.
	payer := func(member Member) string {
		if member.TeamID != "" {
			return "team:" + member.TeamID
		}
		return "user:" + member.UserID
	}

	// Before gated pages: every member of a team that pays has access.
	anyMember := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		member, ok, err := members.OfSession(r)
		switch {
		case err != nil:
			return kanuu.Identity{}, err // a 500, and the cause in the log
		case !ok:
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: payer(member)}, nil
	})

	// At /billing: a link opens the team's portal, where plans are bought and cancelled.
	ownersOnly := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		member, ok, err := members.OfSession(r)
		switch {
		case err != nil:
			return kanuu.Identity{}, err
		case !ok:
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		case member.TeamID != "" && !member.Owner:
			return kanuu.Identity{}, kanuu.ErrForbidden
		}
		return kanuu.Identity{Identifier: payer(member), Email: member.Email}, nil
	})

	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/login"})

	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, ownersOnly, &kanuu.RedirectOptions{LoginURL: "/login"}))
	mux.Handle("/pro", gate.Handler(anyMember, pro))
	// snippet: end
	return mux
}

// Back is the page to which the portal leads back.
func Back(client *kanuu.Client, who kanuu.IdentifierResolver) http.Handler {
	// snippet: back
	// The page that Kanuu's "Back to your application" leads to.
	back := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		identity, err := who.ResolveIdentifier(r)
		if err != nil {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		subscription, err := client.Subscription(r.Context(), identity.Identifier)
		switch {
		case err != nil:
			http.Error(w, "Your subscription is as you left it; it just cannot be shown right now.", kanuu.HTTPStatus(err))
		case subscription.IsSubscribed:
			http.Redirect(w, r, "/pro", http.StatusSeeOther)
		default: // cancelled, changed their mind, or Paddle is not done yet
			w.Header().Set("Refresh", "5") // the cache asks again every 5 seconds for now
			fmt.Fprintln(w, "Not subscribed yet. This page looks again by itself.")
		}
	})
	// snippet: end
	return back
}
