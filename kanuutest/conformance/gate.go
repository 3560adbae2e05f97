package conformance

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// The visits to the page behind the gate.

var (
	subscribed = kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345, SubscriptionID: 67890}
	door       = kanuu.GateOptions{BillingURL: Path, LoginURL: "/login"}
)

func gated() []visit {
	down := &kanuutest.Fault{Status: http.StatusServiceUnavailable}
	changed := func(change func(*kanuu.GateOptions)) kanuu.GateOptions {
		options := door
		change(&options)
		return options
	}
	visits := []visit{
		{name: "subscriber", headers: click(nil), subscription: subscribed, gate: door, admitted: true},
		{name: "subscriber, fetch", headers: script(nil), subscription: subscribed, gate: door, admitted: true},
		{name: "subscriber, PUT", method: "PUT", subscription: subscribed, gate: door, admitted: true},
		{name: "subscriber, prefetch", headers: click(map[string]string{"Sec-Purpose": "prefetch"}), subscription: subscribed,
			gate: door, admitted: true},
		{
			name: "subscriber on one of the plans", headers: click(nil),
			subscription: subscribed, gate: changed(func(o *kanuu.GateOptions) { o.Plans = []int64{1, 12345} }), admitted: true,
		},
		{
			name: "subscriber whom the predicate allows", headers: click(nil),
			subscription: subscribed,
			gate: changed(
				func(o *kanuu.GateOptions) { o.Allow = func(s kanuu.Subscription) bool { return !s.IsTrialing } }),
			admitted: true,
		},
		{
			name: "unknown customer in the first seconds of an outage, although the gate fails open", headers: click(nil),
			fault: down, status: 503, body: page, gate: changed(func(o *kanuu.GateOptions) { o.FailOpen = true }),
		},

		{name: "not subscribed, and another's identifier in the URL", query: "?identifier=7&id=7&user=7", headers: click(nil),
			status: 303, answers: location(Path), gate: door},
		{name: "not subscribed, click", headers: click(nil), status: 303, answers: location(Path), gate: door},
		{name: "not subscribed, form", method: "POST", headers: click(map[string]string{"Origin": "SELF"}), status: 303,
			answers: location(Path), gate: door},
		{name: "not subscribed, curl", headers: map[string]string{"Accept": "*/*"}, status: 303, answers: location(Path),
			gate: door},
		{name: "not subscribed, HEAD", method: "HEAD", headers: click(nil), status: 303, answers: location(Path), gate: door},
		{name: "not subscribed, fetch", headers: script(nil), status: 402, lacks: []string{"Location"}, body: problem,
			onward: Path, gate: door},
		{name: "not subscribed, htmx goes back", headers: script(with(htmx, "HX-History-Restore-Request", "true")), status: 303,
			answers: location(Path), lacks: []string{"Hx-Redirect"}, gate: door},
		{name: "not subscribed, htmx", headers: script(htmx), status: 200, answers: map[string]string{"Hx-Redirect": Path},
			lacks: []string{"Location"}, gate: door},
		{name: "not subscribed, Inertia", headers: script(inertia), status: 409,
			answers: map[string]string{"X-Inertia-Location": Path}, lacks: []string{"Location"}, gate: door},
		{name: "not subscribed, Turbo", headers: script(turbo), status: 303, answers: location(Path), gate: door},
		{name: "not subscribed, Turbo form", method: "POST", headers: script(with(turbo, "Origin", "SELF")), status: 303,
			answers: location(Path), gate: door},
		{name: "not subscribed, Turbo frame", headers: script(with(turbo, "Turbo-Frame", "content")), status: 200, body: page,
			hears: errNothing, onward: Path, contains: `<meta name="turbo-visit-control" content="reload">`, gate: door},
		{name: "not subscribed, Unpoly", headers: script(unpoly), status: 303, answers: location(Path), gate: door},
		{name: "not subscribed, service worker", headers: script(worker), status: 303, answers: location(Path), gate: door},
		{name: "not subscribed, hover, Turbo", headers: script(with(turbo, "X-Sec-Purpose", "prefetch")), status: 503,
			lacks: []string{"Content-Type"}, gate: door},
		{name: "not subscribed, hover, Turbo frame",
			headers: script(with(turbo, "X-Sec-Purpose", "prefetch", "Turbo-Frame", "a")), status: 200, body: page,
			hears: errNothing, onward: Path, contains: `<meta name="turbo-visit-control" content="reload">`,
			gate: door},
		{name: "not subscribed, form in a Turbo frame", method: "POST", status: 402, body: page, onward: Path, gate: door,
			headers:  script(with(turbo, "Origin", "SELF", "Turbo-Frame", "a")),
			contains: `<meta name="turbo-visit-control" content="reload">`},
		{name: "not subscribed, hover, Inertia", headers: script(with(inertia, "Purpose", "prefetch")), status: 409,
			answers: map[string]string{"X-Inertia-Location": GatedPath}, gate: door},
		{name: "not subscribed, click in an iframe", headers: click(map[string]string{"Sec-Fetch-Dest": "iframe"}),
			status: 402, body: page, onward: Path, contains: `target="_top"`, gate: door},
		{name: "not subscribed, PUT", method: "PUT", status: 402, body: problem, gate: door},
		{name: "not subscribed, image", headers: map[string]string{"Accept": "image/*", "Sec-Fetch-Mode": "no-cors",
			"Sec-Fetch-Dest": "image"}, status: 402, body: problem, gate: door},
		{name: "not subscribed, no billing page", headers: click(nil), status: 402, body: page},
		{name: "subscriber on another plan", headers: click(nil), status: 303, answers: location(Path), subscription: subscribed,
			gate: changed(func(o *kanuu.GateOptions) { o.Plans = []int64{1} })},
		{name: "subscriber whom the predicate refuses", headers: click(nil), status: 303, answers: location(Path),
			subscription: subscribed,
			gate:         changed(func(o *kanuu.GateOptions) { o.Allow = func(kanuu.Subscription) bool { return false } })},
		{name: "nobody logged in, click", user: nobody, headers: click(nil), status: 302, answers: location("/login"),
			gate: door},
		{
			name: "nobody logged in, click, who is to come back", user: nobody, query: "?page=2&of=a%26b", headers: click(nil),
			status:  302,
			answers: location("/login?next=%2Fpro%3Fpage%3D2%26of%3Da%2526b"),
			gate:    changed(func(o *kanuu.GateOptions) { o.ReturnParam = "next" }),
		},
		{
			name: "nobody logged in, form, who cannot come back", method: "POST", user: nobody,
			headers: click(map[string]string{"Origin": "SELF"}),
			status:  303, answers: location("/login"), gate: changed(func(o *kanuu.GateOptions) { o.ReturnParam = "next" }),
		},
		{name: "nobody logged in, form, back to the page of the form", method: "POST", user: nobody,
			headers: click(map[string]string{"Origin": "SELF", "Referer": "SELF/notes?of=a"}),
			status:  303, answers: location("/login?next=%2Fnotes%3Fof%3Da"),
			gate: changed(func(o *kanuu.GateOptions) { o.ReturnParam = "next" })},
		{name: "nobody logged in, form of another site", method: "POST", user: nobody,
			headers: click(map[string]string{"Origin": "SELF", "Referer": "https://evil.example/notes"}),
			status:  303, answers: location("/login"), gate: changed(func(o *kanuu.GateOptions) { o.ReturnParam = "next" })},
		{name: "nobody logged in, form through a service worker", method: "POST", user: nobody,
			headers: script(with(worker, "Origin", "SELF", "Referer", "SELF/worker.js")),
			status:  303, answers: location("/login"),
			gate: changed(func(o *kanuu.GateOptions) { o.ReturnParam = "next" })},
		{name: "nobody logged in, htmx, back to the page around it", user: nobody,
			headers: script(with(htmx, "HX-Current-URL", "SELF/notes?of=a")), status: 200,
			answers: map[string]string{"Hx-Redirect": "/login?next=%2Fnotes%3Fof%3Da"},
			gate:    changed(func(o *kanuu.GateOptions) { o.ReturnParam = "next" })},
		{name: "nobody logged in, htmx boosted", user: nobody,
			headers: script(with(htmx, "HX-Boosted", "true", "HX-Current-URL", "SELF/notes")), status: 200,
			answers: map[string]string{"Hx-Redirect": "/login?next=%2Fpro"},
			gate:    changed(func(o *kanuu.GateOptions) { o.ReturnParam = "next" })},
		{name: "nobody logged in, Inertia", user: nobody, headers: script(inertia), status: 409,
			answers: map[string]string{"X-Inertia-Location": "/login"}, gate: door},
		{name: "nobody logged in, Turbo", user: nobody, headers: script(turbo), status: 303, answers: location("/login"),
			gate: door},
		{name: "nobody logged in, fetch", user: nobody, headers: script(nil), status: 401, lacks: []string{"Location"},
			body: problem, onward: "/login", gate: door},
		{name: "subscriber on another plan, fetch", headers: script(nil), subscription: subscribed, status: 402, body: problem,
			onward: Path, contains: "ErrWrongPlan", hears: kanuu.ErrWrongPlan,
			gate: changed(func(o *kanuu.GateOptions) { o.Plans = []int64{1} })},
		{name: "nobody logged in, no login page", user: nobody, headers: click(nil), status: 401, body: page},
		{name: "Kanuu: 503, click", headers: click(nil), fault: down, status: 503,
			answers: map[string]string{"Retry-After": "10"}, lacks: []string{"Location"}, body: page, gate: door},
		{name: "Kanuu: 503, fetch", headers: script(nil), fault: down, status: 503,
			answers: map[string]string{"Retry-After": "10"}, body: problem, gate: door},
		{
			name: "Kanuu: 401, although outages are let in", headers: click(nil), fault: &kanuutest.Fault{Status: 401},
			status: 500, body: page,
			gate: changed(func(o *kanuu.GateOptions) { o.FailOpen = true }),
		},
		{
			name: "OnError answers", headers: script(nil), status: 402, answers: map[string]string{"Own-Page": "yes"},
			gate: changed(func(o *kanuu.GateOptions) { o.OnError = ownPage }), hears: kanuu.ErrNotSubscribed,
		},
		{name: "resolver says that an upstream answered 401", user: unknown, headers: click(nil), gate: door, status: 500,
			body: page},
		{name: "something of the application was cancelled", user: cancelled, headers: click(nil), gate: door, status: 500,
			body: page},
		{name: "resolver returns what Kanuu refuses", user: invalid, headers: click(nil), gate: door, status: 500, body: page},
	}
	for i := range visits {
		visits[i].path = GatedPath
	}
	return visits
}

func (v visit) checkGate(t *testing.T, res *http.Response, body []byte) {
	t.Helper()
	var got gatedContent
	inside := json.Unmarshal(body, &got) == nil && got.Inside
	switch {
	case inside != v.admitted:
		t.Errorf("the page was shown: %t, want %t", inside, v.admitted)
	case !v.admitted:
	case res.StatusCode != http.StatusOK:
		t.Errorf("status is %d, want 200", res.StatusCode)
	case v.fault == nil && (!got.Found || got.PlanID != v.subscription.PlanID || !got.Active):
		t.Errorf("the page found another subscription, or none: %+v", got)
	case v.fault != nil && got.Found:
		t.Error("the page found a subscription that nobody knows")
	}
}

// gatedContent is what gatedPage shows.
type gatedContent struct {
	Inside bool  `json:"inside"`
	Found  bool  `json:"found"`
	PlanID int64 `json:"plan_id"`
	Active bool  `json:"active"`
}

func gatedPage(w http.ResponseWriter, r *http.Request) {
	subscription, ok := kanuu.SubscriptionFromContext(r.Context())
	body, err := json.Marshal(gatedContent{Inside: true, Found: ok, PlanID: subscription.PlanID,
		Active: subscription.IsSubscribed})
	if err != nil { // flags and a number: cannot happen
		panic(err)
	}
	_, _ = w.Write(body)
}

// comesBack: who subscribed on the portal is let in at once.
func comesBack(t *testing.T, framework Framework) {
	t.Helper()

	s := start(t, framework, plan{gate: door})
	gate := visit{path: GatedPath, headers: click(nil)}

	s.mustAnswer(t, gate, http.StatusSeeOther)
	s.mustAnswer(t, visit{path: Path, headers: click(nil)}, http.StatusFound)
	s.kanuu.SetSubscription("42", subscribed)
	s.mustAnswer(t, gate, http.StatusOK)
}
