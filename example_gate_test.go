package kanuu_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var pro = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Welcome to Pro.") })

// Two plans, and no trials.
func ExampleNewGate() {
	box, client := fakeKanuu()
	defer box.Close()
	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusTrialing, PlanID: 12345})
	gate := kanuu.NewGate(client, &kanuu.GateOptions{
		Plans: []int64{12345, 67},
		Allow: func(subscription kanuu.Subscription) bool { return !subscription.IsTrialing },
	})
	_, err := gate.Check(context.Background(), "42")
	fmt.Println(err)
	// Output: not subscribed
}

// Where there is no request, such as in a job.
func ExampleGate_Check() {
	box, client := fakeKanuu()
	defer box.Close()
	box.SetSubscription("team:7", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})
	gate := kanuu.NewGate(client, nil)
	for _, identifier := range []string{"team:7", "team:8"} {
		subscription, err := gate.Check(context.Background(), identifier)
		fmt.Println(identifier, subscription.PlanID, err)
	}
	// Output:
	// team:7 12345 <nil>
	// team:8 0 not subscribed
}

func ExampleGate_Handler() {
	box, client := fakeKanuu()
	defer box.Close()

	handler := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(onlyAnn{}, pro)

	answer := visit(handler, http.MethodGet, nil)
	fmt.Println(answer.Code, answer.Header().Get("Location"))

	script := visit(handler, http.MethodGet, map[string]string{"Sec-Fetch-Mode": "cors"})
	fmt.Println(script.Code, script.Body)
	// Output:
	// 303 /billing
	// 402 {"title":"Payment Required","status":402,"detail":"This is for subscribers."}
}

// An application that would rather lose a sale than annoy a subscriber.
func ExampleGateOptions() {
	box, client := fakeKanuu()
	defer box.Close()

	box.Inject(kanuutest.Fault{Status: http.StatusServiceUnavailable})

	strict := kanuu.NewGate(client, nil)
	lenient := kanuu.NewGate(client, &kanuu.GateOptions{LetAnybodyInDuringOutages: true})

	fmt.Println(visit(strict.Handler(onlyAnn{}, pro), http.MethodGet, nil).Code)
	fmt.Println(visit(lenient.Handler(onlyAnn{}, pro), http.MethodGet, nil).Code)
	// Output:
	// 503
	// 200
}

// A middleware of a framework with a context of its own.
func ExamplePassGate() {
	box, client := fakeKanuu()
	defer box.Close()
	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	gate := kanuu.NewGate(client, nil)
	middleware := func(next func(*frameworkContext)) func(*frameworkContext) {
		return func(c *frameworkContext) {
			admitted, err := kanuu.PassGate(gate, c.response, c.request, (*frameworkContext).identity, c)
			if admitted == nil {
				fmt.Println("answered already:", err)
				return
			}
			c.request = admitted // its context has the subscription
			next(c)
		}
	}
	for _, user := range []string{"42", "43"} {
		c := &frameworkContext{httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/pro", nil), user}
		middleware(func(*frameworkContext) { fmt.Println("Welcome to Pro.") })(c)
	}
	// Output:
	// Welcome to Pro.
	// answered already: not subscribed
}

func ExampleSubscriptionFromContext() {
	box, client := fakeKanuu()
	defer box.Close()
	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subscription, ok := kanuu.SubscriptionFromContext(r.Context())
		fmt.Fprint(w, subscription.PlanID, ok)
	})
	fmt.Println(visit(kanuu.NewGate(client, nil).Handler(onlyAnn{}, page), http.MethodGet, nil).Body)
	fmt.Println(visit(page, http.MethodGet, nil).Body) // no gate
	// Output:
	// 67 true
	// 0 false
}

// What became of those whom a gate did not let in.
func ExampleGateStats() {
	box, client := fakeKanuu()
	defer box.Close()
	visit(kanuu.NewGate(client, nil).Handler(onlyAnn{}, pro), http.MethodGet, nil) // she has not paid
	fmt.Printf("%+v\n", client.Stats().Gate)
	// Output: {NotSubscribed:1 Unauthenticated:0 Forbidden:0 Failed:0 Unchecked:0}
}
