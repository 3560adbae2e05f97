package kanuu_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// A whole application: a link to the portal, a paid page and a webhook endpoint.
func Example() {
	fake := kanuutest.NewServer(nil) // a fake Kanuu; leave BaseURL out for the real one
	defer fake.Close()
	paddle := kanuutest.NewSigner() // signs webhooks as Paddle does

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		panic(err)
	}
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		user := r.Header.Get("Test-User") // your session
		if user == "" {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user}, nil
	})
	pro := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "Welcome to Pro.") })
	webhooks, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), nil) // os.Getenv("PADDLE_PUBLIC_KEY")
	if err != nil {
		panic(err)
	}
	webhooks.On("subscription_created", func(_ context.Context, e kanuu.Event) error {
		fmt.Println("new subscription of", e.Identifier)
		return nil
	})

	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login"}))
	mux.Handle("/pro", kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(who, pro))
	mux.Handle("/webhooks/paddle", webhooks)

	visit := func(path, user string) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		request.Header.Set("Test-User", user)
		response := httptest.NewRecorder()
		mux.ServeHTTP(response, request)
		return response
	}
	fmt.Println(visit("/billing", "").Header().Get("Location"))
	fmt.Println(strings.HasPrefix(visit("/billing", "42").Header().Get("Location"), fake.URL+"/manage/acme/"))
	fmt.Println(visit("/pro", "42").Header().Get("Location"))
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	fmt.Println(paddle.Post(mux, kanuutest.Webhook{AlertName: "subscription_created", Identifier: "42"}).StatusCode)
	fmt.Println(visit("/pro", "42").Body)
	// Output:
	// /login
	// true
	// /billing
	// new subscription of 42
	// 200
	// Welcome to Pro.
}

// The other examples use these: a fake Kanuu with its client, a session, a visit.

func newFake() (*kanuutest.Server, *kanuu.Client) {
	fake := kanuutest.NewServer(nil)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		panic(err)
	}
	return fake, client
}

// loggedIn is the session of user 42.
func loggedIn(*http.Request) (kanuu.Identity, error) { return kanuu.Identity{Identifier: "42"}, nil }

// loggedOut is a session without a user.
func loggedOut(*http.Request) (kanuu.Identity, error) {
	return kanuu.Identity{}, kanuu.ErrUnauthenticated
}

// visit requests path by GET with pairs of header names and values.
func visit(handler http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1]) //nolint:gosec // they are pairs
	}
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	return response
}

// A client for the key in KANUU_API_KEY and the address in KANUU_BASE_URL.
func Example_environment() {
	_ = os.Unsetenv(kanuu.EnvAPIKey)
	_, err := kanuu.NewClientFromEnv()
	fmt.Println(err)
	// Output: kanuu: APIKey is empty: set KANUU_API_KEY or Config.APIKey
}

// Take the identifier from the session, never from the URL or the body.
func Example_session() {
	sessions := map[string]string{"s3cr3t": "42"} // the application's
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		cookie, err := r.Cookie("session")
		if err != nil || sessions[cookie.Value] == "" {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: sessions[cookie.Value]}, nil
	})

	request := httptest.NewRequest(http.MethodGet, "/billing?user=43", nil)
	_, err := who.ResolveIdentifier(request)
	fmt.Println(err)
	request.AddCookie(&http.Cookie{Name: "session", Value: "s3cr3t"})
	identity, err := who.ResolveIdentifier(request)
	fmt.Println(identity.Identifier, err)
	// Output:
	// not logged in
	// 42 <nil>
}

// Teams pay, and only the owner of a team opens its portal.
func Example_teamBilling() {
	fake, client := newFake()
	defer fake.Close()
	owner := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		if r.Header.Get("Test-User") != "ann" {
			return kanuu.Identity{}, kanuu.ErrForbidden
		}
		return kanuu.Identity{
			Identifier:   "team:7",
			Email:        "ann@example.com",
			Supplemental: map[string]string{"campaign": "spring"}, // comes back with each webhook
		}, nil
	})
	billing := kanuu.NewRedirectHandler(client, owner, nil)

	fmt.Println(visit(billing, "/billing", "Test-User", "ann").Code, string(fake.Requests()[0].Body))
	fmt.Println(visit(billing, "/billing", "Test-User", "bob").Code)
	// Output:
	// 302 {"identifier":"team:7","email":"ann@example.com","supplemental":{"campaign":"spring"}}
	// 403
}

// Customers are sent to your own domain only.
func Example_allowedHosts() {
	fake, client := newFake()
	defer fake.Close()
	billing := kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(loggedIn), &kanuu.RedirectOptions{
		AllowedHosts: []string{"billing.acme.com"},
	})
	fmt.Println(visit(billing, "/billing").Code) // the fake has another host
	// Output: 500
}

// Links, htmx and fetch each get a response that they can follow. A prefetch
// gets no link to the portal.
func Example_kindsOfClients() {
	fake, client := newFake()
	defer fake.Close()
	billing := kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(loggedIn), nil)

	link := visit(billing, "/billing")
	htmx := visit(billing, "/billing", "HX-Request", "true")
	fetch := visit(billing, "/billing", "Sec-Fetch-Mode", "cors", "Accept", "application/json")
	prefetch := visit(billing, "/billing", "Sec-Purpose", "prefetch")

	fmt.Println(link.Code, link.Header().Get("Location") != "")
	fmt.Println(htmx.Code, htmx.Header().Get("Hx-Redirect") != "")
	fmt.Println(fetch.Code, strings.HasPrefix(fetch.Body.String(), `{"url":"`))
	fmt.Println(prefetch.Code, len(fake.Requests()))
	// Output:
	// 302 true
	// 200 true
	// 200 true
	// 503 3
}

// A link to the portal for a client that opens it by itself, such as a mobile
// app. Make it for this request's user, at the click, as it logs in once.
func Example_portalLink() {
	fake, client := newFake()
	defer fake.Close()
	nonce, err := client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "42", Email: "ann@example.com"})
	if err != nil {
		panic(err)
	}
	fmt.Println(strings.HasPrefix(nonce.URL, fake.URL+"/manage/acme/"), strings.HasSuffix(nonce.URL, nonce.Value))
	fmt.Println(nonce) // in a log
	// Output:
	// true true
	// kanuu.Nonce{Value: [redacted], URL: [redacted]}
}

// What a settings page says about the subscription. Decide by IsSubscribed; the
// status is for display.
func Example_subscriptionStatus() {
	fake, client := newFake()
	defer fake.Close()
	for _, has := range []kanuutest.Subscription{
		{},
		{Status: kanuutest.StatusTrialing, PlanID: 67},
		{Status: kanuutest.StatusCanceled, PlanID: 67, PaidUntil: fake.Now().AddDate(0, 0, 10)},
		{Status: kanuutest.StatusPaused, PlanID: 67},
	} {
		fake.SetSubscription("42", has)
		subscription, err := client.FetchSubscription(context.Background(), "42") // not from the cache
		if err != nil {
			panic(err)
		}
		switch {
		case subscription.Status == "":
			fmt.Println("No subscription yet")
		case subscription.OnGracePeriod():
			fmt.Println("Ends soon: plan", subscription.PlanID, "is", subscription.Status)
		default:
			fmt.Println("Plan", subscription.PlanID, "is", subscription.Status, subscription.IsSubscribed)
		}
	}
	// Output:
	// No subscription yet
	// Plan 67 is trialing true
	// Ends soon: plan 67 is canceled
	// Plan 67 is paused false
}

// Counters for a metrics page or expvar, which take JSON.
func Example_metrics() {
	fake, client := newFake()
	defer fake.Close()
	billing := kanuu.NewRedirectHandler(client, kanuu.IdentifierResolverFunc(loggedIn), nil)
	gate := kanuu.NewGate(client, nil)
	pro := gate.Handler(kanuu.IdentifierResolverFunc(loggedIn), http.NotFoundHandler())
	fake.Inject(kanuutest.Fault{Times: 1, Status: http.StatusServiceUnavailable})
	visit(billing, "/billing")
	visit(billing, "/billing", "Sec-Purpose", "prefetch")
	visit(pro, "/pro")
	visit(pro, "/pro")

	stats := client.Stats()
	fmt.Println(stats.Calls, stats.Attempts, stats.Retries, stats.Failures, stats.Breaker)
	fmt.Println(stats.Nonces, billing.Stats().Speculative, gate.Stats().NotSubscribed)
	cache, err := json.Marshal(stats.Cache)
	fmt.Println(string(cache), err)
	// Output:
	// 2 3 1 0 closed
	// 1 1 2
	// {"hits":1,"misses":1,"refreshes":0,"failures":0,"evictions":0,"entries":1} <nil>
}

// tracer stands in for a transport that traces.
type tracer struct {
	next  http.RoundTripper
	spans []string
}

func (t *tracer) RoundTrip(r *http.Request) (*http.Response, error) {
	t.spans = append(t.spans, r.Method+" "+r.URL.Path)
	return t.next.RoundTrip(r)
}

// A transport that traces wraps the one that suits Kanuu.
func Example_tracing() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	transport := &tracer{next: kanuu.NewTransport()}
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL, HTTPClient: &http.Client{Transport: transport},
	})
	if err != nil {
		panic(err)
	}
	_, err = client.Subscription(context.Background(), "42")
	fmt.Println(transport.spans, err)
	// Output: [POST /api/subscription] <nil>
}
