package kanuu_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func Example() {
	box := kanuutest.NewServer(nil) // a fake Kanuu; leave BaseURL out for the real one
	defer box.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
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

	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login"}))

	stranger := httptest.NewRequest(http.MethodGet, "/billing", nil)
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, stranger)
	fmt.Println(answer.Code, answer.Header().Get("Location"))

	ann := httptest.NewRequest(http.MethodGet, "/billing", nil)
	ann.Header.Set("Test-User", "42")

	answer = httptest.NewRecorder()
	mux.ServeHTTP(answer, ann)
	fmt.Println(answer.Code, strings.HasPrefix(answer.Header().Get("Location"), box.URL+"/manage/acme/"))
	// Output:
	// 302 /login
	// 302 true
}

func ExampleNewClientFromEnv() {
	_ = os.Unsetenv(kanuu.EnvAPIKey)
	client, err := kanuu.NewClientFromEnv() // KANUU_API_KEY, KANUU_BASE_URL
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(client.Stats().Nonces)
	// Output: kanuu: APIKey is empty: set KANUU_API_KEY or Config.APIKey
}

func ExampleClient_CreateNonce() {
	box := kanuutest.NewServer(nil)
	defer box.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}
	nonce, err := client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "team:7", Email: "ann@example.com"})
	if err != nil {
		panic(err)
	}
	fmt.Println(len(nonce.Value), nonce)
	// Output: 32 kanuu.Nonce{Value: [redacted], URL: [redacted]}
}

func ExampleAPIError() {
	box := kanuutest.NewServer(nil)
	defer box.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: "an-old-key", BaseURL: box.URL})
	if err != nil {
		panic(err)
	}
	_, err = client.CreateNonce(context.Background(), kanuu.Identity{Identifier: "42"})
	fmt.Println(err)
	fmt.Println(errors.Is(err, kanuu.ErrInvalidAPIKey), kanuu.HTTPStatus(err))
	// Output:
	// kanuu: create nonce: the API key was refused (Kanuu answered 401): Unauthenticated.
	// true 502
}

// An identity is checked before Kanuu is asked.
func ExampleIdentity_Validate() {
	fmt.Println(kanuu.Identity{Email: "Ann"}.Validate())
	// Output: kanuu: identity is not valid: Identifier is empty; Email is not an email address
}

// A page of the application's own in place of the library's.
func ExampleRedirectOptions() {
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key"})
	if err != nil {
		panic(err)
	}
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{}, kanuu.ErrForbidden // a member of a team that its owner pays for
	})

	billing := kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{
		OnError: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.WriteHeader(kanuu.HTTPStatus(err))
			fmt.Fprint(w, "Ask the owner of your team.")
		},
	})

	answer := httptest.NewRecorder()
	billing.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/billing", nil))
	fmt.Println(answer.Code, answer.Body)
	// Output: 403 Ask the owner of your team.
}

func ExampleClient_Subscription() {
	box := kanuutest.NewServer(nil)
	defer box.Close()

	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}
	subscription, err := client.Subscription(context.Background(), "42") // from the cache, from now on
	if err != nil {
		panic(err)
	}
	fmt.Println(subscription.IsSubscribed, subscription.Status, subscription.PlanID, subscription.OnGracePeriod())
	// Output: true active 12345 false
}

func ExampleGate() {
	box := kanuutest.NewServer(nil)
	defer box.Close()

	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	if err != nil {
		panic(err)
	}
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: r.Header.Get("Test-User")}, nil // your session
	})

	pro := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		subscription, _ := kanuu.SubscriptionFromContext(r.Context())
		fmt.Fprintf(w, "Welcome on plan %d.", subscription.PlanID)
	})

	mux := http.NewServeMux()
	mux.Handle("/pro", kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(who, pro))
	for _, user := range []string{"42", "43"} {
		visit := httptest.NewRequest(http.MethodGet, "/pro", nil)
		visit.Header.Set("Test-User", user)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, visit)
		fmt.Println(answer.Code, answer.Header().Get("Location"), answer.Body)
	}
	// Output:
	// 200  Welcome on plan 12345.
	// 303 /billing
}

// Numbers of the cache that are not the defaults.
func ExampleNewMemoryCache() {
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{MaxEntries: 1_000_000, Fresh: time.Minute})
	if err != nil {
		panic(err)
	}
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key", Cache: cache})
	if err != nil {
		panic(err)
	}
	fmt.Println(cache.Options().Keep, client.Stats().Cache.Entries)
	// Output: 1h0m0s 0
}

func ExampleParseStatus() {
	fmt.Println(kanuu.ParseStatus("deleted"), kanuu.ParseStatus("past_due") == kanuu.StatusPastDue)
	// Output: canceled true
}

func ExampleHTTPStatus() {
	fmt.Println(kanuu.HTTPStatus(kanuu.ErrPaymentRequired), kanuu.HTTPStatus(kanuu.ErrNotSubscribed))
	// Output: 503 402
}
