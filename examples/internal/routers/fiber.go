package routers

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"
	"github.com/gofiber/fiber/v3/middleware/recover" //nolint:predeclared // it is Fiber's name

	"github.com/kanuu-io/kanuu-go"
)

// MountFiber is for Fiber v3.
func MountFiber(app *fiber.App, portal, hook http.Handler, gate *kanuu.Gate, who kanuu.IdentifierResolver, session,
	pro fiber.Handler) {
	// snippet: fiber
	app.Use(recover.New(), session) // session does c.Locals(userKey{}, user)
	app.All("/billing", onFiber(portal))
	app.All("/pro", gated(gate, who), pro) // pro finds kanuu.SubscriptionFromContext(c.Context())
	app.Post("/webhooks/paddle", onFiber(hook))
	// snippet: end
}

// snippet: parts for fiber

// onFiber runs a handler of the core, with a context that is its own.
func onFiber(handler http.Handler) fiber.Handler {
	return adaptor.HTTPHandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := context.WithValue(context.Background(), userKey{}, r.Context().Value(userKey{}))
		handler.ServeHTTP(w, r.WithContext(ctx)) //nolint:contextcheck // Fiber's is used again
	})
}

// gated lets subscribers through to Fiber's own handlers.
func gated(gate *kanuu.Gate, who kanuu.IdentifierResolver) fiber.Handler {
	return func(c fiber.Ctx) error {
		var admitted *http.Request
		err := onFiber(gate.Handler(who, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { admitted = r })))(c)
		if err != nil || admitted == nil {
			return err // it is answered
		}
		c.SetContext(admitted.Context())
		return c.Next()
	}
}

func who(r *http.Request) (kanuu.Identity, error) {
	user, ok := r.Context().Value(userKey{}).(*User)
	if !ok {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}
	return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
}

type userKey struct{}

// snippet: end
