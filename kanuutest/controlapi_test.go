package kanuutest_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// control makes a call of the control API with a JSON body.
func control(t *testing.T, base, path, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/control/api/"+path, strings.NewReader(body))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/json")
	return send(t, http.DefaultClient, req)
}

func read[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
	assert.Equal(t, "no-store", a.Header.Get("Cache-Control"))
	require.Equal(t, http.StatusOK, a.StatusCode, a.body)
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&v))
	return v
}

func november20(o *kanuutest.Options) *kanuutest.Options {
	if o == nil {
		o = new(kanuutest.Options)
	}
	o.Now = func() time.Time { return november }
	return o
}

func TestControlState(t *testing.T) {
	t.Parallel()
	s := start(t, november20(&kanuutest.Options{
		Plans:    []kanuutest.Plan{{ID: 7, Name: "Gold", Price: "90.00", Currency: "USD", Yearly: true, TrialDays: 14}},
		Webhooks: &kanuutest.WebhookOptions{URL: "http://127.0.0.1:1/hook", Backoff: []time.Duration{}},
	}))
	empty := read[kanuutest.State](t, visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control/api/state"))
	assert.Empty(t, empty.Customers)
	assert.Equal(t, 1, strings.Count(visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control/api/state").body,
		`"customers":[]`))

	mint(t, s.URL, "guest")
	control(t, s.URL, "act", `{"identifier":"42","action":"subscribe","plan_id":7}`)
	require.NoError(t, s.Settle(t.Context()))
	s.SetChaos(kanuutest.Chaos{Lose: 0.5, Delay: time.Second})
	s.Inject(kanuutest.Fault{Path: noncePath, Status: 429, Rate: 0.25, Delay: 90 * time.Second,
		Header: http.Header{"Retry-After": {"7"}}})

	a := visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control/api/state")
	assert.NotContains(t, a.body, kanuutest.DefaultAPIKey)
	assert.NotContains(t, a.body, "Authorization")
	assert.Contains(t, a.body, `"chaos":{"duplicate":0,"reorder":0,"lose":0.5,"delay":"1s"}`)
	assert.Contains(t, a.body,
		`"faults":[{"path":"/api/nonce","rate":0.25,"status":429,"delay":"1m30s","header":{"Retry-After":"7"}}]`)

	got := read[kanuutest.State](t, a)
	until := time.Date(2026, 12, 4, 9, 42, 7, 0, time.UTC)
	assert.Equal(t, november, got.Now)
	assert.Equal(t, []kanuutest.Plan{
		{ID: 7, Name: "Gold", Price: "90.00", Currency: "USD", Yearly: true, TrialDays: 14},
	}, got.Plans)
	assert.Equal(t, []kanuutest.CustomerState{
		{
			Identifier: "42", Status: "trialing", IsSubscribed: true, PlanID: 7, Plan: "Gold",
			SubscriptionID: 700_001, PaidUntil: &until,
		},
		{Identifier: "guest"},
	}, got.Customers)
	assert.Equal(t, kanuutest.WebhookState{URL: "http://127.0.0.1:1/hook", PublicKey: s.PublicKey()}, got.Webhooks)
	assert.Equal(t, s.Chaos(), got.Chaos)
	assert.Equal(t, s.Faults(), got.Faults)
	assert.Equal(t, s.Deliveries(), got.Deliveries)
	assert.Len(t, got.Deliveries, 2)
	assert.Equal(t, []kanuutest.CallState{
		{Time: november, Method: "POST", Path: noncePath, Identifier: "guest", Status: 201, Body: `{"identifier":"guest"}`},
	}, got.Calls)
}

func TestControlCalls(t *testing.T) {
	t.Parallel()
	in := &webhookReceiver{}
	s := start(t, november20(&kanuutest.Options{
		Webhooks: &kanuutest.WebhookOptions{URL: hookURL, Client: &http.Client{Transport: in},
			Backoff: []time.Duration{time.Hour}},
	}))

	moved := read[map[string]time.Time](t, control(t, s.URL, "advance", `{"months":1,"days":2,"duration":"1h30m"}`))
	assert.Equal(t, time.Date(2026, 12, 22, 11, 12, 7, 0, time.UTC), moved["now"])
	assert.Equal(t, moved["now"], s.Now().UTC())

	sent := read[kanuutest.Delivery](t, control(t, s.URL, "trigger", `{"alert":"subscription_updated","identifier":"42"}`))
	assert.Equal(t, kanuutest.DeliveryDelivered, sent.State)
	assert.Equal(t, 200, sent.Status)
	in.answer = func(int) (int, error) { return 500, nil }
	again := read[kanuutest.Delivery](t, control(t, s.URL, "resend", `{"alert_id":"`+sent.AlertID+`"}`))
	assert.Equal(t, kanuutest.DeliveryWaiting, again.State)
	assert.Equal(t, 2, again.Tries)
	assert.Equal(t, "answered with 500: Paddle takes only 200, and follows no redirect", again.Error)

	read[struct{}](t, control(t, s.URL, "reset", ``))
	assert.Empty(t, s.Deliveries())

	hooks := read[kanuutest.WebhookState](t, control(t, s.URL, "webhooks", `{"url":"https://app.test/hook"}`))
	assert.Equal(t, kanuutest.WebhookState{URL: "https://app.test/hook", PublicKey: s.PublicKey()}, hooks)
	assert.Equal(t, "https://app.test/hook", s.WebhookURL())
	read[kanuutest.WebhookState](t, control(t, s.URL, "webhooks", `{"url":""}`))
	assert.Empty(t, s.WebhookURL())

	chaos := read[kanuutest.Chaos](t, control(t, s.URL, "chaos", `{"duplicate":0.1,"reorder":0.2,"delay":"2s"}`))
	assert.Equal(t, kanuutest.Chaos{Duplicate: 0.1, Reorder: 0.2, Delay: 2 * time.Second}, chaos)
	assert.Equal(t, chaos, s.Chaos())
	read[kanuutest.Chaos](t, control(t, s.URL, "chaos", `{"lose":1,"once":true}`))
	assert.Equal(t, chaos, s.Chaos(), "only once")

	fault := kanuutest.Fault{
		Path: noncePath, Times: 3, Rate: 0.5, Delay: time.Millisecond, Status: 503,
		Header: http.Header{"Retry-After": {"7"}}, Body: "<html>", Drop: true,
	}
	written, err := json.Marshal(fault)
	require.NoError(t, err)
	assert.Equal(t, fault, read[kanuutest.Fault](t, control(t, s.URL, "faults", string(written))))
	assert.Equal(t, []kanuutest.Fault{fault}, s.Faults())
	read[struct{}](t, control(t, s.URL, "recover", `{}`))
	assert.Empty(t, s.Faults())

	set := read[kanuutest.CustomerState](t, control(t, s.URL, "subscription",
		`{"identifier":"42","status":"paused","plan_id":67,"subscription_id":9,"paid_until":"2027-01-01T00:00:00Z"}`))
	assert.Equal(t, "Pro", set.Plan)
	assert.True(t, set.IsSubscribed)
	assert.Equal(t, kanuutest.Subscription{
		Status: "paused", PlanID: 67, SubscriptionID: 9, PaidUntil: time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}, s.Subscription("42"))
	assert.Empty(t, s.Deliveries(), "told to nobody")

	acted := read[kanuutest.CustomerState](t, control(t, s.URL, "act", `{"identifier":"42","action":"cancel"}`))
	assert.Equal(t, "canceled", acted.Status)
	assert.Len(t, s.Deliveries(), 1)

	gone := read[kanuutest.CustomerState](t, control(t, s.URL, "remove", `{"identifier":"42"}`))
	assert.Equal(t, kanuutest.CustomerState{Identifier: "42"}, gone)
	assert.Empty(t, s.State().Customers)
	assert.Len(t, s.Deliveries(), 1, "told to nobody")

	read[map[string]bool](t, control(t, s.URL, "cache", `{"on":true}`))
	assert.True(t, s.State().KanuuCache)

	signed := read[map[string]string](t, control(t, s.URL, "sign", `{"fields":{"alert_id":"7","alert_name":"mine"}}`))
	signature := regexp.MustCompile(`^alert_id=7&alert_name=mine&p_signature=.{300}`)
	assert.Regexp(t, signature, signed["body"])
}

// What the fields say is sent, signed, in place of what the alert says.
func TestControlTriggersWithFields(t *testing.T) {
	t.Parallel()
	in := &webhookReceiver{}
	s := start(t, &kanuutest.Options{Webhooks: &kanuutest.WebhookOptions{URL: hookURL, Client: &http.Client{Transport: in}}})
	sent := read[kanuutest.Delivery](t, control(t, s.URL, "trigger",
		`{"alert":"subscription_updated","identifier":"42","fields":{"status":"paused","tags[]":"red","passthrough":""}}`))
	assert.Equal(t, "42", sent.Identifier)
	assert.Equal(t, "paused", sent.Fields["status"])
	assert.NotEmpty(t, sent.Fields["old_status"], "the others stay")

	require.Len(t, in.all(), 1)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: s.URL})
	require.NoError(t, err)
	hook, err := kanuu.NewWebhookHandler(client, s.PublicKey(), nil)
	require.NoError(t, err)
	var got kanuu.Event
	hook.On("subscription_updated", func(_ context.Context, e kanuu.Event) error { got = e; return nil })
	rec := httptest.NewRecorder()
	hook.ServeHTTP(rec, newForm(t, hookURL, in.all()[0].body))
	assert.Equal(t, http.StatusOK, rec.Code)
	assert.Equal(t, "paused", got.Fields.Get("status"))
	tag, _ := got.Fields.Lookup("tags", "0")
	assert.Equal(t, "red", tag)
	assert.Empty(t, got.Identifier, "as one that did not come through Kanuu")
}

func TestControlCallErrors(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, tc := range map[string]struct {
		call, body string
		status     int
		problem    string
	}{
		"no such call":  {"nope", `{}`, 404, "no such call: there are state, act, advance,"},
		"read by POST":  {"state", `{}`, 405, "state takes GET only"},
		"no JSON":       {"reset", `reset`, 400, "invalid character 'r'"},
		"cut off":       {"trigger", `{"alert":`, 400, "unexpected EOF"},
		"wrong type":    {"trigger", `{"alert":7}`, 400, "cannot unmarshal number"},
		"a list":        {"trigger", `[]`, 400, "cannot unmarshal array"},
		"two objects":   {"reset", `{} {}`, 400, "something follows the object"},
		"unknown field": {"trigger", `{"alert":"x","customer":"42"}`, 400, `unknown field "customer"`},
		"in nothing":    {"reset", `{"all":true}`, 400, `unknown field "all"`},
		"in a fault":    {"faults", `{"status":500,"kind":"x"}`, 400, `unknown field "kind"`},
		"large":         {"reset", strings.Repeat(" ", 64<<10+1), 400, "request body too large"},
		"unknown alert": {"trigger", `{"alert":"x","identifier":"42"}`, 422,
			`no alert is named "x": use one of subscription_created,`},
		"about nobody": {"trigger", `{"alert":"subscription_created"}`, 422, "the identifier is empty"},
		"array of its own": {"trigger", `{"alert":"subscription_created","identifier":"42","fields":{"alert_id[]":"7"}}`, 422,
			"the field alert_id cannot be set"},
		"field of its own": {"trigger", `{"alert":"subscription_created","identifier":"42","fields":{"alert_id":"7"}}`, 422,
			"the field alert_id cannot be set"},
		"nameless field": {"trigger", `{"alert":"subscription_created","identifier":"42","fields":{"":"7"}}`, 422,
			"a field has no name"},
		"field, no text": {"trigger", `{"alert":"subscription_created","identifier":"42","fields":{"quantity":7}}`, 400,
			"cannot unmarshal number"},
		"deep field": {"trigger", `{"alert":"subscription_created","identifier":"42","fields":{"a` +
			strings.Repeat("[]", 65) + `":"7"}}`, 422, "more subscripts than PHP takes"},
		"many fields": {"trigger", `{"alert":"subscription_created","identifier":"42","fields":` + entries(1000, `"v"`) +
			`}`, 422, "more fields than a webhook"},
		"unknown alert ID": {"resend", `{"alert_id":"7"}`, 422, `no alert has the id "7"`},
		"rate":             {"chaos", `{"lose":30}`, 422, "lose is 30: a rate is 0 to 1"},
		"no duration":      {"chaos", `{"delay":"soon"}`, 400, `"soon" is no duration: write it like 1m30s`},
		"status":           {"faults", `{"status":42}`, 422, "status is 42, which cannot be answered: use 200 to 999"},
		"fault of nothing": {"faults", `{"path":"/manage","drop":true}`, 422, "path is none of the API"},
		"time stands":      {"advance", `{}`, 422, "more than 0 and at most ten years"},
		"time goes back":   {"advance", `{"days":-1}`, 422, "more than 0 and at most ten years"},
		"too far":          {"advance", `{"days":99999999}`, 422, "at most ten years"},
		"too far by hours": {"advance", `{"duration":"200000h"}`, 422, "at most ten years"},
		"no customer":      {"subscription", `{"status":"active"}`, 422, "identifier is empty"},
		"nobody leaves":    {"remove", `{}`, 422, "identifier is empty"},
		"signs too much":   {"sign", `{"fields":` + entries(1001, `"v"`) + `}`, 422, "cannot sign: there would be"},
		"nobody acts":      {"act", `{"action":"cancel"}`, 422, "identifier is empty"},
		"no such action":   {"act", `{"identifier":"42","action":"upgrade"}`, 422, "no such action: use subscribe,"},
		"no such plan":     {"act", `{"identifier":"42","action":"subscribe","plan_id":8}`, 422, "no such plan is on sale"},
		"not now":          {"act", `{"identifier":"42","action":"pause"}`, 422, "the subscription is not in a state for that"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := control(t, s.URL, tc.call, tc.body)
			assert.Equal(t, tc.status, a.StatusCode)
			assert.Contains(t, decode(t, a)["error"], tc.problem)
			assert.NotContains(t, a.body, "kanuutest:")
		})
	}
	form := submit(t, http.DefaultClient, s.URL+"/control/api/reset", "a=b")
	assert.Equal(t, http.StatusUnsupportedMediaType, form.StatusCode)
	get := visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control/api/reset")
	assert.Equal(t, http.StatusMethodNotAllowed, get.StatusCode)
	assert.Equal(t, http.MethodPost, get.Header.Get("Allow"))
	assert.Empty(t, s.Requests(), "they are no calls of the API")
}

func TestPublicKeyFile(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	a := visit(t, http.DefaultClient, http.MethodGet, s.URL+"/control/public-key.pem")
	assert.Equal(t, http.StatusOK, a.StatusCode)
	assert.Equal(t, s.PublicKey(), a.body)
	assert.Equal(t, "application/x-pem-file", a.Header.Get("Content-Type"))
}
