package guide

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/kanuu-io/kanuu-go"
)

// WithReturn is an application whose login leads back to where people were.
func WithReturn(client *kanuu.Client, who kanuu.IdentifierResolver, pro http.Handler) http.Handler {
	// snippet: return
	gate := kanuu.NewGate(client, &kanuu.GateOptions{
		BillingURL: "/billing", LoginURL: "/login", ReturnParam: "next", // /login?next=%2Fpro
	})
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login?next=%2Fbilling"}))
	mux.Handle("/pro", gate.Handler(who, pro))
	// snippet: end

	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, localPath(r.FormValue("next")), http.StatusSeeOther) //nolint:gosec // localPath refuses other sites
	})
	return mux
}

// snippet: local path
// localPath is next where it leads to a page of this application, else the start page.
func localPath(next string) string {
	u, err := url.Parse(next) // refuses what has a tab or a line end in it
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(next, "/") ||
		strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	return next
}

// snippet: end
