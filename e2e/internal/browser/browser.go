//go:build browser

// Package browser drives a real Chromium in tests, as a person would: it finds
// buttons by what they are called, clicks them with the mouse or reaches them
// with Tab, and waits for what is to be seen. Whatever the browser complains
// of fails the test.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
)

// programs are the names of Chromium, the best first. CHROMIUM names another.
var programs = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// Chromium is one running browser, which the tests of a binary share.
type Chromium struct {
	ctx context.Context //nolint:containedctx // it is how chromedp holds a browser
}

// Main runs the tests with a Chromium, and returns the exit code. Without a
// Chromium the tests fail: they are not skipped.
func Main(m *testing.M, chromium **Chromium) int {
	started, stop, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)

		return 1
	}
	defer stop()

	*chromium = started

	return m.Run()
}

func start() (*Chromium, func(), error) {
	path, err := program()
	if err != nil {
		return nil, nil, err
	}

	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		// Containers have neither a GPU nor, mostly, the user namespaces of the
		// sandbox. All the pages are our own.
		chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		// The same picture everywhere.
		chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("font-render-hinting", "none"),
		chromedp.Flag("lang", "en-GB"),
		chromedp.Env("TZ=UTC"),
	)

	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	stop := func() {
		cancel()
		free()
	}

	if err := chromedp.Do(ctx); err != nil {
		stop()

		return nil, nil, fmt.Errorf("%s does not start: %w", path, err)
	}

	return &Chromium{ctx}, stop, nil
}

func program() (string, error) {
	if named := os.Getenv("CHROMIUM"); named != "" {
		return named, nil
	}

	for _, name := range programs {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}

	return "", errors.New("there is no Chromium: install it (Debian: apt-get install chromium), or set CHROMIUM to the path of one")
}
