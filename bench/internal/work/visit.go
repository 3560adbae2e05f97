package work

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
)

// Names of what answers a visit.
const (
	Call         = "CreateNonce alone"
	SetHeader    = "sets one header"
	HTTPRedirect = "http.Redirect"
	EchoAdapter  = "kanuuecho.Redirect"
	EchoRedirect = "echo's c.Redirect"
	GinAdapter   = "kanuugin.Redirect"
	GinRedirect  = "gin's c.Redirect"
	EchoWrapped  = "wrapped for echo" // the net/http handler, and echo's context in the request's
	GinWrapped   = "wrapped for gin"
)

const portal = "https://kanuu.io/manage/acme/d3e2c48bb1fb4badfa27fe9a03924207"

// Visits answer a click on "Billing". No network is in it: Kanuu's answer comes
// from a transport that has it ready, and [Call] is what the call costs then, to
// be taken off the others that make it.
func Visits() ([]Work, error) {
	client, err := newReadyClient()
	if err != nil {
		return nil, err
	}

	id := customer(0)
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) { return id, nil })

	e := echo.New()
	kanuuecho.Mount(e, "/billing", client, func(echo.Context) (kanuu.Identity, error) { return id, nil }, nil)
	e.GET("/portal", func(c echo.Context) error { return c.Redirect(http.StatusFound, portal) })

	gin.SetMode(gin.ReleaseMode)

	g := gin.New()
	kanuugin.Mount(g, "/billing", client, func(*gin.Context) (kanuu.Identity, error) { return id, nil }, nil)
	g.GET("/portal", func(c *gin.Context) { c.Redirect(http.StatusFound, portal) })

	handler := kanuu.NewRedirectHandler(client, who, nil)

	e.GET("/wrapped", func(c echo.Context) error {
		r := c.Request()
		handler.ServeHTTP(c.Response(), r.WithContext(context.WithValue(r.Context(), contextKey{}, c)))

		return nil
	})
	g.GET("/wrapped", func(c *gin.Context) {
		handler.ServeHTTP(c.Writer, c.Request.WithContext(context.WithValue(c.Request.Context(), contextKey{}, c)))
	})

	return []Work{
		visit(Kanuu, "/billing", handler),
		createNonce(Call, client, 0),
		visit(SetHeader, "/portal", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", portal)
			w.WriteHeader(http.StatusFound)
		})),
		visit(HTTPRedirect, "/portal", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, portal, http.StatusFound)
		})),
		visit(EchoAdapter, "/billing", e),
		visit(EchoRedirect, "/portal", e),
		visit(GinAdapter, "/billing", g),
		visit(GinRedirect, "/portal", g),
		visit(EchoWrapped, "/wrapped", e),
		visit(GinWrapped, "/wrapped", g),
	}, nil
}

type contextKey struct{}

// CreateNonceAlone is [Call] with so many supplemental fields.
func CreateNonceAlone(supplemental int) (Work, error) {
	client, err := newReadyClient()
	if err != nil {
		return Work{}, err
	}

	return createNonce(Call, client, supplemental), nil
}

func newReadyClient() (*kanuu.Client, error) {
	return kanuu.NewClient(kanuu.Config{APIKey: apiKey, HTTPClient: &http.Client{Transport: transportFunc(ready)}})
}

// visit is for one caller at a time.
func visit(name, path string, handler http.Handler) Work {
	w := &writer{header: make(http.Header)}

	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "https://example.com"+path, http.NoBody)
	if err != nil { // a URL that is written here: cannot happen
		panic(err)
	}

	// What a browser sends for a click.
	r.Header = http.Header{
		"Accept":         {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
		"Cookie":         {"session=0123456789abcdef"},
		"Sec-Fetch-Dest": {"document"}, "Sec-Fetch-Mode": {"navigate"},
		"Sec-Fetch-Site": {"same-origin"}, "Sec-Fetch-User": {"?1"},
		"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
	}

	return Work{Name: name, Do: func(int) error {
		clear(w.header)
		w.status = 0
		handler.ServeHTTP(w, r)

		if w.status != http.StatusFound || len(w.header["Location"]) != 1 {
			return fmt.Errorf("%w %d", errStatus, w.status)
		}

		return nil
	}}
}

// writer forgets what is written to it, and is used again.
type writer struct {
	header http.Header
	status int
}

func (w *writer) Header() http.Header { return w.header }

func (w *writer) WriteHeader(status int) { w.status = status }

func (w *writer) Write(b []byte) (int, error) { return len(b), nil }

func (w *writer) WriteString(s string) (int, error) { return len(s), nil }

type transportFunc func(*http.Request) (*http.Response, error)

func (f transportFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

const readyNonce = `{"nonce":"d3e2c48bb1fb4badfa27fe9a03924207","url":"` + portal + `"}`

// ready answers without a network.
func ready(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusCreated, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: jsonHeader, Body: io.NopCloser(strings.NewReader(readyNonce)),
		ContentLength: int64(len(readyNonce)), Request: r,
	}, nil
}

var jsonHeader = http.Header{"Content-Type": {"application/json"}}
