//go:build browser

package browser_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mxschmitt/playwright-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// library is a way in which a page opens a path: body has an element "Open", and {path} stands for the path.
type library struct {
	name  string
	head  string // of each page of the application
	body  string
	frame string // selector of the frame with the element

	ready string // JavaScript that is true once the page may be used

	// speculates: the page requests the path before the click.
	speculates bool

	// part: what is opened is no page, so that a login leads back to the page that it was opened from.
	part bool

	// What differs from no nonce before the click, one after it, and an end in the portal.
	before, after int
	steps, ends   string // steps: links on the library's own pages
	proSteps      string // steps on the way from a gated page, where they differ
}

const (
	turbo   = `<script src="/npm/@hotwired/turbo/dist/turbo.es2017-umd.js"></script>`
	preload = htmx2 + `<script src="/npm/htmx-ext-preload/preload.js"></script>`
	unpoly  = `<script src="/npm/unpoly/unpoly.js"></script>`
	swup    = `<script src="/npm/swup/dist/Swup.umd.js"></script>
		<script src="/npm/@swup/preload-plugin/dist/index.umd.js"></script>
		<script>addEventListener("DOMContentLoaded", () => {
			new Swup({ animationSelector: false, plugins: [new SwupPreloadPlugin()] })
		})</script>`

	continues = "“Continue”, then "

	plainLink = `<a href="{path}">Open</a>`
	getForm   = `<form action="{path}"><button>Open</button></form>`
	hxGet     = `<button hx-get="{path}">Open</button>`
	hxPost    = `<button hx-post="{path}">Open</button>`
	plainForm = `<form action="{path}" method="post"><button>Open</button></form>`
)

// libraries are pinned in testdata/package.json.
var libraries = []library{
	{name: "Turbo, link", head: turbo, body: plainLink, speculates: true},
	{name: "Turbo, form GET", head: turbo, body: getForm},
	{name: "Turbo, form POST", head: turbo, body: plainForm, part: true},
	{name: "Turbo, link in a frame", head: turbo, body: turboFrame(plainLink), speculates: true},
	{name: "Turbo, form POST in a frame", head: turbo, body: turboFrame(plainForm), part: true, proSteps: "“See plans”, then "},
	{
		name: "Turbo, form POST out of a frame", head: turbo, part: true,
		body: turboFrame(`<form action="{path}" method="post" data-turbo-frame="_top"><button>Open</button></form>`),
	},
	{name: "Turbo, link with a method", head: turbo, body: `<a href="{path}" data-turbo-method="post">Open</a>`, part: true},
	{name: "htmx 2, hx-get", head: htmx2, body: hxGet, part: true},
	{name: "htmx 2, hx-post", head: htmx2, body: hxPost, part: true},
	{name: "htmx 2, boosted link", head: htmx2, body: boost(plainLink)},
	{name: "htmx 2, boosted form POST", head: htmx2, body: boost(plainForm), part: true},
	{name: "htmx 4, hx-get", head: htmx4, body: hxGet, part: true},
	{name: "htmx 4, hx-post", head: htmx4, body: hxPost, part: true},
	{name: "htmx 4, boosted link", head: htmx4, body: boost(plainLink)},
	{name: "htmx 4, boosted form POST", head: htmx4, body: boost(plainForm), part: true},
	{name: "htmx preload, link", head: preload, body: preloaded(plainLink), speculates: true},
	{name: "htmx preload, hx-get", head: preload, body: preloaded(hxGet), part: true, speculates: true},
	{name: "htmx preload, boosted link", head: preload, body: preloaded(boost(plainLink)), speculates: true},
	{
		name: "Inertia, prefetch and visit", head: inertia, speculates: true,
		body: `<button onmouseenter="inertia.prefetch('{path}', { method: 'get' }, { cacheFor: 30000 })"
			onclick="inertia.visit('{path}')">Open</button>`,
	},
	{name: "Inertia, POST", head: inertia, body: `<button onclick="inertia.post('{path}')">Open</button>`, part: true},
	{name: "Unpoly, link", head: unpoly, body: `<a href="{path}" up-follow>Open</a>`, steps: continues},
	{
		name: "Unpoly, preloaded link", head: unpoly, body: `<a href="{path}" up-follow up-preload>Open</a>`, steps: continues,
		speculates: true,
	},
	{
		name: "Unpoly, form POST", head: unpoly, steps: continues, part: true,
		body: `<form action="{path}" method="post" up-submit><button>Open</button></form>`,
	},
	{name: "Unpoly, link without it", head: unpoly, body: `<a href="{path}" up-follow="false">Open</a>`},
	{name: "swup", head: swup, body: plainLink, speculates: true},
	{
		name: "instant.page", body: plainLink, speculates: true,
		head: `<script type="module" src="/npm/instant.page/instantpage.js"></script>`,
	},
	{name: "quicklink", head: quicklink(""), body: plainLink, speculates: true},
	{name: "quicklink, priority", head: quicklink("{ priority: true }"), body: plainLink, speculates: true},
	{
		name: "quicklink, priority and access control", body: plainLink, speculates: true, before: 1, after: 2,
		head: quicklink("{ priority: true, checkAccessControlAllowOrigin: true }"),
	},
	{name: "quicklink, prerender", head: quicklink("{ prerender: true }"), body: plainLink, speculates: true},
	worker("event.request", plainLink),
	worker("event.request", plainForm),
	worker("new Request(event.request, { cache: 'no-store' })", plainLink),
	worker("new Request(event.request, { cache: 'no-store' })", plainForm),
	unreadable(worker("event.request.url", plainLink)),
	{name: "EventSource", body: `<script>new EventSource("{path}")</script>` + plainLink, speculates: true},
	{name: "WebSocket", body: `<script>new WebSocket("{path}")</script>` + plainLink, speculates: true},
	{name: "link rel=prefetch", body: `<link rel="prefetch" href="{path}">` + plainLink, speculates: true},
	{
		name: "link rel=preload as=script", body: `<link rel="preload" href="{path}" as="script">` + plainLink,
		speculates: true,
	},
	{
		name: "link rel=preload as=fetch", speculates: true, before: 1, after: 2,
		body: `<link rel="preload" href="{path}" as="fetch" crossorigin>` + plainLink,
	},
	{name: "image", body: `<img src="{path}" alt="">` + plainLink, speculates: true},
	{name: "iframe", body: `<iframe src="{path}" title="Frame"></iframe>` + plainLink, speculates: true},
	{
		name: "link in an iframe", body: `<iframe srcdoc='<a href="{path}">Open</a>' title="Frame"></iframe>`,
		frame: "iframe", steps: continues, proSteps: "“See plans”, then ",
	},
	{
		name: "fetch that follows url, billing_url or login_url", body: `<script>
		async function open_() {
			const answer = await (await fetch("{path}")).json()
			location.assign(answer.url ?? answer.billing_url ?? answer.login_url)
		}
		</script><button onclick="open_()">Open</button>`,
	},
}

func turboFrame(body string) string { return `<turbo-frame id="frame">` + body + `</turbo-frame>` }
func boost(body string) string      { return `<div hx-boost="true">` + body + `</div>` }
func preloaded(body string) string {
	return `<div hx-ext="preload" preload="mouseover">` + body + `</div>`
}

func quicklink(options string) string {
	return `<script src="/npm/quicklink/dist/quicklink.umd.js"></script>
		<script>addEventListener("load", () => quicklink.listen(` + options + `))</script>`
}

// worker has a service worker that passes navigations on as fetch(request).
func worker(request, body string) library {
	kind := "link"
	if body == plainForm {
		kind = "form POST"
	}
	return library{
		name: fmt.Sprintf("service worker, fetch(%s), %s", request, kind), body: body, part: body == plainForm,
		head:  `<script>navigator.serviceWorker.register("/sw.js?fetch=` + url.QueryEscape(request) + `")</script>`,
		ready: "navigator.serviceWorker.controller !== null",
	}
}

// unreadable is a way whose requests cannot be told from those of a script that wants JSON.
func unreadable(l library) library {
	l.ends = "JSON"
	return l
}

// element is what the person points at.
func (l library) element(p *page) playwright.Locator {
	if l.frame != "" {
		return p.FrameLocator(l.frame).GetByText("Open", playwright.FrameLocatorGetByTextOptions{Exact: new(true)})
	}
	return p.GetByText("Open", playwright.PageGetByTextOptions{Exact: new(true)})
}

// newLibraryApp is an application on host with /billing, the gated page /pro and a login that leads back.
func newLibraryApp(t *testing.T, l library, host, path string) *site {
	t.Helper()
	s := &site{kanuu: kanuutest.NewServer(nil)}
	t.Cleanup(s.kanuu.Close)
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey:  kanuutest.DefaultAPIKey,
		BaseURL: strings.Replace(s.kanuu.URL, "127.0.0.1", "localhost", 1), // another site than 127.0.0.1
	})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	s.client = client
	who := kanuu.IdentifierResolverFunc(identity)
	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/login", ReturnParam: "next"})
	document := func(body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprintf(w, `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>App</title>
				<link rel="icon" href="data:,">%s</head><body><main id="swup">%s</main></body></html>`, l.head, body)
		}
	}
	home := document(strings.ReplaceAll(l.body, "{path}", path))
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login", ReturnParam: "next"}))
	mux.Handle("/pro", gate.Handler(who, document("<h1>Welcome to Pro</h1>")))
	mux.HandleFunc("GET /logged-in", func(w http.ResponseWriter, r *http.Request) {
		setUser(w)
		home(w, r)
	})
	mux.HandleFunc("GET /{$}", home)
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		document(`<h1>Log in</h1><form action="/login?next=`+url.QueryEscape(r.FormValue("next"))+
			`" method="post"><button>Log in</button></form>`)(w, r)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		setUser(w)
		http.Redirect(w, r, kanuu.LocalPath(r.FormValue("next"), "/"), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /sw.js", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		fmt.Fprintf(w, `addEventListener("install", () => skipWaiting())
			addEventListener("activate", (event) => event.waitUntil(clients.claim()))
			addEventListener("fetch", (event) => {
				if (event.request.mode === "navigate") event.respondWith(fetch(%s))
			})`, r.FormValue("fetch"))
	})
	mux.Handle("GET /npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(nodeModules))))
	mux.Handle("GET /scripts/", pages(""))
	server := httptest.NewServer(s.record(mux))
	t.Cleanup(server.Close)
	s.URL = strings.Replace(server.URL, "127.0.0.1", host, 1)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.log())
		}
	})
	return s
}

func setUser(w http.ResponseWriter) {
	http.SetCookie(w, &http.Cookie{Name: userCookie, Value: userID, HttpOnly: true, SameSite: http.SameSiteLaxMode, Path: "/"})
}

// table prints what was measured as Markdown, once all rows are there.
type table struct {
	names []string // in this order

	mu   sync.Mutex
	rows map[string]string
}

func newTable(t *testing.T, names []string, head ...string) *table {
	t.Helper()
	table := &table{names: names, rows: map[string]string{}}
	t.Cleanup(func() {
		var b strings.Builder
		fmt.Fprintf(&b, "\n| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat(" --- |", len(head)))
		for _, name := range table.names {
			b.WriteString(table.rows[name])
		}
		t.Log(b.String())
	})
	return table
}

func (t *table) add(name string, cells ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[name] = "| " + name
	for _, cell := range cells {
		t.rows[name] += strings.ReplaceAll(fmt.Sprintf(" | %v", cell), portal, "portal")
	}
	t.rows[name] += " |\n"
}

func libraryNames(libraries []library) (names []string) {
	for _, l := range libraries {
		names = append(names, l.name)
	}
	return names
}

// onward are the links of the library's own page.
var onward = []string{"Continue", "See plans", "Log in"}

// onwardLink is one of them that the page or a frame of it shows.
func onwardLink(p *page) (name string, locator playwright.Locator) {
	for _, frame := range p.Frames() {
		for _, name := range onward {
			locator := frame.GetByRole("link", playwright.FrameGetByRoleOptions{Name: name, Exact: new(true)})
			if n, err := locator.Count(); err == nil && n > 0 {
				return name, locator
			}
		}
	}
	return "", nil
}

// arrive waits until a click has led to one of the ends, and follows the links of the library's own pages on the way. It
// returns these, and the end. An end is known by its path.
func arrive(p *page, ends ...string) (steps, end string) {
	p.t.Helper()
	for {
		var name string
		var onward playwright.Locator
		require.Eventually(p.t, func() bool {
			end = endOf(p, ends)
			if end == "" {
				name, onward = onwardLink(p)
			}
			return end != "" || name != ""
		}, patience, glance)
		if end != "" {
			return steps, end
		}
		steps += fmt.Sprintf("“%s”, then ", name)
		p.must(onward.Click())
		require.Eventually(p.t, func() bool {
			still, _ := onwardLink(p)
			return still != name
		}, patience, glance)
	}
}

func endOf(p *page, ends []string) string {
	u, err := url.Parse(p.URL())
	if err != nil {
		return ""
	}
	if kind, err := p.Evaluate("document.contentType"); err == nil && strings.Contains(fmt.Sprint(kind), "json") {
		return "JSON"
	}
	for _, end := range ends {
		if strings.HasPrefix(u.Path, end) {
			return end
		}
	}
	return ""
}

const (
	portal = "/manage/" // the path of its pages

	secureHost = "127.0.0.1"     // browsers trust it as they trust https
	plainHost  = "app.acme.test" // to which they send no Sec-Fetch headers
)

// TestLibrariesOpenBilling measures what a hover and a click on /billing cost with each library, and where they lead.
func TestLibrariesOpenBilling(t *testing.T) {
	t.Parallel()
	measureBilling(t, libraries, secureHost)
}

// TestLibrariesOverPlainHTTP checks the same for the libraries whose requests look most like navigations.
func TestLibrariesOverPlainHTTP(t *testing.T) {
	t.Parallel()
	measureBilling(t, slices.DeleteFunc(slices.Clone(libraries), func(l library) bool {
		return !scripted.MatchString(l.name)
	}), plainHost)
}

var scripted = regexp.MustCompile("^(Turbo|swup)")

func measureBilling(t *testing.T, libraries []library, host string) {
	t.Helper()
	table := newTable(t, libraryNames(libraries), "library", "requests before the click", "nonces before the click",
		"nonces after the click", "ends at")
	for _, l := range libraries {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			site, p := newLibraryApp(t, l, host, "/billing"), openPage(t)
			p.lenient = true
			l.open(p, site.URL+"/logged-in")
			p.must(l.element(p).Hover())
			if l.speculates {
				require.Eventually(t, func() bool { return site.count("/billing") > 0 }, patience, glance)
			}
			requests, before := site.count("/billing"), len(site.minted())
			p.must(l.element(p).Click())
			steps, end := arrive(p, portal)
			after := len(site.minted())
			table.add(l.name, requests, before, after, steps+end)
			assert.Equal(t, l.before, before)
			assert.Equal(t, cmp.Or(l.after, 1), after)
			assert.Equal(t, l.steps+cmp.Or(l.ends, portal), steps+end)
			if end == portal {
				p.expect(subscription)
			}
		})
	}
}

// TestLibrariesOpenPro measures where a click on a gated page leads: customers without a subscription to the portal, those who
// are logged out to the login and back.
func TestLibrariesOpenPro(t *testing.T) {
	t.Parallel()
	table := newTable(t, libraryNames(libraries), "library", "no subscription: ends at", "nonces",
		"logged out: ends at", "after the login")
	for _, l := range libraries {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			site, p := newLibraryApp(t, l, secureHost, "/pro"), openPage(t)
			p.lenient = true
			l.open(p, site.URL+"/logged-in")
			p.must(l.element(p).Click())
			steps, end := arrive(p, portal)
			minted := len(site.minted())
			assert.Equal(t, cmp.Or(l.proSteps, l.steps)+cmp.Or(l.ends, portal), steps+end)
			if l.ends != "" {
				table.add(l.name, steps+end, minted, "", "")
				return
			}
			assert.Equal(t, 1, minted)

			site.kanuu.SetSubscription(userID, kanuutest.Subscription{
				Status: kanuutest.StatusActive, PlanID: 67, PaidUntil: time.Now().AddDate(0, 1, 0),
			})
			// As a webhook does: a prefetch may have asked after the click.
			require.NoError(t, site.client.InvalidateSubscription(t.Context(), userID))
			out := openPage(t)
			out.lenient = true
			l.open(out, site.URL+"/")
			out.must(l.element(out).Click())
			outSteps, outEnd := arrive(out, "/login")
			out.click(button("Log in"))
			back, want := "", "/pro"
			if l.part {
				want = "/"
			}
			require.Eventually(t, func() bool {
				u, err := url.Parse(out.URL())
				require.NoError(t, err)
				back = u.Path
				return back == want
			}, patience, glance)
			if !l.part {
				out.expect(heading("Welcome to Pro"))
			}
			table.add(l.name, steps+end, minted, outSteps+outEnd, back)
		})
	}
}

// htmx shows the response of a page that the user goes back to, and does not follow HX-Redirect there.
func TestHTMXGoesBackToAGatedPage(t *testing.T) {
	t.Parallel()
	l := library{
		head: `<meta name="htmx-config" content='{"historyCacheSize": 0}'>` + htmx2, body: boost(plainLink),
	}
	site, p := newLibraryApp(t, l, secureHost, "/pro"), openPage(t)
	p.lenient = true
	set := func(subscription kanuutest.Subscription) {
		site.kanuu.SetSubscription(userID, subscription)
		require.NoError(t, site.client.InvalidateSubscription(t.Context(), userID))
	}
	set(kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67, PaidUntil: time.Now().AddDate(0, 1, 0)})
	p.visit(site.URL + "/logged-in")
	p.must(l.element(p).Click())
	p.expect(heading("Welcome to Pro"))
	p.back()
	p.must(expect.Locator(l.element(p)).ToBeVisible())
	set(kanuutest.Subscription{})
	p.forward()
	p.expect(link("Continue"))
	p.click(link("Continue"))
	p.expectPath(portal + "...")
}

// open opens the page and waits until it may be used.
func (l library) open(p *page, url string) {
	p.visit(url)
	if l.ready != "" {
		_, err := p.WaitForFunction(l.ready, nil)
		p.must(err)
	}
}
