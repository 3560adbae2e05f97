package conformance

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// visit is a row of a table: a request, and the response that it must get.
type visit struct {
	name    string
	path    string            // default Path
	query   string            // of the URL
	method  string            // default GET
	headers map[string]string // of the request
	user    string            // default "42"; see who for others
	fault   *kanuutest.Fault  // of Kanuu

	options      kanuu.RedirectOptions
	gate         kanuu.GateOptions
	subscription kanuutest.Subscription // of user "42"

	admitted bool // through the gate; then the rest is not needed
	status   int
	answers  map[string]string // headers that it must have; "PORTAL" stands for the minted URL
	lacks    []string          // headers that it must not have
	body     string            // default empty
	contains string            // what the body must contain besides
	onward   string            // the path that a page links to, or problem+json names
	calls    int               // that reach Kanuu for a nonce
	hears    error             // that the framework must get; default: that of a page or problem+json, once
}

// What an answer's body is.
const (
	empty    = "empty"
	urlJSON  = `{"url": …}`
	page     = "a page"
	problem  = "problem+json"
	anything = "the framework's"
)

// errNothing is what a framework must get for a page that is no error.
var errNothing = errors.New("nothing")

// with returns the headers and more of them, as pairs.
func with(headers map[string]string, more ...string) map[string]string {
	headers = maps.Clone(headers)
	for pair := range slices.Chunk(more, 2) {
		headers[pair[0]] = pair[1]
	}
	return headers
}

func rowsOf(visits []visit) []row {
	rows := make([]row, len(visits))
	for i, v := range visits {
		rows[i] = row{v.name, v.run}
	}
	return rows
}

func click(extra map[string]string) map[string]string {
	headers := map[string]string{
		"Accept":         "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
		"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate",
		"Sec-Fetch-Dest": "document", "Sec-Fetch-User": "?1",
	}
	for name, value := range extra {
		if value == "" {
			delete(headers, name)
		} else {
			headers[name] = value
		}
	}
	return headers
}

func script(extra map[string]string) map[string]string {
	headers := map[string]string{
		"Accept": "*/*", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
	}
	maps.Copy(headers, extra)
	return headers
}

func location(to string) map[string]string { return map[string]string{"Location": to} }

const portal = "PORTAL"

func (v visit) run(t *testing.T, framework Framework) {
	t.Helper()
	if v.path == "" {
		v.path = Path
	}

	s := start(t, framework, plan{options: v.options, gate: v.gate})
	if v.subscription.Status != "" {
		s.kanuu.SetSubscription("42", v.subscription)
	}

	if v.fault != nil {
		s.kanuu.Inject(*v.fault)
	}

	res, body, err := s.send(t, v)
	if err != nil {
		t.Fatal(err)
	}

	s.app.Close() // after it, everything is logged
	for _, asked := range s.kanuu.Requests() {
		if got := asked.Identifier(); got != "42" {
			t.Errorf("Kanuu was asked about %q, want the user who is logged in", got)
		}
	}

	if v.path == GatedPath {
		v.checkGate(t, res, body)
	} else if got := s.calls("/api/nonce"); got != v.calls {
		t.Errorf("Kanuu was asked %d times for a nonce, want %d", got, v.calls)
	}

	if !v.admitted {
		v.checkHead(t, res, s.kanuu.URL)
		v.checkBody(t, res, body, s.kanuu.URL)
	}

	v.checkReports(t, s, res.StatusCode)
	v.checkSecrets(t, s, res, body)
	if res.StatusCode >= http.StatusInternalServerError && v.body != empty && v.body != "" &&
		!strings.Contains(s.log.String(), "remedy=") {
		t.Errorf("no line in the log says what to do:\n%s", s.log)
	}
}

func (v visit) checkHead(t *testing.T, res *http.Response, kanuuURL string) {
	t.Helper()
	if res.StatusCode != v.status {
		t.Errorf("status is %d, want %d", res.StatusCode, v.status)
	}

	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q, want no-store", got)
	}

	if got := res.Header.Get("Referrer-Policy"); got != "no-referrer" && v.path == Path {
		t.Errorf("Referrer-Policy is %q, want no-referrer", got)
	}
	vary := strings.Join(res.Header.Values("Vary"), ", ")
	for _, name := range []string{"Accept", "HX-Request", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Purpose", "X-Inertia",
		"X-Sec-Purpose", "X-Requested-With", "Origin"} {
		if !strings.Contains(vary, name) {
			t.Errorf("Vary is %q, lacks %s", vary, name)
		}
	}

	for name, want := range v.answers {
		got := res.Header.Get(name)
		if want == portal && !isPortal(got, kanuuURL) || want != portal && got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}

	for _, name := range v.lacks {
		if got := res.Header.Get(name); got != "" {
			t.Errorf("%s is %q, want none", name, got)
		}
	}
}

func (v visit) checkBody(t *testing.T, res *http.Response, body []byte, kanuuURL string) {
	t.Helper()
	contentType := res.Header.Get("Content-Type")
	switch v.body {
	case anything:
	case "", empty:
		if len(body) != 0 {
			t.Errorf("body is %q, want none", body)
		}
	case urlJSON:
		var got struct {
			URL string `json:"url"`
		}
		if err := json.Unmarshal(body, &got); err != nil || !isPortal(got.URL, kanuuURL) || contentType != "application/json" {
			t.Errorf("body is %q as %q, want the portal's url as JSON", body, contentType)
		}
	case page:
		if link := fmt.Sprintf("<a href=%q", v.onward); !bytes.Contains(body, []byte(strings.TrimSuffix(link, `""`))) {
			t.Errorf("body is %q, want a link to %q", body, v.onward)
		}
		if !bytes.HasPrefix(body, []byte("<!doctype html>")) || !bytes.HasSuffix(body, []byte("</html>\n")) ||
			bytes.Count(body, []byte("<html")) != 1 || contentType != "text/html; charset=utf-8" {
			t.Errorf("body is %q as %q, want one page", body, contentType)
		}
	case problem:
		var got struct {
			Type       string `json:"type"`
			Title      string `json:"title"`
			Status     int    `json:"status"`
			Detail     string `json:"detail"`
			BillingURL string `json:"billing_url"`
			LoginURL   string `json:"login_url"`
		}
		if err := json.Unmarshal(body, &got); err != nil || got.Status != v.status || got.Title == "" || got.Detail == "" ||
			got.Type == "" || contentType != "application/problem+json" {
			t.Errorf("body is %q as %q, want problem+json with status %d", body, contentType, v.status)
		}
		if v.onward != "" && got.BillingURL != v.onward && got.LoginURL != v.onward {
			t.Errorf("body is %q, want one that leads to %q", body, v.onward)
		}
	default:
		t.Fatalf("the table has an unknown body: %q", v.body)
	}
	if !bytes.Contains(body, []byte(v.contains)) {
		t.Errorf("body is %q, want one with %q", body, v.contains)
	}
}

// checkReports: the framework heard of an error once, and of nothing else; with
// the status that the customer got.
func (v visit) checkReports(t *testing.T, s *site, status int) {
	t.Helper()
	want := 0
	if s.reports && !errors.Is(v.hears, errNothing) && (v.hears != nil || v.body == page || v.body == problem) {
		want = 1
	}
	heard := s.heard()
	if len(heard) != want {
		t.Fatalf("the framework heard of %d errors, want %d: %v", len(heard), want, heard)
	}
	for _, r := range heard {
		if r.status != status {
			t.Errorf("the framework heard of status %d, the customer got %d", r.status, status)
		}
		if v.hears != nil && !errors.Is(r.err, v.hears) {
			t.Errorf("the framework heard of %q, want %q", r.err, v.hears)
		}
	}
}

// checkSecrets: the key and the portal's URL are in no log and no error, and in
// no answer but the one that is made of it.
func (v visit) checkSecrets(t *testing.T, s *site, res *http.Response, body []byte) {
	t.Helper()

	var head strings.Builder
	if err := res.Header.Write(&head); err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{"log": s.log.String(), "errors": fmt.Sprint(s.heard()), "head": head.String(),
		"body": string(body)}
	for what, text := range texts {
		if strings.Contains(text, kanuutest.DefaultAPIKey) {
			t.Errorf("the %s has the API key in it:\n%s", what, text)
		}
	}

	if v.calls > 0 && res.StatusCode < http.StatusInternalServerError { // the answer has it rightly
		delete(texts, "head")
		delete(texts, "body")
	}

	for what, text := range texts {
		for _, leak := range []string{s.kanuu.URL + "/manage", mintedNonce, "javascript:"} {
			if strings.Contains(text, leak) {
				t.Errorf("the %s has %q in it:\n%s", what, leak, text)
			}
		}
	}

	if strings.Contains(texts["body"], errUpstream.Error()) {
		t.Errorf("the customer reads what an upstream said:\n%s", body)
	}
}

func isPortal(got, kanuuURL string) bool {
	return strings.HasPrefix(got, kanuuURL+"/manage/") && !strings.ContainsAny(got, " \r\n")
}
