package kanuu

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
)

// Verify reads a request and returns its alert if Paddle signed it with one of the
// handler's keys, and it is not older than [WebhookOptions.MaxAge]. It is for
// applications with a dispatch of their own, which do without [WebhookHandler.On]:
// it neither invalidates the cached subscription, nor remembers the alert, nor
// logs. [HTTPStatus] has the status to respond with to an error.
//
//	e, err := hook.Verify(r)
//	if err != nil {
//		http.Error(w, "", kanuu.HTTPStatus(err))
//		return
//	}
//	err = client.InvalidateSubscription(r.Context(), e.Identifier)
func (h *WebhookHandler) Verify(r *http.Request) (Event, error) {
	body, err := paddle.Read(r)
	if err != nil {
		return Event{}, rejectionError{err}
	}
	form, err := paddle.Open(body, h.keys)
	if err != nil {
		return Event{}, rejectionError{err}
	}
	e := newEvent(form)
	if h.maxAge > 0 && !e.Time.IsZero() && time.Since(e.Time) > h.maxAge {
		return Event{}, rejectionError{errTooOld}
	}
	return e, nil
}

var errTooOld = errors.New("the alert is older than WebhookOptions.MaxAge")

// rejectionError is what [WebhookHandler.Verify] returns, for [HTTPStatus].
type rejectionError struct{ cause error }

func (e rejectionError) Error() string { return "kanuu: webhook rejected: " + e.cause.Error() }
func (e rejectionError) Unwrap() error { return e.cause }

// rejection maps a cause to a status for the sender and a remedy for the operator.
type rejection struct {
	cause  error
	status int
	remedy string
}

const remedyNotPaddle = "nothing, unless Paddle sent it: then give Paddle Classic this URL for its webhooks, and let nothing " +
	"on the way touch the body"

// rejections is the one table from cause to status and remedy.
var rejections = []rejection{
	{paddle.ErrNotPost, http.StatusMethodNotAllowed, remedyNotPaddle},
	{paddle.ErrNotForm, http.StatusUnsupportedMediaType, remedyNotPaddle},
	{paddle.ErrTooLarge, http.StatusRequestEntityTooLarge, remedyNotPaddle},
	{paddle.ErrCutOff, http.StatusBadRequest, remedyNotPaddle},
	{paddle.ErrConsumed, http.StatusUnauthorized, "mount the handler outside of every middleware that reads forms"},
	{paddle.ErrNotSigned, http.StatusUnauthorized, remedyNotPaddle},
	{paddle.ErrNotBase64, http.StatusUnauthorized, remedyNotPaddle},
	{paddle.ErrChanged, http.StatusUnauthorized,
		"look at what is between Paddle and the handler: proxies and middlewares that add, drop, trim or decode fields"},
	{paddle.ErrOtherKey, http.StatusUnauthorized, "set PADDLE_PUBLIC_KEY to the public key of the Paddle account that sends " +
		"the webhooks; the sandbox has one of its own"},
	{errTooOld, http.StatusBadRequest, "nothing, if it is a recording; if Paddle sent it now, correct the clock of this " +
		"machine, or raise WebhookOptions.MaxAge"},
	{paddle.ErrTooManyFields, http.StatusBadRequest, remedyNotPaddle},
	{paddle.ErrTooManyNumbers, http.StatusBadRequest, remedyNotPaddle},
	{paddle.ErrTooDeep, http.StatusBadRequest, remedyNotPaddle},
}

func rejectionOf(err error) rejection {
	i := slices.IndexFunc(rejections, func(r rejection) bool { return errors.Is(err, r.cause) })
	return rejections[i] // each error is in the table
}

// reject counts and logs a request that is no webhook, and returns its status.
func (h *WebhookHandler) reject(ctx context.Context, err error) int {
	rejected, level := rejectionOf(err), slog.LevelWarn
	if rejected.status == http.StatusMethodNotAllowed { // a browser or a scanner
		level = slog.LevelDebug
	}
	h.tally.add(func(s *WebhookStats) *uint64 {
		if rejected.status == http.StatusUnauthorized {
			return &s.Unsigned
		}
		return &s.Rejected
	})
	h.client.log.LogAttrs(ctx, level, "kanuu: webhook rejected", slog.Int("status", rejected.status),
		slog.String("cause", errors.Unwrap(err).Error()), slog.String("remedy", rejected.remedy))
	return rejected.status
}
