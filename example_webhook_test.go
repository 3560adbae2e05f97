package kanuu_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newWebhooks is a webhook endpoint, and a signer in place of Paddle.
func newWebhooks(options *kanuu.WebhookOptions) (*kanuu.WebhookHandler, *kanuutest.Signer) {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	paddle := kanuutest.NewSigner()
	webhooks, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), options)
	if err != nil {
		panic(err)
	}
	return webhooks, paddle
}

// Handle a cancellation.
func Example_webhook() {
	webhooks, paddle := newWebhooks(nil)
	webhooks.On("subscription_cancelled", func(_ context.Context, e kanuu.Event) error {
		fmt.Println("goodbye", e.Identifier, "until", e.CancellationEffectiveDate().Format("2 January"))
		return nil
	})
	mux := http.NewServeMux()
	mux.Handle("/webhooks/paddle", webhooks)

	response := paddle.Post(mux, kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "42"})
	fmt.Println(response.StatusCode, response.Body)
	// Output:
	// goodbye 42 until 20 December
	// 200 OK
}

// An alert whose handler fails is sent again by Paddle. One that was handled is
// not handled again.
func Example_webhookRetry() {
	webhooks, paddle := newWebhooks(nil)
	busy := true
	webhooks.On("subscription_payment_*", func(_ context.Context, e kanuu.Event) error {
		if busy {
			return errors.New("the database is busy")
		}
		fmt.Println(e.AlertName, e.SaleGross())
		return nil
	})

	paid := kanuutest.Webhook{AlertName: "subscription_payment_succeeded", AlertID: "1"}
	fmt.Println(paddle.Post(webhooks, paid).StatusCode)
	busy = false
	fmt.Println(paddle.Post(webhooks, paid).StatusCode)
	fmt.Println(paddle.Post(webhooks, paid).StatusCode)
	// Output:
	// 500
	// subscription_payment_succeeded 12.00 EUR
	// 200
	// 200
}

// A change of the plan has the values from before.
func Example_planChange() {
	webhooks, paddle := newWebhooks(nil)
	webhooks.On("subscription_updated", func(_ context.Context, e kanuu.Event) error {
		before := e.Previous()
		fmt.Println(e.Identifier, "of campaign", e.Supplemental["campaign"])
		fmt.Println("plan", before.PlanID, "is now", e.PlanID())
		fmt.Println(before.Price, "is now", e.Price())
		return nil
	})
	paddle.Post(webhooks, kanuutest.Webhook{
		AlertName:    "subscription_updated",
		Identifier:   "team:7",
		Supplemental: map[string]string{"campaign": "spring"},
	})
	// Output:
	// team:7 of campaign spring
	// plan 67 is now 12345
	// 9.00 EUR is now 12.00 EUR
}

// A receipt. Fields has what has no method of its own.
func Example_receipt() {
	webhooks, paddle := newWebhooks(nil)
	webhooks.On("subscription_payment_succeeded", func(_ context.Context, e kanuu.Event) error {
		fmt.Println(e.Email(), "paid", e.SaleGross(), "for subscription", e.SubscriptionID())
		fmt.Println(e.Fields.Get("receipt_url"))
		fmt.Println(e.Fields.Lookup("tags", "0")) // a field that is an array
		return nil
	})
	paddle.Post(webhooks, kanuutest.Webhook{
		AlertName: "subscription_payment_succeeded",
		Fields:    map[string]string{"tags[]": "red"},
	})
	// Output:
	// ann@example.com paid 12.00 EUR for subscription 67890
	// https://my.paddle.com/receipt/1-1/15396-chre00010932
	// red true
}

// The old key is still accepted while Paddle's dashboard has a new one.
func Example_keyRotation() {
	old := kanuutest.NewSigner() // in place of Paddle
	webhooks, _ := newWebhooks(&kanuu.WebhookOptions{
		ExtraPublicKeys: []string{old.PublicKey()},
		Timeout:         2 * time.Second, // of all handlers for one webhook
	})
	fmt.Println(old.Post(webhooks, kanuutest.Webhook{}).StatusCode)
	// Output: 200
}

// alertTable stands in for a table of alerts in a database that all instances
// share.
type alertTable struct {
	mu      sync.Mutex
	handled map[string]bool // false: the alert is being handled
}

func (t *alertTable) Begin(_ context.Context, key string, _ time.Duration) (fresh bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if handled, known := t.handled[key]; known && !handled {
		return false, fmt.Errorf("alert %s is being handled", key) // Paddle sends it again
	} else if known {
		return false, nil
	}
	t.handled[key] = false // in a database, until the lease is over
	return true, nil
}

func (t *alertTable) End(_ context.Context, key string, handled bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if handled {
		t.handled[key] = true
	} else {
		delete(t.handled, key)
	}
	return nil
}

// An alert that is sent twice is handled once, whichever instances receive it.
func Example_deduplication() {
	webhooks, paddle := newWebhooks(&kanuu.WebhookOptions{
		Deduplicator: &alertTable{handled: make(map[string]bool)},
		Name:         "shop", // as another program may use the table, too
	})
	webhooks.On("*", func(_ context.Context, e kanuu.Event) error {
		fmt.Println("handled", e.AlertID)
		return nil
	})
	for range 2 {
		fmt.Println(paddle.Post(webhooks, kanuutest.Webhook{AlertID: "7"}).StatusCode)
	}
	// Output:
	// handled 7
	// 200
	// 200
}
