package readme_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../../.."

// snippet finds what stands between "// snippet:" lines, and its indentation.
var snippet = regexp.MustCompile(`(?s)\n(\t*)// snippet: [^\n]+\n(.*?)\n\t*// snippet: end\n`)

var block = regexp.MustCompile("(?s)```go\n(.*?)```")

// Every Go block of the README and of docs/ stands in a Go file of some module,
// between "// snippet:" lines, and the other way round.
func TestSnippetsCompile(t *testing.T) {
	t.Parallel()

	compiled := make(map[string]string) // the file, by the snippet
	for _, file := range files(t, root, ".go") {
		source := regexp.MustCompile(` //nolint:.*`).ReplaceAllString(read(t, file), "") // is for us alone
		for _, found := range snippet.FindAllStringSubmatch(source, -1) {
			text := strings.ReplaceAll("\n"+found[2], "\n"+found[1], "\n")
			compiled[strings.TrimSpace(text)] = file
		}
	}

	shown := make(map[string]bool)
	pages := append(files(t, filepath.Join(root, "docs"), ".md"), filepath.Join(root, "README.md"))
	for _, page := range pages {
		for _, found := range block.FindAllStringSubmatch(read(t, page), -1) {
			text := strings.TrimSpace(found[1])
			shown[text] = true
			assert.NotEmpty(t, compiled[text], "a block of %s is in no Go file:\n%s", page, text)
		}
	}

	require.NotEmpty(t, shown)
	for text, file := range compiled {
		assert.True(t, shown[text], "a snippet of %s is on no page:\n%s", file, text)
	}
}

// files with that ending, below a folder.
func files(t *testing.T, folder, ending string) []string {
	t.Helper()
	var found []string
	require.NoError(t, filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && path != folder && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules"):
			return filepath.SkipDir
		case !entry.IsDir() && strings.HasSuffix(name, ending):
			found = append(found, path)
		}
		return nil
	}))
	return found
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	return string(text)
}
