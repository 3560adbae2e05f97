package kanuu

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/dedup"
	"github.com/kanuu-io/kanuu-go/internal/paddle"
	"github.com/kanuu-io/kanuu-go/internal/render"
)

// How a [WebhookHandler] behaves.
const (
	// defaultWebhookTimeout is for all handlers of one webhook together. Paddle waits
	// five seconds for a response, and the way takes some of them.
	defaultWebhookTimeout = 4 * time.Second

	// maxWebhook is how many bytes of a body are read. The largest alerts have
	// about 4 KiB.
	maxWebhook = 64 << 10

	// leaseMargin is how long a claim of an alert outlives the handlers' time.
	leaseMargin = time.Minute

	// endTimeout for telling a [Deduplicator] how a delivery ended.
	endTimeout = 2 * time.Second
)

// WebhookOptions of a [WebhookHandler]. The zero value is ready for use.
type WebhookOptions struct {
	// ExtraPublicKeys are taken beside the first one, each in any of its forms:
	// the old key while a new one is introduced.
	ExtraPublicKeys []string

	// Timeout of all handlers of one webhook together, default 4 s. Their context ends with it.
	Timeout time.Duration

	// Deduplicator remembers which alerts were handled, for 72 hours. Default: the
	// memory of this handler, which has the last 10,000. Several instances need one that they share, such as
	// that of kanuuredis.
	Deduplicator Deduplicator
}

// Deduplicator remembers which alerts were handled, so that those which come
// twice are handled once. It must be safe for concurrent use.
//
// In Redis, Begin is SET NX with the lease, and End a SET for 72 hours or a DEL.
type Deduplicator interface {
	// Begin claims an alert for one delivery and tells whether it is fresh: not
	// handled before. While another delivery has claimed it, Begin waits until
	// that one ends or ctx does, or returns an error. After an error the webhook
	// is answered with a 503, and Paddle comes again.
	//
	// The lease is when the claim of a machine that died is void.
	Begin(ctx context.Context, alertID string, lease time.Duration) (fresh bool, err error)

	// End follows each Begin that was fresh. When the alert was handled, it is
	// from now on not fresh, for as long as Paddle may deliver it again, which
	// is 72 hours. When it was not, the next delivery is fresh.
	End(ctx context.Context, alertID string, handled bool) error
}

// WebhookHandler receives the webhooks of Paddle Classic: it verifies that
// Paddle signed them, makes the client forget the subscription that they are
// about, and calls the functions that [WebhookHandler.On] registered. It is
// safe for concurrent use.
//
// Mount it where no middleware before it reads the body, such as one that
// parses forms, looks for a CSRF token, or overrides the method.
//
// It answers 200 when all functions succeeded, and for alerts that nobody
// listens to or that were handled before. 500 or 503 make Paddle deliver the
// alert again: a function failed, or the cache or the [Deduplicator] did. An
// alert that comes again reaches all of its functions again, also those that
// succeeded the first time: they must be able to do the same thing twice.
//
// What is no webhook of Paddle gets 400 (no form that PHP would take), 401 (the
// signature), 405 (no POST), 413 (over 64 KiB) or 415 (a Content-Type other
// than application/x-www-form-urlencoded). [Config.Logger] hears why; the
// sender does not.
type WebhookHandler struct {
	client  *Client
	keys    []*rsa.PublicKey
	timeout time.Duration
	dedup   Deduplicator
	count   webhookCounters

	mu     sync.RWMutex
	routes []route
}

type route struct {
	pattern string
	handle  func(context.Context, Event) error
}

// NewWebhookHandler makes a handler that takes what the owner of publicKey
// signed: the key from Paddle's dashboard, as PEM, as PEM with each line end
// written as \n, or as base64 of the PEM. There is no way to have no key. nil
// options are the defaults.
//
// A client, key or option that is not valid makes it return a [*ConfigError]
// with every problem at once.
func NewWebhookHandler(client *Client, publicKey string, options *WebhookOptions) (*WebhookHandler, error) {
	if options == nil {
		options = new(WebhookOptions)
	}

	h := &WebhookHandler{client: client, dedup: options.Deduplicator}

	var problems []string
	if client == nil {
		problems = append(problems, "client is nil: did NewClient return an error?")
	}

	addKey := func(name, text string) {
		key, problem := paddle.ParseKey(text)
		if problem != "" {
			problems = append(problems, name+" "+problem)
			return
		}
		h.keys = append(h.keys, key)
	}

	addKey("publicKey", publicKey)
	for i, text := range options.ExtraPublicKeys {
		addKey(fmt.Sprintf("ExtraPublicKeys[%d]", i), text)
	}

	timeout, problem := parseTimeout("Timeout", options.Timeout, defaultWebhookTimeout)
	if problem != "" {
		problems = append(problems, problem)
	}

	if problems != nil {
		return nil, &ConfigError{Problems: problems}
	}

	h.timeout = timeout
	if h.dedup == nil {
		h.dedup = dedup.New()
	}
	return h, nil
}

// On registers a function for the alerts whose name the pattern matches:
// "subscription_created", "subscription_*", "*"; the syntax is that of
// [path.Match]. For one alert, functions run one after the other in the order
// of registration, until one fails. ctx ends with the request or with
// [WebhookOptions.Timeout]; after a panic, the server lives and Paddle comes
// again.
//
// On may be called at any time. It panics when the pattern is not valid or the
// function is nil, as only a program that cannot work gives such.
func (h *WebhookHandler) On(pattern string, handler func(ctx context.Context, e Event) error) {
	if _, err := path.Match(pattern, ""); err != nil || pattern == "" {
		panic(fmt.Sprintf("kanuu: WebhookHandler.On: %q is not a pattern: write it like \"subscription_*\"", pattern))
	}
	if handler == nil {
		panic(fmt.Sprintf("kanuu: WebhookHandler.On: the function for %q is nil", pattern))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.routes = append(h.routes, route{pattern, handler})
}

// appendRoutes appends the functions that listen to an alert.
func (h *WebhookHandler) appendRoutes(routes []route, alertName string) []route {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, route := range h.routes {
		if ok, err := path.Match(route.pattern, alertName); ok && err == nil {
			routes = append(routes, route)
		}
	}
	return routes
}

// ServeHTTP answers one webhook.
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var status int
	if form, err := h.receive(r); err != nil {
		status = rejectionOf(err).status
		h.count.countRejected(status)
		h.logRejection(r.Context(), err)
	} else {
		status = h.deliver(r.Context(), newEvent(form))
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	render.Body(w, status, "text/plain; charset=utf-8", http.StatusText(status))
}

// deliver hands an event on, and returns the status that tells Paddle whether
// to come again.
func (h *WebhookHandler) deliver(ctx context.Context, e Event) int {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()

	var invalidateErr error
	if e.Identifier != "" {
		invalidateErr = h.client.InvalidateSubscription(ctx, e.Identifier)
	}
	status, outcome := h.handleOnce(ctx, e)
	if invalidateErr != nil {
		h.logFailure(ctx, e, invalidateErr, "check Config.SharedCache")

		// Paddle comes again until the cache has forgotten. It is then known
		// whether the event was handled.
		status = max(status, http.StatusInternalServerError)
	}

	if status != http.StatusOK {
		outcome = &h.count.failed
	}
	outcome.Add(1)
	return status
}

// handleOnce handles an event unless it was handled before, and returns what to
// count it as if all goes well.
func (h *WebhookHandler) handleOnce(ctx context.Context, e Event) (status int, outcome *atomic.Uint64) {
	count := &h.count

	var few [4]route // enough for most, and not allocated

	routes := h.appendRoutes(few[:0], e.AlertName)
	if len(routes) == 0 {
		return http.StatusOK, &count.unheard
	}

	if e.AlertID == "" { // not an alert, though Paddle signed it
		return h.handle(ctx, e, routes), &count.handled
	}

	fresh, err := h.dedup.Begin(ctx, e.AlertID, h.timeout+leaseMargin)
	switch {
	case err != nil:
		h.logFailure(ctx, e, err, "look at the Deduplicator; an alert that is being handled right now comes again later")
		return http.StatusServiceUnavailable, &count.failed
	case !fresh:
		h.client.log.LogAttrs(ctx, slog.LevelDebug, "kanuu: webhook was handled before", eventAttrs(e)...)
		return http.StatusOK, &count.duplicates
	}

	status = http.StatusInternalServerError

	defer func() { // also when a function ends its goroutine
		// The claim must end though Paddle has left.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
		defer cancel()
		if err := h.dedup.End(ctx, e.AlertID, status == http.StatusOK); err != nil {
			h.logFailure(ctx, e, err, "look at the Deduplicator: this alert may be handled twice, or not before its lease ends")
		}
	}()

	status = h.handle(ctx, e, routes)
	return status, &count.handled
}

// handle calls the functions until one fails.
func (h *WebhookHandler) handle(ctx context.Context, e Event, routes []route) int {
	for _, route := range routes {
		err := ctx.Err() // those before may have taken all of the time
		if err == nil {
			err = call(ctx, e, route)
		}
		if err != nil {
			attrs := []slog.Attr{slog.String("pattern", route.pattern)}
			if failure, ok := errors.AsType[*panicError](err); ok {
				attrs = append(attrs, slog.String("stack", string(failure.stack)))
			}
			h.logFailure(ctx, e, err, "mend the function for this pattern; Paddle delivers the alert again", attrs...)
			return http.StatusInternalServerError
		}
	}
	return http.StatusOK
}

// panicError is a panic that was stopped.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

func call(ctx context.Context, e Event, route route) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value, debug.Stack()}
		}
	}()
	return route.handle(ctx, e)
}

// eventAttrs name an event without what is personal about it.
func eventAttrs(e Event) []slog.Attr {
	return []slog.Attr{slog.String("alert_name", e.AlertName), slog.String("alert_id", e.AlertID)}
}

func (h *WebhookHandler) logFailure(ctx context.Context, e Event, err error, remedy string, attrs ...slog.Attr) {
	attrs = slices.Concat(eventAttrs(e), []slog.Attr{slog.Any("error", err), slog.String("remedy", remedy)}, attrs)
	h.client.log.LogAttrs(ctx, slog.LevelError, "kanuu: webhook not handled", attrs...)
}
