// Package ledger keeps a fake Kanuu's subscriptions, payments and due dates.
package ledger

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Ledger has all customers. It is safe for concurrent use, and publishes every
// event in the order in which it happened.
type Ledger struct {
	plans   []Plan
	clock   func() time.Time
	publish func(Event)

	mu    sync.Mutex
	books Books
}

// Books are what a [Ledger] remembers, for a file.
type Books struct {
	Ahead     time.Duration // of the real clock
	Customers map[string]*Customer
	Met       []string // identifiers with a contact, oldest first
	LastID    int64    // of subscriptions
	LastPaid  int64    // of payments
}

// maxContacts bounds the identifiers of which only a nonce is known.
const maxContacts = 10_000

// New returns a ledger that sells the plans. Neither function may call the ledger.
func New(plans []Plan, clock func() time.Time, publish func(Event)) *Ledger {
	return &Ledger{plans: plans, clock: clock, publish: publish, books: Books{Customers: make(map[string]*Customer)}}
}

// Save returns the [Books] as JSON.
func (l *Ledger) Save() ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return json.Marshal(l.books)
}

// Restore continues with the books of an earlier ledger.
func (l *Ledger) Restore(books Books) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if books.Customers == nil {
		books.Customers = make(map[string]*Customer)
	}
	maps.DeleteFunc(books.Customers, func(_ string, c *Customer) bool { return c == nil })
	l.books = books
}

// Now is the ledger's time: the clock's, and what [Ledger.Advance] added.
func (l *Ledger) Now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now()
}

func (l *Ledger) now() time.Time { return l.clock().Add(l.books.Ahead).Round(0) }

// Plans returns those on sale, not to be written to.
func (l *Ledger) Plans() []Plan { return l.plans }

// Plan finds a plan; one that is not on sale has only a number, and 0 is none.
func (l *Ledger) Plan(id int64) Plan {
	if i := slices.IndexFunc(l.plans, func(p Plan) bool { return p.ID == id }); i >= 0 {
		return l.plans[i]
	}
	if id == 0 {
		return Plan{}
	}
	return Plan{ID: id, Name: "Plan " + strconv.FormatInt(id, 10)}
}

// Do carries a command out, and returns the customer as it is afterwards. Errors:
// [ErrAction], [ErrPlan] and [ErrState], which change nothing, and [ErrDeclined],
// where the events have what became of it.
func (l *Ledger) Do(identifier string, do Command) (Customer, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, now := l.current(identifier)
	if err := l.check(c, do, now); err != nil {
		return c.copy(), err
	}
	if do.Action == Skip {
		l.advance(c.next(now).Sub(now))
		return c.copy(), nil
	}
	l.books.Customers[identifier] = c
	events, err := l.take(c, now, func(t *turn) error { return t.carryOut(do) })
	l.publishAll(events)
	if byCustomer[do.Action] {
		c.Managed++
	}
	return c.copy(), err
}

// Set replaces a customer's subscription without an event. It keeps the
// payments, unless s is the zero Subscription.
func (l *Ledger) Set(identifier string, s Subscription) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.open(identifier)
	if s == (Subscription{}) {
		*c = Customer{Identifier: identifier, Contact: c.Contact, Met: c.Met}
		l.drop(c)
		return
	}
	c.set(s, l.now())
}

// Meet notes what came with a customer's newest nonce.
func (l *Ledger) Meet(identifier string, contact Contact) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.open(identifier)
	c.Contact = contact
	if c.Met {
		return
	}
	c.Met = true
	l.books.Met = append(l.books.Met, identifier)
	if len(l.books.Met) > maxContacts {
		oldest := l.books.Customers[l.books.Met[0]]
		l.books.Met = l.books.Met[1:]
		oldest.Contact, oldest.Met = Contact{}, false
		l.drop(oldest)
	}
}

// Remove removes a customer and everything about it, without an event.
func (l *Ledger) Remove(identifier string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.books.Customers, identifier)
	l.books.Met = slices.DeleteFunc(l.books.Met, func(met string) bool { return met == identifier })
}

func (l *Ledger) find(identifier string) *Customer {
	if c, ok := l.books.Customers[identifier]; ok {
		return c
	}
	return &Customer{Identifier: identifier}
}

// open is find, and keeps a customer who is new.
func (l *Ledger) open(identifier string) *Customer {
	c := l.find(identifier)
	l.books.Customers[identifier] = c
	return c
}

// current is find, after what fell due until now.
func (l *Ledger) current(identifier string) (c *Customer, now time.Time) {
	now = l.now()
	l.publishAll(l.applyDue(identifier, now))
	return l.find(identifier), now
}

func (l *Ledger) publishAll(events []Event) {
	for _, e := range events {
		l.publish(e)
	}
}

// drop removes a customer without any data.
func (l *Ledger) drop(c *Customer) {
	if !c.Met && c.Status == "" {
		delete(l.books.Customers, c.Identifier)
	}
}

// Customer returns a copy of what there is about an identifier.
func (l *Ledger) Customer(identifier string) Customer {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, _ := l.current(identifier)
	return c.copy()
}

// Customers returns everyone who has or had a subscription, or asked for a
// nonce, sorted by identifier.
func (l *Ledger) Customers() []Customer {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(0)
	list := make([]Customer, 0, len(l.books.Customers))
	for _, c := range l.books.Customers {
		list = append(list, c.copy())
	}
	slices.SortFunc(list, func(x, y Customer) int { return cmp.Compare(x.Identifier, y.Identifier) })
	return list
}

// Advance moves the time forward, and lets happen what falls due on the way, in
// its order. It panics when d is negative.
func (l *Ledger) Advance(d time.Duration) {
	if d < 0 {
		panic("kanuutest: Advance: time does not go back: use a positive duration")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(d)
}

func (l *Ledger) advance(d time.Duration) {
	l.books.Ahead += d
	var events []Event
	now := l.now()
	for _, identifier := range slices.Sorted(maps.Keys(l.books.Customers)) {
		events = append(events, l.applyDue(identifier, now)...)
	}
	slices.SortStableFunc(events, func(x, y Event) int { return x.At.Compare(y.At) })
	l.publishAll(events)
}

// retries are the waits between the attempts at a payment, before it is canceled.
var retries = [...]time.Duration{3 * day, 2 * day, 2 * day}

const day = 24 * time.Hour

// applyDue lets happen what falls due for a customer until then.
func (l *Ledger) applyDue(identifier string, until time.Time) (events []Event) {
	c := l.find(identifier)
	for !c.Due.IsZero() && !c.Due.After(until) {
		happened, _ := l.take(c, c.Due, (*turn).renew) // the events have a card that was declined
		events = append(events, happened...)
		if c.Status == StatusPastDue && c.Due.IsZero() {
			happened, _ = l.take(c, happened[0].At, func(t *turn) error { t.cancel(); return nil })
			events = append(events, happened...)
		}
	}
	return events
}

func (l *Ledger) nextID() int64 {
	l.books.LastID++
	return 700_000 + l.books.LastID
}

// turn is one step in a customer's life.
type turn struct {
	*Customer
	ledger *Ledger
	at     time.Time
	events []Event
}

// take lets a step happen. All alerts of a step have its before and after.
func (l *Ledger) take(c *Customer, at time.Time, step func(*turn) error) ([]Event, error) {
	before := c.Subscription
	t := &turn{Customer: c, ledger: l, at: at}
	err := step(t)
	for i := range t.events {
		e := &t.events[i]
		e.At, e.Identifier, e.Contact = at, c.Identifier, c.Contact
		e.Before, e.After = before, c.Subscription
		e.OldPlan, e.Plan = l.Plan(before.PlanID), l.Plan(c.PlanID)
	}
	return t.events, err
}

func (t *turn) plan() Plan { return t.ledger.Plan(t.PlanID) }

func (t *turn) tell(alert string, p Payment) {
	t.events = append(t.events, Event{Alert: alert, Payment: p})
}

// renew charges for a period that begins now.
func (t *turn) renew() error {
	status, price := t.Status, cmp.Or(t.plan().Price, free)
	var err error
	if t.Declined {
		err = ErrDeclined
		t.decline(price)
	} else {
		t.pay(price, false)
		t.begin(StatusActive, Renewal(t.plan(), t.at))
	}
	if t.Status != status {
		t.tell(Updated, Payment{})
	}
	return err
}

// pay is a payment that goes through.
func (t *turn) pay(amount string, first bool) {
	t.charge(PaymentSucceededAlert, Payment{Amount: amount, Status: PaymentPaid, First: first})
}

// decline is one that does not. No due date is left after the last attempt.
func (t *turn) decline(amount string) {
	t.Failures++
	t.Status, t.Due = StatusPastDue, time.Time{}
	if t.Failures <= len(retries) {
		t.Due = t.at.Add(retries[t.Failures-1])
	}
	t.charge(PaymentFailedAlert,
		Payment{Amount: amount, Status: PaymentFailed, Attempt: t.Failures, NextRetry: t.Due})
}

func (t *turn) charge(alert string, p Payment) {
	t.ledger.books.LastPaid++
	switch {
	case p.First:
		t.Instalments = 1
	case p.Status == PaymentPaid:
		t.Instalments++
	}
	p.Instalments = max(t.Instalments, 1)
	p.ID = 500_000 + t.ledger.books.LastPaid
	p.OrderID = fmt.Sprintf("1-%d", p.ID)
	p.At, p.Plan = t.at, t.plan()
	t.Payments = append(t.Payments, p)
	t.Payments = t.Payments[max(0, len(t.Payments)-maxPayments):]
	t.tell(alert, p)
}
