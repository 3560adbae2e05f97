package kanuu_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

const success = `{"nonce": "x", "url": "https://kanuu.io/manage/acme/x"}`

// hang answers nothing until the caller has had enough.
func hang(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func garbage(*http.Request) (*http.Response, error) {
	return response(http.StatusCreated, `{"nonce": ""}`), nil
}

func down(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") }

// inBubble runs test with a client whose transport is play, in a bubble whose
// time stands still until everybody waits.
func inBubble(t *testing.T, play roundTripper, test func(t *testing.T, client *kanuu.Client, log *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		client, err := kanuu.NewClient(kanuu.Config{
			APIKey: key, HTTPClient: &http.Client{Transport: play},
			Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
		require.NoError(t, err)
		test(t, client, &log)
		assert.NotContains(t, log.String(), key)
	})
}

var user42 = kanuu.Identity{Identifier: "42"} //nolint:gochecknoglobals // a constant

func TestRetries(t *testing.T) {
	t.Parallel()
	const low, high = 100 * time.Millisecond, 300 * time.Millisecond // of the first wait, half of it up or down
	for name, tc := range map[string]struct {
		play     []roundTripper // one after the other, the last one for ever
		attempts int
		min, max time.Duration
		want     error
	}{
		"success":      {[]roundTripper{answering(201)}, 1, 0, 0, nil},
		"one failure":  {[]roundTripper{down, answering(201)}, 2, low, high, nil},
		"one 500":      {[]roundTripper{answering(500), answering(200)}, 2, low, high, nil},
		"429":          {[]roundTripper{answering(429)}, 1, 0, 0, kanuu.ErrRateLimited},
		"two failures": {[]roundTripper{down, answering(503), answering(201)}, 3, 4 * low, 4 * high, nil},
		"down":         {[]roundTripper{down}, 3, 4 * low, 4 * high, kanuu.ErrUnavailable},
		"hangs":        {[]roundTripper{hang}, 2, 10 * time.Second, 10 * time.Second, kanuu.ErrUnavailable},
		"hangs once":   {[]roundTripper{hang, answering(201)}, 2, 5*time.Second + low, 5*time.Second + high, nil},
		"breaks off":   {[]roundTripper{breakOff, answering(201)}, 2, low, high, nil},
		"Retry-After of 503": {[]roundTripper{answering(503, "Retry-After", "2"), answering(201)}, 2, 2 * time.Second,
			2 * time.Second, nil},
		"Retry-After is too late": {[]roundTripper{answering(503, "Retry-After", "10")}, 1, 0, 0, kanuu.ErrUnavailable},
		"401":                     {[]roundTripper{answering(401)}, 1, 0, 0, kanuu.ErrInvalidAPIKey},
		"402":                     {[]roundTripper{answering(402)}, 1, 0, 0, kanuu.ErrPaymentRequired},
		"422":                     {[]roundTripper{answering(422)}, 1, 0, 0, kanuu.ErrValidation},
		"201 without a nonce":     {[]roundTripper{garbage}, 1, 0, 0, kanuu.ErrUnexpectedResponse},
		"404":                     {[]roundTripper{answering(404)}, 1, 0, 0, kanuu.ErrUnexpectedResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var attempts int
			play := func(r *http.Request) (*http.Response, error) {
				attempts++
				body, err := io.ReadAll(r.Body)
				require.NoError(t, err)
				assert.JSONEq(t, `{"identifier": "42"}`, string(body), "each attempt has the body")
				return tc.play[min(attempts, len(tc.play))-1](r)
			}
			inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
				t.Helper()
				start := time.Now()
				_, err := client.CreateNonce(t.Context(), user42)
				took := time.Since(start)

				require.ErrorIs(t, err, tc.want)
				assert.Equal(t, tc.attempts, attempts)
				assert.GreaterOrEqual(t, took, tc.min)
				assert.LessOrEqual(t, took, tc.max)

				stats := client.Stats()
				assert.EqualValues(t, tc.attempts, stats.Attempts)
				assert.EqualValues(t, tc.attempts-1, stats.Retries)
				assert.Equal(t, tc.want != nil, stats.Failures == 1)
				assert.Equal(t, tc.want == nil, stats.Nonces == 1)
			})
		})
	}
}

func answering(status int, header ...string) roundTripper {
	return func(*http.Request) (*http.Response, error) {
		res := response(status, success)
		for i := 0; i < len(header); i += 2 {
			res.Header.Set(header[i], header[i+1])
		}
		return res, nil
	}
}

func breakOff(*http.Request) (*http.Response, error) {
	res := response(201, "")
	res.Body = io.NopCloser(io.MultiReader(strings.NewReader(success[:20]), failingReader{}))
	return res, nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestConfigTimeouts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		client, err := kanuu.NewClient(kanuu.Config{
			APIKey: key, HTTPClient: &http.Client{Transport: roundTripper(hang)},
			Timeout: 3 * time.Second, AttemptTimeout: 2 * time.Second,
		})
		require.NoError(t, err)

		start := time.Now()
		_, err = client.CreateNonce(t.Context(), user42)
		require.ErrorIs(t, err, kanuu.ErrUnavailable)
		require.ErrorContains(t, err, "no response in time")
		assert.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		play roundTripper
		ctx  func(context.Context) (context.Context, context.CancelFunc)
		want error
	}{
		"cancelled during the attempt": {hang, cancelAfter, context.Canceled},
		"cancelled during the wait":    {answering(503, "Retry-After", "5"), cancelAfter, context.Canceled},
		"deadline during the attempt":  {hang, deadlineAfter, context.DeadlineExceeded},
		"deadline during the wait":     {answering(503, "Retry-After", "5"), deadlineAfter, context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tc.play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
				t.Helper()
				ctx, cancel := tc.ctx(t.Context())
				defer cancel()

				start := time.Now()
				_, err := client.CreateNonce(ctx, user42)
				require.ErrorIs(t, err, tc.want)
				require.NotErrorIs(t, err, kanuu.ErrUnavailable)
				assert.Equal(t, time.Second, time.Since(start))
				assert.EqualValues(t, 1, client.Stats().Attempts)
			})
		})
	}
}

func cancelAfter(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(time.Second, cancel)
	return ctx, cancel
}

func deadlineAfter(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, time.Second)
}

// mint is a click of a customer.
func mint(t *testing.T, client *kanuu.Client, identifier string) error {
	t.Helper()
	_, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: identifier})
	return err
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	var isDown atomic.Bool
	isDown.Store(true)
	play := func(r *http.Request) (*http.Response, error) {
		if isDown.Load() {
			return down(r)
		}
		return answering(201)(r)
	}
	inBubble(t, play, func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
		t.Helper()
		for range 100 { // whatever one customer does, and another
			require.ErrorIs(t, mint(t, client, "1"), kanuu.ErrUnavailable)
			require.ErrorIs(t, mint(t, client, "2"), kanuu.ErrUnavailable)
		}
		assert.Equal(t, "closed", client.Stats().Breaker)
		before := client.Stats()

		require.ErrorIs(t, mint(t, client, "3"), kanuu.ErrUnavailable)
		stats := client.Stats()
		assert.Equal(t, "open", stats.Breaker)
		assert.EqualValues(t, 1, stats.Attempts-before.Attempts, "a retry is held back")
		assert.EqualValues(t, 1, stats.ShortCircuited)
		assert.EqualValues(t, 1, stats.Outages)

		start := time.Now()
		err := mint(t, client, "4")
		require.ErrorIs(t, err, kanuu.ErrUnavailable)
		require.ErrorContains(t, err, "the circuit breaker is open")
		assert.Equal(t, http.StatusServiceUnavailable, kanuu.HTTPStatus(err))
		assert.Zero(t, time.Since(start), "at once")
		assert.Equal(t, stats.Attempts, client.Stats().Attempts)

		// One call probes; it fails, and the next ones fail without a call.
		time.Sleep(2*time.Second + time.Millisecond)
		require.Error(t, mint(t, client, "5"))
		assert.EqualValues(t, 1, client.Stats().Attempts-stats.Attempts)

		isDown.Store(false)
		require.Error(t, mint(t, client, "6"))
		time.Sleep(2*time.Second + time.Millisecond)
		require.Error(t, mint(t, client, "5"), "whose probe has failed lets others go first")
		require.NoError(t, mint(t, client, "6"))
		assert.Equal(t, "closed", client.Stats().Breaker)
		assert.EqualValues(t, 1, client.Stats().Outages, "one, however often it was probed")
		assert.Equal(t, 1, strings.Count(log.String(), "kanuu: circuit breaker open"), "logged once")
		assert.Equal(t, 1, strings.Count(log.String(), "kanuu: circuit breaker closed"))
	})
}

// A failure of one endpoint has no effect on the other.
func TestEachEndpointHasABreaker(t *testing.T) {
	t.Parallel()
	play := func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/api/nonce") {
			return down(r)
		}
		return response(200, `{"is_subscribed": true}`), nil
	}
	inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
		t.Helper()
		for i := range 10 {
			require.Error(t, mint(t, client, strconv.Itoa(i)))
		}
		assert.Equal(t, "open", client.Stats().Breaker)
		subscription, err := client.Subscription(t.Context(), "42")
		require.NoError(t, err)
		assert.True(t, subscription.IsSubscribed)
	})
}

func TestErrorsThatDoNotTripTheBreaker(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		play     roundTripper
		attempts int
	}{
		"401": {answering(401), 30}, "402": {answering(402), 30}, "422": {answering(422), 30},
		"429":               {answering(429, "Retry-After", "60"), 1},
		"callers who leave": {hang, 30},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tc.play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
				t.Helper()
				for i := range 30 {
					ctx, cancel := cancelAfter(t.Context())
					_, err := client.CreateNonce(ctx, kanuu.Identity{Identifier: strconv.Itoa(i)})
					cancel()
					require.Error(t, err)
				}
				assert.Equal(t, "closed", client.Stats().Breaker)
				assert.EqualValues(t, tc.attempts, client.Stats().Attempts)
			})
		})
	}
}

// Callers with deadlines shorter than an attempt's do not hide that Kanuu hangs.
func TestDeadlinesOfCallersTripTheBreaker(t *testing.T) {
	t.Parallel()
	inBubble(t, hang, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
		t.Helper()
		for i := range 8 {
			ctx, cancel := deadlineAfter(t.Context())
			_, err := client.CreateNonce(ctx, kanuu.Identity{Identifier: strconv.Itoa(i)})
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		assert.Equal(t, "open", client.Stats().Breaker)
	})
}

// A 429 is for everybody, and not repeated before Kanuu has asked for.
func TestRateLimitIsRemembered(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]time.Duration{
		"": 10 * time.Second, "60": time.Minute, "3600": 10 * time.Minute, "99999999999": 10 * time.Minute,
		"99999999999999999999999": 10 * time.Minute, "-5": 10 * time.Second, "1.5": 10 * time.Second, "soon": 10 * time.Second,
		"Sat, 01 Jan 2000 00:02:00 GMT": 2 * time.Minute, // the bubble's time begins at midnight
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			inBubble(t, answering(429, "Retry-After", header), func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
				t.Helper()
				portal := handler(client, nil)
				for i := range 200 {
					w := visitAs(portal, strconv.Itoa(i))
					require.Equal(t, http.StatusServiceUnavailable, w.Code)
					require.Equal(t, strconv.Itoa(int(want.Seconds())), w.Header().Get("Retry-After"))
				}
				assert.EqualValues(t, 1, client.Stats().Attempts)
				time.Sleep(want - time.Millisecond)
				require.ErrorIs(t, mint(t, client, "42"), kanuu.ErrRateLimited)
				assert.EqualValues(t, 1, client.Stats().Attempts)
				time.Sleep(time.Millisecond)
				require.ErrorIs(t, mint(t, client, "42"), kanuu.ErrRateLimited)
				assert.EqualValues(t, 2, client.Stats().Attempts)
				assert.LessOrEqual(t, strings.Count(log.String(), "level=ERROR"), 2, "once for each response")
			})
		})
	}
}

// However many calls are made while Kanuu hangs, 64 attempts are in flight, the others
// fail after a second, and other endpoints are not held up. When the hang ends, the
// next call succeeds, and again no more than 64 are in flight.
func TestBulkhead(t *testing.T) {
	t.Parallel()
	var inFlight, most atomic.Int64
	var hangs atomic.Bool
	play := func(r *http.Request) (*http.Response, error) {
		if strings.HasSuffix(r.URL.Path, "/api/subscription") {
			return response(200, `{"is_subscribed": true}`), nil
		}
		most.Store(max(most.Load(), inFlight.Add(1)))
		defer inFlight.Add(-1)
		if hangs.Load() {
			return hang(r)
		}
		time.Sleep(20 * time.Millisecond)
		return answering(201)(r)
	}
	inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
		t.Helper()
		var succeeded atomic.Int64
		crowd := func(n int) *sync.WaitGroup {
			var callers sync.WaitGroup
			for i := range n {
				callers.Go(func() {
					began := time.Now()
					_, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: strconv.Itoa(i)})
					if err == nil {
						succeeded.Add(1)
					} else if errors.Is(err, api.ErrNoSlot) {
						assert.LessOrEqual(t, time.Since(began), 1200*time.Millisecond)
					}
				})
			}
			return &callers
		}
		crowd(1000).Wait() // warm
		assert.EqualValues(t, 1000, succeeded.Load())
		assert.LessOrEqual(t, most.Load(), int64(64))

		hangs.Store(true)
		callers := crowd(1000)
		time.Sleep(1200 * time.Millisecond)
		assert.EqualValues(t, 64, inFlight.Load(), "all others have been answered")
		began := time.Now()
		_, err := client.Subscription(t.Context(), "42")
		require.NoError(t, err)
		assert.Zero(t, time.Since(began))
		callers.Wait()
		assert.Equal(t, "open", client.Stats().Breaker)

		hangs.Store(false)
		most.Store(0)
		began = time.Now()
		for mint(t, client, "1") != nil {
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, time.Since(began), 2*time.Second+100*time.Millisecond)
		crowd(1000).Wait()
		assert.LessOrEqual(t, most.Load(), int64(64))
	})
}

// Requests that the client closes immediately do not cost a goroutine each.
//
//nolint:paralleltest // it counts the goroutines of the process
func TestVisitsThatLeaveAtOnce(t *testing.T) {
	inVirtualTime(t, nil, func(t *testing.T, kanuuAPI *fakeTransport, client *kanuu.Client) {
		t.Helper()
		kanuuAPI.fail(hang)
		before := runtime.NumGoroutine()
		ctx, leave := context.WithCancel(t.Context())
		leave()
		for range 50_000 {
			_, err := client.Subscription(ctx, "42")
			require.ErrorIs(t, err, context.Canceled)
		}
		assert.Less(t, runtime.NumGoroutine()-before, 100)
	})
}

func TestPermanentErrorsAreNotRetried(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	selfSigned := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(selfSigned.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	through, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	unknown := func(*http.Request) (*http.Response, error) {
		return nil, &net.DNSError{Err: "no such host", Name: "kanuu.example", IsNotFound: true}
	}
	for name, tc := range map[string]struct {
		baseURL   string
		transport http.RoundTripper
		remedy    string
	}{
		"certificate":  {selfSigned.URL, nil, "ca-certificates"},
		"no TLS":       {strings.Replace(plain.URL, "http:", "https:", 1), nil, "ca-certificates"},
		"unknown host": {"https://kanuu.example", roundTripper(unknown), "correct the host in BaseURL"},
		"proxy":        {"https://kanuu.example", &http.Transport{Proxy: http.ProxyURL(through)}, "HTTPS_PROXY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			client, err := kanuu.NewClient(kanuu.Config{
				APIKey: key, BaseURL: tc.baseURL, HTTPClient: &http.Client{Transport: tc.transport}, Logger: debug(&log),
			})
			require.NoError(t, err)
			assert.Equal(t, http.StatusServiceUnavailable, visitAs(handler(client, nil), "42").Code)
			assert.EqualValues(t, 1, client.Stats().Attempts)
			assert.Contains(t, log.String(), tc.remedy)
		})
	}
}

// The HTML of a firewall does not say that the key is wrong.
func TestFirewallIsNotKanuu(t *testing.T) {
	t.Parallel()
	for _, status := range []int{401, 403} {
		play := func(*http.Request) (*http.Response, error) { return response(status, "<h1>Blocked</h1>"), nil }
		inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
			t.Helper()
			err := mint(t, client, "42")
			require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
			require.NotErrorIs(t, err, kanuu.ErrInvalidAPIKey)
			assert.ErrorContains(t, err, "a firewall or a proxy answers in Kanuu's place")
		})
	}
}

func TestKeyNotSentToRedirectTarget(t *testing.T) {
	t.Parallel()
	var visited atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { visited.Add(1) }))
	t.Cleanup(other.Close)

	own := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for _, status := range []int{301, 302, 303, 307, 308} {
		_, fake := setup(t)
		fake.Inject(kanuutest.Fault{Status: status, Header: http.Header{"Location": {other.URL}}})

		client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: fake.URL, HTTPClient: own})
		require.NoError(t, err)

		_, err = client.CreateNonce(t.Context(), user42)
		require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
		assert.NotContains(t, err.Error(), other.URL)
	}

	assert.Zero(t, visited.Load())
	require.NoError(t, own.CheckRedirect(nil, nil), "the caller's client is its own")
	assert.Nil(t, own.Transport, "the caller's client is its own")
}

func TestConnectionsAreKeptAfterErrors(t *testing.T) {
	t.Parallel()
	fake := kanuutest.New(&kanuutest.Options{APIKey: key})
	client, opened := newServer(t, "http", fake)
	for _, status := range []int{402, 401, 422, 418, 200} {
		fake.Inject(kanuutest.Fault{Times: 1, Status: status, Body: strings.Repeat("x", 900<<10)})
		_, err := client.CreateNonce(t.Context(), user42)
		require.Error(t, err)
	}
	assert.EqualValues(t, 1, opened.Load())
}

// lossyRelay is a TCP relay to backend that can drop its connections as a
// NAT does: what is sent over them is read and discarded.
type lossyRelay struct {
	net.Listener

	backend         string
	opened, dropped atomic.Int64
}

func newLossyRelay(t *testing.T, backend string) *lossyRelay {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	router := &lossyRelay{Listener: listener, backend: backend}
	t.Cleanup(func() { listener.Close() })

	go func() {
		for {
			in, err := listener.Accept()
			if err != nil {
				return
			}
			out, err := new(net.Dialer).DialContext(t.Context(), "tcp", backend)
			if err != nil {
				return
			}
			n := router.opened.Add(1)
			go router.carry(n, in, out)
			go router.carry(n, out, in)
		}
	}()
	return router
}

func (r *lossyRelay) carry(n int64, to, from net.Conn) {
	defer func() { _ = to.Close() }()
	for chunk := make([]byte, 32<<10); ; {
		read, err := from.Read(chunk)
		if err != nil {
			return
		}
		if n > r.dropped.Load() {
			_, _ = to.Write(chunk[:read])
		}
	}
}

func TestDeadConnectionReplaced(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(kanuutest.New(&kanuutest.Options{APIKey: key}))
			server.EnableHTTP2 = http2
			server.StartTLS()
			t.Cleanup(server.Close)

			router := newLossyRelay(t, server.Listener.Addr().String())
			client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: "https://" + router.Addr().String()})
			require.NoError(t, err)
			t.Cleanup(client.CloseIdleConnections)
			trust(client, server)

			_, err = client.CreateNonce(t.Context(), user42)
			require.NoError(t, err)

			router.dropped.Store(router.opened.Load())

			_, err = client.CreateNonce(t.Context(), user42)
			require.NoError(t, err, "the same click goes on over a new connection")
			assert.EqualValues(t, 2, router.opened.Load())
		})
	}
}

func TestResponseSizeLimited(t *testing.T) {
	t.Parallel()
	var written atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for chunk := make([]byte, 1<<16); ; {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)

	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: server.URL})
	require.NoError(t, err)

	_, err = client.CreateNonce(t.Context(), user42)
	require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
	require.ErrorContains(t, err, "larger than 1 MiB")
	server.Close() // returns when the handler has
	assert.Less(t, written.Load(), int64(64<<20))
}

// Whatever Kanuu or a gateway before it answers, the log line stays short and
// the key out of it.
func TestAnswersCannotFloodTheLog(t *testing.T) {
	t.Parallel()
	quoted := strings.ReplaceAll(strings.ReplaceAll(key, "/", `\/`), "s", `\u0073`)
	var many strings.Builder
	for i := range 30_000 {
		fmt.Fprintf(&many, `"field%05d":["%s"],`, i, strings.Repeat("x", 8))
	}
	for name, body := range map[string]string{
		"many fields":   `{"message":"m","errors":{` + strings.TrimSuffix(many.String(), ",") + `}}`,
		"many messages": `{"message":"m","errors":{"email":["m"` + strings.Repeat(`,"m"`, 60_000) + `]}}`,
		"long field":    `{"message":"m","errors":{"` + strings.Repeat("x", 900_000) + `":["m"]}}`,
		"long message":  `{"message":"` + strings.Repeat("x", 900_000) + `"}`,
		"escaped key":   `{"message":"` + quoted + `","errors":{"` + quoted + `":["` + quoted + `"]}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play := func(*http.Request) (*http.Response, error) { return response(422, body), nil }
			inBubble(t, play, func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
				t.Helper()
				visitAs(handler(client, nil), "42")
				assert.Contains(t, log.String(), "level=ERROR")
				assert.Less(t, log.Len(), 8<<10)
				_, err := client.CreateNonce(t.Context(), user42)
				require.ErrorIs(t, err, kanuu.ErrValidation)
				assert.NotContains(t, err.Error(), key)
				assert.Less(t, len(err.Error()), 8<<10)
			})
		})
	}
}

// One customer does whatever they like for a minute: reloads /billing and a gated
// page without pause, and all of their calls fail or hang. No other customer's request
// fails or waits.
func TestOneCustomerCostsNobodyElseAnything(t *testing.T) {
	t.Parallel()
	for name, trouble := range map[string]roundTripper{
		"calls fail": answering(503), "calls hang": hang, "no network": down, "no nonce": garbage,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play := func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				if err != nil || strings.Contains(string(body), "noisy") {
					return trouble(r)
				}
				time.Sleep(20 * time.Millisecond)
				if strings.HasSuffix(r.URL.Path, "/api/nonce") {
					return answering(201)(r)
				}
				return response(200, `{"is_subscribed": true}`), nil
			}
			inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
				t.Helper()
				portal := handler(client, nil)
				who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
					return kanuu.Identity{Identifier: r.Header.Get("Test-User")}, nil
				})
				page := kanuu.NewGate(client, nil).Handler(who, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				for range 8 { // the first second of a cold client belongs to its first call
					require.Equal(t, http.StatusOK, visitAs(page, "other").Code)
					require.NoError(t, client.InvalidateSubscription(t.Context(), "other"))
					require.Equal(t, http.StatusFound, visitAs(portal, "other").Code)
				}
				end := time.Now().Add(time.Minute)
				var noise sync.WaitGroup
				for i := range 20 {
					noise.Go(func() {
						for time.Now().Before(end) {
							visitAs([]http.Handler{portal, page}[i%2], "noisy")
							time.Sleep(50 * time.Millisecond)
						}
					})
				}
				for i := 0; time.Now().Before(end); i++ {
					began := time.Now()
					assert.Equal(t, http.StatusFound, visitAs(portal, "other "+strconv.Itoa(i)).Code)
					assert.Equal(t, http.StatusOK, visitAs(page, "other "+strconv.Itoa(i)).Code)
					assert.LessOrEqual(t, time.Since(began), 40*time.Millisecond)
					time.Sleep(100 * time.Millisecond)
				}
				noise.Wait()
				assert.Equal(t, "closed", client.Stats().Breaker)
				assert.Zero(t, client.Stats().Outages)
			})
		})
	}
}

// No call of a cold client fails because Kanuu is slow, or unavailable for a moment.
func TestSlowStartFailsNobody(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		takes time.Duration
		blips int64 // of the first calls
	}{
		"20 ms": {20 * time.Millisecond, 0}, "500 ms": {500 * time.Millisecond, 0}, "1.2 s": {1200 * time.Millisecond, 0},
		"3 s": {3 * time.Second, 0}, "a blip for each of three": {10 * time.Millisecond, 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var calls, inFlight, most atomic.Int64
			play := func(r *http.Request) (*http.Response, error) {
				most.Store(max(most.Load(), inFlight.Add(1)))
				defer inFlight.Add(-1)
				n := calls.Add(1)
				time.Sleep(tc.takes)
				if n <= tc.blips {
					return answering(502)(r)
				}
				return answering(201)(r)
			}
			inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
				t.Helper()
				var callers sync.WaitGroup
				for i := range 64 {
					callers.Go(func() { assert.NoError(t, mint(t, client, strconv.Itoa(i))) })
				}
				callers.Wait()
				assert.LessOrEqual(t, most.Load(), int64(64))
				assert.Zero(t, client.Stats().Outages)
			})
		})
	}
}

// After a 429, one call goes first when the pause is over.
func TestOneCallFirstAfterARateLimit(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	play := func(r *http.Request) (*http.Response, error) {
		calls.Add(1)
		time.Sleep(time.Millisecond)
		return answering(429, "Retry-After", "60")(r)
	}
	inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
		t.Helper()
		for round := range 3 {
			var callers sync.WaitGroup
			for i := range 64 {
				callers.Go(func() { assert.ErrorIs(t, mint(t, client, strconv.Itoa(i)), kanuu.ErrRateLimited) })
			}
			callers.Wait()
			assert.EqualValues(t, round+1, calls.Load())
			time.Sleep(time.Minute)
		}
	})
}

// A probe that hangs, for instance on a dead connection, does not hold up the next.
func TestProbeThatHangsDoesNotDelayRecovery(t *testing.T) {
	t.Parallel()
	var isBack atomic.Bool
	play := func(r *http.Request) (*http.Response, error) {
		if isBack.Load() {
			return answering(201)(r)
		}
		return hang(r)
	}
	inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
		t.Helper()
		var callers sync.WaitGroup
		for i := range 10 {
			callers.Go(func() { assert.Error(t, mint(t, client, strconv.Itoa(i))) })
		}
		callers.Wait()
		require.Equal(t, "open", client.Stats().Breaker)
		time.Sleep(2 * time.Second)
		callers.Go(func() { _ = mint(t, client, "probe") })
		time.Sleep(10 * time.Millisecond)
		isBack.Store(true)
		began := time.Now()
		for i := 0; mint(t, client, strconv.Itoa(i)) != nil; i++ {
			time.Sleep(10 * time.Millisecond)
		}
		assert.LessOrEqual(t, time.Since(began), 2*time.Second)
		callers.Wait()
	})
}
