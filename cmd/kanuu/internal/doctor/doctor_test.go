package doctor_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/cmd/kanuu/internal/doctor"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// examine returns the findings by check.
func examine(t *testing.T, setup doctor.Setup) map[string]doctor.Finding {
	t.Helper()
	findings := make(map[string]doctor.Finding)
	doctor.Examine(t.Context(), setup, func(f doctor.Finding) {
		assert.NotContains(t, findings, f.Check, "each check reports once")
		findings[f.Check] = f
		if f.Status == doctor.Fail || f.Status == doctor.Warn {
			assert.NotEmpty(t, f.Remedy, "%s %s: %s", f.Status, f.Check, f.Detail)
		}
		if setup.APIKey != "" {
			assert.NotContains(t, f.Detail+f.Remedy, setup.APIKey)
		}
	})
	return findings
}

func setupOf(t *testing.T, opts *kanuutest.Options) (*kanuutest.Server, doctor.Setup) {
	t.Helper()
	fake := kanuutest.NewServer(opts)
	t.Cleanup(fake.Close)
	return fake, doctor.Setup{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL, PublicKey: kanuutest.NewSigner().PublicKey()}
}

func assertFinding(t *testing.T, got doctor.Finding, status doctor.Status, texts ...string) {
	t.Helper()
	assert.Equal(t, status, got.Status, "%+v", got)
	for _, text := range texts {
		assert.Contains(t, got.Detail+" → "+got.Remedy, text)
	}
}

// The examination creates nothing, and asks about nobody real.
func TestExamineSendsOneCall(t *testing.T) {
	t.Parallel()
	fake, setup := setupOf(t, nil)
	for check, f := range examine(t, setup) {
		assert.Equal(t, doctor.OK, f.Status, check)
	}
	asked := fake.Requests()
	require.Len(t, asked, 1)
	assert.Equal(t, "/api/subscription", asked[0].Path)
	assert.JSONEq(t, `{"identifier":"kanuu-doctor"}`, string(asked[0].Body))
}

// A proxy may have Kanuu below such a path: then it is right.
func TestBaseURLBelowAProxyPath(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	mux.Handle("/billing/api/", http.StripPrefix("/billing/api", kanuutest.New(nil)))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	findings := examine(t, doctor.Setup{APIKey: kanuutest.DefaultAPIKey, BaseURL: server.URL + "/billing/api"})
	assertFinding(t, findings["base url"], doctor.Warn, "leave /api out: set KANUU_BASE_URL to "+server.URL+
		"/billing, unless a proxy has Kanuu there")
	assertFinding(t, findings["key accepted"], doctor.OK)
}

// Only the API call carries the key: the base URL and the webhook get none.
func TestKeySentToTheAPIOnly(t *testing.T) {
	t.Parallel()
	fake := kanuutest.New(nil)
	keys := make(chan string, 9)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		keys <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization")
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	examine(t, doctor.Setup{APIKey: kanuutest.DefaultAPIKey, BaseURL: server.URL, WebhookURL: server.URL + "/webhooks"})

	close(keys)
	var seen []string
	for key := range keys {
		seen = append(seen, key)
	}
	assert.Equal(t, []string{
		"HEAD / ", "POST /api/subscription Bearer kanuu-test-key", "GET /control/api/state ", "POST /webhooks ",
	}, seen)
}

// Somebody pasted the emulator's key without its address: nobody is asked, and
// the key stays here.
func TestEmulatorKeyNotSentToKanuu(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ base, says string }{
		"not set":    {"", "KANUU_BASE_URL is not set"},
		"Kanuu":      {"https://kanuu.io", "KANUU_BASE_URL is https://kanuu.io"},
		"with slash": {"https://kanuu.io/", "KANUU_BASE_URL is https://kanuu.io"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			findings := examine(t, doctor.Setup{APIKey: kanuutest.DefaultAPIKey, BaseURL: tt.base})
			assertFinding(t, findings["api key"], doctor.OK)
			assertFinding(t, findings["base url"], doctor.Fail, tt.says, "the emulator's own key", "`kanuu emulator` printed",
				"Kanuu dashboard")
			for _, check := range []string{"certificate", "clock", "key accepted"} {
				assertFinding(t, findings[check], doctor.Skip)
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	_, setup := setupOf(t, nil)
	for name, tt := range map[string]struct {
		change func(*doctor.Setup)
		check  string
		status doctor.Status
		says   []string
	}{
		"no key": {func(s *doctor.Setup) { s.APIKey = "" }, "api key", doctor.Fail,
			[]string{"KANUU_API_KEY is not set", "kanuu emulator"}},
		"no key, not asked": {func(s *doctor.Setup) { s.APIKey = "" }, "key accepted", doctor.Skip, nil},
		"key with a line end": {func(s *doctor.Setup) { s.APIKey = "s3cret\n" }, "api key", doctor.Fail,
			[]string{"white space"}},
		"key of somebody else": {func(s *doctor.Setup) { s.APIKey = "s3cret" }, "key accepted", doctor.Fail,
			[]string{"refused", "Kanuu dashboard"}},
		"base URL without scheme": {func(s *doctor.Setup) { s.BaseURL = "kanuu.io" }, "base url", doctor.Fail,
			[]string{"not an absolute URL"}},
		"base URL, not asked": {func(s *doctor.Setup) { s.BaseURL = "kanuu.io" }, "certificate", doctor.Skip, nil},
		"base URL in plain http": {func(s *doctor.Setup) { s.BaseURL = "http://kanuu.io" }, "base url", doctor.Fail,
			[]string{"use https"}},
		"base URL with password": {func(s *doctor.Setup) { s.BaseURL = "https://u:s3cret@kanuu.io" }, "base url", doctor.Fail,
			[]string{"has a user in it"}},
		"base URL with a path": {func(s *doctor.Setup) { s.BaseURL += "/some/where/" }, "base url", doctor.OK, nil},
		"base URL, nothing there": {
			func(s *doctor.Setup) { s.BaseURL += "/some/where/" }, "key accepted", doctor.Fail,
			[]string{"404", "leave /some/where out: set KANUU_BASE_URL to " + setup.BaseURL},
		},
		"base URL with /api": {
			func(s *doctor.Setup) { s.BaseURL += "/api" }, "base url", doctor.Warn,
			[]string{"ends in /api", "leave /api out: set KANUU_BASE_URL to " + setup.BaseURL},
		},
		"base URL with /api/": {
			func(s *doctor.Setup) { s.BaseURL += "/api/" }, "key accepted", doctor.Fail,
			[]string{"404", "leave /api out: set KANUU_BASE_URL to " + setup.BaseURL},
		},
		"base URL with /api, no key": {
			func(s *doctor.Setup) { s.BaseURL, s.APIKey = s.BaseURL+"/api", "" }, "base url", doctor.Warn,
			[]string{"leave /api out"},
		},
		"no public key": {func(s *doctor.Setup) { s.PublicKey = "" }, "public key", doctor.Warn,
			[]string{"PADDLE_PUBLIC_KEY is not set"}},
		"public key with \\n": {
			func(s *doctor.Setup) { s.PublicKey = strings.ReplaceAll(s.PublicKey, "\n", `\n`) }, "public key", doctor.OK, nil,
		},
		"public key on one line": {
			func(s *doctor.Setup) { s.PublicKey = strings.ReplaceAll(s.PublicKey, "\n", " ") }, "public key", doctor.Fail,
			[]string{"PADDLE_PUBLIC_KEY holds is damaged PEM", "keep the line ends"},
		},
		"public key cut off": {
			func(s *doctor.Setup) { s.PublicKey = s.PublicKey[:100] }, "public key", doctor.Fail,
			[]string{"is cut off", "copy the public key"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := setup
			tt.change(&changed)
			findings := examine(t, changed)
			assertFinding(t, findings[tt.check], tt.status, tt.says...)
			for _, f := range findings {
				assert.NotContains(t, f.Detail+f.Remedy, "s3cret")
			}
		})
	}
}

func TestResponsesOfKanuu(t *testing.T) {
	t.Parallel()
	slow := http.Header{"Retry-After": {"3600"}}
	for name, tt := range map[string]struct {
		fault  kanuutest.Fault
		status doctor.Status
		says   string
	}{
		"payment required": {kanuutest.Fault{Status: 402}, doctor.Fail, "20 active customers"},
		"throttled":        {kanuutest.Fault{Status: 429, Header: slow}, doctor.Warn, "again in a moment"},
		"down":             {kanuutest.Fault{Status: 503, Header: slow}, doctor.Fail, "wait for Kanuu"},
		"not Kanuu":        {kanuutest.Fault{Body: "<html>hello"}, doctor.Fail, "KANUU_BASE_URL is Kanuu's"},
		"no such call":     {kanuutest.Fault{Status: 404}, doctor.Fail, "KANUU_BASE_URL is Kanuu's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, setup := setupOf(t, nil)
			fake.Inject(tt.fault)
			findings := examine(t, setup)
			assert.Equal(t, doctor.OK, findings["base url"].Status)
			assertFinding(t, findings["key accepted"], tt.status, tt.says)
		})
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		off    time.Duration
		status doctor.Status
		says   []string
	}{
		"right":             {0, doctor.OK, nil},
		"3 s ahead":         {3 * time.Second, doctor.OK, nil},
		"a minute ahead":    {time.Minute, doctor.Warn, []string{"1 minute ahead of", "NTP"}},
		"4 minutes behind":  {-4 * time.Minute, doctor.Warn, []string{"4 minutes behind"}},
		"6 minutes behind":  {-6 * time.Minute, doctor.Fail, []string{"6 minutes behind"}},
		"a day ahead":       {24 * time.Hour, doctor.Fail, []string{"1 day ahead of", "timedatectl"}},
		"three days behind": {-72 * time.Hour, doctor.Fail, []string{"3 days behind"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The fake tells a fixed time: how slow this machine is must not matter.
			noon := time.Date(2026, time.May, 4, 12, 0, 0, 0, time.UTC)
			fake := kanuutest.New(nil)
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", noon.Format(http.TimeFormat))
				fake.ServeHTTP(w, r)
			}))
			t.Cleanup(server.Close)

			findings := examine(t, doctor.Setup{
				APIKey: kanuutest.DefaultAPIKey, BaseURL: server.URL,
				Now: func() time.Time { return noon.Add(tt.off) },
			})

			assertFinding(t, findings["clock"], tt.status, tt.says...)
			assert.Equal(t, doctor.OK, findings["key accepted"].Status, "the rest is asked all the same")
		})
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	fake, setup := setupOf(t, nil)
	fake.Close()

	findings := examine(t, setup)
	assertFinding(t, findings["base url"], doctor.Fail, fake.URL+" cannot be reached", "connection refused", "kanuu emulator")
	assertFinding(t, findings["certificate"], doctor.Skip)
	assertFinding(t, findings["clock"], doctor.Skip)
	assertFinding(t, findings["key accepted"], doctor.Skip)
	assertFinding(t, findings["public key"], doctor.OK)
}

func TestBaseURLErrors(t *testing.T) {
	t.Parallel()
	fake, _ := setupOf(t, nil)
	for base, says := range map[string]string{
		"https://kanuu.invalid":                         "DNS", // a name that RFC 6761 keeps from existing
		strings.Replace(fake.URL, "http:", "https:", 1): "speaks plain http",
	} {
		findings := examine(t, doctor.Setup{APIKey: kanuutest.DefaultAPIKey, BaseURL: base})
		assertFinding(t, findings["base url"], doctor.Fail, strings.TrimPrefix(base, "https://"), says)
	}
}

func TestExamineCancelled(t *testing.T) {
	t.Parallel()
	_, setup := setupOf(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	var failed []string
	doctor.Examine(ctx, setup, func(f doctor.Finding) {
		if f.Status == doctor.Fail {
			failed = append(failed, f.Check)
		}
	})

	assert.Equal(t, []string{"base url"}, failed)
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	answer := func(status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/login")
			w.WriteHeader(status)
		})
	}

	client, err := kanuu.NewClient(kanuu.Config{APIKey: "key", BaseURL: "http://127.0.0.1"})
	require.NoError(t, err)
	verifying, err := kanuu.NewWebhookHandler(client, kanuutest.NewSigner().PublicKey(), nil)
	require.NoError(t, err)
	for name, tt := range map[string]struct {
		app    http.Handler
		status doctor.Status
		says   string
	}{
		"the library's handler": {verifying, doctor.OK, "401"},
		"takes anything":        {answer(200), doctor.Fail, "anybody can send it alerts"},
		"takes with 204":        {answer(204), doctor.Fail, "anybody can send it alerts"},
		"redirects to login":    {answer(302), doctor.Fail, "Paddle does not follow"},
		"CSRF check":            {answer(403), doctor.Warn, "CSRF"},
		"Laravel's CSRF check":  {answer(419), doctor.Warn, "CSRF"},
		"other path":            {answer(404), doctor.Fail, "check the path"},
		"only GET":              {answer(405), doctor.Fail, "POST"},
		"bad request":           {answer(400), doctor.Warn, "401 is usual"},
		"crashes":               {answer(500), doctor.Fail, "log"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, setup := setupOf(t, nil)
			app := httptest.NewServer(tt.app)
			t.Cleanup(app.Close)
			setup.WebhookURL = app.URL + "/webhooks/paddle"
			assertFinding(t, examine(t, setup)["webhook"], tt.status, tt.says)
		})
	}
}

// An application that does not verify has nothing to act on.
func TestWebhookProbeHasNoContent(t *testing.T) {
	t.Parallel()
	forms := make(chan map[string][]string, 1)
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		forms <- r.PostForm
	}))
	t.Cleanup(app.Close)

	_, setup := setupOf(t, nil)
	setup.WebhookURL = app.URL
	examine(t, setup)

	assert.Equal(t, map[string][]string{"alert_id": {"0"}, "alert_name": {"kanuu_doctor"}, "passthrough": {""}}, <-forms)
}

func TestWebhookURL(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	for name, tt := range map[string]struct{ url, says string }{
		"a path":       {"/webhooks/paddle", "unsupported protocol scheme"},
		"no scheme":    {"localhost:8080/webhooks", "unsupported protocol scheme"},
		"nobody there": {gone.URL, "start the application"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, setup := setupOf(t, nil)
			setup.WebhookURL = tt.url
			assertFinding(t, examine(t, setup)["webhook"], doctor.Fail, tt.says)
		})
	}
}

func newRSA() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}
