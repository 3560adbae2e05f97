package kanuuecho_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/labstack/echo/v4"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
)

// The same resolver says who it is at /billing and before the pages for
// subscribers.
func ExampleIdentifierResolver() {
	var who kanuuecho.IdentifierResolver = func(c echo.Context) (kanuu.Identity, error) {
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

	var account kanuuecho.Router = e.Group("/account")

	nobody := func(echo.Context) (kanuu.Identity, error) { return kanuu.Identity{}, kanuu.ErrUnauthenticated }
	kanuuecho.Mount(account, "/billing", client, nobody, &kanuu.RedirectOptions{LoginURL: "/login"})

	answer := httptest.NewRecorder()
	e.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/account/billing", nil))
	fmt.Println(answer.Code, answer.Header().Get("Location"))
	// Output: 302 /login
}
