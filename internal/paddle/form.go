// Package paddle verifies the webhooks of Paddle Classic. What Paddle signs is not
// the bytes of a webhook but the array that PHP makes of its form, sorted as by
// ksort and written as by serialize: so the package reads a form as PHP does. The
// behaviour is that of PHP 8.2 and later. A form beyond one of the limits below is
// an error, whatever PHP would make of it: an unsigned request can have any form, and
// no webhook of Paddle comes near the limits.
package paddle

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

const (
	// maxFields of one form. The largest alerts of Paddle have about 60.
	maxFields = 128

	// maxItems of one form, the arrays within arrays included.
	maxItems = 1024

	// maxNumbers is how many names may be numbers that are no integers, such as
	// 1e3: reading one takes up to 30 µs, and Paddle has none.
	maxNumbers = 8

	// maxNesting is max_input_nesting_level: how many subscripts a name may have.
	maxNesting = 64

	// manyItems is from when on a map finds a key faster than a look at each.
	manyItems = 64
)

// What [Parse] refuses.
var (
	ErrTooManyFields  = errors.New("more fields than a webhook")
	ErrTooManyNumbers = errors.New("more numbers as names than a webhook")
	ErrTooDeep        = errors.New("a name with more subscripts than PHP takes")
)

// Array is PHP's: keys in the order in which they came. Reading it is safe for
// concurrent use.
type Array struct {
	items []Item
	index map[string]int // from key to item, for Parse, once there are many

	// The highest integer key that there was; the next item without a key gets
	// the one after it.
	highest    int64
	hasInteger bool
}

// Item of an [Array].
type Item struct {
	// Key as text. PHP takes a key that looks like an integer for an integer: the text
	// is enough to know which it is.
	Key string

	// Text of a field, where Array is nil.
	Text string

	// Array of fields whose names go on with a subscript.
	Array *Array
}

// Parse reads a form. Whatever the body is, PHP makes some array of it: the
// errors are [ErrTooManyFields], [ErrTooManyNumbers] and [ErrTooDeep] only.
func Parse(body string) (*Array, error) {
	pairs := strings.Count(body, "&") + 1
	if pairs > maxFields {
		return nil, ErrTooManyFields
	}
	form := &Array{items: make([]Item, 0, pairs)}
	decode := decoder{room: len(body)}
	room := maxItems
	for body != "" {
		var pair string
		pair, body, _ = strings.Cut(body, "&")
		name, value, _ := strings.Cut(pair, "=")
		if err := form.register(decode.text(name), decode.text(value), &room); err != nil {
			return nil, err
		}
	}
	numbers := 0
	for i := range form.items {
		if name := form.items[i].Key; startsNumber(name) {
			if _, ok := parseInteger(name); !ok {
				numbers++
			}
		}
	}
	if numbers > maxNumbers {
		return nil, ErrTooManyNumbers
	}
	return form, nil
}

// decoder undoes the URL encoding of many texts in one piece of memory.
type decoder struct {
	room    int // at least as many bytes as all texts have
	decoded strings.Builder
}

// text decodes s. A percent sign without two hexadecimal digits behind it stays.
func (d *decoder) text(s string) string {
	if strings.IndexByte(s, '%') < 0 && strings.IndexByte(s, '+') < 0 {
		return s
	}
	if d.decoded.Cap() == 0 {
		d.decoded.Grow(d.room) // it must never move: the texts point into it
	}
	start := d.decoded.Len()
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '+':
			c = ' '
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		d.decoded.WriteByte(c)
	}
	return d.decoded.String()[start:]
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func unhex(c byte) byte {
	if isDigit(c) {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// isSpace is isspace of C.
func isSpace(c byte) bool { return c == ' ' || '\t' <= c && c <= '\r' }

// register puts a field into the array that its name describes: a[b][]=c goes into
// the array a, there into the array b, and there behind the last item. Of several
// fields of one name the last wins, in the place of the first. room is how many items
// the whole form may still get.
func (a *Array) register(name, value string, room *int) error {
	if end := strings.IndexByte(name, 0); end >= 0 {
		name = name[:end] // a name is a string of C
	}
	name = strings.TrimLeft(name, " ")

	at, subscripts := splitName(name)
	if at.text == "" {
		return nil
	}

	for depth := 1; ; depth++ {
		sub, rest, ok := cutSubscript(subscripts)
		if !ok { // text after the last subscript is nothing to PHP
			break
		}

		if depth > maxNesting {
			return ErrTooDeep
		}
		if *room--; *room < 0 {
			return ErrTooManyFields
		}
		item := a.at(at)
		if item == nil {
			return nil
		}

		if item.Array == nil {
			item.Text, item.Array = "", new(Array)
		}
		if isForbidden(sub.text, name) {
			return nil
		}
		a, at, subscripts = item.Array, sub, rest
	}

	if item := a.at(at); item != nil {
		item.Text, item.Array = value, nil
	}
	return nil
}

// key is where an item stands in its array.
type key struct {
	text string
	last bool // [], behind the others
}

// splitName parts the name of a field from its subscripts. The name becomes
// that of a variable: spaces and dots become underscores, and so does everything
// behind a bracket that is not closed.
func splitName(name string) (variable key, subscripts string) {
	raw := name
	switch i := strings.IndexByte(name, '['); {
	case i == 0: // a subscript of nothing
		return key{}, ""
	case i > 0:
		if _, _, closed := cutSubscript(name[i:]); closed {
			raw, subscripts = name[:i], name[i:]
		}
	}
	mangled := mangler.Replace(raw)
	if mangled == raw {
		return key{text: raw}, subscripts
	}

	if isForbidden(mangled, raw) {
		return key{}, ""
	}
	return key{text: mangled}, subscripts
}

// isForbidden reports whether a name or subscript becomes that of a cookie that is
// trusted for its name, although the field did not begin with it.
func isForbidden(text, name string) bool {
	return strings.HasPrefix(text, "__") &&
		(strings.HasPrefix(text, "__Host-") && !strings.HasPrefix(name, "__Host-") ||
			strings.HasPrefix(text, "__Secure-") && !strings.HasPrefix(name, "__Secure-"))
}

var mangler = strings.NewReplacer(" ", "_", ".", "_", "[", "_")

// cutSubscript takes the first subscript off.
func cutSubscript(s string) (sub key, rest string, ok bool) {
	if s == "" || s[0] != '[' {
		return key{}, "", false
	}
	s = s[1:]
	from := 0
	if s != "" && isSpace(s[0]) {
		from = 1 // one space makes no key
	}
	end := strings.IndexByte(s[from:], ']')
	if end < 0 {
		return key{}, "", false
	}
	end += from
	return key{text: s[:end], last: end == from}, s[end+1:], true
}

// at returns the item with that key, which it makes where there is none; nil
// when no integer is left for it.
func (a *Array) at(k key) *Item {
	switch {
	case k.last && !a.hasInteger:
		k.text = "0"
	case k.last && a.highest == math.MaxInt64:
		return nil
	case k.last: // nothing has this key yet
		k.text = strconv.FormatInt(a.highest+1, 10)
	default:
		if i := a.find(k.text); i >= 0 {
			return &a.items[i]
		}
	}
	if n, ok := parseInteger(k.text); ok && (!a.hasInteger || n > a.highest) {
		a.highest, a.hasInteger = n, true
	}
	a.items = append(a.items, Item{Key: k.text})
	if a.index != nil {
		a.index[k.text] = len(a.items) - 1
	}
	return &a.items[len(a.items)-1]
}

// find returns where the key is, or -1.
func (a *Array) find(text string) int {
	if a.index == nil && len(a.items) > manyItems {
		a.index = make(map[string]int, 2*len(a.items))
		for i, item := range a.items {
			a.index[item.Key] = i
		}
	}
	if a.index != nil {
		if i, ok := a.index[text]; ok {
			return i
		}
		return -1
	}
	return scan(a.items, text)
}

func scan(items []Item, text string) int {
	for i := range items {
		if items[i].Key == text {
			return i
		}
	}
	return -1
}

// parseInteger reads a key that PHP takes for an integer: decimal digits as
// PHP would write them, within 64 bits.
func parseInteger(s string) (int64, bool) {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || !isDigit(digits[0]) || digits[0] == '0' && s != "0" {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}
