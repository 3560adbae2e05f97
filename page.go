package kanuu

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// sentence is what a customer is told about a status: what happened, and what
// they can do. It never names the cause.
func sentence(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "Please log in."
	case http.StatusPaymentRequired:
		return "This is for subscribers."
	case http.StatusForbidden:
		return "You may not open this page from here."
	case http.StatusTooManyRequests:
		return "You have opened this page very often. Please wait a moment and try again."
	case http.StatusMethodNotAllowed:
		return "Please open this page with a click."
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "Billing is unavailable right now. Please try again in a few minutes."
	default:
		return "Something went wrong on our side. Please try again in a few minutes."
	}
}

// writeProblem answers a program, as RFC 9457 has it.
func writeProblem(w http.ResponseWriter, status int) {
	writeJSON(w, status, "application/problem+json", struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{http.StatusText(status), status, sentence(status)})
}

func writeJSON(w http.ResponseWriter, status int, contentType string, value any) {
	body, err := json.Marshal(value)
	if err != nil { // strings and numbers: cannot happen
		panic("kanuu: " + err.Error())
	}
	writeBody(w, status, contentType, string(body)+"\n")
}

// writePage answers a person. The page needs nothing but itself.
func writePage(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	writeBody(w, status, "text/html; charset=utf-8", fmt.Sprintf(page, http.StatusText(status), sentence(status)))
}

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>%[1]s</title>
<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1.5rem}</style>
<main><h1>%[1]s</h1><p>%[2]s</p></main>
</html>
`

// writeBody declares the length of the answer: net/http then cuts off whatever
// an error handler of a framework would write after it.
func writeBody(w http.ResponseWriter, status int, contentType, body string) {
	// One allocation for all of them.
	values := [...]string{"no-store", contentType, strconv.Itoa(len(body)), "nosniff"}

	h := w.Header()
	h["Cache-Control"] = values[0:1:1]
	h["Content-Type"] = values[1:2:2]
	h["Content-Length"] = values[2:3:3]
	h["X-Content-Type-Options"] = values[3:4:4]

	w.WriteHeader(status)

	_, _ = io.WriteString(w, body) // fails when the visitor has left
}
