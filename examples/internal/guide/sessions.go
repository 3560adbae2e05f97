// Package guide holds the Go code of docs/*.md, so that it compiles and is
// tested. The test of package readme holds the two together.
package guide

import (
	"net/http"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/sessions"

	"github.com/kanuu-io/kanuu-go"
)

// User is whatever the application has.
type User struct{ ID, Email string }

// Users is the application's own table.
type Users map[string]User

// WithSCS is an application whose sessions are kept by scs.
func WithSCS(client *kanuu.Client, users Users, manager *scs.SessionManager) http.Handler {
	// snippet: scs
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		user, ok := users[manager.GetString(r.Context(), "user-id")]
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: "user:" + user.ID, Email: user.Email}, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login"}))
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		user, ok := logIn(users, r)
		if !ok {
			http.Error(w, "wrong password", http.StatusForbidden)
			return
		}
		if err := manager.RenewToken(r.Context()); err != nil { // against session fixation
			http.Error(w, "try again", http.StatusInternalServerError)
			return
		}
		manager.Put(r.Context(), "user-id", user.ID)
		http.Redirect(w, r, "/", http.StatusSeeOther)
	})
	handler := manager.LoadAndSave(mux) // around all that asks for the session
	// snippet: end
	return handler
}

// WithGorilla is one whose sessions are kept by gorilla/sessions.
func WithGorilla(client *kanuu.Client, users Users, store sessions.Store) http.Handler {
	// snippet: gorilla
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		session, err := store.Get(r, "acme")
		if err != nil { // a cookie that is old, forged or signed with another key
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		id, _ := session.Values["user-id"].(string)
		user, ok := users[id]
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: "user:" + user.ID, Email: user.Email}, nil
	})
	// snippet: end

	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login"}))
	return mux
}

// logIn is whatever the application does.
func logIn(users Users, r *http.Request) (User, bool) {
	user, ok := users[r.PostFormValue("user")]
	return user, ok
}
