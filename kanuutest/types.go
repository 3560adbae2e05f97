package kanuutest

import (
	"crypto/rsa"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/control"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
)

// The statuses that Kanuu documents for a subscription.
const (
	StatusTrialing = ledger.StatusTrialing
	StatusActive   = ledger.StatusActive
	StatusPastDue  = ledger.StatusPastDue
	StatusPaused   = ledger.StatusPaused
	StatusCanceled = ledger.StatusCanceled
)

// Subscription is what one identifier has. The zero value: never subscribed.
//
//	Status         string    // answered as it is, also another spelling; empty: null
//	PlanID         int64     // Paddle's; 0: null
//	SubscriptionID int64     // Paddle's; 0: null
//	PaidUntil      time.Time // when the paid time, or the trial, is over, and the next payment falls due
//
// It counts as subscribed (is_subscribed in the API) while it is trialing, active
// or past-due, and in any other status until PaidUntil: so a paused or canceled one
// lasts to the end of what was paid for.
type Subscription = ledger.Subscription

// Plan is something that the portal sells. Those on sale by default are
//
//	{ID: 12345, Name: "Basic", Price: "9.00", Currency: "EUR", Yearly: false, TrialDays: 0}
//	{ID: 67, Name: "Pro", Price: "29.00", Currency: "EUR", Yearly: false, TrialDays: 0}
type Plan = ledger.Plan

// Request is one call of the API as it arrived: its Time by the fake's clock, Method,
// Path ("/api/nonce", without the base path of the mount; another one was a 404),
// Header, Body (at most the first MiB), and the Status of the response (0: none yet,
// or none at all). Its method Identifier returns the identifier in the body.
type Request = api.Request

// Fault is something that goes wrong with calls of the API. The portal has
// none.
//
//	Path   string        // only calls of this API path ("/api/nonce"); empty: every call
//	Times  int           // how many calls; 0 means until Reset or Recover
//	Rate   float64       // the share of the calls that it hits, 0.3 for 30 %; 0: all. See Options.Seed
//	Delay  time.Duration // wait first; ends early when the caller goes away
//	Status int           // answer this status, 200 to 999; 0 with a Body: 200
//	Header http.Header   // with these headers
//	Body   string        // and this body; empty: Laravel's for that status
//	Drop   bool          // close the connection without a response
//
// With Drop, Status or Body the fault replaces the response to any request; without
// them it only delays the response and adds Header. A Content-Length in Header that
// is larger than Body makes a response that breaks off.
type Fault = api.Fault

// Webhook is an alert of Paddle Classic to be signed. The zero value is a
// subscription_created without an identifier.
//
//	AlertName    string            // such as "subscription_cancelled"; empty: "subscription_created"
//	AlertID      string            // empty: one that this signer has not used before
//	Time         time.Time         // when it happened; zero: now
//	Identifier   string            // these two go to the passthrough, as Kanuu has it;
//	Supplemental map[string]string // empty both: the passthrough is empty
//	Fields       map[string]string // replace those above and the samples, or are added
//
// The alerts of [AlertNames] have the fields that Paddle's reference lists,
// with sample values; others have the common ones. A name in Fields may have
// subscripts: "tags[]", "a[x]".
type Webhook = paddle.Webhook

// Signer signs webhooks as Paddle Classic does. It is safe for concurrent use.
//
//	signer := kanuutest.NewSigner()
//	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
//	…
//	answer := signer.Post(hook, kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "42"})
//
// PublicKey is PEM, Post hands a webhook to a handler at /webhooks/paddle, Request makes
// a request of it, Body the signed form, and Sign adds the p_signature to any form.
type Signer = paddle.Signer

// NewSigner makes a signer. All of a process have the same key, of 2048 bits.
func NewSigner() *Signer { return paddle.NewSigner() }

// NewSignerWithKey makes a signer with a key of its own.
func NewSignerWithKey(key *rsa.PrivateKey) *Signer { return paddle.NewSignerWithKey(key) }

// Answer of a handler to a webhook: its StatusCode, Header and Body.
type Answer = paddle.Answer

// WebhookOptions say where a fake's webhooks go.
//
//	URL     string          // of the application's webhook handler; empty: none, until SetWebhookURL
//	Signer  *Signer         // signs them; nil: NewSigner
//	Client  *http.Client    // posts them; nil: one that waits 5 s, as Paddle does, and follows no redirect
//	Backoff []time.Duration // the wait before each further try; nil: seven tries in two minutes; empty: one try
//	OnTry   func(Delivery)  // is called after each try, in one goroutine
type WebhookOptions = paddle.Options

// Delivery is one alert on its way to the application: its AlertID, AlertName,
// Identifier, Time (event_time, by the fake's clock) and signed Fields, its State and
// the number of Tries, the Status of the last response (0: there was none), the Error
// for which the last try was not taken, and what [Chaos] did to it ("duplicate",
// "reordered, delayed", "lost").
type Delivery = paddle.Delivery

// DeliveryState is what became of a webhook.
type DeliveryState = paddle.DeliveryState

// The states of a [Delivery].
const (
	DeliveryWaiting   = paddle.Waiting   // to be sent, or sent again
	DeliveryDelivered = paddle.Delivered // answered with 200
	DeliveryFailed    = paddle.Failed    // given up
	DeliveryLost      = paddle.Lost      // by Chaos
	DeliveryUnsent    = paddle.Unsent    // there was no URL
)

// Chaos is what may happen to webhooks on their way. The rates are shares of
// the alerts, 0 (none) to 1 (all). [Options.Seed] makes what they pick the same
// each time.
//
//	Duplicate float64       // an alert comes once more after it was taken, with the same alert_id
//	Reorder   float64       // an alert is held back until the next one was sent, or for 5 s
//	Lose      float64       // an alert never comes
//	Delay     time.Duration // before an alert is sent; later ones about the same customer wait, too
//
//	ShuffleIDs   bool // alert ids do not grow: nothing shows that Paddle's do
//	SplitUpdates bool // two subscription_updated in one second, in place of one
type Chaos = paddle.Chaos

// State is all that the control page shows, as GET /control/api/state answers
// it: Now, Plans, Customers, Webhooks, Deliveries, Chaos, Faults, KanuuCache and Calls, which
// are the newest 1,000.
type State = control.State

// CustomerState is what there is about an identifier.
type CustomerState = control.CustomerState

// WebhookState is where webhooks go, and the key that verifies them.
type WebhookState = control.WebhookState

// CallState is a [Request], without what it was authorized by.
type CallState = control.CallState
