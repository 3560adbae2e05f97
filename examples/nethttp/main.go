// Command nethttp is Acme Notes on net/http alone, with a billing portal and a
// page for subscribers.
//
//	go run ./examples/nethttp
package main

import (
	"net/http"
	"os"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

func main() { os.Exit(demo.Run("net/http", NewHandler)) }

// NewHandler returns the app's own routes, /billing, /pro for subscribers, and
// what Paddle calls.
func NewHandler(app *demo.App) (http.Handler, error) {
	who := kanuu.IdentifierResolverFunc(demo.Who)
	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/", ReturnParam: "next"})

	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", app.ServeHome)
	mux.HandleFunc("/", app.NotFound)
	mux.Handle("/billing", kanuu.NewRedirectHandler(app.Client, who, &kanuu.RedirectOptions{LoginURL: "/", ReturnParam: "next"}))
	mux.Handle("GET /pro", gate.Handler(who, http.HandlerFunc(app.ServePro)))
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("subscription_*", app.KeepEvent)
		mux.Handle("POST /webhooks/paddle", hook)
	}
	return app.Session(mux), nil
}
