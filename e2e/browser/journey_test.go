//go:build browser

package browser_test

import (
	"bytes"
	"flag"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/mxschmitt/playwright-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	aliceID = "1001"
	alice   = "Continue as Alice alice@example.com"
)

var (
	openPro      = link("Open Pro")
	subscribe    = link("Subscribe")
	toBilling    = link("Manage your subscription")
	toNotes      = link("To your notes")
	backToApp    = link("Back to your application")
	controlPage  = link("Let time pass, or break something")
	subscription = heading("Your subscription")
	proPage      = heading("Welcome to Pro, Alice")
)

// journey goes from the first visit through subscribing and canceling to the end of the paid time. Every page of the example
// and of the portal is reached by what is on the page before. inspect gets each page that has a name; it may be nil.
func journey(t *testing.T, app *example, p *page, inspect func(p *page, name string)) {
	t.Helper()
	look := func(name string) {
		t.Helper()
		if inspect != nil {
			p.must(p.WaitForLoadState())
			inspect(p, name)
		}
	}

	// Log in.
	p.visit(app.URL)
	look("logged out")
	p.click(button(alice))
	p.expect(heading("Hello, Alice"))
	p.expectText("No subscription")
	look("home")

	// Without a subscription, Pro leads to the portal.
	p.visit(app.URL + "/pro")
	p.expectPath("/manage/...")
	p.expect(subscription)
	p.click(backToApp)
	p.expectPath("/")

	// Subscribe.
	p.click(subscribe)
	p.expectPath("/manage/...")
	p.expect(heading("Choose a plan"))
	look("portal, new")
	p.click(button("Subscribe to Pro"))
	p.expect(heading("Change your plan"))
	look("portal, subscribed")

	// The webhook has reached the app: Pro is open.
	p.click(backToApp)
	p.expectPath("/")
	p.reloadUntil("subscription_created")
	p.expectText("Active")
	look("home, subscribed")
	p.click(openPro)
	p.expect(proPage)
	look("pro")

	// Cancel: Pro stays open.
	p.click(toBilling)
	p.expect(subscription)
	p.click(button("Cancel subscription"))
	p.expect(subscription)
	p.expectText("Canceled")
	look("portal, canceled")
	p.click(backToApp)
	p.expectPath("/")
	p.reloadUntil("subscription_cancelled")
	p.expectText("Pro stays open until the time that you paid for is over.")
	p.click(openPro)
	p.expect(proPage)
	p.click(toNotes)
	p.expect(heading("Hello, Alice"))

	// A month later, Pro is closed.
	p.click(controlPage)
	p.expectPath("/control")
	look("control")
	p.click(button("+1 month"))
	p.expectText("Ended")
	look("control, a month later")
	p.click(backToApp)
	p.expectPath("/")
	p.reloadUntil("Pro is closed until you are subscribed again.")
	look("home, ended")
	p.click(subscribe)
	p.expectPath("/manage/...")
	p.expect(heading("Choose a plan"))
	look("portal, ended")

	assert.Equal(t, []string{aliceID, aliceID, aliceID, aliceID}, app.minted(t), "one for each visit to the portal")
}

func TestJourney(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		example string
		set     func(p *page)
		inspect func(p *page, name string)
	}{
		"net/http": {"nethttp", nil, fits},
		"echo":     {"echo", nil, fits},
		"gin":      {"gin", nil, fits},
		"keyboard": {"nethttp", func(p *page) { p.keyboardOnly = true }, nil},
		"phone":    {"echo", func(p *page) { p.resize(phone) }, fits},
		"no JavaScript": {"gin", func(p *page) {
			p.command("Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := openPage(t)
			if test.set != nil {
				test.set(p)
			}
			journey(t, startExample(t, test.example), p, test.inspect)
		})
	}
}

// fits fails the test when the page is wider than the window.
func fits(p *page, name string) {
	p.t.Helper()
	over, err := p.Evaluate(`document.documentElement.scrollWidth - document.documentElement.clientWidth`)
	p.must(err)
	assert.LessOrEqual(p.t, over, 0, "%s at %s: pixels wider than the window", name, p.URL())
}

// update writes the pictures of the documentation anew:
//
//	go test -tags browser -run Screenshots -count 1 ./e2e/browser -update
var update = flag.Bool("update", false, "write docs/images")

// TestScreenshots takes the pictures of the documentation, for a desktop and for a phone.
func TestScreenshots(t *testing.T) {
	t.Parallel()
	dir, address := t.ArtifactDir(), "ADDR=127.0.0.1:0"
	if *update { // as the README's first command shows it
		dir, address = filepath.Join("..", "..", "docs", "images"), "ADDR=127.0.0.1:8080"
	}
	files := map[string]string{"home, subscribed": "home", "portal, subscribed": "portal", "control": "control"}
	taken := 0
	journey(t, startExample(t, "echo", address), openPage(t), func(p *page, name string) {
		if files[name] == "" {
			return
		}
		for suffix, size := range map[string]playwright.Size{"-phone": phone, "": desktop} {
			p.resize(size)
			picture, err := p.Screenshot()
			require.NoError(t, err)
			config, err := png.DecodeConfig(bytes.NewReader(picture))
			require.NoError(t, err)
			assert.Equal(t, size.Width, config.Width, name)
			assert.Equal(t, size.Height, config.Height, name)
			assert.Less(t, len(picture), 150<<10, "%s: a page of documentation loads all of them", name)
			file := filepath.Join(dir, files[name]+suffix+".png")
			require.NoError(t, os.WriteFile(file, picture, 0o644)) //nolint:gosec // public
			taken++
		}
		p.resize(desktop)
	})
	assert.Equal(t, 2*len(files), taken)
}
