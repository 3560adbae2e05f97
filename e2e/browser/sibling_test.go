//go:build browser

package browser_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// readings are the ways in which a page of another origin may ask for /billing: JavaScript that returns what it can read.
// The page defines app, the URL of /billing, and read, which returns all of a response.
var readings = []struct{ name, script string }{
	{"fetch", `read(fetch(app, { credentials: "include" }))`},
	{"fetch, POST", `read(fetch(app, { method: "POST", credentials: "include" }))`},
	{"fetch, no-cors", `read(fetch(app, { mode: "no-cors", credentials: "include" }))`},
	{"fetch, manual redirect", `read(fetch(app, { redirect: "manual", credentials: "include" }))`},
	{"fetch as htmx", `read(fetch(app, { headers: { "HX-Request": "true" }, credentials: "include" }))`},
	{"fetch as Inertia", `read(fetch(app, { headers: { "X-Inertia": "true" }, credentials: "include" }))`},
	{"fetch as Turbo", `read(fetch(app, { headers: { Accept: "text/html" }, credentials: "include" }))`},
	{"fetch as a navigation", `read(fetch(app, { headers: { "Upgrade-Insecure-Requests": "1" }, credentials: "include" }))`},
	{"XMLHttpRequest", `new Promise((done) => {
		const request = new XMLHttpRequest()
		request.open("GET", app)
		request.withCredentials = true
		request.onloadend = () => done(request.responseURL + request.getAllResponseHeaders() + request.responseText)
		request.send()
	})`},
	{"EventSource", `new Promise((done) => {
		const events = new EventSource(app, { withCredentials: true })
		events.onmessage = (event) => done(event.data)
		events.onerror = () => done("")
	})`},
	{"script", `load("script", "src")`},
	{"image", `load("img", "src")`},
	{"preload", `load("link", "href", { rel: "preload", as: "fetch", crossOrigin: "use-credentials" })`},
	{"frame", `load("iframe", "src", {}, (frame) => frame.contentWindow.location.href)`},
}

const reader = `
	async function read(response) {
		try {
			const got = await response
			return got.url + JSON.stringify([...got.headers]) + await got.text()
		} catch (error) {
			return String(error)
		}
	}
	function load(name, attribute, more = {}, look = () => "") {
		return new Promise((done) => {
			const element = Object.assign(document.createElement(name), more)
			element.onload = element.onerror = () => {
				try { done(look(element)) } catch (error) { done(String(error)) }
			}
			element[attribute] = app
			document.body.append(element)
		})
	}`

// permissive is what a careless CORS middleware does: it lets every origin read every response with the user's cookies.
func permissive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Allow-Headers", r.Header.Get("Access-Control-Request-Headers"))
		h.Set("Access-Control-Expose-Headers", "HX-Redirect, X-Inertia-Location, Location")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// TestSiblingOriginReadsNothing checks that a script of a sibling origin, which the browser sends SameSite=Lax cookies for, gets
// no nonce although a CORS middleware lets it read the responses.
func TestSiblingOriginReadsNothing(t *testing.T) {
	t.Parallel()
	var names []string
	for _, reading := range readings {
		names = append(names, reading.name)
	}
	table := newTable(t, names, "way", "requests with the user's cookie", "nonces", "reads")
	for _, reading := range readings {
		t.Run(reading.name, func(t *testing.T) {
			t.Parallel()
			site, p := newSite(t, "net/http", ""), openPage(t)
			p.lenient = true
			app := httptest.NewServer(permissive(site.handler))
			t.Cleanup(app.Close)
			appURL := strings.Replace(app.URL, "127.0.0.1", "app.acme.localhost", 1)
			sibling := httptest.NewServer(pages(`<script>const app = "` + appURL + `/billing";` + reader + `</script>`))
			t.Cleanup(sibling.Close)
			p.visit(appURL) // logs in
			p.visit(strings.Replace(sibling.URL, "127.0.0.1", "www.acme.localhost", 1))
			read, err := p.Evaluate(reading.script)
			require.NoError(t, err)
			cookies := 0
			for _, r := range site.requests {
				if _, err := r.Cookie(userCookie); err == nil {
					cookies++
				}
			}
			text, _ := read.(string)
			reads := "nothing"
			if strings.Contains(text, "The request came from another website") {
				reads = "that it is refused"
			}
			table.add(reading.name, cookies, len(site.minted()), reads)
			assert.Positive(t, cookies, "the browser sends the cookie, so that the row proves something")
			assert.Empty(t, site.minted())
			assert.NotContains(t, text, portal)
		})
	}
}
