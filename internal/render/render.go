// Package render writes the short responses of the library: a page for people,
// problem+json for programs.
package render

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"strconv"
)

// Page is what a customer reads.
type Page struct {
	Title, Text string

	// Link leads onward, with its text. It is a path of the application.
	Link, LinkText string

	// Reload makes Turbo load the page itself in place of showing it.
	Reload bool
}

// page needs nothing but itself. Its link leaves frames.
const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
%s<title>%s</title>
<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1.5rem}</style>
<main><h1>%[2]s</h1><p>%s</p><p><a href="%s" target="_top">%s</a></p></main>
</html>
`

const reload = `<meta name="turbo-visit-control" content="reload">` + "\n"

// HTML writes a page.
func HTML(w http.ResponseWriter, status int, p Page) {
	head := ""
	if p.Reload {
		head = reload
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	Body(w, status, "text/html; charset=utf-8", fmt.Sprintf(page, head, html.EscapeString(p.Title),
		html.EscapeString(p.Text), html.EscapeString(p.Link), html.EscapeString(p.LinkText)))
}

// Problem is problem+json, see RFC 9457.
type Problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	BillingURL string `json:"billing_url,omitempty"`
	LoginURL   string `json:"login_url,omitempty"`
}

// Write writes the problem.
func (p Problem) Write(w http.ResponseWriter) { JSON(w, p.Status, "application/problem+json", p) }

// JSON writes a value of texts and numbers.
func JSON(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil { // cannot happen
		panic("kanuu: " + err.Error())
	}
	Body(w, status, contentType, string(body)+"\n")
}

// Body declares the length of the response: net/http then cuts off what an error
// handler of a framework would write after it.
func Body(w http.ResponseWriter, status int, contentType, body string) {
	values := [...]string{"no-store", contentType, strconv.Itoa(len(body)), "nosniff"} // one allocation for all
	h := w.Header()
	h["Cache-Control"] = values[0:1:1]
	h["Content-Type"] = values[1:2:2]
	h["Content-Length"] = values[2:3:3]
	h["X-Content-Type-Options"] = values[3:4:4]
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // fails when the user has left
}

// Continue leads to the same path by a navigation, which gets the nonce.
func Continue(path string, reload bool) Page {
	return Page{
		Title: "Billing", Text: "Billing opens on a page of its own.", Link: path, LinkText: "Continue", Reload: reload,
	}
}

// SetHeader sets what every response of a redirect handler has, in one allocation.
func SetHeader(h http.Header, vary string) {
	values := [...]string{"no-store", "no-referrer", vary}

	// The third index keeps an append to one from writing into the next.
	h["Cache-Control"] = values[0:1:1]
	h["Referrer-Policy"] = values[1:2:2]
	if old := h["Vary"]; old != nil {
		h["Vary"] = append(old, vary)
	} else {
		h["Vary"] = values[2:3:3]
	}
}
