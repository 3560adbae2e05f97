package kanuu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/api"
	"github.com/kanuu-io/kanuu-go/internal/render"
	"github.com/kanuu-io/kanuu-go/internal/urlcheck"
	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// LocalPath returns path if it is a path of this application, with an optional
// query and fragment, and otherwise fallback. A login uses it for the parameter
// that [GateOptions.ReturnParam] names, which an attacker can set:
//
//	http.Redirect(w, r, kanuu.LocalPath(r.FormValue("next"), "/"), http.StatusSeeOther)
//
// It rejects whatever a browser could take for another host: "//host", "/\host",
// backslashes, control characters, spaces and characters beyond ASCII.
func LocalPath(path, fallback string) string {
	if urlcheck.Local(path) != nil {
		return fallback
	}
	return path
}

// responder writes what a user gets who gets neither a nonce nor the gated page,
// the same for the redirect handler and the gate.
type responder struct {
	log     *slog.Logger
	message string // of the log line
	onError func(http.ResponseWriter, *http.Request, error)

	// Where users are led who can do something about the error; empty: nowhere.
	loginURL   string
	billingURL string

	returnParam string // of loginURL; empty: none
}

// destination returns the path where the user can do something about err, or
// nothing, and the status of a redirect to it.
func (f *responder) destination(r *http.Request, err error) (to string, status int) {
	switch {
	case errors.Is(err, ErrUnauthenticated) && f.loginURL != "":
		return f.login(r), http.StatusFound
	case errors.Is(err, ErrNotSubscribed):
		return f.billingURL, http.StatusSeeOther
	default:
		return "", 0
	}
}

// maxReturn is how many bytes of a path and query are put into the URL of the
// login. If all of them are escaped, the header still passes proxies, which allow
// 8 KiB.
const maxReturn = 2 << 10

// login returns the URL of the login, with the page to return to.
func (f *responder) login(r *http.Request) string {
	back := visit.Page(r)
	if f.returnParam == "" || back == "" || len(back) > maxReturn {
		return f.loginURL
	}
	login, err := url.Parse(f.loginURL)
	if err != nil { // was checked: cannot happen
		return f.loginURL
	}
	if login.RawQuery != "" {
		login.RawQuery += "&"
	}
	login.RawQuery += url.Values{f.returnParam: {back}}.Encode()
	return login.String()
}

// refuse responds to a request that ended with err, and logs it. It returns what
// is left for a framework to count and trace: leading a user on is no error.
func (f *responder) refuse(w http.ResponseWriter, r *http.Request, kind visit.Kind, err error) error {
	left := errors.Is(r.Context().Err(), context.Canceled)
	status := HTTPStatus(err)
	if !left && status == statusClientClosedRequest {
		err = cancelledError{err}
		status = HTTPStatus(err)
	}
	f.logLine(r, err, status, left)
	if left {
		w.WriteHeader(statusClientClosedRequest)
		return err
	}
	if wait := retryAfter(err); wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
	to, redirect := f.destination(r, err)
	// Turbo shows nothing of a page without the frame that it asked for, such as a
	// login. It loads a page that asks for a reload without the frame if the status is
	// 200, shows one with an error in place of the whole page, and ignores a 200 after
	// a POST.
	inFrame := kind == visit.Scripted && r.Header.Get("Turbo-Frame") != ""
	switch {
	case to != "" && inFrame && r.Method == http.MethodGet:
		render.HTML(w, http.StatusOK, customerPage(r, err, to, true))
		return nil
	case to != "" && !inFrame && lead(w, kind, to, redirect):
		return nil
	case f.onError != nil:
		f.onError(w, r, err)
	case kind.ShowsPage(), visit.PrefersHTML(r.Header):
		render.HTML(w, status, customerPage(r, err, to, inFrame))
	default:
		problem := render.Problem{Type: problemType(err), Status: status, BillingURL: to}
		problem.Title, problem.Detail = outcomeOf(err).title, outcomeOf(err).text
		if status == http.StatusUnauthorized {
			problem.BillingURL, problem.LoginURL = "", to
		}
		problem.Write(w)
	}
	return err
}

// lead sends the user to a URL in the form that the client follows, a click with
// the status, or returns false if there is none.
func lead(w http.ResponseWriter, kind visit.Kind, to string, status int) bool {
	h, location := w.Header(), []string{to}
	switch kind {
	case visit.Click:
		h["Location"] = location
		w.WriteHeader(status)
	case visit.Form, visit.Scripted: // 303 makes a GET of a POST
		h["Location"] = location
		w.WriteHeader(http.StatusSeeOther)
	case visit.HTMX:
		h["Hx-Redirect"] = location
		w.WriteHeader(http.StatusOK)
	case visit.Inertia:
		h["X-Inertia-Location"] = location
		w.WriteHeader(http.StatusConflict)
	default:
		return false
	}
	return true
}

// leadBack responds to a prefetch, and reports whether it was one. The client must
// not use the response for the click.
func leadBack(w http.ResponseWriter, r *http.Request, kind visit.Kind) bool {
	switch kind {
	case visit.Speculative: // Turbo uses it for the click and loads the page, because it is no HTML
		w.WriteHeader(http.StatusServiceUnavailable)
	case visit.InertiaPrefetch: // Inertia uses it for the click, and loads the page
		return lead(w, visit.Inertia, visit.Path(r), 0)
	default:
		return false
	}
	return true
}

// customerPage returns the page for an error, with a link onward.
func customerPage(r *http.Request, err error, to string, reload bool) render.Page {
	outcome := outcomeOf(err)
	page := render.Page{Title: outcome.title, Text: outcome.text, Link: to, Reload: reload}
	switch {
	case to != "" && errors.Is(err, ErrUnauthenticated):
		page.LinkText = "Log in"
	case to != "":
		page.LinkText = "See plans"
	case outcome.link != "":
		page.Link, page.LinkText = visit.Path(r), outcome.link
	}
	if page.Link == "" {
		page.Link, page.LinkText = "/", "Back to the start page"
	}
	return page
}

// cancelledError is the error of something else than the request, which was
// cancelled while the user waits. It is no [context.Canceled], which would be the
// status of a user who left.
type cancelledError struct{ error }

// maxLogged is how many bytes of a header are logged: it may have a megabyte.
const maxLogged = 200

func logged(name, header string) slog.Attr {
	return slog.String(name, header[:min(len(header), maxLogged)])
}

// logLine writes the one line that an operator gets for a request that failed.
func (f *responder) logLine(r *http.Request, err error, status int, left bool) {
	remedy := outcomeOf(err).remedy
	level := slog.LevelError
	switch {
	case left, remedy == "", errors.Is(err, api.ErrBreakerOpen), errors.Is(err, api.ErrRateLimited):
		level = slog.LevelDebug // nothing is wrong on this side, or it has been logged
	case status < http.StatusInternalServerError:
		level = slog.LevelWarn // perhaps nothing is
	}
	attrs := []slog.Attr{slog.Int("status", status), slog.Any("error", err)}
	if remedy != "" {
		attrs = append(attrs, slog.String("remedy", remedy))
	}
	if errors.Is(err, ErrCrossOrigin) {
		attrs = append(attrs, logged("origin", r.Header.Get("Origin")), logged("host", r.Host))
	}
	f.log.LogAttrs(r.Context(), level, f.message, attrs...)
}

// mustBeLocal panics when an option is set to a URL of another origin.
func mustBeLocal(option, raw string) {
	if raw == "" {
		return
	}
	if err := urlcheck.Local(raw); err != nil {
		panic(fmt.Sprintf("kanuu: %s %q %v", option, raw, err))
	}
}
