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
func ExampleNew() {
	option, err := rueidis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		panic(err)
	}

	cache, err := kanuuredis.New(option, &kanuuredis.Options{Logger: slog.Default()})
	if err != nil {
		panic(err)
	}
	defer cache.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: os.Getenv("KANUU_API_KEY"), Cache: cache})
	if err != nil {
		panic(err)
	}

	subscription, err := client.Subscription(context.Background(), "42")
	if err != nil {
		panic(err)
	}

	fmt.Println(subscription.IsSubscribed)
}

// Without Redis each machine goes on alone. What it forgets then, it tells Redis
// when that is back.
func ExampleCache_outage() {
	box := kanuutest.NewServer(nil) // a fake Kanuu
	defer box.Close()

	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})

	nowhere := rueidis.ClientOption{InitAddress: []string{"127.0.0.1:1"}}

	cache, err := kanuuredis.New(nowhere, nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL, Cache: cache})
	if err != nil {
		panic(err)
	}
	defer client.CloseIdleConnections()

	for range 3 {
		subscription, err := client.Subscription(context.Background(), "42")
		fmt.Println(subscription.IsSubscribed, err)
	}

	fmt.Println("calls to Kanuu:", len(box.Requests()))

	err = client.ForgetSubscription(context.Background(), "42")
	fmt.Println(errors.Is(err, kanuuredis.ErrNotShared))
	// Output:
	// true <nil>
	// true <nil>
	// true <nil>
	// calls to Kanuu: 1
	// true
}
