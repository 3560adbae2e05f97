package api

import (
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/mail"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// input is the body as Laravel sees it: anything but a JSON object has no fields.
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
		bad.add("identifier", "field is required")
	case !ok:
		bad.add("identifier", "must be a string")
	case utf8.RuneCountInString(s) > 255: // as in any column of Laravel's
		bad.add("identifier", "must not be greater than 255 characters")
	}
	return s
}

func (in input) contact(bad *problems) (c ledger.Contact) {
	if in.has("email") {
		c.Email, _ = in["email"].(string)
		if a, err := mail.ParseAddress(c.Email); err != nil || a.Address != c.Email {
			bad.add("email", "must be a valid email address")
		}
	}
	if !in.has("supplemental") {
		return c
	}
	fields, ok := in["supplemental"].(map[string]any)
	switch {
	case !ok:
		bad.add("supplemental", "must be an array")
	case len(fields) > 16:
		bad.add("supplemental", "must not have more than 16 items")
	}
	c.Supplemental = make(map[string]string)
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		c.Supplemental[key], ok = fields[key].(string)
		switch {
		case !ok:
			bad.add("supplemental."+key, "must be a string")
		case utf8.RuneCountInString(c.Supplemental[key]) > 64:
			bad.add("supplemental."+key, "must not be greater than 64 characters")
		}
	}
	return c
}

// problems is Laravel's validation error. Its message is the first problem.
type problems struct {
	Message string              `json:"message"`
	Errors  map[string][]string `json:"errors"`
}

func (p *problems) add(field, rule string) {
	message := "The " + field + " " + rule + "."
	if p.Errors == nil {
		p.Message, p.Errors = message, make(map[string][]string)
	}
	p.Errors[field] = append(p.Errors[field], message)
}

// answer writes the error, if there is one.
func (p *problems) answer(w http.ResponseWriter) (answered bool) {
	if p.Errors != nil {
		jsonbody.Write(w, http.StatusUnprocessableEntity, p)
	}
	return p.Errors != nil
}
