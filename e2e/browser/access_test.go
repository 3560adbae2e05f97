//go:build browser

package browser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
	"github.com/kanuu-io/kanuu-go/e2e/internal/npm"
)

// violation of a rule that axe knows.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ FailureSummary, HTML string }
}

// violations of a page as it is now. Every rule counts, the best practices too.
func violations(page *browser.Page, axe []byte) []violation {
	browser.Script[bool](page, `window.axe ? true : (() => { `+string(axe)+`; return true })()`)

	return browser.Script[[]violation](page, `axe.run().then((result) => result.violations)`)
}

func axe(t *testing.T) []byte {
	t.Helper()

	modules, err := npm.Install(t.Context())
	require.NoError(t, err)
	script, err := modules.File("axe-core/axe.min.js")
	require.NoError(t, err)

	return script
}

// accessible returns a look that has axe examine the page: wide and narrow,
// light and dark.
func accessible(t *testing.T) func(page *browser.Page, name string) {
	t.Helper()

	script := axe(t)

	return func(page *browser.Page, name string) {
		for _, size := range []browser.Size{browser.Phone, browser.Desktop} {
			page.Resize(size)
			fits(page, fmt.Sprintf("%s, %d wide", name, size.Width))

			for _, dark := range []bool{true, false} {
				page.Dark(dark)

				for _, v := range violations(page, script) {
					var where strings.Builder
					for _, node := range v.Nodes {
						fmt.Fprintf(&where, "\n%s\n%s", node.HTML, node.FailureSummary)
					}

					t.Errorf("%s, %d wide, dark: %t: %s: %s (%s)%s", name, size.Width, dark, v.Impact, v.Help, v.ID, where.String())
				}
			}
		}
	}
}

// TestAxe: what nobody can see or hear is found.
func TestAxe(t *testing.T) {
	t.Parallel()

	site := newSite(t, "net/http", "", `<main><h1>Hello</h1>
		<img src="data:,"><p style="color: #bbb; background: #fff">Faint</p><input name="x"></main>`)
	page := chromium.Open(t)
	page.Go(site.URL)

	var found []string
	for _, v := range violations(page, axe(t)) {
		found = append(found, v.ID)
	}

	assert.ElementsMatch(t, []string{"image-alt", "color-contrast", "label"}, found)
}

func TestAccessibility(t *testing.T) {
	t.Parallel()

	t.Run("journey", func(t *testing.T) {
		t.Parallel()

		journey(t, startExample(t, "echo"), &person{Page: chromium.Open(t), look: accessible(t)})
	})

	t.Run("rarer states", func(t *testing.T) {
		t.Parallel()

		app := startExample(t, "gin")
		p := &person{Page: chromium.Open(t), look: accessible(t)}
		p.Expect("404.*/nothing")

		login(p.Page, app)
		p.Go(app.URL + "/nothing")
		p.Look("nothing there")

		p.Go(app.URL)
		p.Click(toBilling)
		p.WaitPath("/manage/...")
		portal, _, _ := strings.Cut(p.URL(), "?")

		for _, state := range []struct{ action, text string }{
			{"subscribe", "Active"},
			{"pause", "Paused"},
			{"resume", "Active"},
			{"fail", "Let the next payment succeed"},
			{"skip", "Payment overdue"},
		} {
			app.act(t, state.action, aliceID, 67)
			p.Reload()
			p.SeeText(state.text)
			p.Look("portal after " + state.action)
		}

		p.Go(app.URL)
		p.reloadUntil("Payment overdue")
		p.Look("home, payment overdue")

		for _, page := range []string{"?show=card", "?show=plan&plan=12345", "?show=cancel"} {
			p.Go(portal + page)
			p.Look("portal" + page)
		}

		p.Go(app.box + "/control")
		p.SeeText("subscription_payment_failed")
		p.Look("control, after a failed payment")
	})

	t.Run("unknown link", func(t *testing.T) {
		t.Parallel()

		app := startExample(t, "nethttp")
		p := &person{Page: chromium.Open(t), look: accessible(t)}
		p.Expect("403.*/manage/")

		p.Go(app.box + "/manage/acme/0123456789abcdef0123456789abcdef")
		p.See(browser.Heading("This link is not known"))
		p.Look("unknown link")
	})
}
