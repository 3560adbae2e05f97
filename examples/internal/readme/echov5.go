package readme

import (
	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
)

func mountEchoV5(e *echo.Echo, client *kanuu.Client) {
	// snippet: echo v5
	kanuuechov5.Mount(e, "/billing", client, func(c *echo.Context) (kanuu.Identity, error) {
		user, ok := c.Get("user").(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}, nil)
	// snippet: end
}
