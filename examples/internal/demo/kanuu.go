package demo

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

type lastKnown = func(ctx context.Context, identifier string) (kanuu.Subscription, time.Time, error)

// newClient returns a client of the real Kanuu where there is an API key, else
// one of a emulator that the caller has to close. The emulator's "back to your
// application" leads to home; of the real one, that is set in Kanuu.
func newClient(getenv func(string) string, home string, cache kanuu.SharedCache, lastKnown lastKnown,
	logger *slog.Logger) (*kanuu.Client, *kanuutest.Server, error) {
	config := kanuu.Config{
		APIKey:      getenv("KANUU_API_KEY"),
		BaseURL:     getenv("KANUU_BASE_URL"),
		Logger:      logger,
		SharedCache: cache,
		LastKnown:   lastKnown,
	}
	if config.APIKey != "" {
		client, err := kanuu.NewClient(config)
		return client, nil, err
	}

	if config.BaseURL != "" {
		return nil, nil,
			errors.New("KANUU_BASE_URL is set, but KANUU_API_KEY is not: set both, or neither to run on the built-in emulator")
	}
	fake := kanuutest.NewServer(&kanuutest.Options{ReturnURL: home})
	config.APIKey, config.BaseURL = kanuutest.DefaultAPIKey, fake.URL

	client, err := kanuu.NewClient(config)
	if err != nil {
		fake.Close()
		return nil, nil, err
	}
	return client, fake, nil
}
