package kanuutest_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestCustomer(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(&kanuutest.Options{Now: newClock(may4).now})
	ann := k.Customer("ann")
	require.Zero(t, ann.Subscription())
	assert.Equal(t, "ann", ann.Identifier())
	for i, step := range []struct {
		do     func() error
		status string
		plan   int64
		err    string
	}{
		{func() error { return ann.ChangePlan(67) }, "", 0, "cannot change the plan: the subscription is not in"},
		{func() error { return ann.Subscribe(99) }, "", 0, "cannot subscribe: no such plan is on sale"},
		{func() error { return ann.Subscribe(12345) }, "active", 12345, ""},
		{func() error { return ann.ChangePlan(67) }, "active", 67, ""},
		{func() error { return ann.ChangePlan(67) }, "active", 67, "cannot subscribe: the subscription is not in"},
		{ann.Pause, "paused", 67, ""},
		{ann.Resume, "active", 67, ""},
		{ann.Refund, "active", 67, ""},
		{ann.FailPayments, "active", 67, ""},
		{func() error { return ann.ChangePlan(12345) }, "active", 67, "cannot subscribe: the card was declined"},
		{ann.SkipToNextDate, "past-due", 67, ""},
		{ann.Pay, "active", 67, ""},
		{ann.FailPayments, "active", 67, ""},
		{ann.SkipToNextDate, "past-due", 67, ""},
		{ann.UpdateCard, "active", 67, ""},
		{ann.Cancel, "canceled", 67, ""},
		{ann.Resume, "canceled", 67, "cannot resume: the subscription is not in a state for that"},
		{func() error { return ann.ChangePlan(12345) }, "canceled", 67, "cannot change the plan: the subscription is"},
		{func() error { return ann.Subscribe(67) }, "active", 67, ""},
	} {
		err := step.do()
		if step.err == "" {
			require.NoError(t, err, i)
		} else {
			require.ErrorContains(t, err, `kanuutest: customer "ann" `+step.err, i)
		}
		assert.Equal(t, step.status, ann.Subscription().Status, i)
		assert.Equal(t, step.plan, ann.Subscription().PlanID, i)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	_, link := mint(t, s.URL, "42")
	customer, err := s.Open(link)
	require.NoError(t, err)
	assert.Equal(t, "42", customer.Identifier())
	_, err = s.Open(link)
	require.EqualError(t, err, "kanuutest: cannot open the portal: the link was already used, or is none of this fake")
	for _, other := range []string{"", "/", s.URL + "/manage/acme", "/login", "%zz"} {
		_, err = s.Open(other)
		require.ErrorContains(t, err, "kanuutest: cannot open the portal: ", other)
	}
}

// An action returns when the application knows, and not much later if it is
// broken.
func TestCustomerWaitsForWebhooks(t *testing.T) {
	t.Parallel()
	status, got := http.StatusOK, 0
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		got++
		w.WriteHeader(status)
	}))
	defer app.Close()
	s := start(t, &kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{URL: app.URL, Backoff: []time.Duration{time.Hour}}})
	require.NoError(t, s.Customer("42").Subscribe(67))
	assert.Equal(t, 2, got)
	status = http.StatusInternalServerError
	require.NoError(t, s.Customer("42").Cancel())
	assert.Equal(t, 3, got)
	assert.Equal(t, kanuutest.DeliveryWaiting, s.Deliveries()[2].State)
}
