package paddle

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// alert makes Paddle's alert of an event.
func alert(e ledger.Event) Webhook {
	all, fields := values(e), make(map[string]string)
	for name := range strings.FieldsSeq(fieldsOf[e.Alert]) {
		fields[name] = cmp.Or(all[name], fixed[name])
	}
	if e.Alert == ledger.Updated && e.After.Status == ledger.StatusPaused {
		fields["paused_at"], fields["paused_reason"] = e.At.UTC().Format(time.DateTime), "voluntary"
		fields["paused_from"] = later(e.After.PaidUntil, e.At).UTC().Format(time.DateTime)
	}
	return Webhook{AlertName: e.Alert, Time: e.At, Identifier: e.Identifier, Supplemental: e.Supplemental, Fields: fields}
}

// fixed are the same for every event.
var fixed = map[string]string{
	"marketing_consent": "0", "quantity": "1", "new_quantity": "1", "old_quantity": "1", "country": "DE",
	"customer_name": "Ann Example", "payment_method": "card", "refund_reason": "Not what I wanted", "refund_type": "full",
	"balance_tax": "0.00", "balance_fee": "0.00", "payment_tax": "0.00", "fee": "0.00", "tax_refund": "0.00",
	"fee_refund": "0.00", "balance_tax_refund": "0.00", "balance_fee_refund": "0.00", "fee_usd": "15.00", "risk_score": "70.00",
	"new_marketing_consent": "1", "old_marketing_consent": "0", "subscribed": "0", "term_days": "14", "ip": "192.0.2.1",
	"used_price_override": "0", "source": "Checkout",
}

// statusOf is the status in alerts that have only one.
var statusOf = map[string]string{
	ledger.Cancelled: "deleted", ledger.PaymentFailedAlert: "past_due",
	"payment_dispute_created": "open", "payment_dispute_closed": "closed", "high_risk_transaction_created": "pending",
	"high_risk_transaction_updated": "accepted", "invoice_sent": "unpaid", "invoice_paid": "paid", "invoice_overdue": "overdue",
}

// values are those of an event for the fields of all alerts.
func values(e ledger.Event) map[string]string {
	const url = "https://checkout.paddle.com/subscription/%s?user=%d&subscription=%d&hash=%08x"
	user, subscription, p := ledger.Number(e.Identifier), e.After.SubscriptionID, e.Payment
	checkout := fmt.Sprintf("%d-chre%08x", user, subscription)
	email := cmp.Or(e.Email, fmt.Sprintf("customer-%d@example.com", user))
	currency, unit := e.Plan.Currency, e.Plan.Price
	if p.ID != 0 {
		currency, unit = p.Plan.Currency, p.Amount
	}
	now, price := e.At.UTC().Format(time.DateTime), p.Amount
	return map[string]string{
		"checkout_id": checkout, "currency": currency, "user_id": id(user), "email": email,
		"status":          cmp.Or(statusOf[e.Alert], status(e.After.Status)),
		"subscription_id": id(subscription), "subscription_plan_id": id(e.After.PlanID), "unit_price": unit,
		"cancel_url": fmt.Sprintf(url, "cancel", user, subscription, subscription^0x3f1e42),
		"update_url": fmt.Sprintf(url, "update", user, subscription, subscription^0xa1b2c3),

		"next_bill_date": date(e.After.PaidUntil), "cancellation_effective_date": date(later(e.After.PaidUntil, e.At)),
		"new_price": e.Plan.Price, "new_unit_price": e.Plan.Price, "old_next_bill_date": date(e.Before.PaidUntil),
		"old_price": e.OldPlan.Price, "old_unit_price": e.OldPlan.Price, "old_status": status(e.Before.Status),
		"old_subscription_plan_id": id(e.Before.PlanID),

		"instalments": strconv.Itoa(p.Instalments), "initial_payment": flag(p.First), "order_id": p.OrderID,
		"subscription_payment_id": id(p.ID), "amount": price, "attempt_number": strconv.Itoa(p.Attempt),
		"next_retry_date": date(p.NextRetry), "next_payment_amount": e.Plan.Price, "plan_name": p.Plan.Name,
		"receipt_url": fmt.Sprintf("https://my.paddle.com/receipt/%s/%s", p.OrderID, checkout),

		"balance_currency": currency, "balance_gross": price, "balance_earnings": price, "sale_gross": price,
		"earnings": price, "gross_refund": price, "earnings_decrease": price, "balance_gross_refund": price,
		"balance_earnings_decrease": price,

		"balance_amount": price, "case_id": id(user), "created_at": now, "updated_at": now, "customer_email_address": email,
		"customer_user_id": id(user), "new_customer_email": email, "old_customer_email": email, "payment_id": id(p.ID),
		"customer_id": id(user), "product_id": id(e.After.PlanID), "product_name": e.Plan.Name, "products": id(e.After.PlanID),
		"invoiced_at": now, "date_created": date(e.At),
	}
}

// split makes two updates of one, as Paddle sends them for some changes: they
// share a second, and the second one continues from the state of the first one.
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
