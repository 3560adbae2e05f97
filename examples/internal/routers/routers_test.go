package routers_test

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/gorilla/mux"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/routers"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		build func(portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver, pro http.Handler) http.Handler
	}{
		{"net/http", func(portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver,
			pro http.Handler) http.Handler {
			r := http.NewServeMux()
			routers.MountServeMux(r, portal, hook, gate, who, pro)
			return r
		}},
		{"chi", func(portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver, pro http.Handler) http.Handler {
			r := chi.NewRouter()
			routers.MountChi(r, portal, hook, gate, who, pro)
			return r
		}},
		{"gorilla/mux", func(portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver,
			pro http.Handler) http.Handler {
			r := mux.NewRouter()
			routers.MountGorilla(r, portal, hook, gate, who, pro)
			return r
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			conformance.Test(t, conformance.Framework{Build: func(app conformance.App) http.Handler {
				who := kanuu.IdentifierResolverFunc(app.Who)
				return tc.build(kanuu.NewRedirectHandler(app.Client, who, app.Options), app.Webhook, app.Gate, who, app.Page)
			}}).CheckTable(t, "../../../README.md", tc.name)
		})
	}
}

// Every Go block of docs/routers.md stands in a file of this package, between
// "// snippet:" lines, and the other way round.
func TestSnippetsCompile(t *testing.T) {
	t.Parallel()

	page, err := os.ReadFile("../../../docs/routers.md")
	require.NoError(t, err)

	var shown, compiled []string
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		shown = append(shown, strings.TrimSpace(block[1]))
	}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		source = regexp.MustCompile(` //nolint:.*`).ReplaceAll(source, nil)
		for _, snippet := range regexp.MustCompile(`(?s)\n(\t*)// snippet: [^\n]+\n(.*?)// snippet: end\n`).FindAllStringSubmatch(
			string(source), -1) {
			compiled = append(compiled, strings.TrimSpace(strings.ReplaceAll("\n"+snippet[2], "\n"+snippet[1], "\n")))
		}
	}

	assert.NotEmpty(t, shown)
	assert.ElementsMatch(t, compiled, shown)
}
