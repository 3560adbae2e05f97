package kanuutest

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// cardForm is the form for a card, as it was filled in.
type cardForm struct {
	Fields []*field
}

// field is an input with its label and what is wrong with its value.
type field struct {
	ID           string // and name
	Label        string
	Autocomplete string
	InputMode    string
	Placeholder  string
	Max          int // characters
	Value        string
	Problem      string
	First        bool // of those with a problem
}

// The names of the fields.
const (
	fieldNumber = "number"
	fieldExpiry = "expiry"
	fieldCode   = "code"
	fieldHolder = "holder"
)

func newCardForm() cardForm {
	return cardForm{Fields: []*field{
		{ID: fieldNumber, Label: "Card number", Autocomplete: "cc-number", InputMode: "numeric", Max: 30},
		{ID: fieldExpiry, Label: "Expires", Autocomplete: "cc-exp", InputMode: "numeric", Placeholder: "MM / YY", Max: 9},
		{ID: fieldCode, Label: "Security code", Autocomplete: "cc-csc", InputMode: "numeric", Max: 4},
		{ID: fieldHolder, Label: "Name on the card", Autocomplete: "cc-name", InputMode: "text", Max: 100},
	}}
}

// filledIn reports whether a form has the fields at all. The page always sends
// them; programs that post without them pay with the card on file.
func filledIn(form url.Values) bool {
	for _, f := range newCardForm().Fields {
		if form.Has(f.ID) {
			return true
		}
	}
	return false
}

// readCard takes any card that could be one. It returns the last four digits
// alone, and the form to show again when there are problems.
func readCard(form url.Values, now time.Time) (card string, shown cardForm, ok bool) {
	shown, ok = newCardForm(), true
	for _, f := range shown.Fields {
		f.Value = strings.TrimSpace(form.Get(f.ID))
		switch f.ID {
		case fieldNumber:
			card, f.Problem = readNumber(f.Value)
		case fieldExpiry:
			f.Problem = checkExpiry(f.Value, now)
		case fieldCode:
			if !codes.MatchString(f.Value) {
				f.Problem = "Enter the security code: 3 or 4 digits, from the back of the card."
			}
		case fieldHolder:
			if f.Value == "" {
				f.Problem = "Enter the name on the card."
			}
		}
		if f.Problem != "" {
			f.First, ok = ok, false
		}
	}
	return card, shown, ok
}

var (
	numbers  = regexp.MustCompile(`^[0-9]{12,19}$`)
	expiries = regexp.MustCompile(`^([0-9]{1,2})\s*[/.-]?\s*(?:20)?([0-9]{2})$`)
	codes    = regexp.MustCompile(`^[0-9]{3,4}$`)
)

func readNumber(s string) (last4, problem string) {
	s = strings.NewReplacer(" ", "", "-", "").Replace(s)
	if !numbers.MatchString(s) {
		return "", "Enter the card number: 12 to 19 digits."
	}
	return s[len(s)-4:], ""
}

func checkExpiry(s string, now time.Time) (problem string) {
	const unread = "Enter the month and year until which the card is valid, such as 05 / 30."
	found := expiries.FindStringSubmatch(s)
	if found == nil {
		return unread
	}
	month, _ := strconv.Atoi(found[1])
	year, _ := strconv.Atoi(found[2])
	if month < 1 || month > 12 {
		return unread
	}
	if !now.Before(time.Date(2000+year, time.Month(month)+1, 1, 0, 0, 0, 0, time.UTC)) {
		return "This card has expired. Enter another one, or look at its date again."
	}
	return ""
}

// Problems are the fields that have one.
func (c cardForm) Problems() []*field {
	var bad []*field
	for _, f := range c.Fields {
		if f.Problem != "" {
			bad = append(bad, f)
		}
	}
	return bad
}
