package routers_test

import (
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/examples/internal/routers"
	"github.com/kanuu-io/kanuu-go/kanuutest"
	"github.com/kanuu-io/kanuu-go/kanuutest/conformance"
)

func TestFiberConformance(t *testing.T) {
	t.Parallel()
	conformance.Test(t, conformance.Framework{Unaware: true, Build: func(app conformance.App) http.Handler {
		who := kanuu.IdentifierResolverFunc(app.Who)
		page := func(c fiber.Ctx) error {
			return adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				app.Page(w, r.WithContext(c.Context())) //nolint:contextcheck // where the gate put the subscription
			})(c)
		}
		f := fiber.New()
		routers.MountFiber(f, kanuu.NewRedirectHandler(app.Client, who, app.Options), app.Webhook, app.Gate, who, logIn(nil),
			page)
		return serve(t, f)
	}}).CheckTable(t, "../../../README.md", "[Fiber](docs/routers.md#fiber), by its own adaptor")
}

func logIn(user *routers.User) fiber.Handler {
	return func(c fiber.Ctx) error {
		if user != nil {
			c.Locals(routers.UserKey{}, user)
		}
		return c.Next()
	}
}

func TestFiberResolverSeesTheSession(t *testing.T) {
	t.Parallel()

	box := kanuutest.NewServer(nil)
	t.Cleanup(box.Close)
	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	require.NoError(t, err)

	who := kanuu.IdentifierResolverFunc(routers.Who)
	portal := kanuu.NewRedirectHandler(client, who, nil)
	for name, tc := range map[string]struct {
		user         *routers.User
		billing, pro int
	}{
		"nobody":     {nil, 401, 401},
		"subscriber": {&routers.User{ID: "42"}, 302, 200},
		"another":    {&routers.User{ID: "43"}, 302, 402},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := fiber.New()
			routers.MountFiber(f, portal, http.NotFoundHandler(), kanuu.NewGate(client, nil), who, logIn(tc.user),
				func(c fiber.Ctx) error {
					subscription, ok := kanuu.SubscriptionFromContext(c.Context())
					assert.True(t, ok)
					assert.Equal(t, int64(12345), subscription.PlanID)
					return c.SendString("inside")
				})
			server := listen(t, f)
			for path, want := range map[string]int{"/billing": tc.billing, "/pro": tc.pro} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.JoinPath(path).String(), nil)
				require.NoError(t, err)
				res, err := http.DefaultTransport.RoundTrip(req)
				require.NoError(t, err)
				require.NoError(t, res.Body.Close())
				assert.Equal(t, want, res.StatusCode, path)
			}
		})
	}
}

// What docs/routers.md warns of. When this fails, fasthttp got better, and the
// page is to say so.
func TestStringsChangeWithTheNextRequest(t *testing.T) {
	t.Parallel()

	var kept []string

	f := fiber.New()
	f.Get("/", adaptor.HTTPHandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = append(kept, r.Header.Get("Test-User"))
	}))

	server := listen(t, f)
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	for _, user := range []string{"1042", "1077"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.String(), nil)
		require.NoError(t, err)
		req.Header.Set("Test-User", user)
		res, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
	}

	assert.Equal(t, []string{"1077", "1077"}, kept)
}

// serve is the app on fasthttp itself, behind a proxy that hangs up when it does.
func serve(t *testing.T, f *fiber.App) http.Handler {
	t.Helper()
	target := listen(t, f)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
		},
		Transport:    transport,
		ErrorLog:     log.New(io.Discard, "", 0),
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
}

func listen(t *testing.T, f *fiber.App) *url.URL {
	t.Helper()

	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)

	ended := make(chan error, 1)
	go func() { ended <- f.Listener(listener, fiber.ListenConfig{DisableStartupMessage: true}) }()

	t.Cleanup(func() {
		assert.NoError(t, f.Shutdown())
		assert.NoError(t, <-ended)
	})
	return &url.URL{Scheme: "http", Host: listener.Addr().String(), Path: "/"}
}
