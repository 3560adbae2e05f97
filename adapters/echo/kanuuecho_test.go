package kanuuecho_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

// session is a middleware that puts a value into echo's context, where the resolver finds it.
func session(value func(echo.Context) any) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set("user", value(c))
			return next(c)
		}
	}
}

// The error handler gets each error once. It writes even if the adapter has answered,
// which must not add to the page that the customer gets.
func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Test(t, conformance.Framework{Reports: true, Build: func(app conformance.App) http.Handler {
		e := echo.New()
		e.Logger.SetOutput(io.Discard)
		e.HTTPErrorHandler = func(err error, c echo.Context) {
			httpErr, ok := errors.AsType[*echo.HTTPError](err)
			assert.True(t, ok, "%v", err)
			app.Report(httpErr.Code, err)
			answered := c.Response().Size > 0
			e.DefaultHTTPErrorHandler(err, c)
			if answered {
				_ = c.String(http.StatusTeapot, "written again")
			}
		}
		who := func(c echo.Context) (kanuu.Identity, error) { return app.Who(c.Get("user").(*http.Request)) }
		group := e.Group("", session(func(c echo.Context) any { return c.Request() }))
		kanuuecho.Mount(group, conformance.Path, app.Client, who, app.Options)
		group.Any(conformance.GatedPath, echo.WrapHandler(app.Page), kanuuecho.Gate(app.Gate, who))
		e.POST(conformance.WebhookPath, echo.WrapHandler(app.Webhook))
		return e
	}})
}

func TestMountReturnsTheCounters(t *testing.T) {
	t.Parallel()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	require.NoError(t, err)
	who := func(echo.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }
	router := echo.New()
	redirector := kanuuecho.Mount(router, "/billing", client, who, nil)
	router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/billing", nil))
	assert.Equal(t, kanuu.RedirectStats{Unauthenticated: 1}, redirector.Stats())
}

func TestNilArgumentsPanic(t *testing.T) {
	t.Parallel()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	require.NoError(t, err)
	who := func(echo.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }
	assert.PanicsWithValue(t, "kanuuecho: the resolver is nil", func() { kanuuecho.Redirect(client, nil, nil) })
	assert.Panics(t, func() { kanuuecho.Redirect(nil, who, nil) })
	assert.Panics(t, func() { kanuuecho.Redirect(client, who, &kanuu.RedirectOptions{LoginURL: "//evil.example"}) })
	assert.Panics(t, func() { kanuuecho.Gate(nil, who) })
	assert.Panics(t, func() { kanuuecho.Gate(kanuu.NewGate(client, nil), nil) })
}

// User is a user of the application.
type User struct{ ID, Email string }

func Example() {
	fake := kanuutest.NewServer(nil) // a fake Kanuu
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		panic(err)
	}
	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/login"})
	pro := func(c echo.Context) error {
		subscription, _ := kanuu.SubscriptionFromContext(c.Request().Context())
		return c.String(http.StatusOK, fmt.Sprintf("%s on plan %d", subscription.Status, subscription.PlanID))
	}
	e := echo.New()
	e.Use(session(func(echo.Context) any { return &User{ID: "42"} })) // your session middleware
	// snippet: echo v4
	who := func(c echo.Context) (kanuu.Identity, error) {
		user, ok := c.Get("user").(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}
	kanuuecho.Mount(e, "/billing", client, who, &kanuu.RedirectOptions{LoginURL: "/login"})
	e.GET("/pro", pro, kanuuecho.Gate(gate, who)) // pro finds kanuu.SubscriptionFromContext(c.Request().Context())
	// snippet: end

	for _, path := range []string{"/billing", "/pro"} {
		w := httptest.NewRecorder()
		e.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Printf("%s: %d %q\n", path, w.Code, w.Body)
	}
	// Output:
	// /billing: 302 ""
	// /pro: 200 "active on plan 12345"
}
