package readme

import (
	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
)

func mountEchoV5(e *echo.Echo, client *kanuu.Client, gate *kanuu.Gate, pro echo.HandlerFunc) {
	// snippet: echo v5
	who := func(c *echo.Context) (kanuu.Identity, error) {
		user, ok := c.Get("user").(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}
	kanuuechov5.Mount(e, "/billing", client, who, &kanuu.RedirectOptions{LoginURL: "/login"})
	e.GET("/pro", pro, kanuuechov5.Gate(gate, who)) // pro finds kanuu.SubscriptionFromContext(c.Request().Context())
	// snippet: end
}
