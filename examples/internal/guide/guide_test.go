package guide_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/sessions"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/guide"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var users = guide.Users{"42": {ID: "42", Email: "ann@example.com"}}

func setup(t *testing.T) (*kanuu.Client, *kanuutest.Server) {
	t.Helper()
	box := kanuutest.NewServer(nil)
	t.Cleanup(box.Close)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	require.NoError(t, err)
	return client, box
}

func get(handler http.Handler, path string, headers map[string]string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

func TestSCS(t *testing.T) {
	t.Parallel()

	client, box := setup(t)

	app := httptest.NewServer(guide.WithSCS(client, users, scs.New()))
	t.Cleanup(app.Close)

	jar, err := cookiejar.New(nil)
	require.NoError(t, err)

	browser := &http.Client{Jar: jar,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

	billing := func() string {
		answer, err := browser.Get(app.URL + "/billing")
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.Header.Get("Location")
	}

	assert.Equal(t, "/login", billing())

	answer, err := browser.PostForm(app.URL+"/login", url.Values{"user": {"42"}})
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusSeeOther, answer.StatusCode)

	assert.True(t, strings.HasPrefix(billing(), box.URL))
	assert.Equal(t, "user:42", box.Requests()[0].Identifier())
}

func TestGorilla(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	store := sessions.NewCookieStore([]byte("a key of 32 bytes, for this test"))
	app := guide.WithGorilla(client, users, store)

	login := httptest.NewRecorder()
	request := httptest.NewRequest(http.MethodGet, "/", nil)
	session, err := store.Get(request, "acme")
	require.NoError(t, err)

	session.Values["user-id"] = "42"
	require.NoError(t, session.Save(request, login))

	cookie := login.Header().Get("Set-Cookie")
	for name, test := range map[string]struct{ cookie, location string }{
		"none":      {"", "/login"},
		"logged in": {cookie, box.URL},
		"forged":    {"acme=x" + strings.TrimPrefix(cookie, "acme="), "/login"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := get(app, "/billing", map[string]string{"Cookie": test.cookie})
			assert.True(t, strings.HasPrefix(answer.Header().Get("Location"), test.location), answer.Header())
		})
	}
}

func TestReturn(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	nobody := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	})
	app := guide.WithReturn(client, nobody, http.NotFoundHandler())

	assert.Equal(t, "/login?next=%2Fpro%3Fpage%3D2", get(app, "/pro?page=2", nil).Header().Get("Location"))
	assert.Equal(t, "/login?next=%2Fbilling", get(app, "/billing", nil).Header().Get("Location"))
	for next, want := range map[string]string{
		"/pro?page=2#top": "/pro?page=2#top", "/billing": "/billing", "": "/", "pro": "/",
		"https://evil.example/": "/", "//evil.example": "/", "///evil.example": "/", `/\evil.example`: "/", `\\evil.example`: "/",
		"/\t/evil.example": "/", "/\n/evil.example": "/", "javascript:alert(1)": "/", "https:/evil.example": "/",
	} {
		r := httptest.NewRequest(http.MethodPost, "/login", strings.NewReader(url.Values{"next": {next}}.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		assert.Equal(t, want, w.Header().Get("Location"), "%q", next)
	}
}

func TestJWT(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	key := []byte("a key of 32 bytes, for this test")
	app := guide.WithJWT(client, key)

	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		claims := jwt.MapClaims{"iss": "acme", "sub": "42", "email": "ann@example.com", "exp": time.Now().Add(time.Hour).Unix()}
		change(claims)
		return claims
	}
	same := func(jwt.MapClaims) {}
	for name, test := range map[string]struct {
		method jwt.SigningMethod
		key    any
		claims jwt.MapClaims
		status int
	}{
		"valid":          {jwt.SigningMethodHS256, key, claims(same), http.StatusOK},
		"unsigned":       {jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(same), http.StatusUnauthorized},
		"another key":    {jwt.SigningMethodHS256, []byte("another"), claims(same), http.StatusUnauthorized},
		"another method": {jwt.SigningMethodHS512, key, claims(same), http.StatusUnauthorized},
		"expired":        {jwt.SigningMethodHS256, key, claims(func(c jwt.MapClaims) { c["exp"] = 1 }), http.StatusUnauthorized},
		"never expires": {jwt.SigningMethodHS256, key, claims(func(c jwt.MapClaims) { delete(c, "exp") }),
			http.StatusUnauthorized},
		"another issuer": {jwt.SigningMethodHS256, key, claims(func(c jwt.MapClaims) { c["iss"] = "x" }),
			http.StatusUnauthorized},
		"no subject": {jwt.SigningMethodHS256, key, claims(func(c jwt.MapClaims) { delete(c, "sub") }),
			http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			token, err := jwt.NewWithClaims(test.method, test.claims).SignedString(test.key)
			require.NoError(t, err)
			answer := get(app, "/billing", map[string]string{
				"Authorization": "Bearer " + token, "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty",
			})
			assert.Equal(t, test.status, answer.Code)
			if test.status == http.StatusOK {
				assert.Contains(t, answer.Body.String(), `{"url":"`+box.URL)
			}
		})
	}

	assert.Equal(t, http.StatusUnauthorized, get(app, "/billing", nil).Code)
}

// as is the session of somebody.
func as(who string) map[string]string { return map[string]string{"Test-As": who} }

// everybody is a table of members by the header Test-As.
type everybody map[string]guide.Member

func (e everybody) OfSession(r *http.Request) (guide.Member, bool, error) {
	who := r.Header.Get("Test-As")
	if who == "broken" {
		return guide.Member{}, false, errors.New("the database is away")
	}
	member, ok := e[who]
	return member, ok, nil
}

func TestTeams(t *testing.T) {
	t.Parallel()
	client, box := setup(t)
	box.SetSubscription("team:7", kanuutest.Subscription{Status: kanuutest.StatusActive})
	app := guide.WithTeams(client, everybody{
		"owner":  {UserID: "1", TeamID: "7", Owner: true, Email: "owner@example.com"},
		"member": {UserID: "2", TeamID: "7"},
		"loner":  {UserID: "7"}, // the same number as the team's
	}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	for _, test := range []struct {
		as, path string
		status   int
		location string
	}{
		{"", "/billing", http.StatusFound, "/login"},
		{"owner", "/billing", http.StatusFound, box.URL},
		{"member", "/billing", http.StatusForbidden, ""},
		{"loner", "/billing", http.StatusFound, box.URL},
		{"broken", "/billing", http.StatusInternalServerError, ""},
		{"owner", "/pro", http.StatusOK, ""},
		{"member", "/pro", http.StatusOK, ""},
		{"loner", "/pro", http.StatusSeeOther, "/billing"},
		{"", "/pro", http.StatusFound, "/login"},
		{"broken", "/pro", http.StatusInternalServerError, ""},
	} {
		t.Run(test.as+" "+test.path, func(t *testing.T) {
			t.Parallel()
			answer := get(app, test.path, as(test.as))
			assert.Equal(t, test.status, answer.Code)
			assert.True(t, strings.HasPrefix(answer.Header().Get("Location"), test.location), answer.Header())
		})
	}
}

func TestBack(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	box.SetSubscription("subscriber", kanuutest.Subscription{Status: kanuutest.StatusActive})

	page := guide.Back(client, kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		if user := r.Header.Get("Test-As"); user != "" {
			return kanuu.Identity{Identifier: user}, nil
		}
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}))

	assert.Equal(t, "/login", get(page, "/back", nil).Header().Get("Location"))
	assert.Equal(t, "/pro", get(page, "/back", as("subscriber")).Header().Get("Location"))
	assert.Equal(t, "5", get(page, "/back", as("other")).Header().Get("Refresh"))

	box.Inject(kanuutest.Fault{Status: http.StatusPaymentRequired})
	assert.Equal(t, http.StatusServiceUnavailable, get(page, "/back", as("third")).Code)
}

func TestTrustedOrigin(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	billing := guide.TrustedOrigin(client, kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	}))
	for origin, status := range map[string]int{
		"https://www.acme.com": http.StatusSeeOther, "https://www.example.com": http.StatusForbidden,
	} {
		request := httptest.NewRequest(http.MethodPost, "/billing", nil)
		request.Header.Set("Origin", origin)
		request.Header.Set("Sec-Fetch-Site", "cross-site")
		answer := httptest.NewRecorder()
		billing.ServeHTTP(answer, request)
		assert.Equal(t, status, answer.Code, origin)
	}
}

func TestLaravel(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	for id, want := range map[string]bool{"42": true, "43": false} {
		subscribed, err := guide.LaravelBillable(t.Context(), client, guide.User{ID: id})
		require.NoError(t, err)
		assert.Equal(t, want, subscribed)
	}

	paddle := kanuutest.NewSigner()

	hook, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), nil)
	require.NoError(t, err)

	var welcomed []string

	guide.LaravelWebhooks(hook, func(identifier string, plan int64) error {
		welcomed = append(welcomed, fmt.Sprint(identifier, " ", plan))
		return nil
	})

	mux := http.NewServeMux()
	guide.LaravelRoutes(mux, client, kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	}), hook)

	assert.Equal(t, http.StatusOK, paddle.Post(mux, kanuutest.Webhook{Identifier: "42"}).StatusCode)
	assert.Equal(t, []string{"42 12345"}, welcomed)
	assert.Equal(t, http.StatusFound, get(mux, "/billing", nil).Code)
}

// row of the table of plans.
type row struct {
	at     time.Time
	plan   int64
	status kanuu.Status
}

type table map[string]row

func (t table) Set(_ context.Context, identifier string, at time.Time, plan int64, status kanuu.Status) error {
	if at.After(t[identifier].at) {
		t[identifier] = row{at, plan, status}
	}
	return nil
}

func TestTable(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	paddle := kanuutest.NewSigner()

	hook, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), nil)
	require.NoError(t, err)

	plans := make(table)
	guide.KeepPlans(hook, plans)

	noon := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for _, webhook := range []kanuutest.Webhook{
		{AlertName: "subscription_cancelled", Identifier: "user:42", Time: noon},
		{AlertName: "subscription_created", Identifier: "user:42", Time: noon.Add(-time.Hour)}, // late
		{AlertName: "subscription_created", Time: noon},                                        // not Kanuu's
	} {
		require.Equal(t, http.StatusOK, paddle.Post(hook, webhook).StatusCode)
	}

	assert.Equal(t, table{"user:42": {noon, 12345, kanuu.StatusCanceled}}, plans)
}
