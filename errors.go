package kanuu

import (
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

	// Message is Kanuu's message for a 4xx, at most 200 characters and without URLs,
	// or why a success cannot be used.
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

// Error returns the operation, the status and Kanuu's message.
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

// isNotAdmitted reports whether err is that of a call that was not made.
func isNotAdmitted(err error) bool {
	_, ok := errors.AsType[*api.NotAdmittedError](err)
	return ok
}

// ConfigError lists everything that is wrong with a [Config], with
// [CacheOptions], or with the arguments of [NewWebhookHandler].
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
