package kanuutest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// customer is everything about an identifier.
type customer struct {
	Subscription
	trial    bool      // what lasts until PaidUntil is a trial
	due      time.Time // when something happens by itself; zero: never
	failures int       // of the payment that is due, in a row
	declined bool      // payments do not go through
	card     string    // its last four digits
	payments []payment // the newest maxPayments, oldest first
}

// maxPayments is two years of a monthly plan.
const maxPayments = 24

// books are all customers, and what happened to them and was not told yet.
type books struct {
	mu        sync.Mutex
	customers map[string]*customer
	lastID    int64 // of subscriptions
	lastPaid  int64 // of payments
	untold    []change
	telling   bool
}

func (b *books) set(identifier string, s Subscription, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s == (Subscription{}) {
		delete(b.customers, identifier)
		return
	}
	c := b.open(identifier)
	c.Subscription = s
	c.trial, c.declined, c.failures, c.due = s.Status == StatusTrialing, false, 0, time.Time{}
	switch {
	case s.running() && s.PaidUntil.After(now):
		c.due = s.PaidUntil
	case s.Status == StatusPastDue:
		c.declined, c.failures = true, 1
		c.due = now.Add(retries[0])
	}
}

// open returns a customer to write to; the caller has the lock.
func (b *books) open(identifier string) *customer {
	if c, ok := b.customers[identifier]; ok {
		return c
	}
	if b.customers == nil {
		b.customers = make(map[string]*customer)
	}
	c := new(customer)
	b.customers[identifier] = c
	return c
}

// customer returns a copy of what there is about an identifier by now.
func (k *Kanuu) customer(identifier string) customer {
	b := &k.books
	b.mu.Lock()
	var found customer
	if c, ok := b.customers[identifier]; ok {
		k.settle(identifier, c, k.Now())
		found = *c
		found.payments = slices.Clone(c.payments)
	}
	b.mu.Unlock()
	k.tellAll()
	return found
}

// customerSummary is a line in a list of customers.
type customerSummary struct {
	Identifier   string
	Email        string // of the newest nonce; may be empty
	Subscription Subscription
	PlanName     string // empty: never subscribed
}

// customers lists everybody who has or had a subscription, or asked for a
// link, sorted by identifier.
func (k *Kanuu) customers() []customerSummary {
	byID := make(map[string]customerSummary)
	for identifier, contact := range k.links.contacts() {
		byID[identifier] = customerSummary{Identifier: identifier, Email: contact.email}
	}
	b := &k.books
	b.mu.Lock()
	k.settleAll(k.Now())
	for identifier, c := range b.customers {
		line := byID[identifier]
		line.Identifier, line.Subscription = identifier, c.Subscription
		if c.Status != "" {
			line.PlanName = k.plan(c.PlanID).Name
		}
		byID[identifier] = line
	}
	b.mu.Unlock()
	k.tellAll()
	return slices.SortedFunc(maps.Values(byID), func(x, y customerSummary) int {
		return cmp.Compare(x.Identifier, y.Identifier)
	})
}

// activeCustomers counts those who are subscribed.
func (k *Kanuu) activeCustomers() int {
	b, now, n := &k.books, k.Now(), 0
	b.mu.Lock()
	k.settleAll(now)
	for _, c := range b.customers {
		if c.subscribed(now) {
			n++
		}
	}
	b.mu.Unlock()
	k.tellAll()
	return n
}

// news is what an event has to tell.
type news struct {
	alert   string
	payment payment
}

// happen lets an event happen to a customer and keeps its news until they are
// told; the caller has the lock.
func (k *Kanuu) happen(identifier string, c *customer, at time.Time, event func() []news) {
	before := c.Subscription
	for _, n := range event() {
		contact := k.links.contact(identifier)
		k.books.untold = append(k.books.untold, change{
			alert:        n.alert,
			at:           at,
			identifier:   identifier,
			email:        contact.email,
			supplemental: contact.supplemental,
			before:       before,
			after:        c.Subscription,
			plan:         k.planOrNone(c.PlanID),
			oldPlan:      k.planOrNone(before.PlanID),
			payment:      n.payment,
		})
	}
}

func (k *Kanuu) planOrNone(id int64) Plan {
	if id == 0 {
		return Plan{}
	}
	return k.plan(id)
}

// tellAll tells what was not told yet, without the lock. When somebody else is
// at it, they tell this too: so what happened is told in its order.
func (k *Kanuu) tellAll() {
	b := &k.books
	for {
		b.mu.Lock()
		if b.telling || len(b.untold) == 0 {
			b.mu.Unlock()
			return
		}
		changes := b.untold
		b.untold, b.telling = nil, true
		b.mu.Unlock()

		k.tell(changes...)

		b.mu.Lock()
		b.telling = false
		b.mu.Unlock()
	}
}

// enter adds a payment to a customer's history.
func (b *books) enter(c *customer, p payment) payment {
	b.lastPaid++
	p.ID = 500_000 + b.lastPaid
	p.OrderID = fmt.Sprintf("1-%d", p.ID)
	c.payments = append(c.payments, p)
	if extra := len(c.payments) - maxPayments; extra > 0 {
		c.payments = slices.Delete(c.payments, 0, extra)
	}
	return p
}

// nextID numbers the subscriptions that are bought in the portal.
func (b *books) nextID() int64 {
	b.lastID++
	return 700_000 + b.lastID
}
