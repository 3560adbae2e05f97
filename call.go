package kanuu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
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

	// breakerFailures in a row, over all callers, show that Kanuu is down …
	breakerFailures = 10

	// … and then one caller in this time finds out whether it is back.
	breakerPause = 2 * time.Second

	// maxRetryAfter is the longest wish of Kanuu that is believed.
	maxRetryAfter = 24 * time.Hour

	// maxMessage is how many characters of a message of Kanuu are kept, and
	// maxFields and maxMessages how many fields of a 422 and messages of one field.
	maxMessage  = 200
	maxFields   = 16
	maxMessages = 2
)

// post makes one call: attempts, the waits between them, the breaker before
// each. When ctx ends, so does the call.
func (c *Client) post(ctx context.Context, to *endpoint, body []byte) (answer, error) {
	c.count.calls.Add(1)
	c.count.inFlight.Add(1)
	defer c.count.inFlight.Add(-1)
	deadline := time.Now().Add(c.timeout)
	waits := backoff.ExponentialBackOff{
		InitialInterval: firstBackoff, RandomizationFactor: 0.5, Multiplier: 3, MaxInterval: c.timeout,
	}
	for attempt := 1; ; attempt++ {
		got, err := to.breaker.Execute(func() (answer, error) {
			if attempt > 1 {
				c.count.retries.Add(1)
			}
			return c.try(ctx, deadline, to, body)
		})
		switch {
		case err == nil:
			return got, nil
		case isBreakerOpen(err):
			c.count.shortCircuited.Add(1)
			return answer{}, fmt.Errorf("kanuu: %s: %w: %w", to.operation, ErrUnavailable, errBreakerOpen)
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
			slog.String("operation", to.operation), slog.Duration("wait", wait), slog.Any("error", err))
		if err := sleep(ctx, wait); err != nil {
			return answer{}, fmt.Errorf("kanuu: %s: %w", to.operation, err)
		}
	}
}

// try is one attempt, until the deadline of the call or its own.
func (c *Client) try(ctx context.Context, deadline time.Time, to *endpoint, body []byte) (answer, error) {
	limit := time.Now().Add(c.attempt)
	if deadline.Before(limit) {
		limit = deadline
	}
	tryCtx, cancel := context.WithDeadline(ctx, limit)
	defer cancel()

	c.count.attempts.Add(1)

	got, err := c.wire.roundTrip(tryCtx, to, body)
	switch {
	case err == nil:
		return got, c.checkAnswer(to.operation, got)
	case ctx.Err() != nil: // the caller's own end comes first
		return answer{}, fmt.Errorf("kanuu: %s: %w", to.operation, ctx.Err())
	case tryCtx.Err() != nil:
		return answer{}, fmt.Errorf("kanuu: %s: %w: no answer within %v", to.operation, ErrUnavailable, c.attempt)
	default:
		return answer{}, fmt.Errorf("kanuu: %s: %w: %w", to.operation, ErrUnavailable, err)
	}
}

// checkAnswer finds what is wrong with an answer before it is decoded.
func (c *Client) checkAnswer(operation string, got answer) error {
	switch {
	case len(got.bytes()) > maxAnswer:
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

		if json.Unmarshal(got.bytes(), &said) == nil {
			apiErr.Message = c.cleanMessage(said.Message)
			apiErr.Fields = c.cleanFields(said.Errors)
		}
	}
	return apiErr
}

// cleanFields keeps maxFields of what Kanuu says, in the order of their names,
// each with its first messages.
func (c *Client) cleanFields(said map[string][]string) map[string][]string {
	if len(said) == 0 {
		return nil
	}
	names := slices.Sorted(maps.Keys(said))
	fields := make(map[string][]string, min(len(names), maxFields))
	for _, name := range names[:min(len(names), maxFields)] {
		messages := said[name]
		name = c.cleanMessage(name)
		for _, message := range messages[:min(len(messages), maxMessages)] {
			fields[name] = append(fields[name], c.cleanMessage(message))
		}
	}
	return fields
}

// cleanMessage makes a text from outside fit for a log line: one line, short,
// without the key, which a gateway in between may repeat, and without a URL,
// which could open a customer's portal. It takes text that is decoded: JSON can
// write a key in many ways.
func (c *Client) cleanMessage(s string) string {
	s = strings.ReplaceAll(s, c.key.reveal(), redacted)
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

func newBreaker(log *slog.Logger, outages *atomic.Uint64) *breaker {
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
					outages.Add(1)
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
