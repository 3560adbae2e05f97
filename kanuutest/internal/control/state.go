package control

import (
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
)

// State is all that the control page shows.
type State struct {
	Now        time.Time         `json:"now"`
	Plans      []ledger.Plan     `json:"plans"`
	Customers  []CustomerState   `json:"customers"`
	Webhooks   WebhookState      `json:"webhooks"`
	Deliveries []paddle.Delivery `json:"deliveries"`
	Chaos      paddle.Chaos      `json:"chaos"`
	Faults     []api.Fault       `json:"faults"`
	KanuuCache bool              `json:"kanuu_cache"`
	Calls      []CallState       `json:"calls"`
}

// CustomerState is what there is about an identifier.
type CustomerState struct {
	Identifier     string     `json:"identifier"`
	Email          string     `json:"email"`
	Status         string     `json:"status"`
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

// CallState is a recorded call, without what it was authorized by.
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
func (c *Control) State() State {
	s := State{
		Customers:  []CustomerState{},
		Now:        c.Store.Now().UTC(),
		Plans:      slices.Clone(c.Store.Plans()),
		Webhooks:   c.webhooks(),
		Deliveries: c.Outbox.Deliveries(),
		Chaos:      c.Outbox.Chaos(),
		Faults:     append([]api.Fault{}, c.API.Faults()...),
		KanuuCache: c.API.Caches(),
		Calls:      []CallState{},
	}
	for _, customer := range c.Store.Customers() {
		s.Customers = append(s.Customers, c.customer(customer))
	}
	calls := c.API.Requests()
	for _, r := range calls[max(0, len(calls)-maxCalls):] {
		s.Calls = append(s.Calls, CallState{
			Time: r.Time.UTC(), Method: r.Method, Path: r.Path, Identifier: r.Identifier(), Status: r.Status,
			Body: strings.ToValidUTF8(string(r.Body), "\uFFFD"),
		})
	}
	return s
}

func (c *Control) webhooks() WebhookState {
	return WebhookState{URL: c.Outbox.URL(), PublicKey: c.Outbox.PublicKey()}
}

func (c *Control) customer(is ledger.Customer) CustomerState {
	s := CustomerState{
		Identifier: is.Identifier, Email: is.Email, Status: is.Status,
		IsSubscribed: ledger.IsSubscribed(is.Subscription, c.Store.Now()), PlanID: is.PlanID, SubscriptionID: is.SubscriptionID,
	}
	if is.Status != "" {
		s.Plan = c.Store.Plan(is.PlanID).Name
	}
	if until := is.PaidUntil.UTC(); !until.IsZero() {
		s.PaidUntil = &until
	}
	return s
}
