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
	}})
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
	fake := kanuutest.NewServer(nil)
	t.Cleanup(fake.Close)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	require.NoError(t, err)
	who := kanuu.IdentifierResolverFunc(routers.Who)
	for _, tc := range []struct {
		user         *routers.User
		billing, pro int
	}{
		{nil, http.StatusUnauthorized, http.StatusUnauthorized},
		{&routers.User{ID: "42"}, http.StatusFound, http.StatusOK},
		{&routers.User{ID: "43"}, http.StatusFound, http.StatusPaymentRequired},
	} {
		f := fiber.New()
		routers.MountFiber(f, kanuu.NewRedirectHandler(client, who, nil), http.NotFoundHandler(), kanuu.NewGate(client, nil), who,
			logIn(tc.user), func(c fiber.Ctx) error {
				subscription, _ := kanuu.SubscriptionFromContext(c.Context())
				assert.Equal(t, int64(12345), subscription.PlanID)
				return c.SendString("inside")
			})
		server := listen(t, f)
		assert.Equal(t, tc.billing, get(t, http.DefaultTransport, server.JoinPath("/billing"), ""))
		assert.Equal(t, tc.pro, get(t, http.DefaultTransport, server.JoinPath("/pro"), ""))
	}
}

// docs/routers.md warns of this. If it fails, fasthttp no longer reuses the memory: change the page.
func TestStringsChangeWithTheNextRequest(t *testing.T) {
	t.Parallel()
	var kept []string
	f := fiber.New()
	f.Get("/", adaptor.HTTPHandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		kept = append(kept, r.Header.Get("Test-User"))
	}))
	server, oneConnection := listen(t, f), &http.Transport{MaxConnsPerHost: 1}
	get(t, oneConnection, server, "1042")
	get(t, oneConnection, server, "1077")
	assert.Equal(t, []string{"1077", "1077"}, kept)
}

func get(t *testing.T, transport http.RoundTripper, at *url.URL, user string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.String(), nil)
	require.NoError(t, err)
	req.Header.Set("Test-User", user)
	res, err := transport.RoundTrip(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

// serve runs the app on fasthttp, behind a proxy that closes the connection if the app does.
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
