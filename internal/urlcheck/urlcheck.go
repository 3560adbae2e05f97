// Package urlcheck has the rules for URLs: paths that must stay in the application,
// portal URLs, and the base URL of the API.
package urlcheck

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// What [Local] finds.
var (
	errNotLocal   = errors.New(`is not a path of this application: start it with one slash, such as "/billing"`)
	errOtherHost  = errors.New(`leads to another host: browsers read "//" and "/\" at its start as that`)
	errBackslash  = errors.New(`has a backslash, which browsers read as a slash: write "/" or "%5C"`)
	errCharacter  = errors.New("has a control character, a space or one beyond ASCII: percent-encode it")
	errUnreadable = errors.New("is not a URL: a percent sign must start an escape such as %20")
)

// Local reports why raw is not a URL that a browser on any page of this origin
// resolves to this origin: an absolute path with an optional query and fragment.
func Local(raw string) error {
	switch {
	case !strings.HasPrefix(raw, "/"):
		return errNotLocal
	case strings.HasPrefix(raw, "//"), strings.HasPrefix(raw, `/\`):
		return errOtherHost
	case strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errCharacter
	case strings.Contains(raw, `\`):
		return errBackslash
	}
	if _, err := url.Parse(raw); err != nil {
		return errUnreadable
	}
	return nil
}

// IsPortal reports whether raw can be in a Location header and leads where it seems
// to: browsers read a backslash as a slash and skip control characters, and a user
// before an @ is there to deceive. http is accepted only if insecure.
func IsPortal(raw string, insecure bool) bool {
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return false
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || !validPort(u) {
		return false
	}
	return u.Scheme == "https" || insecure && u.Scheme == "http"
}

const example = "https://kanuu.io"

// Base parses the base URL of the API, or returns what is wrong with it. The problem
// never repeats the URL: it may have a password.
func Base(raw string) (*url.URL, string) {
	base, err := url.Parse(raw)
	switch {
	case err != nil || base.Opaque != "" || base.Hostname() == "" || !validPort(base):
		return nil, "BaseURL is not an absolute URL: write it like " + example
	case base.User != nil:
		return nil, "BaseURL has a user in it: leave it out, the API key is all that Kanuu asks for"
	case base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, "BaseURL has a query or a fragment: leave it out"
	case base.Scheme == "http" && !isLoopback(base.Hostname()):
		return nil, "BaseURL is plain http to another machine, which would show the key to the network: use https"
	case base.Scheme != "https" && base.Scheme != "http":
		return nil, "BaseURL is neither https nor http: write it like " + example
	default:
		return base, ""
	}
}

func validPort(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}
