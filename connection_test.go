package kanuu_test

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func trust(client *kanuu.Client, server *httptest.Server) {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	kanuu.Trust(client, roots)
}

// newServer serves handler over "http", "https" or "h2", which is https with
// HTTP/2, counts its connections, and returns a client that has made no call.
func newServer(
	t *testing.T, protocol string, handler http.Handler, own ...http.RoundTripper,
) (client *kanuu.Client, opened *atomic.Int32) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	opened = new(atomic.Int32)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.EnableHTTP2 = protocol == "h2"
	if protocol == "http" {
		server.Start()
	} else {
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	httpClient := new(http.Client)
	if len(own) > 0 && own[0] != nil {
		httpClient.Transport = tracedTransport{own[0]}
	}
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: key, BaseURL: server.URL, HTTPClient: httpClient,
		Timeout: time.Minute, AttemptTimeout: time.Minute, // a slow machine must not make it retry
	})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	if protocol != "http" {
		trust(client, server)
	}
	return client, opened
}

// fakeAfter is a fake Kanuu that hands each call to before first.
func fakeAfter(before func()) http.Handler {
	fake := kanuutest.New(&kanuutest.Options{APIKey: key})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before()
		fake.ServeHTTP(w, r)
	})
}

// tracedTransport is a transport that an application wraps around the library's.
type tracedTransport struct{ http.RoundTripper }

func createNonces(t *testing.T, client *kanuu.Client, callers int) {
	t.Helper()
	var clicks sync.WaitGroup
	for range callers {
		clicks.Go(func() {
			_, err := client.CreateNonce(t.Context(), user42)
			assert.NoError(t, err)
		})
	}
	clicks.Wait()
}

// A cold client makes one call first: over HTTP/2 the others then share its
// connection, where http.Transport would have opened one for each.
func TestFirstCallsShareAConnection(t *testing.T) {
	t.Parallel()
	for name, own := range map[string]http.RoundTripper{"": nil, "with a transport of its own": kanuu.NewTransport()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, opened := newServer(t, "h2", kanuutest.New(&kanuutest.Options{APIKey: key}), own)
			createNonces(t, client, 64)
			assert.LessOrEqual(t, opened.Load(), int32(2))
			createNonces(t, client, 64)
			assert.LessOrEqual(t, opened.Load(), int32(2), "warm")
		})
	}
}

// Over HTTP/1.1 calls are not serialized: each call but the very first is
// answered when all others have come. Their connections are kept.
func TestHTTP1Connections(t *testing.T) {
	t.Parallel()
	for protocol, callers := range map[string]int{"http": 64, "https": 16} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			var (
				calls    atomic.Int32
				together sync.WaitGroup
			)
			client, opened := newServer(t, protocol, fakeAfter(func() {
				if calls.Add(1) > 8 {
					together.Done()
					together.Wait()
				}
			}))
			for range 8 { // until there may be 64 in flight
				createNonces(t, client, 1)
			}
			for i, want := range []int{callers, callers, 2 * callers} {
				if i == 2 {
					client.CloseIdleConnections() // as Kanuu does after a while
				}
				together.Add(callers)
				createNonces(t, client, callers)
				assert.EqualValues(t, want, opened.Load())
			}
		})
	}
}

// A first call that is not answered holds up the others for a moment only.
func TestSlowFirstCallDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	second := make(chan struct{})
	client, _ := newServer(t, "h2", fakeAfter(func() {
		switch calls.Add(1) {
		case 1:
			<-second
		case 2:
			close(second)
		}
	}))
	createNonces(t, client, 2)
	assert.EqualValues(t, 2, calls.Load())
}

func TestFirstCallsFailTogether(t *testing.T) {
	t.Parallel()
	client, opened := newServer(t, "h2", fakeAfter(func() { panic(http.ErrAbortHandler) }))
	var clicks sync.WaitGroup
	for range 8 {
		clicks.Go(func() {
			_, err := client.CreateNonce(t.Context(), user42)
			assert.ErrorIs(t, err, kanuu.ErrUnavailable)
		})
	}
	clicks.Wait()
	assert.Positive(t, opened.Load())
}
