package kanuu

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/api"
)

// statusClientClosedRequest is what nginx logs for a client that closed the
// connection before the response. Access logs show it.
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
		title: "You cannot manage billing",
		text:  "Your account may not manage this subscription. Please ask the person who pays for it.",
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
		err: ErrTooManyNonces, name: "ErrTooManyNonces", status: http.StatusTooManyRequests,
		retry: outageRetryAfter, link: againText,
		title: "Please wait a moment", text: "You have opened this page very often. Please wait a moment and try again.",
	},
	failed(ErrInvalidIdentity, "ErrInvalidIdentity", "correct what the IdentifierResolver returns"),
	failed(ErrInvalidAPIKey, "ErrInvalidAPIKey", "set the API key (KANUU_API_KEY) that the dashboard of the Kanuu at "+
		"BaseURL shows for this team"),
	{
		err: ErrPaymentRequired, name: "ErrPaymentRequired", status: http.StatusServiceUnavailable,
		title: unavailableTitle, text: unavailableText, link: againText,
		remedy: "subscribe to Kanuu in its dashboard: the free plan ends at 20 active customers",
	},
	failed(ErrValidation, "ErrValidation", "correct the fields that Kanuu names in what the IdentifierResolver returns"),
	{
		err: ErrRateLimited, name: "ErrRateLimited", status: http.StatusServiceUnavailable,
		retry: outageRetryAfter, link: againText,
		title: "Billing is busy", text: "Many people are opening this page right now. Please try again in a moment.",
		remedy: "make fewer calls, or ask Kanuu for a higher limit",
	},
	failed(ErrUnexpectedResponse, "ErrUnexpectedResponse", "check that BaseURL is Kanuu's (https://kanuu.io, without "+
		"/api) and that no proxy responds in its place"),
	unavailable(api.ErrCertificate, "install the ca-certificates package, or correct BaseURL if it is https to a server "+
		"without TLS or with another name"),
	unavailable(api.ErrUnknownHost, "correct the host in BaseURL, or the DNS of this machine"),
	unavailable(api.ErrProxyAuth, "put the user and the password of the proxy into HTTPS_PROXY, or exclude Kanuu with NO_PROXY"),
	unavailable(ErrUnavailable, "wait for Kanuu to come back, or start it where BaseURL is an emulator's; if it is up, "+
		"check the network and DNS from here to BaseURL"),
	unavailable(context.DeadlineExceeded, "the request's own deadline passed first; give it more time than the calls to "+
		"Kanuu need"),
}

// failed returns the outcome of an error that the operator has to correct.
func failed(err error, name, remedy string) outcome {
	return outcome{
		err: err, name: name, status: http.StatusInternalServerError, remedy: remedy,
		title: failedTitle, text: failedText, link: againText,
	}
}

// unavailable returns the outcome of an error because of which Kanuu cannot be used
// for a while.
func unavailable(err error, remedy string) outcome {
	return outcome{
		err: err, name: "ErrUnavailable", status: http.StatusServiceUnavailable, retry: outageRetryAfter, remedy: remedy,
		title: unavailableTitle, text: unavailableText, link: againText,
	}
}

// unknown is the outcome of an error that is in no row: it came from the
// application's own code.
var unknown = failed(nil, "", "the IdentifierResolver failed; look at the error")

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
