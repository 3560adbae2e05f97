package kanuu_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestGateConforms(t *testing.T) {
	t.Parallel()
	conformance.TestGate(t, func(gate *kanuu.Gate, who conformance.Who, page http.HandlerFunc) http.Handler {
		mux := http.NewServeMux()
		mux.Handle(conformance.GatedPath, gate.Handler(kanuu.IdentifierResolverFunc(who), page))
		return mux
	})
}

func TestNewGatePanics(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) { return user42, nil })

	assert.PanicsWithValue(t, "kanuu: the client of a gate is nil: did NewClient return an error?",
		func() { kanuu.NewGate(nil, nil) })
	assert.PanicsWithValue(t,
		`kanuu: GateOptions.BillingURL "https://kanuu.io" is not a path of this application: `+
			`start it with one slash, such as "/billing"`,
		func() { kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "https://kanuu.io"}) })
	assert.Panics(t, func() { kanuu.NewGate(client, &kanuu.GateOptions{LoginURL: "//evil.example"}) })
	assert.PanicsWithValue(t,
		"kanuu: GateOptions.ReturnParam is a parameter of GateOptions.LoginURL, which is empty: set both, or none",
		func() { kanuu.NewGate(client, &kanuu.GateOptions{ReturnParam: "next"}) })
	assert.Panics(t, func() { kanuu.NewGate(client, nil).Handler(nil, http.NotFoundHandler()) })
	assert.Panics(t, func() { kanuu.NewGate(client, nil).Handler(who, nil) })
}

// No visitor can open the gate: neither by using up Kanuu's rate limit nor by
// clicks that fail. Only lookups of several customers that find Kanuu unavailable
// for 10 s do, and not for those of whom it is known that they are not subscribed.
func TestGateStaysClosedWhateverAVisitorDoes(t *testing.T) {
	t.Parallel()
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) { return user42, nil })
	unsubscribed := func(*http.Request) (*http.Response, error) {
		return response(200, `{"is_subscribed":false,"status":null,"plan_id":null,"subscription_id":null}`), nil
	}
	for name, tc := range map[string]struct {
		subscription, nonce roundTripper
		clicks, lookups     int
		known               bool // before, as not subscribed
		want                int
	}{
		"rate limit used up":             {answering(429, "Retry-After", "60"), answering(201), 70, 70, false, 503},
		"rate limit, no Retry-After":     {answering(429), answering(201), 1, 3, false, 503},
		"four clicks fail":               {unsubscribed, answering(503), 4, 3, false, 402},
		"two customers find Kanuu down":  {answering(503), answering(201), 0, 2, false, 503},
		"three find Kanuu down":          {answering(503), answering(201), 0, 3, false, 200},
		"three find no Kanuu at all":     {down, answering(201), 0, 3, false, 200},
		"one who is known not to be one": {down, answering(201), 0, 3, true, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			known := tc.known
			play := func(r *http.Request) (*http.Response, error) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/api/nonce"):
					return tc.nonce(r)
				case known:
					return unsubscribed(r)
				default:
					return tc.subscription(r)
				}
			}
			inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
				t.Helper()
				portal := kanuu.NewRedirectHandler(client, who, nil)
				gate := kanuu.NewGate(client, &kanuu.GateOptions{FailOpen: true})
				for range tc.clicks {
					serve(portal, httptest.NewRequest(http.MethodGet, "/billing", nil))
				}
				page := gate.Handler(who, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
				visit := func() int { return serve(page, httptest.NewRequest(http.MethodGet, "/pro", nil)).Code }
				if known {
					require.Equal(t, http.StatusPaymentRequired, visit())
					require.NoError(t, client.InvalidateSubscription(t.Context(), "42"))
					known = false
				}
				for i := range tc.lookups {
					_, _ = client.Subscription(t.Context(), strconv.Itoa(i))
				}
				if tc.want == http.StatusOK {
					require.Equal(t, http.StatusServiceUnavailable, visit(), "it may be over in a moment")
				}
				time.Sleep(11 * time.Second)
				assert.Equal(t, tc.want, visit())
				assert.Equal(t, tc.want == http.StatusOK, gate.Stats().Unchecked == 1)
			})
		})
	}
}

// What the login is told is a path of this application, whatever the request has.
func TestReturnParam(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	nobody := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{},
			kanuu.ErrUnauthenticated
	})
	for name, tc := range map[string]struct{ login, target, want string }{
		"path":              {"/login", "/pro", "/login?next=%2Fpro"},
		"query":             {"/login", "/pro?a=b&next=c", "/login?next=%2Fpro%3Fa%3Db%26next%3Dc"},
		"login has a query": {"/login?lang=de#top", "/pro", "/login?lang=de&next=%2Fpro#top"},
		"another host":      {"/login", "//evil.example/pro", "/login"},
		"backslash":         {"/login", `/\evil.example`, "/login"},
		"absolute":          {"/login", "http://evil.example/pro?a=b", "/login?next=%2Fpro%3Fa%3Db"},
		"made by a program": {"/login", "", "/login?next=%2Fpath%3Fa%3Db"},
		"long":              {"/login", "/pro?q=" + strings.Repeat("x", 2<<10), "/login"},
		"below a prefix":    {"/login", "/app/pro", "/login?next=%2Fapp%2Fpro"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gate := kanuu.NewGate(client, &kanuu.GateOptions{LoginURL: tc.login, ReturnParam: "next"})
			r := httptest.NewRequest(http.MethodGet, "/path?a=b", nil)
			r.RequestURI = tc.target

			w := httptest.NewRecorder()
			gate.Handler(nobody, http.NotFoundHandler()).ServeHTTP(w, r)
			assert.Equal(t, http.StatusFound, w.Code)
			assert.Equal(t, tc.want, w.Header().Get("Location"))
		})
	}
}
