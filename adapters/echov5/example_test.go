package kanuuechov5_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
)

// The same resolver says who it is at /billing and before the pages for
// subscribers.
func ExampleIdentifierResolver() {
	var who kanuuechov5.IdentifierResolver = func(c *echo.Context) (kanuu.Identity, error) {
		id, ok := c.Get("user-id").(string) // where your session middleware puts it
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: id}, nil
	}

	c := echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/billing", nil), httptest.NewRecorder())

	_, err := who(c)
	fmt.Println(err)

	c.Set("user-id", "42")
	identity, err := who(c)
	fmt.Println(identity.Identifier, err)
	// Output:
	// nobody is logged in
	// 42 <nil>
}

// The portal in a group, behind the group's middlewares.
func ExampleRouter() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	e := echo.New()

	var account kanuuechov5.Router = e.Group("/account")

	nobody := func(*echo.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }
	kanuuechov5.Mount(account, "/billing", client, nobody, &kanuu.RedirectOptions{LoginURL: "/login"})

	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/account/billing", nil))
	fmt.Println(answer.Code, answer.Header().Get("Location"))
	// Output: 302 /login
}
