package demo

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/redis/rueidis"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
)

// newCache returns what all replicas share, and how to end it. Without a URL
// that is nothing, and each has a cache of its own.
func newCache(url string, logger *slog.Logger) (cache kanuu.Cache, end func(), err error) {
	if url == "" {
		return nil, func() {}, nil
	}
	option, err := rueidis.ParseURL(url)
	if err != nil { // it repeats the URL, and so the password
		return nil, nil, errors.New("REDIS_URL is not the URL of a Redis: write it like redis://127.0.0.1:6379, or leave it out")
	}
	shared, err := kanuuredis.New(option, &kanuuredis.Options{Logger: logger})
	if err != nil {
		return nil, nil, fmt.Errorf("REDIS_URL cannot be used: %w", err)
	}
	return shared, shared.Close, nil
}
