package doctor_test

import (
	"context"
	"errors"
	"io"
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

type wrapper func(http.Handler) http.Handler

// application is a right one, apart from what a test breaks. Its customer has the
// cookie session=42.
type application struct {
	publicKey    string // empty: the emulator's
	webhook, all wrapper
	billing, pro wrapper
	cookie       http.Cookie // of the first page
	fails        bool        // every alert
}

func (a application) start(t *testing.T, fake *kanuutest.Server) string {
	t.Helper()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	require.NoError(t, err)
	if a.publicKey == "" {
		a.publicKey = fake.PublicKey()
	}
	hook, err := kanuu.NewWebhookHandler(client, a.publicKey, nil)
	require.NoError(t, err)
	hook.On("*", func(context.Context, kanuu.Event) error {
		if a.fails {
			return errors.New("no database")
		}
		return nil
	})
	resolve := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		if c, err := r.Cookie("session"); err == nil {
			return kanuu.Identity{Identifier: c.Value}, nil
		}
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	})
	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/login"})
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "private") })
	around := func(w wrapper, h http.Handler) http.Handler {
		if w == nil {
			return h
		}
		return w(h)
	}
	mux := http.NewServeMux()
	mux.Handle("/webhooks/paddle", around(a.webhook, hook))
	mux.Handle("/billing", around(a.billing, kanuu.NewRedirectHandler(client, resolve, nil)))
	mux.Handle("/pro", around(a.pro, gate.Handler(resolve, page)))
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { http.SetCookie(w, &a.cookie) })
	app := httptest.NewServer(around(a.all, mux))
	t.Cleanup(app.Close)
	return app.URL
}

// setHeader sets a header before anything is written, which the handler may not
// change any more.
type setHeader struct {
	http.ResponseWriter
	name, value string
}

func (w setHeader) WriteHeader(status int) {
	w.Header().Set(w.name, w.value)
	w.ResponseWriter.WriteHeader(status)
}

func with(name, value string) wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(name, value)
			next.ServeHTTP(setHeader{w, name, value}, r)
		})
	}
}

// before changes the request.
func before(f func(*http.Request)) wrapper {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { f(r); next.ServeHTTP(w, r) })
	}
}

func TestApplication(t *testing.T) {
	t.Parallel()
	lax := http.Cookie{Name: "session", Value: "x", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	for name, tt := range map[string]struct {
		app    application
		cookie string // of the customer; "-": nobody is logged in
		check  string // empty: nothing is wrong
		status doctor.Status
		says   string
	}{
		"right":      {app: application{cookie: lax}},
		"logged out": {app: application{cookie: lax}, cookie: "-", check: "portal link", status: doctor.Skip, says: "log in"},
		"another public key": {app: application{publicKey: otherKey()}, check: "signed alert", status: doctor.Fail,
			says: "since the application has another public key"},
		"form eaten": {app: application{webhook: before(func(r *http.Request) { _ = r.ParseForm() })}, check: "signed alert",
			status: doctor.Fail, says: "something reads the body before the webhook handler"},
		"body eaten": {app: application{all: before(func(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })},
			check: "signed alert", status: doctor.Fail, says: "something reads the body before the webhook handler"},
		"handler fails": {app: application{fails: true}, check: "signed alert", status: doctor.Fail, says: "it answered 500"},
		"HEAD as GET": {app: application{billing: before(func(r *http.Request) { r.Method = http.MethodGet })},
			check: "prefetch", status: doctor.Fail, says: "a HEAD request to /billing made a nonce"},
		"prefetch as a click": {app: application{all: before(func(r *http.Request) { r.Header.Del("Sec-Purpose") })},
			check: "prefetch", status: doctor.Fail, says: "a prefetch to /billing made a nonce"},
		"cached link": {app: application{billing: with("Cache-Control", "max-age=60")}, check: "portal link",
			status: doctor.Fail, says: "without Cache-Control: no-store"},
		"cached page": {app: application{pro: with("Cache-Control", "public, max-age=60")}, check: "gated page",
			status: doctor.Fail, says: "without Cache-Control: no-store"},
		"open page": {app: application{pro: func(http.Handler) http.Handler { return http.NotFoundHandler() }},
			check: "gated page", status: doctor.Fail, says: "there is no /pro"},
		"no gate": {app: application{pro: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
		}}, check: "gated page", status: doctor.Fail, says: "/pro opens without a login"},
		"no SameSite": {app: application{cookie: http.Cookie{Name: "session", Value: "x"}}, check: "cookies",
			status: doctor.Fail, says: "the cookie session has no SameSite → set SameSite=Lax"},
		"SameSite=None": {app: application{cookie: http.Cookie{
			Name: "app", Value: "x", HttpOnly: true, Secure: true, SameSite: http.SameSiteNoneMode}},
			check: "cookies", status: doctor.Fail, says: "the cookie app has SameSite=None"},
		"another cookie": {app: application{cookie: http.Cookie{Name: "theme", Value: "dark"}}, check: "cookies",
			status: doctor.Skip, says: "no page set a session cookie"},
		"page without Cache-Control": {app: application{cookie: lax, pro: func(gated http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := r.Cookie("session"); err != nil {
					gated.ServeHTTP(w, r)
				}
			})
		}}},
		"page for shared caches": {app: application{cookie: lax, pro: func(gated http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if _, err := r.Cookie("session"); err != nil {
					gated.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Cache-Control", "s-maxage=60")
			})
		}}, check: "gated page", status: doctor.Fail, says: "lets shared caches keep the page of a subscriber"},
		"expired login": {app: application{cookie: lax}, cookie: "old=1", check: "portal link", status: doctor.Skip,
			says: "does not accept the login of KANUU_DOCTOR_COOKIE"},
		"clock": {app: application{all: with("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))},
			check: "app clock", status: doctor.Fail, says: "behind the server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake, setup := setupOf(t, nil)
			fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})
			setup.AppURL = tt.app.start(t, fake)
			setup.WebhookURL, setup.Gate, setup.Cookie = setup.AppURL+"/webhooks/paddle", "/pro", "session=42"
			if tt.cookie != "" {
				setup.Cookie = strings.TrimPrefix(tt.cookie, "-")
			}
			for check, f := range examine(t, setup) {
				if check == tt.check {
					assertFinding(t, f, tt.status, tt.says)
				} else if f.Status != doctor.OK && !strings.Contains(f.Detail, "no page set a session cookie") {
					// One fault may be in the way of another check.
					assert.Contains(t, []string{"cached link", "handler fails"}, name, "%+v", f)
				}
			}
			assert.LessOrEqual(t, len(fake.Requests()), 6)
		})
	}
}

func otherKey() string {
	return kanuutest.NewSignerWithKey(newRSA()).PublicKey()
}

// Without an emulator, a given key signs, and nothing is clicked.
func TestApplicationWithoutEmulator(t *testing.T) {
	t.Parallel()
	key := newRSA()
	for name, tt := range map[string]struct {
		app    application
		signed doctor.Status
		mints  doctor.Status
	}{
		"right":     {application{}, doctor.OK, doctor.OK},
		"wrong key": {application{publicKey: otherKey()}, doctor.Fail, doctor.OK},
		"HEAD as GET": {application{billing: before(func(r *http.Request) { r.Method = http.MethodGet })},
			doctor.OK, doctor.Warn},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signer := kanuutest.NewSignerWithKey(key)
			fake, setup := setupOf(t, &kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{Signer: signer}})
			kanuuOnly := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/control/api/state" {
					http.NotFound(w, r)
					return
				}
				fake.ServeHTTP(w, r)
			}))
			t.Cleanup(kanuuOnly.Close)
			setup.BaseURL, setup.SigningKey, setup.PublicKey = kanuuOnly.URL, key, fake.PublicKey()
			setup.AppURL, setup.Cookie = tt.app.start(t, fake), "session=42"
			setup.WebhookURL = setup.AppURL + "/webhooks/paddle"
			findings := examine(t, setup)
			assertFinding(t, findings["public key"], doctor.OK, "PADDLE_PUBLIC_KEY is that of --signing-key")
			assert.Equal(t, tt.signed, findings["signed alert"].Status, findings["signed alert"])
			assert.Equal(t, tt.mints, findings["prefetch"].Status, findings["prefetch"])
			assertFinding(t, findings["portal link"], doctor.Skip, "not clicked")
		})
	}
}

func TestPublicKeyOfAnother(t *testing.T) {
	t.Parallel()
	_, setup := setupOf(t, nil)
	setup.PublicKey = otherKey()
	assertFinding(t, examine(t, setup)["public key"], doctor.Fail, "is not the emulator's", "restart the application")
}

func TestApplicationUnreachable(t *testing.T) {
	t.Parallel()
	fake, setup := setupOf(t, nil)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	setup.AppURL = gone.URL
	assertFinding(t, examine(t, setup)["application"], doctor.Fail, "cannot be reached", "start it")
	other := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(other.Close)
	setup.AppURL = other.URL
	assertFinding(t, examine(t, setup)["prefetch"], doctor.Skip, "there is no /billing")
	assert.Len(t, fake.Requests(), 2, "those for the key")
}
