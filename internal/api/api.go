// Package api makes calls to Kanuu's API: one call with its attempts, and what
// keeps one caller's trouble from becoming everybody's. It knows nothing about
// the content of a call.
package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"
)

const (
	// maxAttempts of one call: the first and two retries.
	maxAttempts = 3

	// firstBackoff is the middle of the jittered wait before the first retry, and
	// backoffGrowth what it is multiplied with before the next.
	firstBackoff  = 200 * time.Millisecond
	backoffGrowth = 3

	// maxBody is how many bytes of a response are read. A nonce takes 120.
	maxBody = 1 << 20
)

// Options of a [Client]. All are required.
type Options struct {
	BaseURL   *url.URL
	Key       string
	UserAgent string
	Logger    *slog.Logger

	// HTTPClient makes the calls. It is used as it is.
	HTTPClient *http.Client

	// Timeout of a call with its retries, and of one attempt.
	Timeout, AttemptTimeout time.Duration
}

// Client makes calls to one Kanuu with one key. It is safe for concurrent use.
type Client struct {
	options *Options           // behind a pointer and a function, which fmt does not
	header  func() http.Header // follow: they have the key
	Count   Counters
}

// Counters of a client, over all endpoints.
type Counters struct {
	Calls, Attempts, Retries, Failures, ShortCircuited, Outages atomic.Uint64
	InFlight                                                    atomic.Int64
}

// New makes a client.
func New(options Options) *Client {
	return &Client{options: &options, header: func() http.Header { // a new one: transports add to it
		values := [...]string{"application/json", "Bearer " + options.Key, "application/json", options.UserAgent}
		return http.Header{
			"Accept": values[0:1:1], "Authorization": values[1:2:2], "Content-Type": values[2:3:3], "User-Agent": values[3:4:4],
		}
	}}
}

// Endpoint is one path of the API. What fails for one says nothing about another,
// so each has its own admission.
type Endpoint struct {
	Operation string // for errors and log lines

	client    *Client
	url       string
	admission *admission
}

// Endpoint makes one. path is relative to the base URL.
func (c *Client) Endpoint(operation, path string) *Endpoint {
	base := *c.options.BaseURL
	if base.Path == "" {
		base.Path = "/" // JoinPath would take path for a relative URL
	}
	return &Endpoint{
		Operation: operation, client: c, url: base.JoinPath(path).String(),
		admission: newAdmission(func(open bool) { c.reportBreaker(operation, open) }),
	}
}

func (c *Client) reportBreaker(operation string, open bool) {
	if !open {
		c.options.Logger.Info("kanuu: circuit breaker closed", slog.String("operation", operation))
		return
	}
	c.Count.Outages.Add(1)
	c.options.Logger.Error("kanuu: circuit breaker open", slog.String("operation", operation),
		slog.String("remedy", "wait for Kanuu to come back; if it is up, check the network and DNS from here to BaseURL"))
}

// Breaker is the state of the endpoint's circuit breaker: "closed", "open" or
// "half-open".
func (e *Endpoint) Breaker() string { return e.admission.state() }

// OpenFor is for how long the circuit breaker has not been closed.
func (e *Endpoint) OpenFor() time.Duration { return e.admission.openFor() }

// Response is a 200 or a 201.
type Response struct {
	Status int
	Body   []byte

	// Began is when the attempt that brought it began.
	Began time.Time
}

// Post makes a call on behalf of identifier: up to three attempts within the
// timeout. Errors are a [*StatusError], a [*TransportError] or a
// [*NotAdmittedError], and ctx's own when it ended first.
func (e *Endpoint) Post(ctx context.Context, identifier string, body []byte) (Response, error) {
	count := &e.client.Count
	count.Calls.Add(1)
	count.InFlight.Add(1)
	defer count.InFlight.Add(-1)
	deadline := time.Now().Add(e.client.options.Timeout)
	var last error
	for attempt, backoff := 1, firstBackoff; ; attempt, backoff = attempt+1, backoff*backoffGrowth {
		response, err := e.attempt(ctx, identifier, body, deadline, attempt > 1)
		if err == nil {
			return response, nil
		}
		if ctx.Err() != nil {
			return Response{}, ctx.Err()
		}
		if _, ok := errors.AsType[*NotAdmittedError](err); ok {
			count.ShortCircuited.Add(1)
			if last != nil {
				err = last // what has happened says more than that it is not repeated
			}
			return Response{}, err
		}
		wait := max(jittered(backoff), retryAfter(err))
		if attempt == maxAttempts || !isTransient(err) || time.Until(deadline) <= wait {
			count.Failures.Add(1)
			return Response{}, err
		}
		last = err
		e.client.options.Logger.LogAttrs(ctx, slog.LevelDebug, "kanuu: retry",
			slog.String("operation", e.Operation), slog.Duration("wait", wait), slog.Any("error", err))
		if err := sleep(ctx, wait); err != nil {
			return Response{}, err
		}
	}
}

// jittered is half to one and a half times d: callers that failed together do
// not come back together.
func jittered(d time.Duration) time.Duration {
	return d/2 + rand.N(d) //nolint:gosec // nothing depends on its being unpredictable
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt is one request, until the deadline of the call or its own.
func (e *Endpoint) attempt(
	ctx context.Context, identifier string, body []byte, deadline time.Time, isRetry bool,
) (Response, error) {
	isProbe, err := e.admission.enter(ctx, identifier)
	if err != nil {
		return Response{}, err
	}
	count := &e.client.Count
	count.Attempts.Add(1)
	if isRetry {
		count.Retries.Add(1)
	}
	limit := time.Now().Add(e.client.options.AttemptTimeout)
	if deadline.Before(limit) {
		limit = deadline
	}
	attemptCtx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()
	response, err := e.send(attemptCtx, body)
	e.admission.leave(identifier, isProbe, evidence(ctx, err), retryAfter(err))
	if err != nil && ctx.Err() == nil && attemptCtx.Err() != nil {
		err = &TransportError{Kind: ErrTimedOut, Err: err}
	}
	return response, err
}

// evidence is what the outcome of an attempt shows about Kanuu.
func evidence(ctx context.Context, err error) verdict {
	status, responded := errors.AsType[*StatusError](err)
	switch {
	case responded && status.Status == http.StatusTooManyRequests:
		return rateLimited
	case responded && status.Status >= http.StatusInternalServerError:
		return failed
	case err == nil || responded:
		return succeeded // below 500, Kanuu is up, whatever it says
	case errors.Is(ctx.Err(), context.Canceled):
		return abandoned // a caller who left shows nothing
	default:
		return failed // also if the caller's own deadline passed without a response
	}
}

func (e *Endpoint) send(ctx context.Context, body []byte) (Response, error) {
	began := time.Now()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return Response{}, &TransportError{Kind: ErrNetwork, Err: err}
	}
	req.Header = e.client.header()
	res, err := e.client.options.HTTPClient.Do(req)
	if err != nil {
		return Response{}, newTransportError(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxBody+1))
	switch {
	case err != nil:
		return Response{}, newTransportError(err)
	case len(text) > maxBody:
		return Response{}, &StatusError{Status: res.StatusCode, Message: "the response is larger than 1 MiB", NotKanuu: true}
	case res.StatusCode == http.StatusOK, res.StatusCode == http.StatusCreated:
		return Response{Status: res.StatusCode, Body: text, Began: began}, nil
	default:
		return Response{}, e.client.newStatusError(res, text)
	}
}
