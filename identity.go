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

// Limits of an [Identity]. Kanuu's "Create a nonce" page has the limits of
// Supplemental.
const (
	maxIdentifier        = 255 // bytes, as the usual column of a database has
	maxSupplemental      = 16
	maxSupplementalValue = 64 // characters
)

// Errors for an [IdentifierResolver] to return.
var (
	// ErrUnauthenticated: the user is not logged in. They are sent to
	// [RedirectOptions.LoginURL], or get a 401.
	ErrUnauthenticated = errors.New("not logged in")

	// ErrForbidden: the user may not manage this subscription, such as a member of
	// a team whose owner pays. They get a 403.
	ErrForbidden = errors.New("not allowed to manage this subscription")
)

// Identity is a customer, as Kanuu's "Create a nonce" page defines it.
type Identity struct {
	// Identifier is a text that is unique in the application: the id of a user or
	// of a team. Where both are billed, prefix it: "user:42", "team:7". Required; at
	// most 255 bytes without control characters and without surrounding space.
	// Letter case may not count at Kanuu. Take it from the session, never from the
	// URL or a form: it opens that customer's portal.
	Identifier string

	// Email prefills Paddle's checkout. Optional. If it is not an email address, it
	// is not sent; the first one is logged at warn.
	Email string

	// Supplemental is returned in the passthrough of Paddle's webhooks. Optional; at
	// most 16 entries, each value at most 64 characters. The key "kanuu" is reserved
	// for the identifier.
	Supplemental map[string]string
}

// Validate returns an [*IdentityError] with each rule that the identity breaks, or
// nil. [Client.CreateNonce] calls it first.
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

// supplementalKeys are sorted: an identity always gives the same message.
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

// IdentifierResolver returns the customer of the logged-in user, from the session.
// It returns [ErrUnauthenticated] or [ErrForbidden], also wrapped, if there is none.
// After any other error the user gets a 500.
//
// It is called at most once for a request, and only for one that may create a nonce
// or pass a gate. It must be safe for concurrent use.
type IdentifierResolver interface {
	ResolveIdentifier(r *http.Request) (Identity, error)
}

// IdentifierResolverFunc is a function as an [IdentifierResolver].
type IdentifierResolverFunc func(r *http.Request) (Identity, error)

// ResolveIdentifier calls f.
func (f IdentifierResolverFunc) ResolveIdentifier(r *http.Request) (Identity, error) {
	return f(r)
}
