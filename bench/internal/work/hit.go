package work

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"
	"github.com/maypok86/otter/v2"

	"github.com/kanuu-io/kanuu-go"
)

// Names of who remembers subscriptions.
const (
	Map   = "map + RWMutex + expiry"
	Otter = "otter, raw"
	LRU   = "golang-lru expirable"
)

var errMiss = errors.New("not let in")

// Identifiers of so many customers, as the requests bring them: in an order of
// chance, which is always the same.
type Identifiers []string

// NewIdentifiers makes them.
func NewIdentifiers(n int) Identifiers {
	ids := make(Identifiers, n)
	for i, number := range rand.New(rand.NewPCG(1, 2)).Perm(n) { //nolint:gosec // not for secrets
		ids[i] = strconv.Itoa(1_000_000 + number)
	}

	return ids
}

// stored are the same in other memory: a request does not come with the very
// text that a cache has kept.
func (ids Identifiers) stored() Identifiers {
	kept := make(Identifiers, len(ids))
	for i, id := range ids {
		kept[i] = strings.Clone(id)
	}

	return kept
}

func active(_ context.Context, _ string) (kanuu.Subscription, error) {
	return kanuu.Subscription{
		IsSubscribed: true, Status: kanuu.StatusActive, StatusText: "active", PlanID: 12345, SubscriptionID: 67890,
	}, nil
}

// Hit is a place that remembers the subscriptions of ids, and Do asks it about
// one of them.
type Hit struct {
	Name string
	Make func(ids Identifiers) (Work, error)
}

// Hits are the library's gate and what somebody would put in its place.
func Hits() []Hit {
	return []Hit{{Kanuu, hitGate}, {Map, hitMap}, {Otter, hitOtter}, {LRU, hitLRU}}
}

func hitGate(ids Identifiers) (Work, error) {
	cache, err := kanuu.NewMemoryCache(&kanuu.CacheOptions{MaxEntries: len(ids) + len(ids)/10, Fresh: time.Hour})
	if err != nil {
		return Work{}, err
	}

	ctx := context.Background()
	if err := fill(ctx, cache, ids.stored()); err != nil {
		return Work{}, err
	}

	client, err := kanuu.NewClient(kanuu.Config{APIKey: apiKey, Cache: cache})
	if err != nil {
		return Work{}, err
	}

	gate := kanuu.NewGate(client, nil)

	return Work{Name: Kanuu, Do: func(i int) error {
		_, err := gate.Check(ctx, ids[i%len(ids)])

		return err
	}, Close: func() { runtime.KeepAlive(cache) }}, nil
}

// fill has the cache load all of ids, as many at a time as there are processors.
func fill(ctx context.Context, cache kanuu.Cache, ids Identifiers) error {
	workers := runtime.GOMAXPROCS(0)
	errs := make([]error, workers)

	var wait sync.WaitGroup

	for worker := range workers {
		wait.Go(func() {
			for i := worker; i < len(ids) && errs[worker] == nil; i += workers {
				_, errs[worker] = cache.Get(ctx, ids[i], active)
			}
		})
	}

	wait.Wait()

	return errors.Join(errs...)
}

func hitMap(ids Identifiers) (Work, error) {
	type entry struct {
		subscription kanuu.Subscription
		until        time.Time
	}

	var mu sync.RWMutex

	entries := make(map[string]entry)
	for _, id := range ids.stored() {
		subscription, _ := active(context.Background(), id)
		entries[id] = entry{subscription, time.Now().Add(time.Hour)}
	}

	return Work{Name: Map, Do: func(i int) error {
		mu.RLock()
		found, ok := entries[ids[i%len(ids)]]
		mu.RUnlock()

		return admit(found.subscription, ok && time.Now().Before(found.until))
	}}, nil
}

func hitOtter(ids Identifiers) (Work, error) {
	cache, err := otter.New(&otter.Options[string, kanuu.Subscription]{
		MaximumSize:      len(ids) + len(ids)/10,
		ExpiryCalculator: otter.ExpiryWriting[string, kanuu.Subscription](time.Hour),
	})
	if err != nil {
		return Work{}, err
	}

	for _, id := range ids.stored() {
		subscription, _ := active(context.Background(), id)
		cache.Set(id, subscription)
	}

	return Work{Name: Otter, Do: func(i int) error {
		return admit(cache.GetIfPresent(ids[i%len(ids)]))
	}, Close: func() { cache.StopAllGoroutines() }}, nil
}

func hitLRU(ids Identifiers) (Work, error) {
	cache := expirable.NewLRU[string, kanuu.Subscription](len(ids), nil, time.Hour)

	for _, id := range ids.stored() {
		subscription, _ := active(context.Background(), id)
		cache.Add(id, subscription)
	}

	return Work{Name: LRU, Do: func(i int) error {
		return admit(cache.Get(ids[i%len(ids)]))
	}, Close: cache.Purge}, nil // a goroutine holds the cache for good
}

func admit(subscription kanuu.Subscription, known bool) error {
	if !known || !subscription.IsSubscribed {
		return errMiss
	}

	return nil
}

// KeyBytes is what a key of seven characters takes of the memory that a cache
// holds: the text, in the runtime's size class for it. Its header belongs to
// the entry.
const KeyBytes = 8
