package ledger

import (
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

// with lets one caller at a time use the ledger, and publishes the events that f
// returns before the next one does.
func (s *Store) with(f func(l *Ledger, wall time.Time) []Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range f(s.ledger, s.clock()) {
		s.publish(e)
	}
}

// Now is the ledger's time.
func (s *Store) Now() (now time.Time) {
	s.with(func(l *Ledger, wall time.Time) []Event { now = l.Now(wall); return nil })
	return now
}

// Plans returns those on sale, not to be written to.
func (s *Store) Plans() []Plan { return s.ledger.plans }

// Plan is [Ledger.Plan].
func (s *Store) Plan(id int64) Plan { return s.ledger.Plan(id) }

// OnSale is [Ledger.OnSale].
func (s *Store) OnSale(id int64) bool { return s.ledger.OnSale(id) }

// Do is [Ledger.Do], and returns the customer as it is afterwards.
func (s *Store) Do(identifier string, do Command) (c Customer, err error) {
	s.with(func(l *Ledger, wall time.Time) []Event {
		var events, more []Event
		events, err = l.Do(identifier, do, wall)
		c, more = l.Customer(identifier, wall)
		return append(events, more...)
	})
	return c, err
}

// Set is [Ledger.Set].
func (s *Store) Set(identifier string, is Subscription) {
	s.with(func(l *Ledger, wall time.Time) []Event { l.Set(identifier, is, wall); return nil })
}

// Meet is [Ledger.Meet].
func (s *Store) Meet(identifier string, contact Contact) {
	s.with(func(l *Ledger, _ time.Time) []Event { l.Meet(identifier, contact); return nil })
}

// Advance is [Ledger.Advance].
func (s *Store) Advance(d time.Duration) {
	s.with(func(l *Ledger, wall time.Time) []Event { return l.Advance(d, wall) })
}

// Customer is [Ledger.Customer].
func (s *Store) Customer(identifier string) (c Customer) {
	s.with(func(l *Ledger, wall time.Time) (events []Event) {
		c, events = l.Customer(identifier, wall)
		return events
	})
	return c
}

// Customers is [Ledger.Customers].
func (s *Store) Customers() (list []Customer) {
	s.with(func(l *Ledger, wall time.Time) (events []Event) {
		list, events = l.Customers(wall)
		return events
	})
	return list
}

// Subscribed is [Ledger.Subscribed].
func (s *Store) Subscribed() (n int) {
	s.with(func(l *Ledger, wall time.Time) (events []Event) {
		n, events = l.Subscribed(wall)
		return events
	})
	return n
}

// Invent is [Ledger.Invent].
func (s *Store) Invent(alert, identifier string) (e Event) {
	s.with(func(l *Ledger, wall time.Time) []Event { e = l.Invent(alert, identifier, wall); return nil })
	return e
}
