// Command echov5 is Acme Notes on Echo v5, with a billing portal and a page for
// subscribers.
//
//	go run ./examples/echov5
package main

import (
	"net/http"
	"os"

	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
	kanuuechov5 "github.com/kanuu-io/kanuu-go/adapters/echov5"
	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
)

func main() { os.Exit(demo.Run("Echo v5", NewHandler)) }

// NewHandler returns the app's own routes, /billing, /pro for subscribers, and
// what Paddle calls.
func NewHandler(app *demo.App) (http.Handler, error) {
	e := echo.New()
	e.Use(session(app))

	e.GET("/", func(c *echo.Context) error {
		app.Home(c.Response(), c.Request(), loggedIn(c))
		return nil
	})
	e.RouteNotFound("/*", echo.WrapHandler(http.HandlerFunc(app.NotFound)))

	kanuuechov5.Mount(e, "/billing", app.Client, who, &kanuu.RedirectOptions{LoginURL: "/", ReturnParam: "next"})

	gate := kanuu.NewGate(app.Client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/", ReturnParam: "next"})
	e.GET("/pro", func(c *echo.Context) error {
		subscription, _ := kanuu.SubscriptionFromContext(c.Request().Context())
		app.Pro(c.Response(), loggedIn(c), subscription)
		return nil
	}, kanuuechov5.Gate(gate, who))
	if hook := app.Webhook; hook != nil { // PADDLE_PUBLIC_KEY is set
		hook.On("subscription_*", app.KeepEvent)
		e.POST("/webhooks/paddle", echo.WrapHandler(hook))
	}
	return e, nil
}

// who tells Kanuu whose subscription it is. The answer comes from the session,
// never from anything that a visitor can choose.
func who(c *echo.Context) (kanuu.Identity, error) {
	user := loggedIn(c)
	if user == nil {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
}

// session puts the logged-in user into Echo's context.
func session(app *demo.App) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			if user, ok := app.User(c.Request()); ok {
				c.Set("user", user)
			}
			return next(c)
		}
	}
}

// loggedIn returns who is logged in, or nil.
func loggedIn(c *echo.Context) *demo.User {
	user, _ := c.Get("user").(*demo.User)
	return user
}
