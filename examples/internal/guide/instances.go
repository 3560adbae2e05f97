package guide

import (
	"log"
	"log/slog"
	"os"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
)

// Instances are the handler and the end of an application that runs several times.
func Instances(logger *slog.Logger) (*kanuu.WebhookHandler, func(), error) {
	// snippet: instances
	store, err := kanuuredis.NewFromURL(os.Getenv("REDIS_URL"), &kanuuredis.Options{Logger: logger})
	if err != nil {
		log.Fatal(err)
	}
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey:      os.Getenv("KANUU_API_KEY"),
		BaseURL:     os.Getenv("KANUU_BASE_URL"), // of the emulator; empty: Kanuu's
		Logger:      logger,
		SharedCache: store,
	})
	if err != nil {
		log.Fatal(err)
	}
	hook, err := kanuu.NewWebhookHandler(client, os.Getenv("PADDLE_PUBLIC_KEY"), &kanuu.WebhookOptions{
		Deduplicator: store,
		Name:         "shop",
	})
	// snippet: end
	return hook, store.Close, err
}
