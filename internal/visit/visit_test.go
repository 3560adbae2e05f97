package visit_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/kanuu-io/kanuu-go/internal/visit"
)

// header reads lines of a request as they are written in HTTP.
func header(lines ...string) http.Header {
	h := make(http.Header)
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

func TestClassify(t *testing.T) {
	t.Parallel()
	const (
		navigate   = "Sec-Fetch-Mode: navigate"
		document   = "Sec-Fetch-Dest: document"
		clicked    = "Sec-Fetch-User: ?1"
		cors       = "Sec-Fetch-Mode: cors"
		destEmpty  = "Sec-Fetch-Dest: empty"
		htmx       = "HX-Request: true"
		turbo      = "Accept: text/html, application/xhtml+xml"
		fromChrome = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"
	)
	for name, tc := range map[string]struct {
		method string
		header http.Header
		want   visit.Kind
	}{
		"click":                 {"GET", header(navigate, document, clicked, fromChrome), visit.Click},
		"click that takes JSON": {"GET", header(navigate, document, clicked, "Accept: application/json"), visit.Click},
		"redirected navigation": {"GET", header(navigate, document, fromChrome), visit.Click},
		"no header at all":      {"GET", nil, visit.Click},
		"curl":                  {"GET", header("Accept: */*"), visit.Click},
		"form":                  {"POST", header(navigate, document, clicked), visit.Form},
		"POST of curl":          {"POST", header("Accept: */*"), visit.Form},
		"fetch":                 {"GET", header(cors, destEmpty, "Accept: */*"), visit.Fetch},
		"fetch, same-origin":    {"GET", header("Sec-Fetch-Mode: same-origin", destEmpty), visit.Fetch},
		"fetch POST":            {"POST", header(cors, destEmpty), visit.Fetch},
		"JSON only":             {"GET", header("Accept: application/json"), visit.Fetch},
		"htmx":                  {"GET", header(cors, destEmpty, htmx), visit.HTMX},
		"htmx in lower case":    {"GET", header("hx-request: True"), visit.HTMX},
		"not htmx":              {"GET", header("HX-Request: false"), visit.Click},
		"Inertia": {"GET", header(cors, destEmpty, "X-Inertia: true", "Accept: text/html, application/xhtml+xml"),
			visit.Inertia},
		"Inertia POST": {"POST", header("X-Inertia: true"), visit.Inertia},
		"prefetch":     {"GET", header("Sec-Purpose: prefetch", navigate, document), visit.Speculative},
		"prerender": {"GET", header("Sec-Purpose: prefetch;prerender", navigate, document, clicked),
			visit.Speculative},
		"hover, Turbo 8": {"GET", header(cors, destEmpty, "X-Sec-Purpose: prefetch"), visit.Speculative},
		"hover, frame of Turbo": {"GET", header(cors, destEmpty, turbo, "X-Sec-Purpose: prefetch", "Turbo-Frame: a"),
			visit.Scripted},
		"hover, htmx preload":    {"GET", header(cors, destEmpty, htmx, "HX-Preloaded: true"), visit.Speculative},
		"htmx goes back":         {"GET", header(cors, destEmpty, htmx, "HX-History-Restore-Request: true"), visit.Scripted},
		"click after it":         {"GET", header(cors, destEmpty, htmx, "HX-Preloaded: false"), visit.HTMX},
		"prefetch by proxy":      {"GET", header("Sec-Purpose: prefetch;anonymous-client-ip"), visit.Speculative},
		"prefetch, odd spelling": {"GET", header("Sec-Purpose: a, Prefetch ;b"), visit.Speculative},
		"another purpose":        {"GET", header("Sec-Purpose: something"), visit.Click},
		"Purpose":                {"GET", header("Purpose: prefetch"), visit.Speculative},
		"Purpose, clicked":       {"GET", header("Purpose: prefetch", clicked), visit.Click},
		"X-Purpose: preview":     {"GET", header("X-Purpose: preview"), visit.Speculative},
		"X-Purpose, clicked":     {"GET", header("X-Purpose: preview", clicked), visit.Click},
		"X-Moz":                  {"GET", header("X-Moz: prefetch"), visit.Speculative},
		"X-Moz, clicked":         {"GET", header("X-Moz: prefetch", clicked), visit.Click},
		"Next.js":                {"GET", header("Next-Router-Prefetch: 1", cors, destEmpty), visit.Speculative},
		"prefetch through fetch": {"GET", header("Sec-Purpose: prefetch", cors, destEmpty, htmx), visit.Speculative},
		"image":                  {"GET", header("Sec-Fetch-Mode: no-cors", "Sec-Fetch-Dest: image"), visit.Embedded},
		"iframe":                 {"GET", header(navigate, "Sec-Fetch-Dest: iframe"), visit.Embedded},
		"click in an iframe":     {"GET", header(navigate, "Sec-Fetch-Dest: iframe", clicked), visit.Framed},
		"form in a frame":        {"POST", header(navigate, "Sec-Fetch-Dest: frame", clicked), visit.Framed},
		"image that was clicked": {"GET", header(navigate, "Sec-Fetch-Dest: image", clicked), visit.Embedded},
		"EventSource":            {"GET", header(cors, destEmpty, "Accept: text/event-stream"), visit.Embedded},
		"WebSocket over http":    {"GET", header("Upgrade: WebSocket", "Connection: Upgrade"), visit.Embedded},
		"curl --http2":           {"GET", header("Upgrade: h2c", "Accept: */*"), visit.Click},
		"image over http":        {"GET", header("Accept: image/avif,image/webp,*/*;q=0.8"), visit.Embedded},
		"style over http":        {"GET", header("Accept: text/css,*/*;q=0.1"), visit.Embedded},
		"click over http":        {"GET", header(fromChrome), visit.Click},
		"XMLHttpRequest":         {"GET", header("X-Requested-With: XMLHttpRequest", "Accept: */*"), visit.Fetch},
		"XMLHttpRequest, HTML":   {"GET", header(cors, "X-Requested-With: XMLHttpRequest", "Accept: text/html"), visit.Fetch},
		"WebView of Android":     {"GET", header(navigate, document, clicked, "X-Requested-With: com.example.app"), visit.Click},
		"WebView over http":      {"GET", header("X-Requested-With: com.example.app", fromChrome), visit.Click},
		"service worker, passed on": {"GET", header("Sec-Fetch-Mode: same-origin", destEmpty,
			"Upgrade-Insecure-Requests: 1", fromChrome), visit.Click},
		"service worker, form": {"POST", header("Sec-Fetch-Mode: same-origin", destEmpty,
			"Upgrade-Insecure-Requests: 1", fromChrome), visit.Form},
		"htmx 4": {"GET", header("Sec-Fetch-Mode: same-origin", destEmpty, htmx, "Accept: text/html"), visit.HTMX},
		"Turbo":  {"GET", header("Sec-Fetch-Mode: same-origin", destEmpty, turbo), visit.Scripted},
		"Turbo form": {"POST", header("Sec-Fetch-Mode: same-origin", destEmpty,
			"Accept: text/vnd.turbo-stream.html, text/html, application/xhtml+xml"), visit.Scripted},
		"swup":                  {"GET", header(cors, destEmpty, "X-Requested-With: swup", turbo), visit.Scripted},
		"Turbo over http":       {"GET", header(turbo), visit.Scripted},
		"swup over http":        {"GET", header(turbo, "X-Requested-With: swup"), visit.Scripted},
		"click that takes HTML": {"GET", header("Accept: text/html", "Upgrade-Insecure-Requests: 1"), visit.Click},
		"Unpoly":                {"GET", header(cors, destEmpty, "X-Up-Version: 3.11.0", "Accept: */*"), visit.Scripted},
		"Unpoly over http":      {"GET", header("X-Up-Version: 3.11.0", "Accept: */*"), visit.Scripted},
		"Inertia prefetch":      {"GET", header(cors, destEmpty, "X-Inertia: true", "Purpose: prefetch"), visit.InertiaPrefetch},
		"style with cors":       {"GET", header(cors, "Sec-Fetch-Dest: style"), visit.Embedded},
		"image of an htmx page": {"GET", header("Sec-Fetch-Dest: image", htmx), visit.Embedded},
		"beacon, ping":          {"POST", header("Sec-Fetch-Mode: no-cors", destEmpty), visit.Embedded},
		"WebSocket":             {"GET", header("Sec-Fetch-Mode: websocket", "Sec-Fetch-Dest: websocket"), visit.Embedded},
		"HEAD":                  {"HEAD", header(navigate, document), visit.Head},
		"HEAD with prefetch":    {"HEAD", header("Sec-Purpose: prefetch"), visit.Head},
		"PUT":                   {"PUT", nil, visit.Other},
		"OPTIONS":               {"OPTIONS", header(cors), visit.Other},
		"made up":               {"get", nil, visit.Other},
		"no method":             {"", nil, visit.Other},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, visit.Classify(tc.method, tc.header))
		})
	}
}

func TestPrefersJSON(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":                                        false,
		"*/*":                                     false,
		"application/*":                           false,
		"text/html":                               false,
		"application/json":                        true,
		"Application/JSON":                        true,
		"application/problem+json":                true,
		"application/vnd.api+JSON":                true,
		"application/json, text/plain, */*":       true, // axios
		"application/json, text/javascript, */*":  true, // jQuery
		"application/json;charset=utf-8":          true,
		"application/json; q=0.5":                 true,
		"application/json;q=0":                    false,
		"application/json;q=0.5, text/html":       false,
		"application/json, text/html":             false, // no preference
		"application/json, text/html;q=0.9":       true,
		"text/html;q=0.8,application/json;q=0.9":  true,
		"application/xhtml+xml, application/json": false,
		"application/json;q=NaN":                  false,
		"application/json;q=2":                    false,
		"application/json;q=-1":                   false,
		"application/json;q=x":                    false,
		"application/json;q=1.000":                true,
		"application/json;q=0.001":                true,
		"application/json;q=0.0001":               false, // RFC 9110: at most three digits
		"application/json;q=1.001":                false,
		"application/json;q=+1":                   false,
		"application/json;v=1;q=0":                false,
		"+json":                                   true,
		"application/jsonp":                       false,
		",;,q=,;=":                                false,
	} {
		t.Run(accept, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, want, prefersJSON(header("Accept: "+accept)))
		})
	}
	assert.True(t, visit.PrefersHTML(header("Accept: text/html, application/json;q=0.9, */*")))
	assert.False(t, visit.PrefersHTML(header("Accept: */*")))
	assert.False(t, visit.PrefersHTML(header("Accept: application/json, text/html")), "no preference")
	assert.True(t, prefersJSON(header("Accept: text/html;q=0.5", "Accept: application/json")), "two lines are one list")
	assert.False(t, prefersJSON(header("Accept: "+strings.Repeat("*/*,", 256)+"application/json")), "beyond 1 KiB")
}

// prefersJSON: such a client gets the URL as JSON.
func prefersJSON(h http.Header) bool { return visit.Classify("GET", h) == visit.Fetch }

func TestKinds(t *testing.T) {
	t.Parallel()
	for kind := visit.Click; kind <= visit.Other; kind++ {
		assert.Equal(t, kind <= visit.Inertia, kind.Mints(), kind)
		assert.Equal(t, slices.Contains([]visit.Kind{visit.Fetch, visit.HTMX, visit.Inertia, visit.Scripted}, kind),
			kind.IsScript(), kind)
		assert.Equal(t, slices.Contains([]visit.Kind{visit.Click, visit.Form, visit.Scripted, visit.Framed}, kind),
			kind.ShowsPage(), kind)
	}
}

func TestClassifyAllocatesNothing(t *testing.T) {
	h := header("Accept: text/html,application/json;q=0.9,*/*;q=0.8", "Sec-Fetch-Mode: navigate", "Purpose: a;b,c")
	assert.Zero(t, testing.AllocsPerRun(100, func() { visit.Classify("GET", h) }))
}

func FuzzClassify(f *testing.F) {
	f.Add("GET", "prefetch;prerender", "document", "navigate", "?1", "text/html, application/json;q=0.9")
	f.Add("POST", "", "empty", "cors", "", "application/json")
	f.Add("HEAD", "", "", "", "", "*/*")
	f.Add("PUT", "preview", "image", "no-cors", "", ",;q=")
	f.Fuzz(func(t *testing.T, method, purpose, dest, mode, user, accept string) {
		h := http.Header{
			"Sec-Purpose": {purpose}, "Sec-Fetch-Dest": {dest}, "Sec-Fetch-Mode": {mode}, "Sec-Fetch-User": {user},
			"Accept": {accept},
		}
		kind := visit.Classify(method, h)

		assert.Equal(t, kind, visit.Classify(method, h), "the same request, the same kind")
		assert.LessOrEqual(t, kind, visit.Other)
		if kind.Mints() {
			assert.Contains(t, []string{"GET", "POST"}, method)
			assert.Contains(t, []string{"", "document", "empty"}, dest)
			assert.NotEqual(t, "no-cors", mode)
			assert.NotEqual(t, "prefetch", strings.ToLower(strings.TrimSpace(purpose)))
		}

		if kind == visit.Click {
			assert.Equal(t, "GET", method)
			assert.NotEqual(t, "cors", mode)
		}

		h.Set("Purpose", "prefetch")
		assert.True(t, user == "?1" || !visit.Classify(method, h).Mints(), "the legacy header is enough where nobody clicked")
	})
}
