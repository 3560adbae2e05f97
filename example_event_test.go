package kanuu_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newWebhook is a handler and somebody who signs as Paddle does, for the
// examples.
func newWebhook(options *kanuu.WebhookOptions) (*kanuu.WebhookHandler, *kanuutest.Signer) {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	paddle := kanuutest.NewSigner()
	hook, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), options)
	if err != nil {
		panic(err)
	}
	return hook, paddle
}

// show prints something of an alert as Paddle's reference has it.
func show(alertName string, something func(e kanuu.Event) any) {
	hook, paddle := newWebhook(nil)
	hook.On("*", func(_ context.Context, e kanuu.Event) error {
		fmt.Println(something(e)) //nolint:forbidigo // the output of the examples
		return nil
	})
	paddle.Post(hook, kanuutest.Webhook{AlertName: alertName, Identifier: "42"})
}

func ExampleEvent_SubscriptionID() {
	show("subscription_created", func(e kanuu.Event) any { return e.SubscriptionID() })
	// Output: 67890
}

func ExampleEvent_PlanID() {
	show("subscription_created", func(e kanuu.Event) any { return e.PlanID() })
	// Output: 12345
}

func ExampleEvent_UserID() {
	show("subscription_created", func(e kanuu.Event) any { return e.UserID() })
	// Output: 9
}

func ExampleEvent_CheckoutID() {
	show("subscription_created", func(e kanuu.Event) any { return e.CheckoutID() })
	// Output: 5-96c6e4f06e31b16-42
}

func ExampleEvent_Email() {
	show("subscription_created", func(e kanuu.Event) any { return e.Email() })
	// Output: ann@example.com
}

// Paddle says "deleted".
func ExampleEvent_Status() {
	show("subscription_cancelled", func(e kanuu.Event) any { return e.Status() })
	// Output: canceled
}

func ExampleEvent_Quantity() {
	show("subscription_updated", func(e kanuu.Event) any { return e.Quantity() })
	// Output: 2
}

func ExampleEvent_UnitPrice() {
	show("subscription_created", func(e kanuu.Event) any { return e.UnitPrice() })
	// Output: 12.00 EUR
}

func ExampleEvent_Price() {
	show("subscription_updated", func(e kanuu.Event) any { return e.Price() })
	// Output: 24.00 EUR
}

func ExampleEvent_SaleGross() {
	show("subscription_payment_succeeded", func(e kanuu.Event) any { return e.SaleGross() })
	// Output: 12.00 EUR
}

func ExampleEvent_Amount() {
	show("subscription_payment_failed", func(e kanuu.Event) any { return e.Amount() })
	// Output: 12.00 EUR
}

func ExampleEvent_GrossRefund() {
	show("subscription_payment_refunded", func(e kanuu.Event) any { return e.GrossRefund() })
	// Output: 12.00 EUR
}

func ExampleEvent_NextBillDate() {
	show("subscription_created", func(e kanuu.Event) any { return e.NextBillDate().Format(time.DateOnly) })
	// Output: 2026-12-20
}

func ExampleEvent_CancellationEffectiveDate() {
	show("subscription_cancelled", func(e kanuu.Event) any { return e.CancellationEffectiveDate().Format(time.DateOnly) })
	// Output: 2026-12-31
}

// Whoever has the URL can cancel: it is for the customer alone.
func ExampleEvent_CancelURL() {
	show("subscription_created", func(e kanuu.Event) any { return e.CancelURL() })
	// Output: https://checkout.paddle.com/subscription/cancel?user=9&subscription=67890&hash=3f1e42
}

// Whoever has the URL can change how is paid: it is for the customer alone.
func ExampleEvent_UpdateURL() {
	show("subscription_payment_failed", func(e kanuu.Event) any { return e.UpdateURL() })
	// Output: https://checkout.paddle.com/subscription/update?user=9&subscription=67890&hash=a1b2c3
}

func ExampleEvent_Previous() {
	show("subscription_updated", func(e kanuu.Event) any {
		return fmt.Sprint(e.Previous().UnitPrice, " → ", e.UnitPrice(), ", ", e.Previous().Quantity, " → ", e.Quantity())
	})
	// Output: 9.00 EUR → 12.00 EUR, 1 → 2
}

func ExamplePrevious() {
	show("subscription_updated", func(e kanuu.Event) any { return e.Previous().Status == kanuu.StatusTrialing })
	// Output: true
}

// An alert without that amount has none, which is not 0.00.
func ExampleAmount() {
	show("subscription_created", func(e kanuu.Event) any {
		return fmt.Sprintf("%q %q %t", e.UnitPrice().Value, e.UnitPrice().Currency, e.SaleGross() == kanuu.Amount{})
	})
	// Output: "12.00" "EUR" true
}

// What has no method of its own.
func ExampleFields() {
	show("subscription_payment_succeeded", func(e kanuu.Event) any { return e.Fields.Get("receipt_url") })
	// Output: https://my.paddle.com/receipt/1-1/5-96c6e4f06e31b16-42
}

func ExampleFields_Get() {
	show("subscription_payment_refunded", func(e kanuu.Event) any { return e.Fields.Get("refund_reason") })
	// Output: Not what I wanted
}

// A field that is an array, as PHP reads it.
func ExampleFields_Lookup() {
	hook, paddle := newWebhook(nil)
	hook.On("*", func(_ context.Context, e kanuu.Event) error {
		fmt.Println(e.Fields.Lookup("tags", "0"))
		fmt.Println(e.Fields.Lookup("tags", "1"))
		return nil
	})
	paddle.Post(hook, kanuutest.Webhook{Fields: map[string]string{"tags[]": "red"}})
	// Output:
	// red true
	//  false
}

func ExampleFields_All() {
	hook, paddle := newWebhook(nil)
	hook.On("*", func(_ context.Context, e kanuu.Event) error {
		for name, value := range e.Fields.All() {
			if name == "alert_name" || name == "passthrough" {
				fmt.Println(name, value)
			}
		}
		return nil
	})
	paddle.Post(hook, kanuutest.Webhook{AlertName: "subscription_created", Identifier: "42"})
	// Output:
	// alert_name subscription_created
	// passthrough {"kanuu":"42"}
}

// The old key while Paddle's dashboard has a new one.
func ExampleWebhookOptions() {
	old := kanuutest.NewSigner() // in place of Paddle
	hook, _ := newWebhook(&kanuu.WebhookOptions{
		ExtraPublicKeys: []string{old.PublicKey()},
		Timeout:         2 * time.Second, // of all functions for one webhook
	})
	fmt.Println(old.Post(hook, kanuutest.Webhook{}).StatusCode)
	// Output: 200
}

// table stands in for a table of alerts in a database that all machines share.
type table struct {
	mu     sync.Mutex
	alerts map[string]bool // handled; else it is being handled
}

func (t *table) Begin(_ context.Context, alertID string, _ time.Duration) (fresh bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if handled, known := t.alerts[alertID]; known && !handled {
		return false, fmt.Errorf("alert %s is being handled", alertID) // Paddle comes again
	} else if known {
		return false, nil
	}
	t.alerts[alertID] = false // in a database, until the lease is over
	return true, nil
}

func (t *table) End(_ context.Context, alertID string, handled bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if handled {
		t.alerts[alertID] = true
	} else {
		delete(t.alerts, alertID)
	}
	return nil
}

// Alerts that come twice are handled once, on whichever machine they arrive.
func ExampleDeduplicator() {
	hook, paddle := newWebhook(&kanuu.WebhookOptions{Deduplicator: &table{alerts: make(map[string]bool)}})
	hook.On("*", func(_ context.Context, e kanuu.Event) error {
		fmt.Println("handled", e.AlertID)
		return nil
	})
	for range 2 {
		fmt.Println(paddle.Post(hook, kanuutest.Webhook{AlertID: "7"}).StatusCode)
	}
	// Output:
	// handled 7
	// 200
	// 200
}

// What became of the requests to the handlers of a client.
func ExampleWebhookStats() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	paddle := kanuutest.NewSigner()

	hook, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), nil)
	if err != nil {
		panic(err)
	}
	hook.On("subscription_created", func(context.Context, kanuu.Event) error { return nil })

	paddle.Post(hook, kanuutest.Webhook{AlertName: "subscription_created", AlertID: "1"})
	paddle.Post(hook, kanuutest.Webhook{AlertName: "subscription_created", AlertID: "1"})
	paddle.Post(hook, kanuutest.Webhook{AlertName: "subscription_cancelled", AlertID: "2"})

	fmt.Printf("%+v\n", client.Stats().Webhooks)
	// Output: {Handled:1 Duplicates:1 Unheard:1 Failed:0 Unsigned:0 Rejected:0}
}
