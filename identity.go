package kanuu

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
)

// Limits of an [Identity]. Those of Supplemental are from Kanuu's "Create a nonce"
// page.
const (
	maxIdentifier        = 255 // bytes, as the usual column of a database has
	maxSupplemental      = 16
	maxSupplementalValue = 64 // characters
)

// What an [IdentifierResolver] returns when there is no one to send to Kanuu.
var (
	// ErrUnauthenticated: nobody is logged in. Visitors are sent to
	// [RedirectOptions.LoginURL], or get a 401.
	ErrUnauthenticated = errors.New("nobody is logged in")

	// ErrForbidden: somebody is logged in who may not manage this
	// subscription, such as a member of a team that its owner pays for. They
	// get a 403.
	ErrForbidden = errors.New("not allowed to manage this subscription")
)

// Identity is who the customer is, as Kanuu's "Create a nonce" page wants it.
type Identity struct {
	// Identifier of the billable entity, unique in the application: a user's or
	// a team's id. Where both are billed, prefix it: "user:42", "team:7".
	// Required; at most 255 bytes without control characters, and no
	// white space around it. Do not rely on letter case: Kanuu may take "user:a"
	// for "user:A". Take it from the session, never from the request's URL or
	// body: it opens the portal of any customer.
	Identifier string

	// Email prefills Paddle's checkout. Optional: one that is not an email address
	// is left out, and the first of them is logged at warn.
	Email string

	// Supplemental comes back in the passthrough of Paddle's webhooks.
	// Optional; at most 16 entries, each value at most 64 characters. The key "kanuu" is taken: Kanuu keeps
	// the identifier under it.
	Supplemental map[string]string
}

// Validate reports every documented rule that the identity breaks in one
// [*IdentityError], or nil. [Client.CreateNonce] calls it first.
func (id Identity) Validate() error {
	var problems []string

	problem := func(format string, args ...any) {
		problems = append(problems, fmt.Sprintf(format, args...))
	}
	switch trimmed := strings.TrimSpace(id.Identifier); {
	case !utf8.ValidString(id.Identifier):
		problem("Identifier is not valid UTF-8")
	case trimmed == "":
		problem("Identifier is empty")
	case trimmed != id.Identifier:
		problem("Identifier has white space around it, which Kanuu removes: it would be another customer's")
	case len(id.Identifier) > maxIdentifier:
		problem("Identifier has %d bytes, at most %d are allowed", len(id.Identifier), maxIdentifier)
	case strings.ContainsFunc(id.Identifier, unicode.IsControl):
		problem("Identifier has a control character")
	}

	if n := len(id.Supplemental); n > maxSupplemental {
		problem("Supplemental has %d entries, at most %d are allowed", n, maxSupplemental)
	}

	for _, key := range id.supplementalKeys() {
		value := id.Supplemental[key]
		switch {
		case !utf8.ValidString(key):
			problem("a key of Supplemental is not valid UTF-8: %q", key)
		case key == paddle.PassthroughKey:
			problem("Supplemental[%q] is taken: Kanuu keeps the identifier under it", key)
		}
		if !utf8.ValidString(value) {
			problem("Supplemental[%q] is not valid UTF-8", key)
		} else if n := utf8.RuneCountInString(value); n > maxSupplementalValue {
			problem("Supplemental[%q] has %d characters, at most %d are allowed", key, n, maxSupplementalValue)
		}
	}

	if problems != nil {
		return &IdentityError{Problems: problems}
	}
	return nil
}

// supplementalKeys are sorted, so that the same identity always gives the same
// message and the same request.
func (id Identity) supplementalKeys() []string {
	if len(id.Supplemental) == 0 {
		return nil
	}
	keys := make([]string, 0, len(id.Supplemental))
	for key := range id.Supplemental {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// wire is the body of a call.
func (id Identity) wire() any {
	return struct {
		Identifier   string            `json:"identifier"`
		Email        string            `json:"email,omitempty"`
		Supplemental map[string]string `json:"supplemental,omitempty"`
	}{id.Identifier, id.Email, id.Supplemental}
}

// IdentifierResolver says who the logged-in customer is. It returns
// [ErrUnauthenticated] (or an error that wraps it) when nobody is logged in,
// [ErrForbidden] when they may not manage billing, and any other error when it
// could not find out; the visitor then gets a 500.
//
// It is called at most once a request, for real clicks only, and must be safe
// for concurrent use.
type IdentifierResolver interface {
	ResolveIdentifier(r *http.Request) (Identity, error)
}

// IdentifierResolverFunc is a function as an [IdentifierResolver].
type IdentifierResolverFunc func(r *http.Request) (Identity, error)

// ResolveIdentifier calls f.
func (f IdentifierResolverFunc) ResolveIdentifier(r *http.Request) (Identity, error) {
	return f(r)
}
