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

// Links within the repository lead somewhere, also to the right heading.
func TestLinks(t *testing.T) {
	t.Parallel()

	link := regexp.MustCompile(`\]\(([^)\s]+)\)|(?:src|srcset|href)="([^"]+)"`)
	code := regexp.MustCompile("(?s)```.*?```|`[^`\n]*`")
	pages := append(files(t, filepath.Join(root, "docs"), ".md"), files(t, filepath.Join(root, "examples"), ".md")...)
	pages = append(pages, onlyFiles(t, root, ".md")...)

	checked := 0

	for _, page := range pages {
		for _, found := range link.FindAllStringSubmatch(code.ReplaceAllString(read(t, page), ""), -1) {
			target := found[1] + found[2]
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}

			path, heading, _ := strings.Cut(target, "#")

			file := page
			if path != "" {
				file = filepath.Join(filepath.Dir(page), path)
			}

			if assert.FileExistsf(t, withReadme(file), "%s links to %s", page, target) && heading != "" {
				assert.Contains(t, headings(read(t, file)), heading, "%s links to %s", page, target)
			}

			checked++
		}
	}

	assert.Greater(t, checked, 20)
}

// withReadme is the page of a folder that is linked to.
func withReadme(path string) string {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		for _, name := range []string{"README.md", "main.go", "go.mod"} {
			if _, err := os.Stat(filepath.Join(path, name)); err == nil {
				return filepath.Join(path, name)
			}
		}

		if sources, _ := filepath.Glob(filepath.Join(path, "*.go")); len(sources) > 0 {
			return sources[0]
		}
	}

	return path
}

// headings are the anchors that GitHub gives to the headings of a page.
func headings(page string) []string {
	var anchors []string

	for _, found := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(page, -1) {
		anchor := regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(found[1]), "")
		anchors = append(anchors, strings.ReplaceAll(anchor, " ", "-"))
	}

	return anchors
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

// onlyFiles are those of the folder itself.
func onlyFiles(t *testing.T, folder, ending string) []string {
	t.Helper()

	found, err := filepath.Glob(filepath.Join(folder, "*"+ending))
	require.NoError(t, err)

	return found
}

func read(t *testing.T, file string) string {
	t.Helper()

	text, err := os.ReadFile(file)
	require.NoError(t, err)

	return string(text)
}
