package paddle

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// PassthroughKey is where Kanuu keeps the identifier among the supplemental
// entries in the passthrough of Paddle's webhooks.
const PassthroughKey = "kanuu"

// ParsePassthrough reads what Kanuu gave Paddle to pass through. Other
// checkouts have anything there, or nothing.
func ParsePassthrough(text string) (identifier string, supplemental map[string]string) {
	identifier, supplemental, ok := parsePlain(text)
	if ok {
		return identifier, supplemental
	}
	entries := parseEntries(text)
	identifier = entries[PassthroughKey]
	delete(entries, PassthroughKey)
	if len(entries) == 0 {
		return identifier, nil
	}
	return identifier, entries
}

// parsePlain reads what most passthroughs are, one object of texts without an
// escape, at a tenth of the cost. It is not ok with any other JSON.
func parsePlain(text string) (identifier string, supplemental map[string]string, ok bool) {
	rest, starts := strings.CutPrefix(text, `{"`)
	rest, ends := strings.CutSuffix(rest, `"}`)
	if !starts || !ends || !utf8.ValidString(rest) ||
		strings.ContainsFunc(rest, func(r rune) bool { return r < ' ' || r == '\\' }) {
		return "", nil, false
	}
	for more := true; more; {
		var entry string
		entry, rest, more = strings.Cut(rest, `","`)
		key, value, ok := strings.Cut(entry, `":"`)
		if !ok || strings.Contains(key, `"`) || strings.Contains(value, `"`) {
			return "", nil, false
		}
		switch {
		case key == PassthroughKey:
			identifier = value
		case supplemental == nil:
			supplemental = map[string]string{key: value}
		default:
			supplemental[key] = value
		}
	}
	return identifier, supplemental, true
}

// parseEntries reads the texts of any object, and a number for an identifier.
func parseEntries(text string) map[string]string {
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &raw) != nil {
		return nil
	}
	entries := make(map[string]string, len(raw))
	for key, value := range raw {
		var text string
		switch {
		case value[0] == '"' && json.Unmarshal(value, &text) == nil:
			entries[key] = text
		case key == PassthroughKey && (value[0] == '-' || '0' <= value[0] && value[0] <= '9'):
			entries[key] = string(value) // digit by digit: a float64 would round it
		}
	}
	return entries
}
