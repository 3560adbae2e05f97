package kanuugin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	m.Run()
}

// The context's Errors have each error once. A request that the adapter answers ends the chain: nothing that
// follows may write to it, and middlewares see its status.
func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Test(t, conformance.Framework{Reports: true, Build: func(app conformance.App) http.Handler {
		router := gin.New()
		group := router.Group("", func(c *gin.Context) {
			c.Set("user", c.Request)
			c.Next()
			for _, err := range c.Errors {
				app.Report(c.Writer.Status(), err)
			}
			assert.True(t, c.IsAborted() || c.FullPath() == conformance.GatedPath && c.Writer.Status() == http.StatusOK)
			assert.True(t, c.Writer.Written() || len(c.Errors) > 0, "the status is held back")
		})
		who := func(c *gin.Context) (kanuu.Identity, error) { return app.Who(c.MustGet("user").(*http.Request)) }
		kanuugin.Mount(group, conformance.Path, app.Client, who, app.Options)
		group.Any(conformance.GatedPath, kanuugin.Gate(app.Gate, who), gin.WrapF(app.Page))
		router.POST(conformance.WebhookPath, gin.WrapH(app.Webhook))
		return router
	}})
}

func TestMountReturnsTheCounters(t *testing.T) {
	t.Parallel()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	require.NoError(t, err)
	who := func(*gin.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }
	router := gin.New()
	redirector := kanuugin.Mount(router, "/billing", client, who, nil)
	router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/billing", nil))
	assert.Equal(t, kanuu.RedirectStats{Unauthenticated: 1}, redirector.Stats())
}

func TestNilArgumentsPanic(t *testing.T) {
	t.Parallel()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	require.NoError(t, err)
	who := func(*gin.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }
	assert.PanicsWithValue(t, "kanuugin: the resolver is nil", func() { kanuugin.Redirect(client, nil, nil) })
	assert.Panics(t, func() { kanuugin.Redirect(nil, who, nil) })
	assert.Panics(t, func() { kanuugin.Redirect(client, who, &kanuu.RedirectOptions{LoginURL: "//evil.example"}) })
	assert.Panics(t, func() { kanuugin.Gate(nil, who) })
	assert.Panics(t, func() { kanuugin.Gate(kanuu.NewGate(client, nil), nil) })
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
	pro := func(c *gin.Context) {
		subscription, _ := kanuu.SubscriptionFromContext(c.Request.Context())
		c.String(http.StatusOK, "%s on plan %d", subscription.Status, subscription.PlanID)
	}
	router := gin.New()
	router.Use(func(c *gin.Context) { c.Set("user", &User{ID: "42"}) }) // your session middleware

	// snippet: gin
	who := func(c *gin.Context) (kanuu.Identity, error) {
		value, _ := c.Get("user")
		user, ok := value.(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}
	kanuugin.Mount(router, "/billing", client, who, &kanuu.RedirectOptions{LoginURL: "/login"})
	router.GET("/pro", kanuugin.Gate(gate, who), pro) // pro finds kanuu.SubscriptionFromContext(c.Request.Context())
	// snippet: end

	for _, path := range []string{"/billing", "/pro"} {
		w := httptest.NewRecorder()
		router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		fmt.Printf("%s: %d %q\n", path, w.Code, w.Body)
	}
	// Output:
	// /billing: 302 ""
	// /pro: 200 "active on plan 12345"
}
