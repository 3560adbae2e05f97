package visit

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/kanuu-io/kanuu-go/internal/urlcheck"
)

// Page returns the path and query of the page that the user wants to see: that
// of the request, or for what is no page by itself, such as a form or a part of a
// page that htmx loads, the page that it was sent from. It is empty if that is
// not known.
func Page(r *http.Request) string {
	if r.Method == http.MethodGet && (r.Header.Get("Hx-Request") == "" || r.Header.Get("Hx-Boosted") != "") {
		return Path(r)
	}
	from := r.Referer()
	if r.Header.Get("Sec-Fetch-Mode") == "same-origin" && r.Header.Get("Upgrade-Insecure-Requests") == "1" {
		from = "" // a form that a service worker passes on: the Referer can be the worker's script
	}
	if current := r.Header.Get("Hx-Current-Url"); current != "" {
		from = current
	}
	u, err := url.Parse(from)
	if err != nil || !strings.EqualFold(u.Host, r.Host) {
		return ""
	}
	return local(u.RequestURI())
}

// Path returns the path and query of the request line, which middleware
// that strips prefixes leaves alone. Requests that a program made have none, and
// those to a proxy have a whole URL.
func Path(r *http.Request) string {
	line := r.RequestURI
	if line == "" {
		line = r.URL.RequestURI()
	}
	if u, err := url.Parse(line); err == nil && u.IsAbs() {
		line = u.RequestURI()
	}
	return local(line)
}

// local returns path if it is one of this application, or nothing.
func local(path string) string {
	if urlcheck.Local(path) != nil {
		return ""
	}
	return path
}
