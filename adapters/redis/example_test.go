package kanuuredis_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Not run: it needs a Redis, such as REDIS_URL=redis://localhost:6379.
//
//nolint:testableexamples // as said above
func Example() {
	option, err := rueidis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		panic("REDIS_URL is not a Redis URL") // not err, which repeats the password
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

// nowhere is a Redis that is gone: the examples are run where there is none.
var nowhere = rueidis.ClientOption{InitAddress: []string{"127.0.0.1:1"}}

// Every problem comes at once. A Redis that cannot be reached is none.
func ExampleNew() {
	_, err := kanuuredis.New(rueidis.ClientOption{}, &kanuuredis.Options{Prefix: "{acme}:"})
	fmt.Println(err)

	cache, err := kanuuredis.New(nowhere, nil)
	fmt.Println(err)
	cache.Close()
	// Output:
	// kanuu: Options.Prefix has a brace, which a Redis cluster would take for its own: leave it out; ClientOption.InitAddress is empty: rueidis.ParseURL fills it from a URL
	// <nil>
}

func ExampleOptions() {
	cache, err := kanuuredis.New(nowhere, &kanuuredis.Options{
		Cache:   kanuu.CacheOptions{Fresh: time.Minute}, // the same on all machines
		Prefix:  "acme:kanuu:",                          // instead of kanuuredis.DefaultPrefix
		Timeout: 100 * time.Millisecond,                 // instead of kanuuredis.DefaultTimeout
		Logger:  slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: levelAndMessage})),
	})
	if err != nil {
		panic(err)
	}

	cache.Close()
	fmt.Println(kanuuredis.DefaultPrefix, kanuuredis.DefaultTimeout)
	// Output:
	// level=WARN msg="kanuuredis: Redis is gone, this machine goes on alone"
	// kanuu: 250ms
}

func levelAndMessage(_ []string, attr slog.Attr) slog.Attr {
	if attr.Key != slog.LevelKey && attr.Key != slog.MessageKey {
		return slog.Attr{}
	}

	return attr
}

// While Redis is gone, a machine remembers by itself.
func ExampleCache_Get() {
	cache, err := kanuuredis.New(nowhere, nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()

	for range 2 {
		subscription, err := cache.Get(context.Background(), "42", func(context.Context, string) (kanuu.Subscription, error) {
			fmt.Println("Kanuu is asked")

			return kanuu.Subscription{IsSubscribed: true}, nil
		})
		fmt.Println(subscription.IsSubscribed, err)
	}
	// Output:
	// Kanuu is asked
	// true <nil>
	// true <nil>
}

// What could not be shared is told to Redis when it is back.
func ExampleCache_Forget() {
	cache, err := kanuuredis.New(nowhere, nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()

	err = cache.Forget(context.Background(), "42")
	fmt.Println(err)
	// Output: kanuuredis: forgotten on this machine alone until Redis is back: not asked again so soon after it failed
}

func ExampleCache_Stats() {
	cache, err := kanuuredis.New(nowhere, nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()

	fmt.Printf("%+v\n", cache.Stats())
	// Output: {Hits:0 Misses:0 Refreshes:0 Failures:0 Entries:0}
}

// End the cache with the program. It can be asked also after that.
func ExampleCache_Close() {
	cache, err := kanuuredis.New(nowhere, nil)
	if err != nil {
		panic(err)
	}

	cache.Close()

	subscription, err := cache.Get(context.Background(), "42", func(context.Context, string) (kanuu.Subscription, error) {
		return kanuu.Subscription{IsSubscribed: true}, nil
	})
	fmt.Println(subscription.IsSubscribed, err)
	// Output: true <nil>
}

// A WebhookHandler calls it. While Redis is gone nobody can tell whether another
// machine has handled an alert: it is refused, and Paddle comes again.
func ExampleCache_Begin() {
	cache, err := kanuuredis.New(nowhere, nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key", Cache: cache})
	if err != nil {
		panic(err)
	}

	paddle := kanuutest.NewSigner() // in place of Paddle

	hook, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), nil)
	if err != nil {
		panic(err)
	}

	hook.On("*", func(context.Context, kanuu.Event) error {
		fmt.Println("handled")

		return nil
	})

	fmt.Println(paddle.Post(hook, kanuutest.Webhook{}).StatusCode)

	_, err = cache.Begin(context.Background(), "170001", time.Minute)
	fmt.Println(err)
	// Output:
	// 503
	// kanuuredis: Redis is gone
}

// A WebhookHandler calls it, and logs what it returns.
func ExampleCache_End() {
	cache, err := kanuuredis.New(nowhere, nil)
	if err != nil {
		panic(err)
	}
	defer cache.Close()

	fmt.Println(cache.End(context.Background(), "170001", true))
	// Output: kanuuredis: Redis is gone
}

// Without Redis each machine goes on alone. What it forgets then, it tells Redis
// when that is back.
func ExampleCache() {
	box := kanuutest.NewServer(nil) // a fake Kanuu
	defer box.Close()

	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})

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
