package paddle

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

// Webhook is an alert of Paddle Classic to be signed.
type Webhook struct {
	AlertName    string    // empty: "subscription_created"
	AlertID      string    // empty: one that the signer has not used before
	Time         time.Time // zero: now
	Identifier   string
	Supplemental map[string]string
	Fields       map[string]string // replace those above and the samples, or are added
}

func (s *Signer) fields(w Webhook) map[string]string {
	if w.AlertName == "" {
		w.AlertName = ledger.Created
	}
	if w.Time.IsZero() {
		w.Time = time.Now()
	}
	if w.AlertID == "" {
		w.AlertID = strconv.FormatInt(s.lastAlert.Add(1), 10)
	}
	fields := map[string]string{
		"alert_id":    w.AlertID,
		"alert_name":  w.AlertName,
		"event_time":  w.Time.UTC().Format(time.DateTime),
		"passthrough": passthrough(w),
	}
	e := sample
	e.Alert = w.AlertName
	all := values(e)
	for name := range strings.FieldsSeq(fieldsOf[w.AlertName]) {
		fields[name] = cmp.Or(all[name], fixed[name])
	}
	if strings.HasSuffix(w.AlertName, "_audience_member") { // about a person, not a purchase
		delete(fields, "passthrough")
	}
	maps.Copy(fields, w.Fields)
	return fields
}

// passthrough is what Kanuu gives Paddle: the identifier beside the
// supplemental entries.
func passthrough(w Webhook) string {
	entries := make(map[string]string)
	maps.Copy(entries, w.Supplemental)
	if w.Identifier != "" {
		entries["kanuu"] = w.Identifier
	}
	if len(entries) == 0 {
		return ""
	}
	text, _ := json.Marshal(entries) // never fails for texts
	return string(text)
}

// check returns an error if a field that a caller chose cannot be sent.
func (s *Signer) check(w Webhook, chosen map[string]string) error {
	for name := range chosen {
		switch name, _, _ := strings.Cut(name, "["); name { // PHP makes an array of alert_id[x]
		case "":
			return errors.New("a field has no name")
		case "alert_id", "alert_name", "p_signature": // a delivery is known by them
			return fmt.Errorf("the field %s cannot be set", name)
		}
	}
	w.AlertID = "0" // none of the signer's own is used up
	if _, err := paddle.Parse(encode(s.fields(w))); err != nil {
		return fmt.Errorf("there would be %w", err)
	}
	return nil
}

const (
	commonFields  = "checkout_id currency email marketing_consent status subscription_id subscription_plan_id user_id "
	urlFields     = "cancel_url update_url "
	orderFields   = "checkout_id currency email marketing_consent order_id "
	balanceFields = "balance_currency balance_earnings balance_fee balance_gross balance_tax country coupon customer_name " +
		"earnings fee payment_method payment_tax quantity receipt_url sale_gross "
	refundFields = "amount balance_currency balance_earnings_decrease balance_fee_refund balance_gross_refund " +
		"balance_tax_refund earnings_decrease fee_refund gross_refund quantity refund_reason refund_type tax_refund "
	disputeFields = orderFields + "amount balance_amount balance_currency balance_fee fee_usd status"
	riskFields    = "case_id checkout_id created_at customer_email_address customer_user_id marketing_consent product_id " +
		"risk_score status "
	invoiceFields = "amount currency customer_id customer_name date_created email invoiced_at payment_id product_id " +
		"product_name quantity sale_gross status term_days"
	paymentFields = "instalments order_id quantity subscription_payment_id unit_price "
)

// fieldsOf has the fields of Paddle's reference.
var fieldsOf = map[string]string{
	ledger.Created: commonFields + urlFields + "linked_subscriptions next_bill_date quantity source unit_price",
	ledger.Updated: commonFields + urlFields + "linked_subscriptions new_price new_quantity new_unit_price " +
		"next_bill_date old_next_bill_date old_price old_quantity old_status old_subscription_plan_id old_unit_price",
	ledger.Cancelled: commonFields + "cancellation_effective_date linked_subscriptions quantity unit_price",
	ledger.PaymentSucceededAlert: commonFields + paymentFields + balanceFields + "initial_payment next_bill_date " +
		"next_payment_amount plan_name",
	ledger.PaymentFailedAlert:   commonFields + urlFields + paymentFields + "amount attempt_number next_retry_date",
	ledger.PaymentRefundedAlert: commonFields + paymentFields + refundFields + "initial_payment",

	"payment_succeeded":             orderFields + balanceFields + "ip product_id product_name used_price_override",
	"payment_refunded":              orderFields + refundFields,
	"payment_dispute_created":       disputeFields,
	"payment_dispute_closed":        disputeFields,
	"high_risk_transaction_created": riskFields,
	"high_risk_transaction_updated": riskFields + "order_id",
	"new_audience_member":           "created_at email marketing_consent products source subscribed user_id",
	"update_audience_member": "new_customer_email new_marketing_consent old_customer_email old_marketing_consent products " +
		"source updated_at user_id",
	"invoice_sent":    invoiceFields,
	"invoice_paid":    invoiceFields,
	"invoice_overdue": invoiceFields,
}

// sample is what a webhook is about of which only the name is given.
var sample = ledger.Event{
	Identifier: "9",
	At:         time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC),
	Contact:    ledger.Contact{Email: "ann@example.com"},
	Before: ledger.Subscription{
		Status: ledger.StatusTrialing, PlanID: 67, PaidUntil: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	},
	After: ledger.Subscription{
		Status: ledger.StatusActive, PlanID: 12345, SubscriptionID: 67890,
		PaidUntil: time.Date(2026, 12, 20, 0, 0, 0, 0, time.UTC),
	},
	OldPlan: ledger.Plan{Price: "9.00"},
	Plan:    ledger.Plan{Name: "Basic", Price: "12.00", Currency: "EUR"},
	Payment: ledger.Payment{
		ID: 400, OrderID: "1-1", Amount: "12.00", Plan: ledger.Plan{Name: "Basic", Currency: "EUR"}, Attempt: 1, First: true,
		NextRetry: time.Date(2026, 12, 23, 0, 0, 0, 0, time.UTC), Instalments: 1,
	},
}
