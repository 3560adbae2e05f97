package kanuuecho_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()

	conformance.TestRedirect(t, func(client *kanuu.Client, who conformance.Who, options *kanuu.RedirectOptions) http.Handler {
		e := echo.New()
		kanuuecho.Mount(e, conformance.Path, client, func(c echo.Context) (kanuu.Identity, error) {
			return who(c.Request())
		}, options)

		return e
	})
}

func TestGateConformance(t *testing.T) {
	t.Parallel()

	conformance.TestGate(t, func(gate *kanuu.Gate, who conformance.Who, page http.HandlerFunc) http.Handler {
		e := echo.New()
		e.Any(conformance.GatedPath, func(c echo.Context) error {
			page(c.Response(), c.Request())

			return nil
		}, kanuuecho.Gate(gate, func(c echo.Context) (kanuu.Identity, error) { return who(c.Request()) }))

		return e
	})
}

const key = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"

type user struct{ id string }

// logIn keeps the user where echo's own middlewares do.
func logIn(id string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set("user", &user{id})

			return next(c)
		}
	}
}

func who(c echo.Context) (kanuu.Identity, error) {
	u, ok := c.Get("user").(*user)
	if !ok {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}

	return kanuu.Identity{Identifier: u.id + c.Param("team")}, nil
}

func setup(t *testing.T) (*kanuu.Client, *kanuutest.Server) {
	t.Helper()

	box := kanuutest.NewServer(&kanuutest.Options{APIKey: key})
	t.Cleanup(box.Close)

	client, err := kanuu.NewClient(kanuu.Config{APIKey: key, BaseURL: box.URL})
	require.NoError(t, err)

	return client, box
}

func get(h http.Handler, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))

	return w
}

func TestResolverSeesEchosContext(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	e := echo.New()
	group := e.Group("/teams/:team", logIn("team:"))
	kanuuecho.Mount(group, "/billing", client, who, nil)

	assert.Equal(t, http.StatusFound, get(e, "/teams/7/billing").Code)
	require.Len(t, box.Requests(), 1)
	assert.Equal(t, "team:7", box.Requests()[0].Identifier())
}

func TestErrorHandlerRunsOnce(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		inject  kanuutest.Fault
		user    echo.MiddlewareFunc
		options *kanuu.RedirectOptions
		want    error // nil: the handler does not run
		status  int
	}{
		"success":            {user: logIn("42"), status: 302},
		"asked to log in":    {options: &kanuu.RedirectOptions{LoginURL: "/login"}, status: 302},
		"nobody logged in":   {want: kanuu.ErrUnauthenticated, status: 401},
		"bad key":            {inject: kanuutest.Fault{Status: 401}, user: logIn("42"), want: kanuu.ErrInvalidAPIKey, status: 502},
		"seller has to pay":  {inject: kanuutest.Fault{Status: 402}, user: logIn("42"), want: kanuu.ErrPaymentRequired, status: 503},
		"resolver gave none": {user: logIn(""), want: kanuu.ErrInvalidIdentity, status: 500},
		"left to echo": {
			inject: kanuutest.Fault{Status: 402}, user: logIn("42"), want: kanuu.ErrPaymentRequired, status: 503,
			options: &kanuu.RedirectOptions{OnError: func(http.ResponseWriter, *http.Request, error) {}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			client, box := setup(t)
			if tc.inject.Status != 0 {
				box.Inject(tc.inject)
			}

			var handled []error

			e := echo.New()
			e.HTTPErrorHandler = func(err error, c echo.Context) {
				handled = append(handled, err)
				e.DefaultHTTPErrorHandler(err, c)
			}

			if tc.user != nil {
				e.Use(tc.user)
			}

			kanuuecho.Mount(e, "/billing", client, who, tc.options)

			w := get(e, "/billing")
			assert.Equal(t, tc.status, w.Code)
			assert.NotContains(t, w.Body.String(), key)

			if tc.want == nil {
				assert.Empty(t, handled)

				return
			}

			require.Len(t, handled, 1)
			require.ErrorIs(t, handled[0], tc.want)

			var httpErr *echo.HTTPError
			require.ErrorAs(t, handled[0], &httpErr)
			assert.Equal(t, tc.status, httpErr.Code)
			assert.NotEmpty(t, w.Body.String())
			assert.Equal(t, 1, strings.Count(strings.ToLower(w.Body.String()), "<!doctype")+strings.Count(w.Body.String(), `{"message"`), "answered once")
		})
	}
}

// An error handler that does not look whether the response is committed would
// write a second page behind the first.
func TestCarelessErrorHandlerAddsNothing(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	e := echo.New()
	e.Logger.SetOutput(io.Discard)
	e.HTTPErrorHandler = func(_ error, c echo.Context) { _ = c.String(http.StatusTeapot, "careless") }
	kanuuecho.Mount(e, "/billing", client, who, nil)

	server := httptest.NewServer(e)
	t.Cleanup(server.Close)

	res, err := server.Client().Get(server.URL + "/billing")
	require.NoError(t, err)

	defer res.Body.Close()

	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, res.StatusCode)
	assert.Contains(t, string(body), "Please log in")
	assert.NotContains(t, string(body), "careless")
}

func TestVisitorWhoLeavesEndsTheCall(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	box.Inject(kanuutest.Fault{Delay: time.Minute})

	e := echo.New()
	e.Use(logIn("42"))
	kanuuecho.Mount(e, "/billing", client, who, nil)

	ctx, leave := context.WithCancel(t.Context())
	go func() {
		for len(box.Requests()) == 0 {
			runtime.Gosched()
		}

		leave()
	}()

	w := httptest.NewRecorder()
	e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/billing", nil).WithContext(ctx))
	assert.Equal(t, 499, w.Code)
	assert.Empty(t, w.Body.String())
}

func TestMissingPartsPanic(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	assert.PanicsWithValue(t, "kanuuecho: the resolver is nil", func() { kanuuecho.Redirect(client, nil, nil) })
	assert.Panics(t, func() { kanuuecho.Redirect(nil, who, nil) })
	assert.Panics(t, func() { kanuuecho.Gate(nil, who) })
	assert.Panics(t, func() { kanuuecho.Gate(kanuu.NewGate(client, nil), nil) })
	assert.Panics(t, func() { kanuuecho.Redirect(client, who, &kanuu.RedirectOptions{LoginURL: "//evil.example"}) })
}

// What PHP signed comes out here as it does behind net/http.
func TestWebhooksMount(t *testing.T) {
	t.Parallel()

	file, err := os.ReadFile("../../testdata/paddle/sample.json")
	require.NoError(t, err)

	var sample struct {
		PublicKey string `json:"public_key"`
		Cases     []struct {
			Name  string `json:"name"`
			Body  string `json:"body"`
			Valid bool   `json:"valid"`
		} `json:"cases"`
	}

	require.NoError(t, json.Unmarshal(file, &sample))
	require.NotEmpty(t, sample.Cases)

	client, _ := setup(t)
	hook, err := kanuu.NewWebhookHandler(client, sample.PublicKey, nil)
	require.NoError(t, err)

	app := echo.New()
	app.POST("/webhooks/paddle", echo.WrapHandler(hook))

	for _, tc := range sample.Cases {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/paddle?alert_name=query", strings.NewReader(tc.Body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")

		w := httptest.NewRecorder()
		app.ServeHTTP(w, r)
		assert.Equal(t, tc.Valid, w.Code == http.StatusOK, tc.Name)
		assert.Equal(t, !tc.Valid, w.Code == http.StatusUnauthorized, tc.Name)
	}
}

func ExampleMount() {
	box := kanuutest.NewServer(nil) // a fake Kanuu
	defer box.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}

	e := echo.New()
	e.Use(logIn("42")) // your session middleware

	kanuuecho.Mount(e, "/billing", client, func(c echo.Context) (kanuu.Identity, error) {
		user, ok := c.Get("user").(*user)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}

		return kanuu.Identity{Identifier: user.id}, nil
	}, &kanuu.RedirectOptions{LoginURL: "/login"})

	answer := get(e, "/billing")
	fmt.Println(answer.Code, strings.HasPrefix(answer.Header().Get("Location"), box.URL+"/manage/acme/"))
	// Output: 302 true
}

// The handler alone, for a route with middlewares of its own.
func ExampleRedirect() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}

	nobody := func(echo.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }

	e := echo.New()
	e.GET("/billing", kanuuecho.Redirect(client, nobody, &kanuu.RedirectOptions{LoginURL: "/login"}), middleware.RequestID())

	answer := get(e, "/billing")
	fmt.Println(answer.Code, answer.Header().Get("Location"))
	// Output: 302 /login
}

func TestGateReturnsItsErrorOnce(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)

	var handled []error

	e := echo.New()
	e.HTTPErrorHandler = func(err error, c echo.Context) {
		handled = append(handled, err)
		e.DefaultHTTPErrorHandler(err, c)
	}
	e.GET("/pro", func(c echo.Context) error { return c.String(http.StatusOK, "inside") },
		logIn("42"), kanuuecho.Gate(kanuu.NewGate(client, nil), who))

	w := get(e, "/pro")
	assert.Equal(t, http.StatusPaymentRequired, w.Code)
	assert.NotContains(t, w.Body.String(), "inside")
	require.Len(t, handled, 1)
	require.ErrorIs(t, handled[0], kanuu.ErrNotSubscribed)
}

func ExampleGate() {
	box := kanuutest.NewServer(nil) // a fake Kanuu
	defer box.Close()

	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}

	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"})

	e := echo.New()
	e.Use(logIn("42")) // your session middleware
	e.GET("/pro", func(c echo.Context) error {
		subscription, _ := kanuu.SubscriptionFromContext(c.Request().Context())

		return c.String(http.StatusOK, fmt.Sprintf("%s on plan %d", subscription.Status, subscription.PlanID))
	}, kanuuecho.Gate(gate, who))

	fmt.Println(get(e, "/pro").Body)
	// Output: active on plan 12345
}
