//go:build browser

package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func login(p *page, app *example) {
	p.visit(app.URL)
	p.click(button(alice))
	p.expect(heading("Hello, Alice"))
}

func toPortal(p *page) {
	p.click(subscribe)
	p.expectPath("/manage/...")
	p.expect(subscription)
}

// TestDoubleClickAndHistory checks that the customer reaches the portal although its link works once, and that reload, back
// and forward mint nothing.
func TestDoubleClickAndHistory(t *testing.T) {
	t.Parallel()
	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, p := startExample(t, name), openPage(t)
			login(p, app)

			// Two clicks are two requests; a browser aborts the first.
			p.must(p.find(subscribe).Dblclick())
			p.expectPath("/manage/...")
			p.expect(subscription)
			minted := app.minted(t)
			assert.LessOrEqual(t, len(minted), 2)

			// The link is used, but the portal has a session.
			p.reload()
			p.expect(subscription)
			p.back()
			p.expectPath("/")
			p.expect(heading("Hello, Alice"))
			p.forward()
			p.expectPath("/manage/...")
			p.expect(subscription)
			assert.Len(t, app.minted(t), len(minted), "reload, back and forward mint nothing")

			p.back()
			p.expectPath("/")
			toPortal(p)
			assert.Len(t, app.minted(t), len(minted)+1, "a click mints")
			assert.Subset(t, []string{aliceID}, app.minted(t))
		})
	}
}

func TestUsedPortalLinkShowsNothing(t *testing.T) {
	t.Parallel()
	app, p := startExample(t, "nethttp"), openPage(t)
	login(p, app)
	toPortal(p)

	other := openPage(t)
	other.complain("403.*/manage/")
	other.visit(p.URL())
	other.expect(heading("This link was already used"))
	body, err := other.Locator("body").InnerText()
	require.NoError(t, err)
	assert.NotContains(t, body, "alice@example.com")
	other.click(backToApp)
	other.expectPath("/")
	other.expect(button(alice))
}

// TestWebhookInvalidatesSubscription checks that the gate opens on the first click after the webhook, although the cache entry
// that says "not subscribed" is still fresh.
func TestWebhookInvalidatesSubscription(t *testing.T) {
	t.Parallel()
	app, p := startExample(t, "echo"), openPage(t)
	login(p, app)
	app.act(t, "subscribe", aliceID, 67)
	require.Eventually(t, func() bool { return app.delivered(t, "subscription_created") }, patience, glance)
	p.visit(app.URL + "/pro")
	p.expect(proPage)
	assert.Len(t, app.asked(t), 2, "before and after the webhook")
}
