package ledger

import (
	"encoding/json"
	"sync"
	"time"
)

// Store is a [Ledger] with a clock, for concurrent use. It publishes every event
// in the order in which it happened.
type Store struct {
	clock   func() time.Time
	publish func(Event)

	mu     sync.Mutex
	ledger *Ledger
}

// NewStore returns a store. Neither function may call the store.
func NewStore(plans []Plan, clock func() time.Time, publish func(Event)) *Store {
	return &Store{clock: clock, publish: publish, ledger: New(plans)}
}

// use lets one caller at a time use the ledger, and publishes the events that f
// returns before the next one does.
func use[T any](s *Store, f func(l *Ledger, wall time.Time) (T, []Event)) T {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, events := f(s.ledger, s.clock())
	for _, e := range events {
		s.publish(e)
	}
	return v
}

// Plans returns those on sale, not to be written to.
func (s *Store) Plans() []Plan { return s.ledger.plans }

// Plan is [Ledger.Plan].
func (s *Store) Plan(id int64) Plan { return s.ledger.Plan(id) }

// Now is the ledger's time.
func (s *Store) Now() time.Time {
	return use(s, func(l *Ledger, wall time.Time) (time.Time, []Event) { return l.Now(wall), nil })
}

// Do is [Ledger.Do], and returns the customer as it is afterwards.
func (s *Store) Do(identifier string, do Command) (c Customer, err error) {
	c = use(s, func(l *Ledger, wall time.Time) (Customer, []Event) {
		var events []Event
		events, err = l.Do(identifier, do, wall)
		c, more := l.Customer(identifier, wall)
		return c, append(events, more...)
	})
	return c, err
}

// Set is [Ledger.Set].
func (s *Store) Set(identifier string, is Subscription) {
	use(s, func(l *Ledger, wall time.Time) (none, []Event) { l.Set(identifier, is, wall); return none{}, nil })
}

// Meet is [Ledger.Meet].
func (s *Store) Meet(identifier string, contact Contact) {
	use(s, func(l *Ledger, _ time.Time) (none, []Event) { l.Meet(identifier, contact); return none{}, nil })
}

// Advance is [Ledger.Advance].
func (s *Store) Advance(d time.Duration) {
	use(s, func(l *Ledger, wall time.Time) (none, []Event) { return none{}, l.Advance(d, wall) })
}

// Remove is [Ledger.Remove].
func (s *Store) Remove(identifier string) {
	use(s, func(l *Ledger, _ time.Time) (none, []Event) { l.Remove(identifier); return none{}, nil })
}

// Save returns the [Books] as JSON.
func (s *Store) Save() ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return json.Marshal(s.ledger.books)
}

// Restore continues with the books of an earlier store.
func (s *Store) Restore(books Books) {
	use(s, func(l *Ledger, _ time.Time) (none, []Event) { l.restore(books); return none{}, nil })
}

type none struct{}

// Customer is [Ledger.Customer].
func (s *Store) Customer(identifier string) Customer {
	return use(s, func(l *Ledger, wall time.Time) (Customer, []Event) { return l.Customer(identifier, wall) })
}

// Customers is [Ledger.Customers].
func (s *Store) Customers() []Customer { return use(s, (*Ledger).Customers) }

// Invent is [Ledger.Invent].
func (s *Store) Invent(alert, identifier string) Event {
	return use(s, func(l *Ledger, wall time.Time) (Event, []Event) { return l.Invent(alert, identifier, wall), nil })
}
