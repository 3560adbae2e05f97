package demotest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

var active = kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67, SubscriptionID: 700_001}

// The home page and /pro by alice's subscription.
func testSubscription(t *testing.T) {
	ends := func(status string, months int) kanuutest.Subscription {
		return kanuutest.Subscription{Status: status, PlanID: 67, PaidUntil: time.Now().AddDate(0, months, 0)}
	}
	none := kanuutest.Subscription{}
	trial := kanuutest.Subscription{Status: kanuutest.StatusTrialing, PlanID: 12345}
	invalid, silent := &kanuutest.Fault{Body: "what-kanuu-says"}, &kanuutest.Fault{Delay: time.Minute}
	for name, tc := range map[string]struct {
		subscription kanuutest.Subscription
		fault        *kanuutest.Fault
		home, hides  string
		pro          string // what /pro shows; empty: it redirects to /billing
	}{
		"none":                  {none, nil, "No subscription|Pro is for subscribers", "Plan ", ""},
		"active":                {active, nil, "Active|Plan 67|Pro is open to you", "", "Pro, Alice|Plan 67|Active"},
		"trial":                 {trial, nil, "Trial|Plan 12345", "", "Plan 12345|Trial"},
		"canceled, paid for":    {ends(kanuutest.StatusCanceled, 1), nil, "Canceled", "", "Canceled|time that you paid for"},
		"canceled, over":        {ends(kanuutest.StatusCanceled, -1), nil, "closed until", "", ""},
		"paused, paid for":      {ends(kanuutest.StatusPaused, 1), nil, "Paused|that you paid for is over", "", "Paused"},
		"past due":              {ends("past_due", -1), nil, "Payment overdue|Pro stays open", "", "Payment overdue"},
		"unknown status":        {ends("<dormant>", 1), nil, "&lt;dormant&gt;|Pro is open to you", "<dormant>", "Plan 67"},
		"invalid response":      {none, invalid, "Not known right now", "what-kanuu-says|No subscription", ""},
		"Kanuu does not answer": {none, silent, "Not known right now", "No subscription", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := start(t, nil)
			app.Kanuu.SetSubscription("1001", tc.subscription)
			if tc.fault != nil {
				app.Kanuu.Inject(*tc.fault)
			}
			alice := app.browser(t, "alice")
			home := alice.get(t, "/")
			assert.Equal(t, http.StatusOK, home.Status)
			assertShows(t, home.Body, `Hello, Alice|href="/billing"|Spring release|`+tc.home, tc.hides)
			assert.Equal(t, tc.pro != "", strings.Contains(home.Body, "Open Pro"), "no link to a closed page")
			assert.Equal(t, tc.pro == "" && tc.fault == nil, strings.Contains(home.Body, ">Subscribe<"))
			if tc.fault != nil {
				return
			}
			pro := alice.get(t, "/pro")
			assert.Equal(t, "no-store", pro.Header.Get("Cache-Control"))
			if tc.pro == "" {
				assert.Equal(t, http.StatusSeeOther, pro.Status)
				assert.Equal(t, "/billing", pro.location())
			} else {
				assert.Equal(t, http.StatusOK, pro.Status)
				assert.Equal(t, "text/html; charset=utf-8", pro.Header.Get("Content-Type"))
				assertShows(t, pro.Body, "Welcome to Pro|"+tc.pro, "")
				assert.Equal(t, pro.Body, alice.send(t, http.MethodGet, "/pro", nil, fetch).Body)
			}
			assert.Equal(t, http.StatusSeeOther, app.browser(t, "bob").get(t, "/pro?identifier=1001").Status)
		})
	}
}

// A user who is not subscribed follows the redirects from /pro to the portal, subscribes and gets access.
func testPurchase(t *testing.T) {
	app := start(t, nil)
	app.Kanuu.SetReturnURL(app.URL + "/")
	alice := app.browser(t, "alice")
	portal := alice.get(t, alice.get(t, "/pro").location()).location()
	shown := alice.get(t, portal)
	require.Equal(t, http.StatusOK, shown.Status)
	require.Contains(t, shown.Body, app.URL+"/", "the link back to the app")
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro").Status, "a second tab caches that alice has no subscription")

	bought := alice.post(t, portal, url.Values{"action": {"subscribe"}, "plan": {"67"}})
	require.Equal(t, http.StatusSeeOther, bought.Status, bought.Body)
	require.Equal(t, kanuutest.StatusActive, app.Kanuu.Subscription("1001").Status)

	assert.Equal(t, http.StatusOK, alice.get(t, "/").Status)
	eventually(t, 6*time.Second, func() bool { return alice.get(t, "/pro").Status == http.StatusOK }, "alice gets access")
	assert.Contains(t, alice.get(t, "/").Body, "Pro is open to you")
	assert.Equal(t, http.StatusSeeOther, app.browser(t, "bob").get(t, "/pro").Status)
}
