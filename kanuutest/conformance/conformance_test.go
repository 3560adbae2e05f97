package conformance_test

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

// What the core does by itself is what the suite asks for.
func TestConformance(t *testing.T) {
	t.Parallel()
	result := conformance.Test(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
		who := kanuu.IdentifierResolverFunc(app.Who)
		mux := http.NewServeMux()
		mux.Handle(conformance.Path, kanuu.NewRedirectHandler(app.Client, who, app.Options))
		mux.Handle(conformance.GatedPath, app.Gate.Handler(who, app.Page))
		mux.Handle("POST "+conformance.WebhookPath, app.Webhook)
		return mux
	}})
	visits := 0
	for _, count := range result {
		assert.Equal(t, count.Visits, count.Passed, count.Group)
		visits += count.Visits
	}
	assert.Greater(t, visits, 100)
	assert.Equal(t, conformance.Count{Group: "own error handler"}, result[len(result)-1], "net/http has none")
}

func TestTable(t *testing.T) {
	t.Parallel()
	result := conformance.Result{{"clicks", 3, 3}, {"gate", 2, 1}, {"errors", 0, 0}}
	const (
		head  = "| visits passed | clicks | gate | errors |\n| --- | ---: | ---: | ---: |\n"
		own   = "| own | 3 | 1 of 2 | – |\n"
		other = "| other | 3 | 2 | 4 |\n"
	)
	for name, tc := range map[string]struct{ before, after string }{
		"empty":          {"", head + own},
		"has it":         {head + own + other, head + own + other},
		"another row":    {head + other, head + other + own},
		"an older row":   {head + "| own | 2 | 1 | – |\n" + other, head + own + other},
		"an older head":  {"| visits passed | clicks |\n| --- | ---: |\n" + own, head + own},
		"a similar name": {head + "| owner | 3 | 2 | – |\n", head + "| owner | 3 | 2 | – |\n" + own},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.after, conformance.TableWith(result, tc.before, "own"))
		})
	}
}

func TestCheckTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	result := conformance.Result{{"clicks", 3, 3}}

	require.NoError(t, os.WriteFile(file, []byte("# App\n\n<!-- conformance -->\n<!-- end of conformance -->\n\nMore\n"), 0o600))

	t.Setenv("UPDATE_CONFORMANCE", "1")
	result.CheckTable(t, file, "own")

	t.Setenv("UPDATE_CONFORMANCE", "")
	result.CheckTable(t, file, "own") // would fail

	text, err := os.ReadFile(file)
	require.NoError(t, err)
	assert.Equal(t,
		"# App\n\n<!-- conformance -->\n| visits passed | clicks |\n| --- | ---: |\n| own | 3 |\n"+
			"<!-- end of conformance -->\n\nMore\n", string(text))
}
