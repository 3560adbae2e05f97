// Package ledger keeps the books of a fake Kanuu: subscriptions, payments, and the
// dates when something falls due. A [Ledger] has no clock, network or
// lock: it is told the time, and returns what happened as events. A [Store]
// adds a clock and a lock.
package ledger

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Ledger has all customers. Every wall is the time of the real clock, to which
// the ledger adds what [Ledger.Advance] did.
type Ledger struct {
	plans []Plan
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

// New returns a ledger that sells the plans.
func New(plans []Plan) *Ledger {
	return &Ledger{plans: plans, books: Books{Customers: make(map[string]*Customer)}}
}

func (l *Ledger) restore(books Books) {
	if books.Customers == nil {
		books.Customers = make(map[string]*Customer)
	}
	maps.DeleteFunc(books.Customers, func(_ string, c *Customer) bool { return c == nil })
	l.books = books
}

// Now is the ledger's time.
func (l *Ledger) Now(wall time.Time) time.Time { return wall.Add(l.books.Ahead).Round(0) }

// Plan finds a plan; one that is not on sale has only a number.
func (l *Ledger) Plan(id int64) Plan {
	for _, p := range l.plans {
		if p.ID == id {
			return p
		}
	}
	if id == 0 {
		return Plan{Name: "Unknown plan"}
	}
	return Plan{ID: id, Name: "Plan " + strconv.FormatInt(id, 10)}
}

// Do carries a command out, and returns what happened: first what fell due until
// now. Errors: [ErrAction], [ErrPlan] and [ErrState], which change nothing, and
// [ErrDeclined], where the events say what became of it.
func (l *Ledger) Do(identifier string, do Command, wall time.Time) ([]Event, error) {
	now := l.Now(wall)
	events := l.settle(identifier, now)
	c, known := l.books.Customers[identifier]
	if !known {
		c = &Customer{Identifier: identifier}
	}
	if err := l.check(c, do, now); err != nil {
		return events, err
	}
	if do.Action == Skip {
		return append(events, l.Advance(c.next(now).Sub(now), wall)...), nil
	}
	l.books.Customers[identifier] = c
	happened, err := l.take(c, now, func(t *turn) error { return t.carryOut(do) })
	if slices.Contains(customers, do.Action) {
		c.Managed++
	}
	return append(events, happened...), err
}

// Set replaces a customer's subscription without an event. It keeps the
// payments, unless s is the zero Subscription.
func (l *Ledger) Set(identifier string, s Subscription, wall time.Time) {
	c := l.open(identifier)
	if s == (Subscription{}) {
		*c = Customer{Identifier: identifier, Contact: c.Contact, Met: c.Met}
		l.drop(c)
		return
	}
	c.set(s, l.Now(wall))
}

// Meet notes what came with a customer's newest nonce.
func (l *Ledger) Meet(identifier string, contact Contact) {
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

func (l *Ledger) open(identifier string) *Customer {
	c, ok := l.books.Customers[identifier]
	if !ok {
		c = &Customer{Identifier: identifier}
		l.books.Customers[identifier] = c
	}
	return c
}

// Remove removes a customer and everything about it, without an event.
func (l *Ledger) Remove(identifier string) {
	delete(l.books.Customers, identifier)
	l.books.Met = slices.DeleteFunc(l.books.Met, func(met string) bool { return met == identifier })
}

// drop removes a customer without any data.
func (l *Ledger) drop(c *Customer) {
	if !c.Met && c.Status == "" {
		delete(l.books.Customers, c.Identifier)
	}
}

// Customer returns a copy of what there is about an identifier, and what fell
// due until now.
func (l *Ledger) Customer(identifier string, wall time.Time) (Customer, []Event) {
	events := l.settle(identifier, l.Now(wall))
	if c, ok := l.books.Customers[identifier]; ok {
		return c.copy(), events
	}
	return Customer{Identifier: identifier}, events
}

// Customers returns everyone who has or had a subscription, or asked for a
// nonce, sorted by identifier, and what fell due until now.
func (l *Ledger) Customers(wall time.Time) ([]Customer, []Event) {
	events := l.Advance(0, wall)
	list := make([]Customer, 0, len(l.books.Customers))
	for _, c := range l.books.Customers {
		list = append(list, c.copy())
	}
	slices.SortFunc(list, func(x, y Customer) int { return cmp.Compare(x.Identifier, y.Identifier) })
	return list, events
}

// Advance moves the time forward, and lets happen what falls due on the way, in
// its order. It panics when d is negative.
func (l *Ledger) Advance(d time.Duration, wall time.Time) []Event {
	if d < 0 {
		panic("kanuutest: Advance: time does not go back: use a positive duration")
	}
	l.books.Ahead += d
	var events []Event
	for _, identifier := range slices.Sorted(maps.Keys(l.books.Customers)) {
		events = append(events, l.settle(identifier, l.Now(wall))...)
	}
	slices.SortStableFunc(events, func(x, y Event) int { return x.At.Compare(y.At) })
	return events
}

// retries are the waits between the attempts at a payment that is due. After
// the last, the subscription is canceled.
var retries = [...]time.Duration{3 * day, 2 * day, 2 * day}

const day = 24 * time.Hour

// settle lets happen what falls due for a customer until then.
func (l *Ledger) settle(identifier string, until time.Time) []Event {
	c, ok := l.books.Customers[identifier]
	if !ok {
		return nil
	}
	var events []Event
	for !c.Due.IsZero() && !c.Due.After(until) {
		happened, _ := l.take(c, c.Due, (*turn).renew) // the events tell of a card that was declined
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
		e.OldPlan, e.Plan = l.planOrNone(before.PlanID), l.planOrNone(c.PlanID)
	}
	return t.events, err
}

func (l *Ledger) planOrNone(id int64) Plan {
	if id == 0 {
		return Plan{}
	}
	return l.Plan(id)
}

func (t *turn) plan() Plan { return t.ledger.Plan(t.PlanID) }

func (t *turn) tell(alert string, p Payment) {
	t.events = append(t.events, Event{Alert: alert, Payment: p})
}

// renew charges for a period that begins now, whether it is the first attempt
// or a later one.
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

// decline is one that does not: the subscription is overdue. No due date is
// left when it was the last attempt.
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
	t.enter(p)
	t.tell(alert, p)
}
