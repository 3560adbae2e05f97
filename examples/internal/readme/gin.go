package readme

import (
	"github.com/gin-gonic/gin"

	"github.com/kanuu-io/kanuu-go"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
)

func mountGin(router *gin.Engine, client *kanuu.Client, gate *kanuu.Gate, pro gin.HandlerFunc) {
	// snippet: gin
	who := func(c *gin.Context) (kanuu.Identity, error) {
		value, _ := c.Get("user")
		user, ok := value.(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}
	kanuugin.Mount(router, "/billing", client, who, &kanuu.RedirectOptions{LoginURL: "/login"})
	router.GET("/pro", kanuugin.Gate(gate, who), pro) // pro finds kanuu.SubscriptionFromContext(c.Request.Context())
	// snippet: end
}
