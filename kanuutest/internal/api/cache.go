package api

import (
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

const (
	maxAge     = time.Hour
	maxEntries = 10_000
)

// cache is Kanuu's own, which the customer's actions in the portal invalidate.
type cache struct {
	mu      sync.Mutex
	on      bool
	entries map[string]entry
}

type entry struct {
	description
	at      time.Time
	managed int
}

// SetCache switches Kanuu's own cache, and empties it.
func (a *API) SetCache(on bool) {
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	a.cache.on, a.cache.entries = on, make(map[string]entry)
}

// Caches reports whether it is on.
func (a *API) Caches() bool {
	a.cache.mu.Lock()
	defer a.cache.mu.Unlock()
	return a.cache.on
}

func (c *cache) describe(is ledger.Customer, now time.Time) description {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.entries[is.Identifier]
	if ok && found.managed == is.Managed && now.Sub(found.at) < maxAge {
		return found.description
	}
	fresh := entry{describe(is.Subscription, now), now, is.Managed}
	if c.on {
		if len(c.entries) >= maxEntries {
			clear(c.entries)
		}
		c.entries[is.Identifier] = fresh
	}
	return fresh.description
}
