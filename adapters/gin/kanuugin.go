// Package kanuugin mounts Kanuu's billing portal in gin:
//
//	kanuugin.Mount(router, "/billing", client, who, nil)
//
// Requests get the same responses as from [kanuu.RedirectHandler]; the resolver gets
// gin's own context, in which gin's middlewares keep the user.
package kanuugin

import (
	"github.com/gin-gonic/gin"

	"github.com/kanuu-io/kanuu-go"
)

// IdentifierResolver returns the logged-in customer, from gin's own
// context. It returns [kanuu.ErrUnauthenticated] if the user is not logged in, and
// otherwise behaves as [kanuu.IdentifierResolver] does. It must be safe for
// concurrent use.
type IdentifierResolver func(c *gin.Context) (kanuu.Identity, error)

// Mount adds [Redirect] to router, a [*gin.Engine] or a [*gin.RouterGroup],
// under path. It does so for every method: those without a use get the
// library's 405. It returns what counts the requests: see [kanuu.Redirector.Stats].
func Mount(
	router gin.IRoutes, path string, client *kanuu.Client, who IdentifierResolver, options *kanuu.RedirectOptions,
) *kanuu.Redirector {
	redirector, handler := newRedirect(client, who, options)
	router.Any(path, handler)
	return redirector
}

// Redirect returns a handler that redirects the customer to their portal. The resolver
// who returns the customer; nil options are the defaults. It panics if client or who is
// nil or an option is invalid.
//
// An error aborts the chain and is put into the context's Errors once, for
// middlewares to see. The response is written and the error logged already. To write
// the response in a middleware of yours, set an OnError that does nothing: only the
// status is set then.
func Redirect(client *kanuu.Client, who IdentifierResolver, options *kanuu.RedirectOptions) gin.HandlerFunc {
	_, handler := newRedirect(client, who, options)
	return handler
}

func newRedirect(
	client *kanuu.Client, who IdentifierResolver, options *kanuu.RedirectOptions,
) (*kanuu.Redirector, gin.HandlerFunc) {
	if who == nil {
		panic("kanuugin: the resolver is nil")
	}
	redirector := kanuu.NewRedirector(client, options)
	return redirector, func(c *gin.Context) {
		answered(c, redirector.Serve(c.Writer, c.Request, func() (kanuu.Identity, error) { return who(c) }))
	}
}

// Gate returns a middleware that admits subscribers. The resolver who returns the
// customer. Handlers behind it find the subscription with [kanuu.SubscriptionFromContext] in
// c.Request.Context(). For other users the chain is aborted, and they get the
// responses of [kanuu.Gate.Handler]; errors are kept as by [Redirect]. It panics if
// gate or who is nil.
func Gate(gate *kanuu.Gate, who IdentifierResolver) gin.HandlerFunc {
	if gate == nil || who == nil {
		panic("kanuugin: the gate or the resolver is nil")
	}
	return func(c *gin.Context) {
		admitted, err := gate.Admit(c.Writer, c.Request, func() (kanuu.Identity, error) { return who(c) })
		if admitted == nil {
			answered(c, err)
			return
		}
		c.Request = admitted
	}
}

// answered ends a visit that is answered: what follows would write after it.
func answered(c *gin.Context, err error) {
	c.Abort()
	if err == nil {
		// gin holds a status back until the first byte of a body.
		c.Writer.WriteHeaderNow()
		return
	}
	if !c.Writer.Written() {
		c.Status(kanuu.HTTPStatus(err))
	}
	_ = c.Error(err) // returns what it was given
}
