package kanuu_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// visit asks a handler for /billing.
func visit(handler http.Handler, method string, headers map[string]string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, "/billing", nil)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	return answer
}

// onlyAnn are sessions in which Ann is always logged in.
type onlyAnn struct{}

func (onlyAnn) ResolveIdentifier(*http.Request) (kanuu.Identity, error) {
	return kanuu.Identity{Identifier: "42", Email: "ann@example.com"}, nil
}

// Each kind of client gets the answer that it can follow.
func ExampleRedirectHandler() {
	box, client := fakeKanuu()
	defer box.Close()

	billing := kanuu.NewRedirectHandler(client, onlyAnn{}, nil)

	click := visit(billing, http.MethodGet, nil)
	form := visit(billing, http.MethodPost, map[string]string{"Sec-Fetch-Site": "same-origin"})
	htmx := visit(billing, http.MethodGet, map[string]string{"HX-Request": "true"})
	prefetch := visit(billing, http.MethodGet, map[string]string{"Sec-Purpose": "prefetch"})

	fmt.Println(click.Code, click.Header().Get("Location") != "")
	fmt.Println(form.Code, form.Header().Get("Location") != "")
	fmt.Println(htmx.Code, htmx.Header().Get("Hx-Redirect") != "")
	fmt.Println(prefetch.Code, len(box.Requests()))
	// Output:
	// 302 true
	// 303 true
	// 200 true
	// 503 3
}

// Customers are sent to a domain of yours alone, also by a Kanuu that was taken
// over.
func ExampleNewRedirectHandler() {
	box, client := fakeKanuu()
	defer box.Close()
	billing := kanuu.NewRedirectHandler(client, onlyAnn{}, &kanuu.RedirectOptions{
		LoginURL:     "/login",
		AllowedHosts: []string{"billing.acme.com"},
	})
	fmt.Println(visit(billing, http.MethodGet, nil).Code) // the fake's host is another
	// Output: 502
}

// A resolver may be a value of yours, such as the sessions themselves.
func ExampleIdentifierResolver() {
	var who kanuu.IdentifierResolver = onlyAnn{}
	identity, err := who.ResolveIdentifier(httptest.NewRequest(http.MethodGet, "/billing", nil))
	fmt.Println(identity.Identifier, err)
	// Output: 42 <nil>
}

// Take the identifier from the session, never from the URL or the body.
func ExampleIdentifierResolverFunc() {
	sessions := map[string]string{"s3cr3t": "42"} // the application's

	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		cookie, err := r.Cookie("session")
		if err != nil || sessions[cookie.Value] == "" {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: sessions[cookie.Value]}, nil
	})

	request := httptest.NewRequest(http.MethodGet, "/billing?user=43", nil)
	_, err := who.ResolveIdentifier(request)
	fmt.Println(err)

	request.AddCookie(&http.Cookie{Name: "session", Value: "s3cr3t"})
	identity, err := who.ResolveIdentifier(request)
	fmt.Println(identity.Identifier, err)
	// Output:
	// nobody is logged in
	// 42 <nil>
}

func ExampleIdentifierResolverFunc_ResolveIdentifier() {
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{}, kanuu.ErrForbidden // a member, and the owner pays
	})
	_, err := who.ResolveIdentifier(httptest.NewRequest(http.MethodGet, "/billing", nil))
	fmt.Println(err)
	// Output: not allowed to manage this subscription
}

// A context as some framework has it.
type frameworkContext struct {
	response http.ResponseWriter
	request  *http.Request
	userID   string
}

func (c *frameworkContext) identity() (kanuu.Identity, error) {
	if c.userID == "" {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: c.userID}, nil
}

// An adapter for a framework makes one when the portal is mounted.
func ExampleRedirector() {
	box, client := fakeKanuu()
	defer box.Close()

	redirector := kanuu.NewRedirector(client, nil)

	handler := func(c *frameworkContext) error {
		return kanuu.ServeRedirect(redirector, c.response, c.request, (*frameworkContext).identity, c)
	}

	answer := httptest.NewRecorder()
	err := handler(&frameworkContext{answer, httptest.NewRequest(http.MethodGet, "/billing", nil), "42"})
	fmt.Println(answer.Code, err)
	// Output: 302 <nil>
}

// The error is for the framework's own log and traces: it is answered already.
func ExampleServeRedirect() {
	box, client := fakeKanuu()
	defer box.Close()
	box.Inject(kanuutest.Fault{Status: http.StatusPaymentRequired})
	c := &frameworkContext{httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/billing", nil), "42"}
	err := kanuu.ServeRedirect(kanuu.NewRedirector(client, nil), c.response, c.request, (*frameworkContext).identity, c)
	fmt.Println(kanuu.HTTPStatus(err), err)
	// Output: 503 kanuu: create nonce: the seller's Kanuu account needs a subscription (Kanuu answered 402): Payment Required
}
