// Package kanuu lets a Go web application sell subscriptions through Kanuu, the
// hosted billing portal over Paddle.
//
// Make one [Client] for the whole program, tell who the logged-in user is with
// an [IdentifierResolver], and mount a [RedirectHandler]:
//
//	client, err := kanuu.NewClient(kanuu.Config{APIKey: os.Getenv("KANUU_API_KEY")})
//	…
//	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, nil))
//
// A logged-in user who clicks a link to /billing lands on their portal. The
// handler mints a one-time URL for real clicks only, and answers each kind of
// client in the form that it can follow; see [RedirectHandler].
//
// Echo and gin have adapters in modules of their own, whose resolvers get the
// framework's own context:
//
//   - github.com/kanuu-io/kanuu-go/adapters/echo (echo v4, package kanuuecho)
//   - github.com/kanuu-io/kanuu-go/adapters/gin (package kanuugin)
//
// # Who may come in
//
// [Client.Subscription] tells whether a customer has paid, from a cache that
// knows when things are about to change: a [Gate] lets subscribers in, and
// shows others the way to the portal. Behind it, [SubscriptionFromContext] has
// the subscription, in every framework.
//
// # What Paddle says
//
// A [WebhookHandler] verifies Paddle Classic's webhooks exactly as PHP would,
// makes the cache forget what they are about, so that who has paid gets in at
// the very next request, and calls your functions once for each alert.
//
// # Secrets
//
// The API key speaks for the seller, and a nonce's URL logs its bearer in. No
// error, log line or page of this package shows either, and [Config], [Client]
// and [Nonce] hide them however they are printed.
//
// # When Kanuu is down
//
// Calls have deadlines, are tried again where that can help, and are not made
// at all for a moment while Kanuu is known to be down, so that visitors do not
// queue up. What is left goes to two audiences: the customer gets a neutral
// page with the status of [HTTPStatus], the operator a line in [Config.Logger]
// that says what to do.
//
// # Testing
//
// Package kanuutest is a fake Kanuu for tests and for development, and signs
// webhooks for tests of your functions.
package kanuu
