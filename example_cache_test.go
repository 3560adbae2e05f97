package kanuu_test

import (
	"context"
	"fmt"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// noCache remembers nothing, for a program that asks rarely.
type noCache struct{}

func (noCache) Get(ctx context.Context, identifier string, load kanuu.LoadFunc) (kanuu.Subscription, error) {
	return load(ctx, identifier)
}

func (noCache) Forget(context.Context, string) error { return nil }

// A cache of your own.
func ExampleCache() {
	box := kanuutest.NewServer(nil)
	defer box.Close()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL, Cache: noCache{}})
	if err != nil {
		panic(err)
	}
	for range 3 {
		if _, err := client.Subscription(context.Background(), "42"); err != nil {
			panic(err)
		}
	}
	fmt.Println(len(box.Requests()))
	// Output: 3
}

// A cache gets one from its client. In a test of a cache it is any function.
func ExampleLoadFunc() {
	var load kanuu.LoadFunc = func(context.Context, string) (kanuu.Subscription, error) {
		return kanuu.Subscription{IsSubscribed: true}, nil
	}
	subscription, err := load(context.Background(), "42")
	fmt.Println(subscription.IsSubscribed, err)
	// Output: true <nil>
}

// Zeros are the defaults, and negative numbers are refused.
func ExampleCacheOptions() {
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{Fresh: time.Minute})
	if err != nil {
		panic(err)
	}
	options := cache.Options()
	fmt.Println(options.Fresh, options.Keep == kanuu.DefaultKeep, options.MaxEntries == kanuu.DefaultMaxEntries)
	_, err = kanuu.NewMemoryCache(&kanuu.CacheOptions{Keep: -1})
	fmt.Println(err)
	// Output:
	// 1m0s true true
	// kanuu: CacheOptions.Keep is negative: leave it 0 for the default of 1h0m0s
}

// How long an answer lives, by what it says and whether things are about to
// change.
func ExampleCacheOptions_Lifetime() {
	cache, err := kanuu.NewMemoryCache(nil)
	if err != nil {
		panic(err)
	}
	options := cache.Options()
	subscriber := kanuu.Subscription{IsSubscribed: true}

	fmt.Println(options.Lifetime(subscriber, false))
	fmt.Println(options.Lifetime(subscriber, true))
	fmt.Println(options.Lifetime(kanuu.Subscription{}, false))
	// Output:
	// 5m0s 1h0m0s
	// 5s 1h0m0s
	// 5s 5s
}

// The defaults by name.
func ExampleCacheOptions_defaults() {
	fmt.Println("subscribed: fresh for", kanuu.DefaultFresh, "and kept for", kanuu.DefaultKeep)
	fmt.Println("not subscribed: kept for", kanuu.DefaultUnsubscribed)
	fmt.Println("after a click or a webhook, for", kanuu.DefaultSettlingWindow, "fresh for", kanuu.DefaultSettling)
	fmt.Println("after a failed refresh, for", kanuu.DefaultRefreshPause, "no other")
	fmt.Println("for a subscriber, Kanuu has", kanuu.DefaultPatience, "to say otherwise")
	// Output:
	// subscribed: fresh for 5m0s and kept for 1h0m0s
	// not subscribed: kept for 5s
	// after a click or a webhook, for 15m0s fresh for 5s
	// after a failed refresh, for 5s no other
	// for a subscriber, Kanuu has 3s to say otherwise
}

func ExampleCacheStats() {
	box, client := fakeKanuu()
	defer box.Close()
	for range 3 {
		if _, err := client.Subscription(context.Background(), "42"); err != nil {
			panic(err)
		}
	}
	fmt.Printf("%+v\n", client.Stats().Cache)
	// Output: {Hits:2 Misses:1 Refreshes:0 Failures:0 Entries:1}
}

// subscribed is what Kanuu says, in the examples of a cache.
func subscribed(context.Context, string) (kanuu.Subscription, error) {
	fmt.Println("Kanuu is asked") //nolint:forbidigo // the output of the examples
	return kanuu.Subscription{IsSubscribed: true}, nil
}

// A client makes one by itself. With another size, it is given one.
func ExampleMemoryCache() {
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{MaxEntries: 1_000_000})
	if err != nil {
		panic(err)
	}
	client, err := kanuu.NewClient(kanuu.Config{APIKey: "your-key", Cache: cache})
	fmt.Println(client.Stats().Cache == cache.Stats(), err)
	// Output: true <nil>
}

// A client asks like this. However many do so, Kanuu is asked once.
func ExampleMemoryCache_Get() {
	cache, err := kanuu.NewMemoryCache(nil)
	if err != nil {
		panic(err)
	}
	for range 1000 {
		if _, err := cache.Get(context.Background(), "42", subscribed); err != nil {
			panic(err)
		}
	}
	// Output: Kanuu is asked
}

func ExampleMemoryCache_Forget() {
	cache, err := kanuu.NewMemoryCache(nil)
	if err != nil {
		panic(err)
	}
	for range 2 {
		if _, err := cache.Get(context.Background(), "42", subscribed); err != nil {
			panic(err)
		}
		if err := cache.Forget(context.Background(), "42"); err != nil {
			panic(err)
		}
	}
	// Output:
	// Kanuu is asked
	// Kanuu is asked
}

// Settle is for a cache that is built around a MemoryCache: what the memory
// loads from then on lives for a short time only.
func ExampleMemoryCache_Settle() {
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{Settling: time.Nanosecond})
	if err != nil {
		panic(err)
	}
	cache.Settle("42")
	for range 2 {
		if _, err := cache.Get(context.Background(), "42", subscribed); err != nil {
			panic(err)
		}
	}
	// Output:
	// Kanuu is asked
	// Kanuu is asked
}

func ExampleMemoryCache_Options() {
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{Keep: 24 * time.Hour})
	if err != nil {
		panic(err)
	}
	fmt.Println(cache.Options().Fresh, cache.Options().Keep)
	// Output: 5m0s 24h0m0s
}

func ExampleMemoryCache_Stats() {
	cache, err := kanuu.NewMemoryCache(nil)
	if err != nil {
		panic(err)
	}
	for range 2 {
		if _, err := cache.Get(context.Background(), "42", subscribed); err != nil {
			panic(err)
		}
	}
	fmt.Println(cache.Stats().Hits, cache.Stats().Misses)
	// Output:
	// Kanuu is asked
	// 1 1
}
