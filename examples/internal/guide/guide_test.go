package guide_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/examples/internal/guide"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var users = guide.Users{"42": {ID: "42", Email: "alice@example.com"}}

func setup(t *testing.T) (*kanuu.Client, *kanuutest.Server) {
	t.Helper()
	fake := kanuutest.NewServer(nil)
	t.Cleanup(fake.Close)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	require.NoError(t, err)
	return client, fake
}

// headerUser is a resolver that takes the user from the header Test-User.
func headerUser(r *http.Request) (kanuu.Identity, error) {
	if user := r.Header.Get("Test-User"); user != "" {
		return kanuu.Identity{Identifier: user}, nil
	}
	return kanuu.Identity{}, kanuu.ErrUnauthenticated
}

// get requests path from handler with headers, each a name and a value.
func get(handler http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for pair := range slices.Chunk(headers, 2) {
		r.Header.Set(pair[0], pair[1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func post(handler http.Handler, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func location(w *httptest.ResponseRecorder) string { return w.Header().Get("Location") }

func TestSCSSession(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	app := guide.WithSCS(client, users, scs.New())
	assert.Equal(t, "/login", location(get(app, "/billing")))

	login := post(app, "/login", url.Values{"user": {"42"}})
	require.Equal(t, http.StatusSeeOther, login.Code)
	cookie, _, _ := strings.Cut(login.Header().Get("Set-Cookie"), ";")
	assert.Contains(t, location(get(app, "/billing", "Cookie", cookie)), fake.URL)
	assert.Equal(t, "user:42", fake.Requests()[0].Identifier())
}

func TestGorillaSession(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	store := sessions.NewCookieStore([]byte("a key of 32 bytes, for this test"))
	app := guide.WithGorilla(client, users, store)
	login, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	session, err := store.Get(r, "acme")
	require.NoError(t, err)
	session.Values["user-id"] = "42"
	require.NoError(t, session.Save(r, login))
	cookie := login.Header().Get("Set-Cookie")
	forged := "acme=x" + strings.TrimPrefix(cookie, "acme=")
	assert.Equal(t, "/login", location(get(app, "/billing")))
	assert.Equal(t, "/login", location(get(app, "/billing", "Cookie", forged)))
	assert.Contains(t, location(get(app, "/billing", "Cookie", cookie)), fake.URL)
}

func TestReturnAfterLogin(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	app := guide.WithReturn(client, kanuu.IdentifierResolverFunc(headerUser), http.NotFoundHandler())
	assert.Equal(t, "/login?next=%2Fpro%3Fpage%3D2", location(get(app, "/pro?page=2")))
	assert.Equal(t, "/login?next=%2Fbilling", location(get(app, "/billing")))
	for next, want := range map[string]string{
		"/pro?page=2#top": "/pro?page=2#top", "/billing": "/billing", "": "/", "pro": "/",
		"https://evil.example/": "/", "//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"/\t/evil.example": "/", "/\n/evil.example": "/", "javascript:alert(1)": "/", "https:/evil.example": "/",
	} {
		assert.Equal(t, want, location(post(app, "/login", url.Values{"next": {next}})), "%q", next)
	}
}

func TestJWT(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	key := []byte("a key of 32 bytes, for this test")
	app := guide.WithJWT(client, key)
	for name, tc := range map[string]struct {
		method jwt.SigningMethod
		key    any
		change jwt.MapClaims // of the valid claims; nil: without it
		status int
	}{
		"valid":          {jwt.SigningMethodHS256, key, nil, http.StatusOK},
		"unsigned":       {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, http.StatusUnauthorized},
		"another key":    {jwt.SigningMethodHS256, []byte("another"), nil, http.StatusUnauthorized},
		"another method": {jwt.SigningMethodHS512, key, nil, http.StatusUnauthorized},
		"expired":        {jwt.SigningMethodHS256, key, jwt.MapClaims{"exp": 1}, http.StatusUnauthorized},
		"never expires":  {jwt.SigningMethodHS256, key, jwt.MapClaims{"exp": nil}, http.StatusUnauthorized},
		"another issuer": {jwt.SigningMethodHS256, key, jwt.MapClaims{"iss": "x"}, http.StatusUnauthorized},
		"no subject":     {jwt.SigningMethodHS256, key, jwt.MapClaims{"sub": nil}, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			expiry := time.Now().Add(time.Hour).Unix()
			claims := jwt.MapClaims{"iss": "acme", "sub": "42", "email": "alice@example.com", "exp": expiry}
			maps.Copy(claims, tc.change)
			maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
			token, err := jwt.NewWithClaims(tc.method, claims).SignedString(tc.key)
			require.NoError(t, err)
			w := get(app, "/billing", "Authorization", "Bearer "+token, "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty")
			assert.Equal(t, tc.status, w.Code)
			assert.Equal(t, tc.status == http.StatusOK, strings.Contains(w.Body.String(), `{"url":"`+fake.URL))
		})
	}
	assert.Equal(t, http.StatusUnauthorized, get(app, "/billing").Code)
}

// members are the members of teams by the header Test-User.
type members map[string]guide.Member

func (m members) OfSession(r *http.Request) (guide.Member, bool, error) {
	user := r.Header.Get("Test-User")
	if user == "broken" {
		return guide.Member{}, false, errors.New("no database")
	}
	member, ok := m[user]
	return member, ok, nil
}

func TestTeams(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	fake.SetSubscription("team:7", kanuutest.Subscription{Status: kanuutest.StatusActive})
	app := guide.WithTeams(client, members{
		"owner":  {UserID: "1", TeamID: "7", Owner: true, Email: "owner@example.com"},
		"member": {UserID: "2", TeamID: "7"},
		"loner":  {UserID: "7"}, // the same number as the team's
	}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, tc := range []struct {
		user, path string
		status     int
		location   string
	}{
		{"", "/billing", http.StatusFound, "/login"},
		{"owner", "/billing", http.StatusFound, fake.URL},
		{"member", "/billing", http.StatusForbidden, ""},
		{"loner", "/billing", http.StatusFound, fake.URL},
		{"broken", "/billing", http.StatusInternalServerError, ""},
		{"owner", "/pro", http.StatusOK, ""},
		{"member", "/pro", http.StatusOK, ""},
		{"loner", "/pro", http.StatusSeeOther, "/billing"},
		{"", "/pro", http.StatusFound, "/login"},
		{"broken", "/pro", http.StatusInternalServerError, ""},
	} {
		w := get(app, tc.path, "Test-User", tc.user)
		assert.Equal(t, tc.status, w.Code, tc)
		assert.True(t, strings.HasPrefix(location(w), tc.location), tc)
	}
}

func TestBackFromPortal(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	fake.SetSubscription("subscriber", kanuutest.Subscription{Status: kanuutest.StatusActive})
	page := guide.Back(client, kanuu.IdentifierResolverFunc(headerUser))
	assert.Equal(t, "/login", location(get(page, "/back")))
	assert.Equal(t, "/pro", location(get(page, "/back", "Test-User", "subscriber")))
	assert.Equal(t, "5", get(page, "/back", "Test-User", "other").Header().Get("Refresh"))
	fake.Inject(kanuutest.Fault{Status: http.StatusPaymentRequired})
	assert.Equal(t, http.StatusServiceUnavailable, get(page, "/back", "Test-User", "third").Code)
}

func TestTrustedOrigin(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	billing := guide.TrustedOrigin(client, kanuu.IdentifierResolverFunc(headerUser))
	for origin, status := range map[string]int{
		"https://www.acme.com": http.StatusSeeOther, "https://www.example.com": http.StatusForbidden,
	} {
		r, w := httptest.NewRequest(http.MethodPost, "/billing", nil), httptest.NewRecorder()
		r.Header = http.Header{"Origin": {origin}, "Sec-Fetch-Site": {"cross-site"}, "Test-User": {"42"}}
		billing.ServeHTTP(w, r)
		assert.Equal(t, status, w.Code, origin)
	}
}

func newWebhook(t *testing.T, client *kanuu.Client) (*kanuu.WebhookHandler, *kanuutest.Signer) {
	t.Helper()
	signer := kanuutest.NewSigner()
	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	require.NoError(t, err)
	return hook, signer
}

func TestLaravel(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	for id, want := range map[string]bool{"42": true, "43": false} {
		subscribed, err := guide.LaravelBillable(t.Context(), client, guide.User{ID: id})
		require.NoError(t, err)
		assert.Equal(t, want, subscribed)
	}
	hook, signer := newWebhook(t, client)
	var welcomed []string
	guide.LaravelWebhooks(hook, func(identifier string, plan int64) error {
		welcomed = append(welcomed, fmt.Sprint(identifier, " ", plan))
		return nil
	})
	mux := http.NewServeMux()
	guide.LaravelRoutes(mux, client, kanuu.IdentifierResolverFunc(headerUser), hook)
	assert.Equal(t, http.StatusOK, signer.Post(mux, kanuutest.Webhook{Identifier: "42"}).StatusCode)
	assert.Equal(t, []string{"42 12345"}, welcomed)
	assert.Equal(t, http.StatusFound, get(mux, "/billing", "Test-User", "42").Code)
}

// Effects are rows that are written with the alert.
func TestEffects(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	hook, signer := newWebhook(t, client)
	db, err := sql.Open("sqlite", "file:"+t.TempDir()+"/app.db?_pragma=busy_timeout(3000)")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	store, err := kanuusql.New(db, kanuusql.SQLite, nil)
	require.NoError(t, err)
	require.NoError(t, store.Migrate(t.Context()))
	_, err = db.ExecContext(t.Context(), "CREATE TABLE outbox (kind text, identifier text); "+
		"CREATE TABLE teams (billing_id text, seats integer); INSERT INTO teams VALUES ('team:7', 1)")
	require.NoError(t, err)
	hook.On("*", store.Handler(guide.Effects()))
	noon := time.Now().UTC().Truncate(time.Second)
	post := func(id, name string, after time.Duration, fields map[string]string) {
		t.Helper()
		fields["subscription_id"] = "70"
		webhook := kanuutest.Webhook{AlertID: id, AlertName: name, Identifier: "team:7", Time: noon.Add(after), Fields: fields}
		require.Equal(t, http.StatusOK, signer.Post(hook, webhook).StatusCode)
	}
	post("2", kanuu.AlertSubscriptionUpdated, 2*time.Second, map[string]string{"subscription_plan_id": "2", "new_quantity": "5"})
	post("1", kanuu.AlertSubscriptionCreated, time.Second, map[string]string{"subscription_plan_id": "1"}) // late
	post("3", kanuu.AlertSubscriptionUpdated, 3*time.Second, map[string]string{"subscription_plan_id": "3", "new_quantity": "6"})
	last := map[string]string{"subscription_plan_id": "3", "quantity": "6"}
	post("4", kanuu.AlertSubscriptionPaymentFailed, 4*time.Second, last)
	for range 2 {
		post("5", kanuu.AlertSubscriptionCancelled, 5*time.Second, last)
	}
	var mails string
	var seats int
	require.NoError(t, db.QueryRowContext(t.Context(), "SELECT group_concat(kind), (SELECT seats FROM teams) FROM outbox").Scan(
		&mails, &seats))
	assert.Equal(t, "plan changed,payment failed,goodbye", mails)
	assert.Equal(t, 6, seats)
}

func TestProof(t *testing.T) {
	t.Parallel()
	id := guide.Signed([]byte("secret"), "user:42")
	require.NoError(t, id.Validate())
	assert.Len(t, id.Supplemental["proof"], 43)
}

// outbox has a job for each alert, and fails if it is full.
type outbox struct {
	jobs []string
	full bool
}

func (o *outbox) Add(_ context.Context, job string, e kanuu.Event) error {
	if o.full {
		return errors.New("outbox is full")
	}
	if job += " " + e.AlertID; !slices.Contains(o.jobs, job) {
		o.jobs = append(o.jobs, job)
	}
	return nil
}

func TestWebhooks(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	signer := kanuutest.NewSigner()
	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		app  func(guide.Outbox) http.Handler
		want []string
	}{
		"On": {func(o guide.Outbox) http.Handler { return guide.Webhooks(client, signer.PublicKey(), nil, o) },
			[]string{"welcome 1", "bookkeeping 2"}},
		"Verify": {func(o guide.Outbox) http.Handler { return guide.OwnDispatch(client, hook, o) },
			[]string{"subscription_created 1", "subscription_payment_failed 2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			jobs := &outbox{full: true}
			app := tc.app(jobs)
			deliver := func(id, name string) int {
				return signer.Post(app, kanuutest.Webhook{AlertID: id, AlertName: name, Identifier: "42"}).StatusCode
			}
			assert.Equal(t, http.StatusInternalServerError, deliver("1", kanuu.AlertSubscriptionCreated))
			jobs.full = false
			for range 2 {
				assert.Equal(t, http.StatusOK, deliver("1", kanuu.AlertSubscriptionCreated))
			}
			assert.Equal(t, http.StatusOK, deliver("2", kanuu.AlertSubscriptionPaymentFailed))
			assert.Equal(t, tc.want, jobs.jobs)
			assert.Equal(t, http.StatusUnauthorized, post(app, "/webhooks/paddle", url.Values{"alert_id": {"3"}}).Code)
		})
	}
}
