package guide

import (
	"net/http"

	"github.com/kanuu-io/kanuu-go"
)

// WithReturn is an application whose login leads back to where people were.
func WithReturn(client *kanuu.Client, who kanuu.IdentifierResolver, pro http.Handler) http.Handler {
	// snippet: return
	gate := kanuu.NewGate(client, &kanuu.GateOptions{
		BillingURL: "/billing", LoginURL: "/login", ReturnParam: "next", // /login?next=%2Fpro
	})
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login", ReturnParam: "next"}))
	mux.Handle("/pro", gate.Handler(who, pro))
	// snippet: end

	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, kanuu.LocalPath(r.FormValue("next"), "/"), http.StatusSeeOther) //nolint:gosec // only local
	})
	return mux
}
