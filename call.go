package kanuu

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/sony/gobreaker/v2"
)

// How a call to Kanuu behaves when the network or Kanuu does not.
const (
	// maxAttempts of one call: the first and two retries.
	maxAttempts = 3

	// firstBackoff is the middle of the jittered wait before the first retry.
	firstBackoff = 200 * time.Millisecond

	// maxAnswer is how many bytes of an answer are read. A nonce takes 120.
	maxAnswer = 1 << 20

	// breakerFailures in a row, over all callers, show that Kanuu is down …
	breakerFailures = 10

	// … and then one caller in this time finds out whether it is back.
	breakerPause = 2 * time.Second

	// maxRetryAfter is the longest wish of Kanuu that is believed.
	maxRetryAfter = 24 * time.Hour

	// maxMessage is how many characters of a message of Kanuu are kept.
	maxMessage = 200
)

const userAgent = "kanuu-go/" + Version + " (+https://github.com/kanuu-io/kanuu-go)"

func newHTTPClient(own *http.Client) *http.Client {
	client := new(http.Client)
	if own != nil {
		*client = *own
	}

	if client.Transport == nil {
		client.Transport = newTransport()
	}

	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

	return client
}

// newTransport keeps one idle connection for every caller there ever was at
// once: the default transport keeps two, and dials for every other call of a
// busy application.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 3 * time.Second, KeepAlive: 30 * time.Second}

	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    3 * time.Second,
		ResponseHeaderTimeout:  0, // the attempt's deadline covers it
		MaxIdleConns:           0, // no limit
		MaxIdleConnsPerHost:    math.MaxInt,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		ForceAttemptHTTP2:      true, // a DialContext of its own would switch it off
		// A connection that a router on the way forgot looks like one that is
		// slow, and over HTTP/2 every call would go to it for minutes.
		HTTP2:              &http.HTTP2Config{SendPingTimeout: 4 * time.Second, PingTimeout: 2 * time.Second},
		DisableCompression: true, // answers are smaller than gzip's gain
	}
}

// answer of Kanuu, read to its end or beyond the limit.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post makes one call: attempts, the waits between them, the breaker before
// each. When ctx ends, so does the call.
func (c *Client) post(ctx context.Context, operation string, target *url.URL, body []byte) (answer, error) {
	deadline := time.Now().Add(c.timeout)
	waits := backoff.ExponentialBackOff{
		InitialInterval: firstBackoff, RandomizationFactor: 0.5, Multiplier: 3, MaxInterval: c.timeout,
	}

	for attempt := 1; ; attempt++ {
		got, err := c.breaker.Execute(func() (answer, error) {
			return c.try(ctx, deadline, operation, target, body)
		})

		switch {
		case err == nil:
			return got, nil
		case isBreakerOpen(err):
			c.count.shortCircuited.Add(1)

			return answer{}, fmt.Errorf("kanuu: %s: %w: %w", operation, ErrUnavailable, errBreakerOpen)
		}

		wait := waits.NextBackOff()
		if apiErr, ok := errors.AsType[*APIError](err); ok {
			wait = max(wait, apiErr.RetryAfter)
		}

		if attempt == maxAttempts || !isTransient(err) || time.Until(deadline) <= wait {
			c.count.failures.Add(1)

			return answer{}, err
		}

		c.log.LogAttrs(ctx, slog.LevelDebug, "kanuu: trying again",
			slog.String("operation", operation), slog.Duration("wait", wait), slog.Any("error", err))

		if err := sleep(ctx, wait); err != nil {
			return answer{}, fmt.Errorf("kanuu: %s: %w", operation, err)
		}

		c.count.retries.Add(1)
	}
}

// try is one attempt, until the deadline of the call or its own.
func (c *Client) try(ctx context.Context, deadline time.Time, operation string, target *url.URL, body []byte) (answer, error) {
	limit := time.Now().Add(c.attempt)
	if deadline.Before(limit) {
		limit = deadline
	}

	tryCtx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()

	c.count.attempts.Add(1)

	got, err := c.roundTrip(tryCtx, target, body)

	switch {
	case err == nil:
		return got, c.checkAnswer(operation, got)
	case ctx.Err() != nil: // the caller's own end comes first
		return answer{}, fmt.Errorf("kanuu: %s: %w", operation, ctx.Err())
	case tryCtx.Err() != nil:
		return answer{}, fmt.Errorf("kanuu: %s: %w: no answer within %v", operation, ErrUnavailable, c.attempt)
	default:
		return answer{}, fmt.Errorf("kanuu: %s: %w: %w", operation, ErrUnavailable, err)
	}
}

// roundTrip sends body and reads the answer, at most maxAnswer+1 bytes of it:
// to its end, so that the connection is free for the next call.
func (c *Client) roundTrip(ctx context.Context, target *url.URL, body []byte) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}

	req.Header.Set("Accept", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.key.reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", userAgent)

	res, err := c.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()

	read, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))

	return answer{status: res.StatusCode, header: res.Header, body: read}, err
}

// checkAnswer finds what is wrong with an answer before it is decoded.
func (c *Client) checkAnswer(operation string, got answer) error {
	switch {
	case len(got.body) > maxAnswer:
		return &APIError{
			Operation: operation, Status: got.status,
			Message: fmt.Sprintf("the answer is larger than %d bytes", maxAnswer),
		}
	case got.status == http.StatusOK, got.status == http.StatusCreated:
		return nil
	default:
		return c.newAPIError(operation, got)
	}
}

// newAPIError reads what Kanuu, being Laravel, says of an error. What a 5xx
// says is left out: it is written for Kanuu's own operators.
func (c *Client) newAPIError(operation string, got answer) *APIError {
	apiErr := &APIError{
		Operation: operation, Status: got.status, RetryAfter: parseRetryAfter(got.header.Get("Retry-After")),
	}

	switch {
	case got.status < http.StatusBadRequest:
		apiErr.Message = "only 200 and 201 are success, and redirects are not followed"
	case got.status < http.StatusInternalServerError:
		var said struct {
			Message string              `json:"message"`
			Errors  map[string][]string `json:"errors"`
		}

		// A gateway in between may say the key that it refused.
		body := bytes.ReplaceAll(got.body, []byte(c.key.reveal()), []byte(redacted))

		if json.Unmarshal(body, &said) == nil {
			apiErr.Message = cleanMessage(said.Message)
			apiErr.Fields = cleanFields(said.Errors)
		}
	}

	return apiErr
}

func cleanFields(said map[string][]string) map[string][]string {
	if len(said) == 0 {
		return nil
	}

	fields := make(map[string][]string, len(said))

	for field, messages := range said {
		field = cleanMessage(field)
		for _, message := range messages {
			fields[field] = append(fields[field], cleanMessage(message))
		}
	}

	return fields
}

// cleanMessage makes a text from outside fit for a log line: one line, short,
// and no URL, which could open somebody's portal.
func cleanMessage(s string) string {
	words := strings.Fields(strings.ToValidUTF8(s, "?"))
	for i, word := range words {
		if strings.Contains(word, "//") || strings.Contains(word, `\/`) {
			words[i] = "[url]"
		}
	}

	clean := []rune(strings.Join(words, " "))

	return string(clean[:min(len(clean), maxMessage)])
}

// parseRetryAfter takes both forms of RFC 9110: seconds, and a date.
func parseRetryAfter(header string) time.Duration {
	var wait time.Duration

	if seconds, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if date, err := http.ParseTime(header); err == nil {
		wait = time.Until(date)
	}

	return min(max(wait, 0), maxRetryAfter)
}

// isTransient tells whether the same call can do better in a moment.
func isTransient(err error) bool {
	if apiErr, ok := errors.AsType[*APIError](err); ok {
		return errors.Is(apiErr, ErrRateLimited) || errors.Is(apiErr, ErrUnavailable)
	}

	return errors.Is(err, ErrUnavailable)
}

// sleep returns ctx's error when ctx ends first.
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

// breaker keeps callers from queueing up before a Kanuu that is down.
type breaker = gobreaker.CircuitBreaker[answer]

func newBreaker(log *slog.Logger) *breaker {
	return gobreaker.NewCircuitBreaker[answer](gobreaker.Settings{
		Timeout:     breakerPause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures },
		// An answer below 500 shows that Kanuu is up, whatever it says.
		IsSuccessful: func(err error) bool { return !errors.Is(err, ErrUnavailable) },
		// A caller who left shows nothing.
		IsExcluded: func(err error) bool {
			return err != nil && !errors.Is(err, ErrUnavailable) &&
				(errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
		},
		OnStateChange: func(_ string, from, to gobreaker.State) {
			switch to {
			case gobreaker.StateOpen:
				if from == gobreaker.StateClosed { // not each time that a probe fails
					log.Error("kanuu: Kanuu is down, callers are answered at once until it is back",
						slog.Int("failures", breakerFailures), slog.String("remedy", outcomeOf(ErrUnavailable).remedy))
				}
			case gobreaker.StateClosed:
				log.Info("kanuu: Kanuu is back")
			case gobreaker.StateHalfOpen:
			}
		},
	})
}

// errBreakerOpen is why a call was not made. The breaker has logged that Kanuu
// is down; what it keeps from Kanuu needs no line each.
var errBreakerOpen = fmt.Errorf("not called again so soon after %d failures in a row", breakerFailures)

func isBreakerOpen(err error) bool {
	return errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
}
