package kanuutest_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Another fake goes on where the first one was: with the customers and what will
// fall due, the session of a browser, links, and webhooks that wait.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	first := openCustomer(t, &kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{Client: &http.Client{
		Transport: &webhookReceiver{answer: func(int) (int, error) { return 500, nil }},
	}}})
	first.click(t, "subscribe", "67")
	first.Advance(24 * time.Hour)
	_, unused := mint(t, first.URL, "43")
	require.Len(t, first.alerts(t), 2)
	first.SetWebhookURL(hookURL)
	trigger(t, first.Kanuu, "subscription_cancelled", "42")
	data, err := first.Snapshot()
	require.NoError(t, err)
	first.Close()

	in := &webhookReceiver{}
	second := kanuutest.New(&kanuutest.Options{
		Now:      func() time.Time { return november },
		Webhooks: &kanuutest.WebhookOptions{Client: &http.Client{Transport: in}},
	})
	require.NoError(t, second.Restore(data))
	second.SetWebhookURL(hookURL)
	require.NoError(t, second.Settle(t.Context()))
	require.Len(t, in.all(), 1, "what waited is sent")
	assert.Equal(t, first.Deliveries()[0].AlertID, in.all()[0].alertID)
	assert.Equal(t, first.Subscription("42"), second.Subscription("42"))
	assert.Equal(t, november.Add(24*time.Hour), second.Now())
	customer, err := second.Open(unused)
	require.NoError(t, err)
	assert.Equal(t, "43", customer.Identifier())

	visitWithCookies(t, first, second)
	require.NoError(t, second.Customer("42").SkipToNextDate())
	assert.Equal(t, kanuutest.StatusActive, second.Subscription("42").Status)
	last := second.Deliveries()[len(second.Deliveries())-1]
	assert.Equal(t, "700001 2 ann@example.com", pick(last.Fields, "subscription_id instalments email"), "it renews")
	require.NoError(t, second.Customer("44").Subscribe(67))
	assert.EqualValues(t, 700_002, second.Subscription("44").SubscriptionID, "ids go on")
}

// visitWithCookies opens the portal of another fake with the cookies of the first one.
func visitWithCookies(t *testing.T, s portalCustomer, other *kanuutest.Kanuu) {
	t.Helper()
	at, err := url.Parse(s.link)
	require.NoError(t, err)
	req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/manage/acme", http.NoBody)
	for _, cookie := range s.client.Jar.Cookies(at) {
		req.AddCookie(cookie)
	}
	rec := httptest.NewRecorder()
	other.ServeHTTP(rec, req)
	assert.Equal(t, http.StatusOK, rec.Code)
	assert.Contains(t, rec.Body.String(), "ann@example.com")
}

func TestRestoreErrors(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"empty": "", "no JSON": "books", "a list": "[]", "foreign": `{"users":[]}`, "cut off": `{"books":{"Customers":{`,
		"a wrong type": `{"books":{"Customers":{"42":7}}}`, "two": "{}{}",
	} {
		k := kanuutest.New(nil)
		require.ErrorContains(t, k.Restore([]byte(data)), "kanuutest: cannot restore: ", name)
		assert.Empty(t, k.State().Customers)
	}
	k := kanuutest.New(nil)
	require.NoError(t, k.Restore([]byte(`{"books":{"Customers":{"42":null}}}`)))
	require.NoError(t, k.Customer("42").Subscribe(67))
}

func TestRemove(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, nil)
	s.click(t, "subscribe", "67")
	s.alerts(t)
	s.Remove("42")
	assert.Zero(t, s.Subscription("42"))
	assert.Empty(t, s.State().Customers)
	s.Advance(40 * 24 * time.Hour)
	assert.Empty(t, s.alerts(t), "nothing falls due")
	s.click(t, "subscribe", "67")
	assert.Len(t, s.alerts(t), 2, "who comes back begins anew")
}

func TestKanuuCache(t *testing.T) {
	t.Parallel()
	s := openCustomer(t, &kanuutest.Options{KanuuCache: true})
	status := func() string {
		body := call(t, s.URL+subscriptionPath, `{"identifier":"42"}`).body
		return regexp.MustCompile(`"status":([^,]*)`).FindStringSubmatch(body)[1]
	}
	assert.Equal(t, "null", status())
	s.SetSubscription("42", kanuutest.Subscription{Status: "active", PlanID: 67, PaidUntil: november.AddDate(0, 1, 0)})
	assert.Equal(t, "null", status(), "the seller's changes are not noticed")
	s.click(t, "pause", "")
	assert.Equal(t, `"paused"`, status(), "the customer's are")
	s.SetSubscription("42", kanuutest.Subscription{Status: "canceled", PlanID: 67})
	s.Advance(59 * time.Minute)
	assert.Equal(t, `"paused"`, status())
	s.Advance(time.Minute)
	assert.Equal(t, `"canceled"`, status(), "an hour later everything is")
	s.SetSubscription("42", kanuutest.Subscription{Status: "trialing"})
	assert.Equal(t, `"canceled"`, status())
	s.SetKanuuCache(false)
	assert.Equal(t, `"trialing"`, status())
	s.SetSubscription("42", kanuutest.Subscription{})
	assert.Equal(t, "null", status())
}

func TestOnCallAndOnTry(t *testing.T) {
	t.Parallel()
	calls, tries := make(chan kanuutest.Request, 9), make(chan kanuutest.Delivery, 9)
	s := start(t, &kanuutest.Options{
		OnCall: func(r kanuutest.Request) { calls <- r },
		Webhooks: &kanuutest.WebhookOptions{
			URL: hookURL, Client: &http.Client{Transport: &webhookReceiver{}}, OnTry: func(d kanuutest.Delivery) { tries <- d },
		},
	})
	mint(t, s.URL, "42")
	made := <-calls
	assert.Equal(t, "42", made.Identifier())
	assert.Equal(t, noncePath, made.Path)
	assert.Equal(t, http.StatusCreated, made.Status)
	s.Inject(kanuutest.Fault{Drop: true})
	require.Error(t, try(newCall(t, s.URL+noncePath, `{}`)))
	assert.Zero(t, (<-calls).Status)
	trigger(t, s.Kanuu, created, "42")
	assert.Equal(t, kanuutest.DeliveryDelivered, (<-tries).State)
}
