//go:build browser

// Package browser_test is everything end to end, in a real Chromium.
//
//	go test -tags browser ./e2e/...
//
// It needs a Chromium, and on its first run the npm registry.
package browser_test

import (
	"os"
	"testing"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
)

// chromium is the one that all tests share.
var chromium *browser.Chromium

func TestMain(m *testing.M) { os.Exit(browser.Main(m, &chromium)) }
