package kanuutest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// hearing is a fake, and an application that answers its webhooks with 200.
func hearing() (fake *kanuutest.Server, end func()) {
	app := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	fake = kanuutest.NewServer(&kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{URL: app.URL + "/webhooks/paddle"}})
	return fake, func() {
		fake.Close()
		app.Close()
	}
}

// said triggers an alert and waits for what becomes of it.
func said(fake *kanuutest.Server) kanuutest.Delivery {
	if err := fake.Trigger("subscription_created", "42"); err != nil {
		panic(err)
	}
	if err := fake.Settle(context.Background()); err != nil {
		panic(err)
	}
	deliveries := fake.Deliveries()
	return deliveries[len(deliveries)-1]
}

func ExampleWebhookOptions() {
	fake, end := hearing()
	defer end()
	fmt.Println(strings.HasSuffix(fake.WebhookURL(), "/webhooks/paddle"))
	// Output: true
}

func ExampleKanuu_WebhookURL() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fmt.Printf("%q\n", fake.WebhookURL())
	fake.SetWebhookURL("http://localhost:8080/webhooks/paddle")
	fmt.Printf("%q\n", fake.WebhookURL())
	// Output:
	// ""
	// "http://localhost:8080/webhooks/paddle"
}

func ExampleKanuu_Trigger() {
	fake, end := hearing()
	defer end()
	delivery := said(fake)
	fmt.Println(delivery.AlertName, delivery.Identifier)
	// Output: subscription_created 42
}

func ExampleKanuu_Settle() {
	fake, end := hearing()
	defer end()
	fmt.Println(fake.Settle(context.Background()))
	// Output: <nil>
}

func ExampleKanuu_Deliveries() {
	fake, end := hearing()
	defer end()
	said(fake)
	for _, delivery := range fake.Deliveries() {
		fmt.Println(delivery.AlertName, delivery.State)
	}
	// Output: subscription_created delivered
}

func ExampleDelivery() {
	fake, end := hearing()
	defer end()
	delivery := said(fake)
	fmt.Println(delivery.State, delivery.Status, delivery.Tries)
	// Output: delivered 200 1
}

// Without a URL, webhooks stay where they are.
func ExampleDeliveryState() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fmt.Println(said(fake).State == kanuutest.DeliveryUnsent)
	fmt.Println(kanuutest.DeliveryWaiting, kanuutest.DeliveryDelivered, kanuutest.DeliveryFailed, kanuutest.DeliveryLost)
	// Output:
	// true
	// waiting delivered failed lost
}

func ExampleKanuu_Resend() {
	fake, end := hearing()
	defer end()
	if err := fake.Resend(said(fake).AlertID); err != nil {
		panic(err)
	}
	fmt.Println(fake.Settle(context.Background()), fake.Deliveries()[0].Tries)
	// Output: <nil> 2
}

func ExampleKanuu_PublicKey() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fmt.Println(strings.HasPrefix(fake.PublicKey(), "-----BEGIN PUBLIC KEY-----"))
	// Output: true
}

func ExampleKanuu_Close() {
	fake := kanuutest.New(nil) // mounted in a server of one's own
	fake.Close()
	fmt.Println(fake.Deliveries())
	// Output: []
}

func ExampleAlertNames() {
	fmt.Println(strings.Join(kanuutest.AlertNames()[:2], ", "))
	// Output: subscription_created, subscription_updated
}

func ExampleDefaultBackoff() {
	fmt.Println(len(kanuutest.DefaultBackoff()) > 0)
	// Output: true
}

func ExampleNewCertificate() {
	fmt.Println(kanuutest.NewCertificate("kanuu.test").Leaf.DNSNames)
	// Output: [localhost kanuu.test]
}

func ExampleServer_Client() {
	fake := kanuutest.NewTLSServer(nil)
	defer fake.Close()
	answer, err := fake.Client().Get(fake.URL)
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Proto)
	// Output: HTTP/2.0
}

func ExampleServer_Certificate() {
	fake := kanuutest.NewTLSServer(nil)
	defer fake.Close()
	fmt.Println(fake.Certificate().VerifyHostname("127.0.0.1"))
	// Output: <nil>
}

func ExampleChaos() {
	text, err := json.Marshal(kanuutest.Chaos{Duplicate: 0.5, Delay: 90 * time.Second})
	if err != nil {
		panic(err)
	}
	var chaos kanuutest.Chaos
	fmt.Println(json.Unmarshal(text, &chaos), chaos.Duplicate, chaos.Delay)
	// Output: <nil> 0.5 1m30s
}

func ExampleKanuu_SetChaos() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetChaos(kanuutest.Chaos{Lose: 0.1})
	fmt.Println(fake.Chaos().Lose)
	// Output: 0.1
}

func ExampleKanuu_Chaos() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fmt.Println(fake.Chaos() == kanuutest.Chaos{})
	// Output: true
}

func ExampleKanuu_Faults() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.Inject(kanuutest.Fault{Status: http.StatusServiceUnavailable})
	fmt.Println(len(fake.Faults()), fake.Faults()[0].Status)
	// Output: 1 503
}

func ExampleKanuu_Now() {
	start := time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)
	fake := kanuutest.NewServer(&kanuutest.Options{Now: func() time.Time { return start }})
	defer fake.Close()
	fake.Advance(24 * time.Hour)
	fmt.Println(fake.Now().Format(time.DateOnly))
	// Output: 2026-11-02
}

func ExampleKanuu_State() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})
	for _, customer := range fake.State().Customers {
		fmt.Println(customer.Identifier, customer.Status, customer.Plan)
	}
	// Output: 42 active Pro
}

func ExampleState() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	state := fake.State()
	fmt.Println(state.Plans[0].Name, state.Plans[0].Price, len(state.Deliveries), len(state.Calls))
	// Output: Basic 9.00 0 0
}
