package kanuu

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// alertMemory is the [Deduplicator] of one process. A process that dies takes
// its claims along: they need no lease.
type alertMemory struct {
	mu      sync.Mutex
	running map[string]chan struct{} // closed when that delivery ends
	handled *recent[time.Time]       // until when to remember
}

func newAlertMemory() *alertMemory {
	return &alertMemory{running: make(map[string]chan struct{}), handled: newRecent[time.Time]()}
}

// Begin waits for the delivery that is under way, if there is one.
func (m *alertMemory) Begin(ctx context.Context, alertID string, _ time.Duration) (bool, error) {
	for {
		fresh, running := m.claim(alertID)
		if running == nil {
			return fresh, nil
		}
		select {
		case <-running:
		case <-ctx.Done():
			return false, fmt.Errorf("another delivery of the alert is under way: %w", ctx.Err())
		}
	}
}

// claim claims an alert if it is fresh, or returns the delivery to wait for.
func (m *alertMemory) claim(alertID string) (fresh bool, running chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if running, ok := m.running[alertID]; ok {
		return false, running
	}
	if until, _ := m.handled.get(alertID); time.Now().Before(until) {
		return false, nil
	}
	m.running[alertID] = make(chan struct{})
	return true, nil
}

// End lets those go on that wait.
func (m *alertMemory) End(_ context.Context, alertID string, handled bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if handled {
		m.handled.put(alertID, time.Now().Add(rememberAlerts))
	}
	close(m.running[alertID])
	delete(m.running, alertID)
	return nil
}
