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

// What can go wrong, to be told apart with [errors.Is]. [HTTPStatus] is the
// table that says what the customer gets for each.
var (
	// ErrInvalidAPIKey: Kanuu answered 401 or 403, it does not know the key.
	ErrInvalidAPIKey = errors.New("the API key was refused")

	// ErrPaymentRequired: Kanuu answered 402. The seller's own Kanuu account
	// has more than 20 active customers and no subscription; it is nothing that
	// the customer did.
	ErrPaymentRequired = errors.New("the seller's Kanuu account needs a subscription")

	// ErrValidation: Kanuu answered 422. [APIError.Fields] has its messages.
	ErrValidation = errors.New("the data was refused")

	// ErrRateLimited: Kanuu answered 429. [APIError.RetryAfter] has its wish.
	ErrRateLimited = errors.New("too many calls")

	// ErrUnavailable: Kanuu could not be reached, took too long, or answered
	// with a status from 500 on.
	ErrUnavailable = errors.New("Kanuu is unavailable")

	// ErrUnexpectedResponse: the answer is not what Kanuu's API pages promise:
	// another status, no JSON, no nonce, an unsafe URL, more than 1 MiB.
	ErrUnexpectedResponse = errors.New("unexpected answer")

	// ErrInvalidIdentity: the identity breaks a rule that Kanuu documents, and
	// was not sent. It is always an [*IdentityError] that names each rule.
	ErrInvalidIdentity = errors.New("identity is not valid")

	// ErrNotSubscribed: the customer has no subscription that a [Gate] takes.
	ErrNotSubscribed = errors.New("not subscribed")

	// ErrCrossOrigin: a POST came from a page of another origin, see
	// [http.CrossOriginProtection].
	ErrCrossOrigin = errors.New("cross-origin request refused")

	// ErrTooManyNonces: one customer asked for more nonces than
	// [RedirectOptions.MintBurst] allows. Kanuu was not called.
	ErrTooManyNonces = errors.New("too many nonces for one customer")

	// ErrMethodNotAllowed: the request is neither GET, HEAD nor POST.
	ErrMethodNotAllowed = errors.New("method not allowed")
)

// statusClientClosedRequest is what nginx logs for a visitor who left before
// the answer. Nobody receives it; access logs show it.
const statusClientClosedRequest = 499

// outageRetryAfter is what customers are asked to wait where Kanuu did not say.
const outageRetryAfter = 10 * time.Second

// outcome is what one kind of error means to the two who hear of it.
type outcome struct {
	err    error
	status int           // for the customer
	retry  time.Duration // for the customer: Retry-After, where waiting helps
	remedy string        // for the operator; empty: nothing is wrong here
}

// outcomes is the one table from error to status and remedy. The first row
// that matches counts: cancellation goes first, since a call that its visitor
// left can fail in any way.
var outcomes = []outcome{
	{err: context.Canceled, status: statusClientClosedRequest},
	{err: ErrUnauthenticated, status: http.StatusUnauthorized},
	{err: ErrNotSubscribed, status: http.StatusPaymentRequired},
	{err: ErrForbidden, status: http.StatusForbidden},
	{
		err: ErrCrossOrigin, status: http.StatusForbidden,
		remedy: "nothing, unless that page is yours: then trust its origin in RedirectOptions.CrossOriginProtection",
	},
	{err: ErrMethodNotAllowed, status: http.StatusMethodNotAllowed},
	{err: ErrTooManyNonces, status: http.StatusTooManyRequests, retry: outageRetryAfter},
	{
		err: ErrInvalidIdentity, status: http.StatusInternalServerError,
		remedy: "correct what the IdentifierResolver returns",
	},
	{
		err: ErrInvalidAPIKey, status: http.StatusBadGateway,
		remedy: "set the API key (" + EnvAPIKey + ") that the dashboard of the Kanuu at BaseURL shows for this team",
	},
	{
		err: ErrPaymentRequired, status: http.StatusServiceUnavailable,
		remedy: "subscribe to Kanuu in its dashboard: the free plan ends at 20 active customers",
	},
	{
		err: ErrValidation, status: http.StatusBadGateway,
		remedy: "correct the fields that Kanuu names in what the IdentifierResolver returns",
	},
	{
		err: ErrRateLimited, status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		remedy: "slow down, or ask Kanuu for a higher limit",
	},
	{
		err: ErrUnexpectedResponse, status: http.StatusBadGateway,
		remedy: "check that BaseURL is Kanuu's (https://kanuu.io, without /api) and that no proxy answers in its place",
	},
	{
		err: api.ErrCertificate, status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		remedy: "install the ca-certificates package, or correct BaseURL if it is https to a server without TLS or with " +
			"another name",
	},
	{
		err: api.ErrUnknownHost, status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		remedy: "correct the host in BaseURL, or the DNS of this machine",
	},
	{
		err: api.ErrProxyAuth, status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		remedy: "put the user and the password of the proxy into HTTPS_PROXY, or exclude Kanuu with NO_PROXY",
	},
	{
		err: ErrUnavailable, status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		remedy: "wait for Kanuu to come back, or start it where BaseURL is an emulator's; if it is up, check the network and " +
			"DNS from here to BaseURL",
	},
	{
		err: context.DeadlineExceeded, status: http.StatusServiceUnavailable, retry: outageRetryAfter,
		remedy: "the request's own deadline passed first; give it more time than the calls to Kanuu need",
	},
}

// unknown is the outcome of an error that is in no row: it came from the
// application's own code.
var unknown = outcome{
	status: http.StatusInternalServerError,
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

// HTTPStatus is the status that the customer gets for err, the same in net/http
// and behind every adapter. It never is an upstream's status handed through:
//
//	nil                                                200
//	ErrUnauthenticated                                 401
//	ErrNotSubscribed                                   402
//	ErrForbidden, ErrCrossOrigin                       403
//	ErrMethodNotAllowed                                405
//	ErrTooManyNonces                                   429
//	context.Canceled: the visitor left                 499
//	ErrInvalidIdentity, any other error                500
//	ErrInvalidAPIKey, ErrValidation,
//	ErrUnexpectedResponse                              502
//	ErrPaymentRequired, ErrRateLimited,
//	ErrUnavailable, context.DeadlineExceeded           503
func HTTPStatus(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return outcomeOf(err).status
}

// APIError is an answer of Kanuu other than success, or a success that the
// library cannot use. It matches one of [ErrInvalidAPIKey],
// [ErrPaymentRequired], [ErrValidation], [ErrRateLimited], [ErrUnavailable] and
// [ErrUnexpectedResponse] with [errors.Is].
//
// The status is a field and not a method on purpose: web frameworks look for a
// StatusCode method on errors and would hand Kanuu's 401 to the customer.
type APIError struct {
	// Operation that failed, such as "create nonce".
	Operation string

	// Status that Kanuu answered.
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
	fmt.Fprintf(&b, "kanuu: %s: %v (Kanuu answered %d)", e.Operation, e.kind(), e.Status)
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

// retryAfter is what a customer is asked to wait after err; 0: waiting does
// not help.
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
