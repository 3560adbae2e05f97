package kanuuecho_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

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
	conformance.Test(t, conformance.Framework{Reports: true, Build: func(app conformance.App) http.Handler {
		who := func(c echo.Context) (kanuu.Identity, error) { return app.Who(c.Request()) }

		e := echo.New()
		e.HTTPErrorHandler = func(err error, c echo.Context) {
			status := 0
			if httpErr, ok := errors.AsType[*echo.HTTPError](err); ok {
				status = httpErr.Code
			}
			app.Report(status, err)
			e.DefaultHTTPErrorHandler(err, c)
		}

		kanuuecho.Mount(e, conformance.Path, app.Client, who, app.Options)
		e.Any(conformance.GatedPath, echo.WrapHandler(app.Page), kanuuecho.Gate(app.Gate, who))
		e.POST(conformance.WebhookPath, echo.WrapHandler(app.Webhook))
		return e
	}}).CheckTable(t, "../../README.md", "echo v4")
}

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
	kanuuecho.Mount(group, "/billing", client, who, nil)

	assert.Equal(t, http.StatusFound, get(e, "/teams/7/billing").Code)
	require.Len(t, box.Requests(), 1)
	assert.Equal(t, "team:7", box.Requests()[0].Identifier())
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

func TestMissingPartsPanic(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	assert.PanicsWithValue(t, "kanuuecho: the resolver is nil", func() { kanuuecho.Redirect(client, nil, nil) })
	assert.Panics(t, func() { kanuuecho.Redirect(nil, who, nil) })
	assert.Panics(t, func() { kanuuecho.Gate(nil, who) })
	assert.Panics(t, func() { kanuuecho.Gate(kanuu.NewGate(client, nil), nil) })
	assert.Panics(t, func() { kanuuecho.Redirect(client, who, &kanuu.RedirectOptions{LoginURL: "//evil.example"}) })
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
