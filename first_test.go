package kanuu_test

import (
	"crypto/x509"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

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

// newTLS starts a Kanuu that hands each call to before first, and returns a
// client that has made no call.
func newTLS(t *testing.T, http2 bool, before func()) (client *kanuu.Client, opened *atomic.Int32) {
	t.Helper()
	fake := kanuutest.New(&kanuutest.Options{APIKey: key})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		before()
		fake.ServeHTTP(w, r)
	}))
	opened = new(atomic.Int32)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.EnableHTTP2 = http2
	server.StartTLS()
	t.Cleanup(server.Close)

	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: server.URL})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	trust(client, server)
	return client, opened
}

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

func TestFirstCallsShareAConnection(t *testing.T) {
	t.Parallel()
	client, opened := newTLS(t, true, func() {})
	createNonces(t, client, 64)
	assert.EqualValues(t, 1, opened.Load())

	client.CloseIdleConnections() // as Kanuu does after a while
	createNonces(t, client, 64)
	assert.EqualValues(t, 2, opened.Load())

	createNonces(t, client, 64)
	assert.EqualValues(t, 2, opened.Load(), "warm")
}

// Over HTTP/1.1 all go at once: each call but the very first is answered when
// all others have come.
func TestHTTP1IsNotSerialized(t *testing.T) {
	t.Parallel()
	const callers = 16

	var (
		calls    atomic.Int32
		together sync.WaitGroup
	)

	together.Add(callers)

	client, opened := newTLS(t, false, func() {
		if calls.Add(1) > 1 {
			together.Done()
			together.Wait()
		}
	})

	createNonces(t, client, 1)
	createNonces(t, client, callers)
	assert.EqualValues(t, callers, opened.Load())

	client.CloseIdleConnections()
	together.Add(callers)
	createNonces(t, client, callers)
	assert.EqualValues(t, 2*callers, opened.Load(), "also when all connections are gone")
}

// A first call that is not answered holds up the others for a moment only.
func TestSlowFirstCallDoesNotBlockOthers(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	second := make(chan struct{})
	client, _ := newTLS(t, true, func() {
		switch calls.Add(1) {
		case 1:
			<-second
		case 2:
			close(second)
		}
	})
	createNonces(t, client, 2)
	assert.EqualValues(t, 2, calls.Load())
}

func TestFirstCallsFailTogether(t *testing.T) {
	t.Parallel()
	client, opened := newTLS(t, true, func() { panic(http.ErrAbortHandler) })
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
