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

	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// heard is how long one replica may take to tell another.
const heard = 2 * time.Second

// startRedis runs a real Redis until the test is over, and returns its URL. It
// listens where no other test does.
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

// testReplicas looks whether what one replica hears of Paddle reaches another.
func testReplicas(t *testing.T, framework string, build demo.Build) {
	kanuu, signer := kanuutest.NewServer(nil), kanuutest.NewSigner()
	t.Cleanup(kanuu.Close)
	env := map[string]string{"REDIS_URL": startRedis(t), "PADDLE_PUBLIC_KEY": signer.PublicKey()}
	one, other := startOn(t, kanuu, framework, build, env), startOn(t, kanuu, framework, build, env)
	alice := other.visit(t, "alice")

	kanuu.SetSubscription("1001", active)
	require.Equal(t, http.StatusOK, one.visit(t, "alice").get(t, "/pro", nil).Status)
	require.Equal(t, http.StatusOK, alice.get(t, "/pro", nil).Status)
	assert.Equal(t, 1, one.calls("/api/subscription"), "the one has told the other")

	kanuu.SetSubscription("1001", kanuutest.Subscription{})
	require.Equal(t, http.StatusOK, alice.get(t, "/pro", nil).Status, "nobody told the other yet")

	gone := kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "1001"}
	require.Equal(t, http.StatusOK, one.receive(t, signer.Body(gone)))
	eventually(t, heard, func() bool {
		return alice.get(t, "/pro", nil).Status == http.StatusSeeOther
	}, "the other replica hears that alice has left")

	kanuu.SetSubscription("1001", active)
	require.Equal(t, http.StatusOK, one.receive(t, signer.Body(kanuutest.Webhook{Identifier: "1001"})))
	eventually(t, heard, func() bool {
		return alice.get(t, "/pro", nil).Status == http.StatusOK
	}, "the other replica hears that alice is back")

	assert.NotContains(t, one.Log.String()+other.Log.String(), "level=WARN")
}

// testRedisIsGone looks whether the app does its work without the Redis that it
// was promised, and says so.
func testRedisIsGone(t *testing.T, framework string, build demo.Build) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())

	site := start(t, framework, build, map[string]string{"REDIS_URL": "redis://:secret-key@" + free.Addr().String()})
	site.Kanuu.SetSubscription("1001", active)
	alice := site.visit(t, "alice")

	assert.Contains(t, site.Log.String(), "Redis is gone")
	assert.NotContains(t, site.Log.String(), "secret-key")
	assert.Equal(t, http.StatusOK, alice.get(t, "/pro", nil).Status)
	assert.Equal(t, http.StatusFound, alice.get(t, "/billing", nil).Status)
	assert.Contains(t, alice.get(t, "/", nil).Body, "Pro is open to you")
	assert.Equal(t, http.StatusSeeOther, site.visit(t, "bob").get(t, "/pro", nil).Status)
}

// testRedisRefuses looks whether the app ends when its password is wrong: that
// does not pass, as an outage does.
func testRedisRefuses(t *testing.T, _ string, _ demo.Build) {
	url := strings.Replace(startRedis(t, "--requirepass", "right"), "unix://", "unix://:secret-key@", 1)

	var stderr bytes.Buffer
	cmd := command(t, map[string]string{"ADDR": "127.0.0.1:0", "REDIS_URL": url})
	cmd.Stderr = &stderr

	require.Error(t, cmd.Run())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
	assert.Contains(t, stderr.String(), "REDIS_URL cannot be used")
	assert.Contains(t, stderr.String(), "WRONGPASS")
	assert.NotContains(t, stderr.String(), "secret-key")
}
