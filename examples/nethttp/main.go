// Command nethttp is Acme Notes on net/http alone, with a billing portal and a
// page for subscribers.
//
//	go run ./examples/nethttp
package main

import (
	"context"
	"net/http"
	"os"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

func main() { os.Exit(demo.Run("net/http", NewHandler)) }

// NewHandler returns the app's own routes, /billing, /pro for subscribers, and
// what Paddle calls.
func NewHandler(app *demo.App) (http.Handler, error) {
	mux := http.NewServeMux()

	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		app.Home(w, r, loggedIn(r.Context()))
	})
	mux.HandleFunc("/", app.NotFound)

	who := kanuu.IdentifierResolverFunc(who)
	mux.Handle("/billing", kanuu.NewRedirectHandler(app.Client, who, &kanuu.RedirectOptions{LoginURL: "/"}))

	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/"})
	mux.Handle("GET /pro", gate.Handler(who, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subscription, _ := kanuu.SubscriptionFromContext(r.Context())
		app.Pro(w, loggedIn(r.Context()), subscription)
	})))
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("subscription_*", app.KeepEvent)
		mux.Handle("POST /webhooks/paddle", hook)
	}
	return session(app, mux), nil
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
func session(app *demo.App, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, ok := app.User(r); ok {
			r = r.WithContext(context.WithValue(r.Context(), userKey{}, user))
		}
		next.ServeHTTP(w, r)
	})
}

type userKey struct{}

// loggedIn returns who is logged in, or nil.
func loggedIn(ctx context.Context) *demo.User {
	user, _ := ctx.Value(userKey{}).(*demo.User)
	return user
}
