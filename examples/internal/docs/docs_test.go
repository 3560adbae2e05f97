package docs_test

import (
	"bytes"
	"cmp"
	"io/fs"
	"net/url"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/renderer/html"
	nethtml "golang.org/x/net/html"
)

var (
	repository   = os.DirFS("../../..")
	snippet      = regexp.MustCompile(`(?s)\n(\t*)// snippet: [^\n]+\n(.*?)\n\t*// snippet: end\n`)
	block        = regexp.MustCompile("(?s)```go\n(.*?)```")
	heading      = regexp.MustCompile(`^h[1-6]$`)
	notInAnchors = regexp.MustCompile(`[^\pL\pN\pM _-]`)
	reference    = regexp.MustCompile(`\[[^][]+\]\[[^][]*\]`)
)

// Each link of each Markdown file leads to a file or folder, and to a heading if it names one, as
// on GitHub. Other sites are not requested.
func TestLinks(t *testing.T) {
	t.Parallel()
	for _, file := range filesWith(t, ".md") {
		assert.Empty(t, brokenLinks(t, repository, file), file)
	}
}

// Each Go block of a page is in a Go file, between "// snippet:" lines, and each
// such snippet is on a page.
func TestSnippetsCompile(t *testing.T) {
	t.Parallel()
	var compiled, shown []string
	for _, file := range filesWith(t, ".go") {
		source := regexp.MustCompile(` //nolint:.*`).ReplaceAllString(read(t, repository, file), "")
		for _, match := range snippet.FindAllStringSubmatch(source, -1) {
			compiled = append(compiled, strings.TrimSpace(strings.ReplaceAll("\n"+match[2], "\n"+match[1], "\n")))
		}
	}
	for _, file := range filesWith(t, ".md") {
		for _, match := range block.FindAllStringSubmatch(read(t, repository, file), -1) {
			shown = append(shown, strings.TrimSpace(match[1]))
		}
	}
	assert.NotEmpty(t, shown)
	assert.ElementsMatch(t, compiled, shown, "the snippets of Go files and the blocks of pages")
}

func TestBrokenLinks(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{
		"LICENSE": {}, "docs/two words.md": {},
		"a.md": {Data: []byte("# `kanuu` & more, ü\n\n## The same\n\n## The same\n\n## [A link](LICENSE): what_now?\n\n" +
			"Underlined\n---\n\n```\n# In code\n```\n\n<a id=\"by-hand\"></a>\n")},
	}
	for markdown, want := range map[string]string{
		"[x](LICENSE) [x](docs) [x](docs/) [x](docs/../LICENSE) [x](docs/two%20words.md)":                        "",
		"[x](LICENSE \"a title\") [x][r] [r] [![x](LICENSE)](docs)\n\n| [x](LICENSE) |\n| --- |\n\n[r]: LICENSE": "",
		"[x](a.md#the-same) [x](a.md#the-same-1) [x](a.md#kanuu--more-ü) [x](#here)\n\n# Here":                   "",
		"[x](a.md#a-link-what_now) [x](a.md#underlined) [x](a.md#by-hand)":                                       "",
		"<https://example.com/a_(b)#c> [x](http://127.0.0.1:80) [x](http://localhost) <alice@example.com>":       "",
		"`[x](gone)` `[x][r]`\n\n```\n[x](gone)\n```\n\n    [x](gone)\n\n<!-- <a href=\"gone\"> -->":             "",

		"[x](license) ![x](a) [![x](b)](docs)":          "a: no such file|b: no such file|license: no such file",
		"- a\n  - [x\n    y](a)\n\n| [x](b) |\n| --- |": "a: no such file|b: no such file",
		"[x][r] [y][s]\n\n[r]: gone":                    "[y][s]: not defined|gone: no such file",
		"a <img alt='' src=\"a\"> <source srcset='b'>":  "a: no such file|b: no such file",
		"[x](a.md#in-code) [x](a.md#the-same-2)":        "a.md#in-code: no heading|a.md#the-same-2: no heading",
		"[x](#gone) [x](docs#b) [x](LICENSE#L7)":        "#gone: no heading|LICENSE#L7: no heading|docs#b: no heading",
		"[x](../LICENSE) [x](/LICENSE)":                 "../LICENSE: outside|/LICENSE: outside",
		"[x](http://example.com) [x](javascript:x)":     "http://example.com: not https|javascript:x: not https",
		"<a href='https://example.com/%zz'>x</a>":       "https://example.com/%zz: no URL",
		"[x]() [x](https:///x)":                         ": empty|https:///x: no host",
	} {
		files["README.md"] = &fstest.MapFile{Data: []byte(markdown)}
		assert.Equal(t, want, strings.Join(brokenLinks(t, files, "README.md"), "|"), markdown)
	}
}

// brokenLinks of one file, each once and with what is wrong.
func brokenLinks(t *testing.T, files fs.FS, name string) []string {
	t.Helper()
	links, broken, _ := parse(t, files, name)
	for _, target := range links {
		if problem := check(t, files, name, target); problem != "" {
			broken = append(broken, target+": "+problem)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(broken)))
}

// check says what is wrong with a link of the named file, or nothing.
func check(t *testing.T, files fs.FS, name, target string) string {
	t.Helper()
	link, err := url.Parse(target)
	switch {
	case err != nil:
		return "no URL"
	case target == "":
		return "empty"
	case link.Scheme == "mailto", link.Scheme == "https" && link.Host != "", link.Hostname() == "localhost",
		link.Hostname() == "127.0.0.1":
		return ""
	case link.Scheme == "https":
		return "no host"
	case link.Scheme != "":
		return "not https"
	}
	to := path.Join(path.Dir(name), cmp.Or(link.Path, path.Base(name)))
	if strings.HasPrefix(link.Path, "/") || !fs.ValidPath(to) {
		return "outside"
	}
	if _, err := fs.Stat(files, to); err != nil {
		return "no such file"
	}
	var anchors []string
	if path.Ext(to) == ".md" {
		_, _, anchors = parse(t, files, to)
	}
	if link.Fragment != "" && !slices.Contains(anchors, link.Fragment) {
		return "no heading"
	}
	return ""
}

// parse returns a Markdown file's links, its "[text][reference]" that are not defined, and what a # can name.
func parse(t *testing.T, files fs.FS, name string) (links, undefined, anchors []string) {
	t.Helper()
	var page bytes.Buffer
	markdown := goldmark.New(goldmark.WithRendererOptions(html.WithUnsafe())) // raw HTML, as it is
	require.NoError(t, markdown.Convert([]byte(read(t, files, name)), &page))
	root, err := nethtml.Parse(&page)
	require.NoError(t, err)
	for node := range root.Descendants() {
		for _, attribute := range node.Attr {
			switch attribute.Key {
			case "href", "src", "srcset":
				links = append(links, attribute.Val)
			case "id", "name":
				anchors = append(anchors, attribute.Val)
			}
		}
		if heading.MatchString(node.Data) && node.Type == nethtml.ElementNode {
			anchors = append(anchors, anchor(node, anchors))
		}
		if node.Type == nethtml.TextNode && node.Parent.Data != "code" {
			for _, text := range reference.FindAllString(node.Data, -1) {
				undefined = append(undefined, text+": not defined")
			}
		}
	}
	return links, undefined, anchors
}

// anchor is the name that GitHub gives a heading below those that are taken.
func anchor(heading *nethtml.Node, taken []string) string {
	var text strings.Builder
	for node := range heading.Descendants() {
		if node.Type == nethtml.TextNode {
			text.WriteString(node.Data)
		}
	}
	name := strings.ReplaceAll(strings.ToLower(notInAnchors.ReplaceAllString(text.String(), "")), " ", "-")
	free := name
	for i := 1; slices.Contains(taken, free); i++ {
		free = name + "-" + strconv.Itoa(i)
	}
	return free
}

// filesWith that ending in the repository.
func filesWith(t *testing.T, ending string) (found []string) {
	t.Helper()
	require.NoError(t, fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return fs.SkipDir
		case strings.HasSuffix(name, ending):
			found = append(found, name)
		}
		return err
	}))
	return found
}

func read(t *testing.T, files fs.FS, name string) string {
	t.Helper()
	text, err := fs.ReadFile(files, name)
	require.NoError(t, err)
	return string(text)
}
