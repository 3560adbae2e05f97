package demotest

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/examples/internal/demo"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// settled is how long somebody who has just paid may have to wait.
const settled = 6 * time.Second

var (
	active  = kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 67, SubscriptionID: 700_001}
	byFetch = http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}}
)

func testPro(t *testing.T, framework string, build demo.Build) {
	nextMonth, lastMonth := time.Now().AddDate(0, 1, 0), time.Now().AddDate(0, -1, 0)
	for name, test := range map[string]struct {
		subscription kanuutest.Subscription
		header       http.Header

		status      int
		location    string
		contentType string
		shows       []string
	}{
		"never subscribed": {
			status: http.StatusSeeOther, location: "/billing",
		},
		"never subscribed, by fetch": {
			header: byFetch,
			status: http.StatusPaymentRequired, contentType: "application/problem+json",
		},
		"active": {
			subscription: active,
			status:       http.StatusOK, contentType: "text/html; charset=utf-8",
			shows: []string{"Welcome to Pro, Alice", "Plan 67", "Active", `action="/logout"`},
		},
		"active, by fetch": {
			subscription: active, header: byFetch,
			status: http.StatusOK, contentType: "text/html; charset=utf-8",
		},
		"on trial": {
			subscription: kanuutest.Subscription{Status: kanuutest.StatusTrialing, PlanID: 12345},
			status:       http.StatusOK, contentType: "text/html; charset=utf-8",
			shows: []string{"Plan 12345", "Trial"},
		},
		"canceled, paid for": {
			subscription: kanuutest.Subscription{Status: kanuutest.StatusCanceled, PlanID: 67, PaidUntil: nextMonth},
			status:       http.StatusOK, contentType: "text/html; charset=utf-8",
			shows: []string{"Plan 67", "Canceled", "until the time that you paid for is over"},
		},
		"canceled, over": {
			subscription: kanuutest.Subscription{Status: kanuutest.StatusCanceled, PlanID: 67, PaidUntil: lastMonth},
			status:       http.StatusSeeOther, location: "/billing",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			site := start(t, framework, build, nil)
			site.Kanuu.SetSubscription("1001", test.subscription)

			got := site.visit(t, "alice").get(t, "/pro", test.header)

			assert.Equal(t, test.status, got.Status, got.Body)
			assert.Equal(t, test.location, got.Header.Get("Location"))
			assert.Equal(t, test.contentType, got.Header.Get("Content-Type"))
			assert.Equal(t, "no-store", got.Header.Get("Cache-Control"))
			for _, text := range test.shows {
				assert.Contains(t, got.Body, text)
			}

			others := site.visit(t, "bob").get(t, "/pro?identifier=1001", nil)
			assert.Equal(t, http.StatusSeeOther, others.Status, "bob has no subscription, whatever alice has")
		})
	}
}

func testHome(t *testing.T, framework string, build demo.Build) {
	nextMonth, lastMonth := time.Now().AddDate(0, 1, 0), time.Now().AddDate(0, -1, 0)
	for name, test := range map[string]struct {
		subscription kanuutest.Subscription
		fault        kanuutest.Fault
		shows        []string
		hides        []string
	}{
		"never subscribed": {
			shows: []string{"No subscription", "Pro is for subscribers"}, hides: []string{"Plan "},
		},
		"active": {
			subscription: active,
			shows:        []string{"Active", "Plan 67", "Pro is open to you"},
		},
		"paused, paid for": {
			subscription: kanuutest.Subscription{Status: kanuutest.StatusPaused, PlanID: 67, PaidUntil: nextMonth},
			shows:        []string{"Paused", "Plan 67", "until the time that you paid for is over"},
		},
		"overdue": {
			subscription: kanuutest.Subscription{Status: "past_due", PlanID: 67, PaidUntil: lastMonth},
			shows:        []string{"Payment overdue", "closed until you are subscribed again"},
		},
		"a status that nobody knows": {
			subscription: kanuutest.Subscription{Status: "<dormant>", PlanID: 67, PaidUntil: nextMonth},
			shows:        []string{"&lt;dormant&gt;", "Pro is open to you"},
		},
		"Kanuu answers nonsense": {
			fault: kanuutest.Fault{Body: "what-kanuu-says"},
			shows: []string{"Not known right now"}, hides: []string{"what-kanuu-says", "No subscription"},
		},
		"Kanuu does not answer": {
			fault: kanuutest.Fault{Delay: time.Minute},
			shows: []string{"Not known right now"}, hides: []string{"No subscription"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			site := start(t, framework, build, nil)
			site.Kanuu.SetSubscription("1001", test.subscription)
			if test.fault.Body != "" || test.fault.Delay != 0 {
				site.Kanuu.Inject(test.fault)
			}
			got := site.visit(t, "alice").get(t, "/", nil)

			assert.Equal(t, http.StatusOK, got.Status)
			for _, text := range append(test.shows, "Hello, Alice", `href="/pro"`, `href="/billing"`, "Spring release") {
				assert.Contains(t, got.Body, text)
			}
			for _, text := range test.hides {
				assert.NotContains(t, got.Body, text)
			}
		})
	}
}

// testOutage looks whether those whom the app knows stay in while Kanuu is off.
func testOutage(t *testing.T, framework string, build demo.Build) {
	site := start(t, framework, build, nil)
	alice, bob := site.visit(t, "alice"), site.visit(t, "bob")
	site.Kanuu.SetSubscription("1001", active)
	site.Kanuu.SetSubscription("1002", active)
	require.Equal(t, http.StatusOK, alice.get(t, "/pro", nil).Status)

	site.Kanuu.Close()

	known := alice.get(t, "/pro", nil)
	assert.Equal(t, http.StatusOK, known.Status, known.Body)
	assert.Contains(t, known.Body, "Plan 67")
	assert.Contains(t, alice.get(t, "/", nil).Body, "Pro is open to you")

	unknown := bob.get(t, "/pro", nil)
	assert.Equal(t, http.StatusServiceUnavailable, unknown.Status)
	assert.NotEmpty(t, unknown.Header.Get("Retry-After"))
	assert.NotContains(t, unknown.Body, "Welcome to Pro")

	home := bob.get(t, "/", nil)
	assert.Equal(t, http.StatusOK, home.Status)
	assert.Contains(t, home.Body, "Hello, Bob")
	assert.Contains(t, home.Body, "Not known right now")
	assert.NotContains(t, home.Body, "No subscription")
}

// testStampede looks how often Kanuu is asked when everybody comes at once.
func testStampede(t *testing.T, framework string, build demo.Build) {
	site := start(t, framework, build, nil)
	site.Kanuu.SetSubscription("1001", active)
	site.Kanuu.Inject(kanuutest.Fault{Delay: 300 * time.Millisecond}) // so that they do come at once
	alice := site.visit(t, "alice")

	come := func(visits int) int {
		var (
			visitors sync.WaitGroup
			admitted atomic.Int64
		)
		for range visits {
			visitors.Go(func() {
				if status, err := alice.status(t.Context(), "/pro"); assert.NoError(t, err) && status == http.StatusOK {
					admitted.Add(1)
				}
			})
		}
		visitors.Wait()
		return int(admitted.Load())
	}

	assert.Equal(t, 200, come(200))
	assert.Equal(t, 1, site.calls("/api/subscription"), "a cold app")

	assert.Equal(t, 50, come(50))
	assert.Equal(t, 1, site.calls("/api/subscription"), "a warm app")
}

// testJourney is somebody who wants to see Pro, pays for it, and sees it.
func testJourney(t *testing.T, framework string, build demo.Build) {
	site := start(t, framework, build, nil)
	site.Kanuu.SetReturnURL(site.URL + "/")
	alice := site.visit(t, "alice")

	refused := alice.get(t, "/pro", nil)
	require.Equal(t, http.StatusSeeOther, refused.Status)

	billing := alice.get(t, refused.Header.Get("Location"), nil)
	require.Equal(t, http.StatusFound, billing.Status, billing.Body)

	portal := billing.Header.Get("Location")
	shown := alice.get(t, portal, nil)
	require.Equal(t, http.StatusOK, shown.Status)
	require.Contains(t, shown.Body, site.URL+"/", "the way back")

	// A second tab, in which the app hears once more that alice has nothing.
	require.Equal(t, http.StatusSeeOther, alice.get(t, "/pro", nil).Status)

	bought := alice.post(t, portal, url.Values{"action": {"subscribe"}, "plan": {"67"}}, nil)
	require.Equal(t, http.StatusSeeOther, bought.Status, bought.Body)
	require.Equal(t, kanuutest.StatusActive, site.Kanuu.Subscription("1001").Status)

	assert.Equal(t, http.StatusOK, alice.get(t, "/", nil).Status, "back again")
	eventually(t, settled, func() bool {
		return alice.get(t, "/pro", nil).Status == http.StatusOK
	}, "alice has paid and is not let in")

	assert.Contains(t, alice.get(t, "/", nil).Body, "Pro is open to you")
	assert.Equal(t, http.StatusSeeOther, site.visit(t, "bob").get(t, "/pro", nil).Status)
}
