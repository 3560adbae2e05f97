package kanuutest_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const noncePath, subscriptionPath = "/api/nonce", "/api/subscription"

// start runs a fake for one test.
func start(t *testing.T, opts *kanuutest.Options) *kanuutest.Server {
	t.Helper()
	s := kanuutest.NewServer(opts)
	t.Cleanup(s.Close)
	return s
}

// newCall is a well-formed call with the default key.
func newCall(t *testing.T, url, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Authorization", "Bearer "+kanuutest.DefaultAPIKey)
	req.Header.Set("Content-Type", "application/json")
	return req
}

type answer struct {
	*http.Response
	body string
}

func send(t *testing.T, client *http.Client, req *http.Request) answer {
	t.Helper()
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { assert.NoError(t, resp.Body.Close()) }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return answer{resp, string(body)}
}

func call(t *testing.T, url, body string) answer {
	t.Helper()
	return send(t, http.DefaultClient, newCall(t, url, body))
}

// try is for calls that get no answer.
func try(req *http.Request) error {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// mint makes a link for the identifier.
func mint(t *testing.T, base, identifier string) (nonce, link string) {
	t.Helper()
	body, err := json.Marshal(map[string]string{"identifier": identifier})
	require.NoError(t, err)
	a := call(t, base+noncePath, string(body))
	require.Equal(t, http.StatusCreated, a.StatusCode, a.body)
	made := decode(t, a)
	return made["nonce"], made["url"]
}

func decode(t *testing.T, a answer) map[string]string {
	t.Helper()
	var fields map[string]string
	require.NoError(t, json.Unmarshal([]byte(a.body), &fields))
	return fields
}

// browser keeps cookies and follows no redirect.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &http.Client{
		Jar:           jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func visit(t *testing.T, client *http.Client, method, url string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	return send(t, client, req)
}

func TestMounting(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		mount  func(*http.ServeMux, http.Handler)
		prefix string
	}{
		"at the root": {func(m *http.ServeMux, h http.Handler) { m.Handle("/", h) }, ""},
		"below a path": {func(m *http.ServeMux, h http.Handler) { m.Handle("/fake/", http.StripPrefix("/fake", h)) },
			"/fake"},
		"below a longer one": {func(m *http.ServeMux, h http.Handler) { m.Handle("/a/b/", http.StripPrefix("/a/b", h)) },
			"/a/b"},
		"stripped of a slash": {func(m *http.ServeMux, h http.Handler) { m.Handle("/fake/", http.StripPrefix("/fake/", h)) },
			"/fake"},
		"below /api itself": {func(m *http.ServeMux, h http.Handler) { m.Handle("/api/", http.StripPrefix("/api", h)) },
			"/api"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mux := http.NewServeMux()
			k := kanuutest.New(nil)
			tc.mount(mux, k)
			srv := httptest.NewServer(mux)
			defer srv.Close()

			nonce, link := mint(t, srv.URL+tc.prefix, "42")
			assert.Equal(t, srv.URL+tc.prefix+"/manage/acme/"+nonce, link)
			assert.Equal(t, noncePath, k.Requests()[0].Path)

			client := browser(t)
			page := visit(t, client, http.MethodGet, link)
			require.Equal(t, http.StatusOK, page.StatusCode)
			require.Len(t, page.Cookies(), 1)
			assert.Equal(t, tc.prefix+"/manage/acme", page.Cookies()[0].Path)
			assert.Equal(t, http.StatusOK, visit(t, client, http.MethodGet, link).StatusCode)

			posted := submit(t, client, link, "action=subscribe&plan=67")
			assert.Equal(t, http.StatusSeeOther, posted.StatusCode)
			assert.Equal(t, tc.prefix+"/manage/acme/"+nonce, posted.Header.Get("Location"))
		})
	}
}

// Browsers compare a cookie's path with the path as it is sent, escaped. Go's
// cookie jar does not.
func TestMountingBelowEscapedPath(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/a%20b/", http.StripPrefix("/a b", kanuutest.New(nil)))
	srv := httptest.NewServer(mux)
	defer srv.Close()

	nonce, link := mint(t, srv.URL+"/a%20b", "42")
	assert.Equal(t, srv.URL+"/a%20b/manage/acme/"+nonce, link)
	page := visit(t, http.DefaultClient, http.MethodGet, link)
	require.Len(t, page.Cookies(), 1)
	assert.Equal(t, "/a%20b/manage/acme", page.Cookies()[0].Path)
}

func TestHandlerWithoutServer(t *testing.T) {
	t.Parallel()
	req := newCall(t, "http://shop.test/api/nonce", `{"identifier":"42"}`)
	rec := httptest.NewRecorder()
	kanuutest.New(nil).ServeHTTP(rec, req)
	assert.Equal(t, http.StatusCreated, rec.Code)
	assert.Contains(t, rec.Body.String(), `"url":"http://shop.test/manage/acme/`)
}

// A base URL that is not the fake's fails as at Kanuu, and the record shows what
// was asked for.
func TestWrongBaseURL(t *testing.T) {
	t.Parallel()
	for name, base := range map[string]string{
		"with the API's path":     "/api",
		"with some path":          "/foo/bar",
		"joined with a slash":     "/",
		"a path and a slash":      "/x/",
		"the portal's":            "/manage/acme",
		"the control page's":      "/control",
		"a path to be escaped":    "/a%20b",
		"below what is not there": "/x/control",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, nil)
			for _, path := range []string{noncePath, subscriptionPath} {
				a := call(t, s.URL+base+path, `{"identifier":"42"}`)
				assert.Equal(t, http.StatusNotFound, a.StatusCode)
				assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
				assert.JSONEq(t, `{"message":"The route `+strings.TrimPrefix(base, "/")+path+` could not be found."}`, a.body)
			}
			asked := s.Requests()
			require.Len(t, asked, 2)
			assert.Equal(t, base+noncePath, asked[0].Path)
			assert.Equal(t, http.StatusNotFound, asked[0].Status)
			assert.Equal(t, "42", asked[0].Identifier())
			assert.Contains(t, visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control").body, "<code>POST "+base+noncePath+
				"</code>")
		})
	}
}

// The base path that a mount takes away is not a part of the wrong one.
func TestWrongBaseURLBelowAPath(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	k := kanuutest.New(nil)
	mux.Handle("/fake/", http.StripPrefix("/fake", k))
	srv := httptest.NewServer(mux)
	defer srv.Close()
	a := call(t, srv.URL+"/fake/api/api/nonce", `{"identifier":"42"}`)
	assert.Equal(t, http.StatusNotFound, a.StatusCode)
	assert.Equal(t, "/api/api/nonce", k.Requests()[0].Path)
}

// There is one portal and one control page.
func TestPagesBelowAnotherPath(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "42")
	path := strings.TrimPrefix(link, s.URL)
	for _, path := range []string{"/x" + path, "/x/manage/acme", "/x/control", "/x/control/", "/x/control/public-key.pem",
		"/x/control/api/state"} {
		assert.Equal(t, http.StatusNotFound, visit(t, http.DefaultClient, http.MethodGet, s.URL+path).StatusCode, path)
	}
	assert.Equal(t, http.StatusOK, visit(t, http.DefaultClient, http.MethodGet, link).StatusCode, "nothing was used up")
}

func TestUnknownPaths(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, path := range []string{
		"/", "/nonce", "/api",
		"/manage", "/manage/other", "/manage/other/d3e2", "/manage/acme/", "//evil.test/manage/acme", "/manage/acme/a/b",
	} {
		a := visit(t, http.DefaultClient, http.MethodGet, s.URL+path)
		assert.Equal(t, http.StatusNotFound, a.StatusCode, path)
	}
	assert.Empty(t, s.Requests())
}

func TestOptions(t *testing.T) {
	t.Parallel()
	plans := []kanuutest.Plan{{ID: 5, Name: "Gold <&>", Price: "99.00", Currency: "USD", Yearly: true}}
	opts := &kanuutest.Options{
		APIKey:    "other",
		Team:      "big corp",
		ReturnURL: "https://app.test/account?a=1",
		Plans:     plans,
	}
	s := start(t, opts)
	plans[0].Name, opts.APIKey = "changed", "changed"

	refused := call(t, s.URL+noncePath, `{"identifier":"42"}`)
	assert.Equal(t, http.StatusUnauthorized, refused.StatusCode)

	req := newCall(t, s.URL+noncePath, `{"identifier":"42"}`)
	req.Header.Set("Authorization", "Bearer other")
	made := send(t, http.DefaultClient, req)
	require.Equal(t, http.StatusCreated, made.StatusCode)
	link := decode(t, made)["url"]
	assert.Contains(t, link, "/manage/big%20corp/")

	page := visit(t, browser(t), http.MethodGet, link)
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Contains(t, page.body, `href="https://app.test/account?a=1"`)
	assert.Contains(t, page.body, "Gold &lt;&amp;&gt;")
	assert.Contains(t, page.body, "99.00 USD / year")
	assert.NotContains(t, page.body, "Basic")
}

func TestSetReturnURL(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	used := s.URL + "/manage/acme/unknown"
	assert.Contains(t, visit(t, http.DefaultClient, http.MethodGet, used).body, `href="/"`)
	s.SetReturnURL("https://app.test/")
	assert.Contains(t, visit(t, http.DefaultClient, http.MethodGet, used).body, `href="https://app.test/"`)
	s.SetReturnURL("javascript:alert(1)")
	assert.NotContains(t, visit(t, http.DefaultClient, http.MethodGet, used).body, "javascript:")
	s.SetReturnURL("")
	assert.Contains(t, visit(t, http.DefaultClient, http.MethodGet, used).body, `href="/"`)
}

func TestServerClose(t *testing.T) {
	t.Parallel()
	s := kanuutest.NewServer(nil)
	s.Inject(kanuutest.Fault{Delay: time.Hour})
	failed := make(chan error)
	req := newCall(t, s.URL+noncePath, `{"identifier":"42"}`)
	go func() { failed <- try(req) }()
	require.Eventually(t, func() bool { return len(s.Requests()) == 1 }, 10*time.Second, time.Millisecond)
	s.Close()
	require.Error(t, <-failed)
	s.Close()
	assert.Equal(t, "42", s.Requests()[0].Identifier())
	assert.Error(t, try(newCall(t, s.URL+noncePath, "")))
}

func TestRequests(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	assert.Empty(t, s.Requests())

	req := newCall(t, s.URL+noncePath, `{"identifier":"a"}`)
	req.Header.Set("X-Test", "yes")
	send(t, http.DefaultClient, req)
	visit(t, http.DefaultClient, http.MethodGet, s.URL+"/manage/acme/d3e2")
	visit(t, http.DefaultClient, http.MethodGet, s.URL+subscriptionPath)
	call(t, s.URL+"/api/typo", `{"identifier":42}`)
	call(t, s.URL+subscriptionPath, `no JSON`)

	got := s.Requests()
	require.Len(t, got, 4)
	for i, status := range []int{201, 405, 404, 422} {
		assert.Equal(t, status, got[i].Status)
		assert.WithinDuration(t, time.Now(), got[i].Time, time.Minute)
	}
	assert.Equal(t, "yes", got[0].Header.Get("X-Test"))
	assert.JSONEq(t, `{"identifier":"a"}`, string(got[0].Body))
	for i, want := range []struct{ method, path, identifier string }{
		{"POST", noncePath, "a"},
		{"GET", subscriptionPath, ""},
		{"POST", "/api/typo", ""},
		{"POST", subscriptionPath, ""},
	} {
		assert.Equal(t, want.method, got[i].Method)
		assert.Equal(t, want.path, got[i].Path)
		assert.Equal(t, want.identifier, got[i].Identifier())
	}

	got[0].Header.Set("X-Test", "no")
	got[0].Body[0] = 'x'
	assert.Equal(t, "yes", s.Requests()[0].Header.Get("X-Test"), "what is returned is a copy")
	assert.Equal(t, "a", s.Requests()[0].Identifier(), "what is returned is a copy")

	s.SetSubscription("a", kanuutest.Subscription{Status: kanuutest.StatusActive})
	s.Inject(kanuutest.Fault{Status: http.StatusTeapot})
	s.Reset()
	assert.Empty(t, s.Requests())
	assert.Equal(t, kanuutest.StatusActive, s.Subscription("a").Status)
	assert.Equal(t, http.StatusOK, call(t, s.URL+subscriptionPath, `{"identifier":"a"}`).StatusCode)
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(nil)
	for i := range 10_003 {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, noncePath, http.NoBody)
		req.Header.Set("X-Number", string(rune(i)))
		k.ServeHTTP(httptest.NewRecorder(), req)
	}
	got := k.Requests()
	require.Len(t, got, 10_000)
	assert.Equal(t, string(rune(3)), got[0].Header.Get("X-Number"))
	assert.Equal(t, string(rune(10_002)), got[9_999].Header.Get("X-Number"))
}

func TestLargeBody(t *testing.T) {
	t.Parallel()
	const limit = 1 << 20
	k := kanuutest.New(nil)
	for size, want := range map[int]int{limit: http.StatusUnprocessableEntity, limit + 1: http.StatusRequestEntityTooLarge} {
		k.Reset()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, noncePath, bytes.NewReader(make([]byte, size)))
		req.Header.Set("Authorization", "Bearer "+kanuutest.DefaultAPIKey)
		rec := httptest.NewRecorder()
		k.ServeHTTP(rec, req)
		assert.Equal(t, want, rec.Code)
		assert.Len(t, k.Requests()[0].Body, limit)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	links := make(chan string, 16)
	var wg sync.WaitGroup
	for range cap(links) {
		wg.Go(func() {
			_, link := mint(t, s.URL, "42")
			links <- link
			s.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
			s.SetReturnURL("/home")
			s.Inject(kanuutest.Fault{Path: subscriptionPath, Times: 1, Status: 500})
			_ = s.Requests()
			_ = s.Subscription("42")
			s.Recover()
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for range cap(links) {
		seen[<-links] = true
	}
	assert.Len(t, seen, cap(links), "every link is another one")
	assert.Len(t, s.Requests(), cap(links))
}
