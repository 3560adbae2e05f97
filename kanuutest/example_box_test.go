package kanuutest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// client is one of the application under test.
func client(fake *kanuutest.Server) *kanuu.Client {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		panic(err)
	}
	return client
}

// A test of an application: who is not subscribed gets to the portal.
func Example() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	})
	app := kanuu.NewRedirectHandler(client(fake), who, nil) // the application

	answer := httptest.NewRecorder()
	app.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/billing", nil))

	fmt.Println(answer.Code, fake.Requests()[0].Identifier())
	// Output: 302 42
}

// What a nil or empty option stands for.
func Example_defaults() {
	fmt.Println(kanuutest.DefaultAPIKey, kanuutest.DefaultTeam, kanuutest.DefaultReturnURL)
	// Output: kanuu-test-key acme /
}

func ExampleServer() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	status, _ := ask(fake.URL + "/api/subscription")
	fmt.Println(status, strings.HasPrefix(fake.URL, "http://127.0.0.1:"))
	// Output: 200 OK true
}

// After Close, Kanuu is out of reach.
func ExampleServer_Close() {
	fake := kanuutest.NewServer(nil)
	fake.Close()
	_, err := http.Get(fake.URL) //nolint:bodyclose // there is none
	fmt.Println(err != nil, len(fake.Requests()))
	// Output: true 0
}

func ExampleOptions() {
	fake := kanuutest.NewServer(&kanuutest.Options{
		APIKey: "another-key",
		Team:   "globex",
		Plans:  []kanuutest.Plan{{ID: 1, Name: "Gold", Price: "99.00", Currency: "EUR", Yearly: true}},
	})
	defer fake.Close()
	fmt.Println(ask(fake.URL + "/api/nonce")) // with the default key
	// Output: 401 Unauthorized {"message":"Unauthenticated."}
}

// What the portal sells.
func ExamplePlan() {
	fake := kanuutest.NewServer(&kanuutest.Options{
		Plans: []kanuutest.Plan{{ID: 1, Name: "Gold", Price: "99.00", Currency: "EUR", Yearly: true}},
	})
	defer fake.Close()

	nonce, err := client(fake).CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	if err != nil {
		panic(err)
	}
	portal := httptest.NewRecorder()
	fake.ServeHTTP(portal, httptest.NewRequest(http.MethodGet, nonce.URL, nil))
	fmt.Println(portal.Code, strings.Contains(portal.Body.String(), "Gold"))
	// Output: 200 true
}

func ExampleKanuu() {
	fake := kanuutest.New(nil) // a handler, without a listener

	request := httptest.NewRequest(http.MethodPost, "/api/subscription", strings.NewReader(`{"identifier":"42"}`))
	request.Header.Set("Authorization", "Bearer "+kanuutest.DefaultAPIKey)
	request.Header.Set("Content-Type", "application/json")

	answer := httptest.NewRecorder()
	fake.ServeHTTP(answer, request)
	fmt.Println(answer.Code, fake.Requests()[0].Path)
	// Output: 200 /api/subscription
}

func ExampleKanuu_Requests() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	_, err := client(fake).CreateNonce(context.Background(), kanuu.Identity{Identifier: "42", Email: "ann@example.com"})
	if err != nil {
		panic(err)
	}
	for _, request := range fake.Requests() {
		fmt.Println(request.Method, request.Path, string(request.Body))
	}
	// Output: POST /api/nonce {"identifier":"42","email":"ann@example.com"}
}

func ExampleRequest() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	_, _ = ask(fake.URL + "/api/nonce")
	request := fake.Requests()[0]
	fmt.Println(request.Path, request.Header.Get("Content-Type"))
	// Output: /api/nonce application/json
}

func ExampleRequest_Identifier() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	_, _ = ask(fake.URL + "/api/subscription")
	fmt.Println(fake.Requests()[0].Identifier())
	// Output: 42
}

func ExampleKanuu_Reset() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	_, _ = ask(fake.URL + "/api/subscription")
	fake.Reset()
	fmt.Println(len(fake.Requests()), fake.Subscription("42").Status)
	// Output: 0 active
}

// Kanuu is down, and then it is back.
func ExampleKanuu_Recover() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	fake.Inject(kanuutest.Fault{Status: http.StatusServiceUnavailable})

	down, _ := ask(fake.URL + "/api/nonce")

	fake.Recover()

	up, _ := ask(fake.URL + "/api/nonce")

	fmt.Println(down)
	fmt.Println(up)
	// Output:
	// 503 Service Unavailable
	// 201 Created
}

// Things that go wrong, one after the other.
func ExampleFault() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fake.Inject(kanuutest.Fault{Times: 1, Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"1"}}})
	fake.Inject(kanuutest.Fault{Times: 1, Delay: time.Millisecond, Body: "<h1>Bad gateway</h1>"})
	for range 3 {
		fmt.Println(ask(fake.URL + "/api/subscription"))
	}
	// Output:
	// 429 Too Many Requests {"message":"Too Many Attempts."}
	// 200 OK <h1>Bad gateway</h1>
	// 200 OK {"is_trialing":false,"is_subscribed":false,"status":null,"plan_id":null,"subscription_id":null}
}

// Where customers go who are done.
func ExampleKanuu_SetReturnURL() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	fake.SetReturnURL("http://localhost:8080/account")

	nonce, err := client(fake).CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	if err != nil {
		panic(err)
	}
	portal := httptest.NewRecorder()
	fake.ServeHTTP(portal, httptest.NewRequest(http.MethodGet, nonce.URL, nil))
	fmt.Println(strings.Contains(portal.Body.String(), "http://localhost:8080/account"))
	// Output: true
}

// What somebody clicked in the portal can be seen.
func ExampleKanuu_Subscription() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	fmt.Println(fake.Subscription("42") == kanuutest.Subscription{}) // never subscribed
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusPaused, PlanID: 67})
	fmt.Println(fake.Subscription("42").Status, fake.Subscription("42").PlanID)
	// Output:
	// true
	// paused 67
}

// Who still gets in: what is running, and what was paid for.
func ExampleSubscription() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	for _, subscription := range []kanuutest.Subscription{
		{Status: kanuutest.StatusActive},
		{Status: kanuutest.StatusCanceled, PaidUntil: time.Now().Add(time.Hour)},
		{Status: kanuutest.StatusPastDue},
	} {
		fake.SetSubscription("42", subscription)
		got, err := client(fake).FetchSubscription(context.Background(), "42")
		fmt.Println(got.Status, got.IsSubscribed, err)
	}
	// Output:
	// active true <nil>
	// canceled true <nil>
	// past-due false <nil>
}
