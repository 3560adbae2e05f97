package readme

import (
	"github.com/labstack/echo/v4"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
)

func mountEcho(e *echo.Echo, client *kanuu.Client) {
	// snippet: echo
	kanuuecho.Mount(e, "/billing", client, func(c echo.Context) (kanuu.Identity, error) {
		user, ok := c.Get("user").(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}, nil)
	// snippet: end
}
