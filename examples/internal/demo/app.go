package demo

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// App is Acme Notes. Its exported half is what an example builds on; it is safe
// for concurrent use.
type App struct {
	Client  *kanuu.Client
	Webhook *kanuu.WebhookHandler // nil: PADDLE_PUBLIC_KEY is not set
	Getenv  func(string) string

	// An example with a database of its own sets these before it returns its handler:
	// lines for the home page, kanuu.Config.LastKnown, and what to do at the end.
	Facts     func(ctx context.Context, user *User) ([]Fact, error)
	LastKnown lastKnown
	Close     func() error

	framework string
	control   string // page of the emulator; empty: there is none
	sessions  sessions
	events    events
	logger    *slog.Logger
}

// Fact is a line about the user's subscription.
type Fact struct {
	Name, Text string
}

// User returns who is logged in by the session cookie.
func (a *App) User(r *http.Request) (*User, bool) {
	return a.sessions.user(r)
}

// Home is the page at /. The user is nil if they are not logged in.
func (a *App) Home(w http.ResponseWriter, r *http.Request, user *User) {
	a.home(w, r, http.StatusOK, user, "")
}

func (a *App) home(w http.ResponseWriter, r *http.Request, status int, user *User, alert string) {
	data := view{User: user, Alert: alert, Next: r.FormValue("next")}
	if user != nil {
		data.State, data.Events = a.stateOf(r, user), a.events.last(user.ID)
		if a.Facts != nil {
			facts, err := a.Facts(r.Context(), user)
			if err != nil {
				a.logger.Error("the database failed", "error", err)
			}
			data.Facts = facts
		}
	}
	a.render(w, status, homePage, data)
}

// Pro is the page at /pro, for a user who has that subscription.
func (a *App) Pro(w http.ResponseWriter, user *User, subscription kanuu.Subscription) {
	a.render(w, http.StatusOK, proPage, view{User: user, State: describe(subscription)})
}

// NotFound is the page for everything that is not there.
func (a *App) NotFound(w http.ResponseWriter, _ *http.Request) {
	a.render(w, http.StatusNotFound, messagePage, view{
		Title: "Nothing here",
		Text:  "This page does not exist, or no longer does.",
	})
}

func (a *App) login(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	login := r.PostFormValue("user")
	user, ok := userByLogin(login)
	if !ok {
		current, _ := a.User(r)
		a.home(w, r, http.StatusUnprocessableEntity, current, fmt.Sprintf("There is no user “%s”.", login))
		return
	}
	a.sessions.start(w, r, user)
	http.Redirect(w, r, kanuu.LocalPath(r.PostFormValue("next"), "/"), http.StatusSeeOther)
}

func (a *App) logout(w http.ResponseWriter, r *http.Request) {
	a.sessions.end(w, r)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *App) crossOrigin(w http.ResponseWriter, _ *http.Request) {
	a.render(w, http.StatusForbidden, messagePage, view{
		Title: "Not from there",
		Text:  "This form was sent from another site, so nothing was done.",
	})
}

// around puts what has nothing to do with Kanuu around the framework's handler:
// logging in and out, the style sheet, headers, the log.
func (a *App) around(handler http.Handler) http.Handler {
	// The forms of this app; /billing has a protection of its own.
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(a.logged(a.crossOrigin))

	mux := http.NewServeMux()
	mux.Handle("POST /login", protection.Handler(a.logged(a.login)))
	mux.Handle("GET /login", http.RedirectHandler("/", http.StatusSeeOther)) // a reload after a failed login
	mux.Handle("POST /logout", protection.Handler(a.logged(a.logout)))
	mux.HandleFunc("GET /style.css", asset)
	mux.HandleFunc("GET /icon.svg", asset)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/", a.logged(handler.ServeHTTP))
	return hardened(mux)
}

// hardened sets the headers that every answer gets, unless it knows better.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		// form-action holds for where a form is redirected to, too: a form
		// that is posted to /billing would need the portal's host here. A link
		// does not.
		header.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Referrer-Policy", "same-origin")
		header.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}

// logged writes a line for every request: never its query, nor where it was
// redirected to, since the portal's URL logs its bearer in.
func (a *App) logged(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		answer := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		next(answer, r)
		a.logger.Info("request", "method", r.Method, "path", r.URL.Path,
			"status", answer.status, "took", time.Since(start).Round(time.Microsecond))
	})
}

type statusWriter struct {
	http.ResponseWriter

	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

//go:embed assets
var assets embed.FS

func asset(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, assets, "assets"+r.URL.Path)
}

var (
	homePage    = page("assets/home.html")
	proPage     = page("assets/pro.html")
	messagePage = page("assets/message.html")
)

func page(file string) *template.Template {
	return template.Must(template.ParseFS(assets, "assets/layout.html", file))
}

// view is what the pages show.
type view struct {
	User   *User
	State  state // of the user's subscription
	Facts  []Fact
	Events []event
	Alert  string
	Next   string // page to open after the login

	Title, Text string // of a message

	Framework string
	Control   string // as App has it
	Users     []*User
}

func (a *App) render(w http.ResponseWriter, status int, page *template.Template, data view) {
	data.Framework, data.Control, data.Users = a.framework, a.control, users

	var body bytes.Buffer
	if err := page.ExecuteTemplate(&body, "layout.html", data); err != nil {
		a.logger.Error("a page cannot be rendered", "error", err)
		http.Error(w, "Something went wrong.", http.StatusInternalServerError)
		return
	}

	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store") // it says who is logged in
	w.WriteHeader(status)
	w.Write(body.Bytes())
}
