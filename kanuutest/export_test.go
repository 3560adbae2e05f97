package kanuutest

import (
	"fmt"
	"strings"
	"time"
)

// Changes returns what there is to tell after something was done, a line for
// each change, and tells nothing of it.
func (k *Kanuu) Changes(do func()) []string {
	k.books.mu.Lock()
	k.books.telling = true
	k.books.mu.Unlock()
	do()
	k.books.mu.Lock()
	defer k.books.mu.Unlock()
	var lines []string
	for _, c := range k.books.untold {
		lines = append(lines, c.line())
	}
	k.books.untold, k.books.telling = nil, false
	return lines
}

func (c change) line() string {
	words := []string{
		c.at.Format(time.DateOnly), c.identifier, strings.TrimPrefix(c.alert, "subscription_"),
		strings.TrimSuffix(or(c.before.Status, "-")+"/"+c.oldPlan.Name, "/") + "→" + c.after.Status + "/" + c.plan.Name,
	}
	if p := c.payment; p != (payment{}) {
		words = append(words, p.Plan.Name, p.Amount, p.Currency, p.Status)
		if p.First {
			words = append(words, "first")
		}
		if p.Attempt > 0 {
			words = append(words, fmt.Sprintf("attempt %d", p.Attempt))
		}
		if !p.NextRetry.IsZero() {
			words = append(words, "next "+p.NextRetry.Format(time.DateOnly))
		}
	}
	if c.email != "" {
		words = append(words, c.email)
	}
	for name, value := range c.supplemental {
		words = append(words, name+"="+value)
	}
	return strings.Join(words, " ")
}

// Customers is the list of customers, a line for each.
func (k *Kanuu) Customers() []string {
	var lines []string
	for _, c := range k.customers() {
		lines = append(lines, strings.Join([]string{c.Identifier, c.Email, c.Subscription.Status, c.PlanName}, "|"))
	}
	return lines
}

// Act is a button of the portal.
func (k *Kanuu) Act(identifier, action, plan string) bool { return k.act(identifier, action, plan) }
