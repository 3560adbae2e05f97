package kanuu

import (
	"container/list"
	"maps"
	"slices"
)

// recent is a map that keeps the maxRecent identifiers that were put last. A
// cache with an admission policy would not do: it turns newcomers away.
type recent[V any] struct {
	order *list.List // of identifiers, the oldest first
	byID  map[string]recentItem[V]
}

type recentItem[V any] struct {
	value V
	place *list.Element
}

func newRecent[V any]() *recent[V] {
	return &recent[V]{order: list.New(), byID: make(map[string]recentItem[V])}
}

func (r *recent[V]) get(identifier string) (V, bool) {
	item, ok := r.byID[identifier]
	return item.value, ok
}

func (r *recent[V]) put(identifier string, value V) {
	if item, ok := r.byID[identifier]; ok {
		r.order.MoveToBack(item.place)
		r.byID[identifier] = recentItem[V]{value, item.place}
		return
	}
	r.byID[identifier] = recentItem[V]{value, r.order.PushBack(identifier)}
	if len(r.byID) > maxRecent {
		r.remove(r.order.Front().Value.(string)) //nolint:forcetypeassert // only put writes to it
	}
}

func (r *recent[V]) remove(identifier string) {
	if item, ok := r.byID[identifier]; ok {
		r.order.Remove(item.place)
		delete(r.byID, identifier)
	}
}

func (r *recent[V]) identifiers() []string { return slices.Collect(maps.Keys(r.byID)) }
