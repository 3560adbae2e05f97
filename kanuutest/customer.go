package kanuutest

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// Customer acts as a customer does in the portal, without a browser. A method
// returns after the application has answered the webhooks of the change, or after
// their first try has failed. It returns an error if the portal does not offer the
// action, which then changes nothing, or if the card is declined.
type Customer struct {
	fake       *Kanuu
	identifier string
}

// Customer returns the customer with that identifier, who may be new.
func (k *Kanuu) Customer(identifier string) *Customer { return &Customer{k, identifier} }

// Open follows a link to the portal, such as the Location of the application's
// billing page, and returns the customer of the link. A link works once.
func (k *Kanuu) Open(link string) (*Customer, error) {
	identifier, err := k.portal.Open(path.Base(link))
	if err != nil {
		return nil, fmt.Errorf("kanuutest: cannot open the portal: %w", err)
	}
	return k.Customer(identifier), nil
}

// Identifier is the one that the application uses.
func (c *Customer) Identifier() string { return c.identifier }

// Subscription is [Kanuu.Subscription].
func (c *Customer) Subscription() Subscription { return c.fake.Subscription(c.identifier) }

// Subscribe buys a plan. A running subscription is switched to it.
func (c *Customer) Subscribe(planID int64) error {
	return c.do(ledger.Command{Action: ledger.Subscribe, Plan: planID})
}

// ChangePlan switches a subscription that is not canceled to another plan. A
// trial goes on; otherwise the price is paid and a new period begins.
func (c *Customer) ChangePlan(planID int64) error {
	if is := c.fake.store.Customer(c.identifier); is.Over() {
		return c.problem("change the plan", ledger.ErrState)
	}
	return c.Subscribe(planID)
}

// Pause keeps the subscription until the end of the paid time.
func (c *Customer) Pause() error { return c.do(ledger.Command{Action: ledger.Pause}) }

// Resume goes on with a paused subscription, and pays if the paid time is over.
func (c *Customer) Resume() error { return c.do(ledger.Command{Action: ledger.Resume}) }

// Cancel ends the subscription when the paid time is over. It cannot be resumed.
func (c *Customer) Cancel() error { return c.do(ledger.Command{Action: ledger.Cancel}) }

// Pay pays an overdue payment.
func (c *Customer) Pay() error { return c.do(ledger.Command{Action: ledger.Pay}) }

// UpdateCard replaces the card by one that works, and pays an overdue payment.
func (c *Customer) UpdateCard() error { return c.do(ledger.Command{Action: ledger.UpdateCard}) }

// Refund gives the newest payment back, which the seller does. The subscription
// stays as it is.
func (c *Customer) Refund() error { return c.do(ledger.Command{Action: ledger.Refund}) }

// FailPayments makes the payments to come fail, until there is another card or
// the customer pays. [Customer.SkipToNextDate] shows it.
func (c *Customer) FailPayments() error { return c.do(ledger.Command{Action: ledger.Fail}) }

// SkipToNextDate moves the fake's clock to when the next thing happens to the
// customer: a renewal, another try of a payment, or the end of the paid time. The end
// sends no webhook, as at Paddle: an application that has cached the subscription sees
// it at the end of its max age, or after kanuu.Client.InvalidateSubscription.
func (c *Customer) SkipToNextDate() error { return c.do(ledger.Command{Action: ledger.Skip}) }

func (c *Customer) do(command ledger.Command) error {
	_, err := c.fake.store.Do(c.identifier, command)
	ctx, cancel := context.WithTimeout(context.Background(), webhookPatience)
	defer cancel()
	c.fake.outbox.Flush(ctx)
	if err != nil {
		return c.problem(string(command.Action), err)
	}
	return nil
}

// webhookPatience is a bit more than Paddle's, for the first try of each.
const webhookPatience = 10 * time.Second

func (c *Customer) problem(action string, err error) error {
	return fmt.Errorf("kanuutest: customer %q cannot %s: %w", c.identifier, action, err)
}
