//go:build !race

package kanuu_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Paddle signs with it
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// The tests in this file hold how much is allocated. They are not built for the race detector,
// which makes sync.Pool drop what it is given.

// allocations returns how many allocations one run of f makes in all goroutines. Other goroutines
// can only add to it, so the least of three measurements counts.
func allocations(f func()) float64 {
	least := testing.AllocsPerRun(100, f)
	for range 2 {
		least = min(least, testing.AllocsPerRun(100, f))
	}
	return least
}

// CreateNonce is compared with an http.Client that sends a body made before and reads the response.
// Both use the same server, whose allocations cancel out.
func TestCreateNonceAllocations(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header()["Content-Type"] = []string{"application/json"}
			w.WriteHeader(http.StatusCreated)
			_, _ = io.WriteString(w, success)
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		t.Cleanup(server.Close)
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		newHTTPClient := func() *http.Client {
			transport := &http.Transport{ForceAttemptHTTP2: http2, TLSClientConfig: &tls.Config{RootCAs: roots}}
			transport.DisableCompression = true
			t.Cleanup(transport.CloseIdleConnections)
			return &http.Client{Transport: transport}
		}
		client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: server.URL, HTTPClient: newHTTPClient()})
		require.NoError(t, err)

		ctx, plain, body := t.Context(), newHTTPClient(), []byte(`{"identifier":"42"}`)
		header := http.Header{
			"Accept": {"application/json"}, "Authorization": {"Bearer " + key}, "Content-Type": {"application/json"},
		}
		limit := allocations(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/api/nonce", bytes.NewReader(body))
			require.NoError(t, err)
			r.Header = header
			res, err := plain.Do(r)
			require.NoError(t, err)
			_, err = io.Copy(io.Discard, res.Body)
			require.NoError(t, err)
			require.NoError(t, res.Body.Close())
		})
		got := allocations(func() {
			_, err := client.CreateNonce(ctx, user42)
			require.NoError(t, err)
		})
		assert.LessOrEqual(t, got-limit, 24.0, "HTTP/2: %t", http2)
	}
}

func TestRedirectAllocations(t *testing.T) {
	transport := roundTripper(func(*http.Request) (*http.Response, error) { return response(http.StatusCreated, success), nil })
	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, HTTPClient: &http.Client{Transport: transport}})
	require.NoError(t, err)
	portal := kanuu.NewRedirectHandler(client, userAnn, &kanuu.RedirectOptions{MintBurst: 1_000_000})
	ctx, serve := t.Context(), newVisit(portal, http.StatusFound)
	limit := allocations(func() { _, _ = client.CreateNonce(ctx, user42) })
	assert.LessOrEqual(t, allocations(serve)-limit, 3.0, "the values of the headers, and the place of the call in the limit")
}

func TestGateAllocations(t *testing.T) {
	client, fake := setup(t)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	serve := newVisit(kanuu.NewGate(client, nil).Handler(userAnn, page), http.StatusOK)
	assert.LessOrEqual(t, allocations(serve), 2.0, "a context with the subscription, and a request with it")
	assert.Len(t, fake.Requests(), 1)
}

var userAnn = kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) { return user42, nil })

// newVisit returns a function that serves a click and allocates nothing itself.
func newVisit(handler http.Handler, want int) func() {
	r, w := httptest.NewRequest(http.MethodGet, "/", nil), &statusWriter{header: make(http.Header)}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	return func() {
		clear(w.header)
		w.status = 0
		handler.ServeHTTP(w, r)
		if w.status != want {
			panic(http.StatusText(w.status))
		}
	}
}

// statusWriter keeps nothing but the status.
type statusWriter struct {
	header http.Header
	status int
}

func (w *statusWriter) Header() http.Header       { return w.header }
func (w *statusWriter) WriteHeader(status int)    { w.status = status }
func (*statusWriter) Write(b []byte) (int, error) { return len(b), nil }

// A webhook that a handler handles, beyond the check of its signature.
func TestWebhookAllocations(t *testing.T) {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: key})
	require.NoError(t, err)
	signer, handled := kanuutest.NewSigner(), 0
	webhook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	require.NoError(t, err)
	webhook.On("subscription_payment_succeeded", func(context.Context, kanuu.Event) error {
		handled++
		return nil
	})
	bodies := make([]string, 3*101) // of allocations
	for i := range bodies {
		bodies[i] = signer.Body(kanuutest.Webhook{AlertName: "subscription_payment_succeeded", Identifier: "42"})
	}
	w, r, body := &statusWriter{header: make(http.Header)}, webhookRequest(""), new(strings.Reader)
	closer := io.NopCloser(body)
	got := allocations(func() {
		clear(w.header)
		body.Reset(bodies[handled])
		r.Body, r.ContentLength = closer, body.Size()
		webhook.ServeHTTP(w, r)
		if w.status != http.StatusOK {
			panic(http.StatusText(w.status))
		}
	})
	assert.Len(t, bodies, handled)

	private, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	digest := sha1.Sum(nil) //nolint:gosec // Paddle signs with it
	signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA1, digest[:])
	require.NoError(t, err)
	limit := allocations(func() { _ = rsa.VerifyPKCS1v15(&private.PublicKey, crypto.SHA1, digest[:], signature) })
	assert.LessOrEqual(t, got-limit, 26.0)
}
