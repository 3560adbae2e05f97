package bench_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
)

// BenchmarkRedirect measures the handler of a click on "Billing" without a network, beside a
// redirect as the framework itself writes it (peer=own). over-nonce-ns/op is the CPU time beyond
// that of Client.CreateNonce, which only the library's handlers call.
func BenchmarkRedirect(b *testing.B) {
	client := newOfflineClient(b)
	id := kanuu.Identity{Identifier: identifier, Email: email}
	nonce := kanuuPeer("nonce", client)
	resolver := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) { return id, nil })
	handler := kanuu.NewRedirectHandler(client, resolver, &kanuu.RedirectOptions{MintBurst: -1})

	e := echo.New()
	kanuuecho.Mount(e, "/billing", client, func(echo.Context) (kanuu.Identity, error) { return id, nil },
		&kanuu.RedirectOptions{MintBurst: -1})
	e.GET("/own", func(c echo.Context) error { return c.Redirect(http.StatusFound, portalURL) })
	e.GET("/wrapped", func(c echo.Context) error {
		handler.ServeHTTP(c.Response(), withValue(c.Request(), c))
		return nil
	})

	gin.SetMode(gin.ReleaseMode)
	g := gin.New()
	kanuugin.Mount(g, "/billing", client, func(*gin.Context) (kanuu.Identity, error) { return id, nil },
		&kanuu.RedirectOptions{MintBurst: -1})
	g.GET("/own", func(c *gin.Context) { c.Redirect(http.StatusFound, portalURL) })
	g.GET("/wrapped", func(c *gin.Context) { handler.ServeHTTP(c.Writer, withValue(c.Request, c)) })

	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, portalURL, http.StatusFound) })
	for _, c := range []struct {
		framework, peer, path string
		handler               http.Handler
	}{
		{"nethttp", "own", "/own", own},
		{"nethttp", "kanuu", "/billing", handler},
		{"echo", "own", "/own", e},
		{"echo", "kanuu", "/billing", e},
		{"echo", "wrapped", "/wrapped", e},
		{"gin", "own", "/own", g},
		{"gin", "kanuu", "/billing", g},
		{"gin", "wrapped", "/wrapped", g},
	} {
		b.Run("framework="+c.framework+"/peer="+c.peer, func(b *testing.B) {
			serve := handle(c.handler, click(c.path), http.StatusFound)
			took := rounds(b, nonce.do, func(int) error { return serve() })
			median(b, "cpu-ns/op", took, cpu)
			if c.peer != "own" {
				median(b, "over-nonce-ns/op", took, overBase)
			}
		})
	}
}

type contextKey struct{}

// withValue keeps the framework's context in the request's, as a handler of net/http needs it
// where there is no adapter.
func withValue(r *http.Request, c any) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), contextKey{}, c))
}
