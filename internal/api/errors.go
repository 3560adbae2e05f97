package api

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxMessage is how many characters of a message of Kanuu are kept, and
	// maxFields and maxMessages how many fields of a 422 and messages of one.
	maxMessage  = 200
	maxFields   = 16
	maxMessages = 2

	// redacted stands where a message repeats the key.
	redacted = "[redacted]"
)

// StatusError is a response other than 200 and 201, or one that cannot be used.
type StatusError struct {
	Status     int
	Message    string              // of a 4xx, fit for a log line
	Fields     map[string][]string // of a 422
	RetryAfter time.Duration       // 0: absent

	// NotKanuu: the response is not one that Kanuu gives, such as the HTML page of
	// a firewall.
	NotKanuu bool
}

func (e *StatusError) Error() string {
	if e.Message == "" {
		return "response " + strconv.Itoa(e.Status)
	}
	return fmt.Sprintf("response %d: %s", e.Status, e.Message)
}

// newStatusError reads an error response of Kanuu, which is that of Laravel. The
// message of a 5xx is left out: it is for Kanuu's own operators.
func (c *Client) newStatusError(res *http.Response, body []byte) *StatusError {
	e := &StatusError{Status: res.StatusCode, RetryAfter: parseRetryAfter(res)}
	var said struct {
		Message string              `json:"message"`
		Errors  map[string][]string `json:"errors"`
	}
	isJSON := json.Unmarshal(body, &said) == nil
	switch {
	case res.StatusCode < http.StatusBadRequest:
		e.Message = "only 200 and 201 are success, and redirects are not followed"
	case res.StatusCode >= http.StatusInternalServerError:
	case isJSON:
		e.Message = c.clean(said.Message)
		e.Fields = c.cleanFields(said.Errors)
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		e.Message, e.NotKanuu = "the response is not JSON: a firewall or a proxy answers in Kanuu's place", true
	}
	return e
}

// cleanFields keeps the first fields in the order of their names.
func (c *Client) cleanFields(said map[string][]string) map[string][]string {
	if len(said) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(said))
	fields := make(map[string][]string, min(len(names), maxFields))
	for _, name := range names[:min(len(names), maxFields)] {
		messages := said[name]
		name = c.clean(name)
		for _, message := range messages[:min(len(messages), maxMessages)] {
			fields[name] = append(fields[name], c.clean(message))
		}
	}
	return fields
}

// clean makes a text from outside fit for a log line: one line, short, without
// the key, which a gateway may repeat, and without a URL, which could open a
// customer's portal. It takes text that is decoded: JSON can write a key in many
// ways.
func (c *Client) clean(s string) string {
	s = strings.ReplaceAll(s, c.options.Key, redacted)
	words := strings.Fields(strings.ToValidUTF8(s, "?"))
	for i, word := range words {
		if strings.Contains(word, "//") || strings.Contains(word, `\/`) {
			words[i] = "[url]"
		}
	}
	clean := []rune(strings.Join(words, " "))
	return string(clean[:min(len(clean), maxMessage)])
}

// parseRetryAfter takes both forms of RFC 9110, section 10.2.3: seconds, and a
// date. A 429 without one that can be read has the default.
func parseRetryAfter(res *http.Response) time.Duration {
	header := strings.TrimSpace(res.Header.Get("Retry-After"))
	var wait time.Duration
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		wait = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wait = time.Until(date)
	} else if res.StatusCode == http.StatusTooManyRequests {
		wait = defaultRetryAfter
	}
	return min(max(wait, 0), maxRetryAfter)
}

func retryAfter(err error) time.Duration {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.RetryAfter
	}
	return 0
}

// The kinds of a [TransportError]: each has a remedy of its own. Only the first
// two are worth a retry.
var (
	ErrNetwork     = errors.New("the connection failed")
	ErrTimedOut    = errors.New("no response in time")
	ErrCertificate = errors.New("no valid TLS certificate")
	ErrUnknownHost = errors.New("the host is unknown")
	ErrProxyAuth   = errors.New("a proxy asks for authentication")
)

// TransportError is why there was no response.
type TransportError struct {
	Kind error // one of those above
	Err  error
}

func (e *TransportError) Error() string {
	if errors.Is(e.Kind, ErrTimedOut) {
		return e.Kind.Error()
	}
	return e.Err.Error()
}

// Unwrap does not give the cause of a time-out: it is the attempt's deadline, and
// not one of the caller.
func (e *TransportError) Unwrap() []error {
	if errors.Is(e.Kind, ErrTimedOut) {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func newTransportError(err error) *TransportError {
	var (
		verification *tls.CertificateVerificationError
		authority    x509.UnknownAuthorityError
		hostname     x509.HostnameError
		invalid      x509.CertificateInvalidError
		record       tls.RecordHeaderError
		dns          *net.DNSError
	)
	kind := ErrNetwork
	switch {
	case errors.As(err, &verification), errors.As(err, &authority), errors.As(err, &hostname),
		errors.As(err, &invalid), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		kind = ErrCertificate
	case errors.As(err, &dns) && dns.IsNotFound:
		kind = ErrUnknownHost
	case strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired)): // net/http has no type for it
		kind = ErrProxyAuth
	}
	return &TransportError{Kind: kind, Err: err}
}

// isTransient reports whether the same request can succeed in a moment.
func isTransient(err error) bool {
	if status, ok := errors.AsType[*StatusError](err); ok {
		return status.Status >= http.StatusInternalServerError && !status.NotKanuu
	}
	return errors.Is(err, ErrNetwork) || errors.Is(err, ErrTimedOut)
}

// The reasons of a [NotAdmittedError].
var (
	ErrBreakerOpen = errors.New("not called: the circuit breaker is open")
	ErrRateLimited = errors.New("not called: Kanuu asked for a pause")
	ErrNoSlot      = errors.New("not called: too many attempts are in flight")
)

// NotAdmittedError is why a call was not made.
type NotAdmittedError struct {
	Reason error         // one of those above
	Wait   time.Duration // after which it makes sense to try again
}

func (e *NotAdmittedError) Error() string { return e.Reason.Error() }

// Unwrap gives the reason.
func (e *NotAdmittedError) Unwrap() error { return e.Reason }
