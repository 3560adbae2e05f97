// Command gin is Acme Notes on Gin, with a billing portal and a page for
// subscribers.
//
//	go run ./examples/gin
package main

import (
	"net/http"
	"os"

	"github.com/gin-gonic/gin"

	"github.com/kanuu-io/kanuu-go"
	kanuugin "github.com/kanuu-io/kanuu-go/adapters/gin"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

func main() { os.Exit(demo.Run("Gin", NewHandler)) }

// NewHandler returns the app's own routes, /billing, /pro for subscribers, and
// what Paddle calls.
func NewHandler(app *demo.App) (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)

	r := gin.New()
	r.Use(gin.Recovery(), session(app))

	r.GET("/", func(c *gin.Context) {
		app.Home(c.Writer, c.Request, loggedIn(c))
	})
	r.NoRoute(gin.WrapF(app.NotFound))

	kanuugin.Mount(r, "/billing", app.Client, who, &kanuu.RedirectOptions{LoginURL: "/", ReturnParam: "next"})

	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/", ReturnParam: "next"})
	r.GET("/pro", kanuugin.Gate(gate, who), func(c *gin.Context) {
		subscription, _ := kanuu.SubscriptionFromContext(c.Request.Context())
		app.Pro(c.Writer, loggedIn(c), subscription)
	})
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("subscription_*", app.KeepEvent)
		r.POST("/webhooks/paddle", gin.WrapH(hook))
	}
	return r, nil
}

// who tells Kanuu whose subscription it is. The answer comes from the session,
// never from anything that a visitor can choose.
func who(c *gin.Context) (kanuu.Identity, error) {
	user := loggedIn(c)
	if user == nil {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
}

// session puts the logged-in user into Gin's context.
func session(app *demo.App) gin.HandlerFunc {
	return func(c *gin.Context) {
		if user, ok := app.User(c.Request); ok {
			c.Set("user", user)
		}
	}
}

// loggedIn returns who is logged in, or nil.
func loggedIn(c *gin.Context) *demo.User {
	user, _ := c.Value("user").(*demo.User)
	return user
}
