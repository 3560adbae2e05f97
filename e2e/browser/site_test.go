//go:build browser

package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
	"github.com/kanuu-io/kanuu-go/e2e/internal/npm"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const (
	userCookie = "user"
	userID     = "1001"
)

// frameworks mount the library as their users do, before the pages.
var frameworks = map[string]func(client *kanuu.Client, pages http.Handler) http.Handler{
	"net/http": func(client *kanuu.Client, pages http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/billing", kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(who), options))
		mux.Handle("/", pages)

		return mux
	},
	"echo": func(client *kanuu.Client, pages http.Handler) http.Handler {
		e := echo.New()
		kanuuecho.Mount(e, "/billing", client, func(c echo.Context) (kanuu.Identity, error) { return who(c.Request()) }, options)
		e.RouteNotFound("/*", echo.WrapHandler(pages))

		return e
	},
	"gin": func(client *kanuu.Client, pages http.Handler) http.Handler {
		gin.SetMode(gin.ReleaseMode)

		router := gin.New()
		kanuugin.Mount(router, "/billing", client, func(c *gin.Context) (kanuu.Identity, error) { return who(c.Request) }, options)
		router.NoRoute(func(c *gin.Context) {
			c.Status(http.StatusOK)
			pages.ServeHTTP(c.Writer, c.Request)
		})

		return router
	},
}

var options = &kanuu.RedirectOptions{LoginURL: "/login"}

func who(r *http.Request) (kanuu.Identity, error) {
	cookie, err := r.Cookie(userCookie)
	if err != nil {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}

	return kanuu.Identity{Identifier: cookie.Value}, nil
}

// site is a small web app with one page and /billing. Whoever opens the page
// is logged in; /login, where nobody is, says so. Its Kanuu is on another site:
// what browsers allow between two pages depends on that.
type site struct {
	URL   string
	kanuu *kanuutest.Server

	mu       sync.Mutex
	requests []http.Header // of /billing, once they are answered
}

// newSite serves a body; head goes before it.
func newSite(t *testing.T, framework, head, body string) *site {
	t.Helper()

	s := &site{kanuu: kanuutest.NewServer(nil)}
	t.Cleanup(s.kanuu.Close)

	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey,
		// localhost is another site than 127.0.0.1.
		BaseURL: strings.Replace(s.kanuu.URL, "127.0.0.1", "localhost", 1),
	})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)

	server := httptest.NewServer(s.recorded(frameworks[framework](client, pages(head, body))))
	t.Cleanup(server.Close)
	s.URL = server.URL

	return s
}

// recorded keeps what /billing was asked.
func (s *site) recorded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)

		if r.URL.Path != "/billing" {
			return
		}

		s.mu.Lock()
		defer s.mu.Unlock()

		s.requests = append(s.requests, r.Header.Clone())
	})
}

// answered tells whether /billing has answered a request with such a header.
func (s *site) answered(name, value string) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()

		return slices.ContainsFunc(s.requests, func(h http.Header) bool { return strings.Contains(h.Get(name), value) })
	}
}

// minted are the customers for whom Kanuu made a nonce, in that order.
func (s *site) minted() []string {
	var customers []string

	for _, request := range s.kanuu.Requests() {
		if request.Path == "/api/nonce" {
			customers = append(customers, request.Identifier())
		}
	}

	return customers
}

func pages(head, body string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: userCookie, Value: userID, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		document(w, head, body)
	})
	mux.HandleFunc("GET /stranger", func(w http.ResponseWriter, _ *http.Request) { document(w, head, body) })
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { document(w, "", "<h1>Log in</h1>") })
	mux.HandleFunc("GET /status/{status}", func(w http.ResponseWriter, r *http.Request) { document(w, "", r.PathValue("status")) })
	mux.HandleFunc("GET /scripts/{name}", func(w http.ResponseWriter, r *http.Request) {
		script, err := scripts(r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)

			return
		}

		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		w.Write(script) //nolint:gosec // one of the libraries
	})

	return mux
}

func document(w http.ResponseWriter, head, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,">%s<body>%s</body></html>`, head, body) //nolint:gosec // the test's own
}

// scripts are the libraries that the pages may load.
func scripts(r *http.Request) ([]byte, error) {
	modules, err := npm.Install(r.Context())
	if err != nil {
		return nil, err
	}

	switch name := r.PathValue("name"); name {
	case "htmx2.js", "htmx4.js":
		return modules.File(strings.TrimSuffix(name, ".js") + "/dist/htmx.min.js")
	case "inertia.js":
		return modules.Bundle(`import { router } from "@inertiajs/core"; window.inertia = router`)
	default:
		return nil, fmt.Errorf("there is no %s", name)
	}
}
