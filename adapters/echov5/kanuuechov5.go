// Package kanuuechov5 mounts Kanuu's billing portal in echo v5:
//
//	kanuuechov5.Mount(e, "/billing", client, who, nil)
//
// Requests get the same responses as from [kanuu.RedirectHandler]; the resolver gets
// echo's own context, in which echo's middlewares keep the user.
package kanuuechov5

import (
	"net/http"

	"github.com/labstack/echo/v5"

	"github.com/kanuu-io/kanuu-go"
)

// IdentifierResolver returns the logged-in customer, from echo's own
// context. It returns [kanuu.ErrUnauthenticated] if the user is not logged in, and
// otherwise behaves as [kanuu.IdentifierResolver] does. It must be safe for
// concurrent use.
type IdentifierResolver func(c *echo.Context) (kanuu.Identity, error)

// Router is what [Mount] needs of an [*echo.Echo] or an [*echo.Group].
type Router interface {
	Any(path string, handler echo.HandlerFunc, middleware ...echo.MiddlewareFunc) echo.RouteInfo
}

// Mount adds [Redirect] to router under path. It does so for every method:
// those without a use get the library's 405. It returns what counts the requests: see [kanuu.Redirector.Stats].
func Mount(
	router Router, path string, client *kanuu.Client, who IdentifierResolver, options *kanuu.RedirectOptions,
) *kanuu.Redirector {
	redirector, handler := newRedirect(client, who, options)
	router.Any(path, handler)
	return redirector
}

// Redirect returns a handler that redirects the customer to their portal. The resolver
// who returns the customer; nil options are the defaults. It panics if client or who is
// nil or an option is invalid.
//
// An error is returned to echo once, as an [*echo.HTTPError] with the status of
// [kanuu.HTTPStatus] and the cause inside, for middlewares and the error handler
// to see. echo uses this status, never that of an error inside. The response is
// written and the error logged already: echo's error handler does not write to a
// committed response, and one of yours should not either. To write the response
// there, set an OnError that does nothing.
func Redirect(client *kanuu.Client, who IdentifierResolver, options *kanuu.RedirectOptions) echo.HandlerFunc {
	_, handler := newRedirect(client, who, options)
	return handler
}

func newRedirect(
	client *kanuu.Client, who IdentifierResolver, options *kanuu.RedirectOptions,
) (*kanuu.Redirector, echo.HandlerFunc) {
	if who == nil {
		panic("kanuuechov5: the resolver is nil")
	}
	redirector := kanuu.NewRedirector(client, options)
	return redirector, func(c *echo.Context) error {
		return httpError(redirector.Serve(c.Response(), c.Request(), func() (kanuu.Identity, error) { return who(c) }))
	}
}

// Gate returns a middleware that admits subscribers. The resolver who returns the
// customer. Handlers behind it find the subscription with [kanuu.SubscriptionFromContext] in
// c.Request().Context(). Other users get the responses of [kanuu.Gate.Handler], and
// errors are returned as by [Redirect]. It panics if gate or who is nil.
func Gate(gate *kanuu.Gate, who IdentifierResolver) echo.MiddlewareFunc {
	if gate == nil || who == nil {
		panic("kanuuechov5: the gate or the resolver is nil")
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c *echo.Context) error {
			admitted, err := gate.Admit(c.Response(), c.Request(), func() (kanuu.Identity, error) { return who(c) })
			if admitted == nil {
				return httpError(err)
			}
			c.SetRequest(admitted)
			return next(c)
		}
	}
}

// httpError is err as echo's error handlers and middlewares expect it.
func httpError(err error) error {
	if err == nil {
		return nil
	}
	status := kanuu.HTTPStatus(err)
	return echo.NewHTTPError(status, http.StatusText(status)).Wrap(err)
}
