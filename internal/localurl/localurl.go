// Package localurl checks URLs that must stay on the application's own origin.
package localurl

import (
	"errors"
	"net/url"
	"strings"
)

// What [Check] finds.
var (
	errNotLocal   = errors.New(`is not a path of this application: start it with one slash, such as "/billing"`)
	errOtherHost  = errors.New(`leads to another host: browsers read "//" and "/\" at its start as that`)
	errBackslash  = errors.New(`has a backslash, which browsers read as a slash: write "/" or "%5C"`)
	errCharacter  = errors.New("has a control character, a space or one beyond ASCII: percent-encode it")
	errUnreadable = errors.New("is not a URL: a percent sign must start an escape such as %20")
)

// Check reports why raw is not a URL that a browser on any page of this origin
// resolves to this origin: an absolute path with an optional query and fragment.
func Check(raw string) error {
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
