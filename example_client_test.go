package kanuu_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// fakeKanuu is a fake Kanuu and a client of it, for the examples.
func fakeKanuu() (*kanuutest.Server, *kanuu.Client) {
	box := kanuutest.NewServer(nil)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}
	return box, client
}

// What can go wrong is told apart with errors.Is, and HTTPStatus has the status
// that the customer gets for each.
func Example_errors() {
	for _, err := range []error{
		kanuu.ErrUnauthenticated, kanuu.ErrNotSubscribed, kanuu.ErrForbidden, kanuu.ErrCrossOrigin, kanuu.ErrMethodNotAllowed,
		kanuu.ErrInvalidIdentity,
		kanuu.ErrInvalidAPIKey, kanuu.ErrValidation, kanuu.ErrUnexpectedResponse,
		kanuu.ErrPaymentRequired, kanuu.ErrRateLimited, kanuu.ErrUnavailable,
	} {
		fmt.Println(kanuu.HTTPStatus(err), err)
	}
	// Output:
	// 401 nobody is logged in
	// 402 not subscribed
	// 403 not allowed to manage this subscription
	// 403 cross-origin request refused
	// 405 method not allowed
	// 500 identity is not valid
	// 502 the API key was refused
	// 502 the data was refused
	// 502 unexpected answer
	// 503 the seller's Kanuu account needs a subscription
	// 503 too many calls
	// 503 Kanuu is unavailable
}

// The defaults have names, for programs that show or change them.
func Example_defaults() {
	fmt.Println("kanuu-go talks to", kanuu.DefaultBaseURL, "unless", kanuu.EnvBaseURL, "is set")
	fmt.Println("a call:", kanuu.DefaultTimeout, "of which each attempt may take", kanuu.DefaultAttemptTimeout)
	fmt.Println("a webhook:", kanuu.DefaultWebhookTimeout, "and the last", kanuu.DefaultRememberedAlerts, "are remembered")
	fmt.Println("an identity:", kanuu.MaxSupplemental, "supplemental entries of", kanuu.MaxSupplementalValue, "characters")
	fmt.Println("a version:", kanuu.Version != "")
	// Output:
	// kanuu-go talks to https://kanuu.io unless KANUU_BASE_URL is set
	// a call: 10s of which each attempt may take 5s
	// a webhook: 4s and the last 10000 are remembered
	// an identity: 16 supplemental entries of 64 characters
	// a version: true
}

// One client for the whole program.
func ExampleClient() {
	box := kanuutest.NewServer(nil) // in place of Kanuu
	defer box.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}
	defer client.CloseIdleConnections()

	subscription, err := client.Subscription(context.Background(), "42")
	fmt.Println(subscription.IsSubscribed, err)
	fmt.Println(strings.Contains(fmt.Sprintf("%+v", client), kanuutest.DefaultAPIKey))
	// Output:
	// false <nil>
	// false
}

// A program that drops a client, such as a test, lets go of its connections.
func ExampleClient_CloseIdleConnections() {
	box, client := fakeKanuu()
	defer box.Close()
	_, err := client.FetchSubscription(context.Background(), "42")
	client.CloseIdleConnections()
	fmt.Println(client.Stats().Attempts, err)
	// Output: 1 <nil>
}

// What nobody has to know in a hurry can be asked of Kanuu itself.
func ExampleClient_FetchSubscription() {
	box, client := fakeKanuu()
	defer box.Close()
	for _, status := range []string{kanuutest.StatusTrialing, kanuutest.StatusActive} {
		box.SetSubscription("42", kanuutest.Subscription{Status: status})
		subscription, err := client.FetchSubscription(context.Background(), "42")
		fmt.Println(subscription.Status, err)
	}
	// Output:
	// trialing <nil>
	// active <nil>
}

// A job that changes a subscription at Paddle tells the cache.
func ExampleClient_ForgetSubscription() {
	box, client := fakeKanuu()
	defer box.Close()

	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 1})

	show := func() {
		subscription, err := client.Subscription(context.Background(), "42")
		fmt.Println("plan", subscription.PlanID, err)
	}

	show()

	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 2}) // the job

	show()
	if err := client.ForgetSubscription(context.Background(), "42"); err != nil {
		panic(err)
	}
	show()
	// Output:
	// plan 1 <nil>
	// plan 1 <nil>
	// plan 2 <nil>
}

func ExampleClient_Stats() {
	box, client := fakeKanuu()
	defer box.Close()
	box.Inject(kanuutest.Fault{Times: 1, Status: http.StatusServiceUnavailable})
	_, err := client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	stats := client.Stats()
	fmt.Println(err, stats.Nonces, stats.Attempts, stats.Retries, stats.Failures, stats.Breaker)
	// Output: <nil> 1 2 1 0 closed
}

// A page of numbers, for expvar or anything else that takes JSON.
func ExampleStats() {
	box, client := fakeKanuu()
	defer box.Close()
	page, err := json.MarshalIndent(client.Stats().Cache, "", "  ")
	fmt.Println(string(page), err)
	// Output:
	// {
	//   "hits": 0,
	//   "misses": 0,
	//   "refreshes": 0,
	//   "failures": 0,
	//   "entries": 0
	// } <nil>
}

// tracer stands in for one that traces.
type tracer struct{ http.RoundTripper }

func (t tracer) RoundTrip(r *http.Request) (*http.Response, error) {
	fmt.Println(r.Method, r.URL.Path) //nolint:forbidigo // the output of the example
	return t.RoundTripper.RoundTrip(r)
}

// A transport that traces wraps the one that suits Kanuu.
func ExampleNewTransport() {
	box := kanuutest.NewServer(nil)
	defer box.Close()
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL,
		HTTPClient: &http.Client{Transport: tracer{kanuu.NewTransport()}},
	})
	if err != nil {
		panic(err)
	}
	_, err = client.FetchSubscription(context.Background(), "42")
	fmt.Println(err)
	// Output:
	// POST /api/subscription
	// <nil>
}

// Visits that got no nonce are counted by the reason.
func ExampleRefused() {
	box, client := fakeKanuu()
	defer box.Close()

	billing := kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{}, kanuu.ErrUnauthenticated
	}), nil)

	visit(billing, http.MethodGet, nil)
	visit(billing, http.MethodGet, map[string]string{"Sec-Purpose": "prefetch"})
	visit(billing, http.MethodGet, map[string]string{"Sec-Fetch-Dest": "image"})

	fmt.Printf("%+v\n", client.Stats().Refused)
	// Output: {Speculative:1 Embedded:1 Head:0 Method:0 CrossOrigin:0 Unauthenticated:1 Forbidden:0}
}

// However a config is printed or logged, its key stays hidden.
func ExampleConfig() {
	config := kanuu.Config{
		APIKey:  "your-key",
		BaseURL: "http://127.0.0.1:8080/fake", // plain http on this machine alone
		Logger:  slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Timeout: 3 * time.Second,
	}
	fmt.Printf("%+v\n", config)
	_, err := kanuu.NewClient(config)
	fmt.Println(err)
	// Output:
	// kanuu.Config{APIKey: [redacted], BaseURL: "http://127.0.0.1:8080/fake", Timeout: 3s, AttemptTimeout: 0s}
	// <nil>
}

// Every problem comes at once, each with its remedy.
func ExampleConfigError() {
	_, err := kanuu.NewClient(kanuu.Config{APIKey: "Bearer your-key", BaseURL: "kanuu.io", Timeout: -time.Second})
	if invalid, ok := errors.AsType[*kanuu.ConfigError](err); ok {
		for _, problem := range invalid.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// APIKey starts with "Bearer ": leave that word out, the client adds it
	// BaseURL is not an absolute URL: write it like https://kanuu.io
	// Timeout is negative: leave it 0 for the default of 10s
}

// To show somebody the way by yourself, take the fields. A nonce that is only
// printed stays hidden.
func ExampleNonce() {
	box, client := fakeKanuu()
	defer box.Close()

	nonce, err := client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	if err != nil {
		panic(err)
	}
	answer, err := json.Marshal(nonce)
	fmt.Println(string(answer), err)
	fmt.Println(strings.HasPrefix(nonce.URL, box.URL+"/manage/acme/"), strings.HasSuffix(nonce.URL, nonce.Value))
	// Output:
	// "kanuu.Nonce{Value: [redacted], URL: [redacted]}" <nil>
	// true true
}

// A team whose owner pays, and what should come back with its webhooks.
func ExampleIdentity() {
	identity := kanuu.Identity{
		Identifier:   "team:7", // beside "user:42"
		Email:        "owner@example.com",
		Supplemental: map[string]string{"campaign": "spring"},
	}
	fmt.Println(identity.Validate())
	// Output: <nil>
}

func ExampleIdentityError() {
	err := kanuu.Identity{
		Identifier:   " ",
		Supplemental: map[string]string{"kanuu": "42", "note": strings.Repeat("x", kanuu.MaxSupplementalValue+1)},
	}.Validate()
	if invalid, ok := errors.AsType[*kanuu.IdentityError](err); ok {
		fmt.Println(strings.Join(invalid.Problems, "\n"))
	}
	// Output:
	// Identifier is empty
	// Supplemental["kanuu"] is taken: Kanuu keeps the identifier under it
	// Supplemental["note"] has 65 characters, at most 64 are allowed
}

// What the customer has.
func ExampleSubscription() {
	box, client := fakeKanuu()
	defer box.Close()

	box.SetSubscription("42", kanuutest.Subscription{
		Status: "past_due", PlanID: 12345, SubscriptionID: 67890, PaidUntil: time.Now().Add(time.Hour),
	})

	subscription, err := client.Subscription(context.Background(), "42")
	if err != nil {
		panic(err)
	}
	fmt.Println(subscription.IsSubscribed, subscription.IsTrialing)
	fmt.Println(subscription.Status, subscription.StatusText, subscription.PlanID, subscription.SubscriptionID)
	// Output:
	// true false
	// past-due past_due 12345 67890
}

// Who cancelled stays in until the date that was paid for; a page can say so.
func ExampleSubscription_OnGracePeriod() {
	for _, subscription := range []kanuu.Subscription{
		{IsSubscribed: true, Status: kanuu.StatusActive},
		{IsSubscribed: true, Status: kanuu.StatusCanceled},
		{IsSubscribed: false, Status: kanuu.StatusCanceled},
	} {
		fmt.Println(subscription.Status, subscription.OnGracePeriod())
	}
	// Output:
	// active false
	// canceled true
	// canceled false
}

// A status is for display. Decide by Subscription.IsSubscribed.
func ExampleStatus() {
	label := func(status kanuu.Status) string {
		switch status {
		case kanuu.StatusTrialing:
			return "Trial"
		case kanuu.StatusActive:
			return "Active"
		case kanuu.StatusPastDue:
			return "Payment overdue"
		case kanuu.StatusPaused:
			return "Paused"
		case kanuu.StatusCanceled:
			return "Canceled"
		default:
			return "No subscription"
		}
	}
	fmt.Println(label(kanuu.ParseStatus("past_due")), label(kanuu.ParseStatus("deleted")), label(""))
	// Output: Payment overdue Canceled No subscription
}
