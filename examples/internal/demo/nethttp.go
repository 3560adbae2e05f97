package demo

import (
	"context"
	"net/http"

	"github.com/kanuu-io/kanuu-go"
)

// What net/http and the routers built on it share. The other frameworks have their own context and their own
// handlers, so that their examples have this in main.go.

// Who tells Kanuu whose subscription it is. It takes the user from the session, never from anything that the
// request can choose.
func Who(r *http.Request) (kanuu.Identity, error) {
	user := loggedIn(r.Context())
	if user == nil {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
}

// Session is a middleware that puts the logged-in user into the request's context.
func (a *App) Session(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, ok := a.User(r); ok {
			r = r.WithContext(context.WithValue(r.Context(), userKey{}, user))
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHome serves the page at /, behind [App.Session].
func (a *App) ServeHome(w http.ResponseWriter, r *http.Request) {
	a.Home(w, r, loggedIn(r.Context()))
}

// ServePro serves the page at /pro, behind [App.Session] and a gate.
func (a *App) ServePro(w http.ResponseWriter, r *http.Request) {
	subscription, _ := kanuu.SubscriptionFromContext(r.Context())
	a.Pro(w, loggedIn(r.Context()), subscription)
}

type userKey struct{}

// loggedIn returns the logged-in user, or nil.
func loggedIn(ctx context.Context) *User {
	user, _ := ctx.Value(userKey{}).(*User)
	return user
}
