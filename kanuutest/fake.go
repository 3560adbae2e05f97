package kanuutest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
)

// SetReturnURL changes where "Back to your application" leads. Empty:
// [DefaultReturnURL].
func (k *Kanuu) SetReturnURL(to string) { k.portal.SetReturnURL(cmp.Or(to, DefaultReturnURL)) }

// Reset removes the recorded requests, the faults, the deliveries (also those
// that wait) and the chaos. Subscriptions, the clock, and the links and sessions
// of the portal stay.
func (k *Kanuu) Reset() { k.control.Reset() }

// State returns all that the control page shows.
func (k *Kanuu) State() State { return k.control.State() }

// SetSubscription replaces what the identifier has, and keeps its payment
// history. It sends no webhook: see [Customer] for changes that do. The
// zero Subscription makes the identifier one that never subscribed.
//
// Time goes on from there: a trialing or active one with a PaidUntil that is
// yet to come renews then, and a past-due one has just failed to be paid. See
// [Kanuu.Advance]. No other status changes by itself, nor does one whose
// PaidUntil is zero or over.
func (k *Kanuu) SetSubscription(identifier string, s Subscription) { k.store.Set(identifier, s) }

// Subscription returns what the identifier has.
func (k *Kanuu) Subscription(identifier string) Subscription {
	return k.store.Customer(identifier).Subscription
}

// Remove removes all that there is about the identifier, without a webhook.
func (k *Kanuu) Remove(identifier string) { k.store.Remove(identifier) }

// SetKanuuCache switches the cache on that Kanuu has of its own. Then a response
// about a subscription is up to an hour old by the fake's clock, unless the customer
// has done something in the portal since. Off, which is the default, the API knows
// everything immediately. Both empty the cache.
func (k *Kanuu) SetKanuuCache(on bool) { k.api.SetCache(on) }

// Now is the fake's clock: [Options.Now], and what [Kanuu.Advance] added.
func (k *Kanuu) Now() time.Time { return k.store.Now() }

// Advance moves the fake's clock forward. Everything that falls due until then
// happens in its order, and at its own time:
//
//   - A trialing or active subscription is paid for and goes on for a month or
//     a year; of a month that is shorter, it is the last day.
//   - If that payment fails, as after [Customer.FailPayments], the
//     subscription is past-due. It is tried again 3, 5 and 7 days after the
//     first attempt, and canceled when the last one fails.
//   - The paid time of a paused or canceled one runs out.
//
// The same happens as real time passes; then it is noticed when a request or a
// method looks at the customer. Paddle leaves the days of the retries, and whether
// their end pauses or cancels, to the seller. Advance panics when d is negative.
func (k *Kanuu) Advance(d time.Duration) { k.store.Advance(d) }

// Requests returns the calls of the API since the last [Kanuu.Reset], in the order
// of arrival: refused and faulty ones too. A call is in it before it is answered.
// The newest 10,000 calls are kept, at most 16 MiB of them.
func (k *Kanuu) Requests() []Request { return k.api.Requests() }

// Inject queues a fault. A call meets the first one in the queue that is for
// its path, not used up and, with a Rate, picks it; so a fault with Times 0 and
// Rate 0 hides the later ones for the same path. It panics on a Path that is
// none of the API, a Status that cannot be answered, a Rate that is none, and a
// negative Times or Delay.
func (k *Kanuu) Inject(f Fault) {
	mustCheck("Fault", api.CheckFault(f))
	k.api.Inject(f)
}

// GoDown makes Kanuu unavailable until [Kanuu.Recover], in place of other faults.
// Each call fails immediately with a 503 that asks for a retry after a minute,
// longer than a client waits. So a test of an outage takes no time.
func (k *Kanuu) GoDown() {
	k.Recover()
	k.Inject(Fault{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"60"}}})
}

// Faults returns copies of the faults that are left, in the order of the queue.
func (k *Kanuu) Faults() []Fault { return k.api.Faults() }

// Recover removes the faults. A call that is inside a Delay stays there.
func (k *Kanuu) Recover() { k.api.Recover() }

// AlertNames are the alerts that a fake sends: Paddle's six about subscriptions,
// and those about payments, disputes, risks, audiences and invoices of a customer.
func AlertNames() []string { return ledger.AlertNames() }

// Trigger sends an alert about an identifier, as if it had just happened. The
// subscription does not change: the fields of the alert are taken from it, or made
// up if the identifier has none. It returns an error if the identifier is empty or
// the name is none of [AlertNames].
func (k *Kanuu) Trigger(alertName, identifier string) error {
	_, err := k.control.Trigger(alertName, identifier, nil)
	return err
}

// SetChaos applies a chaos to all webhooks from now on; the zero Chaos ends it. It
// panics on a rate below 0 or above 1, and on a negative Delay.
func (k *Kanuu) SetChaos(c Chaos) {
	mustCheck("Chaos", paddle.CheckChaos(c))
	k.outbox.SetChaos(c)
}

// ChaosOnce applies a chaos to the next webhook only, in place of that of
// [Kanuu.SetChaos]. After n calls, it is for the next n. It panics as SetChaos does.
func (k *Kanuu) ChaosOnce(c Chaos) {
	mustCheck("Chaos", paddle.CheckChaos(c))
	k.outbox.ChaosOnce(c)
}

// Chaos is what [Kanuu.SetChaos] set last.
func (k *Kanuu) Chaos() Chaos { return k.outbox.Chaos() }

func mustCheck(what string, err error) {
	if err != nil {
		panic(fmt.Sprintf("kanuutest: %s: %v", what, err))
	}
}

// Deliveries returns what was sent, or is to be, since the last [Kanuu.Reset], in
// the order of events. The newest 1,000 are kept.
func (k *Kanuu) Deliveries() []Delivery { return k.outbox.Deliveries() }

// SetWebhookURL changes where webhooks go, and sends the waiting ones there. Empty:
// they are not sent. A URL that cannot be posted to is an Error of the deliveries.
func (k *Kanuu) SetWebhookURL(to string) { k.outbox.SetURL(to) }

// WebhookURL is where webhooks go; empty when they are not sent.
func (k *Kanuu) WebhookURL() string { return k.outbox.URL() }

// PublicKey is what verifies the webhooks: PEM, as Paddle's dashboard shows it.
func (k *Kanuu) PublicKey() string { return k.outbox.PublicKey() }

// Resend sends an alert of [Kanuu.Deliveries] again, with as many tries as a new one.
func (k *Kanuu) Resend(alertID string) error { return k.outbox.Resend(alertID) }

// Settle returns when no webhook waits to be sent, or the error of ctx.
func (k *Kanuu) Settle(ctx context.Context) error { return k.outbox.Wait(ctx) }

// Close stops sending webhooks: it gives the waiting ones up, and returns when none
// is under way. Everything else goes on. [Server.Close] calls it. A fake without a
// server needs it only if webhooks are left that the application does not take.
func (k *Kanuu) Close() { k.outbox.Close() }
