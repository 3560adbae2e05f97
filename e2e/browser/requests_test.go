//go:build browser

package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	htmx2 = `<script src="/scripts/htmx2.js"></script>`
	htmx4 = `<script src="/scripts/htmx4.js"></script>`

	// Without a framework's adapter, Inertia has no components to swap.
	inertia = `<script src="/scripts/inertia.js"></script><script>
		inertia.init({
			initialPage: { component: "Home", props: {}, url: location.pathname, version: null },
			resolveComponent: (name) => name,
			swapComponent: async () => {},
		})
	</script>`

	follow = `<script>async function follow(answer) { location.assign((await (await answer).json()).url) }</script>`
)

// clicks are the ways to open /billing without a library: the page, and what to click on it.
var clicks = map[string]struct {
	page string
	on   element
}{
	"link":         {`<a href="/billing">Billing</a>`, link("Billing")},
	"link, no-ref": {`<a href="/billing" rel="noreferrer">Billing</a>`, link("Billing")},
	"form, GET":    {`<form action="/billing"><button>Billing</button></form>`, button("Billing")},
	"form, POST":   {`<form action="/billing" method="post"><button>Billing</button></form>`, button("Billing")},
	"location":     {`<button onclick="location.assign('/billing')">Billing</button>`, button("Billing")},
	"fetch":        {follow + `<button onclick="follow(fetch('/billing'))">Billing</button>`, button("Billing")},
	"fetch, POST": {
		follow + `<button onclick="follow(fetch('/billing', { method: 'POST' }))">Billing</button>`, button("Billing"),
	},
	"fetch, no-red": {
		follow + `<button onclick="follow(fetch('/billing', { mode: 'same-origin', redirect: 'error' }))">Billing</button>`,
		button("Billing"),
	},
	"XMLHttpRequest": {`<button onclick="
		const request = new XMLHttpRequest()
		request.open('GET', '/billing')
		request.onload = () => location.assign(JSON.parse(request.response).url)
		request.send()">Billing</button>`, button("Billing")},
}

func TestClickOpensPortal(t *testing.T) {
	t.Parallel()
	for framework := range frameworks {
		for name, click := range clicks {
			t.Run(framework+"/"+name, func(t *testing.T) {
				t.Parallel()
				site, p := newSite(t, framework, click.page), openPage(t)
				p.visit(site.URL)
				p.click(click.on)
				p.expectPath("/manage/...")
				p.expect(subscription)
				assert.Equal(t, []string{userID}, site.minted())
			})
		}
	}
}

// speculations are the ways in which a page requests /billing without a click, and the header that shows it.
var speculations = map[string]struct{ page, header, value string }{
	// Chromium no longer prerenders for a link; the page may have both.
	"link rel": {`<link rel="prefetch" href="/billing"><link rel="prerender" href="/billing">`, "Sec-Purpose", "prefetch"},
	"rule to prefetch": {
		`<script type="speculationrules">{"prefetch": [{"urls": ["/billing"], "eagerness": "immediate"}]}</script>`,
		"Sec-Purpose", "prefetch",
	},
	"rule to prerender": {
		`<script type="speculationrules">{"prerender": [{"urls": ["/billing"], "eagerness": "immediate"}]}</script>`,
		"Sec-Purpose", "prerender",
	},
	"rule to prerender under the mouse": {
		`<script type="speculationrules">{"prerender": [{"where": {"href_matches": "/*"}, "eagerness": "moderate"}]}</script>`,
		"Sec-Purpose", "prerender",
	},
	"script": {`<script src="/billing"></script>`, "Sec-Fetch-Dest", "script"},
	"beacon": {`<script>navigator.sendBeacon("/billing")</script>`, "Sec-Fetch-Mode", "no-cors"},
}

// TestSpeculationMintsNothing checks that only the click mints, and that the speculative request before it does no harm.
func TestSpeculationMintsNothing(t *testing.T) {
	t.Parallel()
	for framework := range frameworks {
		for name, speculation := range speculations {
			t.Run(framework+"/"+name, func(t *testing.T) {
				t.Parallel()
				site, p := newSite(t, framework, `<a href="/billing">Billing</a>`+speculation.page), openPage(t)
				p.complain("503.*/billing")
				p.visit(site.URL)
				p.must(p.find(link("Billing")).Hover())
				came := func() bool { return site.answered(speculation.header, speculation.value) }
				require.Eventually(t, came, patience, glance)
				assert.Empty(t, site.minted())
				p.click(link("Billing"))
				p.expectPath("/manage/...")
				p.expect(subscription)
				assert.Equal(t, []string{userID}, site.minted())
			})
		}
	}
}

// TestUnauthenticated checks that nothing is minted without a login, and that each kind of page learns of it.
func TestUnauthenticated(t *testing.T) {
	t.Parallel()
	const status401 = "/status/401"
	for name, test := range map[string]struct {
		page string
		on   element
		want string // path
	}{
		"link": {clicks["link"].page, link("Billing"), "/login"},
		"form": {clicks["form, POST"].page, button("Billing"), "/login"},
		"fetch": {
			`<button onclick="fetch('/billing').then((answer) => location.assign('/status/' + answer.status))">Billing</button>`,
			button("Billing"), status401,
		},
		"htmx 2": {htmx2 + `<button hx-get="/billing">Billing</button>`, button("Billing"), "/login"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site, p := newSite(t, "net/http", test.page), openPage(t)
			if test.want == status401 {
				p.complain("401.*/billing")
			}
			p.visit(site.URL + "/logged-out")
			p.click(test.on)
			p.expectPath(test.want)
			assert.Empty(t, site.minted())
		})
	}
}
