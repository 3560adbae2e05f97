package kanuutest_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// A browser on the same machine may be led here by another site: by a form, a
// script or an image, or by a name of that site which points at this machine.
func TestOtherSitesAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, november20(&kanuutest.Options{ControlHosts: []string{"Kanuu.Test"}}))
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	_, link := mint(t, s.URL, "42")
	client := browser(t)
	visit(t, client, http.MethodGet, link)
	s.Reset()
	before := s.State()

	type header map[string]string
	requests := map[string]*http.Request{
		"POST /api/nonce":        newCall(t, s.URL+noncePath, `{"identifier":"7"}`),
		"POST /api/subscription": newCall(t, s.URL+subscriptionPath, `{"identifier":"7"}`),
		"POST /api/typo":         newCall(t, s.URL+"/api/typo", `{"identifier":"7"}`),
		"POST /manage":           newForm(t, link, "action=subscribe&plan=67"),
		"POST /control":          newForm(t, s.URL+"/control", "do=act&action=subscribe&plan_id=67&identifier=7"),
		"POST /control/api/act":  newCall(t, s.URL+"/control/api/act", `{"identifier":"7","action":"subscribe","plan_id":67}`),
	}
	requests["POST /control/api/act"].Header.Del("Authorization")
	for _, path := range []string{noncePath, strings.TrimPrefix(link, s.URL), "/control", "/control/api/state",
		"/control/public-key.pem"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
		require.NoError(t, err)
		requests["GET "+path[:min(len(path), 12)]] = req
	}
	for name, attack := range map[string]struct {
		host   string
		header header
	}{
		"a name of the site":           {"evil.test", nil},
		"with a port":                  {"evil.test" + port, nil},
		"like localhost":               {"evillocalhost", nil},
		"localhost in front":           {"localhost.evil.test", nil},
		"an address in front":          {"127.0.0.1.evil.test", nil},
		"below a trusted name":         {"sub.kanuu.test", nil},
		"rebound, and its own origin":  {"evil.test" + port, header{"Origin": "http://evil.test" + port}},
		"a script of another site":     {"", header{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}},
		"an image of another site":     {"", header{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}},
		"another port of this machine": {"", header{"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}},
		"an old browser":               {"", header{"Origin": "https://evil.test"}},
	} {
		for to, request := range requests {
			req := request.Clone(t.Context())
			if request.GetBody != nil {
				req.Body, _ = request.GetBody()
			}
			if attack.host != "" {
				req.Host = attack.host
			}
			for key, value := range attack.header {
				req.Header.Set(key, value)
			}
			a := send(t, client, req)
			assert.Equal(t, http.StatusForbidden, a.StatusCode, name+": "+to)
			assert.Regexp(t, "Options.ControlHosts|this came from another site", a.body, name+": "+to)
			assert.NotContains(t, a.body, "PUBLIC KEY", name+": "+to)
		}
	}
	assert.Equal(t, before, s.State(), "nothing was changed or recorded")
}

func TestLocalHostsAreServed(t *testing.T) {
	t.Parallel()
	s := start(t, &kanuutest.Options{ControlHosts: []string{"Kanuu.Test"}})
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	for _, host := range []string{
		"localhost" + port, "LOCALHOST", "localhost.", "shop.localhost" + port, "127.0.0.1", "[::1]" + port, "[::1]",
		"192.168.0.7:80", "kanuu.test" + port,
	} {
		req := newCall(t, s.URL+noncePath, `{"identifier":"42"}`)
		req.Host = host
		a := send(t, http.DefaultClient, req)
		assert.Equal(t, http.StatusCreated, a.StatusCode, host)
		link := decode(t, a)["url"]
		for _, path := range []string{link[strings.Index(link, "/manage"):], "/control", "/control/api/state"} {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, http.NoBody)
			require.NoError(t, err)
			req.Host = host
			// A click in the application, which is another site to a browser.
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			req.Header.Set("Sec-Fetch-Mode", "navigate")
			want := http.StatusOK
			if path == "/control/api/state" {
				req.Header.Del("Sec-Fetch-Site")
			}
			assert.Equal(t, want, send(t, http.DefaultClient, req).StatusCode, host+path)
		}
	}
}

// Requests that fill up 16 MiB push the oldest out.
func TestRecordedBytesAreBounded(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(nil)
	for range 20 {
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, noncePath, bytes.NewReader(make([]byte, 1<<20)))
		k.ServeHTTP(httptest.NewRecorder(), req)
	}
	assert.Len(t, k.Requests(), 15)
}
