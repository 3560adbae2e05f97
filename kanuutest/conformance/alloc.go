package conformance

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/kanuu-io/kanuu-go"
)

// TestAllocations checks that a click on [Path] and a visit to [GatedPath] allocate no more in the
// framework than with the handlers for net/http. The race detector makes sync.Pool drop what it is
// given, so build the test without it.
func TestAllocations(t *testing.T, framework Framework) {
	t.Helper()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "key", HTTPClient: &http.Client{Transport: canned{}}})
	if err != nil {
		t.Fatal(err)
	}
	gate := kanuu.NewGate(client, nil)
	page := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	app := framework.Build(App{
		Client: client, Who: who, Options: &kanuu.RedirectOptions{MintBurst: -1}, Gate: gate, Page: page,
		Webhook: http.NotFoundHandler(), Report: func(int, error) {},
	})
	for path, handler := range map[string]http.Handler{
		Path:      kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(who), &kanuu.RedirectOptions{MintBurst: -1}),
		GatedPath: gate.Handler(kanuu.IdentifierResolverFunc(who), http.HandlerFunc(page)),
	} {
		if got, want := allocations(t, app, path), allocations(t, handler, path); got > want {
			t.Errorf("GET %s: %v allocations, and %v with net/http", path, got, want)
		}
	}
}

// canned is a transport that answers each call at once.
type canned struct{}

func (canned) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := http.StatusCreated, `{"nonce":"x","url":"https://kanuu.io/manage/acme/x"}`
	if r.URL.Path == "/api/subscription" {
		status, body = http.StatusOK, `{"is_subscribed":true,"status":"active"}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// allocations returns how many allocations a click on path makes.
func allocations(t *testing.T, handler http.Handler, path string) float64 {
	t.Helper()
	r, w := httptest.NewRequest(http.MethodGet, path, nil), &discard{header: make(http.Header)}
	r.Header.Set(userHeader, "42")
	for name, value := range click(nil) {
		r.Header.Set(name, value)
	}
	return testing.AllocsPerRun(1000, func() {
		clear(w.header)
		handler.ServeHTTP(w, r)
		if w.status != http.StatusOK && w.status != http.StatusFound {
			t.Fatalf("GET %s: %d", path, w.status)
		}
	})
}

// discard keeps nothing of a response but the status.
type discard struct {
	header http.Header
	status int
}

func (w *discard) Header() http.Header       { return w.header }
func (w *discard) WriteHeader(status int)    { w.status = status }
func (*discard) Write(b []byte) (int, error) { return len(b), nil }
