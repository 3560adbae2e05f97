package kanuu_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func ExampleWebhookHandler() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	signer := kanuutest.NewSigner() // in place of Paddle

	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil) // os.Getenv("PADDLE_PUBLIC_KEY")
	if err != nil {
		panic(err)
	}
	hook.On("subscription_cancelled", func(_ context.Context, e kanuu.Event) error {
		fmt.Println("goodbye", e.Identifier, "until", e.CancellationEffectiveDate().Format("2 January"))
		return nil
	})

	mux := http.NewServeMux()
	mux.Handle("/webhooks/paddle", hook)

	answer := signer.Post(mux, kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "42"})
	fmt.Println(answer.StatusCode, answer.Body)
	// Output:
	// goodbye 42 until 31 December
	// 200 OK
}

// Without a key that works, there is no handler.
func ExampleNewWebhookHandler() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	_ = os.Unsetenv(kanuu.EnvPaddlePublicKey)
	_, err = kanuu.NewWebhookHandler(client, os.Getenv(kanuu.EnvPaddlePublicKey), nil)
	fmt.Println(err)
	// Output: kanuu: publicKey is empty: set PADDLE_PUBLIC_KEY to the public key that Paddle's dashboard shows
}

// What fails comes again, and what was handled does not.
func ExampleWebhookHandler_On() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}

	signer := kanuutest.NewSigner()

	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	if err != nil {
		panic(err)
	}

	busy := true

	hook.On("subscription_payment_*", func(_ context.Context, e kanuu.Event) error {
		if busy {
			return errors.New("the database is busy")
		}
		fmt.Println(e.AlertName, e.SaleGross())
		return nil
	})

	paid := kanuutest.Webhook{AlertName: "subscription_payment_succeeded", AlertID: "1"}
	fmt.Println(signer.Post(hook, paid).StatusCode)

	busy = false

	fmt.Println(signer.Post(hook, paid).StatusCode)
	fmt.Println(signer.Post(hook, paid).StatusCode)
	// Output:
	// 500
	// subscription_payment_succeeded 12.00 EUR
	// 200
	// 200
}

func ExampleEvent() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	signer := kanuutest.NewSigner()

	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	if err != nil {
		panic(err)
	}
	hook.On("subscription_updated", func(_ context.Context, e kanuu.Event) error {
		before := e.Previous()
		fmt.Println(e.Identifier, "of", e.Supplemental["campaign"])
		fmt.Println("plan", before.PlanID, "is now", e.PlanID())
		fmt.Println(before.Price, "is now", e.Price())
		fmt.Println(strings.Contains(e.UpdateURL(), "hash="), e.Fields.Get("marketing_consent"))
		return nil
	})

	signer.Post(hook, kanuutest.Webhook{
		AlertName:    "subscription_updated",
		Identifier:   "team:7",
		Supplemental: map[string]string{"campaign": "spring"},
		Fields:       map[string]string{"marketing_consent": "1"},
	})
	// Output:
	// team:7 of spring
	// plan 67 is now 12345
	// 9.00 EUR is now 24.00 EUR
	// true 1
}
