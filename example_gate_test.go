package kanuu_test

import (
	"context"
	"fmt"
	"net/http"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var proPage = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Welcome to Pro.") })

// A page for subscribers. Others are sent to the billing page, and scripts get
// a 402.
func Example_gatedPage() {
	fake, client := newFake()
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})
	page := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subscription, _ := kanuu.SubscriptionFromContext(r.Context())
		fmt.Fprintf(w, "Welcome on plan %d.", subscription.PlanID)
	})
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: r.Header.Get("Test-User")}, nil
	})
	gated := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(who, page)

	fmt.Println(visit(gated, "/pro", "Test-User", "42").Body)
	fmt.Println(visit(gated, "/pro", "Test-User", "43").Header().Get("Location"))
	script := visit(gated, "/pro", "Test-User", "43", "Sec-Fetch-Mode", "cors")
	fmt.Println(script.Code, script.Header().Get("Content-Type"))
	// Output:
	// Welcome on plan 67.
	// /billing
	// 402 application/problem+json
}

// A page for two of the plans, and not for trials.
func Example_planGate() {
	fake, client := newFake()
	defer fake.Close()
	fake.SetSubscription("pro", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})
	fake.SetSubscription("trial", kanuutest.Subscription{Status: kanuutest.StatusTrialing, PlanID: 67})
	fake.SetSubscription("basic", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})
	gate := kanuu.NewGate(client, &kanuu.GateOptions{
		Plans: []int64{67, 68},
		Allow: func(subscription kanuu.Subscription) bool { return !subscription.IsTrialing },
	})
	for _, identifier := range []string{"pro", "trial", "basic"} {
		_, err := gate.Check(context.Background(), identifier)
		fmt.Println(identifier, err)
	}
	// Output:
	// pro <nil>
	// trial not subscribed to a plan that the gate admits
	// basic not subscribed to a plan that the gate admits
}

// A job that runs for subscribers has no request: it uses Check.
func Example_backgroundJob() {
	fake, client := newFake()
	defer fake.Close()
	fake.SetSubscription("team:7", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67})
	gate := kanuu.NewGate(client, nil)
	for _, identifier := range []string{"team:7", "team:8"} {
		subscription, err := gate.Check(context.Background(), identifier)
		fmt.Println(identifier, subscription.PlanID, err)
	}
	// Output:
	// team:7 67 <nil>
	// team:8 0 not subscribed
}

// The login page is told where the user was going.
func Example_loginReturn() {
	fake, client := newFake()
	defer fake.Close()
	gate := kanuu.NewGate(client, &kanuu.GateOptions{LoginURL: "/login", ReturnParam: "next"})
	gated := gate.Handler(kanuu.IdentifierResolverFunc(loggedOut), proPage)
	fmt.Println(visit(gated, "/pro?report=7").Header().Get("Location"))
	// Output: /login?next=%2Fpro%3Freport%3D7
}

// A user who was just told to subscribe comes back from the portal and gets in
// at once: opening the portal makes the next lookup ask Kanuu.
func Example_revalidateAfterPurchase() {
	fake, client := newFake()
	defer fake.Close()
	who := kanuu.IdentifierResolverFunc(loggedIn)
	gated := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(who, proPage)
	billing := kanuu.NewRedirectHandler(client, who, nil)

	fmt.Println(visit(gated, "/pro").Code)
	fmt.Println(visit(billing, "/billing").Code)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive}) // in the portal
	fmt.Println(visit(gated, "/pro").Code)
	// Output:
	// 303
	// 302
	// 200
}

// While Kanuu is down, known subscribers get in. Others get a 503, unless the
// application prefers to let them in unchecked.
func Example_outage() {
	fake, client := newFake()
	defer fake.Close()
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: r.Header.Get("Test-User")}, nil
	})
	strict := kanuu.NewGate(client, nil).Handler(who, proPage)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	fmt.Println(visit(strict, "/pro", "Test-User", "42").Code)
	fake.Inject(kanuutest.Fault{Status: http.StatusServiceUnavailable, Header: http.Header{"Retry-After": {"3600"}}})
	fmt.Println(visit(strict, "/pro", "Test-User", "42").Code, "subscriber")
	fmt.Println(visit(strict, "/pro", "Test-User", "43").Code, "unknown")
	// Output:
	// 200
	// 200 subscriber
	// 503 unknown
}
