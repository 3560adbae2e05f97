//go:build browser

package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
)

const (
	aliceID = "1001"
	alice   = "Continue as Alice alice@example.com"
)

// person is somebody at a window, with habits.
type person struct {
	*browser.Page

	// press a button or follow a link; nil: with the mouse.
	press func(page *browser.Page, what browser.Thing)
	// fill a field; nil: with the mouse and the keyboard.
	fill func(page *browser.Page, field browser.Thing, text string)
	// look at a page that deserves a name, before going on. May be nil.
	look func(page *browser.Page, name string)
}

func (p *person) Press(what browser.Thing) {
	if p.press != nil {
		p.press(p.Page, what)
	} else {
		p.Click(what)
	}
}

func (p *person) Fill(field browser.Thing, text string) {
	if p.fill != nil {
		p.fill(p.Page, field, text)
	} else {
		p.Page.Fill(field, text)
	}
}

func (p *person) Look(name string) {
	if p.look != nil {
		p.Settle()
		p.look(p.Page, name)
	}
}

// What there is to press.
var (
	openPro      = browser.Link("Open Pro")
	toBilling    = browser.Link("Manage your subscription")
	toNotes      = browser.Link("To your notes")
	backToApp    = browser.Link("Back to your application")
	controlPage  = browser.Link("Let time pass, or break something")
	subscription = browser.Heading("Your subscription")
	proPage      = browser.Heading("Welcome to Pro, Alice")
)

// journey is what the product is for, from the first visit until the money is
// over. The app's own pages and those of the stand-in are all reached by what
// is on them.
func journey(t *testing.T, app *example, p *person) {
	t.Helper()

	p.Expect("422.*/manage/") // the empty form for a card

	// A stranger logs in.
	p.Go(app.URL)
	p.Look("stranger")
	p.Press(browser.Button(alice))
	p.See(browser.Heading("Hello, Alice"))
	p.SeeText("No subscription")
	p.Look("home")

	// Without a subscription, Pro leads to the portal.
	p.Press(openPro)
	p.WaitPath("/manage/...")
	p.See(subscription)
	p.Press(backToApp)
	p.WaitPath("/")

	// She subscribes.
	p.Press(toBilling)
	p.WaitPath("/manage/...")
	p.See(browser.Heading("Choose a plan"))
	p.Look("portal, new")
	p.Press(browser.Link("Subscribe to Pro"))
	p.See(browser.Heading("Your card"))
	p.Look("portal, card")
	p.Press(browser.Button("Subscribe and pay 29.00 EUR"))
	p.SeeText("Please look at the card again")
	p.Look("portal, wrong card")
	p.Fill(browser.Field("Card number"), "4242 4242 4242 4242")
	p.Fill(browser.Field("Expires"), "12 / 39")
	p.Fill(browser.Field("Security code"), "123")
	p.Fill(browser.Field("Name on the card"), "Alice Example")
	p.Press(browser.Button("Subscribe and pay 29.00 EUR"))
	p.See(browser.Heading("Change your plan"))
	p.SeeText("Card ending in 4242")
	p.Look("portal, subscribed")

	// The app has been told already, and lets her in.
	p.Press(backToApp)
	p.WaitPath("/")
	p.reloadUntil("subscription_created")
	assert.Contains(t, p.Text(), "Active")
	p.Look("home, subscribed")
	p.Press(openPro)
	p.See(proPage)
	p.Look("pro")

	// She cancels, and stays in.
	p.Press(toBilling)
	p.See(subscription)
	p.Press(browser.Link("Cancel subscription"))
	p.See(browser.Button("Cancel subscription"))
	p.Look("portal, cancel")
	p.Press(browser.Button("Cancel subscription"))
	p.See(subscription)
	p.SeeText("Canceled")
	p.Look("portal, canceled")
	p.Press(backToApp)
	p.WaitPath("/")
	p.reloadUntil("subscription_cancelled")
	p.SeeText("Pro stays open until the time that you paid for is over.")
	p.Press(openPro)
	p.See(proPage)
	p.Press(toNotes)
	p.See(browser.Heading("Hello, Alice"))

	// Time moves on, and Pro closes.
	p.Press(controlPage)
	p.WaitPath("/control")
	p.Look("control")
	p.Press(browser.Button("+1 month"))
	p.SeeText("Ended")
	p.Look("control, a month later")
	p.Press(backToApp)
	p.WaitPath("/")
	p.reloadUntil("Pro is closed until you are subscribed again.")
	p.Look("home, ended")
	p.Press(openPro)
	p.WaitPath("/manage/...")
	p.See(browser.Heading("Choose a plan"))
	p.Look("portal, ended")

	minted := app.minted(t)
	assert.Len(t, minted, 4, "each time that she came to the portal")
	assert.Subset(t, []string{aliceID}, minted)
}

// reloadUntil reloads the page until it has the text: a webhook may be a moment
// behind, and the app remembers for seconds what it asked last.
func (p *person) reloadUntil(text string) {
	p.Until(text, func() bool {
		if p.HasText(text) {
			return true
		}

		p.Reload()

		return false
	})
}

func TestJourney(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		example string
		person  func(page *browser.Page) *person
	}{
		"net/http": {"nethttp", atDesk},
		"echo":     {"echo", atDesk},
		"gin":      {"gin", atDesk},
		"keyboard": {"nethttp", withoutMouse},
		"phone":    {"echo", onPhone},
		"no JavaScript": {"gin", func(page *browser.Page) *person {
			page.WithoutScripts()

			return &person{Page: page}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			journey(t, startExample(t, test.example), test.person(chromium.Open(t)))
		})
	}
}

func atDesk(page *browser.Page) *person { return &person{Page: page, look: fits} }

func onPhone(page *browser.Page) *person {
	page.Resize(browser.Phone)

	return &person{Page: page, look: fits}
}

// withoutMouse is somebody who has, or uses, only the keyboard.
func withoutMouse(page *browser.Page) *person {
	return &person{
		Page: page,
		press: func(page *browser.Page, what browser.Thing) {
			page.TabTo(what)
			page.Press("\r")
		},
		fill: func(page *browser.Page, field browser.Thing, text string) {
			page.TabTo(field)
			page.Press(text)
		},
	}
}

// fits looks whether all of the page is within the width of the window.
func fits(page *browser.Page, name string) {
	page.Fits(name)
}
