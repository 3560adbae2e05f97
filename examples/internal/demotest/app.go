package demotest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var (
	fetch     = http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
	crossSite = http.Header{"Sec-Fetch-Site": {"cross-site"}}
	noForm    url.Values
)

func user(login string) url.Values { return url.Values{"user": {login}} }

func testRequests(t *testing.T) {
	app := start(t, nil)
	sameOrigin := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {app.URL}}
	otherOrigin := http.Header{"Origin": {"https://elsewhere.example"}}
	prefetch := http.Header{"Sec-Purpose": {"prefetch"}}
	aliceTo := func(next string) url.Values { return url.Values{"user": {"alice"}, "next": {next}} }
	for _, tc := range []struct {
		name, login, request string
		header               http.Header
		form                 url.Values
		status               int
		location             string
		shows, hides         string
	}{
		{"home", "", "GET /", nil, noForm, 200, "", `as Alice|as Bob|href="/pro"|` + framework, "/billing|/logout"},
		{"home, alice", "alice", "GET /", nil, noForm, 200, "", `Hello, Alice|1001|alice@example.com|href="/billing"|` +
			`Subscribe|No subscription|action="/logout"`, `Continue as|bob@example.com|href="/pro"|Manage your`},
		{"home, bob", "bob", "GET /", nil, noForm, 200, "", "Hello, Bob|1002", ""},
		{"login", "", "POST /login", nil, user("alice"), 303, "/", "", ""},
		{"home, on the way to pro", "", "GET /?next=%2Fpro", nil, noForm, 200, "", `name="next" value="/pro"`, ""},
		{"login, back to pro", "", "POST /login", nil, aliceTo("/pro?a=b"), 303, "/pro?a=b", "", ""},
		{"login, to another site", "", "POST /login", nil, aliceTo("//evil.example"), 303, "/", "", ""},
		{"login, same origin", "", "POST /login", sameOrigin, user("alice"), 303, "/", "", ""},
		{"login, unknown user", "", "POST /login", nil, user("mallory"), 422, "", "no user “mallory”|Continue as Alice", ""},
		{"login, unknown again", "alice", "POST /login", nil, user("mallory"), 422, "", "no user “mallory”|Hello, Alice", ""},
		{"login, empty form", "", "POST /login", nil, url.Values{}, 422, "", "Continue as Alice", ""},
		{"login, user in the query", "", "POST /login?user=alice", nil, url.Values{}, 422, "", "", ""},
		{"login, markup", "", "POST /login", nil, user("<script>"), 422, "", "", "<script>"},
		{"login, too long", "", "POST /login", nil, user(strings.Repeat("alice", 10_000)), 422, "", "", "alicealice"},
		{"login, cross-site", "", "POST /login", crossSite, user("alice"), 403, "", "from another site", ""},
		{"login, other origin, old browser", "", "POST /login", otherOrigin, user("alice"), 403, "", "from another site", ""},
		{"login, GET after a reload", "", "GET /login", nil, noForm, 303, "/", "", ""},
		{"logout, cross-site", "alice", "POST /logout", crossSite, noForm, 403, "", "", ""},
		{"logout, GET", "alice", "GET /logout", nil, noForm, 404, "", "", ""},
		{"not found", "", "GET /nothing", nil, noForm, 404, "", "Nothing here", ""},
		{"not found, deeper", "", "GET /nothing/at/all", nil, noForm, 404, "", "Nothing here", ""},
		{"not found, below pro", "alice", "GET /pro/1002", nil, noForm, 404, "", "Nothing here", ""},
		{"not found, below billing", "alice", "GET /billing/1002", nil, noForm, 404, "", "Nothing here", ""},
		{"health", "", "GET /healthz", nil, noForm, 200, "", "ok", ""},
		{"style sheet", "", "GET /style.css", nil, noForm, 200, "", "--accent", ""},
		{"icon", "", "GET /icon.svg", nil, noForm, 200, "", "<svg", ""},
		{"pro, not logged in", "", "GET /pro?a=b", nil, noForm, 302, "/?next=%2Fpro%3Fa%3Db", "", ""},
		{"pro, not logged in, fetch", "", "GET /pro", fetch, noForm, 401, "", "", ""},
		{"pro, not subscribed", "alice", "GET /pro", nil, noForm, 303, "/billing", "", ""},
		{"pro, not subscribed, fetch", "alice", "GET /pro", fetch, noForm, 402, "", `"status":402`, ""},
		{"billing, not logged in", "", "GET /billing", nil, noForm, 302, "/?next=%2Fbilling", "", ""},
		{"billing, not logged in, fetch", "", "GET /billing", fetch, noForm, 401, "", "", ""},
		{"billing, prefetch", "alice", "GET /billing", prefetch, noForm, 503, "", "", ""},
		{"billing, HEAD", "alice", "HEAD /billing", nil, noForm, 204, "", "", ""},
		{"billing, other method", "alice", "DELETE /billing", nil, noForm, 405, "", "", ""},
		{"billing, cross-site form", "alice", "POST /billing", crossSite, url.Values{}, 403, "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(tc.request, " ")
			got := app.browser(t, tc.login).send(t, method, path, tc.form, tc.header)
			assert.Equal(t, tc.status, got.Status, got.Body)
			assert.Equal(t, tc.location, got.location())
			assertShows(t, got.Body, tc.shows, tc.hides)
			assert.Contains(t, got.Header.Get("Content-Security-Policy"), "default-src 'none'")
			assert.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
		})
	}
	t.Cleanup(func() {
		assert.Zero(t, app.calls("/api/nonce"), "no request was a click on /billing by a logged-in user")
	})
}

func testLogin(t *testing.T) {
	app := start(t, nil)
	alice, bob := app.browser(t, "alice"), app.browser(t, "bob")
	assert.Contains(t, alice.get(t, "/").Body, "Hello, Alice")
	assert.Contains(t, bob.get(t, "/").Body, "Hello, Bob")

	logout := alice.post(t, "/logout", nil)
	assert.Equal(t, http.StatusSeeOther, logout.Status)
	assert.Equal(t, "/", logout.location())
	assert.Contains(t, alice.get(t, "/").Body, "Continue as Alice")
	assert.Equal(t, "/?next=%2Fbilling", alice.get(t, "/billing").location())
	assert.Contains(t, bob.get(t, "/").Body, "Hello, Bob", "alice logged out, bob did not")

	assert.Equal(t, http.StatusSeeOther, bob.post(t, "/login", user("alice")).Status)
	assert.Contains(t, bob.get(t, "/").Body, "Hello, Alice")
}

func testSessionCookie(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	app := start(t, map[string]string{"SESSION_KEY": key})
	cookie := func(key, login string, lifetime time.Duration) string {
		value := fmt.Sprintf("%s.%d", login, time.Now().Add(lifetime).Unix())
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte("acme_session." + value))
		return value + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	valid := cookie(key, "alice", time.Hour)
	for _, tc := range []struct {
		name, cookie string
		valid        bool
	}{
		{"valid", valid, true},
		{"other login", strings.Replace(valid, "alice", "bob", 1), false},
		{"later expiry", strings.Replace(valid, ".", ".9", 1), false},
		{"other signature", valid[:len(valid)-1] + "~", false},
		{"longer signature", valid + "A", false},
		{"no signature", valid[:strings.LastIndex(valid, ".")], false},
		{"other key", cookie(key[1:]+"x", "alice", time.Hour), false},
		{"expired", cookie(key, "alice", -time.Second), false},
		{"unknown user", cookie(key, "mallory", time.Hour), false},
		{"only dots", "...", false},
		{"empty", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Cookie": {"acme_session=" + tc.cookie}}
			home := app.browser(t, "").send(t, http.MethodGet, "/", nil, header)
			billing := app.browser(t, "").send(t, http.MethodGet, "/billing", nil, header)
			assert.Equal(t, http.StatusOK, home.Status)
			assert.Equal(t, tc.valid, strings.Contains(home.Body, "Hello, "))
			assert.Equal(t, tc.valid, !strings.HasPrefix(billing.location(), "/"))
		})
	}
	for scheme, secure := range map[string]bool{"http": false, "https": true} {
		login := app.browser(t, "").send(t, http.MethodPost, "/login", user("alice"), http.Header{"X-Forwarded-Proto": {scheme}})
		set, err := http.ParseSetCookie(login.Header.Get("Set-Cookie"))
		require.NoError(t, err)
		assert.Equal(t, secure, set.Secure)
		assert.Equal(t, []any{true, http.SameSiteLaxMode, "/", ""}, []any{set.HttpOnly, set.SameSite, set.Path, set.Domain})
	}
}

func testBilling(t *testing.T) {
	app := start(t, nil)
	alice, bob := app.browser(t, "alice"), app.browser(t, "bob")
	click := http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}}
	form := http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}}
	nonces := map[string]bool{}
	for _, tc := range []struct {
		got    response
		status int
	}{
		{alice.get(t, "/billing"), http.StatusFound},
		{alice.send(t, http.MethodGet, "/billing", nil, click), http.StatusFound},
		{alice.send(t, http.MethodPost, "/billing", url.Values{}, form), http.StatusSeeOther},
		{bob.get(t, "/billing?identifier=1001"), http.StatusFound},
	} {
		portal, nonce := path.Split(tc.got.location())
		nonces[nonce] = true
		assert.Equal(t, tc.status, tc.got.Status)
		assert.Equal(t, app.Kanuu.URL+"/manage/"+kanuutest.DefaultTeam+"/", portal)
		assert.Equal(t, "no-store", tc.got.Header.Get("Cache-Control"))
		assert.Equal(t, "no-referrer", tc.got.Header.Get("Referrer-Policy"), "the library's header replaces the app's")
		assert.NotContains(t, tc.got.Body+app.Log.String(), nonce)
	}
	assert.Len(t, nonces, 4, "each click gets its own nonce")
	var identifiers []string
	for _, request := range app.Kanuu.Requests() {
		identifiers = append(identifiers, request.Path+" "+request.Identifier())
	}
	assert.Equal(t, []string{"/api/nonce 1001", "/api/nonce 1001", "/api/nonce 1001", "/api/nonce 1002"}, identifiers)
}
