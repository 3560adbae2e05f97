package kanuugin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
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

func TestConformance(t *testing.T) {
	t.Parallel()
	conformance.Test(t, conformance.Framework{Reports: true, Build: func(app conformance.App) http.Handler {
		who := func(c *gin.Context) (kanuu.Identity, error) { return app.Who(c.Request) }

		router := gin.New()
		router.Use(func(c *gin.Context) {
			c.Next()
			for _, err := range c.Errors {
				app.Report(c.Writer.Status(), err)
			}
		})

		kanuugin.Mount(router, conformance.Path, app.Client, who, app.Options)
		router.Any(conformance.GatedPath, kanuugin.Gate(app.Gate, who), gin.WrapF(app.Page))
		router.POST(conformance.WebhookPath, gin.WrapH(app.Webhook))
		return router
	}}).CheckTable(t, "../../README.md", "gin")
}

type user struct{ id string }

// logIn keeps the user where gin's own middlewares do.
func logIn(id string) gin.HandlerFunc {
	return func(c *gin.Context) { c.Set("user", &user{id}) }
}

func who(c *gin.Context) (kanuu.Identity, error) {
	value, _ := c.Get("user")
	u, ok := value.(*user)
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

func TestResolverSeesGinsContext(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	router := gin.New()
	group := router.Group("/teams/:team", logIn("team:"))
	kanuugin.Mount(group, "/billing", client, who, nil)

	assert.Equal(t, http.StatusFound, get(router, "/teams/7/billing").Code)
	require.Len(t, box.Requests(), 1)
	assert.Equal(t, "team:7", box.Requests()[0].Identifier())
}

// What stands behind the handler in the chain would write a second answer.
func TestAnsweredVisitsAbort(t *testing.T) {
	t.Parallel()
	client, _ := setup(t)
	nobody := func(*gin.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }
	for name, tc := range map[string]struct {
		handler gin.HandlerFunc
		user    string
		status  int
	}{
		"to the portal":        {kanuugin.Redirect(client, who, nil), "42", 302},
		"to the login page":    {kanuugin.Redirect(client, nobody, &kanuu.RedirectOptions{LoginURL: "/login"}), "42", 302},
		"no identity":          {kanuugin.Redirect(client, who, nil), "", 500},
		"not through the gate": {kanuugin.Gate(kanuu.NewGate(client, nil), who), "42", 402},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			router := gin.New()
			router.Use(func(c *gin.Context) {
				c.Next()
				assert.True(t, c.IsAborted())
				assert.Equal(t, tc.status, c.Writer.Status())
			}, logIn(tc.user))
			router.GET("/page", tc.handler, func(c *gin.Context) { c.String(http.StatusOK, "the page behind") })

			w := get(router, "/page")
			assert.Equal(t, tc.status, w.Code)
			assert.NotContains(t, w.Body.String(), "the page behind")
		})
	}
}

func TestMissingPartsPanic(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)
	assert.PanicsWithValue(t, "kanuugin: the resolver is nil", func() { kanuugin.Redirect(client, nil, nil) })
	assert.Panics(t, func() { kanuugin.Redirect(nil, who, nil) })
	assert.Panics(t, func() { kanuugin.Gate(nil, who) })
	assert.Panics(t, func() { kanuugin.Gate(kanuu.NewGate(client, nil), nil) })
	assert.Panics(t, func() { kanuugin.Redirect(client, who, &kanuu.RedirectOptions{LoginURL: "//evil.example"}) })
}

func ExampleMount() {
	box := kanuutest.NewServer(nil) // a fake Kanuu
	defer box.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}
	router := gin.New()
	router.Use(logIn("42")) // your session middleware

	kanuugin.Mount(router, "/billing", client, func(c *gin.Context) (kanuu.Identity, error) {
		value, _ := c.Get("user")
		user, ok := value.(*user)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.id}, nil
	}, &kanuu.RedirectOptions{LoginURL: "/login"})

	answer := get(router, "/billing")
	fmt.Println(answer.Code, strings.HasPrefix(answer.Header().Get("Location"), box.URL+"/manage/acme/"))
	// Output: 302 true
}

// The handler alone, for a route with middlewares of its own.
func ExampleRedirect() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	nobody := func(*gin.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }

	router := gin.New()
	router.GET("/billing", gin.Recovery(), kanuugin.Redirect(client, nobody, &kanuu.RedirectOptions{LoginURL: "/login"}))

	answer := get(router, "/billing")
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

	router := gin.New()
	router.Use(logIn("42")) // your session middleware
	router.GET("/pro", kanuugin.Gate(gate, who), func(c *gin.Context) {
		subscription, _ := kanuu.SubscriptionFromContext(c.Request.Context())
		c.String(http.StatusOK, "%s on plan %d", subscription.Status, subscription.PlanID)
	})

	fmt.Println(get(router, "/pro").Body)
	// Output: active on plan 12345
}
