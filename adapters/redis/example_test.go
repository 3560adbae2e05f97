package kanuuredis_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Not run: it needs a Redis, such as REDIS_URL=redis://localhost:6379.
//
//nolint:testableexamples // as said above
func Example() {
	store, err := kanuuredis.NewFromURL(os.Getenv("REDIS_URL"), &kanuuredis.Options{Logger: slog.Default()})
	if err != nil {
		panic(err)
	}
	defer store.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: os.Getenv("KANUU_API_KEY"), SharedCache: store})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	subscription, err := client.Subscription(context.Background(), "42")
	if err != nil {
		panic(err)
	}
	fmt.Println(subscription.IsSubscribed)
}

// unreachable is the address of no Redis: the examples run where there is none.
var unreachable = rueidis.ClientOption{InitAddress: []string{"127.0.0.1:1"}}

// Without Redis an instance uses its own cache, and refuses webhooks: it cannot
// know whether another instance has handled an alert. Paddle sends it again.
func Example_outage() {
	fake := kanuutest.NewServer(nil) // a fake Kanuu
	defer fake.Close()
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	paddle := kanuutest.NewSigner() // signs webhooks as Paddle does

	store, err := kanuuredis.New(unreachable, nil)
	if err != nil {
		panic(err)
	}
	defer store.Close()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL, SharedCache: store})
	if err != nil {
		panic(err)
	}
	defer client.Close()
	webhooks, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), &kanuu.WebhookOptions{
		Deduplicator: store,
		Name:         "shop",
	})
	if err != nil {
		panic(err)
	}
	webhooks.On("*", func(context.Context, kanuu.Event) error { return nil })
	for range 2 {
		subscription, err := client.Subscription(context.Background(), "42")
		fmt.Println(subscription.IsSubscribed, err)
	}
	fmt.Println("calls to Kanuu:", len(fake.Requests()))
	fmt.Println("webhook:", paddle.Post(webhooks, kanuutest.Webhook{}).StatusCode)
	// Output:
	// true <nil>
	// true <nil>
	// calls to Kanuu: 1
	// webhook: 503
}

// All problems of the options are reported at once.
func Example_options() {
	_, err := kanuuredis.New(rueidis.ClientOption{}, &kanuuredis.Options{Prefix: "{acme}:"})
	if invalid, ok := errors.AsType[*kanuu.ConfigError](err); ok {
		for _, problem := range invalid.Problems {
			fmt.Println(problem)
		}
	}
	// Output:
	// ClientOption.InitAddress is empty: NewFromURL fills it from a URL
	// Options.Prefix has a brace, which a Redis cluster would take for its own: leave it out
}
