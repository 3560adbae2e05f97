package kanuutest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"time"
)

// The portal: what a customer sees behind the one-time link.

//go:embed templates
var templates embed.FS

// The style sheet stands in the page, and the policy names it by its digest:
// nothing else can be loaded or run.
var (
	style = mustRead("templates/style.css")
	pages = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(style) },
	}).ParseFS(templates, "templates/*.html"))
	policy = "default-src 'none'; style-src 'sha256-" + digest(style) + "'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

func mustRead(name string) string {
	b, err := templates.ReadFile(name)
	if err != nil {
		panic(err) // it is compiled in
	}
	return string(b)
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

const (
	sessionCookie = "kanuutest_session"
	maxForm       = 64 << 10
)

func (k *Kanuu) servePortal(w http.ResponseWriter, r *http.Request, at location) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// Keeps the link from the application, and, unlike no-referrer, lets
	// browsers name the Origin of a form, which the check below may need.
	h.Set("Referrer-Policy", "same-origin")

	switch r.Method {
	case http.MethodHead:
		k.portalHead(w, r, at)
	case http.MethodGet:
		k.portalGet(w, r, at)
	case http.MethodPost:
		k.portalPost(w, r, at)
	default:
		h.Set("Allow", "GET, HEAD, POST")
		k.notice(w, http.StatusMethodNotAllowed, "This page cannot do that", "Go back and use the buttons of the page.")
	}
}

// portalHead answers the status of a GET and uses nothing up.
func (k *Kanuu) portalHead(w http.ResponseWriter, r *http.Request, at location) {
	if _, ok := k.visitor(r, at); !ok && !k.links.unused(at.nonce) {
		w.WriteHeader(http.StatusForbidden)
	}
}

func (k *Kanuu) portalGet(w http.ResponseWriter, r *http.Request, at location) {
	session, identifier, opened := k.links.open(at.nonce)
	if opened {
		http.SetCookie(w, &http.Cookie{
			Name:     sessionCookie,
			Value:    session,
			Path:     k.portalPath(at),
			HttpOnly: true,
			Secure:   r.TLS != nil,
			SameSite: http.SameSiteLaxMode,
		})
	} else {
		var ok bool
		if identifier, ok = k.visitor(r, at); !ok {
			k.usedLink(w)
			return
		}
	}
	k.render(w, http.StatusOK, "portal.html", k.view(identifier))
}

func (k *Kanuu) portalPost(w http.ResponseWriter, r *http.Request, at location) {
	var sameOrigin http.CrossOriginProtection
	if sameOrigin.Check(r) != nil {
		k.notice(w, http.StatusForbidden, "This came from another site", "Open the portal from your application and try again.")
		return
	}
	identifier, ok := k.visitor(r, at)
	if !ok {
		k.usedLink(w)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil || !k.act(identifier, r.PostFormValue("action"), r.PostFormValue("plan")) {
		k.notice(w, http.StatusBadRequest, "This page cannot do that", "Go back and use the buttons of the page.")
		return
	}
	to := k.portalPath(at)
	if at.nonce != "" {
		to += "/" + at.nonce
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// visitor is the identifier whose session the request carries. A browser may
// send cookies of the same name from fakes below other paths.
func (k *Kanuu) visitor(r *http.Request, at location) (identifier string, ok bool) {
	for _, c := range r.CookiesNamed(sessionCookie) {
		if identifier, ok = k.links.visit(c.Value, at.nonce); ok {
			return identifier, true
		}
	}
	return "", false
}

// flash is a message after an action.
type flash struct{ Text, Tone string }

// view is what the page shows.
type view struct {
	ReturnURL  string
	Identifier string
	Has        bool // there is, or was, a subscription
	Plan       Plan
	Badge      string
	Tone       string    // of the badge: good, warn, bad, none
	PaidUntil  time.Time // in UTC
	Offers     []offer
	Buttons    []button
	API        string
}

type offer struct {
	Plan
	Current bool
	Verb    string
}

type button struct {
	Action      action
	Label, Hint string
}

func (k *Kanuu) view(identifier string) view {
	now := k.Now()
	s := k.customer(identifier)
	v := view{
		ReturnURL:  k.backURL(),
		Identifier: identifier,
		Has:        s.Status != "",
		Plan:       k.plan(s.PlanID),
		PaidUntil:  s.PaidUntil.UTC(),
	}
	v.Badge, v.Tone = badge(s.Status)
	for _, p := range k.plans {
		o := offer{Plan: p, Current: s.running() && p.ID == s.PlanID, Verb: "Subscribe to"}
		if s.running() {
			o.Verb = "Switch to"
		}
		v.Offers = append(v.Offers, o)
	}
	for _, b := range buttons {
		if s.can(order{action: b.Action}, now) {
			switch {
			case b.Action == actionResume && s.Status == StatusPastDue:
				b.Label, b.Hint = "Pay now", "The payment goes through this time."
			case b.Action == actionCancel && !s.subscribed(now):
				b.Hint = "There is no paid time left."
			}
			v.Buttons = append(v.Buttons, b)
		}
	}
	api, err := json.MarshalIndent(k.describe(s.Subscription), "", "  ")
	if err != nil {
		panic(err) // it has only strings, numbers and booleans
	}
	v.API = string(api)
	return v
}

var buttons = []button{
	{actionResume, "Resume", "Goes on as if nothing had been."},
	{actionPause, "Pause", "Stays usable until the paid time is over."},
	{actionCancel, "Cancel", "Stays usable until the paid time is over."},
	{actionFail, "Let the next payment fail", "The next period will not be paid."},
}

func badge(status string) (text, tone string) {
	switch status {
	case "":
		return "No subscription", "none"
	case StatusActive:
		return "Active", "good"
	case StatusTrialing:
		return "Trial", "good"
	case StatusPastDue:
		return "Payment overdue", "bad"
	case StatusPaused:
		return "Paused", "warn"
	case StatusCanceled:
		return "Canceled", "warn"
	}
	return status, "none"
}

func (k *Kanuu) usedLink(w http.ResponseWriter) {
	k.notice(w, http.StatusForbidden, "This link was already used",
		"A link to this page works once. Go back to your application and open it from there again.")
}

func (k *Kanuu) notice(w http.ResponseWriter, status int, title, text string) {
	k.render(w, status, "notice.html", struct{ ReturnURL, Title, Text string }{k.backURL(), title, text})
}

func (k *Kanuu) render(w http.ResponseWriter, status int, page string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, page, data); err != nil {
		panic(err) // the pages are compiled in and so is what they show
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a visitor who is gone has nobody to tell
}
