package kanuugin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

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

	conformance.TestRedirect(t, func(client *kanuu.Client, who conformance.Who, options *kanuu.RedirectOptions) http.Handler {
		router := gin.New()
		kanuugin.Mount(router, conformance.Path, client, func(c *gin.Context) (kanuu.Identity, error) {
			return who(c.Request)
		}, options)

		return router
	})
}

func TestGateConformance(t *testing.T) {
	t.Parallel()

	conformance.TestGate(t, func(gate *kanuu.Gate, who conformance.Who, page http.HandlerFunc) http.Handler {
		router := gin.New()
		router.Any(conformance.GatedPath,
			kanuugin.Gate(gate, func(c *gin.Context) (kanuu.Identity, error) { return who(c.Request) }),
			func(c *gin.Context) { page(c.Writer, c.Request) })

		return router
	})
}

const key = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"

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

func TestErrorAbortsAndIsKeptOnce(t *testing.T) {
	t.Parallel()

	for name, tc := range map[string]struct {
		inject  kanuutest.Fault
		user    gin.HandlerFunc
		options *kanuu.RedirectOptions
		want    error // nil: none
		status  int
	}{
		"success":            {user: logIn("42"), status: 302},
		"asked to log in":    {options: &kanuu.RedirectOptions{LoginURL: "/login"}, status: 302},
		"nobody logged in":   {want: kanuu.ErrUnauthenticated, status: 401},
		"bad key":            {inject: kanuutest.Fault{Status: 401}, user: logIn("42"), want: kanuu.ErrInvalidAPIKey, status: 502},
		"seller has to pay":  {inject: kanuutest.Fault{Status: 402}, user: logIn("42"), want: kanuu.ErrPaymentRequired, status: 503},
		"resolver gave none": {user: logIn(""), want: kanuu.ErrInvalidIdentity, status: 500},
		"left to gin": {
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

			var kept []*gin.Error

			router := gin.New()
			router.Use(func(c *gin.Context) {
				c.Next()

				kept = c.Errors

				assert.True(t, c.IsAborted())
				assert.Equal(t, tc.status, c.Writer.Status())
			})

			if tc.user != nil {
				router.Use(tc.user)
			}

			router.GET("/billing", kanuugin.Redirect(client, who, tc.options), func(c *gin.Context) {
				c.String(http.StatusOK, "the page behind")
			})

			w := get(router, "/billing")
			assert.Equal(t, tc.status, w.Code)
			assert.NotContains(t, w.Body.String(), key)
			assert.NotContains(t, w.Body.String(), "the page behind")

			if tc.want == nil {
				assert.Empty(t, kept)

				return
			}

			require.Len(t, kept, 1)
			require.ErrorIs(t, kept[0], tc.want)
			assert.Equal(t, tc.options == nil, strings.HasPrefix(w.Body.String(), "<!doctype html>"))
		})
	}
}

func TestVisitorWhoLeavesEndsTheCall(t *testing.T) {
	t.Parallel()

	client, box := setup(t)
	box.Inject(kanuutest.Fault{Delay: time.Minute})

	router := gin.New()
	router.Use(logIn("42"))
	kanuugin.Mount(router, "/billing", client, who, nil)

	ctx, leave := context.WithCancel(t.Context())
	go func() {
		for len(box.Requests()) == 0 {
			runtime.Gosched()
		}

		leave()
	}()

	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/billing", nil).WithContext(ctx))
	assert.Equal(t, 499, w.Code)
	assert.Empty(t, w.Body.String())
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

	app := gin.New()
	app.POST("/webhooks/paddle", gin.WrapH(hook))

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

func TestGateAborts(t *testing.T) {
	t.Parallel()

	client, _ := setup(t)

	var kept []*gin.Error

	router := gin.New()
	router.Use(func(c *gin.Context) {
		c.Next()

		kept = c.Errors
	}, logIn("42"), kanuugin.Gate(kanuu.NewGate(client, nil), who))
	router.GET("/pro", func(c *gin.Context) { c.String(http.StatusOK, "inside") })

	w := get(router, "/pro")
	assert.Equal(t, http.StatusPaymentRequired, w.Code)
	assert.NotContains(t, w.Body.String(), "inside")
	require.Len(t, kept, 1)
	require.ErrorIs(t, kept[0], kanuu.ErrNotSubscribed)
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
