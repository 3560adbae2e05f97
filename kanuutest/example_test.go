package kanuutest_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// ask calls the API about identifier 42 as a client would.
func ask(url string) (status, answer string) {
	body := strings.NewReader(`{"identifier":"42"}`)
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, body)
	if err != nil {
		return "", err.Error()
	}
	req.Header.Set("Authorization", "Bearer "+kanuutest.DefaultAPIKey)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", err.Error()
	}
	return resp.Status, strings.TrimSpace(string(b))
}

func ExampleNewServer() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	status, _ := ask(fake.URL + "/api/nonce")
	fmt.Println(status)
	for _, r := range fake.Requests() {
		fmt.Println(r.Method, r.Path, r.Identifier())
	}
	// Output:
	// 201 Created
	// POST /api/nonce 42
}

func ExampleNew() {
	// An app that brings its own Kanuu along while it is developed.
	mux := http.NewServeMux()
	mux.Handle("/fake/", http.StripPrefix("/fake", kanuutest.New(&kanuutest.Options{ReturnURL: "/account"})))
	app := httptest.NewServer(mux)
	defer app.Close()
	_, answer := ask(app.URL + "/fake/api/nonce")
	fmt.Println(strings.Contains(answer, app.URL+"/fake/manage/acme/"))
	// Output: true
}

func ExampleKanuu_Inject() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.Inject(kanuutest.Fault{Path: "/api/nonce", Times: 1, Status: http.StatusPaymentRequired})
	for range 2 {
		status, _ := ask(fake.URL + "/api/nonce")
		fmt.Println(status)
	}
	// Output:
	// 402 Payment Required
	// 201 Created
}

func ExampleKanuu_SetSubscription() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusTrialing, PlanID: 67, SubscriptionID: 9})
	_, answer := ask(fake.URL + "/api/subscription")
	fmt.Println(answer)
	// Output: {"is_trialing":true,"is_subscribed":true,"status":"trialing","plan_id":67,"subscription_id":9}
}

func ExampleKanuu_Advance() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{
		Status: kanuutest.StatusCanceled, PlanID: 67, SubscriptionID: 9, PaidUntil: fake.Now().AddDate(0, 0, 10),
	})
	for range 2 {
		_, answer := ask(fake.URL + "/api/subscription")
		fmt.Println(answer)
		fake.Advance(11 * 24 * time.Hour)
	}
	// Output:
	// {"is_trialing":false,"is_subscribed":true,"status":"canceled","plan_id":67,"subscription_id":9}
	// {"is_trialing":false,"is_subscribed":false,"status":"canceled","plan_id":67,"subscription_id":9}
}

func ExampleKanuu_SetWebhookURL() {
	// An application that hears of its customers' subscriptions.
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.PostFormValue("alert_name"), r.PostFormValue("status"))
	}))
	defer app.Close()

	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetWebhookURL(app.URL + "/webhooks/paddle") // which verifies with fake.PublicKey()
	if err := fake.Trigger("subscription_cancelled", "42"); err != nil {
		fmt.Println(err)
	}
	if err := fake.Settle(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(fake.Deliveries()[0].State)
	// Output:
	// subscription_cancelled deleted
	// delivered
}

func ExampleKanuu_ChaosOnce() {
	app := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.PostFormValue("alert_name"))
	}))
	defer app.Close()

	fake := kanuutest.NewServer(&kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{URL: app.URL}})
	defer fake.Close()
	fake.ChaosOnce(kanuutest.Chaos{Reorder: 1})
	for _, alert := range []string{"subscription_created", "subscription_updated"} {
		if err := fake.Trigger(alert, "42"); err != nil {
			fmt.Println(err)
		}
	}
	if err := fake.Settle(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// subscription_updated
	// subscription_created
}

func ExampleNewTLSServer() {
	fake := kanuutest.NewTLSServer(nil)
	defer fake.Close()

	// In a file, it is what SSL_CERT_FILE wants.
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: fake.Certificate().Raw})
	fmt.Println(strings.HasPrefix(fake.URL, "https://"), len(certificate) > 0)

	answer, err := fake.Client().Get(fake.URL + "/control/public-key.pem")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
	// Output:
	// true true
	// 200 OK
}
