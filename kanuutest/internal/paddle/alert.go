package paddle

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// alert makes Paddle's alert of an event: the sample of the same name, with the
// fields that the event knows.
func alert(e ledger.Event) Webhook {
	fields := map[string]string{
		"checkout_id":          fmt.Sprintf("%d-chre%08x", ledger.Number(e.Identifier), e.After.SubscriptionID),
		"currency":             e.Plan.Currency,
		"email":                cmp.Or(e.Email, fmt.Sprintf("customer-%d@example.com", ledger.Number(e.Identifier))),
		"marketing_consent":    "0",
		"status":               status(e.After.Status),
		"subscription_id":      id(e.After.SubscriptionID),
		"subscription_plan_id": id(e.After.PlanID),
		"unit_price":           e.Plan.Price,
		"user_id":              id(ledger.Number(e.Identifier)),
	}
	switch e.Alert {
	case ledger.Created:
		addURLs(fields, e)
		add(fields, "linked_subscriptions", "", "next_bill_date", date(e.After.PaidUntil), "source", "")
	case ledger.Updated:
		addURLs(fields, e)
		addUpdate(fields, e)
	case ledger.Cancelled:
		add(fields, "cancellation_effective_date", date(later(e.After.PaidUntil, e.At)))
	case ledger.PaymentSucceededAlert:
		addPayment(fields, e)
		addReceipt(fields, e)
	case ledger.PaymentFailedAlert:
		addURLs(fields, e)
		addPayment(fields, e)
		add(fields, "amount", e.Payment.Amount, "attempt_number", strconv.Itoa(e.Payment.Attempt),
			"next_retry_date", date(e.Payment.NextRetry))
	case ledger.PaymentRefundedAlert:
		addPayment(fields, e)
		addRefund(fields, e)
	}
	return Webhook{AlertName: e.Alert, Time: e.At, Identifier: e.Identifier, Supplemental: e.Supplemental, Fields: fields}
}

// split makes two updates of one, as Paddle sends them for some changes: they
// share a second, and the second one continues from what the first one says.
func split(e ledger.Event) []ledger.Event {
	first, second := e, e
	first.After.PaidUntil = e.Before.PaidUntil
	second.Before, second.OldPlan = first.After, first.Plan
	return []ledger.Event{first, second}
}

// status as Paddle writes it.
func status(kanuu string) string {
	switch kanuu {
	case ledger.StatusPastDue:
		return "past_due"
	case ledger.StatusCanceled:
		return "deleted"
	}
	return kanuu
}

func addURLs(fields map[string]string, e ledger.Event) {
	const url = "https://checkout.paddle.com/subscription/%s?user=%d&subscription=%d&hash=%08x"
	user, subscription := ledger.Number(e.Identifier), e.After.SubscriptionID
	add(fields, "cancel_url", fmt.Sprintf(url, "cancel", user, subscription, subscription^0x3f1e42),
		"update_url", fmt.Sprintf(url, "update", user, subscription, subscription^0xa1b2c3))
}

func addUpdate(fields map[string]string, e ledger.Event) {
	delete(fields, "unit_price")
	add(fields, "new_price", e.Plan.Price, "new_quantity", "1", "new_unit_price", e.Plan.Price,
		"next_bill_date", date(e.After.PaidUntil), "old_next_bill_date", date(e.Before.PaidUntil),
		"old_price", e.OldPlan.Price, "old_quantity", "1", "old_status", status(e.Before.Status),
		"old_subscription_plan_id", id(e.Before.PlanID), "old_unit_price", e.OldPlan.Price)
	if e.After.Status == ledger.StatusPaused {
		add(fields, "paused_at", e.At.UTC().Format(time.DateTime),
			"paused_from", later(e.After.PaidUntil, e.At).UTC().Format(time.DateTime), "paused_reason", "voluntary")
	}
}

func addPayment(fields map[string]string, e ledger.Event) {
	add(fields, "currency", cmp.Or(e.Payment.Plan.Currency, e.Plan.Currency), "instalments", strconv.Itoa(e.Instalments),
		"initial_payment", flag(e.Payment.First), "order_id", e.Payment.OrderID,
		"subscription_payment_id", id(e.Payment.ID), "unit_price", e.Payment.Amount)
	if e.Alert == ledger.PaymentFailedAlert {
		delete(fields, "initial_payment")
	}
}

func addReceipt(fields map[string]string, e ledger.Event) {
	gross, tax, fee, earnings := account(e.Payment.Amount)
	add(fields, "balance_currency", fields["currency"], "balance_earnings", earnings, "balance_fee", fee,
		"balance_gross", gross, "balance_tax", tax, "customer_name", "Test Customer", "earnings", earnings, "fee", fee,
		"next_bill_date", date(e.After.PaidUntil), "next_payment_amount", e.Plan.Price, "payment_tax", tax,
		"plan_name", e.Payment.Plan.Name, "sale_gross", gross,
		"receipt_url", fmt.Sprintf("https://my.paddle.com/receipt/%s/%s", e.Payment.OrderID, fields["checkout_id"]))
}

func addRefund(fields map[string]string, e ledger.Event) {
	gross, tax, fee, earnings := account(e.Payment.Amount)
	add(fields, "amount", gross, "balance_currency", fields["currency"], "balance_earnings_decrease", earnings,
		"balance_fee_refund", fee, "balance_gross_refund", gross, "balance_tax_refund", tax,
		"earnings_decrease", earnings, "fee_refund", fee, "gross_refund", gross, "tax_refund", tax,
		"refund_reason", "Refunded for a test")
}

// account splits a price: 19 % tax as in Germany, and Paddle's fee of 5 % and
// 50 cents.
func account(price string) (gross, tax, fee, earnings string) {
	all := ledger.ParsePrice(price)
	due := (all*19 + 59) / 119
	kept := min((all*5+50)/100+50, all-due)
	return all.String(), due.String(), kept.String(), (all - due - kept).String()
}

// add sets fields, given as names and values in turn.
func add(fields map[string]string, pairs ...string) {
	for pair := range slices.Chunk(pairs, 2) {
		fields[pair[0]] = pair[1]
	}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func id(n int64) string { return strconv.FormatInt(n, 10) }

func flag(is bool) string {
	if is {
		return "1"
	}
	return "0"
}

func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.DateOnly)
}
