package kanuugin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/gin-gonic/gin"

	"github.com/kanuu-io/kanuu-go"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
)

// The same resolver says who it is at /billing and before the pages for
// subscribers.
func ExampleIdentifierResolver() {
	var who kanuugin.IdentifierResolver = func(c *gin.Context) (kanuu.Identity, error) {
		id := c.GetString("user-id") // where your session middleware puts it
		if id == "" {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: id}, nil
	}

	c := gin.CreateTestContextOnly(httptest.NewRecorder(), gin.New())
	c.Request = httptest.NewRequest(http.MethodGet, "/billing", nil)

	_, err := who(c)
	fmt.Println(err)

	c.Set("user-id", "42")
	identity, err := who(c)
	fmt.Println(identity.Identifier, err)
	// Output:
	// nobody is logged in
	// 42 <nil>
}
