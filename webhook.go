package kanuu

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is what Paddle signs with
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"math/big"
	"net/http"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/phpform"
)

// EnvPaddlePublicKey names the variable that holds the public key by
// convention. [NewWebhookHandler] does not read it.
const EnvPaddlePublicKey = "PADDLE_PUBLIC_KEY"

// How a [WebhookHandler] behaves.
const (
	// DefaultWebhookTimeout for all handlers of one webhook together. Paddle
	// asks for an answer within five seconds, and the way takes some too.
	DefaultWebhookTimeout = 4 * time.Second

	// DefaultRememberedAlerts is how many alerts a handler remembers by itself.
	DefaultRememberedAlerts = 10_000

	// maxWebhook is how many bytes of a body are read. The largest alerts have
	// about 4 KiB.
	maxWebhook = 64 << 10

	// maxSignature is how many characters a p_signature has at most, white space
	// included: that of a key of 16,384 bits has 2,732.
	maxSignature = 8 << 10

	// leaseMargin is how long a claim of an alert outlives the handlers' time.
	leaseMargin = time.Minute

	// endTimeout for telling a [Deduplicator] how a delivery ended.
	endTimeout = 2 * time.Second

	// rememberAlerts that were handled for so long: Paddle delivers an alert
	// again, once an hour for 72 hours, until it is answered with 200.
	rememberAlerts = 72 * time.Hour
)

// WebhookOptions of a [WebhookHandler]. The zero value is ready for use.
type WebhookOptions struct {
	// ExtraPublicKeys are taken beside the first one, each in any of its forms:
	// the old key while a new one is introduced.
	ExtraPublicKeys []string

	// Timeout of all handlers of one webhook together, default
	// [DefaultWebhookTimeout]. Their context ends with it.
	Timeout time.Duration

	// Deduplicator remembers which alerts were handled. Default: the client's
	// Config.Cache, if it is one, as that of kanuuredis is; else the memory of
	// this handler, for 72 hours. Several machines that Paddle's webhooks reach
	// need one that they share.
	Deduplicator Deduplicator

	// RememberedAlerts is how many the default Deduplicator keeps at most,
	// default [DefaultRememberedAlerts]; the oldest go first. One takes about
	// 100 bytes.
	RememberedAlerts int
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
		key, problem := parsePublicKey(text)
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

	timeout, problem := parseTimeout("Timeout", options.Timeout, DefaultWebhookTimeout)
	if problem != "" {
		problems = append(problems, problem)
	}

	if options.RememberedAlerts < 0 {
		problems = append(problems, "RememberedAlerts is negative: leave it 0 for the default")
	}

	if problems != nil {
		return nil, &ConfigError{Problems: problems}
	}

	h.timeout = timeout
	if shared, ok := client.cache.(Deduplicator); ok && h.dedup == nil {
		h.dedup = shared
	}

	if h.dedup == nil {
		h.dedup = newAlertMemory(cmp.Or(options.RememberedAlerts, DefaultRememberedAlerts))
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
	if form, rejected := h.receive(r); rejected != nil {
		status = rejected.status
		h.client.count.countRejected(status)
		h.logRejection(r.Context(), rejected)
	} else {
		status = h.deliver(r.Context(), newEvent(form))
	}
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", http.MethodPost)
	}
	writeBody(w, status, "text/plain; charset=utf-8", http.StatusText(status))
}

// rejection is why a request is no webhook of Paddle: the status is for the
// sender, the rest for the operator.
type rejection struct {
	status        int
	cause, remedy string
}

func (h *WebhookHandler) logRejection(ctx context.Context, rejected *rejection) {
	level := slog.LevelWarn
	if rejected.status == http.StatusMethodNotAllowed {
		level = slog.LevelDebug // a browser or a scanner
	}
	h.client.log.LogAttrs(ctx, level, "kanuu: webhook rejected", slog.Int("status", rejected.status),
		slog.String("cause", rejected.cause), slog.String("remedy", rejected.remedy))
}

func (c *counters) countRejected(status int) {
	if status == http.StatusUnauthorized {
		c.webhooks.unsigned.Add(1)
	} else {
		c.webhooks.rejected.Add(1)
	}
}

// What can be told about a request that is rejected.
var (
	notPost = &rejection{http.StatusMethodNotAllowed, "the request is no POST", remedyNotPaddle}
	notForm = &rejection{http.StatusUnsupportedMediaType, "the Content-Type is not application/x-www-form-urlencoded",
		remedyNotPaddle}
	tooLarge = &rejection{http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", maxWebhook),
		remedyNotPaddle}
	notSigned = &rejection{http.StatusUnauthorized, "the body has no p_signature", remedyNotPaddle}
	notBase64 = &rejection{http.StatusUnauthorized, "the p_signature is not base64", remedyNotPaddle}

	consumed = &rejection{
		http.StatusUnauthorized, "something has read the body before the webhook handler",
		"mount the handler outside of every middleware that reads forms",
	}
	changed = &rejection{
		http.StatusUnauthorized,
		"the signature was made with the right key for other fields: something has changed the body on its way",
		"look at what is between Paddle and the handler: proxies and middlewares that add, drop, trim or decode fields",
	}
	otherKey = &rejection{
		http.StatusUnauthorized, "the signature was made with another key",
		"set " + EnvPaddlePublicKey +
			" to the public key of the Paddle account that sends the webhooks; the sandbox has one of its own",
	}
)

const remedyNotPaddle = "nothing, unless Paddle sent it: then give Paddle Classic this URL for its webhooks, and let nothing " +
	"on the way touch the body"

// receive reads a request and verifies it. The form comes sorted, without its
// signature.
func (h *WebhookHandler) receive(r *http.Request) (*phpform.Array, *rejection) {
	if r.Method != http.MethodPost {
		return nil, notPost
	}

	// Paddle always sends a Content-Type; without one, the signature decides.
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if mediaType = strings.TrimSpace(mediaType); mediaType != "" &&
		!strings.EqualFold(mediaType, "application/x-www-form-urlencoded") {
		return nil, notForm
	}

	scratch := newReading()
	defer scratch.release()
	if rejected := readWebhook(r, scratch); rejected != nil {
		return nil, rejected
	}

	form, err := phpform.Parse(scratch.buffer.String())
	if err != nil {
		return nil, &rejection{http.StatusBadRequest, "the body has " + err.Error(), remedyNotPaddle}
	}

	field, _ := form.Remove("p_signature")
	signature, rejected := h.readSignature(field.Text)
	if rejected != nil {
		return nil, rejected
	}
	form.Sort()
	if rejected := h.verify(form, signature, scratch); rejected != nil {
		return nil, rejected
	}
	return form, nil
}

// readSignature refuses what no key can have made, before any work is done on
// the other fields.
func (h *WebhookHandler) readSignature(text string) ([]byte, *rejection) {
	if text == "" {
		return nil, notSigned
	}
	if len(text) > maxSignature {
		return nil, notBase64
	}
	signature, err := decodeSignature(text)
	if err != nil {
		return nil, notBase64
	}
	if !slices.ContainsFunc(h.keys, func(key *rsa.PublicKey) bool { return key.Size() == len(signature) }) {
		return nil, &rejection{otherKey.status, fmt.Sprintf("%s: it has %d bits, and the key has %d",
			otherKey.cause, 8*len(signature), 8*h.keys[0].Size()), otherKey.remedy}
	}
	return signature, nil
}

func readWebhook(r *http.Request, into *reading) *rejection {
	if r.ContentLength > maxWebhook {
		return tooLarge
	}
	if r.Body != nil {
		switch err := into.read(r.Body, maxWebhook); {
		case errors.Is(err, http.ErrBodyReadAfterClose):
			return consumed
		case err != nil:
			return &rejection{http.StatusBadRequest, "the body ended early: " + err.Error(), remedyNotPaddle}
		}
	}
	switch size := into.buffer.Len(); {
	case size > maxWebhook:
		return tooLarge
	case size == 0 && (r.ContentLength > 0 || len(r.PostForm) > 0):
		return consumed
	default:
		return nil
	}
}

// verify holds the signature against each key, and finds out what is wrong
// with it where none fits. It makes use of the memory that the body was read into.
func (h *WebhookHandler) verify(form *phpform.Array, signature []byte, scratch *reading) *rejection {
	// Each item gets at most twenty bytes, as in i:0;s:65536:"";, around it.
	scratch.buffer.Grow(20 * (form.Len() + 1))
	serialized := form.AppendSerialized(scratch.buffer.Bytes()[:0])
	digest := sha1.Sum(serialized) //nolint:gosec // it is what Paddle signs with

	sameKey := false
	for _, key := range h.keys {
		if rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], signature) == nil {
			return nil
		}
		sameKey = sameKey || key.Size() == len(signature) && madeWith(key, signature)
	}
	if sameKey {
		return changed
	}
	return otherKey
}

// decodeSignature skips white space, as PHP does. PHP skips everything else
// that is not base64, too: nobody sends that.
func decodeSignature(text string) ([]byte, error) {
	if strings.ContainsAny(text, " \t") { // line ends are skipped anyway
		text = strings.Join(strings.Fields(text), "")
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// madeWith tells whether the key's owner made the signature, for whatever it
// was: to anybody else, undoing it gives noise without this padding.
func madeWith(key *rsa.PublicKey, signature []byte) bool {
	undone := new(big.Int).Exp(new(big.Int).SetBytes(signature), big.NewInt(int64(key.E)), key.N)
	return bytes.HasPrefix(undone.FillBytes(make([]byte, key.Size())), []byte("\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff"))
}

// deliver hands an event on, and returns the status that tells Paddle whether
// to come again.
func (h *WebhookHandler) deliver(ctx context.Context, e Event) int {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()

	var forgetErr error
	if e.Identifier != "" {
		forgetErr = h.client.ForgetSubscription(ctx, e.Identifier)
	}
	status, outcome := h.handleOnce(ctx, e)
	if forgetErr != nil {
		h.logFailure(ctx, e, forgetErr, "look at the cache: Config.Cache could not forget")

		// Paddle comes again until the cache has forgotten. It is then known
		// whether the event was handled.
		status = max(status, http.StatusInternalServerError)
	}

	if status != http.StatusOK {
		outcome = &h.client.count.webhooks.failed
	}
	outcome.Add(1)
	return status
}

// handleOnce handles an event unless it was handled before, and returns what to
// count it as if all goes well.
func (h *WebhookHandler) handleOnce(ctx context.Context, e Event) (status int, outcome *atomic.Uint64) {
	count := &h.client.count.webhooks

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

// parsePublicKey reads a key in any form of [NewWebhookHandler]. The problem
// repeats nothing of the text: it may be a private key.
func parsePublicKey(text string) (*rsa.PublicKey, string) {
	const again = ": copy the public key from Paddle's dashboard again, and set " + EnvPaddlePublicKey + " to all of it"

	text = unquote(text)
	if text == "" {
		return nil, "is empty: set " + EnvPaddlePublicKey + " to the public key that Paddle's dashboard shows"
	}

	if !strings.Contains(text, "-----BEGIN") {
		decoded, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.Join(strings.Fields(text), ""), "="))
		switch {
		case err != nil:
			return nil, "is neither PEM nor base64 of it" + again
		case bytes.HasPrefix(decoded, []byte{0x30}): // how DER starts
			return nil, "is without its lines -----BEGIN PUBLIC KEY----- and -----END PUBLIC KEY-----" + again
		case !bytes.Contains(decoded, []byte("-----BEGIN")):
			return nil, "is base64, but not of PEM" + again
		}
		text = unquote(string(decoded))
	}

	block, rest := pem.Decode([]byte(text))
	switch {
	case strings.Contains(text, "PRIVATE KEY-----"):
		return nil, "is a private key, which must not be here" + again
	case block == nil && !strings.Contains(text, "-----END"):
		return nil, "is cut off: it has no line -----END PUBLIC KEY-----" + again
	case block == nil:
		return nil, "is damaged PEM, or all of it is on one line: keep the line ends, or write each as \\n"
	case block.Type == "CERTIFICATE":
		return nil, "is a certificate and not a public key" + again
	case len(bytes.TrimSpace(rest)) > 0:
		return nil, "has text after the key: further keys go to WebhookOptions.ExtraPublicKeys"
	}
	return parseRSA(block, again)
}

// unquote undoes what shells, .env files and dashboards do to a text with
// several lines.
func unquote(text string) string {
	text = strings.Trim(text, " \t\r\n\"'`\ufeff")
	return strings.NewReplacer(`\r\n`, "\n", `\n`, "\n", `\r`, "\n").Replace(text)
}

func parseRSA(block *pem.Block, again string) (*rsa.PublicKey, string) {
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if block.Type == "RSA PUBLIC KEY" {
		parsed, err = x509.ParsePKCS1PublicKey(block.Bytes)
	}

	if err != nil {
		return nil, "is damaged" + again
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Sprintf("is a key for another algorithm, %T, and Paddle's is RSA%s", parsed, again)
	}

	// Go verifies nothing with keys that are too weak.
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA1, make([]byte, sha1.Size), make([]byte, key.Size())); !errors.Is(err,
		rsa.ErrVerification) {
		return nil, fmt.Sprintf("is an RSA key of %d bits that Go does not use (%v)%s", key.N.BitLen(), err, again)
	}
	return key, ""
}

// alertMemory is the [Deduplicator] of one process. A process that dies takes
// its claims along: they need no lease.
type alertMemory struct {
	mu      sync.Mutex
	running map[string]chan struct{} // closed when that delivery ends
	handled map[string]time.Time     // until when to remember

	// ring has the keys of handled; once it is full, the oldest is at next.
	ring  []string
	next  int
	limit int
}

func newAlertMemory(limit int) *alertMemory {
	return &alertMemory{running: make(map[string]chan struct{}), handled: make(map[string]time.Time), limit: limit}
}

// Begin waits for the delivery that is under way, if there is one.
func (m *alertMemory) Begin(ctx context.Context, alertID string, _ time.Duration) (bool, error) {
	for {
		fresh, running := m.claim(alertID)
		if running == nil {
			return fresh, nil
		}
		select {
		case <-running:
		case <-ctx.Done():
			return false, fmt.Errorf("another delivery of the alert is under way: %w", ctx.Err())
		}
	}
}

// claim claims an alert if it is fresh, or returns the delivery to wait for.
func (m *alertMemory) claim(alertID string) (fresh bool, running chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if running, ok := m.running[alertID]; ok {
		return false, running
	}
	if time.Now().Before(m.handled[alertID]) {
		return false, nil
	}
	m.running[alertID] = make(chan struct{})
	return true, nil
}

// End lets those go on that wait.
func (m *alertMemory) End(_ context.Context, alertID string, handled bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if handled {
		m.remember(alertID)
	}
	close(m.running[alertID])
	delete(m.running, alertID)
	return nil
}

func (m *alertMemory) remember(alertID string) {
	_, known := m.handled[alertID] // expired, and still in the ring
	m.handled[alertID] = time.Now().Add(rememberAlerts)
	switch {
	case known:
	case len(m.ring) < m.limit:
		m.ring = append(m.ring, alertID)
	default:
		delete(m.handled, m.ring[m.next])
		m.ring[m.next] = alertID
		m.next = (m.next + 1) % m.limit
	}
}
