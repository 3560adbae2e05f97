package kanuu_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
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

func TestIdentityErrors(t *testing.T) {
	t.Parallel()
	broken := entries(16)
	maps.Copy(broken, map[string]string{"long": strings.Repeat("x", 65), "bad\xff": "v", "badvalue": "\xff", "kanuu": "7"})
	for name, tc := range map[string]struct {
		identity kanuu.Identity
		want     []string
	}{
		"nothing":              {kanuu.Identity{}, []string{"Identifier is empty"}},
		"white space":          {kanuu.Identity{Identifier: " \t"}, []string{"Identifier is empty"}},
		"bytes":                {kanuu.Identity{Identifier: "4\xff2"}, []string{"Identifier is not valid UTF-8"}},
		"email without @":      {kanuu.Identity{Identifier: "42", Email: "secret"}, []string{"Email is not an email address"}},
		"email without a host": {kanuu.Identity{Identifier: "42", Email: "ann@"}, []string{"Email is not an email address"}},
		"email with two dots":  {kanuu.Identity{Identifier: "42", Email: "a..n@b.c"}, []string{"Email is not an email address"}},
		"email ends in a dot":  {kanuu.Identity{Identifier: "42", Email: "ann@b."}, []string{"Email is not an email address"}},
		"email with a name": {kanuu.Identity{Identifier: "42", Email: "A <secret@b.c>"},
			[]string{"Email is not an email address"}},
		"two emails": {kanuu.Identity{Identifier: "42", Email: "secret@b.c, d@e.f"},
			[]string{"Email is not an email address"}},
		"email with a newline": {kanuu.Identity{Identifier: "42", Email: "secret@b.c\n"},
			[]string{"Email is not an email address"}},
		"email in bytes": {kanuu.Identity{Identifier: "42", Email: "\xff@b.c"}, []string{"Email is not valid UTF-8"}},
		"17 entries": {kanuu.Identity{Identifier: "42", Supplemental: entries(17)},
			[]string{"Supplemental has 17 entries, at most 16 are allowed"}},
		"65 characters": {
			kanuu.Identity{Identifier: "42", Supplemental: map[string]string{"k": strings.Repeat("é", 65)}},
			[]string{`Supplemental["k"] has 65 characters, at most 64 are allowed`},
		},
		"all at once": {
			kanuu.Identity{Email: "secret", Supplemental: broken},
			[]string{
				"Identifier is empty", "Email is not an email address", "Supplemental has 20 entries, at most 16 are allowed",
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
