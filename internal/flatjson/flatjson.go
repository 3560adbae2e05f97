// Package flatjson reads and writes the small JSON objects of Kanuu's API
// without reflection. Unlike encoding/json it takes the names of members as
// they stand: it matters whether they are upper or lower case, and an escaped
// letter in one is not the letter.
package flatjson

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// Members calls member for each member of a JSON object, in their order, with
// the value as it stands there. It returns false, before any call, if text is
// not a JSON object in UTF-8.
func Members(text []byte, member func(name, value []byte)) bool {
	text = bytes.TrimSpace(text)
	if !bytes.HasPrefix(text, []byte("{")) || !json.Valid(text) || !utf8.Valid(text) {
		return false
	}

	// The grammar was checked: what is left to find is where things end.
	for text = text[1:]; ; {
		text = bytes.TrimLeft(text, ", \t\r\n")
		if text[0] == '}' {
			return true
		}
		name := text[:end(text)]
		text = bytes.TrimLeft(text[len(name):], ": \t\r\n")
		value := text[:end(text)]
		text = text[len(value):]

		member(name[1:len(name)-1], value)
	}
}

// end of the value with which text begins.
func end(text []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
			if !quoted && depth == 0 {
				return i + 1
			}
		case quoted:
		case c == '{', c == '[':
			depth++
		case depth == 0 && strings.IndexByte(",:}] \t\r\n", c) >= 0: // after a number or a word
			return i
		case c == '}', c == ']':
			depth--
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(text)
}

// Text of a value that is a string.
func Text(value []byte) (text string, ok bool) {
	if value[0] != '"' {
		return "", false
	}
	text = string(value[1 : len(value)-1])
	// PHP writes a slash as \/, and seldom anything else after a backslash.
	if strings.Contains(text, `\`) {
		text = strings.ReplaceAll(text, `\/`, `/`)
	}

	if !strings.Contains(text, `\`) {
		return text, true
	}

	// A variable of its own: text, had it an address, would be on the heap always.
	var unescaped string

	err := json.Unmarshal(value, &unescaped)
	return unescaped, err == nil
}

// AppendText appends text, which is valid UTF-8, as a JSON string.
func AppendText(b []byte, text string) []byte {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		quoted, err := json.Marshal(text)
		if err != nil { // a string: cannot happen
			panic("flatjson: " + err.Error())
		}
		return append(b, quoted...)
	}
	return append(append(append(b, '"'), text...), '"')
}
