package docs_test

import (
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
	"unicode"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// Every link of every Markdown file leads to a file or a folder, and to a heading
// in it when it says so, as GitHub shows them. Other sites are not asked.
func TestLinks(t *testing.T) {
	t.Parallel()

	repository := os.DirFS("../../..")
	require.FileExists(t, "../../../go.work")

	var seen []string

	err := fs.WalkDir(repository, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return fs.SkipDir
		case path.Ext(name) == ".md":
			seen = append(seen, name)
			assert.Empty(t, brokenLinks(t, repository, name), "%s", name)
		}
		return nil
	})
	require.NoError(t, err)
	assert.Subset(t, seen, []string{"README.md", "docs/reliability.md"})
}

func TestBrokenLinks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ markdown, want string }{
		"file":                {"[x](LICENSE)", ""},
		"folder":              {"[x](docs) [x](docs/)", ""},
		"up":                  {"[x](docs/../LICENSE)", ""},
		"title":               {`[x](LICENSE "a title")`, ""},
		"escape":              {"[x](docs/two%20words.md)", ""},
		"reference":           {"[x][r] [r]\n\n[r]: LICENSE", ""},
		"badge":               {"[![x](LICENSE)](docs)", ""},
		"table":               {"| a |\n| --- |\n| [x](LICENSE) |", ""},
		"heading":             {"[x](docs/deploy.md#the-same)", ""},
		"heading again":       {"[x](docs/deploy.md#the-same-1)", ""},
		"heading with code":   {"[x](docs/deploy.md#kanuu--more-ü)", ""},
		"heading with a link": {"[x](docs/deploy.md#a-link-what_now)", ""},
		"underlined heading":  {"[x](docs/deploy.md#underlined)", ""},
		"anchor":              {"[x](docs/deploy.md#by-hand)", ""},
		"own heading":         {"[x](#here)\n\n# Here", ""},
		"other site":          {"[x](https://example.com/a_(b)#c) <https://example.com>", ""},
		"this machine":        {"[x](http://127.0.0.1:8080) [x](http://localhost)", ""},
		"mail":                {"[x](mailto:ann@example.com) <ann@example.com>", ""},
		"code":                {"`[x](gone)` `[x][r]`\n\n```\n[x](gone)\n```\n\n    [x](gone)", ""},
		"comment":             {"<!-- <a href=\"gone\"> -->", ""},

		"no file":             {"[x](gone.md)", "gone.md: no such file"},
		"other case":          {"[x](license)", "license: no such file"},
		"no picture":          {"![x](gone.svg)", "gone.svg: no such file"},
		"no badge":            {"[![x](gone.svg)](docs)", "gone.svg: no such file"},
		"no file in a list":   {"- a\n  - [x\n    y](gone)", "gone: no such file"},
		"no file in a table":  {"| a |\n| --- |\n| [x](gone) |", "gone: no such file"},
		"no reference":        {"[x][r]\n\n[r]: gone", "gone: no such file"},
		"undefined reference": {"[x][r]", "[x][r]: not defined"},
		"no file in HTML":     {"a <img alt='' src=\"gone.svg\"> b", "gone.svg: no such file"},
		"no file in a block":  {"<picture>\n<source srcset='gone.svg'>\n</picture>", "gone.svg: no such file"},
		"no heading":          {"[x](docs/deploy.md#gone)", "docs/deploy.md#gone: no such heading"},
		"too few headings":    {"[x](docs/deploy.md#the-same-2)", "docs/deploy.md#the-same-2: no such heading"},
		"heading in code":     {"[x](docs/deploy.md#in-code)", "docs/deploy.md#in-code: no such heading"},
		"heading of a folder": {"[x](docs#deploy)", "docs#deploy: no such heading"},
		"line of a file":      {"[x](LICENSE#L7)", "LICENSE#L7: no such heading"},
		"no own heading":      {"[x](#gone)", "#gone: no such heading"},
		"outside":             {"[x](../LICENSE)", "../LICENSE: leads out of the repository"},
		"from the root":       {"[x](/LICENSE)", "/LICENSE: leads out of the repository"},
		"plain http":          {"[x](http://example.com)", "http://example.com: not https"},
		"no host":             {"[x](https:///x)", "https:///x: no host"},
		"no URL":              {"[x](https://example.com/%zz)", "https://example.com/%zz: no URL"},
		"script":              {"[x](javascript:x)", "javascript:x: not https"},
		"nothing":             {"[x]()", ": leads nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			repository := fstest.MapFS{
				"README.md":         {Data: []byte(tc.markdown)},
				"LICENSE":           {},
				"docs/two words.md": {},
				"docs/deploy.md": {
					Data: []byte("# `kanuu` & more, ü\n\n## The same\n\n## The same\n\n## [A link](LICENSE): what_now?\n\n" +
						"Underlined\n---\n\n```\n# In code\n```\n\n<a id=\"by-hand\"></a>\n")},
			}
			var want []string
			if tc.want != "" {
				want = []string{tc.want}
			}
			assert.Equal(t, want, brokenLinks(t, repository, "README.md"))
		})
	}
}

// brokenLinks of one file, each once and with what is wrong.
func brokenLinks(t *testing.T, repository fs.FS, name string) []string {
	t.Helper()

	var broken []string

	page := parse(t, repository, name)
	for _, target := range page.links {
		if problem := judge(t, repository, name, target); problem != "" {
			broken = append(broken, target+": "+problem)
		}
	}

	for _, reference := range page.undefined {
		broken = append(broken, reference+": not defined")
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}

// judge says what is wrong with a link of the named file, or nothing.
func judge(t *testing.T, repository fs.FS, name, target string) string {
	t.Helper()

	link, err := url.Parse(target)
	switch {
	case err != nil:
		return "no URL"
	case target == "":
		return "leads nowhere"
	case link.Scheme == "mailto":
		return ""
	case link.Scheme == "http" && (link.Hostname() == "localhost" || link.Hostname() == "127.0.0.1"):
		return ""
	case link.Scheme != "" && link.Scheme != "https":
		return "not https"
	case link.Scheme == "https" && link.Hostname() == "":
		return "no host"
	case link.Scheme == "https":
		return ""
	}

	to := name
	if link.Path != "" {
		to = path.Join(path.Dir(name), link.Path)
	}

	if strings.HasPrefix(link.Path, "/") || !fs.ValidPath(to) {
		return "leads out of the repository"
	}

	if _, err := fs.Stat(repository, to); err != nil {
		return "no such file"
	}

	if link.Fragment != "" && (path.Ext(to) != ".md" || !slices.Contains(parse(t, repository, to).anchors, link.Fragment)) {
		return "no such heading"
	}
	return ""
}

// page is what of a Markdown file matters to links.
type page struct {
	links     []string // where they lead
	undefined []string // "[text][reference]" that stayed text
	anchors   []string // what a # can name
}

var (
	htmlComment   = regexp.MustCompile(`(?s)<!--.*?-->`)
	htmlLink      = regexp.MustCompile(`\s(?:href|src|srcset)\s*=\s*["']([^"']*)["']`)
	htmlAnchor    = regexp.MustCompile(`\s(?:id|name)\s*=\s*["']([^"']*)["']`)
	code          = regexp.MustCompile("`[^`]*`")
	textReference = regexp.MustCompile(`\[[^][]+\]\[[^][]*\]`)
)

func parse(t *testing.T, repository fs.FS, name string) page {
	t.Helper()

	source, err := fs.ReadFile(repository, name)
	require.NoError(t, err)

	var p page

	html := func(raw []byte) {
		raw = htmlComment.ReplaceAll(raw, nil)
		for _, match := range htmlLink.FindAllSubmatch(raw, -1) {
			p.links = append(p.links, string(match[1]))
		}
		for _, match := range htmlAnchor.FindAllSubmatch(raw, -1) {
			p.anchors = append(p.anchors, string(match[1]))
		}
	}

	err = ast.Walk(goldmark.DefaultParser().Parse(text.NewReader(source)),
		func(node ast.Node, entering bool) (ast.WalkStatus, error) {
			if !entering {
				return ast.WalkContinue, nil
			}
			switch node := node.(type) {
			case *ast.Link:
				p.links = append(p.links, string(node.Destination))
			case *ast.Image:
				p.links = append(p.links, string(node.Destination))
			case *ast.AutoLink:
				if node.AutoLinkType == ast.AutoLinkURL {
					p.links = append(p.links, string(node.URL(source)))
				}
			case *ast.RawHTML:
				html(node.Segments.Value(source))
			case *ast.HTMLBlock:
				html(node.Lines().Value(source))
			case *ast.Heading:
				p.anchors = append(p.anchors, anchor(plain(node, source), p.anchors))
			}
			if node.Type() == ast.TypeBlock && node.ChildCount() > 0 && node.FirstChild().Type() == ast.TypeInline {
				prose := code.ReplaceAllString(plain(node, source), "")
				p.undefined = append(p.undefined, textReference.FindAllString(prose, -1)...)
			}
			return ast.WalkContinue, nil
		})
	require.NoError(t, err)
	return p
}

// plain is the text in node: of its markup, only the backquotes of code are left.
func plain(node ast.Node, source []byte) string {
	var b strings.Builder
	for child := node.FirstChild(); child != nil; child = child.NextSibling() {
		switch child := child.(type) {
		case *ast.Text:
			b.Write(child.Value(source))
		case *ast.CodeSpan:
			b.WriteString("`" + plain(child, source) + "`")
		default:
			b.WriteString(plain(child, source))
		}
	}
	return b.String()
}

// anchor is the name that GitHub gives a heading below those that are taken.
func anchor(heading string, taken []string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsNumber(r), unicode.IsMark(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
	free := name
	for i := 1; slices.Contains(taken, free); i++ {
		free = name + "-" + strconv.Itoa(i)
	}
	return free
}
