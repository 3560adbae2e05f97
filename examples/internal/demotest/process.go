package demotest

import (
	"bufio"
	"bytes"
	"net"
	"net/http"
	"os"
	"path"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// A request in flight is finished before the app ends.
func testShutdown(t *testing.T) {
	started, release := make(chan struct{}), make(chan struct{})
	fake := kanuutest.NewServer(nil)
	t.Cleanup(fake.Close)
	app := startWith(t, fake, func(app *demo.App) (http.Handler, error) {
		handler, err := build(app)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(started)
				<-release
			}
			handler.ServeHTTP(w, r)
		}), err
	}, nil)
	endedEarly := make(chan bool, 1)
	go func() {
		<-started
		app.stop()
		<-app.Log.stopping
		endedEarly <- len(app.code) > 0
		close(release)
	}()
	assert.Equal(t, http.StatusNotFound, app.browser(t, "").get(t, "/slow").Status)
	assert.False(t, <-endedEarly, "with a request in flight")
	assert.Zero(t, app.end())
}

// assertRefuses checks that the app ends with one line on stderr that has the texts, and no secret.
func assertRefuses(t *testing.T, env, texts string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := command(t, env)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.Error(t, cmd.Run())
	assert.Equal(t, 1, cmd.ProcessState.ExitCode())
	assert.Empty(t, stdout.String())
	assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
	assertShows(t, stderr.String(), texts, "secret-key")
}

func testWrongConfiguration(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	addr := taken.Addr().String()
	for name, tc := range map[string]struct{ env, stderr string }{
		"port taken":           {"ADDR=" + addr, "cannot listen on " + addr + "|in use|set ADDR=127.0.0.1:"},
		"no port":              {"ADDR=localhost", "cannot listen on localhost|set ADDR=127.0.0.1:8081"},
		"base URL without key": {"KANUU_BASE_URL=https://kanuu.example", "KANUU_BASE_URL is set, but KANUU_API_KEY is not"},
		"base URL":             {"KANUU_API_KEY=secret-key KANUU_BASE_URL=kanuu", "kanuu: |BaseURL"},
		"Redis scheme":         {"REDIS_URL=http://:secret-key@127.0.0.1:6379", "the URL is not one of Redis"},
		"Redis port":           {"REDIS_URL=redis://:secret-key@127.0.0.1:port", "the URL is not one of Redis"},
		"Paddle key":           {"PADDLE_PUBLIC_KEY=secret-key", "PADDLE_PUBLIC_KEY cannot be used|Paddle's dashboard"},
		"short session key":    {"SESSION_KEY=secret-key", "SESSION_KEY is too short"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assertRefuses(t, tc.env, tc.stderr)
		})
	}
}

// The app as a process without any configuration, from the first line to Ctrl-C.
func testProcess(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can send Ctrl-C to another there")
	}
	var stdout bytes.Buffer
	log := newLogRecorder()
	cmd := command(t, "")
	cmd.Stdout = &stdout
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			_, _ = log.Write(append(lines.Bytes(), '\n'))
		}
		close(log.running) // the app has ended
	}()

	app := &instance{URL: <-log.running, Log: log}
	require.NotEmpty(t, app.URL, log)
	alice := app.browser(t, "alice")
	home, billing := alice.get(t, "/"), alice.get(t, "/billing")
	assertShows(t, home.Body, framework+"|nothing is charged", "")
	assert.Regexp(t, `href="http://127\.0\.0\.1:\d+/control"`, home.Body)
	assert.Equal(t, http.StatusFound, billing.Status, billing.Body)
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/manage/`, billing.location())
	portal := alice.get(t, billing.location())
	assert.Equal(t, http.StatusOK, portal.Status)
	assert.Contains(t, portal.Body, app.URL+"/", "the link back to the app")

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	<-read
	require.NoError(t, cmd.Wait())
	assert.Empty(t, stdout.String())
	assertShows(t, log.String(), "set KANUU_API_KEY", "set PADDLE_PUBLIC_KEY|"+path.Base(billing.location()))
}
