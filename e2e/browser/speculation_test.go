//go:build browser

package browser_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go/e2e/internal/browser"
)

// speculations are the ways in which a page asks for /billing though nobody
// clicked, and by which header of the request one knows that it did.
var speculations = map[string]struct {
	page          string
	header, value string
}{
	// Chromium does no more prerender for a link; the page may have both.
	"link rel": {
		page:   `<link rel="prefetch" href="/billing"><link rel="prerender" href="/billing">`,
		header: "Sec-Purpose", value: "prefetch",
	},
	"rule to prefetch": {
		page:   `<script type="speculationrules">{"prefetch": [{"urls": ["/billing"], "eagerness": "immediate"}]}</script>`,
		header: "Sec-Purpose", value: "prefetch",
	},
	"rule to prerender": {
		page:   `<script type="speculationrules">{"prerender": [{"urls": ["/billing"], "eagerness": "immediate"}]}</script>`,
		header: "Sec-Purpose", value: "prerender",
	},
	"rule to prerender under the mouse": {
		page:   `<script type="speculationrules">{"prerender": [{"where": {"href_matches": "/*"}, "eagerness": "moderate"}]}</script>`,
		header: "Sec-Purpose", value: "prerender",
	},
	"Inertia's prefetch": {
		page:   inertia + `<script>inertia.prefetch("/billing")</script>`,
		header: "Purpose", value: "prefetch",
	},
	"image":  {page: `<img src="/billing" alt="">`, header: "Sec-Fetch-Dest", value: "image"},
	"script": {page: `<script src="/billing"></script>`, header: "Sec-Fetch-Dest", value: "script"},
	"frame":  {page: `<iframe src="/billing" title="Billing"></iframe>`, header: "Sec-Fetch-Dest", value: "iframe"},
	"beacon": {page: `<script>navigator.sendBeacon("/billing")</script>`, header: "Sec-Fetch-Mode", value: "no-cors"},
}

// TestSpeculation: nothing is minted before somebody clicks, and the click
// works as if nothing had been before.
func TestSpeculation(t *testing.T) {
	t.Parallel()

	for framework := range frameworks {
		for name, speculation := range speculations {
			t.Run(framework+"/"+name, func(t *testing.T) {
				t.Parallel()

				site := newSite(t, framework, "", `<a href="/billing">Billing</a>`+speculation.page)
				page := chromium.Open(t)
				page.Expect("503.*/billing")

				page.Go(site.URL)
				page.Hover(browser.Link("Billing"))
				page.Until("a request with "+speculation.header, site.answered(speculation.header, speculation.value))

				assert.Empty(t, site.minted())

				page.Click(browser.Link("Billing"))
				page.WaitPath("/manage/...")
				page.See(browser.Heading("Your subscription"))

				assert.Equal(t, []string{userID}, site.minted())
			})
		}
	}
}
