// Command chi is Acme Notes on chi, with a billing portal and a page for
// subscribers. chi's handlers and middlewares are net/http's, so there is no
// adapter in between.
//
//	go run ./examples/chi
package main

import (
	"net/http"
	"os"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

func main() { os.Exit(demo.Run("chi", NewHandler)) }

// NewHandler returns the app's own routes, /billing, /pro for subscribers, and
// what Paddle calls.
func NewHandler(app *demo.App) (http.Handler, error) {
	who := kanuu.IdentifierResolverFunc(demo.Who)
	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/", ReturnParam: "next"})

	r := chi.NewRouter()
	r.Use(middleware.Recoverer, app.Session)
	r.Get("/", app.ServeHome)
	r.NotFound(app.NotFound)
	r.Handle("/billing", kanuu.NewRedirectHandler(app.Client, who, &kanuu.RedirectOptions{LoginURL: "/", ReturnParam: "next"}))
	r.Group(func(r chi.Router) {
		r.Use(func(next http.Handler) http.Handler { return gate.Handler(who, next) })
		r.Get("/pro", app.ServePro)
	})
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("subscription_*", app.KeepEvent)
		r.Method(http.MethodPost, "/webhooks/paddle", hook)
	}
	return r, nil
}
