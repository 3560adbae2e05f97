package kanuuechov5_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Test(t, conformance.Framework{Reports: true, Build: func(app conformance.App) http.Handler {
		who := func(c *echo.Context) (kanuu.Identity, error) { return app.Who(c.Request()) }

		e := echo.New()
		answer := e.HTTPErrorHandler
		e.HTTPErrorHandler = func(c *echo.Context, err error) {
			app.Report(echo.StatusCode(err), err)
			answer(c, err)
		}

		kanuuechov5.Mount(e, conformance.Path, app.Client, who, app.Options)
		e.Any(conformance.GatedPath, echo.WrapHandler(app.Page), kanuuechov5.Gate(app.Gate, who))
		e.POST(conformance.WebhookPath, echo.WrapHandler(app.Webhook))
		return e
	}}).CheckTable(t, "../../README.md", "echo v5")
}

type user struct{ id string }

// logIn keeps the user where echo's own middlewares do.
func logIn(id string) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			c.Set("user", &user{id})
			return next(c)
		}
	}
}

func who(c *echo.Context) (kanuu.Identity, error) {
	u, ok := c.Get("user").(*user)
	if !ok {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: u.id + c.Param("team")}, nil
}

func setup(t *testing.T) (*kanuu.Client, *kanuutest.Server) {
	t.Helper()
	box := kanuutest.NewServer(nil)
	t.Cleanup(box.Close)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
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
	kanuuechov5.Mount(group, "/billing", client, who, nil)

	assert.Equal(t, http.StatusFound, get(e, "/teams/7/billing").Code)
	require.Len(t, box.Requests(), 1)
	assert.Equal(t, "team:7", box.Requests()[0].Identifier())
}

// echo asks each error for the status that it should be answered with: Kanuu's
// 401 for a wrong key, and that of an upstream of the application, stay inside.
func TestUpstreamStatusStaysInside(t *testing.T) {
	t.Parallel()
	ours := func(*echo.Context) (kanuu.Identity, error) { return kanuu.Identity{Identifier: "42"}, nil }
	theirs := func(*echo.Context) (kanuu.Identity, error) {
		return kanuu.Identity{}, echo.ErrUnauthorized.Wrap(errors.New("the user service refuses us"))
	}
	leave := func(http.ResponseWriter, *http.Request, error) {}
	for name, tc := range map[string]struct {
		who     kanuuechov5.IdentifierResolver
		onError func(http.ResponseWriter, *http.Request, error)
		want    int
	}{
		"Kanuu's":                                 {ours, nil, http.StatusBadGateway},
		"Kanuu's, answered by echo":               {ours, leave, http.StatusBadGateway},
		"the application's own":                   {theirs, nil, http.StatusInternalServerError},
		"the application's own, answered by echo": {theirs, leave, http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			client, box := setup(t)
			box.Inject(kanuutest.Fault{Status: http.StatusUnauthorized})

			var seen []error

			e := echo.New()
			e.Use(func(next echo.HandlerFunc) echo.HandlerFunc {
				return func(c *echo.Context) error {
					err := next(c)
					seen = append(seen, err)
					response, status := echo.ResolveResponseStatus(c.Response(), err)
					assert.Equal(t, tc.want, status)
					assert.Equal(t, tc.onError == nil, response.Committed)
					return err
				}
			})
			kanuuechov5.Mount(e, "/billing", client, tc.who, &kanuu.RedirectOptions{OnError: tc.onError})
			e.GET("/pro", func(*echo.Context) error { return nil },
				kanuuechov5.Gate(kanuu.NewGate(client, &kanuu.GateOptions{OnError: tc.onError}), tc.who))
			for _, path := range []string{"/billing", "/pro"} {
				assert.Equal(t, tc.want, get(e, path).Code, path)
			}

			require.Len(t, seen, 2, "once for each visit")
			for _, err := range seen {
				var httpErr *echo.HTTPError
				require.ErrorAs(t, err, &httpErr)
				assert.Equal(t, tc.want, httpErr.Code)
				assert.Equal(t, http.StatusText(tc.want), httpErr.Message)
				assert.Equal(t, tc.want, echo.StatusCode(err))
			}
		})
	}
}

// echo's logger hands the error to the error handler by itself, and returns it.
func TestRequestLoggerAnswersNothing(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)

	var log strings.Builder

	e := echo.New()
	e.Logger = slog.New(slog.NewTextHandler(&log, nil))
	e.Use(middleware.RequestLogger(), middleware.Recover(), middleware.Gzip())
	kanuuechov5.Mount(e, "/billing", client, who, nil)

	w := get(e, "/billing")
	assert.Equal(t, http.StatusUnauthorized, w.Code)
	assert.Equal(t, 1, strings.Count(w.Body.String(), "{"), "one problem+json: %s", w.Body)
	assert.Contains(t, log.String(), "status=401")
	assert.NotContains(t, log.String(), "already written")
}

// A router that lets HEAD run the handlers of GET holds the status back.
func TestHeadRunsTheGate(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	e := echo.NewWithConfig(echo.Config{Router: echo.NewRouter(echo.RouterConfig{AutoHandleHEAD: true})})
	e.GET("/pro", func(c *echo.Context) error { return c.String(http.StatusOK, "inside") },
		logIn("42"), kanuuechov5.Gate(kanuu.NewGate(client, nil), who))
	e.GET("/billing", kanuuechov5.Redirect(client, who, nil), logIn("42"))

	head := func(path string) int {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodHead, path, nil))
		assert.Empty(t, w.Body.String())
		return w.Code
	}

	assert.Equal(t, http.StatusPaymentRequired, head("/pro"))
	assert.Equal(t, http.StatusNoContent, head("/billing"))
	require.Len(t, box.Requests(), 1)
	assert.Equal(t, "/api/subscription", box.Requests()[0].Path)
}

// An error handler that does not look whether the response is committed would
// write a second page behind the first.
func TestCarelessErrorHandlerAddsNothing(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	e := echo.New()
	e.Logger = slog.New(slog.DiscardHandler)
	e.HTTPErrorHandler = func(c *echo.Context, _ error) { _ = c.String(http.StatusTeapot, "careless") }
	kanuuechov5.Mount(e, "/billing", client, who, nil)

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

func TestMissingPartsPanic(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	assert.PanicsWithValue(t, "kanuuechov5: the resolver is nil", func() { kanuuechov5.Redirect(client, nil, nil) })
	assert.Panics(t, func() { kanuuechov5.Redirect(nil, who, nil) })
	assert.Panics(t, func() { kanuuechov5.Gate(nil, who) })
	assert.Panics(t, func() { kanuuechov5.Gate(kanuu.NewGate(client, nil), nil) })
	assert.Panics(t, func() { kanuuechov5.Redirect(client, who, &kanuu.RedirectOptions{LoginURL: "//evil.example"}) })
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

	kanuuechov5.Mount(e, "/billing", client, func(c *echo.Context) (kanuu.Identity, error) {
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
	nobody := func(*echo.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }

	e := echo.New()
	e.GET("/billing", kanuuechov5.Redirect(client, nobody, &kanuu.RedirectOptions{LoginURL: "/login"}), middleware.RequestID())

	answer := get(e, "/billing")
	fmt.Println(answer.Code, answer.Header().Get("Location"))
	// Output: 302 /login
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
	e.GET("/pro", func(c *echo.Context) error {
		subscription, _ := kanuu.SubscriptionFromContext(c.Request().Context())
		return c.String(http.StatusOK, fmt.Sprintf("%s on plan %d", subscription.Status, subscription.PlanID))
	}, kanuuechov5.Gate(gate, who))

	fmt.Println(get(e, "/pro").Body)
	// Output: active on plan 12345
}
