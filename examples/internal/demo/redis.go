package demo

import (
	"fmt"
	"log/slog"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
)

// shared is what all instances share: nothing without a URL.
type shared struct {
	cache kanuu.SharedCache
	dedup kanuu.Deduplicator
	close func()
}

func newShared(url string, logger *slog.Logger) (shared, error) {
	if url == "" {
		return shared{close: func() {}}, nil
	}
	store, err := kanuuredis.NewFromURL(url, &kanuuredis.Options{Logger: logger})
	if err != nil {
		return shared{}, fmt.Errorf("REDIS_URL cannot be used: %w", err)
	}
	return shared{cache: store, dedup: store, close: store.Close}, nil
}
