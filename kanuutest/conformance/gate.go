package conformance

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// GatedPath is where the application under test has its page for subscribers.
const GatedPath = "/pro"

// NewGatedApp builds an application of the framework under test that serves page
// under [GatedPath] for every method, behind gate. page must get the request
// that the framework's own handlers see.
type NewGatedApp func(gate *kanuu.Gate, who Who, page http.HandlerFunc) http.Handler

// gatedVisit is a row of the table: who comes how, and what they must get.
type gatedVisit struct {
	visit

	subscription kanuutest.Subscription // of user "42"
	options      kanuu.GateOptions
	admitted     bool // and then the rest need not be said
}

//nolint:funlen // a table
func gatedVisits() []gatedVisit {
	subscribed := kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345, SubscriptionID: 67890}
	options := kanuu.GateOptions{BillingURL: Path, LoginURL: "/login"}
	down := &kanuutest.Fault{Status: http.StatusServiceUnavailable}

	with := func(change func(*kanuu.GateOptions)) kanuu.GateOptions {
		changed := options
		change(&changed)

		return changed
	}

	return []gatedVisit{
		{visit: visit{name: "subscriber", headers: click(nil)}, subscription: subscribed, options: options, admitted: true},
		{visit: visit{name: "subscriber, fetch", headers: script(nil)}, subscription: subscribed, options: options, admitted: true},
		{visit: visit{name: "subscriber, PUT", method: "PUT"}, subscription: subscribed, options: options, admitted: true},
		{visit: visit{name: "subscriber, prefetch", headers: click(map[string]string{"Sec-Purpose": "prefetch"})}, subscription: subscribed, options: options, admitted: true},
		{
			visit:        visit{name: "subscriber on one of the plans", headers: click(nil)},
			subscription: subscribed, options: with(func(o *kanuu.GateOptions) { o.Plans = []int64{1, 12345} }), admitted: true,
		},
		{
			visit:        visit{name: "subscriber whom the predicate allows", headers: click(nil)},
			subscription: subscribed, options: with(func(o *kanuu.GateOptions) { o.Allow = func(s kanuu.Subscription) bool { return !s.IsTrialing } }), admitted: true,
		},
		{
			visit:   visit{name: "anybody during an outage, where allowed", headers: click(nil), fault: down},
			options: with(func(o *kanuu.GateOptions) { o.LetAnybodyInDuringOutages = true }), admitted: true,
		},

		{visit: visit{name: "not subscribed, click", headers: click(nil), status: 303, answers: location(Path)}, options: options},
		{visit: visit{name: "not subscribed, form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}), status: 303, answers: location(Path)}, options: options},
		{visit: visit{name: "not subscribed, curl", headers: map[string]string{"Accept": "*/*"}, status: 303, answers: location(Path)}, options: options},
		{visit: visit{name: "not subscribed, HEAD", method: "HEAD", headers: click(nil), status: 303, answers: location(Path)}, options: options},
		{visit: visit{name: "not subscribed, fetch", headers: script(nil), status: 402, lacks: []string{"Location"}, body: problem}, options: options},
		{visit: visit{name: "not subscribed, htmx", headers: script(map[string]string{"HX-Request": "true"}), status: 402, lacks: []string{"Location"}, body: problem}, options: options},
		{visit: visit{name: "not subscribed, PUT", method: "PUT", status: 402, body: problem}, options: options},
		{visit: visit{name: "not subscribed, image", headers: map[string]string{"Accept": "image/*", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, status: 402, body: problem}, options: options},
		{visit: visit{name: "not subscribed, no billing page", headers: click(nil), status: 402, body: page}},
		{visit: visit{name: "subscriber on another plan", headers: click(nil), status: 303, answers: location(Path)}, subscription: subscribed, options: with(func(o *kanuu.GateOptions) { o.Plans = []int64{1} })},
		{visit: visit{name: "subscriber whom the predicate refuses", headers: click(nil), status: 303, answers: location(Path)}, subscription: subscribed, options: with(func(o *kanuu.GateOptions) { o.Allow = func(kanuu.Subscription) bool { return false } })},
		{visit: visit{name: "nobody logged in, click", user: "nobody", headers: click(nil), status: 302, answers: location("/login")}, options: options},
		{visit: visit{name: "nobody logged in, fetch", user: "nobody", headers: script(nil), status: 401, lacks: []string{"Location"}, body: problem}, options: options},
		{visit: visit{name: "nobody logged in, no login page", user: "nobody", headers: click(nil), status: 401, body: page}},
		{visit: visit{name: "Kanuu: 503, click", headers: click(nil), fault: down, status: 503, answers: map[string]string{"Retry-After": "10"}, lacks: []string{"Location"}, body: page}, options: options},
		{visit: visit{name: "Kanuu: 503, fetch", headers: script(nil), fault: down, status: 503, answers: map[string]string{"Retry-After": "10"}, body: problem}, options: options},
		{
			visit:   visit{name: "Kanuu: 401, although outages are let in", headers: click(nil), fault: &kanuutest.Fault{Status: 401}, status: 502, body: page},
			options: with(func(o *kanuu.GateOptions) { o.LetAnybodyInDuringOutages = true }),
		},
		{
			visit: visit{name: "OnError answers", headers: script(nil), status: 402, answers: map[string]string{"Own-Page": "yes"}},
			options: with(func(o *kanuu.GateOptions) {
				o.OnError = func(w http.ResponseWriter, _ *http.Request, err error) {
					w.Header().Set("Own-Page", "yes")
					w.WriteHeader(kanuu.HTTPStatus(err))
				}
			}),
		},
	}
}

// TestGate runs the table against applications that newApp builds, each row as a
// subtest over real HTTP.
func TestGate(t *testing.T, newApp NewGatedApp) {
	t.Helper()

	for _, v := range gatedVisits() {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			v.run(t, newApp)
		})
	}
}

func (v gatedVisit) run(t *testing.T, newApp NewGatedApp) {
	t.Helper()

	client, box, _ := start(t)

	if v.subscription.Status != "" {
		box.SetSubscription("42", v.subscription)
	}

	if v.fault != nil {
		box.Inject(*v.fault)
	}

	app := httptest.NewServer(newApp(kanuu.NewGate(client, &v.options), who, gatedPage))
	t.Cleanup(app.Close)

	res, body := v.send(t, app, GatedPath)

	var got gated

	inside := json.Unmarshal(body, &got) == nil && got.Inside

	switch {
	case inside != v.admitted:
		t.Errorf("the page was shown: %t, want %t", inside, v.admitted)
	case !v.admitted:
		v.checkHead(t, res, box.URL)
		v.checkBody(t, res, body, box.URL)
	case res.StatusCode != http.StatusOK:
		t.Errorf("status is %d, want 200", res.StatusCode)
	case v.fault == nil && (!got.Found || got.PlanID != v.subscription.PlanID || !got.Active):
		t.Errorf("the page found another subscription, or none: %+v", got)
	case v.fault != nil && got.Found:
		t.Error("the page found a subscription that nobody knows")
	}
}

// gated is what gatedPage shows.
type gated struct {
	Inside bool  `json:"inside"`
	Found  bool  `json:"found"`
	PlanID int64 `json:"plan_id"`
	Active bool  `json:"active"`
}

func gatedPage(w http.ResponseWriter, r *http.Request) {
	subscription, ok := kanuu.SubscriptionFromContext(r.Context())

	body, err := json.Marshal(gated{Inside: true, Found: ok, PlanID: subscription.PlanID, Active: subscription.IsSubscribed})
	if err != nil { // flags and a number: cannot happen
		panic(err)
	}

	_, _ = w.Write(body)
}
