package upstream_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/bench/internal/upstream"
)

func TestMain(m *testing.M) {
	upstream.RunIfChild()
	os.Exit(m.Run())
}

func start(t *testing.T) *upstream.Server {
	t.Helper()

	server, err := upstream.Start()
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Close()) })

	return server
}

// newClient is one that only trusts the server.
func newClient(t *testing.T, server *upstream.Server) *http.Client {
	t.Helper()

	transport := &http.Transport{
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13, RootCAs: server.Roots}, ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)

	return &http.Client{Transport: transport}
}

func post(t *testing.T, client *http.Client, url string) (protocol, body string) {
	t.Helper()

	res, err := client.Post(url, "application/json", strings.NewReader("{}"))
	require.NoError(t, err)

	defer res.Body.Close()

	text, err := io.ReadAll(res.Body)
	require.NoError(t, err)

	return res.Proto, string(text)
}

func TestProtocols(t *testing.T) {
	t.Parallel()

	server := start(t)
	client := newClient(t, server)

	protocol, body := post(t, client, server.H1+"/api/nonce")
	assert.Equal(t, "HTTP/1.1", protocol)
	assert.Contains(t, body, `"url":"https://`)

	protocol, body = post(t, client, server.H2+"/api/subscription")
	assert.Equal(t, "HTTP/2.0", protocol)
	assert.Contains(t, body, `"is_subscribed":true`)
}

func TestCounts(t *testing.T) {
	t.Parallel()

	server := start(t)
	client := newClient(t, server)

	before, err := server.Counts()
	require.NoError(t, err)
	assert.Zero(t, before)

	for range 3 {
		post(t, client, server.H1+"/api/nonce")
	}

	post(t, client, server.H2+"/api/nonce")

	after, err := server.Counts()
	require.NoError(t, err)
	assert.Equal(t, upstream.Counts{Connections: 2, Requests: 4, Peak: 1}, after)
	assert.Equal(t, upstream.Counts{Connections: 1, Requests: 2, Peak: 1},
		after.Since(upstream.Counts{Connections: 1, Requests: 2, Peak: 7}))
}

func TestPeak(t *testing.T) {
	t.Parallel()

	const callers = 5

	server := start(t)
	client := newClient(t, server)

	require.NoError(t, server.Gather(100*time.Millisecond))

	statuses := make(chan int, callers)

	for range callers {
		go func() {
			res, err := client.Post(server.H1+"/api/nonce", "application/json", strings.NewReader("{}"))
			if err != nil {
				statuses <- 0

				return
			}

			res.Body.Close()
			statuses <- res.StatusCode
		}()
	}

	for range callers {
		require.Equal(t, http.StatusCreated, <-statuses)
	}

	counts, err := server.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, callers, counts.Peak)

	require.NoError(t, server.SetDelay(0))
	post(t, client, server.H1+"/api/nonce")

	counts, err = server.Counts()
	require.NoError(t, err)
	assert.EqualValues(t, 1, counts.Peak, "SetDelay starts anew")
}

func TestDelays(t *testing.T) {
	t.Parallel()

	const delay = 50 * time.Millisecond

	server := start(t)
	client := newClient(t, server)

	took := func() time.Duration {
		start := time.Now()

		post(t, client, server.H1+"/api/nonce")

		return time.Since(start)
	}

	require.NoError(t, server.Gather(delay))
	assert.GreaterOrEqual(t, took(), delay+delay/2, "the handshake waits for others, and the answer")
	assert.GreaterOrEqual(t, took(), delay, "there is no other handshake")

	require.NoError(t, server.SetDelay(delay))
	assert.GreaterOrEqual(t, took(), delay, "the answer waits")
}

func TestServerEndsOnce(t *testing.T) {
	t.Parallel()

	server, err := upstream.Start()
	require.NoError(t, err)
	require.NoError(t, server.Close())

	_, err = server.Counts()
	require.ErrorContains(t, err, "upstream: ")
}
