// Command sql is what somebody writes who takes adapters/sql: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func main() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		log.Panic(err)
	}

	subscription, err := client.Subscription(context.Background(), "42")
	if err != nil {
		log.Panic(err)
	}

	schema, err := kanuusql.Schema(kanuusql.SQLite, "shop_")
	if err != nil {
		log.Panic(err)
	}

	tables := strings.Count(schema, "CREATE TABLE IF NOT EXISTS shop_")
	fmt.Fprintln(os.Stdout, tables, subscription.IsSubscribed, fake.Requests()[0].Header.Get("User-Agent"))
}
