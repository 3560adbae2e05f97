package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// input is the body as Laravel sees it: what is no JSON object, or is not
// declared as JSON, has no fields.
type input map[string]any

func decodeInput(contentType string, body []byte) (in input) {
	media, _, _ := mime.ParseMediaType(contentType)
	isJSON := strings.HasSuffix(media, "/json") || strings.HasSuffix(media, "+json")
	if !isJSON || !utf8.Valid(body) || json.Unmarshal(body, &in) != nil {
		return nil
	}
	return in
}

// has reports what Laravel's "required" takes for something.
func (in input) has(field string) bool {
	switch v := in[field].(type) {
	case nil:
		return false
	case string:
		return strings.TrimSpace(v) != ""
	case map[string]any:
		return len(v) > 0
	case []any:
		return len(v) > 0
	}
	return true
}

func (in input) identifier(bad *problems) string {
	s, ok := in["identifier"].(string)
	switch {
	case !in.has("identifier"):
		bad.add("identifier", "The identifier field is required.")
	case !ok:
		bad.add("identifier", "The identifier must be a string.")
	case utf8.RuneCountInString(s) > 255: // as in any column of Laravel's
		bad.add("identifier", "The identifier must not be greater than 255 characters.")
	}
	return s
}

func (in input) contact(bad *problems) (c ledger.Contact) {
	if in.has("email") {
		c.Email, _ = in["email"].(string)
		if a, err := mail.ParseAddress(c.Email); err != nil || a.Address != c.Email {
			bad.add("email", "The email must be a valid email address.")
		}
	}
	if !in.has("supplemental") {
		return c
	}
	fields, ok := in["supplemental"].(map[string]any)
	if list, isList := in["supplemental"].([]any); isList { // in PHP, one with indexes for keys
		fields, ok = make(map[string]any), true
		for i, v := range list {
			fields[strconv.Itoa(i)] = v
		}
	}
	switch {
	case !ok:
		bad.add("supplemental", "The supplemental must be an array.")
	case len(fields) > 16:
		bad.add("supplemental", "The supplemental must not have more than 16 items.")
	}
	c.Supplemental = make(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		field := "supplemental." + key
		c.Supplemental[key], ok = fields[key].(string)
		switch {
		case !ok:
			bad.add(field, "The "+field+" must be a string.")
		case utf8.RuneCountInString(c.Supplemental[key]) > 64:
			bad.add(field, "The "+field+" must not be greater than 64 characters.")
		}
	}
	return c
}

// problems collects what is wrong with an input, in the order of the rules.
type problems struct {
	messages []string
	fields   map[string][]string
}

func (p *problems) add(field, message string) {
	if p.fields == nil {
		p.fields = make(map[string][]string)
	}
	p.messages = append(p.messages, message)
	p.fields[field] = append(p.fields[field], message)
}

// answer writes Laravel's validation error, if there is anything to say.
func (p *problems) answer(w http.ResponseWriter) (answered bool) {
	if len(p.messages) == 0 {
		return false
	}
	summary := p.messages[0]
	switch more := len(p.messages) - 1; more {
	case 0:
	case 1:
		summary += " (and 1 more error)"
	default:
		summary += fmt.Sprintf(" (and %d more errors)", more)
	}
	jsonbody.Write(w, http.StatusUnprocessableEntity, struct {
		Message string              `json:"message"`
		Errors  map[string][]string `json:"errors"`
	}{summary, p.fields})
	return true
}
