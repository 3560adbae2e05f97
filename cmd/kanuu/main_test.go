package main_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The program itself: it hands its exit code on, and Ctrl-C reaches it.
func TestProgram(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)

	program := filepath.Join(t.TempDir(), "kanuu")
	//nolint:gosec // the program under test
	said, err := exec.CommandContext(ctx, "go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(t, err, string(said))

	wrong := exec.CommandContext(ctx, program, "launch") //nolint:gosec // the program under test
	require.Error(t, wrong.Run())
	assert.Equal(t, 2, wrong.ProcessState.ExitCode())

	// A kill loses nothing that a response has told.
	state := filepath.Join(t.TempDir(), "kanuu.json")
	running, first := start(ctx, t, program, state)
	body := strings.NewReader(`{"identifier": "42", "action": "subscribe", "plan_id": 67}`)
	res, err := http.Post(first["KANUU_BASE_URL"]+"/control/api/act", "application/json", body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.NoError(t, running.Process.Kill())
	require.Error(t, running.Wait())

	running, second := start(ctx, t, program, state)
	assert.Equal(t, first["PADDLE_PUBLIC_KEY"], second["PADDLE_PUBLIC_KEY"])
	asked := exec.CommandContext(ctx, program, "subscription", "42") //nolint:gosec // the program under test
	for name, value := range second {
		asked.Env = append(asked.Env, name+"="+value)
	}
	require.NoError(t, asked.Run(), "subscribed")
	require.NoError(t, running.Process.Signal(os.Interrupt))
	require.NoError(t, running.Wait(), "exit code 0")
}

// start returns an emulator with the environment that it printed.
func start(ctx context.Context, t *testing.T, program, state string) (*exec.Cmd, map[string]string) {
	t.Helper()
	//nolint:gosec // the program under test
	running := exec.CommandContext(ctx, program, "emulator", "--addr", "127.0.0.1:0", "--state", state)
	stdout, err := running.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, running.Start())
	env := make(map[string]string)
	for lines := bufio.NewScanner(stdout); env["PADDLE_PUBLIC_KEY"] == "" && lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "export "), "=")
		env[name] = strings.Trim(value, "'")
	}
	require.NotEmpty(t, env["PADDLE_PUBLIC_KEY"])
	return running, env
}
