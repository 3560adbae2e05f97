// Package routers holds the snippets of docs/routers.md, so that they compile. Its
// tests run the conformance suite on them.
package routers

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"

	"github.com/kanuu-io/kanuu-go"
)

// MountServeMux is for net/http.
func MountServeMux(mux *http.ServeMux, portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver,
	pro http.Handler) {
	// snippet: net/http
	mux.Handle("/billing", portal)
	mux.Handle("/pro", gate.Handler(who, pro))
	mux.Handle("POST /webhooks/paddle", hook)
	// snippet: end
}

// MountChi is for chi v5.
func MountChi(r chi.Router, portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver, pro http.Handler) {
	// snippet: chi
	r.Handle("/billing", portal)
	r.Group(func(r chi.Router) {
		r.Use(func(next http.Handler) http.Handler { return gate.Handler(who, next) })
		r.Handle("/pro", pro)
	})
	r.Method(http.MethodPost, "/webhooks/paddle", hook)
	// snippet: end
}

// MountGorilla is for gorilla/mux.
func MountGorilla(r *mux.Router, portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver, pro http.Handler) {
	// snippet: gorilla
	r.Handle("/billing", portal)
	r.Handle("/pro", gate.Handler(who, pro))
	r.Handle("/webhooks/paddle", hook).Methods(http.MethodPost)
	// snippet: end
}

// User is whatever the application has.
type User struct{ ID, Email string }
