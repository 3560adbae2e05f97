package main_test

import (
	"bufio"
	"context"
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

	running := exec.CommandContext(ctx, program, "emulator", "--addr", "127.0.0.1:0") //nolint:gosec // the program under test
	stdout, err := running.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, running.Start())

	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.Contains(lines.Text(), "PADDLE_PUBLIC_KEY") {
		continue
	}
	require.Contains(t, lines.Text(), "PADDLE_PUBLIC_KEY")

	require.NoError(t, running.Process.Signal(os.Interrupt))
	require.NoError(t, running.Wait(), "exit code 0")
}
