package demotest

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// startWithWebhook starts the app with the signer's public key.
func startWithWebhook(t *testing.T) (*instance, *kanuutest.Signer) {
	t.Helper()
	signer := kanuutest.NewSigner()
	return start(t, map[string]string{"PADDLE_PUBLIC_KEY": signer.PublicKey()}), signer
}

// receive posts a webhook to the app and returns the status.
func (app *instance) receive(t *testing.T, body string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, app.URL+"/webhooks/paddle", strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := app.browser(t, "").client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

var eventItem = regexp.MustCompile(
	`<li><code>subscription_(\w+)</code> <time [^>]*>\d{1,2} \w{3} \d{4}, \d\d:\d\d:\d\d UTC</time></li>`)

// events are the alerts about subscriptions on the home page, the latest first.
func (b *browser) events(t *testing.T) string {
	t.Helper()
	home := b.get(t, "/").Body
	var names []string
	for _, item := range eventItem.FindAllStringSubmatch(home, -1) {
		names = append(names, item[1])
	}
	assert.Equal(t, len(names), strings.Count(home, "<time"), "each event has its time and name")
	return strings.Join(names, " ")
}

func testWebhook(t *testing.T) {
	noon := time.Now().Add(-12 * time.Hour).UTC().Truncate(time.Second)
	created := kanuutest.Webhook{AlertID: "1", Identifier: "1001", Time: noon}
	cancelled := kanuutest.Webhook{AlertName: "subscription_cancelled", Identifier: "1001", Time: noon.Add(time.Hour)}
	var many []kanuutest.Webhook
	for hour := range 7 {
		at := noon.Add(time.Duration(hour) * time.Hour)
		many = append(many, kanuutest.Webhook{AlertName: "subscription_" + strconv.Itoa(hour), Identifier: "1001", Time: at})
	}
	forge := func(body string) string { return strings.Replace(body, "1002", "1001", 1) }
	unsigned := func(string) string { return "alert_name=subscription_created&alert_id=1" }
	for name, tc := range map[string]struct {
		webhooks []kanuutest.Webhook
		change   func(body string) string
		status   int
		events   string // on alice's home page
	}{
		"signed":              {[]kanuutest.Webhook{created}, nil, http.StatusOK, "created"},
		"repeated":            {[]kanuutest.Webhook{created, created}, nil, http.StatusOK, "created"},
		"out of order":        {[]kanuutest.Webhook{cancelled, created}, nil, http.StatusOK, "cancelled created"},
		"more than shown":     {many, nil, http.StatusOK, "6 5 4 3 2"},
		"other alert":         {[]kanuutest.Webhook{{AlertName: "payment_succeeded", Identifier: "1001"}}, nil, 200, ""},
		"unknown identifier":  {[]kanuutest.Webhook{{Identifier: "1003"}, {}}, nil, 200, ""},
		"other identifier":    {[]kanuutest.Webhook{{Identifier: "1002"}}, forge, http.StatusUnauthorized, ""},
		"without p_signature": {[]kanuutest.Webhook{created}, unsigned, http.StatusUnauthorized, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app, signer := startWithWebhook(t)
			for _, webhook := range tc.webhooks {
				body := signer.Body(webhook)
				if tc.change != nil {
					body = tc.change(body)
				}
				assert.Equal(t, tc.status, app.receive(t, body))
			}
			assert.Equal(t, tc.events, app.browser(t, "alice").events(t))
			assert.Empty(t, app.browser(t, "bob").events(t))
			assert.Empty(t, app.browser(t, "").events(t))
		})
	}
}

// A signed webhook invalidates the cached subscription.
func testWebhookOpensGate(t *testing.T) {
	app, signer := startWithWebhook(t)
	alice, webhook := app.browser(t, "alice"), signer.Body(kanuutest.Webhook{Identifier: "1001"})
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro").Status)
	app.Kanuu.SetSubscription("1001", active)
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro").Status, "the cache has the old entry")
	require.Equal(t, http.StatusUnauthorized, app.receive(t, webhook+"x"))
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro").Status, "a forged webhook changes nothing")
	require.Equal(t, http.StatusOK, app.receive(t, webhook))
	assert.Equal(t, http.StatusOK, alice.get(t, "/pro").Status)
}

// Without a public key there is no webhook endpoint. The key may be base64 of PEM.
func testWebhookNeedsKey(t *testing.T) {
	signer := kanuutest.NewSigner()
	body := signer.Body(kanuutest.Webhook{Identifier: "1001"})
	off := start(t, nil)
	assert.Equal(t, http.StatusNotFound, off.receive(t, body))
	assert.Contains(t, off.Log.String(), "set PADDLE_PUBLIC_KEY")
	assert.Empty(t, off.browser(t, "alice").events(t))
	on := start(t, map[string]string{"PADDLE_PUBLIC_KEY": base64.StdEncoding.EncodeToString([]byte(signer.PublicKey()))})
	assert.Equal(t, http.StatusOK, on.receive(t, body))
	assert.NotContains(t, on.Log.String(), "set PADDLE_PUBLIC_KEY")
}
