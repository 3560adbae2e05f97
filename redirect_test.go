package kanuu_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestRedirectHandlerConforms(t *testing.T) {
	t.Parallel()
	conformance.TestRedirect(t, func(client *kanuu.Client, who conformance.Who, options *kanuu.RedirectOptions) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(conformance.Path, kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(who), options))
		return mux
	})
}

func handler(client *kanuu.Client, options *kanuu.RedirectOptions) *kanuu.RedirectHandler {
	return kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		if err := r.Context().Value(errorKey{}); err != nil {
			return kanuu.Identity{}, err.(error)
		}
		return kanuu.Identity{Identifier: r.Header.Get("Test-User")}, nil
	}), options)
}

type errorKey struct{}

// visitAs asks h as user, without a network in between.
func visitAs(h http.Handler, user string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, "/billing?identifier=1", nil)
	r.Header.Set("Test-User", user)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestEachVisitHasItsOwnNonce(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	h := handler(client, nil)
	seen := make(map[string]bool)
	for _, user := range []string{"42", "43", "42", "42"} {
		w := visitAs(h, user)
		require.Equal(t, http.StatusFound, w.Code)
		seen[w.Header().Get("Location")] = true
		requests := fake.Requests()
		assert.Equal(t, user, requests[len(requests)-1].Identifier(), "never the one in the URL")
	}
	assert.Len(t, seen, 4)
}

func TestRefusedVisitsCreateNoNonce(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	portal := handler(client, nil)
	server := httptest.NewServer(portal)
	t.Cleanup(server.Close)
	for _, tc := range []struct {
		method string
		header []string
		status int
	}{
		{"GET", []string{"Sec-Purpose", "prefetch"}, 503},
		{"GET", []string{"Sec-Fetch-Dest", "image"}, 503},
		{"HEAD", nil, 204},
		{"PUT", nil, 405},
		{"POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
	} {
		for range 40 {
			req, err := http.NewRequestWithContext(t.Context(), tc.method, server.URL, nil)
			require.NoError(t, err)
			req.Header.Set("Test-User", "42")
			for i := 0; i < len(tc.header); i += 2 {
				req.Header.Set(tc.header[i], tc.header[i+1])
			}
			res, err := server.Client().Do(req)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
			require.Equal(t, tc.status, res.StatusCode)
		}
	}

	assert.Empty(t, fake.Requests())
	assert.Equal(t, kanuu.RedirectStats{
		Speculative: 40, Embedded: 40, Head: 40, Method: 40, CrossOrigin: 40,
	}, portal.Stats())
}

func TestResolverErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		status int
		logged string
		count  kanuu.RedirectStats
	}{
		"unauthenticated": {fmt.Errorf("session: %w", kanuu.ErrUnauthenticated), 401, "level=DEBUG",
			kanuu.RedirectStats{Unauthenticated: 1}},
		"forbidden": {fmt.Errorf("team: %w", kanuu.ErrForbidden), 403, "level=DEBUG", kanuu.RedirectStats{Forbidden: 1}},
		"database": {errors.New("no such table: users"), 500, `remedy="the IdentifierResolver failed; look at the error"`,
			kanuu.RedirectStats{Failed: 1}},
		"its own timeout": {fmt.Errorf("query: %w", context.DeadlineExceeded), 503, "level=ERROR",
			kanuu.RedirectStats{Failed: 1}},
		"its own cancel": {fmt.Errorf("query: %w", context.Canceled), 500, "level=ERROR", kanuu.RedirectStats{Failed: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			client, err := kanuu.NewClient(kanuu.Config{APIKey: key, Logger: debug(&log)})
			require.NoError(t, err)

			r := httptest.NewRequest(http.MethodGet, "/billing", nil)
			w := httptest.NewRecorder()
			portal := handler(client, nil)
			portal.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), errorKey{}, tc.err)))

			assert.Equal(t, tc.status, w.Code)
			assert.Contains(t, log.String(), tc.logged)
			assert.Equal(t, 1, strings.Count(log.String(), "\n"), "one line")
			assert.NotContains(t, w.Body.String(), tc.err.Error())
			assert.Equal(t, tc.count, portal.Stats())
		})
	}
}

func debug(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestCancelledVisitEndsTheCall(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	play := func(r *http.Request) (*http.Response, error) {
		close(arrived)
		return hang(r)
	}
	inBubble(t, play, func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
		t.Helper()
		asked := false
		h := handler(client, &kanuu.RedirectOptions{OnError: func(http.ResponseWriter, *http.Request, error) { asked = true }})

		ctx, leave := context.WithCancel(t.Context())
		go func() {
			<-arrived
			leave()
		}()

		r := httptest.NewRequest(http.MethodGet, "/billing", nil).WithContext(ctx)
		r.Header.Set("Test-User", "42")

		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)

		assert.Equal(t, 499, w.Code)
		assert.Empty(t, w.Body.String())
		assert.False(t, asked, "there is nobody to answer")
		assert.Contains(t, log.String(), "level=DEBUG")
		assert.NotContains(t, log.String(), "level=ERROR")
	})
}

func TestTimeoutIs503(t *testing.T) {
	t.Parallel()
	inBubble(t, hang, func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
		t.Helper()
		start := time.Now()
		w := visitAs(handler(client, nil), "42")
		assert.Equal(t, http.StatusServiceUnavailable, w.Code)
		assert.Equal(t, "10", w.Header().Get("Retry-After"))
		assert.LessOrEqual(t, time.Since(start), 10*time.Second)
		assert.Contains(t, log.String(), "no response in time")
	})
}

func TestVaryKeepsOtherValues(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	w := httptest.NewRecorder()
	w.Header().Set("Vary", "Origin")
	handler(client, nil).ServeHTTP(w, httptest.NewRequest(http.MethodHead, "/billing", nil))
	assert.Equal(t, "Origin", w.Header().Values("Vary")[0])
	assert.Len(t, w.Header().Values("Vary"), 2)
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hosts  []string
		status int
	}{
		"any":            {nil, 302},
		"this one":       {[]string{"kanuu.io", "Billing.Acme.com:8443"}, 302},
		"without a port": {[]string{"billing.acme.com"}, 500},
		"another":        {[]string{"kanuu.io"}, 500},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fake := setup(t)
			fake.Inject(kanuutest.Fault{Status: 201, Body: `{"nonce": "x", "url": "https://billing.acme.com:8443/x"}`})
			assert.Equal(t, tc.status, visitAs(handler(client, &kanuu.RedirectOptions{AllowedHosts: tc.hosts}), "42").Code)
		})
	}
}

func TestTrustedOrigin(t *testing.T) {
	t.Parallel()
	trusting := http.NewCrossOriginProtection()
	require.NoError(t, trusting.AddTrustedOrigin("https://app.acme.com"))
	client, _ := setup(t)
	h := handler(client, &kanuu.RedirectOptions{CrossOriginProtection: trusting})
	for origin, want := range map[string]int{"https://app.acme.com": 303, "https://evil.example": 403} {
		r := httptest.NewRequest(http.MethodPost, "/billing", nil)
		r.Header.Set("Test-User", "42")
		r.Header.Set("Origin", origin)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		assert.Equal(t, want, w.Code, origin)
	}
}

func TestRefusedOriginLogged(t *testing.T) {
	t.Parallel()
	inBubble(t, answering(201), func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
		t.Helper()
		r := httptest.NewRequest(http.MethodPost, "/billing", nil)
		r.Header.Set("Origin", "https://app.acme.com")

		w := httptest.NewRecorder()
		handler(client, nil).ServeHTTP(w, r)

		assert.Equal(t, http.StatusForbidden, w.Code)
		assert.Equal(t, 1, strings.Count(log.String(), "\n"), log)
		assert.Contains(t, log.String(), "level=WARN")
		assert.Contains(t, log.String(), "trust its origin in RedirectOptions.CrossOriginProtection")
		assert.Contains(t, log.String(), "origin=https://app.acme.com host=example.com")

		r.Host = strings.Repeat("a", 900_000)
		r.Header.Set("Origin", "https://b"+r.Host)
		serve(handler(client, nil), r)
		assert.Less(t, log.Len(), 2<<10, "anybody can send a megabyte")
	})
}

func TestNewRedirectHandlerPanics(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) { return user42, nil })
	for name, tc := range map[string]struct {
		client   *kanuu.Client
		resolver kanuu.IdentifierResolver
		options  *kanuu.RedirectOptions
		want     string
	}{
		"no client":   {nil, who, nil, "did NewClient return an error?"},
		"no resolver": {client, nil, nil, "resolver is nil"},
		"login elsewhere": {client, who, &kanuu.RedirectOptions{LoginURL: "//evil.example"},
			`LoginURL "//evil.example" leads to another host`},
		"login relative": {client, who, &kanuu.RedirectOptions{LoginURL: "login"}, "is not a path of this application"},
		"host with a path": {client, who, &kanuu.RedirectOptions{AllowedHosts: []string{"kanuu.io/"}},
			`"kanuu.io/" is not a host`},
		"host with scheme": {client, who, &kanuu.RedirectOptions{AllowedHosts: []string{"https://kanuu.io"}}, "is not a host"},
		"empty host":       {client, who, &kanuu.RedirectOptions{AllowedHosts: []string{""}}, "is not a host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				assert.Contains(t, recover(), tc.want)
			}()
			kanuu.NewRedirectHandler(tc.client, tc.resolver, tc.options)
		})
	}
}

func TestErrorsLoggedWithRemedy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		play   roundTripper
		remedy string
	}{
		"401": {answering(401), "set the API key"},
		"402": {answering(402), "subscribe to Kanuu"},
		"422": {answering(422), "correct the fields"},
		"429": {answering(429, "Retry-After", "60"), "make fewer calls"},
		"503": {answering(503), "wait for Kanuu to come back"},
		"garbage": {func(*http.Request) (*http.Response, error) { return response(200, "<html>"), nil },
			"check that BaseURL is Kanuu's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tc.play, func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
				t.Helper()
				visitAs(handler(client, nil), "42")

				var lines []string
				for line := range strings.Lines(log.String()) {
					if !strings.Contains(line, "level=DEBUG") {
						lines = append(lines, line)
					}
				}

				require.Len(t, lines, 1)
				assert.Contains(t, lines[0], "level=ERROR")
				assert.Contains(t, lines[0], `remedy="`+tc.remedy)
				assert.Contains(t, lines[0], "error=")
			})
		})
	}
}

func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		success, `{"nonce": "x", "url": "javascript:alert(1)"}`, `{"nonce": "x", "url": "https://a@b/"}`, `{}`, `null`, ``, `[`,
		"\xff",
		`{"nonce": "x", "url": "https:\\\\evil"}`, `{"nonce": "x", "url": "https://kanuu.io/\u0000"}`,
		`{"Nonce": "x", "URL": "https://x"}`,
	} {
		f.Add(seed)
	}
	var body string
	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, HTTPClient: &http.Client{
		Transport: roundTripper(func(*http.Request) (*http.Response, error) { return response(201, body), nil }),
	}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, answer string) {
		body = answer

		nonce, err := client.CreateNonce(t.Context(), user42)
		if err != nil {
			require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
			return
		}

		u, err := url.Parse(nonce.URL)
		require.NoError(t, err)
		assert.Equal(t, "https", u.Scheme)
		assert.NotEmpty(t, u.Hostname())
		assert.Nil(t, u.User)
		assert.NotEmpty(t, nonce.Value)
		assert.NotRegexp(t, `[\x00-\x20\x7f-\xff\\]`, nonce.URL)
	})
}

// One customer who reloads /billing uses up no more than their own share, and is
// told when to come back; another one is served.
func TestMintLimit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options kanuu.RedirectOptions
		minted  int
		wait    time.Duration
	}{
		"default":   {kanuu.RedirectOptions{}, 10, 10 * time.Second},
		"an option": {kanuu.RedirectOptions{MintBurst: 3, MintInterval: time.Minute}, 3, time.Minute},
		"off":       {kanuu.RedirectOptions{MintBurst: -1}, 100, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, answering(201), func(t *testing.T, client *kanuu.Client, log *bytes.Buffer) {
				t.Helper()
				portal := handler(client, &tc.options)
				for i := range 100 {
					w := visitAs(portal, "42")
					if i < tc.minted {
						require.Equal(t, http.StatusFound, w.Code, i)
						continue
					}
					require.Equal(t, http.StatusTooManyRequests, w.Code, i)
					assert.Equal(t, strconv.Itoa(int(tc.wait.Seconds())), w.Header().Get("Retry-After"))
				}
				assert.EqualValues(t, tc.minted, client.Stats().Calls)
				assert.Equal(t, http.StatusFound, visitAs(portal, "43").Code, "another customer")
				assert.EqualValues(t, 100-tc.minted, portal.Stats().Limited)
				time.Sleep(tc.wait)
				assert.Equal(t, http.StatusFound, visitAs(portal, "42").Code)
				assert.NotContains(t, log.String(), "level=ERROR")
			})
		})
	}
}

func TestTwoNonceCallsInFlightForOneCustomer(t *testing.T) {
	t.Parallel()
	inBubble(t, hang, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
		t.Helper()
		portal := handler(client, nil)
		var visits sync.WaitGroup
		ctx, leave := context.WithCancel(t.Context())
		for range 2 {
			visits.Go(func() {
				r := httptest.NewRequest(http.MethodGet, "/billing", nil).WithContext(ctx)
				r.Header.Set("Test-User", "42")
				serve(portal, r)
			})
		}
		synctest.Wait()
		assert.Equal(t, http.StatusTooManyRequests, visitAs(portal, "42").Code)
		leave()
		visits.Wait()
		assert.EqualValues(t, 2, client.Stats().Calls)
	})
}
