// Command quickstart is the program of the README.

// snippet: program
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"github.com/kanuu-io/kanuu-go"
)

// user returns the logged-in customer: ask your session here.
func user(*http.Request) (kanuu.Identity, error) {
	return kanuu.Identity{Identifier: "user:42", Email: "ann@example.com"}, nil // or kanuu.ErrUnauthenticated
}

func pro(w http.ResponseWriter, r *http.Request) {
	subscription, _ := kanuu.SubscriptionFromContext(r.Context())
	fmt.Fprintln(w, "Welcome to Pro on plan", subscription.PlanID)
}

func welcome(_ context.Context, e kanuu.Event) error {
	log.Println("subscribed:", e.Identifier)
	return nil
}

func app() (http.Handler, error) {
	client, err := kanuu.NewClientFromEnv() // KANUU_API_KEY, and KANUU_BASE_URL for the emulator
	if err != nil {
		return nil, err
	}
	hook, err := kanuu.NewWebhookHandler(client, os.Getenv("PADDLE_PUBLIC_KEY"), nil)
	if err != nil {
		return nil, err
	}
	hook.On(kanuu.AlertSubscriptionCreated, welcome)

	resolver := kanuu.IdentifierResolverFunc(user)
	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/login"})
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, resolver, &kanuu.RedirectOptions{LoginURL: "/login"}))
	mux.Handle("/pro", gate.Handler(resolver, http.HandlerFunc(pro)))
	mux.Handle("/webhooks/paddle", hook)
	return mux, nil
}

func main() {
	handler, err := app()
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", handler)) //nolint:gosec // an example
}

// snippet: end
