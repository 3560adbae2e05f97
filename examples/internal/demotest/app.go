package demotest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Run tests an example app. It needs [Main].
func Run(t *testing.T, framework string, build demo.Build) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, string, demo.Build){
		"requests":       testRequests,
		"session":        testSession,
		"session cookie": testSessionCookie,
		"billing":        testBilling,
		"kanuu fails":    testKanuuFails,
		"pro":            testPro,
		"home":           testHome,
		"outage":         testOutage,
		"stampede":       testStampede,
		"journey":        testJourney,
		"webhook":        testWebhook,
		"webhook admits": testWebhookAdmits,
		"no webhook":     testNoWebhook,
		"replicas":       testReplicas,
		"redis is gone":  testRedisIsGone,
		"redis refuses":  testRedisRefuses,
		"shutdown":       testShutdown,
		"wrong settings": testWrongSettings,
		"process":        testProcess,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, framework, build)
		})
	}
}

func testRequests(t *testing.T, framework string, build demo.Build) {
	site := start(t, framework, build, nil)
	for name, test := range map[string]struct {
		as     string // who is logged in
		method string // empty: GET
		path   string
		header http.Header
		form   url.Values

		status   int
		location string
		shows    []string
		hides    []string
	}{
		"home, nobody logged in": {
			path: "/", status: http.StatusOK,
			shows: []string{"Continue as Alice", "Continue as Bob", `href="/pro"`, framework},
			hides: []string{"/billing", "/logout"},
		},
		"home, alice": {
			as: "alice", path: "/", status: http.StatusOK,
			shows: []string{"Hello, Alice", "1001", "alice@example.com", `href="/billing"`, "Manage your subscription",
				`href="/pro"`, "No subscription", `action="/logout"`},
			hides: []string{"Continue as", "bob@example.com"},
		},
		"home, bob": {
			as: "bob", path: "/", status: http.StatusOK,
			shows: []string{"Hello, Bob", "1002"},
		},
		"login": {
			method: http.MethodPost, path: "/login", form: url.Values{"user": {"alice"}},
			status: http.StatusSeeOther, location: "/",
		},
		"login of the same origin": {
			method: http.MethodPost, path: "/login", form: url.Values{"user": {"alice"}},
			header: http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {site.URL}},
			status: http.StatusSeeOther, location: "/",
		},
		"login, nobody known": {
			method: http.MethodPost, path: "/login", form: url.Values{"user": {"mallory"}},
			status: http.StatusUnprocessableEntity,
			shows:  []string{"There is no user “mallory”", "Continue as Alice"},
		},
		"login, nobody known, while alice": {
			as: "alice", method: http.MethodPost, path: "/login", form: url.Values{"user": {"mallory"}},
			status: http.StatusUnprocessableEntity,
			shows:  []string{"There is no user “mallory”", "Hello, Alice"},
		},
		"login, empty form": {
			method: http.MethodPost, path: "/login", form: url.Values{},
			status: http.StatusUnprocessableEntity, shows: []string{"Continue as Alice"},
		},
		"login, name in the query": {
			method: http.MethodPost, path: "/login?user=alice", form: url.Values{},
			status: http.StatusUnprocessableEntity,
		},
		"login, markup": {
			method: http.MethodPost, path: "/login", form: url.Values{"user": {"<script>"}},
			status: http.StatusUnprocessableEntity, hides: []string{"<script>"},
		},
		"login, far too long": {
			method: http.MethodPost, path: "/login", form: url.Values{"user": {strings.Repeat("alice", 10_000)}},
			status: http.StatusUnprocessableEntity, hides: []string{"alicealice"},
		},
		"login from another site": {
			method: http.MethodPost, path: "/login", form: url.Values{"user": {"alice"}},
			header: http.Header{"Sec-Fetch-Site": {"cross-site"}},
			status: http.StatusForbidden, shows: []string{"from another site"},
		},
		"login from another site, old browser": {
			method: http.MethodPost, path: "/login", form: url.Values{"user": {"alice"}},
			header: http.Header{"Origin": {"https://elsewhere.example"}},
			status: http.StatusForbidden, shows: []string{"from another site"},
		},
		"logout from another site": {
			as: "alice", method: http.MethodPost, path: "/logout",
			header: http.Header{"Sec-Fetch-Site": {"cross-site"}},
			status: http.StatusForbidden,
		},
		"login page after a reload": {
			path: "/login", status: http.StatusSeeOther, location: "/",
		},
		"logout by link": {
			as: "alice", path: "/logout", status: http.StatusNotFound,
		},
		"nothing there": {
			path: "/nothing", status: http.StatusNotFound, shows: []string{"Nothing here"},
		},
		"nothing there, deeper": {
			path: "/nothing/at/all", status: http.StatusNotFound, shows: []string{"Nothing here"},
		},
		"pro, nobody logged in": {
			path: "/pro", status: http.StatusFound, location: "/",
		},
		"pro, nobody logged in, by fetch": {
			path: "/pro", header: http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}},
			status: http.StatusUnauthorized,
		},
		"pro, not subscribed": {
			as: "alice", path: "/pro", status: http.StatusSeeOther, location: "/billing",
		},
		"below pro": {
			as: "alice", path: "/pro/1002", status: http.StatusNotFound, shows: []string{"Nothing here"},
		},
		"below billing": {
			as: "alice", path: "/billing/1002", status: http.StatusNotFound, shows: []string{"Nothing here"},
		},
		"health": {
			path: "/healthz", status: http.StatusOK, shows: []string{"ok"},
		},
		"style sheet": {
			path: "/style.css", status: http.StatusOK, shows: []string{"--accent"},
		},
		"icon": {
			path: "/icon.svg", status: http.StatusOK, shows: []string{"<svg"},
		},
		"billing, nobody logged in": {
			path: "/billing", status: http.StatusFound, location: "/",
		},
		"billing, nobody logged in, by fetch": {
			path: "/billing", header: http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}},
			status: http.StatusUnauthorized,
		},
		"billing, prefetch": {
			as: "alice", path: "/billing", header: http.Header{"Sec-Purpose": {"prefetch"}},
			status: http.StatusServiceUnavailable,
		},
		"billing, HEAD": {
			as: "alice", method: http.MethodHead, path: "/billing", status: http.StatusNoContent,
		},
		"billing, another method": {
			as: "alice", method: http.MethodDelete, path: "/billing", status: http.StatusMethodNotAllowed,
		},
		"billing, form from another site": {
			as: "alice", method: http.MethodPost, path: "/billing", form: url.Values{},
			header: http.Header{"Sec-Fetch-Site": {"cross-site"}},
			status: http.StatusForbidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			method := test.method
			if method == "" {
				method = http.MethodGet
			}
			got := site.visit(t, test.as).send(t, method, test.path, test.form, test.header)

			assert.Equal(t, test.status, got.Status, got.Body)
			assert.Equal(t, test.location, got.Header.Get("Location"))
			for _, text := range test.shows {
				assert.Contains(t, got.Body, text)
			}
			for _, text := range test.hides {
				assert.NotContains(t, got.Body, text)
			}
			assert.Contains(t, got.Header.Get("Content-Security-Policy"), "default-src 'none'")
			assert.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
		})
	}
	t.Cleanup(func() {
		assert.Zero(t, site.calls("/api/nonce"), "none of these was somebody logged in who clicked on /billing")
	})
}

func testSession(t *testing.T, framework string, build demo.Build) {
	site := start(t, framework, build, nil)
	alice, bob := site.visit(t, "alice"), site.visit(t, "bob")

	assert.Contains(t, alice.get(t, "/", nil).Body, "Hello, Alice")
	assert.Contains(t, bob.get(t, "/", nil).Body, "Hello, Bob")

	got := alice.post(t, "/logout", nil, nil)
	assert.Equal(t, http.StatusSeeOther, got.Status)
	assert.Equal(t, "/", got.Header.Get("Location"))
	assert.Contains(t, alice.get(t, "/", nil).Body, "Continue as Alice")
	assert.Equal(t, "/", alice.get(t, "/billing", nil).Header.Get("Location"))
	assert.Contains(t, bob.get(t, "/", nil).Body, "Hello, Bob", "alice logged out, bob did not")

	got = bob.post(t, "/login", url.Values{"user": {"alice"}}, nil)
	assert.Equal(t, http.StatusSeeOther, got.Status)
	assert.Contains(t, bob.get(t, "/", nil).Body, "Hello, Alice")
}

func testSessionCookie(t *testing.T, framework string, build demo.Build) {
	const key = "0123456789abcdef0123456789abcdef"
	site := start(t, framework, build, map[string]string{"SESSION_KEY": key})

	cookie := func(key, login string, expires time.Time) string {
		value := login + "." + strconv.FormatInt(expires.Unix(), 10)
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte("acme_session." + value))
		return value + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	soon := time.Now().Add(time.Hour)
	valid := cookie(key, "alice", soon)
	for name, test := range map[string]struct {
		cookie string
		works  bool
	}{
		"as it was given":       {valid, true},
		"made before a restart": {cookie(key, "bob", soon), true},
		"another login":         {strings.Replace(valid, "alice", "bob", 1), false},
		"a longer life":         {strings.Replace(valid, ".", ".9", 1), false},
		"another signature":     {valid[:len(valid)-1] + "~", false},
		"a longer signature":    {valid + "A", false},
		"no signature":          {valid[:strings.LastIndex(valid, ".")], false},
		"another key":           {cookie(key[1:]+"x", "alice", soon), false},
		"expired":               {cookie(key, "alice", time.Now().Add(-time.Second)), false},
		"somebody unknown":      {cookie(key, "mallory", soon), false},
		"garbage":               {"...", false},
		"empty":                 {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			header := http.Header{"Cookie": {"acme_session=" + test.cookie}}
			home := site.visit(t, "").get(t, "/", header)
			billing := site.visit(t, "").get(t, "/billing", header)

			assert.Equal(t, http.StatusOK, home.Status)
			assert.Equal(t, test.works, strings.Contains(home.Body, "Hello, "))
			assert.Equal(t, test.works, billing.Header.Get("Location") != "/")
		})
	}

	for name, test := range map[string]struct {
		header http.Header
		secure bool
	}{
		"over http":                {nil, false},
		"over https, by the proxy": {http.Header{"X-Forwarded-Proto": {"https"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			got := site.visit(t, "").post(t, "/login", url.Values{"user": {"alice"}}, test.header)
			set, err := http.ParseSetCookie(got.Header.Get("Set-Cookie"))
			require.NoError(t, err)

			assert.True(t, set.HttpOnly)
			assert.Equal(t, http.SameSiteLaxMode, set.SameSite)
			assert.Equal(t, "/", set.Path)
			assert.Empty(t, set.Domain)
			assert.Equal(t, test.secure, set.Secure)
		})
	}
}

func testBilling(t *testing.T, framework string, build demo.Build) {
	site := start(t, framework, build, nil)
	alice, bob := site.visit(t, "alice"), site.visit(t, "bob")

	first := alice.get(t, "/billing", nil)
	second := alice.get(t, "/billing", http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"}})
	posted := alice.post(t, "/billing", url.Values{},
		http.Header{"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-Mode": {"navigate"}})
	others := bob.get(t, "/billing?identifier=1001", nil)

	assert.Equal(t, http.StatusFound, first.Status)
	assert.Equal(t, http.StatusFound, second.Status)
	assert.Equal(t, http.StatusSeeOther, posted.Status)
	assert.Equal(t, http.StatusFound, others.Status)

	seen := map[string]bool{}
	for _, got := range []answer{first, second, posted, others} {
		location := got.Header.Get("Location")
		portal, nonce := location[:max(0, strings.LastIndex(location, "/"))], location[strings.LastIndex(location, "/")+1:]

		assert.Equal(t, site.Kanuu.URL+"/manage/"+kanuutest.DefaultTeam, portal)
		assert.NotEmpty(t, nonce)
		assert.False(t, seen[nonce], "every click gets a nonce of its own")
		seen[nonce] = true

		assert.Equal(t, "no-store", got.Header.Get("Cache-Control"))
		assert.Equal(t, "no-referrer", got.Header.Get("Referrer-Policy"), "the library's word counts more than the app's")
		assert.NotContains(t, got.Body, nonce)
		assert.NotContains(t, site.Log.String(), nonce)
	}

	var identifiers []string
	for _, request := range site.Kanuu.Requests() {
		identifiers = append(identifiers, request.Identifier())
		assert.Equal(t, "/api/nonce", request.Path)
	}
	assert.Equal(t, []string{"1001", "1001", "1001", "1002"}, identifiers)
}

func testKanuuFails(t *testing.T, framework string, build demo.Build) {
	const upstream = "what-kanuu-says"
	for name, test := range map[string]struct {
		fault  kanuutest.Fault
		key    string
		status int
	}{
		"the seller owes Kanuu": {kanuutest.Fault{Status: http.StatusPaymentRequired, Body: `{"message":"` + upstream + `"}`}, "",
			http.StatusServiceUnavailable},
		"a wrong key": {kanuutest.Fault{}, "not-the-key", http.StatusBadGateway},
		"garbage":     {kanuutest.Fault{Status: http.StatusCreated, Body: upstream}, "", http.StatusBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			env := map[string]string{}
			if test.key != "" {
				env["KANUU_API_KEY"] = test.key
			}
			site := start(t, framework, build, env)
			if test.fault.Status != 0 {
				site.Kanuu.Inject(test.fault)
			}

			got := site.visit(t, "alice").get(t, "/billing", http.Header{"Accept": {"text/html"}})

			assert.Equal(t, test.status, got.Status)
			assert.Contains(t, got.Header.Get("Content-Type"), "text/html")
			assert.NotEmpty(t, got.Body)
			assert.NotContains(t, got.Body, upstream)
			assert.Contains(t, site.Log.String(), "level=ERROR")
			assert.NotContains(t, site.Log.String(), "not-the-key")
		})
	}
}
