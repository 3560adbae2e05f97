package readme

import (
	"log"
	"log/slog"
	"os"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
)

func shared() (*kanuu.Client, error) {
	// snippet: redis
	option, err := rueidis.ParseURL(os.Getenv("REDIS_URL"))
	if err != nil {
		log.Fatal("REDIS_URL is not a Redis URL") // not err, which repeats the password
	}
	cache, err := kanuuredis.New(option, &kanuuredis.Options{Logger: slog.Default()})
	if err != nil {
		log.Fatal(err)
	}
	defer cache.Close()

	client, err := kanuu.NewClient(kanuu.Config{
		APIKey:  os.Getenv("KANUU_API_KEY"),
		BaseURL: os.Getenv("KANUU_BASE_URL"),
		Logger:  slog.Default(), // hears why something failed, and what to do; silent without it
		Cache:   cache,
	})
	// snippet: end
	return client, err
}
