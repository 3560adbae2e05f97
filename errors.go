package kanuu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/api"
)

// Errors, to be told apart with [errors.Is]. [HTTPStatus] has the status that the
// user gets for each.
var (
	// ErrInvalidAPIKey: Kanuu responded 401 or 403, because it does not know the
	// API key.
	ErrInvalidAPIKey = errors.New("the API key was refused")

	// ErrPaymentRequired: Kanuu responded 402. The seller's own Kanuu account has
	// more than 20 active customers and no subscription. It is nothing that the
	// customer did.
	ErrPaymentRequired = errors.New("the seller's Kanuu account needs a subscription")

	// ErrValidation: Kanuu responded 422. [APIError.Fields] has its messages.
	ErrValidation = errors.New("the data was refused")

	// ErrRateLimited: Kanuu responded 429, or did so less than
	// [APIError.RetryAfter] ago.
	ErrRateLimited = errors.New("too many calls")

	// ErrUnavailable: Kanuu could not be reached, took too long, or responded with
	// a status from 500 on.
	ErrUnavailable = errors.New("Kanuu is unavailable")

	// ErrUnexpectedResponse: the response is not what Kanuu's API pages promise:
	// another status, no JSON, no nonce, an unsafe URL, more than 1 MiB.
	ErrUnexpectedResponse = errors.New("unexpected response")

	// ErrInvalidIdentity: the identity breaks a rule that Kanuu documents, and was
	// not sent. It is always an [*IdentityError] that names each rule.
	ErrInvalidIdentity = errors.New("identity is not valid")

	// ErrNotSubscribed: the customer has no subscription that a [Gate] admits.
	ErrNotSubscribed = errors.New("not subscribed")

	// ErrWrongPlan: the customer has a subscription, but [GateOptions.Plans] or
	// [GateOptions.Allow] excludes it. It is also an [ErrNotSubscribed].
	ErrWrongPlan = fmt.Errorf("%w to a plan that the gate admits", ErrNotSubscribed)

	// ErrCrossOrigin: a form or a script of another origin sent the request, see
	// [http.CrossOriginProtection].
	ErrCrossOrigin = errors.New("cross-origin request refused")

	// ErrTooManyNonces: one customer asked for more nonces than
	// [RedirectOptions.MintBurst] allows. Kanuu was not called.
	ErrTooManyNonces = errors.New("too many nonces for one customer")

	// ErrMethodNotAllowed: the request is neither GET, HEAD nor POST.
	ErrMethodNotAllowed = errors.New("method not allowed")
)

// statusClientClosedRequest is what nginx logs for a client that closed the
// connection before the response. Nobody receives it; access logs show it.
const statusClientClosedRequest = 499

// outageRetryAfter is for an outage of which Kanuu did not say how long it takes.
const outageRetryAfter = 10 * time.Second

// outcome maps an error to what the user and the operator get.
type outcome struct {
	err  error
	name string // of err, for the type of problem+json

	// For the user.
	status      int
	title, text string
	retry       time.Duration // Retry-After, where waiting helps
	link        string        // to the same page, where it may work the next time; empty: none

	remedy string // for the operator; empty: nothing is wrong here
}

// Texts of more than one outcome.
const (
	unavailableTitle = "Billing is unavailable"
	unavailableText  = "Our billing service cannot be reached right now. Please try again in a few minutes."
	againText        = "Try again"
	failedTitle      = "Something went wrong"
	failedText       = "The problem is on our side. Please try again in a few minutes."
)

// outcomes is the one table from error to status, texts and remedy. The first row
// that matches counts. Cancellation is the first, because a call whose user left
// can fail in any way.
var outcomes = []outcome{
	{err: context.Canceled, status: statusClientClosedRequest, title: failedTitle, text: failedText},
	{
		err: ErrUnauthenticated, name: "ErrUnauthenticated", status: http.StatusUnauthorized,
		title: "Please log in", text: "You need to be logged in to open this page.",
	},
	{
		err: ErrWrongPlan, name: "ErrWrongPlan", status: http.StatusPaymentRequired,
		title: "Another plan is needed", text: "Your plan does not include this page.",
	},
	{
		err: ErrNotSubscribed, name: "ErrNotSubscribed", status: http.StatusPaymentRequired,
		title: "A subscription is needed", text: "This page is for subscribers.",
	},
	{
		err: ErrForbidden, name: "ErrForbidden", status: http.StatusForbidden,
		title: "You cannot manage billing", text: "Your account may not manage this subscription. Please ask the person who pays for it.",
	},
	{
		err: ErrCrossOrigin, name: "ErrCrossOrigin", status: http.StatusForbidden, link: "Continue",
		title: "Please continue here", text: "The request came from another website and was not carried out.",
		remedy: "nothing, unless that page is yours: then trust its origin in RedirectOptions.CrossOriginProtection",
	},
	{
		err: ErrMethodNotAllowed, name: "ErrMethodNotAllowed", status: http.StatusMethodNotAllowed, link: "Continue",
		title: "This page cannot be opened this way", text: "Please open it with a link or a button.",
	},
	{
		err: ErrTooManyNonces, name: "ErrTooManyNonces", status: http.StatusTooManyRequests, retry: outageRetryAfter, link: againText,
		title: "Please wait a moment", text: "You have opened this page very often. Please wait a moment and try again.",
	},
	{
		err: ErrInvalidIdentity, name: "ErrInvalidIdentity", status: http.StatusInternalServerError,
		title: failedTitle, text: failedText,
		remedy: "correct what the IdentifierResolver returns",
	},
	{
		err: ErrInvalidAPIKey, name: "ErrInvalidAPIKey", status: http.StatusInternalServerError,
		title: failedTitle, text: failedText, link: againText,
		remedy: "set the API key (KANUU_API_KEY) that the dashboard of the Kanuu at BaseURL shows for this team",
	},
	{
		err: ErrPaymentRequired, name: "ErrPaymentRequired", status: http.StatusServiceUnavailable,
		title: unavailableTitle, text: unavailableText, link: againText,
		remedy: "subscribe to Kanuu in its dashboard: the free plan ends at 20 active customers",
	},
	{
		err: ErrValidation, name: "ErrValidation", status: http.StatusInternalServerError,
		title: failedTitle, text: failedText,
		remedy: "correct the fields that Kanuu names in what the IdentifierResolver returns",
	},
	{
		err: ErrRateLimited, name: "ErrRateLimited", status: http.StatusServiceUnavailable, retry: outageRetryAfter, link: againText,
		title: "Billing is busy", text: "Many people are opening this page right now. Please try again in a moment.",
		remedy: "make fewer calls, or ask Kanuu for a higher limit",
	},
	{
		err: ErrUnexpectedResponse, name: "ErrUnexpectedResponse", status: http.StatusInternalServerError,
		title: failedTitle, text: failedText, link: againText,
		remedy: "check that BaseURL is Kanuu's (https://kanuu.io, without /api) and that no proxy responds in its place",
	},
	{
		err: api.ErrCertificate, name: "ErrUnavailable", status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		title: unavailableTitle, text: unavailableText, link: againText,
		remedy: "install the ca-certificates package, or correct BaseURL if it is https to a server without TLS or with " +
			"another name",
	},
	{
		err: api.ErrUnknownHost, name: "ErrUnavailable", status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		title: unavailableTitle, text: unavailableText, link: againText,
		remedy: "correct the host in BaseURL, or the DNS of this machine",
	},
	{
		err: api.ErrProxyAuth, name: "ErrUnavailable", status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		title: unavailableTitle, text: unavailableText, link: againText,
		remedy: "put the user and the password of the proxy into HTTPS_PROXY, or exclude Kanuu with NO_PROXY",
	},
	{
		err: ErrUnavailable, name: "ErrUnavailable", status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		title: unavailableTitle, text: unavailableText, link: againText,
		remedy: "wait for Kanuu to come back, or start it where BaseURL is an emulator's; if it is up, check the network and " +
			"DNS from here to BaseURL",
	},
	{
		err: context.DeadlineExceeded, status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		title: unavailableTitle, text: unavailableText, link: againText,
		remedy: "the request's own deadline passed first; give it more time than the calls to Kanuu need",
	},
}

// unknown is the outcome of an error that is in no row: it came from the
// application's own code.
var unknown = outcome{
	status: http.StatusInternalServerError, title: failedTitle, text: failedText, link: againText,
	remedy: "the IdentifierResolver failed; look at the error",
}

func outcomeOf(err error) outcome {
	for _, o := range outcomes {
		if errors.Is(err, o.err) {
			return o
		}
	}
	return unknown
}

// problemType returns the URI of the error's documentation, see RFC 9457.
func problemType(err error) string {
	if name := outcomeOf(err).name; name != "" {
		return "https://pkg.go.dev/github.com/kanuu-io/kanuu-go#" + name
	}
	return "about:blank"
}

// HTTPStatus returns the status that the user gets for err, the same in net/http
// and behind every adapter. It is never the status of a service behind:
//
//	nil                                                200
//	ErrUnauthenticated                                 401
//	ErrNotSubscribed, ErrWrongPlan                     402
//	ErrForbidden, ErrCrossOrigin                       403
//	ErrMethodNotAllowed                                405
//	ErrTooManyNonces                                   429
//	context.Canceled: the user left                    499
//	ErrInvalidIdentity, ErrInvalidAPIKey, ErrValidation,
//	ErrUnexpectedResponse, any other error             500
//	ErrPaymentRequired, ErrRateLimited,
//	ErrUnavailable, context.DeadlineExceeded           503
//
// Errors of [WebhookHandler.Verify] have the statuses that [WebhookHandler] lists. A
// 502 is not used: services such as Cloudflare replace it with a page of their
// own.
func HTTPStatus(err error) int {
	if err == nil {
		return http.StatusOK
	}
	if rejected, ok := errors.AsType[rejectionError](err); ok {
		return rejectionOf(rejected).status
	}
	return outcomeOf(err).status
}

// APIError is a response of Kanuu other than success, or a success that the
// library cannot use. It matches one of [ErrInvalidAPIKey],
// [ErrPaymentRequired], [ErrValidation], [ErrRateLimited], [ErrUnavailable] and
// [ErrUnexpectedResponse] with [errors.Is].
//
// The status is a field and not a method on purpose: web frameworks look for a
// StatusCode method on errors and would hand Kanuu's 401 to the customer.
type APIError struct {
	// Operation that failed, such as "create nonce".
	Operation string

	// Status of the response.
	Status int

	// Message says what is wrong: for a 4xx what Kanuu said, at most 200
	// characters and without URLs; for a success that cannot be used, why.
	Message string

	// Fields holds Kanuu's messages by field for a 422, else nil.
	Fields map[string][]string

	// RetryAfter is how long Kanuu asks to wait, at most 10 min; 0: it did not say.
	RetryAfter time.Duration

	notKanuu bool  // a proxy or a firewall answered in its place
	cause    error // why there was no call; nil: there was one
}

// Unwrap returns why Kanuu was not called, or nil.
func (e *APIError) Unwrap() error { return e.cause }

// Error names the operation, the status, and what Kanuu said.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "kanuu: %s: %v (Kanuu responded %d)", e.Operation, e.kind(), e.Status)
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	for _, field := range slices.Sorted(maps.Keys(e.Fields)) {
		fmt.Fprintf(&b, "; %s: %s", field, strings.Join(e.Fields[field], " "))
	}
	return b.String()
}

// Is reports whether target is the sentinel for the error's status.
func (e *APIError) Is(target error) bool {
	return target == e.kind()
}

func (e *APIError) kind() error {
	switch {
	case e.notKanuu:
		return ErrUnexpectedResponse
	case e.Status == http.StatusUnauthorized, e.Status == http.StatusForbidden:
		return ErrInvalidAPIKey
	case e.Status == http.StatusPaymentRequired:
		return ErrPaymentRequired
	case e.Status == http.StatusUnprocessableEntity:
		return ErrValidation
	case e.Status == http.StatusTooManyRequests:
		return ErrRateLimited
	case e.Status >= http.StatusInternalServerError:
		return ErrUnavailable
	default:
		return ErrUnexpectedResponse
	}
}

// tooManyNoncesError is [ErrTooManyNonces] with the time to wait.
type tooManyNoncesError struct{ wait time.Duration }

func (e tooManyNoncesError) Error() string {
	return fmt.Sprintf("kanuu: create nonce: %v: the next one is possible in %v", ErrTooManyNonces,
		e.wait.Round(time.Millisecond))
}

func (e tooManyNoncesError) Is(target error) bool { return target == ErrTooManyNonces }

// retryAfter returns how long the user should wait after err; 0 if waiting does not
// help.
func retryAfter(err error) time.Duration {
	wait := outcomeOf(err).retry
	if wait == 0 {
		return 0
	}
	if apiErr, ok := errors.AsType[*APIError](err); ok {
		wait = cmp.Or(apiErr.RetryAfter, wait)
	}
	if limited, ok := errors.AsType[tooManyNoncesError](err); ok {
		wait = limited.wait
	}
	return wait
}

// post makes a call for id. It is the one place where what went wrong with a call
// becomes an error of this package.
func (c *Client) post(ctx context.Context, to *api.Endpoint, id Identity) (api.Response, error) {
	body, err := json.Marshal(id.wire())
	if err != nil { // strings: cannot happen
		return api.Response{}, err
	}
	response, err := to.Post(ctx, id.Identifier, body)
	if err == nil {
		return response, nil
	}
	if status, ok := errors.AsType[*api.StatusError](err); ok {
		return response, &APIError{
			Operation: to.Operation, Status: status.Status, Message: status.Message, Fields: status.Fields,
			RetryAfter: status.RetryAfter, notKanuu: status.NotKanuu,
		}
	}
	if refused, ok := errors.AsType[*api.NotAdmittedError](err); ok && errors.Is(err, api.ErrRateLimited) {
		return response, &APIError{
			Operation: to.Operation, Status: http.StatusTooManyRequests, Message: err.Error(),
			RetryAfter: refused.Wait, cause: err,
		}
	}
	if ctx.Err() != nil {
		return response, fmt.Errorf("kanuu: %s: %w", to.Operation, err)
	}
	return response, fmt.Errorf("kanuu: %s: %w: %w", to.Operation, ErrUnavailable, err)
}

// isNotAdmitted tells whether err is that of a call that was not made.
func isNotAdmitted(err error) bool {
	_, ok := errors.AsType[*api.NotAdmittedError](err)
	return ok
}

// ConfigError lists everything that is wrong with a [Config], with
// [CacheOptions], or with what [NewWebhookHandler] was given, so that it can be
// mended in one go.
type ConfigError struct {
	// Problems, each naming a field and the remedy.
	Problems []string
}

// Error joins the problems with semicolons.
func (e *ConfigError) Error() string {
	return "kanuu: " + strings.Join(e.Problems, "; ")
}

// IdentityError lists every documented rule that an [Identity] breaks. It
// matches [ErrInvalidIdentity] and repeats none of the identity's values.
type IdentityError struct {
	// Problems, each naming a field and the rule.
	Problems []string
}

// Error joins the problems with semicolons.
func (e *IdentityError) Error() string {
	return fmt.Sprintf("kanuu: %v: %s", ErrInvalidIdentity, strings.Join(e.Problems, "; "))
}

// Unwrap is always [ErrInvalidIdentity].
func (e *IdentityError) Unwrap() error { return ErrInvalidIdentity }
