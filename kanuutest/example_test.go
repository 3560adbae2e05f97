package kanuutest_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newClient is that of the application under test.
func newClient(baseURL string) *kanuu.Client {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: baseURL})
	if err != nil {
		panic(err)
	}
	return client
}

// Test that the billing page of an application leads to the portal.
func Example() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42", Email: "ann@example.com"}, nil
	})
	app := kanuu.NewRedirectHandler(newClient(fake.URL), who, nil) // the application

	response := httptest.NewRecorder()
	app.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/billing", nil))
	fmt.Println(response.Code, strings.HasPrefix(response.Header().Get("Location"), fake.URL))
	for _, request := range fake.Requests() {
		fmt.Println(request.Method, request.Path, string(request.Body))
	}
	// Output:
	// 302 true
	// POST /api/nonce {"identifier":"42","email":"ann@example.com"}
}

// Test each state of a subscription.
func Example_subscriptionStates() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	for _, subscription := range []kanuutest.Subscription{
		{Status: kanuutest.StatusActive, PlanID: 67},
		{Status: kanuutest.StatusCanceled, PaidUntil: time.Now().Add(time.Hour)},
		{Status: kanuutest.StatusPastDue},
	} {
		fake.SetSubscription("42", subscription)
		got, err := newClient(fake.URL).Subscription(context.Background(), "42")
		fmt.Println(got.Status, got.IsSubscribed, err)
	}
	// Output:
	// active true <nil>
	// canceled true <nil>
	// past-due true <nil>
}

// Test what happens when the paid time is over.
func Example_clock() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{
		Status: kanuutest.StatusCanceled, PlanID: 67, PaidUntil: fake.Now().AddDate(0, 0, 10),
	})
	for range 2 {
		subscription, err := newClient(fake.URL).Subscription(context.Background(), "42")
		fmt.Println(subscription.IsSubscribed, err)
		fake.Advance(11 * 24 * time.Hour)
	}
	// Output:
	// true <nil>
	// false <nil>
}

// Test what an application does while Kanuu is down, and afterwards. It takes no
// time: the client does not wait for a Kanuu that asks for a minute.
func Example_outage() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	client := newClient(fake.URL)
	fake.GoDown()
	_, err := client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	fmt.Println(err)
	fake.Recover()
	_, err = client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	fmt.Println(err)
	// Output:
	// kanuu: create nonce: Kanuu is unavailable (Kanuu responded 503)
	// <nil>
}

// newShop is an application: a link to the portal, a gated page and a handler of
// webhooks, all for the user 42.
func newShop(fake *kanuutest.Server) *httptest.Server {
	client := newClient(fake.URL)
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	})
	webhooks, err := kanuu.NewWebhookHandler(client, fake.PublicKey(), nil)
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, nil))
	mux.Handle("/pro", kanuu.NewGate(client, nil).Handler(who, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "Welcome to Pro")
	})))
	mux.Handle("/webhooks/paddle", webhooks)
	return httptest.NewServer(mux)
}

// get requests a page of the application, and follows no redirect.
func get(url string) (status int, location string) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		panic(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		panic(err)
	}
	response.Body.Close()
	return response.StatusCode, response.Header.Get("Location")
}

func status(url string) int {
	status, _ := get(url)
	return status
}

// Test a customer's whole way: from the billing link to a paid page, and out
// again.
func Example_customer() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	shop := newShop(fake) // the application
	defer shop.Close()
	fake.SetWebhookURL(shop.URL + "/webhooks/paddle")

	_, portal := get(shop.URL + "/billing")
	customer, err := fake.Open(portal) // as a browser follows the redirect
	fmt.Println(customer.Identifier(), err)
	fmt.Println(status(shop.URL + "/pro"))
	fmt.Println(customer.Subscribe(67), status(shop.URL+"/pro"))
	fmt.Println(customer.Cancel(), status(shop.URL+"/pro")) // until the end of the month
	fmt.Println(customer.SkipToNextDate(), fake.State().Customers[0].IsSubscribed)
	// Output:
	// 42 <nil>
	// 402
	// <nil> 200
	// <nil> 200
	// <nil> false
}

// Test a handler of webhooks without a server.
func Example_webhook() {
	paddle := kanuutest.NewSigner()
	webhooks, err := kanuu.NewWebhookHandler(newClient(""), paddle.PublicKey(), nil) // the application
	if err != nil {
		panic(err)
	}
	webhooks.On("subscription_payment_succeeded", func(_ context.Context, e kanuu.Event) error {
		fmt.Println(e.Identifier, e.SaleGross(), e.Supplemental["campaign"])
		return nil
	})

	response := paddle.Post(webhooks, kanuutest.Webhook{
		AlertName:    "subscription_payment_succeeded",
		Identifier:   "42",
		Supplemental: map[string]string{"campaign": "spring"},
		Fields:       map[string]string{"sale_gross": "99.00"}, // in place of the sample's
	})
	fmt.Println(response.StatusCode, response.Body)
	// Output:
	// 42 99.00 EUR spring
	// 200 OK
}

// Test that a forged webhook is refused.
func Example_forgedWebhook() {
	paddle := kanuutest.NewSigner()
	webhooks, err := kanuu.NewWebhookHandler(newClient(""), paddle.PublicKey(), nil)
	if err != nil {
		panic(err)
	}
	forged := strings.Replace(paddle.Body(kanuutest.Webhook{Identifier: "42"}), "42", "43", 1)

	response := httptest.NewRecorder()
	webhooks.ServeHTTP(response, httptest.NewRequest(http.MethodPost, "/webhooks/paddle", strings.NewReader(forged)))
	fmt.Println(response.Code)
	// Output: 401
}

// newApp is an application that prints the webhooks it receives.
func newApp() *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		fmt.Println(r.PostFormValue("alert_name"), r.PostFormValue("status")) //nolint:forbidigo // the output of the examples
	}))
}

// The fake sends webhooks to a running application, and records what became of
// them.
func Example_delivery() {
	app := newApp()
	defer app.Close()
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetWebhookURL(app.URL + "/webhooks/paddle") // which verifies with fake.PublicKey()
	if err := fake.Trigger("subscription_cancelled", "42"); err != nil {
		panic(err)
	}
	if err := fake.Settle(context.Background()); err != nil { // waits until it was delivered
		panic(err)
	}
	delivery := fake.Deliveries()[0]
	fmt.Println(delivery.AlertName, delivery.State, delivery.Status, delivery.Tries)
	// Output:
	// subscription_cancelled deleted
	// subscription_cancelled delivered 200 1
}

// Test that an application copes with webhooks in the wrong order.
func Example_chaos() {
	app := newApp()
	defer app.Close()
	fake := kanuutest.NewServer(&kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{URL: app.URL}})
	defer fake.Close()
	fake.ChaosOnce(kanuutest.Chaos{Reorder: 1})
	for _, alert := range []string{"subscription_created", "subscription_cancelled"} {
		if err := fake.Trigger(alert, "42"); err != nil {
			panic(err)
		}
	}
	if err := fake.Settle(context.Background()); err != nil {
		panic(err)
	}
	// Output:
	// subscription_cancelled deleted
	// subscription_created active
}

// An application that brings its own Kanuu along while it is developed, with
// plans of its own.
func Example_mount() {
	fake := kanuutest.New(&kanuutest.Options{
		ReturnURL: "/account",
		Plans:     []kanuutest.Plan{{ID: 1, Name: "Gold", Price: "99.00", Currency: "EUR", Yearly: true}},
	})
	mux := http.NewServeMux()
	mux.Handle("/fake/", http.StripPrefix("/fake", fake))
	app := httptest.NewServer(mux)
	defer app.Close()

	nonce, err := newClient(app.URL+"/fake").CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	if err != nil {
		panic(err)
	}
	portal := httptest.NewRecorder()
	mux.ServeHTTP(portal, httptest.NewRequest(http.MethodGet, nonce.URL, nil))
	fmt.Println(portal.Code, strings.Contains(portal.Body.String(), "Subscribe to Gold"))
	// Output: 200 true
}

// A fake over HTTPS, for applications that run as a program of their own.
func Example_tls() {
	fake := kanuutest.NewTLSServer(nil)
	defer fake.Close()

	// In a file, it is what SSL_CERT_FILE wants.
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: fake.Certificate().Raw})
	fmt.Println(strings.HasPrefix(fake.URL, "https://"), len(certificate) > 0)

	response, err := fake.Client().Get(fake.URL + "/control/public-key.pem")
	if err != nil {
		panic(err)
	}
	defer response.Body.Close()
	fmt.Println(response.Proto, response.StatusCode)
	// Output:
	// true true
	// HTTP/2.0 200
}
