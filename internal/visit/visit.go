// Package visit tells what kind of request came to a page that does something
// once, such as minting a nonce: a person's click, a script that wants to be
// told, or a machine that looked ahead.
package visit

import (
	"net/http"
	"strconv"
	"strings"
)

// Kind of request.
type Kind uint8

// The kinds, each with the requests that are of it.
const (
	Click       Kind = iota // GET navigation, or a client that does not say
	Form                    // POST navigation, or a client that does not say
	Fetch                   // fetch or XMLHttpRequest: cannot follow a redirect to another origin
	HTMX                    // htmx
	Inertia                 // Inertia
	Speculative             // prefetch, prerender, link preview: nobody clicked yet
	Embedded                // image, frame, script, beacon: nobody sees a page
	Head                    // HEAD
	Other                   // any other method
)

// Vary lists every header that the functions of this package look at, and those
// that http.CrossOriginProtection does.
const Vary = "Accept, HX-Preloaded, HX-Request, Next-Router-Prefetch, Origin, Purpose, Sec-Fetch-Dest, Sec-Fetch-Mode, " +
	"Sec-Fetch-Site, Sec-Fetch-User, Sec-Purpose, X-Inertia, X-Moz, X-Purpose, X-Sec-Purpose"

// Mints tells whether the kind is of somebody who wants to get to the portal.
func (k Kind) Mints() bool { return k <= Inertia }

// Navigates tells whether a browser shows the answer as a page and follows its
// redirects.
func (k Kind) Navigates() bool { return k == Click || k == Form }

// Classify tells the kind of a request. It looks at nothing else than the
// method and the header, and gives the same answer each time. Headers that a
// page cannot forge (Sec-…) go before those that it can.
func Classify(method string, h http.Header) Kind {
	switch method {
	case http.MethodHead:
		return Head
	case http.MethodGet, http.MethodPost:
	default:
		return Other
	}
	mode := first(h, "Sec-Fetch-Mode")
	switch {
	case isSpeculative(h):
		return Speculative
	case isEmbedded(first(h, "Sec-Fetch-Dest"), mode):
		return Embedded
	case isTrue(first(h, "Hx-Request")):
		return HTMX
	case isTrue(first(h, "X-Inertia")):
		return Inertia
	case mode == "cors", mode == "same-origin", mode != "navigate" && PrefersJSON(h):
		return Fetch
	case method == http.MethodPost:
		return Form
	default:
		return Click
	}
}

// maxHeader is how many bytes of a header are looked at. No client that means it
// sends more, and anybody can send a megabyte.
const maxHeader = 1 << 10

// first value of a header, whose name is canonical: h.Get would find that out
// for each of a dozen names at each visit.
func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0][:min(len(values[0]), maxHeader)]
	}
	return ""
}

// isSpeculative knows the standard header (Fetch: Sec-Purpose), those by which
// scripts, which cannot set that one, say the same (Turbo 8: X-Sec-Purpose, the
// preload extension of htmx: HX-Preloaded), and those that browsers and
// frameworks used before it. The last are also sent by browsers
// that turn a running prefetch into the navigation; Sec-Fetch-User then shows
// that a person clicked.
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

// hasPurpose looks for a purpose that is not a visit among values such as
// "prefetch", "prefetch;prerender" and "preview".
func hasPurpose(value string) bool {
	for value != "" {
		var token string
		token, value = cutAny(value, ";,")
		switch token = strings.TrimSpace(token); {
		case strings.EqualFold(token, "prefetch"),
			strings.EqualFold(token, "prerender"),
			strings.EqualFold(token, "preview"):
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

// isEmbedded: the answer of such a request is no page that somebody looks at,
// and (no-cors) cannot be read by the script that made it.
func isEmbedded(dest, mode string) bool {
	switch dest {
	case "", "document", "empty":
	default:
		return true
	}
	switch mode {
	case "", "navigate", "cors", "same-origin":
		return false
	default:
		return true
	}
}

func isTrue(value string) bool { return strings.EqualFold(value, "true") }

// PrefersJSON tells whether the Accept header names JSON with a higher quality
// than HTML. Wildcards count for neither: everybody sends them.
func PrefersJSON(h http.Header) bool {
	json, html := qualities(h)
	return json > html
}

// PrefersHTML tells whether the Accept header names HTML with a higher quality
// than JSON.
func PrefersHTML(h http.Header) bool {
	json, html := qualities(h)
	return html > json
}

// qualities are in thousandths. They look at the first maxHeader bytes of all
// Accept headers together.
func qualities(h http.Header) (json, html int) {
	room := maxHeader
	for _, accept := range h["Accept"] {
		accept = accept[:min(len(accept), room)]
		room -= len(accept)
		for accept != "" {
			var part string
			part, accept = cutAny(accept, ",")
			media, parameters := cutAny(part, ";")
			switch media = strings.TrimSpace(media); {
			case strings.EqualFold(media, "application/json"), hasSuffixFold(media, "+json"):
				json = max(json, quality(parameters))
			case strings.EqualFold(media, "text/html"), strings.EqualFold(media, "application/xhtml+xml"):
				html = max(html, quality(parameters))
			}
		}
		if room == 0 {
			break
		}
	}
	return json, html
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
