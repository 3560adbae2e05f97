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

// buildExamples makes their binaries, once, in the folder binaries.
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

// example is an example app, running as its README says: with the stand-in for
// Kanuu inside.
type example struct {
	URL string // without a slash at its end
	box string // the stand-in, likewise
}

var (
	appAt   = regexp.MustCompile(`url=(http://[^/\s]+)/`)
	boxAt   = regexp.MustCompile(`portal=(http://\S+)`)
	secrets = regexp.MustCompile(regexp.QuoteMeta(kanuutest.DefaultAPIKey) + `|[0-9a-f]{32}|/manage/`)
)

// startExample returns once the app listens. It has to end well, and to keep
// its secrets.
func startExample(t *testing.T, name string, env ...string) *example {
	t.Helper()

	require.NoError(t, buildExamples())

	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(binaries, name)) //nolint:gosec // our own example
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

			if found := boxAt.FindStringSubmatch(lines.Text()); found != nil {
				app.box = found[1]
			}

			if found := appAt.FindStringSubmatch(lines.Text()); found != nil && app.URL == "" {
				app.URL = found[1]
				running <- app
			}
		}
	}()

	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // or it has ended, as Wait then says

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
		require.FailNow(t, "the app ended", log.String())

		return nil
	}
}

// state asks the stand-in what there is.
func (e *example) state(t *testing.T) kanuutest.State {
	t.Helper()

	var state kanuutest.State

	e.control(t, http.MethodGet, "state", "", &state)

	return state
}

// act does what a button of the portal does.
func (e *example) act(t *testing.T, action, identifier string, plan int) {
	t.Helper()
	e.control(t, http.MethodPost, "act", fmt.Sprintf(`{"action": %q, "identifier": %q, "plan_id": %d}`, action, identifier, plan), nil)
}

// delivered tells whether the app took a webhook.
func (e *example) delivered(t *testing.T, alert string) bool {
	t.Helper()

	return slices.ContainsFunc(e.state(t).Deliveries, func(d kanuutest.Delivery) bool {
		return d.AlertName == alert && d.State == kanuutest.DeliveryDelivered
	})
}

func (e *example) control(t *testing.T, method, call, body string, into any) {
	t.Helper()

	req, err := http.NewRequestWithContext(t.Context(), method, e.box+"/control/api/"+call, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")

	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)

	defer res.Body.Close()

	require.Equal(t, http.StatusOK, res.StatusCode, call)

	if into != nil {
		require.NoError(t, json.NewDecoder(res.Body).Decode(into))
	}
}

// minted are the customers for whom a nonce was made, in that order.
func (e *example) minted(t *testing.T) []string {
	t.Helper()

	return e.calls(t, "/api/nonce")
}

// asked are the customers whose subscription was asked for, in that order.
func (e *example) asked(t *testing.T) []string {
	t.Helper()

	return e.calls(t, "/api/subscription")
}

func (e *example) calls(t *testing.T, path string) []string {
	t.Helper()

	var customers []string

	for _, call := range e.state(t).Calls {
		if call.Path == path {
			customers = append(customers, call.Identifier)
		}
	}

	return customers
}
