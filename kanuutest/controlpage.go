package kanuutest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	controlStyle = style + mustRead("templates/control/control.css")
	controlPages = template.Must(template.New("").Funcs(template.FuncMap{
		"style": func() template.CSS { return template.CSS(controlStyle) },
	}).ParseFS(templates, "templates/control/*.html"))
	controlPolicy = "default-src 'none'; style-src 'sha256-" + digest(controlStyle) +
		"'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

// shown is how many deliveries and calls the page shows.
const shown = 25

// glance is how long a form waits for the webhooks that it causes, so that the
// next page shows what became of them.
const glance = 300 * time.Millisecond

// controlView is what the page shows, newest first.
type controlView struct {
	Flash      flash
	Page       string // its path
	ReturnURL  string
	Now        string
	Plans      []Plan
	Customers  []controlCustomer
	Alerts     []string
	WebhookURL string
	PublicKey  string
	Deliveries []controlDelivery
	Hidden     int // older deliveries
	Chaos      map[string]string
	Next       int // alerts for which another chaos waits
	Faults     []string
	FaultKinds []faultKind
	Calls      []controlCall
	OlderCalls int
}

type controlCustomer struct {
	CustomerState
	Badge, Tone string
	Until       string
	Plans       []Plan // to subscribe to
	Verb        string
	Actions     []controlAction
}

type controlAction struct {
	Action action
	Label  string
	Lever  bool // what otherwise time, a bank and the seller do
}

type controlDelivery struct {
	Delivery
	Clock  string
	Tone   string
	Fields []signed
}

type signed struct{ Name, Value string }

type controlCall struct {
	CallState
	Clock string
	Tone  string
}

// controlActions are the buttons of a customer, in their order.
var controlActions = []controlAction{
	{actionPay, "Pay now", false},
	{actionResume, "Resume", false},
	{actionPause, "Pause", false},
	{actionCancel, "Cancel", false},
	{actionFail, "Let payments fail", true},
	{actionSucceed, "Let payments succeed", true},
	{actionSkip, "Skip to next date", true},
	{actionRefund, "Refund", true},
}

const (
	dayFormat    = "2 Jan 2006"
	secondFormat = "2 Jan 2006, 15:04:05"
)

// answers are what the page says after a form, which comes back as a name.
var answers = map[string]string{
	"act":      "Done. What it means for webhooks is below.",
	"advanced": "The clock was moved, and what fell due has happened.",
	"trigger":  "The alert is on its way.",
	"webhooks": "Webhooks go to the new URL.",
	"silent":   "Webhooks are not sent any more.",
	"resend":   "The alert is on its way again.",
	"chaos":    "This happens to webhooks from now on.",
	"once":     "This happens to the next webhook.",
	"fault":    "The fault waits for calls of the API.",
	"recover":  "The API has no faults any more.",
	"reset":    "Calls, deliveries, faults and chaos are forgotten.",
}

func (k *Kanuu) controlPage(w http.ResponseWriter, r *http.Request, at location) {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		said := flash{Tone: "good"}
		said.Text = answers[r.URL.Query().Get("done")]
		k.renderControl(w, http.StatusOK, at, said)
	case http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		to, err := "", r.ParseForm()
		if err == nil {
			to, err = k.controlForm(at, r.PostForm)
		}
		if err != nil {
			problem := strings.TrimPrefix(err.Error(), "kanuutest: ")
			k.renderControl(w, http.StatusUnprocessableEntity, at, flash{"That did not work: " + problem + ".", "bad"})
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), glance)
		defer cancel()
		k.deliveries.sent(ctx)
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
	default:
		w.Header().Set("Allow", "GET, HEAD, POST")
		k.failPage(w, http.StatusMethodNotAllowed, "this page cannot do that")
	}
}

// controlForm does what a form asks for, and returns where to go then.
func (k *Kanuu) controlForm(at location, form url.Values) (to string, err error) {
	done, section := form.Get("do"), ""
	identifier := form.Get("identifier")
	switch done {
	case "portal":
		if identifier == "" {
			return "", errors.New("identifier is empty")
		}
		return k.portalURL(at, identifier), nil
	case "act":
		section = "customers"
		err = k.tryAct(identifier, form.Get("action"), form.Get("plan"))
	case "advance":
		done, section = "advanced", "clock"
		err = k.formAdvance(form)
	case "trigger":
		section = "webhooks"
		err = k.Trigger(form.Get("alert"), identifier)
	case "resend":
		section = "webhooks"
		err = k.Resend(form.Get("alert_id"))
	case "webhooks":
		section = "webhooks"
		to := strings.TrimSpace(form.Get("url"))
		if to == "" {
			done = "silent"
		}
		if err = checkWebhookURL(to); err == nil {
			k.SetWebhookURL(to)
		}
	case "chaos", "once":
		section = "chaos"
		err = k.formChaos(form, done == "once")
	case "fault":
		section = "faults"
		err = k.formFault(form)
	case "recover":
		section = "faults"
		k.Recover()
	case "reset":
		k.Reset()
	default:
		return "", errors.New("there is no such form")
	}
	if section != "" {
		section = "#" + section
	}
	return at.prefix + "/control?done=" + done + section, err
}

func (k *Kanuu) formAdvance(form url.Values) error {
	n, err := amountOf("how far", form.Get("n"))
	if err != nil {
		return err
	}
	var by step
	switch form.Get("unit") {
	case "hours":
		by.Duration = durationText(min(n, 1e6) * float64(time.Hour))
	case "days":
		by.Days = int(min(n, math.MaxInt32))
	case "months":
		by.Months = int(min(n, math.MaxInt32))
	default:
		return errors.New("unit is none of hours, days and months")
	}
	d, err := by.from(k.Now())
	if err == nil {
		k.Advance(d)
	}
	return err
}

func (k *Kanuu) formChaos(form url.Values, once bool) error {
	var c Chaos
	for name, rate := range map[string]*float64{"duplicate": &c.Duplicate, "reorder": &c.Reorder, "lose": &c.Lose} {
		percent, err := amountOf(name, form.Get(name))
		if err != nil {
			return err
		}
		*rate = percent / 100
	}
	delay, err := formDelay(form.Get("delay"))
	if err != nil {
		return err
	}
	c.Delay = delay
	if err := c.check(); err != nil {
		return err
	}
	if once {
		k.ChaosOnce(c)
	} else {
		k.SetChaos(c)
	}
	return nil
}

// faultKind is what can go wrong on the page's list.
type faultKind struct {
	Name, Label string
	fault       Fault
}

var faultKinds = []faultKind{
	{"500", "500 Server Error", Fault{Status: http.StatusInternalServerError}},
	{"503", "503 Service Unavailable", Fault{Status: http.StatusServiceUnavailable}},
	{"429", "429 Too Many Requests, Retry-After 5 s", Fault{
		Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"5"}},
	}},
	{"402", "402 Payment Required", Fault{Status: http.StatusPaymentRequired}},
	{"401", "401 Unauthenticated", Fault{Status: http.StatusUnauthorized}},
	{"garbage", "Garbage: HTML with status 200", Fault{
		Status: http.StatusOK, Body: "<!doctype html><title>Under maintenance</title>\n",
	}},
	{"cut", "An answer that breaks off", Fault{
		Status: http.StatusOK, Body: `{"nonce":"d3e2`, Header: http.Header{"Content-Length": {"120"}},
	}},
	{"drop", "Dropped connection", Fault{Drop: true}},
	{"slow", "Only slow: the delay, then the real answer", Fault{}},
}

func (k *Kanuu) formFault(form url.Values) error {
	i := slices.IndexFunc(faultKinds, func(kind faultKind) bool { return kind.Name == form.Get("kind") })
	if i < 0 {
		return errors.New("there is no such fault")
	}
	f := faultKinds[i].fault
	f.Path = form.Get("path")
	times, err := amountOf("times", form.Get("times"))
	if err != nil {
		return err
	}
	percent, err := amountOf("rate", form.Get("rate"))
	if err != nil {
		return err
	}
	f.Times, f.Rate = int(min(times, math.MaxInt32)), percent/100
	if f.Delay, err = formDelay(form.Get("delay")); err != nil {
		return err
	}
	if faultKinds[i].Name == "slow" && f.Delay == 0 {
		return errors.New("a fault that is only slow needs a delay")
	}
	return k.tryInject(f)
}

// amountOf reads a number that is not negative; an empty one is 0.
func amountOf(name, s string) (float64, error) {
	n, err := strconv.ParseFloat(or(strings.TrimSpace(s), "0"), 64)
	if err != nil || n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%s is no number from 0 up", name)
	}
	return n, nil
}

func formDelay(s string) (time.Duration, error) {
	seconds, err := amountOf("delay", s)
	if err == nil && seconds > 3600 {
		err = errors.New("delay is more than an hour: give seconds")
	}
	return time.Duration(seconds * float64(time.Second)), err
}

// failPage says what is wrong on a page of its own, since whoever asks may not
// see the other.
func (k *Kanuu) failPage(w http.ResponseWriter, status int, problem string) {
	k.writeControl(w, status, "refused", struct{ Title, Text string }{
		"The control page is not shown", strings.ToUpper(problem[:1]) + problem[1:] + ".",
	})
}

func (k *Kanuu) renderControl(w http.ResponseWriter, status int, at location, said flash) {
	k.writeControl(w, status, "control", k.controlView(at, said))
}

func (k *Kanuu) writeControl(w http.ResponseWriter, status int, page string, data any) {
	var b bytes.Buffer
	if err := controlPages.ExecuteTemplate(&b, page, data); err != nil {
		panic(err) // the pages are compiled in and so is what they show
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes()) // a visitor who is gone has nobody to tell
}

func (k *Kanuu) controlView(at location, said flash) controlView {
	s := k.State()
	v := controlView{
		Flash: said, Page: at.prefix + "/control", ReturnURL: k.backURL(),
		Now: s.Now.Format("Mon 2 January 2006, 15:04 MST"), Plans: k.plans,
		Alerts: alertNames, WebhookURL: s.Webhooks.URL, PublicKey: s.Webhooks.PublicKey,
		Hidden: max(0, len(s.Deliveries)-shown), OlderCalls: max(0, len(s.Calls)-shown),
		FaultKinds: faultKinds,
		Chaos: map[string]string{
			"duplicate": percent(s.Chaos.Duplicate), "reorder": percent(s.Chaos.Reorder), "lose": percent(s.Chaos.Lose),
			"delay": seconds(s.Chaos.Delay),
		},
	}
	_, v.Next = k.deliveries.chaosNow()
	for _, c := range s.Customers {
		v.Customers = append(v.Customers, k.controlCustomer(c))
	}
	for _, d := range slices.Backward(s.Deliveries[v.Hidden:]) {
		v.Deliveries = append(v.Deliveries, d.view())
	}
	for _, c := range slices.Backward(s.Calls[v.OlderCalls:]) {
		v.Calls = append(v.Calls, c.view())
	}
	for _, f := range s.Faults {
		v.Faults = append(v.Faults, f.describe())
	}
	return v
}

func (k *Kanuu) controlCustomer(s CustomerState) controlCustomer {
	now := k.Now()
	c := k.customer(s.Identifier)
	badge := c.badge(now)
	v := controlCustomer{CustomerState: s, Badge: badge.Text, Tone: badge.Tone, Verb: "Subscribe"}
	if s.PaidUntil != nil {
		v.Until = s.PaidUntil.Format(dayFormat)
	}
	if !c.over(now) {
		v.Verb = "Switch"
	}
	for _, p := range k.plans {
		if c.can(order{action: actionSubscribe, plan: p}, now) {
			v.Plans = append(v.Plans, p)
		}
	}
	for _, a := range controlActions {
		// What is overdue is paid, which is another word for to resume.
		if c.can(order{action: a.Action}, now) && (a.Action != actionResume || c.Status != StatusPastDue) {
			v.Actions = append(v.Actions, a)
		}
	}
	return v
}

func (d Delivery) view() controlDelivery {
	v := controlDelivery{Delivery: d, Clock: d.Time.UTC().Format(secondFormat)}
	switch d.State {
	case DeliveryDelivered:
		v.Tone = "good"
	case DeliveryWaiting:
		v.Tone = "warn"
	case DeliveryFailed:
		v.Tone = "bad"
	case DeliveryLost, DeliveryUnsent:
		v.Tone = "none"
	}
	for name, value := range d.Fields {
		v.Fields = append(v.Fields, signed{name, value})
	}
	slices.SortFunc(v.Fields, func(x, y signed) int { return strings.Compare(x.Name, y.Name) })
	return v
}

func (c CallState) view() controlCall {
	v := controlCall{CallState: c, Clock: c.Time.Format(secondFormat), Tone: "good"}
	switch {
	case c.Status == 0:
		v.Tone = "none"
	case c.Status >= http.StatusBadRequest:
		v.Tone = "bad"
	}
	var pretty bytes.Buffer
	if json.Indent(&pretty, []byte(c.Body), "", "  ") == nil {
		v.Body = pretty.String()
	}
	return v
}

// describe says what a fault does, for the list.
func (f Fault) describe() string {
	var what string
	switch {
	case f.Drop:
		what = "The connection is dropped"
	case f.Body != "":
		what = fmt.Sprintf("%d with a body of %d bytes", cmp.Or(f.Status, http.StatusOK), len(f.Body))
	case f.Status > 0:
		what = strings.TrimSpace(fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status)))
	default:
		what = "The real answer"
	}
	if f.Delay > 0 {
		what += " after " + f.Delay.String()
	}
	what += ", for " + or(f.Path, "every call")
	if f.Rate > 0 {
		what += ", " + percent(f.Rate) + " % of them"
	}
	switch {
	case f.Times == 1:
		what += ", once"
	case f.Times > 1:
		what += fmt.Sprintf(", %d times", f.Times)
	}
	return what
}

func percent(rate float64) string {
	return strconv.FormatFloat(math.Round(rate*1e6)/1e4, 'f', -1, 64)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
