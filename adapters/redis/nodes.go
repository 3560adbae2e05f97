package kanuuredis

import (
	"sync"
	"sync/atomic"

	"github.com/redis/rueidis"
)

// nodes of a cluster. A node announces the changes of its own keys, and rueidis
// connects only where it has a command for: without more, an instance would miss the
// changes of a key that has moved.
type nodes struct {
	lost    atomic.Bool     // whether a connection was lost since reach was called
	reached map[string]bool // by address
	slots   atomic.Pointer[[]slotRange]
}

// slotRange is a part of what a primary has.
type slotRange struct {
	first, last int64
	primary     string // its id
}

// reach connects to all nodes and reads which slots they have. Changes may have been
// missed where a connection is new.
func (s *Store) reach() {
	client := s.client.Load()
	if client == nil || (*client).Mode() != rueidis.ClientModeCluster {
		return
	}
	before, reached := s.nodes.reached, make(map[string]bool)
	if s.nodes.lost.Swap(false) {
		before = nil
	}
	var mu sync.Mutex
	var asking sync.WaitGroup
	for address, node := range (*client).Nodes() {
		asking.Go(func() {
			results, err := run(s.ctx, maxOperation, node, []rueidis.Completed{node.B().ClusterSlots().Build()})
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			reached[address] = true
			slots := readSlots(results[0])
			s.nodes.slots.Store(&slots)
			if !before[address] {
				s.missed.Store(true)
			}
		})
	}
	asking.Wait()
	s.nodes.reached = reached
}

// readSlots reads the response to CLUSTER SLOTS.
func readSlots(result rueidis.RedisResult) []slotRange {
	var slots []slotRange
	rows, _ := result.ToArray()
	for _, row := range rows {
		fields, err := row.ToArray() // first, last, [address, port, id, …] of the primary, …
		if err != nil || len(fields) < 3 {
			continue
		}
		first, _ := fields[0].AsInt64()
		last, _ := fields[1].AsInt64()
		if primary, err := fields[2].ToArray(); err == nil && len(primary) > 2 {
			id, _ := primary[2].ToString()
			slots = append(slots, slotRange{first, last, id})
		}
	}
	return slots
}

// shardOf returns the id of the primary that has key, or "" if Redis is no cluster.
func (s *Store) shardOf(key string) string {
	client, slots := s.client.Load(), s.nodes.slots.Load()
	if client == nil || slots == nil {
		return ""
	}
	command := (*client).B().Get().Key(s.key(entryKind, key)).Build()
	slot := int64(command.Slot()) // the same for all kinds of a key
	for _, r := range *slots {
		if r.first <= slot && slot <= r.last {
			return r.primary
		}
	}
	return ""
}
