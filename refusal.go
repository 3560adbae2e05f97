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
	"github.com/kanuu-io/kanuu-go/internal/urlcheck"
	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// refusal answers the visits that a handler of this package does not let
// through, the same way for all of them.
type refusal struct {
	log     *slog.Logger
	message string // of the log line
	onError func(http.ResponseWriter, *http.Request, error)

	// Where a browser goes instead of getting an error; empty: nowhere.
	loginURL   string
	billingURL string

	returnParam string // of loginURL; empty: none
}

// elsewhere is where a browser goes that can do something about err, and how;
// empty: nowhere.
func (f *refusal) elsewhere(r *http.Request, kind visit.Kind, err error) (to string, status int) {
	switch {
	case !kind.Navigates():
		return "", 0
	case errors.Is(err, ErrUnauthenticated):
		return f.login(r), redirectStatus(kind)
	case errors.Is(err, ErrNotSubscribed):
		return f.billingURL, http.StatusSeeOther
	default:
		return "", 0
	}
}

// maxReturn is how many bytes of a path and query go along to the login. With all
// of them escaped, the header still gets through what proxies allow, 8 KiB.
const maxReturn = 2 << 10

// login is where a visitor logs in, and what for.
func (f *refusal) login(r *http.Request) string {
	// The line of the request, whatever has cut from the URL on its way here.
	cameFor := r.RequestURI
	if f.returnParam == "" || r.Method == http.MethodPost || len(cameFor) > maxReturn || urlcheck.Local(cameFor) != nil {
		return f.loginURL
	}
	login, err := url.Parse(f.loginURL)
	if err != nil { // was checked: cannot happen
		return f.loginURL
	}

	if login.RawQuery != "" {
		login.RawQuery += "&"
	}
	login.RawQuery += url.Values{f.returnParam: {cameFor}}.Encode()
	return login.String()
}

// answer answers a visit that ended with err: the operator hears the cause, the
// customer a sentence. It returns what is left for a framework to hear of.
func (f *refusal) answer(w http.ResponseWriter, r *http.Request, kind visit.Kind, err error) error {
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

	h := w.Header()
	if wait := retryAfter(err); wait > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
	}
	to, how := f.elsewhere(r, kind, err)
	switch {
	case to != "":
		h.Set("Location", to)
		w.WriteHeader(how)
		return nil // showing the way is the answer
	case f.onError != nil:
		f.onError(w, r, err)
	case kind.Navigates(), visit.PrefersHTML(r.Header):
		writePage(w, status)
	default:
		writeProblem(w, status)
	}
	return err
}

// cancelledError is that of something else than the visit, which was cancelled
// while the visitor waits. It is a [context.Canceled] no more: whoever asks for
// its status would take the visitor for one who left.
type cancelledError struct{ error }

// maxLogged is how many bytes of a header are logged: anybody can send a megabyte.
const maxLogged = 200

func logged(name, header string) slog.Attr {
	return slog.String(name, header[:min(len(header), maxLogged)])
}

// logLine writes the one line that an operator gets for a visit that failed.
func (f *refusal) logLine(r *http.Request, err error, status int, left bool) {
	remedy := outcomeOf(err).remedy
	level := slog.LevelError
	switch {
	case left, remedy == "", errors.Is(err, api.ErrBreakerOpen), errors.Is(err, api.ErrRateLimited):
		level = slog.LevelDebug // nothing is wrong on this side, or it has been said
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
