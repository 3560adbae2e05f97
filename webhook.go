package kanuu

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path"
	"slices"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/dedup"
	"github.com/kanuu-io/kanuu-go/internal/guard"
	"github.com/kanuu-io/kanuu-go/internal/paddle"
	"github.com/kanuu-io/kanuu-go/internal/render"
)

const (
	// defaultWebhookTimeout is for all handlers of one webhook together. Paddle waits
	// five seconds for a response, and the network takes some of them.
	defaultWebhookTimeout = 4 * time.Second

	// defaultWebhookMaxAge leaves room for Paddle's 72 hours of deliveries.
	defaultWebhookMaxAge = 7 * 24 * time.Hour

	// leaseMargin is how long a claim of an alert outlives the handlers' time.
	leaseMargin = time.Minute

	// endTimeout is for telling a [Deduplicator] how a delivery ended.
	endTimeout = 2 * time.Second
)

// WebhookOptions are the options of a [WebhookHandler]. The zero value is ready
// for use.
type WebhookOptions struct {
	// ExtraPublicKeys are accepted besides the first one, each in any of its forms:
	// the old key while a new one is introduced. All are of one Paddle account, whose
	// alert ids are unique; the sandbox needs a handler of its own.
	ExtraPublicKeys []string

	// Timeout of all handlers of one webhook together, default 4 s. Their context
	// ends with it.
	Timeout time.Duration

	// MaxAge is how old an alert may be, by its event time, default 7 days: an older
	// one is a recording. Negative: any age.
	MaxAge time.Duration

	// Deduplicator remembers which alerts were handled, for 72 hours. Several
	// instances need one that they share, such as that of kanuuredis, and then a
	// Name. Default: the memory of this handler, which has the last 10,000 alerts
	// and ends with the process.
	Deduplicator Deduplicator

	// Name of the handler, required with a Deduplicator: an alert is handled once by
	// all instances of a handler with this name, and once by each other handler.
	Name string
}

// Deduplicator remembers which alerts were handled. An alert that is delivered again
// is then handled once. It must be safe for concurrent use.
//
// In Redis, Begin is SET NX with the lease, and End a SET for 72 hours or a DEL.
type Deduplicator interface {
	// Begin claims an alert for one delivery and reports whether it is fresh: not
	// handled before. key has [WebhookOptions.Name] and the alert's id. While another
	// delivery has claimed it, Begin waits until that one ends or ctx does, or returns
	// an error. After an error the response is 503, and Paddle delivers it again.
	//
	// The claim expires after lease if End is not called.
	Begin(ctx context.Context, key string, lease time.Duration) (fresh bool, err error)

	// End follows each Begin that was fresh. An alert that was handled is not fresh
	// for the 72 hours in which Paddle may deliver it again. Otherwise the next
	// delivery is fresh.
	End(ctx context.Context, key string, handled bool) error
}

// WebhookHandler receives the webhooks of Paddle Classic: it verifies that Paddle
// signed them, invalidates the cached subscription, and calls the handlers that
// [WebhookHandler.On] registered. It is safe for concurrent use.
//
// Mount it where no middleware before it reads the body, such as one that parses
// forms, looks for a CSRF token, or overrides the method.
//
// It responds 200 if all handlers succeeded, and for alerts that have no handler or
// were handled before. 500 or 503 make Paddle deliver the alert again: a handler
// failed, or the [SharedCache] or the [Deduplicator] did. If a handler failed, all
// are called again, also those that succeeded: they must be able to handle an alert
// twice.
//
// Other requests get 400 (no form that PHP would read, or older than
// [WebhookOptions.MaxAge]), 401 (the signature), 405 (no POST), 413 (over 64 KiB) or
// 415 (a Content-Type other than application/x-www-form-urlencoded). The cause is
// in the log, and not in the response.
type WebhookHandler struct {
	client          *Client
	keys            []*rsa.PublicKey
	timeout, maxAge time.Duration
	name            string
	dedup           Deduplicator
	tally           tally[WebhookStats]

	mu     sync.RWMutex
	routes []route
}

type route struct {
	pattern string
	handle  func(context.Context, Event) error
}

// NewWebhookHandler makes a handler of what the owner of publicKey signed: the key
// from Paddle's dashboard, as PEM, as PEM with each line end written as \n, or as
// base64 of the PEM. The key is required. nil options are the defaults.
//
// It returns a [*ConfigError] with every problem if the client, a key or an option
// is invalid.
func NewWebhookHandler(client *Client, publicKey string, options *WebhookOptions) (*WebhookHandler, error) {
	if options == nil {
		options = new(WebhookOptions)
	}
	h := &WebhookHandler{client: client, dedup: options.Deduplicator, name: options.Name, maxAge: options.MaxAge}
	var found problems
	if client == nil {
		found.add("client is nil: did NewClient return an error?")
	}
	for i, text := range append([]string{publicKey}, options.ExtraPublicKeys...) {
		key, problem := paddle.ParseKey(text)
		switch {
		case problem == "":
			h.keys = append(h.keys, key)
		case i == 0:
			found.add("publicKey " + problem)
		default:
			found.add(fmt.Sprintf("ExtraPublicKeys[%d] %s", i-1, problem))
		}
	}
	h.timeout = found.timeout("Timeout", options.Timeout, defaultWebhookTimeout)
	if options.Deduplicator != nil && options.Name == "" {
		found.add("Name is empty: give the handler one that no other program on the Deduplicator has, such as \"shop\"")
	}
	if found != nil {
		return nil, &ConfigError{Problems: found}
	}
	if h.maxAge == 0 {
		h.maxAge = defaultWebhookMaxAge
	}
	if h.dedup == nil {
		h.dedup = dedup.New()
	}
	return h, nil
}

// On registers a handler for the alerts whose name the pattern matches:
// [AlertSubscriptionCreated], "subscription_*", "*". The syntax is that of
// [path.Match]. The handlers of an alert are called one after the other in the
// order of registration, until one fails. ctx ends with the request or with
// [WebhookOptions.Timeout]. A panic is a failure.
//
// On may be called at any time. It panics if handler is nil, if the pattern is
// invalid, or if it misspells the name of an alert. A pattern that matches no
// alert of Paddle Classic is logged.
func (h *WebhookHandler) On(pattern string, handler func(ctx context.Context, e Event) error) {
	h.checkPattern(pattern)
	if handler == nil {
		panic(fmt.Sprintf("kanuu: WebhookHandler.On: the handler for %q is nil", pattern))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.routes = append(h.routes, route{pattern, handler})
}

// appendRoutes appends the routes of an alert.
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

// ServeHTTP handles one webhook.
func (h *WebhookHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var status int
	if e, err := h.Verify(r); err != nil {
		status = h.reject(r.Context(), err)
	} else {
		status = h.deliver(r.Context(), e)
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	render.Body(w, status, "text/plain; charset=utf-8", http.StatusText(status))
}

// deliver passes an alert on, and returns the status, by which Paddle decides whether
// to deliver it again.
func (h *WebhookHandler) deliver(ctx context.Context, e Event) int {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	var invalidateErr error
	if e.Identifier != "" {
		invalidateErr = h.client.InvalidateSubscription(ctx, e.Identifier)
	}
	status, counter := h.handleOnce(ctx, e)
	if invalidateErr != nil && status == http.StatusOK { // else this delivery has its line
		h.logFailure(ctx, e, invalidateErr, "wait until Config.SharedCache is available again; Paddle delivers the alert again")
		// Another delivery invalidates the shared entry. By then it is known whether
		// the alert was handled.
		status = http.StatusInternalServerError
	}
	if status != http.StatusOK {
		counter = func(s *WebhookStats) *uint64 { return &s.Failed }
	}
	h.tally.add(counter)
	return status
}

// handleOnce calls the handlers of an alert unless it was handled before, and
// returns its counter, unless the status is a failure.
func (h *WebhookHandler) handleOnce(ctx context.Context, e Event) (status int, counter func(*WebhookStats) *uint64) {
	handled := func(s *WebhookStats) *uint64 { return &s.Handled }
	var few [4]route // enough for most, and not allocated
	routes := h.appendRoutes(few[:0], e.AlertName)
	switch {
	case len(routes) == 0:
		h.client.log.LogAttrs(ctx, slog.LevelDebug, "kanuu: webhook has no handler", eventAttrs(e)...)
		return http.StatusOK, func(s *WebhookStats) *uint64 { return &s.Unheard }
	case e.AlertID == "": // no alert, although Paddle signed it
		return h.handle(ctx, e, routes), handled
	}
	key := e.AlertID
	if h.name != "" {
		key = h.name + ":" + key
	}
	fresh, err := h.dedup.Begin(ctx, key, h.timeout+leaseMargin)
	switch {
	case err != nil:
		h.logFailure(ctx, e, err, "check the Deduplicator; an alert that is being handled is delivered again later")
		return http.StatusServiceUnavailable, nil
	case !fresh:
		h.client.log.LogAttrs(ctx, slog.LevelDebug, "kanuu: webhook was handled before", eventAttrs(e)...)
		return http.StatusOK, func(s *WebhookStats) *uint64 { return &s.Duplicates }
	}
	status = h.handle(ctx, e, routes)
	// The claim must end also if Paddle has closed the connection.
	endCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if err := h.dedup.End(endCtx, key, status == http.StatusOK); err != nil {
		h.logFailure(ctx, e, err, "check the Deduplicator: this alert may be handled twice, or not before its lease expires")
	}
	return status, handled
}

// handle calls the handlers until one fails.
func (h *WebhookHandler) handle(ctx context.Context, e Event, routes []route) int {
	began := time.Now()
	for _, route := range routes {
		err := ctx.Err() // the handlers before may have taken all of the time
		if err == nil {
			err = guard.Call(func() error { return route.handle(ctx, e) })
		}
		if err == nil {
			continue
		}
		remedy := "correct the handler of this pattern; Paddle delivers the alert again"
		attrs := []slog.Attr{slog.String("pattern", route.pattern)}
		if failure, ok := errors.AsType[*guard.PanicError](err); ok {
			attrs = append(attrs, slog.String("stack", string(failure.Stack)))
		}
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			remedy = "do less in the handlers, or later; Paddle waits five seconds, and delivers the alert again"
			attrs = append(attrs, slog.Duration("took", time.Since(began)), slog.Duration("timeout", h.timeout))
		}
		h.logFailure(ctx, e, err, remedy, attrs...)
		return http.StatusInternalServerError
	}
	return http.StatusOK
}

// eventAttrs name an alert without personal data.
func eventAttrs(e Event) []slog.Attr {
	return []slog.Attr{slog.String("alert_name", e.AlertName), slog.String("alert_id", e.AlertID)}
}

func (h *WebhookHandler) logFailure(ctx context.Context, e Event, err error, remedy string, attrs ...slog.Attr) {
	attrs = slices.Concat(eventAttrs(e), []slog.Attr{slog.Any("error", err), slog.String("remedy", remedy)}, attrs)
	h.client.log.LogAttrs(ctx, slog.LevelError, "kanuu: webhook not handled", attrs...)
}
