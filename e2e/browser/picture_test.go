//go:build browser

package browser_test

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
)

// update writes the pictures of the documentation anew:
//
//	go test -tags browser -run Picture -count 1 ./e2e/browser -update
var update = flag.Bool("update", false, "write docs/images")

// pictures are the stops of the journey that the documentation shows, by the
// name of their file.
var pictures = map[string]string{
	"home, subscribed":   "home",
	"portal, subscribed": "portal",
	"control":            "control",
}

// TestPicture makes a picture of each of them, for a desk and for a phone.
func TestPicture(t *testing.T) {
	t.Parallel()

	dir, at := t.ArtifactDir(), "ADDR=127.0.0.1:0"
	if *update { // what the README's first command shows
		dir, at = filepath.Join("..", "..", "docs", "images"), "ADDR=127.0.0.1:8080"
	}

	require.NoError(t, os.MkdirAll(dir, 0o755)) //nolint:gosec // everybody may look

	made := 0
	look := func(page *browser.Page, name string) {
		file, ok := pictures[name]
		if !ok {
			return
		}

		for suffix, size := range map[string]browser.Size{"-phone": browser.Phone, "": browser.Desktop} {
			page.Resize(size)

			picture := page.Picture()
			config, err := png.DecodeConfig(bytes.NewReader(picture))
			require.NoError(t, err)
			assert.EqualValues(t, size.Width, config.Width, file)
			assert.EqualValues(t, size.Height, config.Height, file)
			assert.Less(t, len(picture), 150<<10, "%s: a page of documentation loads all of them", file)
			require.NoError(t, os.WriteFile(filepath.Join(dir, file+suffix+".png"), picture, 0o644)) //nolint:gosec // everybody may look

			made++
		}

		page.Resize(browser.Desktop)
	}

	journey(t, startExample(t, "echo", at), &person{Page: chromium.Open(t), look: look})
	assert.Equal(t, 2*len(pictures), made)
}
