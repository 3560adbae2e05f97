package kanuu_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func entries(n int) map[string]string {
	m := make(map[string]string)
	for i := range n {
		m[fmt.Sprintf("k%02d", i)] = "v"
	}
	return m
}

func TestIdentityAccepted(t *testing.T) {
	t.Parallel()
	for name, identity := range map[string]kanuu.Identity{
		"identifier alone":         {Identifier: "42"},
		"prefixed":                 {Identifier: "team:7"},
		"beyond ASCII":             {Identifier: "Zoë 😀"},
		"email":                    {Identifier: "42", Email: "ann+tag@example.co.uk"},
		"email with other marks":   {Identifier: "42", Email: "o'hara=x@example.com"},
		"email beyond ASCII":       {Identifier: "42", Email: "änn@bücher.example"},
		"email on a short host":    {Identifier: "42", Email: "ann@localhost"},
		"16 entries":               {Identifier: "42", Supplemental: entries(16)},
		"64 characters, 256 bytes": {Identifier: "42", Supplemental: map[string]string{"k": strings.Repeat("😀", 64)}},
		"empty value":              {Identifier: "42", Supplemental: map[string]string{"": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, identity.Validate())
			client, fake := setup(t)
			_, err := client.CreateNonce(t.Context(), identity)
			require.NoError(t, err, "Kanuu takes it, too")
			assert.Equal(t, identity.Identifier, fake.Requests()[0].Identifier())
		})
	}
}

// An email address only prefills a form: one that cannot be used closes billing for
// nobody.
func TestUnusableEmailIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, email := range map[string]string{
		"without @": "secret", "without a host": "secret@", "two dots": "se..cret@b.c", "ends in a dot": "secret@b.",
		"with a name": "A <secret@b.c>", "two": "secret@b.c, d@e.f", "newline": "secret@b.c\n", "bytes": "secret\xff@b.c",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			fake := kanuutest.NewServer(&kanuutest.Options{APIKey: key})
			t.Cleanup(fake.Close)
			client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: fake.URL, Logger: debug(&log)})
			require.NoError(t, err)
			for range 3 {
				_, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42", Email: email})
				require.NoError(t, err)
			}
			for _, request := range fake.Requests() {
				assert.JSONEq(t, `{"identifier": "42"}`, string(request.Body))
			}
			assert.Equal(t, 1, strings.Count(log.String(), "kanuu: email address left out"), "once")
			assert.NotContains(t, log.String(), "secret")
		})
	}
}

// Kanuu's rule for an email address may be another one than the library's.
func TestEmailThatKanuuRefusesIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		errors string
		want   error
		calls  int
	}{
		"email":          {`{"email": ["The email must be a valid email address."]}`, nil, 2},
		"something else": {`{"identifier": ["m"]}`, kanuu.ErrValidation, 1},
		"email and more": {`{"email": ["m"], "identifier": ["m"]}`, kanuu.ErrValidation, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := 0
			play := func(r *http.Request) (*http.Response, error) {
				calls++
				body, err := io.ReadAll(r.Body)
				if err == nil && strings.Contains(string(body), "email") {
					return response(422, `{"message": "m", "errors": `+tc.errors+`}`), nil
				}
				return response(201, success), err
			}
			inBubble(t, play, func(t *testing.T, client *kanuu.Client, _ *bytes.Buffer) {
				t.Helper()
				_, err := client.CreateNonce(t.Context(), kanuu.Identity{Identifier: "42", Email: "a@b.c"})
				require.ErrorIs(t, err, tc.want)
				assert.Equal(t, tc.calls, calls)
			})
		})
	}
}

func TestIdentityErrors(t *testing.T) {
	t.Parallel()
	broken := entries(16)
	maps.Copy(broken, map[string]string{"long": strings.Repeat("x", 65), "bad\xff": "v", "badvalue": "\xff", "kanuu": "7"})
	for name, tc := range map[string]struct {
		identity kanuu.Identity
		want     []string
	}{
		"nothing":     {kanuu.Identity{}, []string{"Identifier is empty"}},
		"white space": {kanuu.Identity{Identifier: " \t"}, []string{"Identifier is empty"}},
		"bytes":       {kanuu.Identity{Identifier: "4\xff2"}, []string{"Identifier is not valid UTF-8"}},
		"white space around": {kanuu.Identity{Identifier: "42 "}, []string{
			"Identifier has white space around it, which Kanuu removes: it would be another customer's"}},
		"256 bytes": {kanuu.Identity{Identifier: strings.Repeat("é", 128)}, []string{
			"Identifier has 256 bytes, at most 255 are allowed"}},
		"newline": {kanuu.Identity{Identifier: "4\n2"}, []string{"Identifier has a control character"}},
		"NUL":     {kanuu.Identity{Identifier: "4\x002"}, []string{"Identifier has a control character"}},
		"17 entries": {kanuu.Identity{Identifier: "42", Supplemental: entries(17)},
			[]string{"Supplemental has 17 entries, at most 16 are allowed"}},
		"65 characters": {
			kanuu.Identity{Identifier: "42", Supplemental: map[string]string{"k": strings.Repeat("é", 65)}},
			[]string{`Supplemental["k"] has 65 characters, at most 64 are allowed`},
		},
		"all at once": {
			kanuu.Identity{Email: "secret", Supplemental: broken},
			[]string{
				"Identifier is empty", "Supplemental has 20 entries, at most 16 are allowed",
				`Supplemental["badvalue"] is not valid UTF-8`, `a key of Supplemental is not valid UTF-8: "bad\xff"`,
				`Supplemental["kanuu"] is taken: Kanuu keeps the identifier under it`,
				`Supplemental["long"] has 65 characters, at most 64 are allowed`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fake := setup(t)
			_, err := client.CreateNonce(t.Context(), tc.identity)

			require.ErrorIs(t, err, kanuu.ErrInvalidIdentity)

			var identityErr *kanuu.IdentityError
			require.ErrorAs(t, err, &identityErr)
			assert.Equal(t, tc.want, identityErr.Problems)
			assert.Equal(t, "kanuu: identity is not valid: "+strings.Join(tc.want, "; "), err.Error())
			assert.NotContains(t, err.Error(), "secret")
			assert.Empty(t, fake.Requests(), "Kanuu is not asked")
		})
	}
}
