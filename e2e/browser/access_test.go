//go:build browser

package browser_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mxschmitt/playwright-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// violation of one of axe's rules, best practices included.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ FailureSummary, HTML string }
}

func violations(t *testing.T, p *page) (found []violation) {
	t.Helper()
	axe, err := os.ReadFile(filepath.Join(nodeModules, "axe-core", "axe.min.js"))
	require.NoError(t, err)
	// Through DevTools, because the Content-Security-Policy of the pages forbids eval, which Playwright's own evaluation needs.
	script := `window.axe || (() => { ` + string(axe) + ` })(); axe.run().then((result) => JSON.stringify(result.violations))`
	result := p.command("Runtime.evaluate", map[string]any{"expression": script, "awaitPromise": true, "returnByValue": true})
	text, _ := result.(map[string]any)["result"].(map[string]any)["value"].(string)
	require.NoError(t, json.Unmarshal([]byte(text), &found), "%v", result)
	return found
}

// accessible examines a page with axe: wide and narrow, light and dark.
func accessible(p *page, name string) {
	for _, size := range []playwright.Size{phone, desktop} {
		p.resize(size)
		fits(p, name)
		for _, scheme := range []*playwright.ColorScheme{playwright.ColorSchemeDark, playwright.ColorSchemeLight} {
			p.must(p.EmulateMedia(playwright.PageEmulateMediaOptions{ColorScheme: scheme}))
			assert.Empty(p.t, violations(p.t, p), "%s, %d wide, %s", name, size.Width, *scheme)
		}
	}
}

func TestAxeFindsViolations(t *testing.T) {
	t.Parallel()
	p := openPage(t)
	p.visit(newSite(t, "net/http", `<main><h1>Hello</h1>
		<img src="data:,"><p style="color: #bbb; background: #fff">Faint</p><input name="x"></main>`).URL)
	var found []string
	for _, v := range violations(t, p) {
		found = append(found, v.ID)
	}
	assert.ElementsMatch(t, []string{"image-alt", "color-contrast", "label"}, found)
}

func TestAccessibility(t *testing.T) {
	t.Parallel()
	t.Run("journey", func(t *testing.T) {
		t.Parallel()
		journey(t, startExample(t, "echo"), openPage(t), accessible)
	})

	t.Run("rarer states", func(t *testing.T) {
		t.Parallel()
		app, p := startExample(t, "gin"), openPage(t)
		p.complain("404.*/nothing")
		login(p, app)
		p.visit(app.URL + "/nothing")
		accessible(p, "not found")

		p.visit(app.URL)
		toPortal(p)
		portal, _, _ := strings.Cut(p.URL(), "?")
		for _, state := range []struct{ action, text string }{
			{"subscribe", "Active"},
			{"pause", "Paused"},
			{"resume", "Active"},
			{"fail", "Active"},
			{"skip", "Payment overdue"},
		} {
			app.act(t, state.action, aliceID, 67)
			p.reload()
			p.expectText(state.text)
			accessible(p, "portal after "+state.action)
		}
		p.visit(app.URL)
		p.reloadUntil("Payment overdue")
		accessible(p, "home, payment overdue")
		p.visit(portal + "?declined")
		accessible(p, "portal, declined")
		p.visit(app.emulator + "/control")
		p.expectText("subscription_payment_failed")
		accessible(p, "control, after a failed payment")
	})

	t.Run("unknown link", func(t *testing.T) {
		t.Parallel()
		app, p := startExample(t, "nethttp"), openPage(t)
		p.complain("403.*/manage/")
		p.visit(app.emulator + "/manage/acme/0123456789abcdef0123456789abcdef")
		p.expect(heading("This link is not known"))
		accessible(p, "unknown link")
	})
}
