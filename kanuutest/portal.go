package kanuutest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
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
		"style":   func() template.CSS { return template.CSS(style) },
		"initial": func(s string) string { return strings.ToUpper(string([]rune(s)[:1])) },
		"period":  Plan.period,
		"date":    func(t time.Time) string { return t.UTC().Format(dateFormat) },
		"day":     func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
		"moment":  func(t time.Time) string { return t.UTC().Format(dateFormat + ", 15:04 MST") },
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).ParseFS(templates, "templates/*.html"))
	policy = "default-src 'none'; style-src 'sha256-" + digest(style) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
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

// dateFormat is how the portal writes days, which are those of UTC.
const dateFormat = "2 January 2006"

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
		k.nonsense(w, http.StatusMethodNotAllowed)
	}
}

// portalHead answers the status of a GET and uses nothing up.
func (k *Kanuu) portalHead(w http.ResponseWriter, r *http.Request, at location) {
	if _, ok := k.visitor(r, at); !ok && !k.links.unused(at.nonce) {
		w.WriteHeader(http.StatusForbidden)
	}
}

func (k *Kanuu) portalGet(w http.ResponseWriter, r *http.Request, at location) {
	v, opened := k.links.open(at.nonce)
	if opened {
		http.SetCookie(w, &http.Cookie{
			Name:     sessionCookie,
			Value:    v.session,
			Path:     k.portalPath(at),
			HttpOnly: true,
			Secure:   r.TLS != nil,
			SameSite: http.SameSiteLaxMode,
		})
	} else {
		var ok bool
		if v, ok = k.visitor(r, at); !ok {
			k.notIn(w, at)
			return
		}
	}
	k.show(w, r.URL.Query(), v, k.home(at))
}

// show answers one of the pages. What they are about may be over: then the
// first page says what is.
func (k *Kanuu) show(w http.ResponseWriter, query url.Values, v visitor, home string) {
	var (
		file string
		data any
		ok   bool
	)
	switch query.Get("show") {
	case "":
		file, data, ok = "portal.html", k.overview(v.identifier, home, k.links.take(v.session)), true
	case "plan":
		plan, known := k.offered(query.Get("plan"))
		if !known {
			k.nonsense(w, http.StatusNotFound)
			return
		}
		file = "plan.html"
		data, ok = k.planPage(v.identifier, home, plan, newCardForm())
	case "cancel":
		file = "cancel.html"
		data, ok = k.cancelPage(v.identifier, home)
	case "card":
		file = "card.html"
		data, ok = k.cardPage(v.identifier, home, newCardForm())
	default:
		k.nonsense(w, http.StatusNotFound)
		return
	}
	if !ok {
		seeOther(w, home)
		return
	}
	k.render(w, http.StatusOK, file, data)
}

func (k *Kanuu) portalPost(w http.ResponseWriter, r *http.Request, at location) {
	var sameOrigin http.CrossOriginProtection
	if sameOrigin.Check(r) != nil {
		k.notice(w, http.StatusForbidden, "This came from another site", "Open the portal from your application and try again.")
		return
	}
	v, ok := k.visitor(r, at)
	if !ok {
		k.notIn(w, at)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if r.ParseForm() != nil {
		k.nonsense(w, http.StatusBadRequest)
		return
	}
	o, ok := k.readOrder(r.PostForm)
	if !ok {
		k.nonsense(w, http.StatusBadRequest)
		return
	}
	if o.action == actionCard || o.action == actionSubscribe && filledIn(r.PostForm) {
		var form cardForm
		if o.card, form, ok = readCard(r.PostForm, k.Now()); !ok {
			k.askAgain(w, o, form, v, k.home(at))
			return
		}
	}
	c, done := k.perform(v.identifier, o)
	k.links.leave(v.session, o.answer(c, done, k))
	seeOther(w, k.home(at))
}

// readOrder reads what a form asks for, but for the card.
func (k *Kanuu) readOrder(form url.Values) (o order, ok bool) {
	o, ok = k.order(form.Get("action"), form.Get("plan"))
	var err error
	if text := form.Get("next"); text != "" && ok {
		o.next, err = time.Parse(time.RFC3339Nano, text)
		ok = err == nil
	}
	if text := form.Get("payment"); text != "" && ok {
		o.payment, err = strconv.ParseInt(text, 10, 64)
		ok = err == nil
	}
	return o, ok
}

// askAgain shows a form for a card once more, with what was filled in.
func (k *Kanuu) askAgain(w http.ResponseWriter, o order, form cardForm, v visitor, home string) {
	if o.action == actionSubscribe {
		// Where a plan can be switched, no card is asked for.
		if data, ok := k.planPage(v.identifier, home, o.plan, form); ok && !data.Live {
			k.render(w, http.StatusUnprocessableEntity, "plan.html", data)
			return
		}
	} else if data, ok := k.cardPage(v.identifier, home, form); ok {
		k.render(w, http.StatusUnprocessableEntity, "card.html", data)
		return
	}
	k.links.leave(v.session, nothingChanged)
	seeOther(w, home)
}

// home is the portal's first page, by the link that the visitor came with.
func (k *Kanuu) home(at location) string {
	if at.nonce == "" {
		return k.portalPath(at)
	}
	return k.portalPath(at) + "/" + at.nonce
}

func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// visitor is the one whose session the request carries. A browser may send
// cookies of the same name from fakes below other paths.
func (k *Kanuu) visitor(r *http.Request, at location) (v visitor, ok bool) {
	for _, c := range r.CookiesNamed(sessionCookie) {
		if v, ok = k.links.visit(c.Value, at.nonce); ok {
			return v, true
		}
	}
	return visitor{}, false
}

// notIn answers who has no session for what was asked for.
func (k *Kanuu) notIn(w http.ResponseWriter, at location) {
	title, text := "This link is not known",
		"It was used long ago, or this fake Kanuu was restarted since: a restart forgets all links. "+
			"Go back to your application and open it from there again."
	switch {
	case at.nonce == "", k.links.unused(at.nonce):
		title, text = "You are not logged in", "Go back to your application and open this page from there."
	case k.links.known(at.nonce):
		title, text = "This link was already used",
			"A link to this page works once. Go back to your application and open it from there again."
	}
	k.notice(w, http.StatusForbidden, title, text)
}

func (k *Kanuu) nonsense(w http.ResponseWriter, status int) {
	k.notice(w, status, "This page cannot do that", "Go back and use the buttons of the page.")
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
