package readme_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Every Go block of the README stands in a file of this package, between
// "// snippet:" lines, and the other way round.
func TestSnippetsCompile(t *testing.T) {
	t.Parallel()

	readme, err := os.ReadFile("../../../README.md")
	require.NoError(t, err)

	var shown, compiled []string
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		shown = append(shown, strings.TrimSpace(block[1]))
	}

	files, err := filepath.Glob("*.go")
	require.NoError(t, err)

	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)

		for _, snippet := range regexp.MustCompile("(?s)\n\t// snippet: [^\n]+\n(\t.*?)\t// snippet: end\n").FindAllStringSubmatch(string(source), -1) {
			compiled = append(compiled, strings.TrimSpace(strings.ReplaceAll("\n"+snippet[1], "\n\t", "\n")))
		}
	}

	assert.NotEmpty(t, shown)
	assert.ElementsMatch(t, compiled, shown)
}
