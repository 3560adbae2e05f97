package paddle

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Len is how many items there are, without those within them.
func (a *Array) Len() int { return len(a.items) }

// Items in their order; not to be changed.
func (a *Array) Items() []Item { return a.items }

// Get finds an item.
func (a *Array) Get(key string) (Item, bool) {
	if i := scan(a.items, key); i >= 0 {
		return a.items[i], true
	}
	return Item{}, false
}

// Remove is unset: it takes an item out, where there is one.
func (a *Array) Remove(key string) (Item, bool) {
	i := scan(a.items, key)
	if i < 0 {
		return Item{}, false
	}
	item := a.items[i]
	a.items = slices.Delete(a.items, i, i+1)
	return item, true
}

// Sort is ksort: names by their bytes, numbers by their value. What is within
// the items stays as it is. Where PHP's comparison contradicts itself (it finds
// 9 < 10 and 10 < 1a, but 1a < 9), so may the order. Each key is read once.
func (a *Array) Sort() {
	if !slices.ContainsFunc(a.items, func(item Item) bool { return startsNumber(item.Key) }) {
		slices.SortFunc(a.items, func(x, y Item) int { return strings.Compare(x.Key, y.Key) })
		return
	}
	keys := make([]sortKey, len(a.items))
	for i, item := range a.items {
		keys[i] = sortKey{item: item}
		if startsNumber(item.Key) {
			keys[i].number, keys[i].isNumber = parseNumber(item.Key)
		}
	}
	slices.SortStableFunc(keys, compareKeys)
	for i := range keys {
		a.items[i] = keys[i].item
	}
}

type sortKey struct {
	item     Item
	number   number
	isNumber bool
}

// compareKeys compares two keys as numbers if both are, else as text. Of two keys that
// are text to PHP, numbers that are too large to tell apart are compared as text.
func compareKeys(x, y sortKey) int {
	a, b := x.number, y.number
	bothText := !a.isKey && !b.isKey
	switch {
	case !x.isNumber || !y.isNumber:
		return strings.Compare(x.item.Key, y.item.Key)
	case a.isInteger && b.isInteger:
		return cmp.Compare(a.integer, b.integer)
	case bothText && a.isInteger && b.overflow != 0:
		return -b.overflow
	case bothText && b.isInteger && a.overflow != 0:
		return a.overflow
	case bothText && a.float == b.float && (math.IsInf(a.float, 0) || a.overflow != 0 && a.overflow == b.overflow):
		return strings.Compare(x.item.Key, y.item.Key)
	}
	return cmp.Compare(a.float, b.float)
}

// startsNumber keeps nearly every name from being read as a number.
func startsNumber(s string) bool {
	return s != "" && (isDigit(s[0]) || s[0] == '-' || s[0] == '+' || isSpace(s[0]))
}

// number is a key that is one. A key such as +5 is text to PHP, and compared as a
// number; 5 is an integer to begin with.
type number struct {
	integer          int64
	float            float64
	isKey, isInteger bool
	overflow         int // 1 or -1: has the digits of an integer that int64 does not hold
}

// minInteger is the lowest int64 without its sign.
const (
	minInteger = "9223372036854775808"
	maxDigits  = len(minInteger)
)

// parseNumber is is_numeric, for keys: they have no dot.
func parseNumber(s string) (number, bool) {
	const space = " \t\n\r\v\f"

	_, isKey := parseInteger(s)
	text := strings.Trim(s, space)
	if text == "" || strings.Trim(text, "+-0123456789eE") != "" {
		return number{}, false // what Go takes for a number and PHP does not
	}
	integer, errInteger := strconv.ParseInt(text, 10, 64)
	float, errFloat := strconv.ParseFloat(text, 64)
	if errFloat != nil && !math.IsInf(float, 0) {
		return number{}, false
	}
	n := number{integer: integer, float: float, isKey: isKey, isInteger: errInteger == nil}
	digits := strings.TrimLeft(strings.TrimLeft(text, "+-"), "0")
	whole := len(digits) - len(strings.TrimLeft(digits, "0123456789"))
	if whole == maxDigits && digits == minInteger && !strings.HasSuffix(s, text) { // PHP compares with the space behind
		n.isInteger = false
	}
	if whole > maxDigits || whole == maxDigits && whole == len(digits) && !n.isInteger {
		n.overflow = 1
		if text[0] == '-' {
			n.overflow = -1
		}
	}
	return n, true
}

// AppendSerialized appends what serialize makes of the array. Lengths are
// bytes.
func (a *Array) AppendSerialized(dst []byte) []byte {
	dst = append(dst, "a:"...)
	dst = strconv.AppendInt(dst, int64(len(a.items)), 10)
	dst = append(dst, ":{"...)
	for i := range a.items {
		item := &a.items[i]
		if _, ok := parseInteger(item.Key); ok {
			dst = append(dst, "i:"...)
			dst = append(dst, item.Key...)
			dst = append(dst, ';')
		} else {
			dst = appendString(dst, item.Key)
		}
		if item.Array != nil {
			dst = item.Array.AppendSerialized(dst)
		} else {
			dst = appendString(dst, item.Text)
		}
	}
	return append(dst, '}')
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, "s:"...)
	dst = strconv.AppendInt(dst, int64(len(s)), 10)
	dst = append(dst, `:"`...)
	dst = append(dst, s...)
	return append(dst, `";`...)
}

// Texts yields each text with its name, and subscripts within array, until yield
// returns false. It tells whether it got to the end.
func (a *Array) Texts(array string, yield func(string, string) bool) bool {
	for _, item := range a.items {
		name := item.Key
		if array != "" {
			name = array + "[" + item.Key + "]"
		}
		if item.Array == nil && !yield(name, item.Text) || item.Array != nil && !item.Array.Texts(name, yield) {
			return false
		}
	}
	return true
}
