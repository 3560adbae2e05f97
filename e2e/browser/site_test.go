//go:build browser

package browser_test

import (
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const (
	userCookie = "user"
	userID     = "1001"
)

var options = &kanuu.RedirectOptions{LoginURL: "/login"}

// frameworks mount the library as an application does, before the pages.
var frameworks = map[string]func(client *kanuu.Client, pages http.Handler) http.Handler{
	"net/http": func(client *kanuu.Client, pages http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/billing", kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(identity), options))
		mux.Handle("/", pages)
		return mux
	},
	"echo": func(client *kanuu.Client, pages http.Handler) http.Handler {
		e := echo.New()
		who := func(c echo.Context) (kanuu.Identity, error) { return identity(c.Request()) }
		kanuuecho.Mount(e, "/billing", client, who, options)
		e.RouteNotFound("/*", echo.WrapHandler(pages))
		return e
	},
	"gin": func(client *kanuu.Client, pages http.Handler) http.Handler {
		gin.SetMode(gin.ReleaseMode)
		router := gin.New()
		who := func(c *gin.Context) (kanuu.Identity, error) { return identity(c.Request) }
		kanuugin.Mount(router, "/billing", client, who, options)
		router.NoRoute(func(c *gin.Context) {
			c.Status(http.StatusOK)
			pages.ServeHTTP(c.Writer, c.Request)
		})
		return router
	},
}

func identity(r *http.Request) (kanuu.Identity, error) {
	cookie, err := r.Cookie(userCookie)
	if err != nil {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: cookie.Value}, nil
}

// site is an application with one page and /billing. Opening the page logs the user in; /logged-out is the same page without a
// login. Its Kanuu is on another site, because browsers allow less between two sites.
type site struct {
	URL    string
	kanuu  *kanuutest.Server
	client *kanuu.Client // of the application

	handler  http.Handler
	mu       sync.Mutex
	requests []*http.Request // of /billing and /pro, once they have responded
}

func newSite(t *testing.T, framework, body string) *site {
	t.Helper()
	s := &site{kanuu: kanuutest.NewServer(nil)}
	t.Cleanup(s.kanuu.Close)
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey:  kanuutest.DefaultAPIKey,
		BaseURL: strings.Replace(s.kanuu.URL, "127.0.0.1", "localhost", 1), // another site than 127.0.0.1
	})
	require.NoError(t, err)
	t.Cleanup(client.CloseIdleConnections)
	s.handler = s.record(frameworks[framework](client, pages(body)))
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

func (s *site) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if r.URL.Path == "/billing" || r.URL.Path == "/pro" {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, r)
		}
	})
}

// answered reports whether /billing has responded to a request with this header.
func (s *site) answered(name, value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.requests, func(r *http.Request) bool { return strings.Contains(r.Header.Get(name), value) })
}

// count returns how many requests for the path have got a response.
func (s *site) count(path string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.requests {
		if r.URL.Path == path {
			n++
		}
	}
	return n
}

// log describes the requests, for a failed test.
func (s *site) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, r := range s.requests {
		fmt.Fprintf(&b, "%s %s %v\n", r.Method, r.URL, r.Header)
	}
	return b.String()
}

// minted returns the identifiers for which Kanuu created a nonce, in that order.
func (s *site) minted() []string {
	var identifiers []string
	for _, request := range s.kanuu.Requests() {
		if request.Path == "/api/nonce" {
			identifiers = append(identifiers, request.Identifier())
		}
	}
	return identifiers
}

func pages(body string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: userCookie, Value: userID, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		document(w, body)
	})
	mux.HandleFunc("GET /logged-out", func(w http.ResponseWriter, _ *http.Request) { document(w, body) })
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, _ *http.Request) { document(w, "<h1>Log in</h1>") })
	mux.HandleFunc("GET /status/{status}", func(w http.ResponseWriter, r *http.Request) { document(w, r.PathValue("status")) })
	mux.HandleFunc("GET /scripts/{name}", func(w http.ResponseWriter, r *http.Request) {
		script, err := script(r.PathValue("name"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
		_, _ = w.Write(script)
	})
	return mux
}

func document(w http.ResponseWriter, body string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	const head = `<!doctype html><html lang="en"><meta charset="utf-8"><title>App</title><link rel="icon" href="data:,">`
	fmt.Fprintf(w, "%s<body>%s</body></html>", head, body)
}

// script returns a library that a page may load.
func script(name string) ([]byte, error) {
	if name == "inertia.js" {
		return inertiaBundle()
	}
	return fs.ReadFile(os.DirFS(nodeModules), strings.TrimSuffix(name, ".js")+"/dist/htmx.min.js")
}

const inertiaEntry = `import { router } from "@inertiajs/core"; window.inertia = router`

// inertiaBundle makes one classic script of Inertia's modules.
var inertiaBundle = sync.OnceValues(func() ([]byte, error) {
	result := api.Build(api.BuildOptions{
		Stdin:    &api.StdinOptions{Contents: inertiaEntry, ResolveDir: "testdata"},
		Bundle:   true,
		Format:   api.FormatIIFE,
		Platform: api.PlatformBrowser,
		Define:   map[string]string{"process.env.NODE_ENV": `"production"`},
	})
	if len(result.Errors) > 0 {
		return nil, fmt.Errorf("bundling Inertia: %v", result.Errors)
	}
	return result.OutputFiles[0].Contents, nil
})
