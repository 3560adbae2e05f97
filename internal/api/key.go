package api

import "strings"

// CheckKey returns what is wrong with an API key, and how to correct it, or
// nothing. It repeats nothing of the key.
func CheckKey(key string) string {
	switch {
	case key == "":
		return "APIKey is empty: set KANUU_API_KEY or Config.APIKey"
	case strings.TrimSpace(key) != key:
		return "APIKey has white space around it: trim it where it is read"
	case strings.ContainsAny(key[:1], "\"'`") && strings.HasSuffix(key[1:], key[:1]):
		return "APIKey is in quotes: leave them out where it is set"
	case len(key) > len("Bearer ") && strings.EqualFold(key[:len("Bearer ")], "Bearer "):
		return "APIKey starts with \"Bearer \": leave that word out, the client adds it"
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "APIKey has a character that no key has: copy it from the Kanuu dashboard again"
	default:
		return ""
	}
}
