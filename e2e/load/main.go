// Command load clicks on the billing link of an example as many users at once,
// while a fake Kanuu fails in one way after the other, and reports what the
// users saw:
//
//	go run ./e2e/load
//
// It starts both itself, uses loopback only, and ends with exit code 1 if an
// answer was wrong. docs/reliability.md says what the figures mean.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/kanuu-io/kanuu-go/e2e/internal/load"
)

const (
	maxClickers = 1024
	maxFor      = 10 * time.Minute
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run() error {
	example := flag.String("example", "echo", "what to load: nethttp, echo or gin, or app: this test's own, with a user for each clicker")
	clickers := flag.Int("clickers", 256, "how many click at once")
	total := flag.Duration("for", 30*time.Second, "how long all phases take together; warming up and recovering come on top")
	document := flag.String("write", "", "a document: write the figures between its markers <!-- load NAME --> and <!-- end NAME -->")
	flag.Parse()

	module, known := modules[*example]

	switch {
	case flag.NArg() > 0:
		return fmt.Errorf("unknown argument %q", flag.Arg(0))
	case !known:
		return fmt.Errorf("-example %s: choose nethttp, echo, gin or app", *example)
	case *clickers < 1 || *clickers > maxClickers:
		return fmt.Errorf("-clickers %d: choose 1 to %d", *clickers, maxClickers)
	case *total < time.Second || *total > maxFor:
		return fmt.Errorf("-for %v: choose 1s to %v", *total, maxFor)
	}

	if *document != "" { // before half a minute is spent for nothing
		if _, _, err := around(*document, *example); err != nil {
			return err
		}
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	scratch, err := os.MkdirTemp("", "kanuu-load-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }() // it is in the folder for what may be lost

	binary := filepath.Join(scratch, "app.exe") // Windows runs nothing without a suffix

	build := exec.CommandContext(ctx, "go", "build", "-o", binary, module) //nolint:gosec // one of our own modules
	build.Stderr = os.Stderr

	if err := build.Run(); err != nil {
		return fmt.Errorf("building %s: %w", module, err)
	}

	phases := load.Phases(*total)
	fmt.Fprintf(os.Stderr, "load: %s, %d clickers, %v in %d phases and some more to recover\n", *example, *clickers, *total, len(phases))

	report, err := load.Run(ctx, load.Plan{
		Command: func(ctx context.Context) *exec.Cmd {
			cmd := exec.CommandContext(ctx, binary)
			cmd.Env = []string{"KANUU_E2E=1"} // nothing of the environment here

			return cmd
		},
		Users:    users(*example, *clickers),
		Debug:    *example == "app",
		Clickers: *clickers,
		WarmUp:   2 * time.Second,
		Phases:   phases,
	})
	if err != nil {
		return err
	}

	text := fmt.Sprintf("`go run ./e2e/load -example %s -clickers %d -for %v`, %s %s/%s, %d cores:\n\n%s",
		*example, *clickers, *total, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), report.Markdown())
	fmt.Fprint(os.Stdout, text)

	if problems := report.Problems(); problems != nil {
		return errors.New(strings.Join(problems, "\n  "))
	}

	if *document != "" {
		return write(*document, *example, text)
	}

	return nil
}

var modules = map[string]string{
	"nethttp": "github.com/kanuu-io/kanuu-go/examples/nethttp",
	"echo":    "github.com/kanuu-io/kanuu-go/examples/echo",
	"gin":     "github.com/kanuu-io/kanuu-go/examples/gin",
	"app":     "github.com/kanuu-io/kanuu-go/e2e/app",
}

// users of an example: they have two, and the app as many as one likes.
func users(example string, clickers int) []load.User {
	if example == "app" {
		return load.Users(clickers)
	}

	return []load.User{{Login: "alice", Identifier: "1001"}, {Login: "bob", Identifier: "1002"}}
}

// around returns what stands before and after the figures of name.
func around(document, name string) (before, after string, err error) {
	text, err := os.ReadFile(document) //nolint:gosec // the user names it
	if err != nil {
		return "", "", err
	}

	begin, end := "<!-- load "+name+" -->\n", "<!-- end "+name+" -->\n"

	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ended := strings.Cut(rest, end)

	if !ok || !ended {
		return "", "", fmt.Errorf("%s: there is no place for the figures: add the lines %q and %q", document, begin, end)
	}

	return before + begin, end + after, nil
}

func write(document, name, text string) error {
	before, after, err := around(document, name)
	if err != nil {
		return err
	}

	return os.WriteFile(document, []byte(before+"\n"+text+"\n"+after), 0o644) //nolint:gosec // a document is for everybody
}
