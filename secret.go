package kanuu

import (
	"cmp"
	"fmt"
	"strconv"

	"github.com/kanuu-io/kanuu-go/internal/urlcheck"
)

// redacted replaces a secret.
const redacted = "[redacted]"

func (c Config) redacted() string {
	return fmt.Sprintf("kanuu.Config{APIKey: %s, BaseURL: %s, Timeout: %v, AttemptTimeout: %v}",
		redact(c.APIKey), strconv.Quote(redactedURL(c.BaseURL)), c.Timeout, c.AttemptTimeout)
}

// Format writes the config without its key, whatever the verb.
func (c Config) Format(f fmt.State, _ rune) { fmt.Fprint(f, c.redacted()) }

// MarshalText returns the config without its key.
func (c Config) MarshalText() ([]byte, error) { return []byte(c.redacted()), nil }

func (n Nonce) redacted() string {
	return fmt.Sprintf("kanuu.Nonce{Value: %s, URL: %s}", redact(n.Value), redact(n.URL))
}

// Format writes a text without the nonce, whatever the verb.
func (n Nonce) Format(f fmt.State, _ rune) { fmt.Fprint(f, n.redacted()) }

// MarshalText returns a text without the nonce.
func (n Nonce) MarshalText() ([]byte, error) { return []byte(n.redacted()), nil }

func redact(s string) string {
	if s == "" {
		return `""`
	}
	return redacted
}

// redactedURL returns raw if it is a valid base URL. Others may have a password.
func redactedURL(raw string) string {
	if base, problem := urlcheck.Base(cmp.Or(raw, defaultBaseURL)); problem == "" {
		return base.String()
	}
	return redacted
}
