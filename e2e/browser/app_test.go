//go:build browser

package browser_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// examples are the folders of the example apps.
var examples = []string{"nethttp", "echo", "gin"}

// buildExamples builds them into the folder binaries, once.
var buildExamples = sync.OnceValue(func() error {
	args := []string{"build", "-o", binaries + string(filepath.Separator)}
	for _, example := range examples {
		args = append(args, "./"+example)
	}
	cmd := exec.Command("go", args...) //nolint:gosec // our own examples
	cmd.Dir = filepath.Join("..", "..", "examples")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
})

// example is a running example app with the emulator inside, as its README describes.
type example struct{ URL, emulator string } // without a slash at the end

var (
	appAt      = regexp.MustCompile(`url=(http://[^/\s]+)/`)
	emulatorAt = regexp.MustCompile(`portal=(http://\S+)`)
	secrets    = regexp.MustCompile(regexp.QuoteMeta(kanuutest.DefaultAPIKey) + `|[0-9a-f]{32}|/manage/`)
)

// startExample returns once the app listens. At the end of the test the app has to exit with 0 on an interrupt, and without
// errors or secrets in its log.
func startExample(t *testing.T, name string, env ...string) *example {
	t.Helper()
	require.NoError(t, buildExamples())
	program := filepath.Join(binaries, name)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), program) //nolint:gosec // our own example
	cmd.Env = append([]string{"ADDR=127.0.0.1:0"}, env...)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	running, read := make(chan *example, 1), make(chan struct{})
	var log strings.Builder
	go func() {
		defer close(read)
		app := new(example)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			log.WriteString(lines.Text() + "\n")
			if found := emulatorAt.FindStringSubmatch(lines.Text()); found != nil {
				app.emulator = found[1]
			}
			if found := appAt.FindStringSubmatch(lines.Text()); found != nil && app.URL == "" {
				app.URL = found[1]
				running <- app
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // fails if it has exited, as Wait then shows
		<-read
		assert.NoError(t, cmd.Wait())
		assert.NotRegexp(t, secrets, log.String())
		assert.NotContains(t, log.String(), "level=ERROR")
		if t.Failed() {
			t.Log(log.String())
		}
	})
	select {
	case app := <-running:
		return app
	case <-read:
		require.FailNow(t, "the app exited", log.String())
		return nil
	}
}

// control calls the emulator's control API.
func (e *example) control(t *testing.T, method, call, body string) (state kanuutest.State) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, e.emulator+"/control/api/"+call, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, http.StatusOK, res.StatusCode, call)
	require.NoError(t, json.NewDecoder(res.Body).Decode(&state))
	return state
}

// act does what a button of the portal does.
func (e *example) act(t *testing.T, action, identifier string, plan int) {
	t.Helper()
	e.control(t, http.MethodPost, "act", fmt.Sprintf(`{"action": %q, "identifier": %q, "plan_id": %d}`, action, identifier, plan))
}

// delivered reports whether the app took a webhook with this alert.
func (e *example) delivered(t *testing.T, alert string) bool {
	t.Helper()
	return slices.ContainsFunc(e.control(t, http.MethodGet, "state", "").Deliveries, func(d kanuutest.Delivery) bool {
		return d.AlertName == alert && d.State == kanuutest.DeliveryDelivered
	})
}

// minted returns the identifiers for which a nonce was created, in that order.
func (e *example) minted(t *testing.T) []string {
	t.Helper()
	return e.calls(t, "/api/nonce")
}

// asked returns the identifiers whose subscription was fetched, in that order.
func (e *example) asked(t *testing.T) []string {
	t.Helper()
	return e.calls(t, "/api/subscription")
}

func (e *example) calls(t *testing.T, path string) (identifiers []string) {
	t.Helper()
	for _, call := range e.control(t, http.MethodGet, "state", "").Calls {
		if call.Path == path {
			identifiers = append(identifiers, call.Identifier)
		}
	}
	return identifiers
}
