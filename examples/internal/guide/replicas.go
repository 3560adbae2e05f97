package guide

import (
	"log"
	"log/slog"
	"os"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
)

// Replicas is the client of an application that runs several times.
func Replicas(logger *slog.Logger) (*kanuu.Client, func(), error) {
	// snippet: replicas
	option, err := rueidis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal("REDIS_URL is not a Redis URL") // not err, which repeats the password
	}
	cache, err := kanuuredis.New(option, &kanuuredis.Options{Prefix: "acme:kanuu:", Logger: logger})
	if err != nil {
		log.Fatal(err)
	}
	client, err := kanuu.NewClient(kanuu.Config{
		APIKey: os.Getenv("KANUU_API_KEY"),
		Logger: logger,
		Cache:  cache, // a WebhookHandler of this client remembers its alerts there, too
	})
	// snippet: end
	return client, cache.Close, err
}
