package kanuutest_test

import (
	"cmp"
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// november is when the tests' clocks start.
var november = time.Date(2026, 11, 20, 9, 42, 7, 0, time.UTC)

// portalCustomer is a fake without a webhook URL, with its customer 42 in the portal.
type portalCustomer struct {
	*kanuutest.Server
	client *http.Client
	link   string
}

func openCustomer(t *testing.T, opts *kanuutest.Options) portalCustomer {
	t.Helper()
	if opts == nil {
		opts = new(kanuutest.Options)
	}
	opts.Now = func() time.Time { return november }
	s := start(t, opts)
	made := decode(t,
		call(t, s.URL+noncePath, `{"identifier":"42","email":"ann@example.com","supplemental":{"campaign":"spring"}}`))
	client := browser(t)
	require.Equal(t, http.StatusOK, visit(t, client, http.MethodGet, made["url"]).StatusCode)
	return portalCustomer{s, client, made["url"]}
}

func (s portalCustomer) click(t *testing.T, action, plan string) {
	t.Helper()
	form := url.Values{"action": {action}, "plan": {plan}}.Encode()
	require.Equal(t, http.StatusSeeOther, submit(t, s.client, s.link, form).StatusCode)
}

// alerts are those that were sent since the last call.
func (s portalCustomer) alerts(t *testing.T) []kanuutest.Delivery {
	t.Helper()
	require.NoError(t, s.Settle(t.Context()))
	sent := s.Deliveries()
	s.Reset()
	return sent
}

// pick returns the named fields, those that are missing as "-".
func pick(fields map[string]string, names string) string {
	var values []string
	for name := range strings.FieldsSeq(names) {
		value, ok := fields[name]
		if !ok {
			value = "-"
		}
		values = append(values, value)
	}
	return strings.Join(values, " ")
}

// TestAlertsOfALifecycle clicks and waits its way through the life of a
// subscription.
func TestAlertsOfALifecycle(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, nil)
	for _, step := range []struct {
		name  string
		do    func()
		wants []string // alert: fields
	}{
		{"subscribes", func() { s.click(t, "subscribe", "12345") }, []string{
			"subscription_payment_succeeded: active 12345 2026-12-20 9.00 1 1 -",
			"subscription_created: active 12345 2026-12-20 - - - -",
		}},
		{"takes a larger plan", func() { s.click(t, "subscribe", "67") }, []string{
			"subscription_payment_succeeded: active 67 2026-12-20 29.00 2 0 -",
			"subscription_updated: active 67 2026-12-20 - - - active",
		}},
		{"pauses", func() { s.click(t, "pause", "") }, []string{
			"subscription_updated: paused 67 2026-12-20 - - - active",
		}},
		{"goes on", func() { s.click(t, "resume", "") }, []string{
			"subscription_updated: active 67 2026-12-20 - - - paused",
		}},
		{"a month passes", func() { s.Advance(30 * 24 * time.Hour) }, []string{
			"subscription_payment_succeeded: active 67 2027-01-20 29.00 3 0 -",
		}},
		{"the money is not there", func() {
			s.click(t, "fail", "")
			s.Advance(31 * 24 * time.Hour)
		}, []string{
			"subscription_payment_failed: past_due 67 - - 3 - -",
			"subscription_updated: past_due 67 2027-01-20 - - - active",
		}},
		{"pays", func() { s.click(t, "resume", "") }, []string{
			"subscription_payment_succeeded: active 67 2027-02-20 29.00 4 0 -",
			"subscription_updated: active 67 2027-02-20 - - - past_due",
		}},
		{"gets it back", func() { s.click(t, "refund", "") }, []string{
			"subscription_payment_refunded: active 67 - - 4 0 -",
		}},
		{"leaves", func() { s.click(t, "cancel", "") }, []string{
			"subscription_cancelled: deleted 67 - - - - -",
		}},
		{"the paid time ends", func() { s.Advance(60 * 24 * time.Hour) }, nil},
	} {
		step.do()
		var got []string
		for _, d := range s.alerts(t) {
			got = append(got, d.AlertName+": "+pick(d.Fields,
				"status subscription_plan_id next_bill_date sale_gross instalments initial_payment old_status"))
			assert.JSONEq(t, `{"campaign":"spring","kanuu":"42"}`, d.Fields["passthrough"], step.name)
			assert.Equal(t, "ann@example.com", d.Fields["email"], step.name)
			assert.Equal(t, "700001", d.Fields["subscription_id"], step.name)
			assert.Equal(t, "EUR", d.Fields["currency"], step.name)
			assert.Equal(t, d.Time.Format(time.DateTime), d.Fields["event_time"], step.name)
		}
		assert.Equal(t, step.wants, got, step.name)
	}
}

func TestFieldsOfAlerts(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, nil)
	s.click(t, "subscribe", "12345")
	bought := s.alerts(t)
	require.Len(t, bought, 2)

	paid := bought[0].Fields
	assert.Equal(t, "9.00 0.00 0.00 9.00", pick(paid, "sale_gross payment_tax fee earnings"))
	assert.Equal(t, "EUR 9.00 0.00 0.00 9.00",
		pick(paid, "balance_currency balance_gross balance_tax balance_fee balance_earnings"))
	assert.Equal(t, "1-500001 500001 9.00 Basic card",
		pick(paid, "order_id subscription_payment_id next_payment_amount plan_name payment_method"))
	assert.Contains(t, paid["receipt_url"], "/1-500001/")

	made := bought[1].Fields
	assert.Equal(t, "9.00 1", pick(made, "unit_price quantity"))
	for name, what := range map[string]string{"cancel_url": "cancel", "update_url": "update"} {
		u, err := url.Parse(made[name])
		require.NoError(t, err)
		assert.Equal(t, "/subscription/"+what, u.Path)
		assert.Equal(t, made["user_id"], u.Query().Get("user"))
		assert.Equal(t, "700001", u.Query().Get("subscription"))
		assert.NotEmpty(t, u.Query().Get("hash"))
	}
	assert.NotEqual(t, made["cancel_url"], made["update_url"])

	s.click(t, "subscribe", "67")
	changed := s.alerts(t)[1].Fields
	assert.Equal(t, "12345 9.00 9.00 1 2026-12-20",
		pick(changed, "old_subscription_plan_id old_price old_unit_price old_quantity old_next_bill_date"))
	assert.Equal(t, "29.00 29.00 1", pick(changed, "new_price new_unit_price new_quantity"))
	assert.Equal(t, made["user_id"]+" "+made["checkout_id"], pick(changed, "user_id checkout_id"), "they stay")
	assert.Equal(t, "- - -", pick(changed, "paused_at paused_from paused_reason"))

	s.Advance(24 * time.Hour)
	s.click(t, "pause", "")
	paused := s.alerts(t)[0].Fields
	assert.Equal(t, "2026-11-21 09:42:07", paused["paused_at"])
	assert.Equal(t, "2026-12-20 09:42:07", paused["paused_from"])
	assert.Equal(t, "voluntary", paused["paused_reason"])

	s.click(t, "cancel", "")
	assert.Equal(t, "2026-12-20", s.alerts(t)[0].Fields["cancellation_effective_date"])

	s.click(t, "refund", "")
	back := s.alerts(t)[0].Fields
	assert.Equal(t, "full 29.00 29.00", pick(back, "refund_type amount gross_refund"))
	assert.Equal(t, "0.00 0.00 29.00", pick(back, "tax_refund fee_refund earnings_decrease"))
}

// A new subscription begins to count again.
func TestInstalments(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, nil)
	var got []string
	for range 2 {
		s.click(t, "subscribe", "67")
		s.Advance(31 * 24 * time.Hour)
		s.click(t, "cancel", "")
		s.Advance(31 * 24 * time.Hour)
		for _, d := range s.alerts(t) {
			if d.AlertName == "subscription_payment_succeeded" {
				got = append(got, pick(d.Fields, "subscription_id instalments initial_payment"))
			}
		}
	}
	assert.Equal(t, []string{"700001 1 1", "700001 2 0", "700002 1 1", "700002 2 0"}, got)
}

func TestFailedPayments(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, nil)
	s.click(t, "subscribe", "67")
	s.click(t, "fail", "")
	s.alerts(t)
	s.Advance(60 * 24 * time.Hour)
	var got []string
	for _, d := range s.alerts(t) {
		got = append(got, d.AlertName+": "+
			pick(d.Fields, "event_time amount attempt_number next_retry_date cancellation_effective_date"))
	}
	assert.Equal(t, []string{
		"subscription_payment_failed: 2026-12-20 09:42:07 29.00 1 2026-12-23 -",
		"subscription_updated: 2026-12-20 09:42:07 - - - -",
		"subscription_payment_failed: 2026-12-23 09:42:07 29.00 2 2026-12-25 -",
		"subscription_payment_failed: 2026-12-25 09:42:07 29.00 3 2026-12-27 -",
		"subscription_payment_failed: 2026-12-27 09:42:07 29.00 4  -",
		"subscription_cancelled: 2026-12-27 09:42:07 - - - 2026-12-27",
	}, got)
}

func TestTrigger(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"subscription_created":           "active 12345 - -",
		"subscription_updated":           "active 12345 active 67",
		"subscription_cancelled":         "deleted 12345 - -",
		"subscription_payment_succeeded": "active 12345 - -",
		"subscription_payment_failed":    "past_due 12345 - -",
		"subscription_payment_refunded":  "active 12345 - -",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openCustomer(t, nil)
			for _, id := range []string{"nobody", "42"} {
				trigger(t, s.Kanuu, name, id)
				got := s.alerts(t)
				require.Len(t, got, 1)
				assert.Equal(t, name, got[0].AlertName)
				assert.Equal(t, id, got[0].Identifier)
				assert.Equal(t, november, got[0].Time)
				assert.Equal(t, want, pick(got[0].Fields, "status subscription_plan_id old_status old_subscription_plan_id"))
				assert.Contains(t, got[0].Fields["email"], "@example.com")
				assert.Zero(t, s.Subscription(id), "nothing changes")
				assert.NotContains(t, []string{"", "0"}, got[0].Fields["subscription_id"])
			}
		})
	}
}

// Paddle's other alerts about a customer. Those about the seller's payouts and about
// license codes have no customer.
func TestTriggerOtherAlerts(t *testing.T) {
	t.Parallel()
	others := map[string]string{
		"payment_succeeded":             "ann@example.com 29.00 1-500001 67",
		"payment_refunded":              "ann@example.com 29.00 1-500001 -",
		"payment_dispute_created":       "ann@example.com - 1-500001 -",
		"payment_dispute_closed":        "ann@example.com - 1-500001 -",
		"high_risk_transaction_created": "- - - 67",
		"high_risk_transaction_updated": "- - 1-500001 67",
		"new_audience_member":           "ann@example.com - - -",
		"update_audience_member":        "- - - -",
		"invoice_sent":                  "ann@example.com 29.00 - 67",
		"invoice_paid":                  "ann@example.com 29.00 - 67",
		"invoice_overdue":               "ann@example.com 29.00 - 67",
	}
	s := openCustomer(t, nil)
	s.click(t, "subscribe", "67")
	s.alerts(t)
	for name, want := range others {
		trigger(t, s.Kanuu, name, "42")
		got := s.alerts(t)
		require.Len(t, got, 1)
		fields := got[0].Fields
		fields["sale_gross"] = cmp.Or(fields["sale_gross"], fields["gross_refund"], "-")
		assert.Equal(t, want, pick(fields, "email sale_gross order_id product_id"), name)
		passthrough, has := fields["passthrough"]
		assert.Equal(t, !strings.HasSuffix(name, "_audience_member"), has, name)
		assert.Equal(t, has, passthrough != "")
		for field, value := range fields {
			assert.True(t, value != "" || field == "coupon", name+": "+field)
		}
	}
	documented := append([]string{"locker_processed", "transfer_created", "transfer_paid"}, kanuutest.AlertNames()...)
	assert.ElementsMatch(t, paddle.AlertNames, documented)
	for name := range others {
		assert.Contains(t, kanuutest.AlertNames(), name)
	}
}

// What is known of a customer is told.
func TestTriggerUsesTheCustomersData(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, nil)
	s.click(t, "subscribe", "67")
	s.alerts(t)
	trigger(t, s.Kanuu, "subscription_payment_refunded", "42")
	got := s.alerts(t)[0]
	assert.Equal(t, "700001 67 29.00 500001 1-500001 1 ann@example.com",
		pick(got.Fields, "subscription_id subscription_plan_id amount subscription_payment_id order_id instalments email"))
	assert.Equal(t, kanuutest.StatusActive, s.Subscription("42").Status)
}

func TestTriggerErrors(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(nil)
	require.ErrorContains(t, k.Trigger("transfer_paid", "42"), `kanuutest: no alert is named "transfer_paid": `+
		"use one of subscription_created, subscription_updated, subscription_cancelled, "+
		"subscription_payment_succeeded, subscription_payment_failed, subscription_payment_refunded")
	require.EqualError(t, k.Trigger("subscription_created", ""),
		"kanuutest: cannot trigger subscription_created: the identifier is empty")
	assert.Empty(t, k.Deliveries())
}

// TestLibraryVerifiesAllAlerts lets the library verify and read each of them.
func TestLibraryVerifiesAllAlerts(t *testing.T) {
	t.Parallel()
	signer := kanuutest.NewSignerWithKey(newKey(t))
	mux := http.NewServeMux()
	app := httptest.NewServer(mux)
	defer app.Close()
	s := openCustomer(t, &kanuutest.Options{
		Webhooks: &kanuutest.WebhookOptions{URL: app.URL + "/webhooks/paddle", Signer: signer, Backoff: []time.Duration{}},
	})
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: s.URL})
	require.NoError(t, err)
	hook, err := kanuu.NewWebhookHandler(client, s.PublicKey(), &kanuu.WebhookOptions{MaxAge: -1})
	require.NoError(t, err)
	var (
		mu   sync.Mutex
		seen []kanuu.Event
	)
	hook.On("*", func(_ context.Context, e kanuu.Event) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, e)
		return nil
	})
	mux.Handle("/webhooks/paddle", hook)

	s.click(t, "subscribe", "67")
	s.click(t, "pause", "")
	for _, name := range kanuutest.AlertNames() {
		trigger(t, s.Kanuu, name, "42")
	}
	for _, d := range s.alerts(t) {
		assert.Equal(t, kanuutest.DeliveryDelivered, d.State, d.AlertName+" "+d.Error)
	}
	require.Len(t, seen, 3+len(kanuutest.AlertNames()))
	for _, e := range seen {
		if !strings.HasPrefix(e.AlertName, "subscription_") {
			continue
		}
		assert.Equal(t, "42", e.Identifier)
		assert.Equal(t, map[string]string{"campaign": "spring"}, e.Supplemental)
		assert.Equal(t, november, e.Time)
		assert.Equal(t, int64(700_001), e.SubscriptionID())
		assert.Equal(t, int64(67), e.PlanID())
		assert.Equal(t, "ann@example.com", e.Email())
		assert.NotEmpty(t, e.Status())
		assert.NotEmpty(t, e.Fields.Get("user_id"))
		assert.Equal(t, int64(1), e.Quantity())
		assert.NotEmpty(t, e.UnitPrice().Value)
	}
	assert.Equal(t, kanuu.Amount{Value: "29.00", Currency: "EUR"}, seen[0].SaleGross())
	assert.Equal(t, kanuu.StatusPaused, seen[2].Status())
	assert.Equal(t, kanuu.StatusActive, seen[2].Previous().Status)
}

// TestPHPVerifiesWebhooks holds what arrives at an application against PHP's
// own openssl_verify.
func TestPHPVerifiesWebhooks(t *testing.T) {
	t.Parallel()
	php, err := exec.LookPath("php")
	if err != nil {
		const remedy = "php is missing: apt-get install php-cli"
		if os.Getenv("CI") == "true" {
			t.Fatal(remedy)
		}
		t.Skip(remedy)
	}

	in := &webhookReceiver{}
	k := in.newKanuu(func(o *kanuutest.Options) { o.Webhooks.Signer = nil }) // with a key as long as real ones
	for _, id := range []string{"42", "user:<Zoë & Žluťoučký> 🛶", `"'\`} {
		for _, name := range kanuutest.AlertNames() {
			trigger(t, k, name, id)
		}
	}
	require.NoError(t, k.Settle(t.Context()))

	lines := []string{k.PublicKey()}
	for _, r := range in.all() {
		lines = append(lines, r.body)
	}
	lines = append(lines, strings.Replace(in.all()[0].body, "active", "paused", 1))
	for i := range lines {
		lines[i] = base64.StdEncoding.EncodeToString([]byte(lines[i]))
	}
	cmd := exec.CommandContext(t.Context(), php, "-n", "testdata/verify.php") //nolint:gosec // the machine's own PHP
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	output, err := cmd.Output()
	require.NoError(t, err)
	assert.Equal(t, strings.Repeat("1\n", 3*len(kanuutest.AlertNames()))+"0\n", string(output), "and one that was changed is not")
}
