//go:build browser

// Package browser_test tests the library, the examples and the emulator end to end, in a real Chromium:
//
//	npm ci --prefix e2e/browser/testdata
//	go test -tags browser -timeout 30m ./e2e/...
package browser_test

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mxschmitt/playwright-go"
)

// All tests share them.
var (
	chromium    playwright.Browser
	binaries    string                                      // the folder of the built examples
	nodeModules = filepath.Join("testdata", "node_modules") // what npm ci installs
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "kanuu-e2e-*"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(binaries) //nolint:errcheck // a folder for temporary files
	stop, err := startChromium()
	if err != nil {
		fmt.Fprintln(os.Stderr, "browser:", err)
		return 1
	}
	defer stop()
	return m.Run()
}

// startChromium starts the installed Chromium, or the program that CHROMIUM names, with the Playwright that npm installed.
func startChromium() (stop func(), err error) {
	node, err := exec.LookPath("node")
	if err != nil {
		return nil, fmt.Errorf("%w: install npm (Debian: apt-get install npm)", err)
	}
	program, err := exec.LookPath(cmp.Or(os.Getenv("CHROMIUM"), "chromium"))
	if err != nil {
		return nil, fmt.Errorf("%w: install Chromium (Debian: apt-get install chromium), or set CHROMIUM to its path", err)
	}
	cli := filepath.Join(nodeModules, "playwright-core", "cli.js")
	if _, err := os.Stat(cli); err != nil {
		return nil, fmt.Errorf("%w: run npm ci --prefix e2e/browser/testdata", err)
	}
	if err := errors.Join(os.Setenv("PLAYWRIGHT_NODEJS_PATH", node), os.Setenv("PLAYWRIGHT_CLI_PATH", cli)); err != nil {
		return nil, err
	}
	driver, err := playwright.Run(&playwright.RunOptions{SkipInstallBrowsers: true})
	if err != nil {
		return nil, err
	}
	chromium, err = driver.Chromium.Launch(playwright.BrowserTypeLaunchOptions{
		ExecutablePath: &program,
		Args: []string{
			"--disable-gpu", "--disable-quic", "--font-render-hinting=none", // the same pictures everywhere
			"--host-resolver-rules=MAP " + plainHost + " 127.0.0.1",
		},
	})
	return func() { _ = driver.Stop() }, err
}
