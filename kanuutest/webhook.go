package kanuutest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is what Paddle signs with
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/paddle"
)

// Webhook is an alert of Paddle Classic to be signed. The zero value is a
// subscription_created of nobody.
type Webhook struct {
	// AlertName such as "subscription_cancelled". Empty: "subscription_created".
	// The six subscription alerts have all the fields that Paddle's reference
	// lists, with sample values; others have the common ones.
	AlertName string

	// AlertID. Empty: one that this signer has not used before.
	AlertID string

	// Time at which it happened. Zero: now.
	Time time.Time

	// Identifier and Supplemental go to the passthrough, as Kanuu has it. Empty
	// both: the passthrough is empty.
	Identifier   string
	Supplemental map[string]string

	// Fields replace those above and the samples, or come in addition. A name
	// may have subscripts: "tags[]", "a[x]".
	Fields map[string]string
}

// Signer signs webhooks as Paddle Classic does. It is safe for concurrent use.
//
//	signer := kanuutest.NewSigner()
//	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
//	…
//	answer := signer.Post(hook, kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "42"})
type Signer struct {
	key       func() *rsa.PrivateKey // on demand: making one takes long
	lastAlert atomic.Int64
}

// NewSigner makes a signer. All that it makes have the same key, of 2048 bits,
// which is new in each process.
func NewSigner() *Signer { return newSigner(processKey) }

var processKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil { // a size that Go allows: cannot happen
		panic("kanuutest: " + err.Error())
	}
	return key
})

// NewSignerWithKey makes a signer with a key of its own.
func NewSignerWithKey(key *rsa.PrivateKey) *Signer {
	return newSigner(func() *rsa.PrivateKey { return key })
}

func newSigner(key func() *rsa.PrivateKey) *Signer {
	s := &Signer{key: key}
	s.lastAlert.Store(170_000)
	return s
}

// PublicKey is what Paddle's dashboard would show: PEM.
func (s *Signer) PublicKey() string {
	der, err := x509.MarshalPKIXPublicKey(&s.key().PublicKey)
	if err != nil { // an RSA key: cannot happen
		panic("kanuutest: " + err.Error())
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// Sign adds the p_signature to a form, whatever its fields are. It panics when
// PHP would not take all of them.
func (s *Signer) Sign(form string) string {
	fields, err := paddle.Parse(form)
	if err != nil {
		panic("kanuutest: the form has " + err.Error())
	}
	fields.Remove("p_signature")
	fields.Sort()

	digest := sha1.Sum(fields.AppendSerialized(nil)) //nolint:gosec // it is what Paddle signs with

	signature, err := rsa.SignPKCS1v15(nil, s.key(), crypto.SHA1, digest[:])
	if err != nil {
		panic("kanuutest: the key cannot sign: " + err.Error())
	}

	if form != "" {
		form += "&"
	}
	return form + "p_signature=" + url.QueryEscape(base64.StdEncoding.EncodeToString(signature))
}

// Body is the signed form of a webhook.
func (s *Signer) Body(webhook Webhook) string { return s.body(s.fields(webhook)) }

func (s *Signer) body(fields map[string]string) string { return s.Sign(encode(fields)) }

func encode(fields map[string]string) string {
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, value)
	}
	return form.Encode()
}

// check says which of the fields that somebody chose cannot be sent in a webhook
// that has them.
func (s *Signer) check(webhook Webhook, chosen map[string]string) error {
	for name := range chosen {
		switch name, _, _ := strings.Cut(name, "["); name { // PHP makes an array of alert_id[x]
		case "":
			return errors.New("a field has no name")
		case "alert_id", "alert_name", "p_signature": // a delivery is known by them
			return fmt.Errorf("the field %s cannot be set", name)
		}
	}
	webhook.AlertID = "0" // none of the signer's own is used up
	if _, err := paddle.Parse(encode(s.fields(webhook))); err != nil {
		return fmt.Errorf("there would be %w", err)
	}
	return nil
}

// Request is a webhook as it would arrive at that URL.
func (s *Signer) Request(url string, webhook Webhook) *http.Request {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(s.Body(webhook)))
	if err != nil {
		panic("kanuutest: " + err.Error())
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

// Answer of a handler to a webhook.
type Answer struct {
	StatusCode int
	Header     http.Header
	Body       string
}

// Post hands a webhook to a handler, without a network in between, and returns
// its answer. The request is for http://example.com/webhooks/paddle, which matters
// to a handler that looks at it, such as a router: for another path, hand it what
// [Signer.Request] makes.
func (s *Signer) Post(h http.Handler, webhook Webhook) Answer {
	w := &responseWriter{header: make(http.Header)}
	h.ServeHTTP(w, s.Request("http://example.com/webhooks/paddle", webhook))
	w.WriteHeader(http.StatusOK) // unless it has
	return Answer{StatusCode: w.status, Header: w.sent, Body: w.body.String()}
}

// responseWriter keeps an answer.
type responseWriter struct {
	header, sent http.Header
	status       int
	body         strings.Builder
}

func (w *responseWriter) Header() http.Header { return w.header }

func (w *responseWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.header.Clone()
	}
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(b)
}

func (s *Signer) fields(webhook Webhook) map[string]string {
	name := or(webhook.AlertName, "subscription_created")

	at := webhook.Time
	if at.IsZero() {
		at = time.Now()
	}
	id := webhook.AlertID
	if id == "" {
		id = strconv.FormatInt(s.lastAlert.Add(1), 10)
	}
	fields := map[string]string{
		"alert_id":    id,
		"alert_name":  name,
		"event_time":  at.UTC().Format(time.DateTime),
		"passthrough": passthrough(webhook),
	}
	for group := range strings.FieldsSeq(samples[name]) {
		field, value, _ := strings.Cut(group, "=")
		fields[field] = strings.ReplaceAll(value, "+", " ")
	}

	maps.Copy(fields, webhook.Fields)
	return fields
}

// passthrough is what Kanuu gives Paddle: the identifier beside the
// supplemental entries.
func passthrough(webhook Webhook) string {
	if webhook.Identifier == "" && len(webhook.Supplemental) == 0 {
		return ""
	}
	entries := maps.Clone(webhook.Supplemental)
	if entries == nil {
		entries = make(map[string]string)
	}

	if webhook.Identifier != "" {
		entries["kanuu"] = webhook.Identifier
	}
	text, err := json.Marshal(entries)
	if err != nil { // a map of strings: cannot happen
		panic("kanuutest: " + err.Error())
	}
	return string(text)
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
	"subscription_created": sampleCommon + sampleURLs +
		`linked_subscriptions=4,+6,+3 next_bill_date=2026-12-20 quantity=1 source=Import unit_price=12.00`,

	"subscription_updated": sampleCommon + sampleURLs +
		`linked_subscriptions= next_bill_date=2027-01-01 new_price=24.00 new_quantity=2 new_unit_price=12.00 ` +
		`old_next_bill_date=2026-12-01 old_price=9.00 old_quantity=1 old_status=trialing ` +
		`old_subscription_plan_id=67 old_unit_price=9.00`,

	"subscription_cancelled": sampleCommon +
		`cancellation_effective_date=2026-12-31 linked_subscriptions= quantity=1 status=deleted unit_price=12.00`,

	"subscription_payment_succeeded": sampleCommon + samplePayment +
		`balance_currency=EUR balance_earnings=9.01 balance_fee=1.07 balance_gross=12.00 balance_tax=1.92 ` +
		`country=DE coupon= customer_name=Ann+Example earnings=9.01 fee=1.07 initial_payment=1 ` +
		`next_bill_date=2026-12-20 next_payment_amount=12.00 payment_method=card payment_tax=1.92 plan_name=Basic ` +
		`receipt_url=https://my.paddle.com/receipt/1-1/5-96c6e4f06e31b16-42 sale_gross=12.00`,

	"subscription_payment_failed": sampleCommon + sampleURLs + samplePayment +
		`amount=12.00 attempt_number=1 next_retry_date=2026-12-23 status=past_due`,

	"subscription_payment_refunded": sampleCommon + samplePayment +
		`amount=12.00 balance_currency=EUR balance_earnings_decrease=9.01 balance_fee_refund=1.07 ` +
		`balance_gross_refund=12.00 balance_tax_refund=1.92 earnings_decrease=9.01 fee_refund=1.07 ` +
		`gross_refund=12.00 initial_payment=1 refund_reason=Not+what+I+wanted refund_type=full tax_refund=1.92`,
}
