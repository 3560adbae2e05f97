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

// compareKeys compares two keys as numbers if both are, else as text.
func compareKeys(x, y sortKey) int {
	switch {
	case !x.isNumber || !y.isNumber:
		return strings.Compare(x.item.Key, y.item.Key)
	case x.number.isInteger && y.number.isInteger:
		return cmp.Compare(x.number.integer, y.number.integer)
	default:
		return cmp.Compare(x.number.float, y.number.float)
	}
}

// startsNumber keeps nearly every name from being read as a number.
func startsNumber(s string) bool {
	return s != "" && (isDigit(s[0]) || s[0] == '-' || s[0] == '+' || isSpace(s[0]))
}

type number struct {
	integer   int64
	float     float64
	isInteger bool
}

// parseNumber is is_numeric, for keys: they have no dot.
func parseNumber(s string) (number, bool) {
	const space = " \t\n\r\v\f"

	s = strings.Trim(s, space)
	if s == "" || strings.Trim(s, "+-0123456789eE") != "" {
		return number{}, false // what Go takes for a number and PHP does not
	}
	integer, errInteger := strconv.ParseInt(s, 10, 64)
	float, errFloat := strconv.ParseFloat(s, 64)
	if errFloat != nil && !math.IsInf(float, 0) {
		return number{}, false
	}
	return number{integer: integer, float: float, isInteger: errInteger == nil}, true
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
