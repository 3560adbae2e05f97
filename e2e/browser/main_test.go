//go:build browser

// Package browser_test is everything end to end, in a real Chromium.
//
//	go test -tags browser ./e2e/...
//
// It needs a Chromium, and on its first run the npm registry.
package browser_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
)

var (
	chromium *browser.Chromium // that all tests share
	binaries string            // the folder of what they build
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "kanuu-e2e-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)

		return 1
	}
	defer os.RemoveAll(binaries) //nolint:errcheck // a folder for temporary files

	return browser.Main(m, &chromium)
}
