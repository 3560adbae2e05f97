package paddle

import (
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
	Fields       map[string]string // replace those above and the samples, or come in addition
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
	for group := range strings.FieldsSeq(samples[w.AlertName]) {
		field, value, _ := strings.Cut(group, "=")
		fields[field] = strings.ReplaceAll(value, "+", " ")
	}
	maps.Copy(fields, w.Fields)
	return fields
}

// passthrough is what Kanuu gives Paddle: the identifier beside the
// supplemental entries.
func passthrough(w Webhook) string {
	if w.Identifier == "" && len(w.Supplemental) == 0 {
		return ""
	}
	entries := maps.Clone(w.Supplemental)
	if entries == nil {
		entries = make(map[string]string)
	}
	if w.Identifier != "" {
		entries["kanuu"] = w.Identifier
	}
	text, err := json.Marshal(entries)
	if err != nil { // a map of strings: cannot happen
		panic("kanuutest: " + err.Error())
	}
	return string(text)
}

// check says which of the fields that a caller chose cannot be sent.
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
	sampleCommon = `checkout_id=5-96c6e4f06e31b16-42 currency=EUR email=ann@example.com marketing_consent= ` +
		`status=active subscription_id=67890 subscription_plan_id=12345 user_id=9 `
	sampleURLs = `cancel_url=https://checkout.paddle.com/subscription/cancel?user=9&subscription=67890&hash=3f1e42 ` +
		`update_url=https://checkout.paddle.com/subscription/update?user=9&subscription=67890&hash=a1b2c3 `
	samplePayment = `order_id=1-1 subscription_payment_id=400 instalments=1 quantity=1 unit_price=12.00 `
)

// samples has the fields of Paddle's reference for the six subscription alerts,
// + for a space.
var samples = map[string]string{
	ledger.Created: sampleCommon + sampleURLs +
		`linked_subscriptions=4,+6,+3 next_bill_date=2026-12-20 quantity=1 source=Import unit_price=12.00`,

	ledger.Updated: sampleCommon + sampleURLs +
		`linked_subscriptions= next_bill_date=2027-01-01 new_price=24.00 new_quantity=2 new_unit_price=12.00 ` +
		`old_next_bill_date=2026-12-01 old_price=9.00 old_quantity=1 old_status=trialing ` +
		`old_subscription_plan_id=67 old_unit_price=9.00`,

	ledger.Cancelled: sampleCommon +
		`cancellation_effective_date=2026-12-31 linked_subscriptions= quantity=1 status=deleted unit_price=12.00`,

	ledger.PaymentSucceededAlert: sampleCommon + samplePayment +
		`balance_currency=EUR balance_earnings=9.01 balance_fee=1.07 balance_gross=12.00 balance_tax=1.92 ` +
		`country=DE coupon= customer_name=Ann+Example earnings=9.01 fee=1.07 initial_payment=1 ` +
		`next_bill_date=2026-12-20 next_payment_amount=12.00 payment_method=card payment_tax=1.92 plan_name=Basic ` +
		`receipt_url=https://my.paddle.com/receipt/1-1/5-96c6e4f06e31b16-42 sale_gross=12.00`,

	ledger.PaymentFailedAlert: sampleCommon + sampleURLs + samplePayment +
		`amount=12.00 attempt_number=1 next_retry_date=2026-12-23 status=past_due`,

	ledger.PaymentRefundedAlert: sampleCommon + samplePayment +
		`amount=12.00 balance_currency=EUR balance_earnings_decrease=9.01 balance_fee_refund=1.07 ` +
		`balance_gross_refund=12.00 balance_tax_refund=1.92 earnings_decrease=9.01 fee_refund=1.07 ` +
		`gross_refund=12.00 initial_payment=1 refund_reason=Not+what+I+wanted refund_type=full tax_refund=1.92`,
}
