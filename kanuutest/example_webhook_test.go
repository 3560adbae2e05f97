package kanuutest_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newHook is what the application mounts for Paddle's webhooks. It trusts the
// signer's key, as it trusts Paddle's in production.
func newHook(signer *kanuutest.Signer) *kanuu.WebhookHandler {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey})
	if err != nil {
		panic(err)
	}
	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	if err != nil {
		panic(err)
	}
	hook.On("*", func(_ context.Context, e kanuu.Event) error {
		fmt.Println(e.AlertName, e.Identifier) //nolint:forbidigo // the output of the examples
		return nil
	})
	return hook
}

func ExampleSigner() {
	paddle := kanuutest.NewSigner()
	hook := newHook(paddle)
	fmt.Println(paddle.Post(hook, kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "42"}).StatusCode)
	// Output:
	// subscription_cancelled 42
	// 200
}

// All have one key; a handler of one takes what another signs.
func ExampleNewSigner() {
	one, another := kanuutest.NewSigner(), kanuutest.NewSigner()
	fmt.Println(one.PublicKey() == another.PublicKey())
	// Output: true
}

// Somebody who is not Paddle.
func ExampleNewSignerWithKey() {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	hook := newHook(kanuutest.NewSigner())
	fmt.Println(kanuutest.NewSignerWithKey(key).Post(hook, kanuutest.Webhook{}).StatusCode)
	// Output: 401
}

func ExampleSigner_PublicKey() {
	key := kanuutest.NewSigner().PublicKey()
	fmt.Println(strings.Split(key, "\n")[0])
	// Output: -----BEGIN PUBLIC KEY-----
}

// Post needs no server.
func ExampleSigner_Post() {
	paddle := kanuutest.NewSigner()
	answer := paddle.Post(newHook(paddle), kanuutest.Webhook{Identifier: "team:7"})
	fmt.Println(answer.StatusCode)
	// Output:
	// subscription_created team:7
	// 200
}

func ExampleAnswer() {
	paddle := kanuutest.NewSigner()
	answer := paddle.Post(http.NotFoundHandler(), kanuutest.Webhook{})
	fmt.Printf("%d %q %s\n", answer.StatusCode, answer.Header.Get("Content-Type"), answer.Body)
	// Output: 404 "text/plain; charset=utf-8" 404 page not found
}

// With one that is running.
func ExampleSigner_Request() {
	paddle := kanuutest.NewSigner()

	app := httptest.NewServer(newHook(paddle))
	defer app.Close()

	answer, err := http.DefaultClient.Do(paddle.Request(app.URL+"/webhooks/paddle", kanuutest.Webhook{Identifier: "42"}))
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()

	fmt.Println(answer.StatusCode)
	// Output:
	// subscription_created 42
	// 200
}

// The form itself, for a test that breaks it.
func ExampleSigner_Body() {
	paddle := kanuutest.NewSigner()

	body := paddle.Body(kanuutest.Webhook{Identifier: "42"})
	forged := strings.Replace(body, "42", "43", 1)

	request := httptest.NewRequest(http.MethodPost, "/webhooks/paddle", strings.NewReader(forged))
	answer := httptest.NewRecorder()
	newHook(paddle).ServeHTTP(answer, request)
	fmt.Println(answer.Code)
	// Output: 401
}

// Any form at all.
func ExampleSigner_Sign() {
	signed := kanuutest.NewSigner().Sign("alert_name=new_audience_member")
	fmt.Println(strings.HasPrefix(signed, "alert_name=new_audience_member&p_signature="))
	// Output: true
}

// Fields replace what Paddle's reference has as a sample.
func ExampleWebhook() {
	paddle := kanuutest.NewSigner()
	hook := newHook(paddle)
	hook.On("subscription_payment_succeeded", func(_ context.Context, e kanuu.Event) error {
		fmt.Println(e.SaleGross(), e.Supplemental["campaign"])
		return nil
	})
	paddle.Post(hook, kanuutest.Webhook{
		AlertName:    "subscription_payment_succeeded",
		Identifier:   "42",
		Supplemental: map[string]string{"campaign": "spring"},
		Fields:       map[string]string{"sale_gross": "99.00"},
	})
	// Output:
	// subscription_payment_succeeded 42
	// 99.00 EUR spring
}
