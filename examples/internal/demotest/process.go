package demotest

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

// testShutdown looks whether a request in flight is finished, and no other one
// begun.
func testShutdown(t *testing.T, framework string, build demo.Build) {
	started, release := make(chan struct{}), make(chan struct{})
	site := start(t, framework, func(app *demo.App) (http.Handler, error) {
		handler, err := build(app)
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/slow" {
				close(started)
				<-release
			}
			handler.ServeHTTP(w, r)
		}), err
	}, nil)
	visitor := site.visit(t, "")

	stoppedEarly := make(chan bool, 1)
	go func() {
		<-started
		site.stop()
		<-site.Log.stopping
		stoppedEarly <- len(site.code) > 0
		close(release)
	}()

	assert.Equal(t, http.StatusNotFound, visitor.get(t, "/slow", nil).Status)
	assert.False(t, <-stoppedEarly, "with a request in flight")
	assert.Zero(t, site.end())
}

// testWrongSettings looks whether the app says what is wrong with its
// environment, in one line, and ends.
func testWrongSettings(t *testing.T, _ string, _ demo.Build) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { taken.Close() })
	for name, test := range map[string]struct {
		env  map[string]string
		says []string
	}{
		"port taken": {
			map[string]string{"ADDR": taken.Addr().String()},
			[]string{"cannot listen on " + taken.Addr().String(), "in use", "set ADDR=127.0.0.1:"},
		},
		"no port": {
			map[string]string{"ADDR": "localhost"},
			[]string{"cannot listen on localhost", "set ADDR=127.0.0.1:8081"},
		},
		"base URL without a key": {
			map[string]string{"ADDR": "127.0.0.1:0", "KANUU_BASE_URL": "https://kanuu.example"},
			[]string{"KANUU_BASE_URL is set, but KANUU_API_KEY is not"},
		},
		"base URL that is none": {
			map[string]string{"ADDR": "127.0.0.1:0", "KANUU_API_KEY": "secret-key", "KANUU_BASE_URL": "kanuu"},
			[]string{"kanuu: ", "BaseURL"},
		},
		"Redis URL that is none": {
			map[string]string{"ADDR": "127.0.0.1:0", "REDIS_URL": "http://:secret-key@127.0.0.1:6379"},
			[]string{"REDIS_URL is not the URL of a Redis", "redis://127.0.0.1:6379"},
		},
		"Redis URL that is no URL": {
			map[string]string{"ADDR": "127.0.0.1:0", "REDIS_URL": "redis://:secret-key@127.0.0.1:port"},
			[]string{"REDIS_URL is not the URL of a Redis"},
		},
		"Paddle key that is none": {
			map[string]string{"ADDR": "127.0.0.1:0", "PADDLE_PUBLIC_KEY": "secret-key"},
			[]string{"PADDLE_PUBLIC_KEY cannot be used", "Paddle's dashboard"},
		},
		"short session key": {
			map[string]string{"ADDR": "127.0.0.1:0", "SESSION_KEY": "secret-key"},
			[]string{"SESSION_KEY is too short"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			var stdout, stderr bytes.Buffer
			cmd := command(t, test.env)
			cmd.Stdout, cmd.Stderr = &stdout, &stderr

			require.Error(t, cmd.Run())

			assert.Equal(t, 1, cmd.ProcessState.ExitCode())
			assert.Empty(t, stdout.String())
			assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), stderr.String())
			for _, text := range test.says {
				assert.Contains(t, stderr.String(), text)
			}
			assert.NotContains(t, stderr.String(), "secret-key")
		})
	}
}

// testProcess runs the app as the README says, on its built-in Kanuu, from the
// first line to Ctrl-C.
func testProcess(t *testing.T, framework string, _ demo.Build) {
	if runtime.GOOS == "windows" {
		t.Skip("no process can send Ctrl-C to another there")
	}

	var stdout bytes.Buffer
	log := newRecord()
	cmd := command(t, map[string]string{"ADDR": "127.0.0.1:0"})
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
		close(log.running) // so that nobody waits for an app that is gone
	}()

	site := &site{URL: <-log.running, Log: log}
	require.NotEmpty(t, site.URL, log)
	visitor := site.visit(t, "alice")
	home := visitor.get(t, "/", nil)
	billing := visitor.get(t, "/billing", nil)
	portal := billing.Header.Get("Location")

	assert.Contains(t, home.Body, framework)
	assert.Contains(t, home.Body, "nothing is charged")
	assert.Regexp(t, `href="http://127\.0\.0\.1:\d+/control"`, home.Body)
	assert.Equal(t, http.StatusFound, billing.Status, billing.Body)
	assert.Regexp(t, `^http://127\.0\.0\.1:\d+/manage/`, portal)

	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, portal, nil)
	require.NoError(t, err)
	res, err := new(http.Client).Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	assert.Equal(t, http.StatusOK, res.StatusCode)
	assert.Contains(t, string(body), site.URL+"/", "the way back from the portal")

	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	<-read
	require.NoError(t, cmd.Wait())
	assert.Empty(t, stdout.String())
	assert.Contains(t, log.String(), "set KANUU_API_KEY")
	assert.NotContains(t, log.String(), "set PADDLE_PUBLIC_KEY", "it hears the stand-in's webhooks")
	assert.NotContains(t, log.String(), portal[strings.LastIndex(portal, "/")+1:])
}
