package readme

import (
	"github.com/labstack/echo/v4"

	"github.com/kanuu-io/kanuu-go"
	kanuuecho "github.com/kanuu-io/kanuu-go/adapters/echo"
)

func mountEcho(e *echo.Echo, client *kanuu.Client, gate *kanuu.Gate, pro echo.HandlerFunc) {
	// snippet: echo
	who := func(c echo.Context) (kanuu.Identity, error) {
		user, ok := c.Get("user").(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}
	kanuuecho.Mount(e, "/billing", client, who, &kanuu.RedirectOptions{LoginURL: "/login"})
	e.GET("/pro", pro, kanuuecho.Gate(gate, who)) // pro finds kanuu.SubscriptionFromContext(c.Request().Context())
	// snippet: end
}
