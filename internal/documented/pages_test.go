// Package documented_test compares docs/ with the log lines and errors of the library.
package documented_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// library holds the packages that write log lines or have errors, from the root.
var library = []string{"*.go", "internal/*/*.go", "adapters/*/*.go", "kanuutest/*.go"}

// spoken is what the packages that users import write to logs and call their
// errors.
type spoken struct {
	lines, attributes, errors []string
}

// logMethods are those of a *slog.Logger, with the place of the message.
var logMethods = map[string]int{"Debug": 0, "Info": 0, "Warn": 0, "Error": 0, "LogAttrs": 2, "Log": 2, "warn": 1}

var attributeFuncs = []string{"String", "Int", "Any", "Duration", "Bool", "Uint64"}

func listen(t *testing.T) spoken {
	t.Helper()
	var heard spoken
	for _, pattern := range library {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			require.NoError(t, err)
			known := heard.errors
			ast.Inspect(file, heard.hear)
			if strings.HasPrefix(pattern, "internal/") {
				heard.errors = known // users see those of the root
			}
		}
	}
	slices.Sort(heard.lines)
	heard.lines = slices.Compact(heard.lines)
	return heard
}

func (s *spoken) hear(node ast.Node) bool {
	switch node := node.(type) {
	case *ast.CallExpr:
		s.hearCall(node)
	case *ast.KeyValueExpr: // of the two handlers that answer visits
		if key, ok := node.Key.(*ast.Ident); ok && key.Name == "message" {
			s.hearLine(node.Value)
		}
	case *ast.ValueSpec:
		for _, name := range node.Names {
			if strings.HasPrefix(name.Name, "Err") {
				s.errors = append(s.errors, name.Name)
			}
		}
	}
	return true
}

func (s *spoken) hearCall(call *ast.CallExpr) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	if at, ok := logMethods[selector.Sel.Name]; ok && len(call.Args) > at {
		s.hearLine(call.Args[at])
	}
	if of, ok := selector.X.(*ast.Ident); ok && of.Name == "slog" && slices.Contains(attributeFuncs, selector.Sel.Name) {
		if name, ok := text(call.Args[0]); ok {
			s.attributes = append(s.attributes, name)
		}
	}
}

func (s *spoken) hearLine(expression ast.Expr) {
	if line, ok := text(expression); ok && strings.HasPrefix(line, "kanuu") {
		s.lines = append(s.lines, line)
	}
}

func text(expression ast.Expr) (string, bool) {
	literal, ok := expression.(*ast.BasicLit)
	if !ok || literal.Kind != token.STRING {
		return "", false
	}
	value, err := strconv.Unquote(literal.Value)
	return value, err == nil
}

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", name))
	require.NoError(t, err)
	return string(text)
}

// The pages about errors and log lines know all that there are, and no others.
func TestErrorsAndLogLinesAreExplained(t *testing.T) {
	t.Parallel()

	heard := listen(t)
	require.Greater(t, len(heard.lines), 10)
	require.Greater(t, len(heard.errors), 10)

	line := regexp.MustCompile("(?m)^\\| `(kanuu[a-z]*: [^`]+)` \\|")
	for _, name := range []string{"errors.md", "observability.md"} {
		var explained []string
		for _, found := range line.FindAllStringSubmatch(page(t, name), -1) {
			explained = append(explained, found[1])
		}
		slices.Sort(explained)
		assert.Equal(t, heard.lines, slices.Compact(explained), name)
	}

	for _, name := range heard.errors {
		assert.Regexp(t, "(?m)^\\| .*`(kanuu(redis|sql)\\.)?"+name+"`", page(t, "errors.md"), "errors.md")
	}

	for _, name := range heard.attributes {
		assert.Contains(t, page(t, "observability.md"), "`"+name+"`", "observability.md")
	}
}

// The page about errors has the causes by which the log says why a webhook was
// rejected, and the statuses that were answered.
func TestRejectionsAreExplained(t *testing.T) {
	t.Parallel()

	var source strings.Builder
	for _, path := range []string{
		"verify.go", "internal/paddle/read.go", "internal/paddle/form.go", "internal/paddle/signature.go",
	} {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		source.Write(text)
	}
	texts := make(map[string]string)
	for _, found := range regexp.MustCompile(`(\w+)\s+= errors\.New\("([^"]+)"`).FindAllStringSubmatch(source.String(), -1) {
		texts[found[1]] = found[2]
	}
	rows := regexp.MustCompile(`\{(?:paddle\.)?(\w+), http\.Status(\w+),`).FindAllStringSubmatch(source.String(), -1)
	require.Greater(t, len(rows), 10)
	statuses := map[string]string{
		"MethodNotAllowed": "405", "UnsupportedMediaType": "415", "Unauthorized": "401", "BadRequest": "400",
		"RequestEntityTooLarge": "413",
	}
	for _, row := range rows {
		require.NotEmpty(t, texts[row[1]], row[1])
		assert.Regexp(t, "(?m)^\\| .*`"+regexp.QuoteMeta(strings.TrimSpace(texts[row[1]]))+".*\\| "+statuses[row[2]]+" \\|",
			page(t, "errors.md"))
	}
}
