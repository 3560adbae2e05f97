package kanuu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/localurl"
	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// refusal answers the visits that a handler of this package does not let
// through, the same way for all of them.
type refusal struct {
	log      *slog.Logger
	message  string // of the log line
	loginURL string
	onError  func(http.ResponseWriter, *http.Request, error)
}

// answer answers a visit that ended with err: the operator hears the cause, the
// customer a sentence. It returns what is left for a framework to hear of.
func (f *refusal) answer(w http.ResponseWriter, r *http.Request, kind visit.Kind, err error) error {
	left := errors.Is(r.Context().Err(), context.Canceled)
	status := HTTPStatus(err)

	if !left && status == statusClientClosedRequest { // something else was cancelled, the visitor waits
		status = http.StatusInternalServerError
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

	switch {
	case errors.Is(err, ErrUnauthenticated) && f.loginURL != "" && kind.Navigates():
		h.Set("Location", f.loginURL)
		w.WriteHeader(redirectStatus(kind))

		return nil // asking to log in is the answer
	case f.onError != nil:
		f.onError(w, r, err)
	case kind == visit.Fetch, visit.PrefersJSON(r.Header):
		writeProblem(w, status)
	default:
		writePage(w, status)
	}

	return err
}

// logLine writes the one line that an operator gets for a visit that failed.
func (f *refusal) logLine(r *http.Request, err error, status int, left bool) {
	level := slog.LevelError
	if left || status < http.StatusInternalServerError {
		level = slog.LevelDebug // nothing is wrong on this side
	}

	attrs := []slog.Attr{slog.Int("status", status), slog.Any("error", err)}
	if remedy := outcomeOf(err).remedy; remedy != "" {
		attrs = append(attrs, slog.String("remedy", remedy))
	}

	f.log.LogAttrs(r.Context(), level, f.message, attrs...)
}

// mustBeLocal panics when an option is set to a URL of another origin.
func mustBeLocal(option, url string) {
	if url == "" {
		return
	}

	if err := localurl.Check(url); err != nil {
		panic(fmt.Sprintf("kanuu: %s %q %v", option, url, err))
	}
}
