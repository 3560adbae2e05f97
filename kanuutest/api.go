package kanuutest

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/mail"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the API page allows for the supplemental data.
const (
	maxSupplemental      = 16
	maxSupplementalRunes = 64
)

func (k *Kanuu) serveAPI(w http.ResponseWriter, r *http.Request, at location) {
	// All of the body, before anything else: net/http watches for a caller
	// that goes away only once it was read.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	w = k.record.add(w, Request{
		Time: k.Now(), Method: r.Method, Path: at.api, Header: r.Header.Clone(), Body: body,
	})
	if f, ok := k.faults.next(at.api); ok && f.strike(w, r) {
		return
	}
	var call func(http.ResponseWriter, *http.Request, location, input)
	switch at.api {
	case "/api/nonce":
		call = k.createNonce
	case "/api/subscription":
		call = k.readSubscription
	default:
		writeMessage(w, http.StatusNotFound, fmt.Sprintf("The route %s could not be found.", at.api[1:]))
		return
	}
	var tooLarge *http.MaxBytesError
	switch {
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		writeMessage(w, http.StatusMethodNotAllowed, fmt.Sprintf(
			"The %s method is not supported for route %s. Supported methods: POST.", r.Method, at.api[1:]))
	case !k.authorized(r):
		writeMessage(w, http.StatusUnauthorized, message(http.StatusUnauthorized))
	case errors.As(err, &tooLarge):
		writeMessage(w, http.StatusRequestEntityTooLarge, message(http.StatusRequestEntityTooLarge))
	case err != nil:
		writeMessage(w, http.StatusBadRequest, message(http.StatusBadRequest))
	default:
		call(w, r, at, decodeInput(r.Header.Get("Content-Type"), body))
	}
}

// authorized compares digests, which have one length whatever was sent.
func (k *Kanuu) authorized(r *http.Request) bool {
	token, ok := bearer(r)
	sent, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(k.apiKey))
	return ok && subtle.ConstantTimeCompare(sent[:], want[:]) == 1
}

// bearer is what the caller means to be authorized by.
func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, strings.EqualFold(scheme, "Bearer")
}

func (k *Kanuu) createNonce(w http.ResponseWriter, r *http.Request, at location, in input) {
	var bad problems
	identifier := in.identifier(&bad)
	c := contact{email: in.email(&bad), supplemental: in.supplemental(&bad)}
	if bad.answer(w) || k.owes(w) {
		return
	}
	nonce := k.links.mint(identifier, c)
	writeJSON(w, http.StatusCreated, struct {
		Nonce string `json:"nonce"`
		URL   string `json:"url"`
	}{nonce, origin(r) + k.portalPath(at) + "/" + nonce})
}

func (k *Kanuu) readSubscription(w http.ResponseWriter, _ *http.Request, _ location, in input) {
	var bad problems
	identifier := in.identifier(&bad)
	if bad.answer(w) || k.owes(w) {
		return
	}
	writeJSON(w, http.StatusOK, k.describe(k.Subscription(identifier)))
}

// owes answers the 402 for a seller who has to pay Kanuu.
func (k *Kanuu) owes(w http.ResponseWriter) (answered bool) {
	if k.free <= 0 || k.activeCustomers() <= k.free {
		return false
	}
	writeMessage(w, http.StatusPaymentRequired, message(http.StatusPaymentRequired))
	return true
}

// description is a subscription in the API's words.
type description struct {
	IsTrialing     bool    `json:"is_trialing"`
	IsSubscribed   bool    `json:"is_subscribed"`
	Status         *string `json:"status"`
	PlanID         *int64  `json:"plan_id"`
	SubscriptionID *int64  `json:"subscription_id"`
}

func (k *Kanuu) describe(s Subscription) description {
	return description{
		IsTrialing:     s.Status == StatusTrialing,
		IsSubscribed:   s.subscribed(k.Now()),
		Status:         nullable(s.Status),
		PlanID:         nullable(s.PlanID),
		SubscriptionID: nullable(s.SubscriptionID),
	}
}

func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

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
	writeJSON(w, http.StatusUnprocessableEntity, struct {
		Message string              `json:"message"`
		Errors  map[string][]string `json:"errors"`
	}{summary, p.fields})
	return true
}

func writeMessage(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, struct {
		Message string `json:"message"`
	}{message})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // it is one of the few types above
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a caller that is gone has nobody to tell
}
