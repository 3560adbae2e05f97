package readme

import (
	"github.com/gin-gonic/gin"

	"github.com/kanuu-io/kanuu-go"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
)

func mountGin(router *gin.Engine, client *kanuu.Client) {
	// snippet: gin
	kanuugin.Mount(router, "/billing", client, func(c *gin.Context) (kanuu.Identity, error) {
		value, _ := c.Get("user")
		user, ok := value.(*User)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	}, nil)
	// snippet: end
}
