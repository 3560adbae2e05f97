package api

import (
	"bytes"
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
)

// What the API page allows for the supplemental data.
const (
	maxSupplemental      = 16
	maxSupplementalRunes = 64
)

// input is the body as Laravel sees it: what is no JSON object, or is not
// declared as JSON, has no fields.
type input map[string]json.RawMessage

func decodeInput(contentType string, body []byte) input {
	media, _, _ := mime.ParseMediaType(contentType)
	if !strings.HasSuffix(media, "/json") && !strings.HasSuffix(media, "+json") || !utf8.Valid(body) {
		return nil
	}
	var in input
	if json.Unmarshal(body, &in) != nil {
		return nil
	}
	return in
}

// absent is what Laravel's "required" takes for nothing.
func absent(raw json.RawMessage) bool {
	switch s, isString := text(raw); {
	case isString:
		return strings.TrimSpace(s) == ""
	case len(raw) == 0, string(raw) == "null":
		return true
	default:
		fields, isMap := entries(raw)
		return isMap && len(fields) == 0
	}
}

func text(raw json.RawMessage) (s string, ok bool) {
	ok = bytes.HasPrefix(raw, []byte(`"`)) && json.Unmarshal(raw, &s) == nil
	return s, ok
}

// entries reads what is an array in PHP: an object, or a list, whose keys are
// then its indexes.
func entries(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) == nil && fields != nil {
		return fields, true
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil || list == nil {
		return nil, false
	}
	fields = make(map[string]json.RawMessage, len(list))
	for i, v := range list {
		fields[strconv.Itoa(i)] = v
	}
	return fields, true
}

func (in input) identifier(bad *problems) string {
	s, ok := text(in["identifier"])
	switch {
	case absent(in["identifier"]):
		bad.add("identifier", "The identifier field is required.")
	case !ok:
		bad.add("identifier", "The identifier must be a string.")
	}
	return s
}

func (in input) email(bad *problems) string {
	if absent(in["email"]) {
		return ""
	}
	s, _ := text(in["email"])
	if a, err := mail.ParseAddress(s); err != nil || a.Address != s {
		bad.add("email", "The email must be a valid email address.")
	}
	return s
}

func (in input) supplemental(bad *problems) map[string]string {
	if absent(in["supplemental"]) {
		return nil
	}
	fields, ok := entries(in["supplemental"])
	switch {
	case !ok:
		bad.add("supplemental", "The supplemental must be an array.")
	case len(fields) > maxSupplemental:
		bad.add("supplemental", fmt.Sprintf("The supplemental must not have more than %d items.", maxSupplemental))
	}
	values := make(map[string]string, len(fields))
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		field := "supplemental." + key
		s, ok := text(fields[key])
		values[key] = s
		switch {
		case !ok:
			bad.add(field, fmt.Sprintf("The %s must be a string.", field))
		case utf8.RuneCountInString(s) > maxSupplementalRunes:
			bad.add(field, fmt.Sprintf("The %s must not be greater than %d characters.", field, maxSupplementalRunes))
		}
	}
	return values
}

// problems collects what is wrong with an input, in the order of the rules.
type problems struct {
	first  string
	count  int
	fields map[string][]string
}

func (p *problems) add(field, message string) {
	if p.count == 0 {
		p.first, p.fields = message, make(map[string][]string)
	}
	p.count++
	p.fields[field] = append(p.fields[field], message)
}

// answer writes Laravel's validation error, if there is anything to say.
func (p *problems) answer(w http.ResponseWriter) (answered bool) {
	if p.count == 0 {
		return false
	}
	summary := p.first
	switch more := p.count - 1; more {
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
