//go:build browser

package browser_test

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mxschmitt/playwright-go"
	"github.com/stretchr/testify/require"
)

const (
	// patience is how long an element may take to appear: long, because the machine may be busy, and only a failing test waits
	// for all of it.
	patience = 30 * time.Second
	glance   = 20 * time.Millisecond // how often a test looks
)

var (
	expect    = playwright.NewPlaywrightAssertions(float64(patience.Milliseconds()))
	innerText = playwright.LocatorAssertionsToContainTextOptions{UseInnerText: new(true)}
	desktop   = playwright.Size{Width: 1280, Height: 800}
	phone     = playwright.Size{Width: 390, Height: 844}
)

// element is an element of a page by its role and accessible name, as a screen reader announces it.
type element struct{ role, name string }

func button(name string) element  { return element{"button", name} }
func link(name string) element    { return element{"link", name} }
func heading(name string) element { return element{"heading", name} }

// page is a window with its own cookies, cache and history. Its methods fail the test on an error.
type page struct {
	playwright.Page
	*complaints

	t            *testing.T
	devtools     playwright.CDPSession
	keyboardOnly bool // click and fill use the keyboard alone
}

// openPage returns an empty window of desktop size. At the end, the test fails on complaints of the browser that it did not
// expect; a failed test leaves a screenshot, which go test -artifacts keeps.
func openPage(t *testing.T) *page {
	t.Helper()
	context, err := chromium.NewContext(playwright.BrowserNewContextOptions{
		NoViewport: new(true), Locale: new("en-GB"), TimezoneId: new("UTC"), // the same pictures everywhere
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = context.Close() })
	p := &page{t: t, complaints: new(complaints)}
	p.Page, err = context.NewPage()
	require.NoError(t, err)
	p.devtools, err = context.NewCDPSession(p.Page)
	require.NoError(t, err)
	p.watch(p.devtools)
	for _, domain := range []string{"Audits", "Inspector", "Log", "Network", "Runtime"} {
		p.command(domain+".enable", nil)
	}
	p.resize(desktop)
	t.Cleanup(func() {
		p.judge(t)
		if t.Failed() {
			file := filepath.Join(t.ArtifactDir(), "page.png")
			_, err := p.Screenshot(playwright.PageScreenshotOptions{Path: &file})
			text, _ := p.Locator("body").InnerText(playwright.LocatorInnerTextOptions{Timeout: new(1000.0)})
			t.Logf("%s, screenshot in %s (%v):\n%s", p.URL(), file, err, text)
		}
	})
	return p
}

func (p *page) must(err error) { require.NoError(p.t, err) }

// command sends a command of the Chrome DevTools Protocol.
func (p *page) command(method string, params map[string]any) any {
	result, err := p.devtools.Send(method, params)
	p.must(err)
	return result
}

// resize changes the size of the window. Mobile browsers lay a page out by its meta viewport, so a narrow window does too.
func (p *page) resize(size playwright.Size) {
	p.command("Emulation.setDeviceMetricsOverride", map[string]any{
		"width": size.Width, "height": size.Height, "deviceScaleFactor": 1, "mobile": size == phone,
	})
}

func (p *page) visit(url string) { _, err := p.Goto(url); p.must(err) }
func (p *page) reload()          { _, err := p.Reload(); p.must(err) }
func (p *page) back()            { _, err := p.GoBack(); p.must(err) }
func (p *page) forward()         { _, err := p.GoForward(); p.must(err) }

func (p *page) find(e element) playwright.Locator {
	return p.GetByRole(playwright.AriaRole(e.role), playwright.PageGetByRoleOptions{Name: e.name, Exact: new(true)})
}

func (p *page) click(e element) {
	if p.keyboardOnly {
		p.tabTo(e)
		p.must(p.Keyboard().Press("Enter"))
		return
	}
	p.must(p.find(e).Click())
}

func (p *page) expect(e element) { p.must(expect.Locator(p.find(e).First()).ToBeVisible()) }

func (p *page) expectText(text string) {
	p.must(expect.Locator(p.Locator("body")).ToContainText(text, innerText))
}

// reloadUntil reloads the page until it has the text: a webhook may be a moment behind.
func (p *page) reloadUntil(text string) {
	require.Eventually(p.t, func() bool {
		body, err := p.Locator("body").InnerText()
		found := err == nil && strings.Contains(body, text)
		if !found {
			_, _ = p.Reload() // the next look shows whether it worked
		}
		return found
	}, patience, glance, text)
}

// expectPath waits until the page of this path, on any host, has loaded. A path that ends with a slash and dots,
// "/manage/...", stands for all below it.
func (p *page) expectPath(path string) {
	prefix, below := strings.CutSuffix(path, "...")
	pattern := "^http://[^/]+" + regexp.QuoteMeta(prefix)
	if below {
		pattern += "[^?]*"
	}
	p.must(expect.Page(p.Page).ToHaveURL(regexp.MustCompile(pattern + `(\?.*)?$`)))
	p.must(p.WaitForLoadState())
}

// tabTo presses Tab until the element has the focus.
func (p *page) tabTo(e element) {
	for range 100 {
		p.must(p.Keyboard().Press("Tab"))
		focused, err := p.find(e).Evaluate("e => e === document.activeElement", nil)
		p.must(err)
		if focused == true {
			return
		}
	}
	require.FailNow(p.t, "Tab does not reach "+e.role, e.name)
}
