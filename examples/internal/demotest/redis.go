package demotest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// startRedis runs a Redis on a socket of its own until the test ends, and returns its URL.
func startRedis(t *testing.T, settings ...string) string {
	t.Helper()
	server, err := exec.LookPath("redis-server")
	if err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "redis-server is missing: install it with apt-get install redis-server")
		t.Skip("redis-server is missing, for example apt-get install redis-server")
	}
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // the name of t.TempDir's can be too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	var output bytes.Buffer
	socket := filepath.Join(dir, "socket")
	arguments := append([]string{"--port", "0", "--unixsocket", socket, "--dir", dir, "--save", ""}, settings...)
	cmd := exec.CommandContext(context.Background(), server, arguments...) // it outlives the apps, which end after t.Context
	cmd.Stdout = &output
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Log("redis-server: ", output.String())
		}
	})
	eventually(t, 10*time.Second, func() bool {
		conn, err := new(net.Dialer).DialContext(t.Context(), "unix", socket)
		return err == nil && assert.NoError(t, conn.Close())
	}, "redis-server listens")
	return "unix://" + socket
}

// A cache entry, and its invalidation by a webhook, reach the other instance.
func testTwoInstances(t *testing.T) {
	fake, signer := kanuutest.NewServer(nil), kanuutest.NewSigner()
	t.Cleanup(fake.Close)
	env := map[string]string{"REDIS_URL": startRedis(t), "PADDLE_PUBLIC_KEY": signer.PublicKey()}
	one, other := startWith(t, fake, build, env), startWith(t, fake, build, env)
	alice := other.browser(t, "alice")

	fake.SetSubscription("1001", active)
	require.Equal(t, http.StatusOK, one.browser(t, "alice").get(t, "/pro").Status)
	require.Equal(t, http.StatusOK, alice.get(t, "/pro").Status)
	assert.Equal(t, 1, one.calls("/api/subscription"), "both instances use one entry")

	fake.SetSubscription("1001", kanuutest.Subscription{})
	require.Equal(t, http.StatusOK, alice.get(t, "/pro").Status, "the entry is not invalidated yet")
	for _, step := range []struct {
		alert        string
		subscription kanuutest.Subscription
		status       int
	}{
		{"subscription_cancelled", kanuutest.Subscription{}, http.StatusSeeOther},
		{"subscription_created", active, http.StatusOK},
	} {
		fake.SetSubscription("1001", step.subscription)
		require.Equal(t, http.StatusOK, one.receive(t, signer.Body(kanuutest.Webhook{AlertName: step.alert, Identifier: "1001"})))
		eventually(t, 2*time.Second, func() bool { return alice.get(t, "/pro").Status == step.status }, step.alert)
	}
	assert.NotContains(t, one.Log.String()+other.Log.String(), "level=WARN")
}

// Without the configured Redis the app uses its local cache, and logs that.
func testRedisUnavailable(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	app := start(t, map[string]string{"REDIS_URL": "redis://:secret-key@" + free.Addr().String()})
	app.Kanuu.SetSubscription("1001", active)
	alice := app.browser(t, "alice")
	assertShows(t, app.Log.String(), "Redis unavailable", "secret-key")
	assert.Equal(t, http.StatusOK, alice.get(t, "/pro").Status)
	assert.Equal(t, http.StatusFound, alice.get(t, "/billing").Status)
	assert.Contains(t, alice.get(t, "/").Body, "Pro is open to you")
	assert.Equal(t, http.StatusSeeOther, app.browser(t, "bob").get(t, "/pro").Status)
}

// A wrong password is no outage: the app ends.
func testRedisRefusesPassword(t *testing.T) {
	redisURL := strings.Replace(startRedis(t, "--requirepass", "right"), "unix://", "unix://:secret-key@", 1)
	assertRefuses(t, "REDIS_URL="+redisURL, "REDIS_URL cannot be used|WRONGPASS")
}
