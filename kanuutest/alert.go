package kanuutest

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What happens to a subscription, as the alerts that Paddle Classic makes of
// it.

// alertNames in the order of a subscription's life.
var alertNames = []string{
	alertCreated, alertUpdated, alertCancelled, alertPaymentSucceeded, alertPaymentFailed, alertPaymentRefunded,
}

// AlertNames are the alerts that a fake sends: Paddle's six about
// subscriptions.
func AlertNames() []string { return slices.Clone(alertNames) }

// Trigger sends an alert about an identifier, as if it had just happened. The
// subscription stays as it is: what the alert says is taken from it, or made up
// where the identifier has none, as it would be right after such a change. It
// returns an error when the identifier is empty, or the name is none of
// [AlertNames].
func (k *Kanuu) Trigger(alertName, identifier string) error {
	_, err := k.trigger(alertName, identifier, nil)
	return err
}

// trigger sends the alert with fields that replace its own, or come in addition.
func (k *Kanuu) trigger(alertName, identifier string, fields map[string]string) (*delivery, error) {
	if identifier == "" {
		return nil, fmt.Errorf("kanuutest: cannot trigger %s: the identifier is empty", alertName)
	}
	if !slices.Contains(alertNames, alertName) {
		return nil, fmt.Errorf("kanuutest: no alert is named %q: use one of %s", alertName, strings.Join(alertNames, ", "))
	}
	c := k.invent(alertName, identifier)
	w := c.webhook(k.instalments(c))
	maps.Copy(w.Fields, fields)
	if err := k.deliveries.signer.check(w, fields); err != nil {
		return nil, fmt.Errorf("kanuutest: cannot trigger %s: %w", alertName, err)
	}
	return k.deliveries.send(w), nil
}

// tell hands changes on to whoever listens, in the order of events.
func (k *Kanuu) tell(changes ...change) {
	for _, c := range changes {
		k.deliveries.send(c.webhook(k.instalments(c)))
	}
}

// instalments counts the payments for a subscription up to the change's own.
func (k *Kanuu) instalments(c change) int {
	count := 0
	for _, p := range k.customer(c.identifier).payments {
		switch {
		case p.ID > c.payment.ID:
		case p.First:
			count = 1
		case p.Status != paymentFailed:
			count++
		}
	}
	return max(count, 1)
}

// invent is a change that did not happen, about what the identifier has.
func (k *Kanuu) invent(alertName, identifier string) change {
	now, contact, has := k.Now(), k.links.contact(identifier), k.customer(identifier)
	s := has.Subscription
	if s.PlanID == 0 {
		s.PlanID = k.plans[0].ID
	}
	if s.SubscriptionID == 0 {
		s.SubscriptionID = 600_000 + number(identifier)
	}
	plan := k.plan(s.PlanID)
	if !s.running() {
		s.Status = StatusActive
	}
	if !s.PaidUntil.After(now) {
		s.PaidUntil = plan.addPeriods(now, 1)
	}
	c := change{
		alert: alertName, at: now, identifier: identifier, email: contact.email, supplemental: contact.supplemental,
		before: s, after: s, plan: plan, oldPlan: plan,
	}
	switch alertName {
	case alertCreated:
		c.before, c.oldPlan = Subscription{}, Plan{}
	case alertUpdated:
		// From another plan, if there is one.
		if i := slices.IndexFunc(k.plans, func(p Plan) bool { return p.ID != plan.ID }); i >= 0 {
			c.oldPlan = k.plans[i]
			c.before.PlanID = c.oldPlan.ID
		}
	case alertCancelled:
		c.after.Status = StatusCanceled
	case alertPaymentSucceeded:
		c.payment = c.bill(has, paymentPaid)
	case alertPaymentFailed:
		c.after.Status, c.after.PaidUntil = StatusPastDue, now
		c.payment = c.bill(has, paymentFailed)
		c.payment.Attempt, c.payment.NextRetry = 1, now.Add(retries[0])
	case alertPaymentRefunded:
		c.payment = c.bill(has, paymentRefunded)
	}
	return c
}

// bill is the customer's newest payment, or one that there might have been.
func (c change) bill(has customer, status string) payment {
	p := payment{ID: 400_000 + number(c.identifier), Amount: c.plan.Price}
	if last := len(has.payments) - 1; last >= 0 {
		p = has.payments[last]
	}
	p.OrderID = fmt.Sprintf("1-%d", p.ID)
	p.At, p.Plan, p.Currency, p.Status = c.at, c.plan, c.plan.Currency, status
	return p
}

// number is Paddle's number of a customer, the same each time.
func number(identifier string) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(identifier)) // never fails
	return 10_000 + int64(h.Sum32()%90_000)
}

// paddleStatus is a status as Paddle writes it.
func paddleStatus(status string) string {
	switch status {
	case StatusPastDue:
		return "past_due"
	case StatusCanceled:
		return "deleted"
	}
	return status
}

// webhook has all fields that Paddle's reference lists for the alert.
func (c change) webhook(instalments int) Webhook {
	fields := map[string]string{
		"checkout_id":          fmt.Sprintf("%d-chre%08x", number(c.identifier), c.after.SubscriptionID),
		"currency":             c.plan.Currency,
		"email":                or(c.email, fmt.Sprintf("customer-%d@example.com", number(c.identifier))),
		"marketing_consent":    "0",
		"status":               paddleStatus(c.after.Status),
		"subscription_id":      text64(c.after.SubscriptionID),
		"subscription_plan_id": text64(c.after.PlanID),
		"user_id":              text64(number(c.identifier)),
	}
	switch c.alert {
	case alertCreated:
		c.addManageURLs(fields)
		add(fields, "linked_subscriptions", "", "next_bill_date", date(c.after.PaidUntil), "quantity", "1", "source", "",
			"unit_price", c.plan.Price)
	case alertUpdated:
		c.addManageURLs(fields)
		c.addUpdate(fields)
	case alertCancelled:
		end := c.after.PaidUntil
		if end.Before(c.at) {
			end = c.at
		}
		add(fields, "cancellation_effective_date", date(end), "linked_subscriptions", "", "quantity", "1",
			"unit_price", c.plan.Price)
	case alertPaymentSucceeded:
		c.addPayment(fields, instalments)
		c.addReceipt(fields)
	case alertPaymentFailed:
		c.addManageURLs(fields)
		c.addPayment(fields, instalments)
		add(fields, "amount", c.payment.Amount, "attempt_number", strconv.Itoa(max(c.payment.Attempt, 1)),
			"next_retry_date", date(c.payment.NextRetry))
	case alertPaymentRefunded:
		c.addPayment(fields, instalments)
		c.addRefund(fields)
	}
	return Webhook{
		AlertName: c.alert, Time: c.at, Identifier: c.identifier, Supplemental: c.supplemental, Fields: fields,
	}
}

func (c change) addManageURLs(fields map[string]string) {
	const url = "https://checkout.paddle.com/subscription/%s?user=%d&subscription=%d&hash=%08x"
	user, subscription := number(c.identifier), c.after.SubscriptionID
	fields["cancel_url"] = fmt.Sprintf(url, "cancel", user, subscription, subscription^0x3f1e42)
	fields["update_url"] = fmt.Sprintf(url, "update", user, subscription, subscription^0xa1b2c3)
}

func (c change) addUpdate(fields map[string]string) {
	add(fields, "linked_subscriptions", "",
		"new_price", c.plan.Price, "new_quantity", "1", "new_unit_price", c.plan.Price,
		"next_bill_date", date(c.after.PaidUntil),
		"old_next_bill_date", date(c.before.PaidUntil), "old_price", c.oldPlan.Price, "old_quantity", "1",
		"old_status", paddleStatus(c.before.Status), "old_subscription_plan_id", text64(c.before.PlanID),
		"old_unit_price", c.oldPlan.Price)
	if c.after.Status != StatusPaused {
		return
	}
	from := c.after.PaidUntil
	if from.Before(c.at) {
		from = c.at
	}
	add(fields, "paused_at", clock(c.at), "paused_from", clock(from), "paused_reason", "voluntary")
}

func (c change) addPayment(fields map[string]string, instalments int) {
	add(fields, "currency", or(c.payment.Currency, c.plan.Currency), "instalments", strconv.Itoa(instalments),
		"order_id", c.payment.OrderID, "quantity", "1", "subscription_payment_id", text64(c.payment.ID),
		"unit_price", or(c.payment.Amount, c.plan.Price))
}

func (c change) addReceipt(fields map[string]string) {
	gross, tax, fee, earnings := account(c.payment.Amount)
	add(fields, "balance_currency", fields["currency"],
		"balance_earnings", earnings, "balance_fee", fee, "balance_gross", gross, "balance_tax", tax,
		"country", "DE", "coupon", "", "customer_name", "Test Customer",
		"earnings", earnings, "fee", fee, "initial_payment", flag(c.payment.First),
		"next_bill_date", date(c.after.PaidUntil), "next_payment_amount", c.plan.Price, "payment_method", "card",
		"payment_tax", tax, "plan_name", or(c.payment.Plan.Name, c.plan.Name),
		"receipt_url", fmt.Sprintf("https://my.paddle.com/receipt/%s/%s", c.payment.OrderID, fields["checkout_id"]),
		"sale_gross", gross)
}

func (c change) addRefund(fields map[string]string) {
	gross, tax, fee, earnings := account(c.payment.Amount)
	add(fields, "amount", gross, "balance_currency", fields["currency"],
		"balance_earnings_decrease", earnings, "balance_fee_refund", fee,
		"balance_gross_refund", gross, "balance_tax_refund", tax,
		"earnings_decrease", earnings, "fee_refund", fee, "gross_refund", gross,
		"initial_payment", flag(c.payment.First), "refund_reason", "Refunded for a test", "refund_type", "full",
		"tax_refund", tax)
}

// add sets fields, given as names and values in turn.
func add(fields map[string]string, pairs ...string) {
	for pair := range slices.Chunk(pairs, 2) {
		fields[pair[0]] = pair[1]
	}
}

// account is what becomes of a price: 19 % tax as in Germany, and Paddle's fee
// of 5 % and 50 cents.
func account(price string) (gross, tax, fee, earnings string) {
	all := parsePrice(price)
	due := all.share(19, 119)
	kept := min(all.share(5, 100)+50, all-due)
	return all.String(), due.String(), kept.String(), (all - due - kept).String()
}

func text64(n int64) string { return strconv.FormatInt(n, 10) }

func flag(is bool) string {
	if is {
		return "1"
	}
	return "0"
}

func date(t time.Time) string  { return stamp(t, time.DateOnly) }
func clock(t time.Time) string { return stamp(t, time.DateTime) }

func stamp(t time.Time, layout string) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(layout)
}
