// Command gorilla is Acme Notes on gorilla/mux, with a billing portal and a page
// for subscribers. gorilla/mux is net/http, so there is no adapter in between.
//
//	go run ./examples/gorilla
package main

import (
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
	who := kanuu.IdentifierResolverFunc(demo.Who)
	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/", ReturnParam: "next"})

	r := mux.NewRouter()
	r.Use(app.Session)
	r.HandleFunc("/", app.ServeHome).Methods(http.MethodGet)
	r.NotFoundHandler = http.HandlerFunc(app.NotFound)
	r.Handle("/billing", kanuu.NewRedirectHandler(app.Client, who, &kanuu.RedirectOptions{LoginURL: "/", ReturnParam: "next"}))
	r.Handle("/pro", gate.Handler(who, http.HandlerFunc(app.ServePro))).Methods(http.MethodGet)
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("subscription_*", app.KeepEvent)
		r.Handle("/webhooks/paddle", hook).Methods(http.MethodPost)
	}
	return r, nil
}
