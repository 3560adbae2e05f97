//go:build browser

package browser

import (
	"context"
	"os"
	"path/filepath"
	"regexp"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// screenshots names the folder that gets the pictures of failures, too.
const screenshots = "E2E_SCREENSHOTS"

// Picture of what the window shows, as PNG.
func (p *Page) Picture() []byte {
	p.tb.Helper()

	var png []byte

	p.call("a screenshot", func(ctx context.Context) error {
		// Fonts and colours have settled: nothing moves on these pages.
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.fonts.ready.then(() => true)`, chromedp.EvalAwaitPromise)); err != nil {
			return err
		}

		shot, err := chromedp.Call(ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
		png = shot.Data

		return err
	})

	return png
}

var unsafe = regexp.MustCompile(`[^A-Za-z0-9_-]+`)

// failureScreenshot is for whoever has to find out what happened.
func (p *Page) failureScreenshot() {
	dir := os.Getenv(screenshots)
	if dir == "" {
		dir = p.tb.ArtifactDir() // kept with go test -artifacts
	}

	file := filepath.Join(dir, unsafe.ReplaceAllString(p.tb.Name(), "-")+".png")

	shot, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err == nil {
		err = os.MkdirAll(dir, 0o755) //nolint:gosec // everybody may look
	}

	if err == nil {
		err = os.WriteFile(file, shot.Data, 0o644) //nolint:gosec // everybody may look
	}

	p.tb.Logf("screenshot: %s %v", file, err)
}
