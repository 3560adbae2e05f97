// Package documented_test holds that every exported entry of every module has
// an example whose output is checked.
package documented_test

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// Folders whose packages nobody imports, or that examples cannot show.
var withoutExamples = map[string]string{
	"bench":                 "programs that measure",
	"cmd":                   "programs",
	"e2e":                   "programs that test",
	"examples":              "they are examples",
	"kanuutest/conformance": "it takes a *testing.T, which an example has not; its package comment shows the use",
}

// Methods by which a type is an error, is printed or is a handler. The example
// of the type shows what they do.
var ofTheStandardLibrary = []string{
	"Error", "Is", "Unwrap", "String", "Format", "LogValue", "MarshalText", "MarshalJSON", "UnmarshalJSON", "ServeHTTP",
}

// Entries by package and name, with the reason why they have no example.
var exceptions = map[string]string{
	"kanuutest/CallState":     "the example of State shows it",
	"kanuutest/CustomerState": "the example of Kanuu.State shows it",
	"kanuutest/PlanState":     "the example of State shows it",
	"kanuutest/WebhookState":  "a part of State",
}

func TestEveryEntryHasAnExample(t *testing.T) {
	t.Parallel()

	used := make(map[string]bool)

	for _, folder := range packages(t) {
		missing := undocumented(t, folder)
		missing = slices.DeleteFunc(missing, func(name string) bool {
			name = filepath.ToSlash(filepath.Join(folder, name))
			used[name] = true

			return exceptions[name] != ""
		})

		assert.Empty(t, missing, "in %s: entries without an example that has an output", folder)
	}

	for name := range exceptions {
		assert.True(t, used[name], "%s is no exception any more", name)
	}
}

// packages are the folders, from the root, of all packages that users import.
func packages(t *testing.T) []string {
	t.Helper()

	var folders []string

	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}

		folder, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}

		name := entry.Name()
		if folder != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "internal" || withoutExamples[filepath.ToSlash(folder)] != "") {
			return filepath.SkipDir
		}

		sources, err := filepath.Glob(filepath.Join(path, "*.go"))
		if len(sources) > 0 {
			folders = append(folders, folder)
		}

		return err
	}))

	for _, known := range []string{".", "kanuutest", filepath.Join("adapters", "echo"), filepath.Join("adapters", "redis")} {
		require.Contains(t, folders, known)
	}

	return folders
}

// undocumented are the exported names of a package without an example.
func undocumented(t *testing.T, folder string) []string {
	t.Helper()

	fset := token.NewFileSet()

	var files []*ast.File

	paths, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	require.NoError(t, err)

	for _, path := range paths {
		source, err := os.ReadFile(path)
		require.NoError(t, err)

		file, err := parser.ParseFile(fset, path, source, parser.ParseComments)
		require.NoError(t, err)

		files = append(files, file)
	}

	pkg, err := doc.NewFromFiles(fset, files, "example.com/"+filepath.ToSlash(folder))
	require.NoError(t, err)

	shown := mentioned(pkg.Name, files)

	missing := values(pkg.Consts, shown)
	missing = append(missing, values(pkg.Vars, shown)...)
	missing = append(missing, functions("", pkg.Funcs)...)

	for _, entry := range pkg.Types {
		if !checked(entry.Examples) {
			missing = append(missing, entry.Name)
		}

		missing = append(missing, values(entry.Consts, shown)...)
		missing = append(missing, values(entry.Vars, shown)...)
		missing = append(missing, functions("", entry.Funcs)...)
		missing = append(missing, functions(entry.Name+".", entry.Methods)...)
	}

	return missing
}

func functions(of string, entries []*doc.Func) []string {
	var missing []string

	for _, entry := range entries {
		if of != "" && slices.Contains(ofTheStandardLibrary, entry.Name) {
			continue
		}

		if entry.Level == 0 && !checked(entry.Examples) { // else it is promoted, and shown where it comes from
			missing = append(missing, of+entry.Name)
		}
	}

	return missing
}

// values are the constants and variables without an example: Go's documentation
// has no place for one, so that it is enough when an example has the name.
func values(groups []*doc.Value, shown map[string]bool) []string {
	var missing []string

	for _, group := range groups {
		for _, name := range group.Names {
			if ast.IsExported(name) && !shown[name] {
				missing = append(missing, name)
			}
		}
	}

	return missing
}

// checked tells whether one of the examples has an output.
func checked(examples []*doc.Example) bool {
	return slices.ContainsFunc(examples, func(example *doc.Example) bool {
		return example.Output != "" || example.EmptyOutput
	})
}

// mentioned are the names of the package in the code of examples with an output.
func mentioned(pkg string, files []*ast.File) map[string]bool {
	names := make(map[string]bool)

	for _, example := range doc.Examples(files...) {
		if !checked([]*doc.Example{example}) {
			continue
		}

		ast.Inspect(example.Code, func(node ast.Node) bool {
			if selector, ok := node.(*ast.SelectorExpr); ok {
				if of, ok := selector.X.(*ast.Ident); ok && of.Name == pkg {
					names[selector.Sel.Name] = true
				}
			}

			return true
		})
	}

	return names
}
