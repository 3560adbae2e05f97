package flatjson_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/internal/flatjson"
)

type member struct{ name, value string }

func members(text string) (got []member, ok bool) {
	ok = flatjson.Members([]byte(text), func(name, value []byte) {
		got = append(got, member{string(name), string(value)})
	})
	return got, ok
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want []member
	}{
		"empty": {text: `{}`},
		"blank": {text: " { \t} \n"},
		"one":   {text: `{"a":1}`, want: []member{{"a", "1"}}},
		"every": {text: `{"a":"x","b":-1.5e3,"c":true,"d":null}`, want: []member{{"a", `"x"`}, {"b", "-1.5e3"}, {"c", "true"},
			{"d", "null"}}},
		"spaced":    {text: "{ \"a\" :\n1 ,\t\"b\": \"x\" \r}", want: []member{{"a", "1"}, {"b", `"x"`}}},
		"nested":    {text: `{"a":{"b":[1,{"c":"]}"}]},"d":[]}`, want: []member{{"a", `{"b":[1,{"c":"]}"}]}`}, {"d", "[]"}}},
		"quotes":    {text: `{"a":"x\",\"b\":\\","c":"{"}`, want: []member{{"a", `"x\",\"b\":\\"`}, {"c", `"{"`}}},
		"twice":     {text: `{"a":1,"a":2}`, want: []member{{"a", "1"}, {"a", "2"}}},
		"no name":   {text: `{"":0}`, want: []member{{"", "0"}}},
		"delimiter": {text: `{",:{":",:}"}`, want: []member{{",:{", `",:}"`}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok := members(test.text)
			assert.True(t, ok)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestMembersOfNoObject(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", " ", "null", "1", `"a"`, `[{"a":1}]`, "{", `{"a"}`, `{"a":1`, `{"a":1}}`, `{"a":1,}`, `{a:1}`, "{\"a\":\"\xff\"}",
		"<html>",
	} {
		got, ok := members(text)
		assert.False(t, ok, "%q", text)
		assert.Empty(t, got, "%q", text)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`""`:                     "",
		`"x"`:                    "x",
		`"https://kanuu.io"`:     "https://kanuu.io",
		`"https:\/\/kanuu.io\/"`: "https://kanuu.io/",
		`"\\/"`:                  `\/`,
		`"\\\/\/"`:               `\//`,
		`"a\nb\u00e9\"\\"`:       "a\nbé\"\\",
		`"é"`:                    "é",
	} {
		got, ok := flatjson.Text([]byte(value))
		assert.True(t, ok, value)
		assert.Equal(t, want, got, value)
	}
	for _, value := range []string{"1", "null", "true", `{"a":"b"}`, `["a"]`} {
		_, ok := flatjson.Text([]byte(value))
		assert.False(t, ok, value)
	}
}

// What is read is what encoding/json reads, and what is written it can read.
func FuzzAgainstEncodingJSON(f *testing.F) {
	f.Add(`{"nonce":"d3e2","url":"https:\/\/kanuu.io\/manage\/acme\/d3e2"}`)
	f.Add(`{"is_subscribed":true,"plan_id":12345,"status":null,"a":{"b":[1,"]"]}}`)
	f.Add(` {"a" : "\\\"\u00e9\/" , "b":-1e5}`)
	f.Add("a\nb\x00\"é\u2028\\")
	f.Fuzz(func(t *testing.T, text string) {
		var want map[string]json.RawMessage

		isObject := json.Unmarshal([]byte(text), &want) == nil && want != nil && utf8.ValidString(text)

		got, ok := members(text)
		require.Equal(t, isObject, ok)
		if !ok {
			want = nil
		}
		last := make(map[string]string)
		for _, m := range got {
			var name string
			require.NoError(t, json.Unmarshal([]byte(`"`+m.name+`"`), &name))
			last[name] = m.value

			var wantText *string

			isText := json.Unmarshal([]byte(m.value), &wantText) == nil && wantText != nil

			gotText, ok := flatjson.Text([]byte(m.value))
			require.Equal(t, isText, ok, m.value)
			if ok {
				require.Equal(t, *wantText, gotText)
			}
		}

		require.Len(t, last, len(want))
		for name, value := range want {
			require.Equal(t, string(value), last[name])
		}

		if utf8.ValidString(text) {
			var back string
			require.NoError(t, json.Unmarshal(flatjson.AppendText(nil, text), &back))
			require.Equal(t, text, back)
		}
	})
}
