// Package recent has a bounded map.
package recent

import (
	"container/list"
	"maps"
	"slices"
)

// Size is how many keys a [Map] keeps.
const Size = 10_000

// Map keeps the keys that were put last. A cache with an admission policy would
// not do: it rejects newcomers. It is not safe for concurrent use.
type Map[V any] struct {
	order *list.List // of keys, the oldest first
	items map[string]item[V]
}

type item[V any] struct {
	value V
	place *list.Element
}

// New makes a map.
func New[V any]() *Map[V] {
	return &Map[V]{order: list.New(), items: make(map[string]item[V])}
}

// Get returns the value of key, and whether there is one.
func (m *Map[V]) Get(key string) (V, bool) {
	found, ok := m.items[key]
	return found.value, ok
}

// Put sets the value of key, and removes the oldest key if there are too many.
func (m *Map[V]) Put(key string, value V) {
	if old, ok := m.items[key]; ok {
		m.order.MoveToBack(old.place)
		m.items[key] = item[V]{value, old.place}
		return
	}
	m.items[key] = item[V]{value, m.order.PushBack(key)}
	if len(m.items) > Size {
		m.Remove(m.order.Front().Value.(string)) //nolint:forcetypeassert // only Put writes to it
	}
}

// Remove removes key.
func (m *Map[V]) Remove(key string) {
	if old, ok := m.items[key]; ok {
		m.order.Remove(old.place)
		delete(m.items, key)
	}
}

// Keys are in no order.
func (m *Map[V]) Keys() []string { return slices.Collect(maps.Keys(m.items)) }
