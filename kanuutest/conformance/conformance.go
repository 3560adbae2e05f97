// Package conformance is what every way of mounting /billing and of gating a page
// has in common: tables of visits and the answers that they get. The library's own adapters run
// it, and so can anybody who writes one for another framework:
//
//	func TestConformance(t *testing.T) {
//		conformance.TestRedirect(t, func(client *kanuu.Client, who conformance.Who, options *kanuu.RedirectOptions) http.Handler {
//			app := framework.New()
//			adapter.Mount(app, conformance.Path, client, func(c framework.Context) (kanuu.Identity, error) {
//				return who(c.Request())
//			}, options)
//			return app
//		})
//	}
//
// [TestGate] is the same for the gate. The package uses nothing but the standard library and belongs into tests only.
package conformance

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Path is where the application under test mounts the portal.
const Path = "/billing"

// Who is the resolver that an application under test must ask, with the request
// that its framework carries.
type Who func(r *http.Request) (kanuu.Identity, error)

// NewApp builds an application of the framework under test with the portal
// mounted under [Path] for every method.
type NewApp func(client *kanuu.Client, who Who, options *kanuu.RedirectOptions) http.Handler

// userHeader logs its value in.
const userHeader = "Test-User"

func who(r *http.Request) (kanuu.Identity, error) {
	switch user := r.Header.Get(userHeader); user {
	case "":
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	case "forbidden":
		return kanuu.Identity{}, kanuu.ErrForbidden
	case "invalid":
		return kanuu.Identity{Email: "nobody"}, nil
	default:
		return kanuu.Identity{Identifier: user, Email: user + "@example.com"}, nil
	}
}

// What an answer's body is.
const (
	empty   = "empty"
	urlJSON = `{"url": …}`
	page    = "a page"
	problem = "problem+json"
)

// visit is a row of the table: a request, and what it must get.
type visit struct {
	name    string
	method  string            // default GET
	headers map[string]string // of the request
	user    string            // default "42"; "nobody": not logged in
	fault   *kanuutest.Fault  // of Kanuu
	options kanuu.RedirectOptions

	status  int
	answers map[string]string // headers that it must have; "PORTAL" stands for the minted URL
	lacks   []string          // headers that it must not have
	body    string            // default empty
	calls   int               // that reach Kanuu
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

//nolint:funlen // a table
func visits() []visit {
	login := kanuu.RedirectOptions{LoginURL: "/login?next=%2Fbilling"}
	inertia := map[string]string{"X-Inertia": "true", "Accept": "text/html, application/xhtml+xml"}
	htmx := map[string]string{"HX-Request": "true"}
	foreign := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}

	return []visit{
		{name: "click", headers: click(nil), status: 302, answers: location(portal), calls: 1},
		{name: "click from another site", headers: click(map[string]string{"Sec-Fetch-Site": "cross-site"}), status: 302, answers: location(portal), calls: 1},
		{name: "typed into the address bar", headers: click(map[string]string{"Sec-Fetch-Site": "none"}), status: 302, answers: location(portal), calls: 1},
		{name: "bare client", status: 302, answers: location(portal), calls: 1},
		{name: "curl", headers: map[string]string{"Accept": "*/*"}, status: 302, answers: location(portal), calls: 1},
		{name: "form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}), status: 303, answers: location(portal), calls: 1},
		{name: "form of a bare client", method: "POST", status: 303, answers: location(portal), calls: 1},
		{name: "form from another site", method: "POST", headers: click(foreign), status: 403, body: page},
		{name: "form from another origin, old browser", method: "POST", headers: map[string]string{"Origin": "https://evil.example"}, status: 403, body: page},
		{name: "fetch POST from another site", method: "POST", headers: script(foreign), status: 403, body: problem},

		{name: "fetch", headers: script(nil), status: 200, answers: map[string]string{"Content-Type": "application/json"}, lacks: []string{"Location"}, body: urlJSON, calls: 1},
		{name: "fetch same-origin", headers: script(map[string]string{"Sec-Fetch-Mode": "same-origin"}), status: 200, body: urlJSON, calls: 1},
		{name: "fetch POST", method: "POST", headers: script(map[string]string{"Origin": "SELF"}), status: 200, body: urlJSON, calls: 1},
		{name: "Accept prefers JSON", headers: map[string]string{"Accept": "application/json, text/plain, */*"}, status: 200, body: urlJSON, calls: 1},
		{name: "Accept prefers HTML", headers: map[string]string{"Accept": "text/html, application/json;q=0.9"}, status: 302, answers: location(portal), calls: 1},
		{name: "htmx", headers: script(htmx), status: 200, answers: map[string]string{"Hx-Redirect": portal}, lacks: []string{"Location"}, calls: 1},
		{name: "htmx POST", method: "POST", headers: script(map[string]string{"HX-Request": "true", "Origin": "SELF"}), status: 200, answers: map[string]string{"Hx-Redirect": portal}, calls: 1},
		{name: "Inertia", headers: script(inertia), status: 409, answers: map[string]string{"X-Inertia-Location": portal}, lacks: []string{"X-Inertia", "Location"}, calls: 1},

		{name: "prefetch", headers: click(map[string]string{"Sec-Purpose": "prefetch", "Sec-Fetch-User": ""}), status: 503},
		{name: "prerender", headers: click(map[string]string{"Sec-Purpose": "prefetch;prerender"}), status: 503},
		{name: "prefetch, before Sec-Purpose", headers: map[string]string{"Purpose": "prefetch"}, status: 503},
		{name: "preview of Safari", headers: map[string]string{"X-Purpose": "preview"}, status: 503},
		{name: "prefetch of old Firefox", headers: map[string]string{"X-Moz": "prefetch"}, status: 503},
		{name: "prefetch of Next.js", headers: script(map[string]string{"Next-Router-Prefetch": "1"}), status: 503},
		{name: "click that takes over a prefetch", headers: click(map[string]string{"Purpose": "prefetch"}), status: 302, answers: location(portal), calls: 1},
		{name: "image", headers: map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, status: 503},
		{name: "iframe", headers: click(map[string]string{"Sec-Fetch-Dest": "iframe"}), status: 503},
		{name: "script element", headers: map[string]string{"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}, status: 503},
		{name: "beacon", method: "POST", headers: script(map[string]string{"Sec-Fetch-Mode": "no-cors", "Origin": "SELF"}), status: 503},
		{name: "HEAD", method: "HEAD", status: 204, lacks: []string{"Location"}},
		{name: "HEAD of a stranger", method: "HEAD", user: "nobody", status: 204, options: login, lacks: []string{"Location"}},
		{name: "PUT", method: "PUT", status: 405, answers: map[string]string{"Allow": "GET, HEAD, POST"}, body: problem},
		{name: "PUT by a browser", method: "PUT", headers: map[string]string{"Accept": "text/html"}, status: 405, body: page},
		{name: "DELETE by a program", method: "DELETE", headers: map[string]string{"Accept": "application/json"}, status: 405, answers: map[string]string{"Allow": "GET, HEAD, POST"}, body: problem},

		{name: "nobody logged in, click", headers: click(nil), user: "nobody", options: login, status: 302, answers: location(login.LoginURL)},
		{name: "nobody logged in, form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}), user: "nobody", options: login, status: 303, answers: location(login.LoginURL)},
		{name: "nobody logged in, fetch", headers: script(nil), user: "nobody", options: login, status: 401, lacks: []string{"Location"}, body: problem},
		{name: "nobody logged in, htmx", headers: script(htmx), user: "nobody", options: login, status: 401, lacks: []string{"Location", "Hx-Redirect"}, body: problem},
		{name: "nobody logged in, no login page", headers: click(nil), user: "nobody", status: 401, body: page},
		{name: "may not manage billing", headers: click(nil), user: "forbidden", options: login, status: 403, body: page},
		{name: "resolver returns what Kanuu refuses", headers: click(nil), user: "invalid", status: 500, body: page},

		{name: "Kanuu: 401", headers: click(nil), fault: &kanuutest.Fault{Status: 401}, status: 502, body: page, calls: 1},
		{name: "Kanuu: 401, fetch", headers: script(nil), fault: &kanuutest.Fault{Status: 401}, status: 502, body: problem, calls: 1},
		{name: "Kanuu: 402", headers: click(nil), fault: &kanuutest.Fault{Status: 402}, status: 503, lacks: []string{"Retry-After"}, body: page, calls: 1},
		{name: "Kanuu: 422", headers: click(nil), fault: &kanuutest.Fault{Status: 422}, status: 502, body: page, calls: 1},
		{name: "Kanuu: 429", headers: click(nil), fault: &kanuutest.Fault{Status: 429, Header: http.Header{"Retry-After": {"77"}}}, status: 503, answers: map[string]string{"Retry-After": "77"}, body: page, calls: 1},
		{name: "Kanuu: 503", headers: click(nil), fault: &kanuutest.Fault{Status: 503}, status: 503, answers: map[string]string{"Retry-After": "10"}, body: page, calls: 3},
		{name: "Kanuu: 503, form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}), fault: &kanuutest.Fault{Status: 503}, status: 503, body: page, calls: 3},
		{name: "Kanuu: 503 once", headers: click(nil), fault: &kanuutest.Fault{Status: 503, Times: 1}, status: 302, answers: location(portal), calls: 2},
		{name: "Kanuu: drops the connection", headers: click(nil), fault: &kanuutest.Fault{Drop: true}, status: 503, body: page, calls: 3},
		{name: "Kanuu: drops one connection", headers: click(nil), fault: &kanuutest.Fault{Drop: true, Times: 1}, status: 302, answers: location(portal), calls: 2},
		{name: "Kanuu: redirects", headers: click(nil), fault: &kanuutest.Fault{Status: 307, Header: http.Header{"Location": {"https://evil.example/api/nonce"}}}, status: 502, body: page, calls: 1},
		{name: "Kanuu: garbage", headers: click(nil), fault: &kanuutest.Fault{Status: 200, Body: "<h1>Welcome to nginx!</h1>"}, status: 502, body: page, calls: 1},
		{name: "Kanuu: nothing", headers: click(nil), fault: &kanuutest.Fault{Status: 204}, status: 502, body: page, calls: 1},
		{name: "Kanuu: script URL", headers: click(nil), fault: answering("javascript:alert(1)"), status: 502, body: page, calls: 1},
		{name: "Kanuu: relative URL", headers: click(nil), fault: answering("/manage/acme/x"), status: 502, body: page, calls: 1},
		{name: "Kanuu: host that is not allowed", headers: click(nil), options: kanuu.RedirectOptions{AllowedHosts: []string{"kanuu.io"}}, status: 502, body: page, calls: 1},

		{
			name: "OnError answers", headers: click(nil), fault: &kanuutest.Fault{Status: 402},
			options: kanuu.RedirectOptions{OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
				w.Header().Set("Own-Page", "yes")
				w.WriteHeader(kanuu.HTTPStatus(err))
			}},
			status: 503, answers: map[string]string{"Own-Page": "yes"}, calls: 1,
		},
	}
}

func answering(portalURL string) *kanuutest.Fault {
	return &kanuutest.Fault{Status: 201, Body: `{"nonce": "0123456789abcdef", "url": "` + portalURL + `"}`}
}

// TestRedirect runs the table against applications that newApp builds, each row
// as a subtest over real HTTP.
func TestRedirect(t *testing.T, newApp NewApp) {
	t.Helper()

	for _, v := range visits() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			v.run(t, newApp)
		})
	}
}

// start makes a fake Kanuu and a client of it that logs everything.
func start(t *testing.T) (*kanuu.Client, *kanuutest.Server, *syncBuffer) {
	t.Helper()

	box := kanuutest.NewServer(nil)
	t.Cleanup(box.Close)

	log := new(syncBuffer)

	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL,
		Logger: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}

	return client, box, log
}

func (v visit) run(t *testing.T, newApp NewApp) {
	t.Helper()

	client, box, log := start(t)

	if v.fault != nil {
		box.Inject(*v.fault)
	}

	app := httptest.NewServer(newApp(client, who, &v.options))
	t.Cleanup(app.Close)

	res, body := v.send(t, app, Path)
	v.checkReferrer(t, res)
	v.checkHead(t, res, box.URL)
	v.checkBody(t, res, body, box.URL)

	if calls := len(box.Requests()); calls != v.calls {
		t.Errorf("Kanuu was called %d times, want %d", calls, v.calls)
	}

	for what, text := range map[string]string{"log": log.String(), "error answer": string(body)} {
		if what == "error answer" && v.body == urlJSON {
			continue
		}

		for _, leak := range []string{kanuutest.DefaultAPIKey, box.URL + "/manage", "0123456789abcdef", "javascript:"} {
			if strings.Contains(text, leak) {
				t.Errorf("the %s has %q in it:\n%s", what, leak, text)
			}
		}
	}

	if res.StatusCode >= http.StatusInternalServerError && v.body != empty && v.body != "" && !strings.Contains(log.String(), "remedy=") {
		t.Errorf("no line in the log says what to do:\n%s", log.String())
	}
}

func (v visit) send(t *testing.T, app *httptest.Server, path string) (*http.Response, []byte) {
	t.Helper()

	method := v.method
	if method == "" {
		method = http.MethodGet
	}

	req, err := http.NewRequestWithContext(t.Context(), method, app.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}

	for name, value := range v.headers {
		if value == "SELF" {
			value = app.URL
		}

		req.Header.Set(name, value)
	}

	switch v.user {
	case "":
		req.Header.Set(userHeader, "42")
	case "nobody":
	default:
		req.Header.Set(userHeader, v.user)
	}

	// The transport itself: a client would follow the redirect.
	res, err := app.Client().Transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()

	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}

	return res, body
}

func (v visit) checkReferrer(t *testing.T, res *http.Response) {
	t.Helper()

	if got := res.Header.Get("Referrer-Policy"); got != "no-referrer" {
		t.Errorf("Referrer-Policy is %q, want no-referrer", got)
	}
}

func (v visit) checkHead(t *testing.T, res *http.Response, boxURL string) {
	t.Helper()

	if res.StatusCode != v.status {
		t.Errorf("status is %d, want %d", res.StatusCode, v.status)
	}

	if got := res.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q, want no-store", got)
	}

	vary := strings.Join(res.Header.Values("Vary"), ", ")
	for _, name := range []string{"Accept", "HX-Request", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Purpose", "X-Inertia"} {
		if !strings.Contains(vary, name) {
			t.Errorf("Vary is %q, lacks %s", vary, name)
		}
	}

	for name, want := range v.answers {
		got := res.Header.Get(name)
		if want == portal && !isPortal(got, boxURL) || want != portal && got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}

	for _, name := range v.lacks {
		if got := res.Header.Get(name); got != "" {
			t.Errorf("%s is %q, want none", name, got)
		}
	}
}

func (v visit) checkBody(t *testing.T, res *http.Response, body []byte, boxURL string) {
	t.Helper()

	contentType := res.Header.Get("Content-Type")

	switch v.body {
	case "", empty:
		if len(body) != 0 {
			t.Errorf("body is %q, want none", body)
		}
	case urlJSON:
		var got struct {
			URL string `json:"url"`
		}

		if err := json.Unmarshal(body, &got); err != nil || !isPortal(got.URL, boxURL) || contentType != "application/json" {
			t.Errorf("body is %q as %q, want the portal's url as JSON", body, contentType)
		}
	case page:
		if !bytes.HasPrefix(body, []byte("<!doctype html>")) || contentType != "text/html; charset=utf-8" {
			t.Errorf("body is %q as %q, want a page", body, contentType)
		}
	case problem:
		var got struct {
			Title  string `json:"title"`
			Status int    `json:"status"`
			Detail string `json:"detail"`
		}

		if err := json.Unmarshal(body, &got); err != nil || got.Status != v.status || got.Title == "" || got.Detail == "" ||
			contentType != "application/problem+json" {
			t.Errorf("body is %q as %q, want problem+json with status %d", body, contentType, v.status)
		}
	default:
		t.Fatalf("the table has an unknown body: %q", v.body)
	}
}

func isPortal(got, boxURL string) bool {
	_, err := url.Parse(got)

	return err == nil && strings.HasPrefix(got, boxURL+"/manage/")
}

// syncBuffer is a buffer that a server's goroutines may write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()

	return b.buf.String()
}
