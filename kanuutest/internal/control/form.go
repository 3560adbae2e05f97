package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
)

// done is what the page says after a form, by the name of the form.
var done = map[string]string{
	"act":      "Done. What it means for webhooks is below.",
	"advance":  "The clock was moved, and what fell due has happened.",
	"trigger":  "The alert is on its way.",
	"webhooks": "Webhooks go to the new URL.",
	"silent":   "Webhooks are not sent any more.",
	"resend":   "The alert is on its way again.",
	"chaos":    "This happens to webhooks from now on.",
	"once":     "This happens to the next webhook.",
	"faults":   "The fault waits for calls of the API.",
	"recover":  "The API has no faults any more.",
	"reset":    "Calls, deliveries, faults and chaos are forgotten.",
}

// sections of the page to go back to after a form.
var sections = map[string]string{
	"act": "#customers", "advance": "#clock", "trigger": "#webhooks", "webhooks": "#webhooks", "silent": "#webhooks",
	"resend": "#webhooks", "chaos": "#chaos", "once": "#chaos", "faults": "#faults", "recover": "#faults",
}

// flush waits a moment for the webhooks that a form causes, so that the next page
// shows what became of them.
func (c *Control) flush(r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 300*time.Millisecond)
	defer cancel()
	c.Outbox.Flush(ctx)
}

// form makes the call that a form asks for, and returns where to go then.
func (c *Control) form(form url.Values, self, portalPath string) (to string, err error) {
	name, call := form.Get("do"), form.Get("do")
	var body any = nothing{}
	switch name {
	case "portal":
		identifier := form.Get("identifier")
		if identifier == "" {
			return "", errNoIdentifier
		}
		return portalPath + "/" + c.Portal.Mint(identifier, c.Store.Customer(identifier).Contact), nil
	case "act":
		plan, _ := strconv.ParseInt(form.Get("plan"), 10, 64) // 0 is on sale nowhere
		body = acted{form.Get("identifier"), ledger.Action(form.Get("action")), plan}
	case "advance":
		body, err = formStep(form)
	case "trigger":
		body = triggered{Alert: form.Get("alert"), Identifier: form.Get("identifier")}
	case "resend":
		body = resent{form.Get("alert_id")}
	case "webhooks":
		to := strings.TrimSpace(form.Get("url"))
		if to == "" {
			name = "silent"
		}
		body = target{&to}
	case "chaos", "once":
		call = "chaos"
		body, err = formChaos(form, name == "once")
	case "faults":
		body, err = formFault(form)
	case "recover", "reset":
	default:
		return "", errors.New("there is no such form")
	}
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(body)
	if err == nil {
		_, err = calls[call](c, text)
	}
	return self + "?done=" + name + sections[name], err
}

func formStep(form url.Values) (by step, err error) {
	n, err := number("how far", form.Get("n"))
	switch form.Get("unit") {
	case "hours":
		by.Duration = jsonbody.Duration(min(n, 1e6) * float64(time.Hour))
	case "days":
		by.Days = int(min(n, math.MaxInt32))
	case "months":
		by.Months = int(min(n, math.MaxInt32))
	default:
		return by, errors.New("unit is none of hours, days and months")
	}
	return by, err
}

func formChaos(form url.Values, once bool) (map[string]any, error) {
	body := map[string]any{"once": once}
	for _, name := range []string{"duplicate", "reorder", "lose"} {
		percent, err := number(name, form.Get(name))
		if err != nil {
			return nil, err
		}
		body[name] = percent / 100
	}
	for _, name := range []string{"shuffle_ids", "split_updates"} {
		body[name] = form.Has(name)
	}
	delay, err := formDelay(form)
	body["delay"] = delay
	return body, err
}

// faultKind is what can go wrong on the page's list.
type faultKind struct {
	Name, Label string
	fault       api.Fault
}

var faultKinds = []faultKind{
	{"500", "500 Server Error", api.Fault{Status: http.StatusInternalServerError}},
	{"503", "503 Service Unavailable", api.Fault{Status: http.StatusServiceUnavailable}},
	{"429", "429 Too Many Requests, Retry-After 5 s", api.Fault{
		Status: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {"5"}},
	}},
	{"402", "402 Payment Required", api.Fault{Status: http.StatusPaymentRequired}},
	{"401", "401 Unauthenticated", api.Fault{Status: http.StatusUnauthorized}},
	{"garbage", "Garbage: HTML with status 200", api.Fault{
		Status: http.StatusOK, Body: "<!doctype html><title>Under maintenance</title>\n",
	}},
	{"cut", "An answer that breaks off", api.Fault{
		Status: http.StatusOK, Body: `{"nonce":"d3e2`, Header: http.Header{"Content-Length": {"120"}},
	}},
	{"drop", "Dropped connection", api.Fault{Drop: true}},
	{"slow", "Only slow: the delay, then the real answer", api.Fault{}},
}

func formFault(form url.Values) (f api.Fault, err error) {
	i := slices.IndexFunc(faultKinds, func(kind faultKind) bool { return kind.Name == form.Get("kind") })
	if i < 0 {
		return f, errors.New("there is no such fault")
	}
	f = faultKinds[i].fault
	f.Path = form.Get("path")
	times, err := number("times", form.Get("times"))
	if err != nil {
		return f, err
	}
	percent, err := number("rate", form.Get("rate"))
	if err != nil {
		return f, err
	}
	delay, err := formDelay(form)
	f.Times, f.Rate, f.Delay = int(min(times, math.MaxInt32)), percent/100, time.Duration(delay)
	if err == nil && faultKinds[i].Name == "slow" && delay == 0 {
		err = errors.New("a fault that is only slow needs a delay")
	}
	return f, err
}

// number reads one that is not negative; an empty one is 0.
func number(name, s string) (float64, error) {
	if s = strings.TrimSpace(s); s == "" {
		return 0, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("%s is no number from 0 up", name)
	}
	return n, nil
}

func formDelay(form url.Values) (jsonbody.Duration, error) {
	seconds, err := number("delay", form.Get("delay"))
	if err == nil && seconds > 3600 {
		err = errors.New("delay is more than an hour: give seconds")
	}
	return jsonbody.Duration(seconds * float64(time.Second)), err
}

// percent and seconds are how a form shows a rate and a delay.
func percent(rate float64) string {
	return strconv.FormatFloat(math.Round(rate*1e6)/1e4, 'f', -1, 64)
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }

func chaosFields(c paddle.Chaos) map[string]string {
	return map[string]string{
		"duplicate": percent(c.Duplicate), "reorder": percent(c.Reorder), "lose": percent(c.Lose), "delay": seconds(c.Delay),
	}
}
