// Command redis is what somebody writes who takes adapters/redis: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func main() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	// Nothing listens on port 1: without Redis the client uses its own cache.
	store, err := kanuuredis.New(rueidis.ClientOption{InitAddress: []string{"127.0.0.1:1"}}, nil)
	if err != nil {
		log.Panic(err)
	}
	defer store.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL, SharedCache: store})
	if err != nil {
		log.Panic(err)
	}

	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})

	subscription, err := client.Subscription(context.Background(), "42")
	if err != nil {
		log.Panic(err)
	}

	fmt.Fprintln(os.Stdout, subscription.IsSubscribed, fake.Requests()[0].Header.Get("User-Agent"))
}
