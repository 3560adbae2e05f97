// Package dedup remembers in the memory of one process which alerts were handled.
package dedup

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/recent"
)

// keep is how long an alert is remembered that was handled: Paddle delivers an
// alert again, once an hour for 72 hours, until it gets a 200.
const keep = 72 * time.Hour

// Memory is a kanuu.Deduplicator of the last 10,000 alerts. A process that dies
// takes its claims along: they need no lease.
type Memory struct {
	mu      sync.Mutex
	running map[string]chan struct{} // closed when that delivery ends
	handled *recent.Map[time.Time]   // until when to remember
}

// New makes one.
func New() *Memory {
	return &Memory{running: make(map[string]chan struct{}), handled: recent.New[time.Time]()}
}

// Begin waits for the delivery that runs, if there is one.
func (m *Memory) Begin(ctx context.Context, key string, _ time.Duration) (bool, error) {
	for {
		fresh, running := m.claim(key)
		if running == nil {
			return fresh, nil
		}
		select {
		case <-running:
		case <-ctx.Done():
			return false, fmt.Errorf("another delivery of the alert is being handled: %w", ctx.Err())
		}
	}
}

// claim claims an alert if it is fresh, or returns the delivery to wait for.
func (m *Memory) claim(key string) (fresh bool, running chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if running, ok := m.running[key]; ok {
		return false, running
	}
	if until, _ := m.handled.Get(key); time.Now().Before(until) {
		return false, nil
	}
	m.running[key] = make(chan struct{})
	return true, nil
}

// End releases the deliveries that wait.
func (m *Memory) End(_ context.Context, key string, handled bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if handled {
		m.handled.Put(key, time.Now().Add(keep))
	}
	close(m.running[key])
	delete(m.running, key)
	return nil
}
