package kanuutest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// State is all that the control page shows, as GET /control/api/state answers
// it.
type State struct {
	Now        time.Time       `json:"now"` // by the fake's clock
	Plans      []PlanState     `json:"plans"`
	Customers  []CustomerState `json:"customers"` // sorted by identifier
	Webhooks   WebhookState    `json:"webhooks"`
	Deliveries []Delivery      `json:"deliveries"` // in the order of events
	Chaos      Chaos           `json:"chaos"`
	Faults     []Fault         `json:"faults"`
	Calls      []CallState     `json:"calls"` // the newest 1,000, in the order of arrival
}

// PlanState is a [Plan].
type PlanState struct {
	ID        int64  `json:"id"`
	Name      string `json:"name"`
	Price     string `json:"price"`
	Currency  string `json:"currency"`
	Yearly    bool   `json:"yearly"`
	TrialDays int    `json:"trial_days"`
}

// CustomerState is what there is about an identifier.
type CustomerState struct {
	Identifier     string     `json:"identifier"`
	Email          string     `json:"email"`
	Status         string     `json:"status"` // empty: never subscribed
	IsSubscribed   bool       `json:"is_subscribed"`
	PlanID         int64      `json:"plan_id"`
	Plan           string     `json:"plan"`
	SubscriptionID int64      `json:"subscription_id"`
	PaidUntil      *time.Time `json:"paid_until"`
}

// WebhookState is where webhooks go, and what verifies them.
type WebhookState struct {
	URL       string `json:"url"`
	PublicKey string `json:"public_key"`
}

// CallState is a [Request], without what it was authorized by.
type CallState struct {
	Time       time.Time `json:"time"`
	Method     string    `json:"method"`
	Path       string    `json:"path"`
	Identifier string    `json:"identifier"`
	Status     int       `json:"status"`
	Body       string    `json:"body"`
}

// maxCalls is how many calls a state has.
const maxCalls = 1_000

// State returns all that the control page shows.
func (k *Kanuu) State() State {
	s := State{
		Customers:  k.customerStates(),
		Now:        k.Now().UTC(),
		Plans:      make([]PlanState, 0, len(k.plans)),
		Webhooks:   WebhookState{URL: k.WebhookURL(), PublicKey: k.PublicKey()},
		Deliveries: k.Deliveries(),
		Chaos:      k.Chaos(),
		Faults:     k.Faults(),
		Calls:      []CallState{},
	}
	if s.Faults == nil {
		s.Faults = []Fault{}
	}
	for _, p := range k.plans {
		s.Plans = append(s.Plans, PlanState(p))
	}
	calls := k.Requests()
	for _, r := range calls[max(0, len(calls)-maxCalls):] {
		s.Calls = append(s.Calls, CallState{
			Time: r.Time.UTC(), Method: r.Method, Path: r.Path, Identifier: r.Identifier(), Status: r.Status,
			Body: strings.ToValidUTF8(string(r.Body), "\uFFFD"),
		})
	}
	return s
}

func (k *Kanuu) customerStates() []CustomerState {
	now := k.Now()
	states := []CustomerState{}
	for _, c := range k.customers() {
		states = append(states, c.state(now))
	}
	return states
}

func (c customerSummary) state(now time.Time) CustomerState {
	s := CustomerState{
		Identifier: c.Identifier, Email: c.Email, Status: c.Subscription.Status,
		IsSubscribed: c.Subscription.subscribed(now), PlanID: c.Subscription.PlanID, Plan: c.PlanName,
		SubscriptionID: c.Subscription.SubscriptionID,
	}
	if until := c.Subscription.PaidUntil.UTC(); !until.IsZero() {
		s.PaidUntil = &until
	}
	return s
}

func (k *Kanuu) customerState(identifier string) CustomerState {
	c := k.customer(identifier)
	summary := customerSummary{Identifier: identifier, Email: k.links.contact(identifier).email, Subscription: c.Subscription}
	if c.Status != "" {
		summary.PlanName = k.plan(c.PlanID).Name
	}
	return summary.state(k.Now())
}

// durationText is a time.Duration as a JSON text, "1m30s".
type durationText time.Duration

func (d durationText) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

func (d *durationText) UnmarshalText(text []byte) error {
	read, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration: write it like 1m30s", text)
	}
	*d = durationText(read)
	return nil
}

type chaosText struct {
	Duplicate float64      `json:"duplicate"`
	Reorder   float64      `json:"reorder"`
	Lose      float64      `json:"lose"`
	Delay     durationText `json:"delay"`
}

// MarshalJSON writes the delay as text, "1m30s".
func (c Chaos) MarshalJSON() ([]byte, error) {
	return json.Marshal(chaosText{c.Duplicate, c.Reorder, c.Lose, durationText(c.Delay)})
}

// UnmarshalJSON reads what MarshalJSON writes. Other names are an error.
func (c *Chaos) UnmarshalJSON(data []byte) error {
	var text chaosText
	err := strict(data, &text)
	*c = Chaos{text.Duplicate, text.Reorder, text.Lose, time.Duration(text.Delay)}
	return err
}

type faultText struct {
	Path   string            `json:"path,omitempty"`
	Times  int               `json:"times,omitempty"`
	Rate   float64           `json:"rate,omitempty"`
	Delay  durationText      `json:"delay,omitzero"`
	Status int               `json:"status,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   string            `json:"body,omitempty"`
	Drop   bool              `json:"drop,omitempty"`
}

// MarshalJSON writes the delay as text, "1m30s", and the first value of each
// header.
func (f Fault) MarshalJSON() ([]byte, error) {
	text := faultText{f.Path, f.Times, f.Rate, durationText(f.Delay), f.Status, nil, f.Body, f.Drop}
	for name := range f.Header {
		if text.Header == nil {
			text.Header = make(map[string]string)
		}
		text.Header[name] = f.Header.Get(name)
	}
	return json.Marshal(text)
}

// UnmarshalJSON reads what MarshalJSON writes. Other names are an error.
func (f *Fault) UnmarshalJSON(data []byte) error {
	var text faultText
	err := strict(data, &text)
	*f = Fault{
		Path: text.Path, Times: text.Times, Rate: text.Rate, Delay: time.Duration(text.Delay), Status: text.Status,
		Body: text.Body, Drop: text.Drop,
	}
	for name, value := range text.Header {
		if f.Header == nil {
			f.Header = make(http.Header)
		}
		f.Header.Set(name, value)
	}
	return err
}

// strict decodes one JSON value without unknown fields.
func strict(data []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the object")
	}
	return nil
}

// refusal is an error of a call with a status other than 422.
type refusal struct {
	error
	status int
}

func failCall(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, struct {
		Error string `json:"error"`
	}{message})
}

// controlCall answers a call of the control API.
func (k *Kanuu) controlCall(w http.ResponseWriter, r *http.Request, call string) {
	method := http.MethodPost
	if call == "state" {
		method = http.MethodGet
	}
	calls := map[string]func(*http.Request, body) (any, error){
		"state":        func(*http.Request, body) (any, error) { return k.State(), nil },
		"advance":      k.callAdvance,
		"trigger":      k.callTrigger,
		"resend":       k.callResend,
		"webhooks":     k.callWebhooks,
		"chaos":        k.callChaos,
		"faults":       k.callFaults,
		"recover":      k.callRecover,
		"subscription": k.callSubscription,
		"act":          k.callAct,
		"reset":        k.callReset,
	}
	do, ok := calls[call]
	switch {
	case !ok:
		failCall(w, http.StatusNotFound, "no such call: there are state, advance, trigger, resend, webhooks, chaos, "+
			"faults, recover, subscription, act and reset")
		return
	case r.Method != method:
		w.Header().Set("Allow", method)
		failCall(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s takes %s alone", call, method))
		return
	}
	given, err := readBody(w, r, method)
	var answer any
	if err == nil {
		answer, err = do(r, given)
	}
	if err != nil {
		status := http.StatusUnprocessableEntity
		if refused, ok := errors.AsType[refusal](err); ok {
			status = refused.status
		}
		failCall(w, status, strings.TrimPrefix(err.Error(), "kanuutest: "))
		return
	}
	writeJSON(w, http.StatusOK, answer)
}

// body is the JSON of a call.
type body []byte

func readBody(w http.ResponseWriter, r *http.Request, method string) (body, error) {
	if method != http.MethodPost {
		return nil, nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, refusal{errors.New("the Content-Type is not application/json"), http.StatusUnsupportedMediaType}
	}
	given, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, refusal{fmt.Errorf("the body has more than %d bytes", maxForm), http.StatusRequestEntityTooLarge}
	}
	if err != nil {
		return nil, refusal{errors.New("the body is cut off"), http.StatusBadRequest}
	}
	return given, nil
}

// read decodes a body; an empty one is an empty object.
func (b body) read(into any) error {
	if len(bytes.TrimSpace(b)) == 0 {
		b = body("{}")
	}
	err := strict(b, into)
	if err == nil {
		return nil
	}
	wrongType, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the body is cut off")
	case ok:
		err = fmt.Errorf("%s is a JSON %s, which it cannot be", or(wrongType.Field, "the body"), wrongType.Value)
	default:
		err = errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	return refusal{err, http.StatusBadRequest}
}

func (k *Kanuu) callAdvance(_ *http.Request, given body) (any, error) {
	var by step
	if err := given.read(&by); err != nil {
		return nil, err
	}
	d, err := by.from(k.Now())
	if err != nil {
		return nil, err
	}
	k.Advance(d)
	return struct {
		Now time.Time `json:"now"`
	}{k.Now().UTC()}, nil
}

// step is how far the clock is moved: all three together.
type step struct {
	Months   int          `json:"months"`
	Days     int          `json:"days"`
	Duration durationText `json:"duration"`
}

// maxStep keeps a typing error from a thousand years of payments.
const maxStep = 10 * 366 * day

func (s step) from(now time.Time) (time.Duration, error) {
	const years = 10
	if s.Months < 0 || s.Days < 0 || s.Duration < 0 {
		return 0, errors.New("time does not go back: months, days and duration cannot be negative")
	}
	if s.Months > 12*years || s.Days > 366*years {
		return 0, errors.New("that is too far: the clock moves at most ten years at a time")
	}
	d := addMonths(now, s.Months).AddDate(0, 0, s.Days).Sub(now) + time.Duration(s.Duration)
	switch {
	case d == 0:
		return 0, errors.New("there is nothing to wait for: give months, days or a duration")
	case d < 0, d > maxStep:
		return 0, errors.New("that is too far: the clock moves at most ten years at a time")
	}
	return d, nil
}

// patience for the first try of a webhook: a bit more than the client has.
const patience = webhookTimeout + time.Second

func (k *Kanuu) callTrigger(r *http.Request, given body) (any, error) {
	var of struct {
		Alert      string            `json:"alert"`
		Identifier string            `json:"identifier"`
		Fields     map[string]string `json:"fields"`
	}
	if err := given.read(&of); err != nil {
		return nil, err
	}
	j, err := k.trigger(of.Alert, of.Identifier, of.Fields)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	return k.deliveries.after(ctx, j, 0), nil
}

func (k *Kanuu) callResend(r *http.Request, given body) (any, error) {
	var of struct {
		AlertID string `json:"alert_id"`
	}
	if err := given.read(&of); err != nil {
		return nil, err
	}
	j, before, err := k.deliveries.resend(of.AlertID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	return k.deliveries.after(ctx, j, before), nil
}

func (k *Kanuu) callWebhooks(_ *http.Request, given body) (any, error) {
	var to struct {
		URL *string `json:"url"`
	}
	if err := given.read(&to); err != nil {
		return nil, err
	}
	if to.URL == nil {
		return nil, errors.New("url is missing: leave it empty to send nothing")
	}
	if err := checkWebhookURL(*to.URL); err != nil {
		return nil, err
	}
	k.SetWebhookURL(*to.URL)
	return WebhookState{URL: k.WebhookURL(), PublicKey: k.PublicKey()}, nil
}

func (k *Kanuu) callChaos(_ *http.Request, given body) (any, error) {
	var of struct {
		chaosText
		Once bool `json:"once"`
	}
	if err := given.read(&of); err != nil {
		return nil, err
	}
	c := Chaos{of.Duplicate, of.Reorder, of.Lose, time.Duration(of.Delay)}
	if err := c.check(); err != nil {
		return nil, err
	}
	if of.Once {
		k.ChaosOnce(c)
	} else {
		k.SetChaos(c)
	}
	return c, nil
}

func (k *Kanuu) callFaults(_ *http.Request, given body) (any, error) {
	var f Fault
	if err := given.read(&f); err != nil {
		return nil, err
	}
	return f, k.tryInject(f)
}

func (k *Kanuu) callRecover(_ *http.Request, given body) (any, error) {
	if err := given.read(new(struct{})); err != nil {
		return nil, err
	}
	k.Recover()
	return struct{}{}, nil
}

func (k *Kanuu) callReset(_ *http.Request, given body) (any, error) {
	if err := given.read(new(struct{})); err != nil {
		return nil, err
	}
	k.Reset()
	return struct{}{}, nil
}

func (k *Kanuu) callSubscription(_ *http.Request, given body) (any, error) {
	var is struct {
		Identifier     string    `json:"identifier"`
		Status         string    `json:"status"`
		PlanID         int64     `json:"plan_id"`
		SubscriptionID int64     `json:"subscription_id"`
		PaidUntil      time.Time `json:"paid_until"`
	}
	if err := given.read(&is); err != nil {
		return nil, err
	}
	if is.Identifier == "" {
		return nil, errors.New("identifier is empty")
	}
	k.SetSubscription(is.Identifier, Subscription{is.Status, is.PlanID, is.SubscriptionID, is.PaidUntil})
	return k.customerState(is.Identifier), nil
}

func (k *Kanuu) callAct(_ *http.Request, given body) (any, error) {
	var does struct {
		Identifier string `json:"identifier"`
		Action     string `json:"action"`
		PlanID     int64  `json:"plan_id"`
	}
	if err := given.read(&does); err != nil {
		return nil, err
	}
	if err := k.tryAct(does.Identifier, does.Action, text64(does.PlanID)); err != nil {
		return nil, err
	}
	return k.customerState(does.Identifier), nil
}

// portalURL is a new link to a customer's portal, below the control page's own
// base.
func (k *Kanuu) portalURL(at location, identifier string) string {
	return k.portalPath(at) + "/" + url.PathEscape(k.links.mint(identifier, k.links.contact(identifier)))
}
