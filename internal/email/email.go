// Package email recognizes email addresses.
package email

import (
	"net/mail"
	"strings"
	"unicode/utf8"
)

// IsAddress accepts the bare address only: mail.ParseAddress also takes "Ann <a@b.c>".
// Nearly all addresses are plain, and those need no parser that allocates.
func IsAddress(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	local, domain, _ := strings.Cut(s, "@")
	if isDotAtom(local) && isDotAtom(domain) {
		return true
	}
	address, err := mail.ParseAddress(s)
	return err == nil && address.Address == s
}

// isDotAtom knows the part of an address that needs no quotes (RFC 5322, section
// 3.2.3), as far as it is letters, digits and the marks that people use.
func isDotAtom(s string) bool {
	after := byte('.')
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '+', c == '-', c == '_':
		case c == '.' && after != '.':
		default:
			return false
		}
		after = s[i]
	}
	return after != '.'
}
