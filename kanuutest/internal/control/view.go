package control

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/page"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/portal"
)

//go:embed templates
var files embed.FS

//go:embed templates/control.css
var style string

var pages = page.New(files, style, nil)

// shown is how many deliveries and calls the page shows.
const shown = 25

// view is what the page shows, newest first.
type view struct {
	Flash       flash
	Page        string // its path
	ReturnURL   string
	Now         string
	Plans       []ledger.Plan
	Customers   []customerView
	Alerts      []string
	WebhookURL  string
	PublicKey   string
	Deliveries  []deliveryView
	Hidden      int // older deliveries
	Chaos       paddle.Chaos
	ChaosFields map[string]string
	Next        int // alerts for which another chaos waits
	Faults      []string
	FaultKinds  []faultKind
	Calls       []callView
	OlderCalls  int
}

type flash struct{ Text, Tone string }

type customerView struct {
	CustomerState
	Badge, Tone string
	Until       string
	Plans       []ledger.Plan // to subscribe to
	Verb        string
	Actions     []actionView
}

type actionView struct {
	Action ledger.Action
	Label  string
	Lever  bool // what otherwise time, a bank and the seller do
}

type deliveryView struct {
	paddle.Delivery
	Clock, Tone string
	Fields      []field
}

type field struct{ Name, Value string }

type callView struct {
	CallState
	Clock, Tone string
}

// actions are the buttons of a customer, in their order.
var actions = []actionView{
	{ledger.Pay, "Pay now", false},
	{ledger.Resume, "Resume", false},
	{ledger.Pause, "Pause", false},
	{ledger.Cancel, "Cancel", false},
	{ledger.Fail, "Let payments fail", true},
	{ledger.Succeed, "Let payments succeed", true},
	{ledger.Skip, "Skip to next date", true},
	{ledger.Refund, "Refund", true},
}

const (
	dayFormat    = "2 Jan 2006"
	secondFormat = "2 Jan 2006, 15:04:05"
)

// render fills in what the page shows apart from its message.
func (c *Control) render(w http.ResponseWriter, status int, v view) {
	s := c.State()
	v.ReturnURL, v.Now = c.Portal.ReturnURL(), s.Now.Format("Mon 2 January 2006, 15:04 MST")
	v.Plans, v.Alerts, v.FaultKinds = c.Store.Plans(), ledger.AlertNames(), faultKinds
	v.WebhookURL, v.PublicKey = s.Webhooks.URL, s.Webhooks.PublicKey
	v.Hidden, v.OlderCalls = max(0, len(s.Deliveries)-shown), max(0, len(s.Calls)-shown)
	v.Chaos, v.ChaosFields, v.Next = s.Chaos, chaosFields(s.Chaos), c.Outbox.ChaosToCome()
	for _, customer := range c.Store.Customers() {
		v.Customers = append(v.Customers, c.customerView(customer))
	}
	for _, d := range slices.Backward(s.Deliveries[v.Hidden:]) {
		v.Deliveries = append(v.Deliveries, viewDelivery(d))
	}
	for _, call := range slices.Backward(s.Calls[v.OlderCalls:]) {
		v.Calls = append(v.Calls, viewCall(call))
	}
	for _, f := range s.Faults {
		v.Faults = append(v.Faults, describe(f))
	}
	pages.Render(w, status, "control", v)
}

func (c *Control) customerView(is ledger.Customer) customerView {
	now := c.Store.Now()
	v := customerView{CustomerState: c.customer(is), Verb: "Subscribe"}
	v.Badge, v.Tone = portal.Badge(&is, now)
	if v.PaidUntil != nil {
		v.Until = v.PaidUntil.Format(dayFormat)
	}
	if !is.Over() {
		v.Verb = "Switch"
	}
	for _, p := range c.Store.Plans() {
		if is.Can(ledger.Command{Action: ledger.Subscribe, Plan: p.ID}, now) {
			v.Plans = append(v.Plans, p)
		}
	}
	for _, a := range actions {
		if portal.Offers(&is, a.Action, now) {
			v.Actions = append(v.Actions, a)
		}
	}
	return v
}

func viewDelivery(d paddle.Delivery) deliveryView {
	tones := map[paddle.DeliveryState]string{
		paddle.Delivered: "good", paddle.Waiting: "warn", paddle.Failed: "bad", paddle.Lost: "none", paddle.Unsent: "none",
	}
	v := deliveryView{Delivery: d, Clock: d.Time.UTC().Format(secondFormat), Tone: tones[d.State]}
	for name, value := range d.Fields {
		v.Fields = append(v.Fields, field{name, value})
	}
	slices.SortFunc(v.Fields, func(x, y field) int { return strings.Compare(x.Name, y.Name) })
	return v
}

func viewCall(c CallState) callView {
	v := callView{CallState: c, Clock: c.Time.Format(secondFormat), Tone: "good"}
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
func describe(f api.Fault) string {
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
	what += ", for " + cmp.Or(f.Path, "every call")
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
