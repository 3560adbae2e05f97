//go:build browser

package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
)

// TestRestless: whatever the buttons of a browser and of a mouse do to a link
// that works once, she gets to her portal, and nobody else's is opened.
func TestRestless(t *testing.T) {
	t.Parallel()

	for _, name := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			app, page := startExample(t, name), chromium.Open(t)
			login(page, app)

			// Two clicks are two requests; a browser gives up the first.
			page.DoubleClick(toBilling)
			page.WaitPath("/manage/...")
			page.See(subscription)

			minted := app.minted(t)
			assert.LessOrEqual(t, len(minted), 2)

			// The link was used, but she is in.
			page.Reload()
			page.See(subscription)

			page.Back()
			page.WaitPath("/")
			page.See(browser.Heading("Hello, Alice"))

			page.Forward()
			page.WaitPath("/manage/...")
			page.See(subscription)
			assert.Len(t, app.minted(t), len(minted), "none of this asks for another link")

			// And on with a click, which asks for one.
			page.Back()
			page.WaitPath("/")
			page.Click(toBilling)
			page.WaitPath("/manage/...")
			page.See(subscription)

			assert.Len(t, app.minted(t), len(minted)+1)
			assert.Subset(t, []string{aliceID}, app.minted(t))
		})
	}
}

// TestUsedLink: whoever gets hold of the address of a portal sees nothing of it.
func TestUsedLink(t *testing.T) {
	t.Parallel()

	app, page := startExample(t, "nethttp"), chromium.Open(t)
	login(page, app)
	page.Click(toBilling)
	page.WaitPath("/manage/...")

	thief := chromium.Open(t)
	thief.Expect("403.*/manage/")
	thief.Go(page.URL())
	thief.See(browser.Heading("This link was already used"))
	assert.NotContains(t, thief.Text(), "alice@example.com")

	thief.Click(backToApp)
	thief.WaitPath("/")
	thief.See(browser.Button(alice))
}

// TestWebhookFirst: the app believes for seconds what it asked last, and yet
// lets her in at once, since the webhook made it ask again.
func TestWebhookFirst(t *testing.T) {
	t.Parallel()

	app, page := startExample(t, "echo"), chromium.Open(t)
	login(page, app)
	page.See(browser.Heading("Hello, Alice"))

	app.act(t, "subscribe", aliceID, 67)
	page.Until("the webhook", func() bool { return app.delivered(t, "subscription_created") })
	page.Click(openPro)
	page.See(proPage)
	assert.Len(t, app.asked(t), 2, "before and after the webhook")
}

func login(page *browser.Page, app *example) {
	page.Go(app.URL)
	page.Click(browser.Button(alice))
	page.See(browser.Heading("Hello, Alice"))
}
