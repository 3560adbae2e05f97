package control

import (
	"embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/page"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/portal"
)

//go:embed templates
var files embed.FS

//go:embed templates/control.css
var style string

var pages = page.New(files, style, template.FuncMap{
	"day":   func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
	"clock": func(t time.Time) string { return t.UTC().Format("2 Jan 2006, 15:04:05") },
	"json":  func(v any) (string, error) { text, err := json.Marshal(v); return string(text), err },
})

// shown is how many deliveries and calls the page shows.
const shown = 25

// view is what the page shows, newest first.
type view struct {
	State
	Flash      portal.Badge
	Page       string // its path
	ReturnURL  string
	People     []person
	Alerts     []string
	Hidden     int // older deliveries
	OlderCalls int
}

// person is a customer with what can be done.
type person struct {
	CustomerState
	Badge   portal.Badge
	Live    bool
	Plans   []ledger.Plan // to subscribe to
	Actions []action
}

type action struct {
	Action ledger.Action
	Label  string
	Lever  bool // what otherwise time, a bank and the seller do
}

// actions are the buttons of a customer, in their order.
var actions = []action{
	{ledger.Pay, "Pay now", false},
	{ledger.Resume, "Resume", false},
	{ledger.Pause, "Pause", false},
	{ledger.Cancel, "Cancel", false},
	{ledger.Fail, "Let payments fail", true},
	{ledger.Succeed, "Let payments succeed", true},
	{ledger.Skip, "Skip to next date", true},
	{ledger.Refund, "Refund", true},
}

// render fills in what the page shows apart from its message.
func (c *Control) render(w http.ResponseWriter, status int, v view) {
	s, now := c.State(), c.Store.Now()
	v.ReturnURL, v.Alerts = c.Portal.ReturnURL(), ledger.AlertNames()
	v.Hidden, v.OlderCalls = max(0, len(s.Deliveries)-shown), max(0, len(s.Calls)-shown)
	s.Deliveries, s.Calls = s.Deliveries[v.Hidden:], s.Calls[v.OlderCalls:]
	slices.Reverse(s.Deliveries)
	slices.Reverse(s.Calls)
	v.State = s
	for _, is := range c.Store.Customers() {
		p := person{c.customer(is), portal.BadgeOf(&is, now), !is.Over(), slices.Clone(c.Store.Plans()), nil}
		p.Plans = slices.DeleteFunc(p.Plans, func(plan ledger.Plan) bool {
			return !is.Can(ledger.Command{Action: ledger.Subscribe, Plan: plan.ID}, now)
		})
		for _, a := range actions {
			if portal.Offers(&is, a.Action, now) {
				p.Actions = append(p.Actions, a)
			}
		}
		v.People = append(v.People, p)
	}
	pages.Render(w, status, "control", v)
}
