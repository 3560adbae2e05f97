// Package visit classifies requests to a page that must do something only for a
// person, such as creating a nonce: a click, a script that asks for the URL, or a
// program that looks ahead.
package visit

import (
	"net/http"
	"strconv"
	"strings"
)

// Kind of request.
type Kind uint8

// The kinds. Those up to Inertia may create a nonce.
const (
	Click           Kind = iota // GET navigation, or a client that sends none of the headers, such as curl
	Form                        // POST navigation, or such a client
	Fetch                       // fetch or XMLHttpRequest: it cannot follow a redirect to another origin
	HTMX                        // htmx
	Inertia                     // Inertia
	Scripted                    // a script that navigates by fetching HTML: Turbo, swup, Unpoly
	Speculative                 // prefetch, prerender, link preview: before any click
	InertiaPrefetch             // the same by Inertia, which uses the response for the click
	Embedded                    // image, frame, script, EventSource, WebSocket, beacon
	Framed                      // a navigation within a frame, by a click
	Head                        // HEAD
	Other                       // any other method
)

// Vary lists each header that the response depends on, including the headers of
// http.CrossOriginProtection.
const Vary = "Accept, HX-History-Restore-Request, HX-Preloaded, HX-Request, Next-Router-Prefetch, Origin, Purpose, " +
	"Sec-Fetch-Dest, Sec-Fetch-Mode, Sec-Fetch-Site, Sec-Fetch-User, Sec-Purpose, Turbo-Frame, Upgrade, " +
	"Upgrade-Insecure-Requests, X-Inertia, X-Moz, X-Purpose, X-Requested-With, X-Sec-Purpose, X-Up-Version"

// Mints reports whether the kind may create a nonce.
func (k Kind) Mints() bool { return k <= Inertia }

// IsScript reports whether a script sent the request and may read the response.
func (k Kind) IsScript() bool { return Fetch <= k && k <= Scripted }

// ShowsPage reports whether a person sees the response as a page.
func (k Kind) ShowsPage() bool { return k == Click || k == Form || k == Scripted || k == Framed }

// Classify returns the kind of a request. It looks at nothing but the method and
// the header. Headers that no script can set (Sec-…) go before the others.
func Classify(method string, h http.Header) Kind {
	switch method {
	case http.MethodHead:
		return Head
	case http.MethodGet, http.MethodPost:
	default:
		return Other
	}
	navigation := Click
	if method == http.MethodPost {
		navigation = Form
	}
	mode, inertia, accepted := first(h, "Sec-Fetch-Mode"), isTrue(first(h, "X-Inertia")), parseAccept(h)
	// Browsers send no Sec-Fetch headers over plain http. Their navigations accept
	// everything; Turbo and swup accept HTML and XHTML and nothing else.
	byScript := mode == "cors" || mode == "same-origin" ||
		mode == "" && accepted.xhtml && accepted.json == 0 && !accepted.anything && first(h, "Upgrade-Insecure-Requests") == ""
	switch {
	case isSpeculative(h) && inertia:
		return InertiaPrefetch
	case isSpeculative(h) && first(h, "Turbo-Frame") != "":
		return Scripted // Turbo uses the response for the click, and in a frame it ignores what is no HTML
	case isSpeculative(h):
		return Speculative
	case isFrame(first(h, "Sec-Fetch-Dest")) && first(h, "Sec-Fetch-User") == "?1":
		return Framed
	case isEmbedded(h, mode, accepted):
		return Embedded
	case isTrue(first(h, "Hx-History-Restore-Request")):
		return Scripted // htmx shows the response as the page that the user went back to, and ignores HX-Redirect
	case isTrue(first(h, "Hx-Request")):
		return HTMX
	case inertia:
		return Inertia
	case mode == "navigate":
		return navigation
	case mode == "same-origin" && first(h, "Upgrade-Insecure-Requests") == "1":
		return navigation // a service worker that passes a navigation on as a new request
	// Android's WebView has the name of its application in X-Requested-With.
	case first(h, "X-Requested-With") == "XMLHttpRequest", accepted.json > accepted.html:
		return Fetch
	case byScript && accepted.html > accepted.json, first(h, "X-Up-Version") != "":
		return Scripted
	case byScript:
		return Fetch
	default:
		return navigation
	}
}

// maxHeader is how many bytes of a header are read. No real client sends more, and
// an attacker can send a megabyte.
const maxHeader = 1 << 10

// first returns the first value of a header, whose name is canonical: h.Get would
// check that for each of a dozen names in each request.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0][:min(len(values[0]), maxHeader)]
	}
	return ""
}

// isSpeculative reads the standard header (Fetch: Sec-Purpose), the headers that
// scripts send because they cannot set that one (Turbo 8: X-Sec-Purpose, the preload
// extension of htmx: HX-Preloaded), and older headers of browsers and frameworks. The
// older ones are also sent by browsers that turn a running prefetch into the
// navigation; Sec-Fetch-User then shows that the user clicked.
func isSpeculative(h http.Header) bool {
	if hasPurpose(first(h, "Sec-Purpose")) || hasPurpose(first(h, "X-Sec-Purpose")) || isTrue(first(h, "Hx-Preloaded")) {
		return true
	}
	if first(h, "Sec-Fetch-User") == "?1" {
		return false
	}
	return hasPurpose(first(h, "Purpose")) || hasPurpose(first(h, "X-Purpose")) || hasPurpose(first(h, "X-Moz")) ||
		first(h, "Next-Router-Prefetch") != ""
}

// hasPurpose looks for a purpose that is no click among values such as
// "prefetch", "prefetch;prerender" and "preview".
func hasPurpose(value string) bool {
	return hasToken(value, "prefetch") || hasToken(value, "prerender") || hasToken(value, "preview")
}

func hasToken(value, want string) bool {
	for value != "" {
		var token string
		token, value = cutAny(value, ";,")
		if strings.EqualFold(strings.TrimSpace(token), want) {
			return true
		}
	}
	return false
}

func cutAny(s, separators string) (before, after string) {
	if i := strings.IndexAny(s, separators); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}

func isFrame(dest string) bool {
	return dest == "iframe" || dest == "frame" || dest == "fencedframe" || dest == "object" || dest == "embed"
}

// isEmbedded reports whether the response is not shown as a page, and not read by a
// script that could follow it.
func isEmbedded(h http.Header, mode string, accepted accept) bool {
	dest := first(h, "Sec-Fetch-Dest")
	switch {
	case dest != "" && dest != "document" && dest != "empty":
		return true
	case mode != "" && mode != "navigate" && mode != "cors" && mode != "same-origin":
		return true
	case hasToken(first(h, "Upgrade"), "websocket"), accepted.events:
		return true
	default: // browsers send no Sec-Fetch headers over plain http
		return mode == "" && dest == "" && accepted.media && accepted.html == 0
	}
}

func isTrue(value string) bool { return strings.EqualFold(value, "true") }

// PrefersHTML reports whether the Accept header names HTML with a higher quality
// than JSON.
func PrefersHTML(h http.Header) bool {
	accepted := parseAccept(h)
	return accepted.html > accepted.json
}

// accept is what the Accept header names. Wildcards have no quality: everybody
// sends them.
type accept struct {
	json, html      int // qualities in thousandths
	xhtml, anything bool
	events, media   bool
}

// parseAccept looks at the first maxHeader bytes of all Accept headers together.
func parseAccept(h http.Header) accept {
	var a accept
	room := maxHeader
	for _, header := range h["Accept"] {
		header = header[:min(len(header), room)]
		room -= len(header)
		for header != "" {
			var part string
			part, header = cutAny(header, ",")
			media, parameters := cutAny(part, ";")
			media = strings.TrimSpace(media)
			kind, _, _ := strings.Cut(media, "/")
			switch {
			case strings.EqualFold(media, "application/json"), hasSuffixFold(media, "+json"):
				a.json = max(a.json, quality(parameters))
			case strings.EqualFold(media, "text/html"), strings.EqualFold(media, "application/xhtml+xml"):
				a.html = max(a.html, quality(parameters))
				a.xhtml = a.xhtml || !strings.EqualFold(media, "text/html")
			case media == "*/*":
				a.anything = true
			case strings.EqualFold(media, "text/event-stream"):
				a.events = true
			case strings.EqualFold(kind, "image"), strings.EqualFold(kind, "video"), strings.EqualFold(kind, "audio"),
				strings.EqualFold(kind, "font"), strings.EqualFold(media, "text/css"):
				a.media = true
			}
		}
		if room == 0 {
			break
		}
	}
	return a
}

func hasSuffixFold(s, suffix string) bool {
	return len(s) >= len(suffix) && strings.EqualFold(s[len(s)-len(suffix):], suffix)
}

// quality is the q among the parameters of a media range, in thousandths: 1000
// where there is none, 0 where it cannot be read.
func quality(parameters string) int {
	for parameters != "" {
		var parameter string
		parameter, parameters = cutAny(parameters, ";")
		name, value, _ := strings.Cut(parameter, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			return thousandths(strings.TrimSpace(value))
		}
	}
	return 1000
}

// thousandths reads a qvalue of RFC 9110, section 12.4.2: 0 to 1 with at most
// three digits behind the point.
func thousandths(q string) int {
	whole, fraction, _ := strings.Cut(q, ".")
	if len(whole) != 1 || len(fraction) > 3 || whole == "+" || whole == "-" {
		return 0
	}
	n, err := strconv.ParseUint(whole+(fraction + "000")[:3], 10, 16)
	if err != nil || n > 1000 {
		return 0
	}
	return int(n)
}
