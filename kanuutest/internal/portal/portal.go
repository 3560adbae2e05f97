// Package portal is what a customer sees behind the one-time link: a page to
// subscribe, switch, pause and cancel.
package portal

import (
	"embed"
	"errors"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/page"
)

//go:embed templates
var files embed.FS

var pages = page.New(files, "", template.FuncMap{
	"initial": func(s string) string { return strings.ToUpper(string([]rune(s)[:1])) },
	"price":   func(p ledger.Plan) string { return strings.TrimSpace(p.Price + " " + p.Currency) },
	"date":    func(t time.Time) string { return t.UTC().Format("2 January 2006") },
	"day":     func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
})

const (
	sessionCookie = "kanuutest_session"
	maxForm       = 64 << 10
)

// Portal is safe for concurrent use.
type Portal struct {
	team      string
	store     *ledger.Ledger
	returnURL atomic.Pointer[string]
	sessions  sessions
}

// New returns the portal of a seller's team.
func New(team string, store *ledger.Ledger) *Portal { return &Portal{team: team, store: store} }

// SetReturnURL changes where "Back to your application" leads.
func (p *Portal) SetReturnURL(to string) { p.returnURL.Store(&to) }

// ReturnURL is where it leads.
func (p *Portal) ReturnURL() string { return *p.returnURL.Load() }

// Mint makes a one-time link for a customer, and notes the contact.
func (p *Portal) Mint(identifier string, c ledger.Contact) (nonce string) {
	p.store.Meet(identifier, c)
	return p.sessions.make(identifier, true).Secret
}

// Open uses a nonce up, and returns its identifier.
func (p *Portal) Open(nonce string) (identifier string, err error) {
	if v := p.sessions.open(nonce); v != nil {
		return v.Identifier, nil
	}
	return "", errors.New("the link was already used, or is none of this fake")
}

// visit is a request for a page.
type visit struct {
	*Portal
	w    http.ResponseWriter
	r    *http.Request
	base string // the portal's path
	link string // the nonce in the path; empty for the bare portal
}

// Serve answers a request for the portal that is at the path base, or for the
// nonce below it.
func (p *Portal) Serve(w http.ResponseWriter, r *http.Request, base, nonce string) {
	v := visit{p, w, r, base, nonce}
	pages.SetHeader(w.Header())
	switch r.Method {
	case http.MethodHead:
		v.head()
	case http.MethodGet:
		v.get()
	case http.MethodPost:
		v.post()
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		v.nonsense(http.StatusMethodNotAllowed)
	}
}

// head has the status of a GET and uses nothing up.
func (v visit) head() {
	if used, known := v.sessions.look(v.link); v.visitor() == nil && (used || !known) {
		v.w.WriteHeader(http.StatusForbidden)
	}
}

func (v visit) get() {
	who := v.sessions.open(v.link)
	if who != nil {
		http.SetCookie(v.w, &http.Cookie{
			Name: sessionCookie, Value: who.Secret, Path: v.base,
			HttpOnly: true, Secure: v.r.TLS != nil, SameSite: http.SameSiteLaxMode,
		})
	} else if who = v.visitor(); who == nil {
		v.notIn()
		return
	}
	pages.Render(v.w, http.StatusOK, "portal.html", v.view(v.store.Customer(who.Identifier)))
}

func (v visit) post() {
	who := v.visitor()
	if who == nil {
		v.notIn()
		return
	}
	v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxForm)
	if v.r.ParseForm() != nil {
		v.nonsense(http.StatusBadRequest)
		return
	}
	plan, _ := strconv.ParseInt(v.r.PostForm.Get("plan"), 10, 64) // 0 is on sale nowhere
	_, err := v.store.Do(who.Identifier, ledger.Command{Action: ledger.Action(v.r.PostForm.Get("action")), Plan: plan})
	home := strings.TrimSuffix(v.base+"/"+v.link, "/")
	switch {
	case errors.Is(err, ledger.ErrAction), errors.Is(err, ledger.ErrPlan):
		v.nonsense(http.StatusBadRequest)
	case errors.Is(err, ledger.ErrDeclined):
		http.Redirect(v.w, v.r, home+"?declined", http.StatusSeeOther)
	default: // a second click finds the state that the first one has made
		http.Redirect(v.w, v.r, home, http.StatusSeeOther)
	}
}

// visitor is the session of the request, or nil. A browser may send cookies of the
// same name from fakes below other paths.
func (v visit) visitor() *Session {
	for _, c := range v.r.CookiesNamed(sessionCookie) {
		if who := v.sessions.visit(c.Value, v.link); who != nil {
			return who
		}
	}
	return nil
}

// notIn answers a visitor without a session for what was asked for.
func (v visit) notIn() {
	title, text := "This link is not known", "It is old, or this fake Kanuu was restarted since, which discards all links."
	used, known := v.sessions.look(v.link)
	switch {
	case v.link == "", known && !used:
		title, text = "You are not logged in", "A link of your application opens this page."
	case known:
		title, text = "This link was already used", "A link to this page works once."
	}
	v.notice(http.StatusForbidden, title, text+" Go back to your application and open it from there again.")
}

func (v visit) nonsense(status int) {
	v.notice(status, "This page cannot do that", "Go back and use the buttons of the page.")
}

func (v visit) notice(status int, title, text string) {
	pages.Render(v.w, status, "notice.html", struct{ ReturnURL, Title, Text string }{v.ReturnURL(), title, text})
}
