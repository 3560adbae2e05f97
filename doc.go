// Package kanuu lets a Go web application sell subscriptions through Kanuu, the
// hosted billing portal over Paddle.
//
// Kanuu shows your customers your plans, takes their money through your Paddle
// account, and lets them change a card or cancel: on pages of its own, so that
// your application has none. What is left to your application are three
// questions: where do customers go, who may come in, and what has changed? This
// package answers each with one [net/http.Handler], around one [Client]:
//
//	client, err := kanuu.NewClient(kanuu.Config{APIKey: os.Getenv("KANUU_API_KEY"), Logger: slog.Default()})
//	…
//	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) { … })
//
//	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, nil))
//	mux.Handle("/pro", kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(who, pro))
//	mux.Handle("/webhooks/paddle", hook) // of NewWebhookHandler
//
// # Who it is about
//
// Kanuu knows your customers by an identifier: any text that is unique in your
// application, such as the id of a user or, where teams pay, of a team. You say
// which one with an [IdentifierResolver], a function from a request to an
// [Identity]. It reads your session and nothing else. An identifier out of a
// URL or a form would open anybody's portal to anybody.
//
// # Where do customers go?
//
// Link to /billing, wherever your application says "Billing" or "Subscribe". A
// [RedirectHandler] there asks the resolver who clicked, asks Kanuu for a
// [Nonce], and sends the browser to its URL, where the customer is logged in.
//
// That URL logs in whoever has it, once. So it is minted at the click and never
// before, for the user of the session, and for real clicks alone: prefetches,
// link previews, images and frames get an answer without one. Each kind of
// client gets the answer that it can follow, be it a link, a form, fetch, htmx
// or Inertia.
//
// # Who may come in?
//
// A [Gate] before a page lets subscribers in, and shows others the way to
// /billing. Behind it, [SubscriptionFromContext] has the [Subscription]: the
// plan, the trial, whether it was cancelled and runs out. Without a request,
// [Client.Subscription] tells the same.
//
// Neither asks Kanuu each time. A [Cache] remembers subscribers for minutes and
// refreshes them in the background, so that nobody waits; others for seconds,
// so that who has just paid gets in. A click on /billing and a webhook make it
// forget. [CacheOptions] has all of its numbers.
//
// # What has changed?
//
// Paddle tells by webhook when a subscription begins, is paid for, changes or
// ends. A [WebhookHandler] verifies that Paddle signed it, makes the cache
// forget the customer, and calls the functions that you registered with
// [WebhookHandler.On], once for each alert. You need none of it to let
// subscribers in: without webhooks, a change is seen when the cache asks again.
//
// An [Event] says what happened, and not what is true now: alerts come late,
// twice, and in any order. Ask [Client.Subscription] for the truth.
//
// # What is safe
//
// The API key speaks for you, and a nonce's URL logs its bearer in. No error,
// log line or page of this package has either of them in it, and [Config],
// [Client] and [Nonce] hide them however they are printed. The key is sent to
// no other host than that of [Config.BaseURL], and never in the clear. What Kanuu
// says about an error goes to you and not to the customer.
//
// The client, the handlers, the gate and the caches may be used by many
// goroutines at once. What you write for them, a resolver, a cache, a function
// for webhooks, must allow that, too.
//
// # When Kanuu is down
//
// Calls have deadlines ([Config.Timeout]) and are retried where that can help. At
// most 64 attempts are in flight to each endpoint, and a circuit breaker makes
// calls fail at once while Kanuu is down. Cached subscriptions are used for up to
// 24 hours ([CacheOptions.StaleIfError]). Other customers get a 503: an outage is
// never taken for "not subscribed", nor for the opposite, unless you set
// [GateOptions.FailOpen].
//
// Every failure has two audiences. The customer gets a short neutral page, or
// problem+json, with the status of [HTTPStatus]; write your own with
// [RedirectOptions.OnError]. The operator gets one line in [Config.Logger],
// which says what to do. Code tells errors apart with [errors.Is], and
// [Client.Stats] counts what happened.
//
// # Beside net/http
//
// The handlers work in every router that is built on net/http. Frameworks with a
// context of their own, where their middlewares keep the user, have adapters in
// modules of their own:
//
//   - github.com/kanuu-io/kanuu-go/adapters/echo (echo v4, package kanuuecho)
//   - github.com/kanuu-io/kanuu-go/adapters/echov5 (echo v5, package kanuuechov5)
//   - github.com/kanuu-io/kanuu-go/adapters/gin (package kanuugin)
//
// Several instances share one cache through Redis with
// github.com/kanuu-io/kanuu-go/adapters/redis (package kanuuredis).
//
// # Trying and testing
//
// Package kanuutest is a fake Kanuu, with a portal to click through, for tests
// and for development without an account. It signs webhooks, too. The folder
// docs of the repository has more: integrating into an existing application,
// replicas, errors and log lines, and a checklist for production.
package kanuu
