// Command gorilla is Acme Notes on gorilla/mux, with a billing portal and a page
// for subscribers. gorilla/mux is net/http, so there is no adapter in between.
//
//	go run ./examples/gorilla
package main

import (
	"context"
	"net/http"
	"os"

	"github.com/gorilla/mux"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

func main() { os.Exit(demo.Run("gorilla/mux", NewHandler)) }

// NewHandler returns the app's own routes, /billing, /pro for subscribers, and
// what Paddle calls.
func NewHandler(app *demo.App) (http.Handler, error) {
	r := mux.NewRouter()
	r.Use(session(app))

	r.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		app.Home(w, r, loggedIn(r.Context()))
	}).Methods(http.MethodGet)
	r.NotFoundHandler = http.HandlerFunc(app.NotFound)

	who := kanuu.IdentifierResolverFunc(who)
	r.Handle("/billing", kanuu.NewRedirectHandler(app.Client, who, &kanuu.RedirectOptions{LoginURL: "/"}))

	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/"})
	r.Handle("/pro", gate.Handler(who, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subscription, _ := kanuu.SubscriptionFromContext(r.Context())
		app.Pro(w, loggedIn(r.Context()), subscription)
	}))).Methods(http.MethodGet)
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("subscription_*", app.KeepEvent)
		r.Handle("/webhooks/paddle", hook).Methods(http.MethodPost)
	}
	return r, nil
}

// who tells Kanuu whose subscription it is. The answer comes from the session,
// never from anything that a visitor can choose.
func who(r *http.Request) (kanuu.Identity, error) {
	user := loggedIn(r.Context())
	if user == nil {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
}

// session puts the logged-in user into the request's context.
func session(app *demo.App) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if user, ok := app.User(r); ok {
				r = r.WithContext(context.WithValue(r.Context(), userKey{}, user))
			}
			next.ServeHTTP(w, r)
		})
	}
}

type userKey struct{}

// loggedIn returns who is logged in, or nil.
func loggedIn(ctx context.Context) *demo.User {
	user, _ := ctx.Value(userKey{}).(*demo.User)
	return user
}
