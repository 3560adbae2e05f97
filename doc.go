// Package kanuu lets a Go web application sell subscriptions through Kanuu, a
// hosted billing portal over Paddle.
//
// Your application needs three things: a link to the portal, a check on paid
// pages, and a webhook endpoint. Each is a [net/http.Handler] around one [Client]:
//
//	client, err := kanuu.NewClientFromEnv() // KANUU_API_KEY
//	…
//	user := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) { … })
//
//	mux.Handle("/billing", kanuu.NewRedirectHandler(client, user, nil))
//	mux.Handle("/pro", kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(user, pro))
//	mux.Handle("/webhooks/paddle", hook) // from NewWebhookHandler
//
// Kanuu knows customers by an identifier, such as "user:42". An
// [IdentifierResolver] returns it from the session, never from the URL or a form: it
// opens that customer's portal.
//
// # Redirect
//
// A [RedirectHandler] creates a [Nonce], a one-time login to the portal, when a
// user clicks, and redirects to its URL. Prefetches, images, frames and scripts of
// other origins get a response without one. htmx, Inertia, Turbo and fetch get the
// response that they can follow.
//
// # Gate
//
// A [Gate] admits subscribers and leads others to /billing or to the login.
// [Client.Subscription] is the same check without a request. Both use a cache with
// the rules of stale-while-revalidate and stale-if-error, see [CacheOptions].
//
// # Webhooks
//
// A [WebhookHandler] verifies Paddle's signature, invalidates the cached
// subscription, and calls your handlers, once for each alert. Paddle delivers
// alerts late, repeatedly and in any order: [Client.Subscription] has the present
// state.
//
// # Errors
//
// Each error is told apart with [errors.Is]. The user gets a short page or
// problem+json with the status of [HTTPStatus]; the operator gets one line in
// [Config.Logger] with the remedy. Neither has an API key, a nonce or a portal URL
// in it.
//
// When Kanuu is unavailable, calls are retried, a circuit breaker keeps them short,
// and cached subscriptions are used for up to 24 hours. Other users get a 503.
//
// # More
//
// Adapters have modules of their own: adapters/echo (echo v4), adapters/echov5,
// adapters/gin, adapters/redis for several instances, and adapters/sql for the
// application's own table of subscriptions. Package kanuutest is a fake Kanuu for
// tests. All types are safe for concurrent use.
package kanuu
