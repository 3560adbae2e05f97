// Package page renders the fake's HTML, with its style sheet and nothing else inside.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io/fs"
	"net/http"
	"time"
)

//go:embed style.css
var style string

// Set is some pages that share a style sheet.
type Set struct {
	templates *template.Template
	policy    string
}

// New reads the templates of a folder. The css comes after what all pages have.
func New(files fs.FS, css string, funcs template.FuncMap) *Set {
	css = style + css
	sum := sha256.Sum256([]byte(css))
	return &Set{
		template.Must(template.New("").Funcs(template.FuncMap{
			"style": func() template.CSS { return template.CSS(css) },
			"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		}).Funcs(funcs).ParseFS(files, "templates/*.html")),
		"default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	}
}

// SetHeader sets the headers that all answers have.
func (s *Set) SetHeader(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", s.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	// Keeps links from the application, and, unlike no-referrer, lets browsers
	// name the Origin of a form.
	h.Set("Referrer-Policy", "same-origin")
}

// Render answers with a page.
func (s *Set) Render(w http.ResponseWriter, status int, name string, data any) {
	var b bytes.Buffer
	if err := s.templates.ExecuteTemplate(&b, name, data); err != nil {
		panic(err) // the pages are compiled in and so is what they show
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // nothing is left to do for a visitor who is gone
}
