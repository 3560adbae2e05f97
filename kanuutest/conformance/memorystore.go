package conformance

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// MemoryStore is a store in memory that instances in one process share through
// [MemoryStore.Connect]. It is for tests, and the shortest implementation of
// [kanuu.SharedCache] to read.
type MemoryStore struct {
	mu        sync.Mutex
	entries   map[string]storedValue
	versions  map[string]storedVersion
	locks     map[string]time.Time // until when
	instances map[*memoryInstance]func(key string)
	counter   int
	down      error
}

type storedValue struct {
	value   []byte
	version string
	began   time.Time
}

type storedVersion struct {
	version string
	at      time.Time
}

// NewMemoryStore makes an empty store.
func NewMemoryStore() *MemoryStore {
	return &MemoryStore{
		entries: make(map[string]storedValue), versions: make(map[string]storedVersion),
		locks: make(map[string]time.Time), instances: make(map[*memoryInstance]func(string)),
	}
}

// SetDown makes all operations fail with err until it is called with nil, which
// announces that any key may have changed.
func (s *MemoryStore) SetDown(err error) {
	s.mu.Lock()
	s.down = err
	s.mu.Unlock()
	if err == nil {
		s.announce(nil, "")
	}
}

// Connect returns the store as one instance has it.
func (s *MemoryStore) Connect() kanuu.SharedCache { return &memoryInstance{store: s} }

// announce calls the watchers of the instances other than author.
func (s *MemoryStore) announce(author *memoryInstance, key string) {
	s.mu.Lock()
	var watchers []func(string)
	for instance, changed := range s.instances {
		if instance != author {
			watchers = append(watchers, changed)
		}
	}
	s.mu.Unlock()
	for _, changed := range watchers {
		changed(key)
	}
}

type memoryInstance struct{ store *MemoryStore }

// enter locks the store, unless the operation cannot be done.
func (i *memoryInstance) enter(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	i.store.mu.Lock()
	if err := i.store.down; err != nil {
		i.store.mu.Unlock()
		return err
	}
	return nil
}

func (i *memoryInstance) Get(ctx context.Context, key string) (kanuu.SharedEntry, error) {
	if err := i.enter(ctx); err != nil {
		return kanuu.SharedEntry{}, err
	}
	defer i.store.mu.Unlock()
	version, invalidated := i.store.versions[key]
	entry := kanuu.SharedEntry{Version: version.version, InvalidatedAge: -1}
	if invalidated {
		entry.InvalidatedAge = time.Since(version.at)
	}
	if stored, ok := i.store.entries[key]; ok {
		entry.Value, entry.Age = stored.value, time.Since(stored.began)
		entry.Outdated = stored.version != version.version
	}
	return entry, nil
}

func (i *memoryInstance) Set(ctx context.Context, key string, value []byte, version string, age time.Duration) error {
	if err := i.enter(ctx); err != nil {
		return err
	}
	i.store.entries[key] = storedValue{value, version, time.Now().Add(-age)}
	i.store.mu.Unlock()
	i.store.announce(i, key)
	return nil
}

func (i *memoryInstance) Lock(ctx context.Context, key string, life time.Duration) (bool, error) {
	if err := i.enter(ctx); err != nil {
		return false, err
	}
	defer i.store.mu.Unlock()
	if time.Now().Before(i.store.locks[key]) {
		return false, nil
	}
	i.store.locks[key] = time.Now().Add(life)
	return true, nil
}

func (i *memoryInstance) Unlock(ctx context.Context, key string) error {
	if err := i.enter(ctx); err != nil {
		return err
	}
	defer i.store.mu.Unlock()
	delete(i.store.locks, key)
	return nil
}

func (i *memoryInstance) Invalidate(ctx context.Context, key string) error {
	if err := i.enter(ctx); err != nil {
		return err
	}
	i.store.counter++
	i.store.versions[key] = storedVersion{strconv.Itoa(i.store.counter), time.Now()}
	i.store.mu.Unlock()
	i.store.announce(i, key)
	return nil
}

func (i *memoryInstance) Watch(changed func(key string)) (stop func()) {
	i.store.mu.Lock()
	defer i.store.mu.Unlock()
	i.store.instances[i] = changed
	return func() {
		i.store.mu.Lock()
		defer i.store.mu.Unlock()
		delete(i.store.instances, i)
	}
}
