// Command prometheus is what somebody writes who takes adapters/prometheus: see ../README.md.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kanuu-io/kanuu-go"
	kanuuprometheus "github.com/kanuu-io/kanuu-go/adapters/prometheus"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func main() {
	fake := kanuutest.NewServer(nil)
	defer fake.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	if err != nil {
		log.Panic(err)
	}
	if _, err := client.Subscription(context.Background(), "42"); err != nil {
		log.Panic(err)
	}

	registry := prometheus.NewRegistry()
	registry.MustRegister(kanuuprometheus.NewCollector(kanuuprometheus.Sources{Client: client}))
	families, err := registry.Gather()
	if err != nil {
		log.Panic(err)
	}
	fmt.Fprintln(os.Stdout, len(families), "metrics", fake.Requests()[0].Header.Get("User-Agent"))
}
