package urlcheck_test

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/internal/urlcheck"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"/":                    "",
		"/login":               "",
		"/login?next=%2Fa&b=c": "",
		"/a/../b#c":            "",
		"/%2F%5C":              "",
		"/a//b:c@d":            "",
		"":                     "is not a path",
		"login":                "is not a path",
		"?next":                "is not a path",
		"https://evil.example": "is not a path",
		"javascript:alert(1)":  "is not a path",
		" /login":              "is not a path",
		`\/evil.example`:       "is not a path",
		"//evil.example":       "leads to another host",
		"///evil.example":      "leads to another host",
		`/\evil.example`:       "leads to another host",
		`/\/evil.example`:      "leads to another host",
		`/a\b`:                 "has a backslash",
		"/\t/evil.example":     "has a control character",
		"/\n/evil.example":     "has a control character",
		"/a b":                 "has a control character",
		"/a\x7f":               "has a control character",
		"/ä":                   "has a control character",
		"/\xff":                "has a control character",
		"/%zz":                 "is not a URL",
	} {
		t.Run(raw, func(t *testing.T) {
			t.Parallel()
			err := urlcheck.Local(raw)
			if want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

// What Check takes, a browser at this origin resolves to this origin.
func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"/", "/login?a=b#c", "//host", `/\host`, "/\t/host", "/..//host", "/%2f/host", "/.//host"} {
		f.Add(seed)
	}
	page, err := url.Parse("https://app.example/some/page")
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, raw string) {
		if urlcheck.Local(raw) != nil {
			return
		}
		resolved, err := page.Parse(raw)
		require.NoError(t, err)
		assert.Equal(t, "https", resolved.Scheme)
		assert.Equal(t, "app.example", resolved.Host)
		assert.Nil(t, resolved.User)
		assert.NotRegexp(t, `^/[/\\]|[\x00-\x20\x7f-\xff]`, raw)
	})
}
