//go:build browser

package browser_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
)

const (
	htmx2 = `<script src="/scripts/htmx2.js"></script>`
	htmx4 = `<script src="/scripts/htmx4.js"></script>`

	// Without an adapter, there is nothing to swap components.
	inertia = `<script src="/scripts/inertia.js"></script><script>
		inertia.init({
			initialPage: { component: "Home", props: {}, url: location.pathname, version: null },
			resolveComponent: (name) => name,
			swapComponent: async () => {},
		})
	</script>`

	follow = `async function follow(answer) { location.assign((await (await answer).json()).url) }`
)

// visits are the ways to /billing that lead to the portal: the head, and what
// to click.
var visits = map[string]struct{ head, body string }{
	"link":          {"", `<a href="/billing">Billing</a>`},
	"link, no-ref":  {"", `<a href="/billing" rel="noreferrer">Billing</a>`},
	"form, GET":     {"", `<form action="/billing"><button>Billing</button></form>`},
	"form, POST":    {"", `<form action="/billing" method="post"><button>Billing</button></form>`},
	"location":      {"", `<button onclick="location.assign('/billing')">Billing</button>`},
	"fetch":         {"<script>" + follow + "</script>", `<button onclick="follow(fetch('/billing'))">Billing</button>`},
	"fetch, POST":   {"<script>" + follow + "</script>", `<button onclick="follow(fetch('/billing', { method: 'POST' }))">Billing</button>`},
	"fetch, no-red": {"<script>" + follow + "</script>", `<button onclick="follow(fetch('/billing', { mode: 'same-origin', redirect: 'error' }))">Billing</button>`},
	"XMLHttpRequest": {"", `<button onclick="
		const request = new XMLHttpRequest()
		request.open('GET', '/billing')
		request.onload = () => location.assign(JSON.parse(request.response).url)
		request.send()">Billing</button>`},
	"htmx 2, hx-get":     {htmx2, `<button hx-get="/billing">Billing</button>`},
	"htmx 2, hx-post":    {htmx2, `<button hx-post="/billing">Billing</button>`},
	"htmx 2, hx-boost":   {htmx2, `<a href="/billing" hx-boost="true">Billing</a>`},
	"htmx 2, boost form": {htmx2, `<form action="/billing" method="post" hx-boost="true"><button>Billing</button></form>`},
	"htmx 4, hx-get":     {htmx4, `<button hx-get="/billing">Billing</button>`},
	"htmx 4, hx-post":    {htmx4, `<button hx-post="/billing">Billing</button>`},
	"htmx 4, hx-boost":   {htmx4, `<a href="/billing" hx-boost="true">Billing</a>`},
	"htmx 4, boost form": {htmx4, `<form action="/billing" method="post" hx-boost="true"><button>Billing</button></form>`},
	"Inertia, GET":       {"", inertia + `<button onclick="inertia.visit('/billing')">Billing</button>`},
	"Inertia, POST":      {"", inertia + `<button onclick="inertia.post('/billing')">Billing</button>`},
}

// billing is the thing to click, be it a link or a button.
func billing(page *browser.Page) browser.Thing {
	if link := browser.Link("Billing"); page.Has(link) {
		return link
	}

	return browser.Button("Billing")
}

func TestVisit(t *testing.T) {
	t.Parallel()

	for framework := range frameworks {
		for name, visit := range visits {
			t.Run(framework+"/"+name, func(t *testing.T) {
				t.Parallel()

				site := newSite(t, framework, visit.head, visit.body)
				page := chromium.Open(t)

				if strings.HasPrefix(name, "Inertia") {
					page.Expect("409.*/billing") // how Inertia is sent away
				}

				page.Go(site.URL)
				page.Click(billing(page))
				page.WaitPath("/manage/...")
				page.See(browser.Heading("Your subscription"))

				assert.Equal(t, []string{userID}, site.minted())
			})
		}
	}
}

// TestStranger: where nobody is logged in, nothing is minted, and the page hears
// of it in its own way.
func TestStranger(t *testing.T) {
	t.Parallel()

	for name, test := range map[string]struct {
		head, body string
		to         string
	}{
		"link":   {"", `<a href="/billing">Billing</a>`, "/login"},
		"form":   {"", `<form action="/billing" method="post"><button>Billing</button></form>`, "/login"},
		"fetch":  {"", `<button onclick="fetch('/billing').then((answer) => location.assign('/status/' + answer.status))">Billing</button>`, "/status/401"},
		"htmx 2": {htmx2, `<button hx-get="/billing" hx-on:htmx:response-error="location.assign('/status/' + event.detail.xhr.status)">Billing</button>`, "/status/401"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			site := newSite(t, "net/http", test.head, test.body)
			page := chromium.Open(t)

			if test.to != "/login" {
				page.Expect("401.*/billing")
			}

			page.Go(site.URL + "/stranger")
			page.Click(billing(page))
			page.WaitPath(test.to)

			assert.Empty(t, site.minted())
		})
	}
}
