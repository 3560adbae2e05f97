package control

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/api"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
)

// calls are the POST requests below /control/api.
var calls = map[string]func(c *Control, body []byte) (response any, err error){
	"advance":      with((*Control).advance),
	"trigger":      with((*Control).trigger),
	"resend":       with(func(c *Control, in input) (any, error) { return alertID(in.AlertID), c.Outbox.Resend(in.AlertID) }),
	"sign":         with((*Control).sign),
	"webhooks":     with((*Control).setWebhooks),
	"chaos":        with((*Control).setChaos),
	"faults":       with((*Control).inject),
	"recover":      with(func(c *Control, none struct{}) (any, error) { c.API.Recover(); return none, nil }),
	"cache":        with((*Control).setCache),
	"subscription": about((*Control).setSubscription),
	"act":          about((*Control).act),
	"remove":       about((*Control).remove),
	"reset":        with(func(c *Control, none struct{}) (any, error) { c.Reset(); return none, nil }),
}

// input is the body of a call. No call has all of it.
type input struct {
	Identifier     string            `json:"identifier"`
	Action         ledger.Action     `json:"action"`
	PlanID         int64             `json:"plan_id"`
	Status         string            `json:"status"`
	SubscriptionID int64             `json:"subscription_id"`
	PaidUntil      time.Time         `json:"paid_until"`
	Alert          string            `json:"alert"`
	AlertID        string            `json:"alert_id"`
	Fields         map[string]string `json:"fields"`
	URL            string            `json:"url"`
	Months         int               `json:"months"`
	Days           int               `json:"days"`
	Duration       jsonbody.Duration `json:"duration"`
	On             bool              `json:"on"`
}

// with reads the JSON body that a call has; an empty one is an empty object.
func with[T any](do func(*Control, T) (any, error)) func(*Control, []byte) (any, error) {
	return func(c *Control, body []byte) (any, error) {
		if len(bytes.TrimSpace(body)) == 0 {
			body = []byte("{}")
		}
		var in T
		if err := jsonbody.Strict(body, &in); err != nil {
			return nil, refusal{errors.New(strings.TrimPrefix(err.Error(), "json: ")), http.StatusBadRequest}
		}
		return do(c, in)
	}
}

// about reads the body of a call about a customer, who is the response.
func about(do func(*Control, input) (ledger.Customer, error)) func(*Control, []byte) (any, error) {
	return with(func(c *Control, in input) (any, error) {
		if in.Identifier == "" {
			return nil, errNoIdentifier
		}
		is, err := do(c, in)
		return c.customer(is), err
	})
}

var errNoIdentifier = errors.New("identifier is empty")

// alertID is answered with its delivery, once it was tried.
type alertID string

// refusal is an error of a call with a status other than 422.
type refusal struct {
	error
	status int
}

func (c *Control) serveCall(w http.ResponseWriter, r *http.Request, name string) {
	method := http.MethodPost
	if name == "state" {
		method = http.MethodGet
	}
	do, known := calls[name]
	switch {
	case !known && name != "state":
		names := strings.Join(slices.Sorted(maps.Keys(calls)), ", ")
		fail(w, refusal{errors.New("no such call: there are state, " + names), http.StatusNotFound})
	case r.Method != method:
		w.Header().Set("Allow", method)
		fail(w, refusal{fmt.Errorf("%s takes %s only", name, method), http.StatusMethodNotAllowed})
	case name == "state":
		jsonbody.Write(w, http.StatusOK, c.State())
	default:
		body, err := readBody(w, r)
		var response any
		if err == nil {
			response, err = do(c, body)
		}
		if err != nil {
			fail(w, err)
			return
		}
		if id, ok := response.(alertID); ok {
			c.flush(r, paddle.Timeout+time.Second)
			response = c.Outbox.Delivery(string(id))
		}
		jsonbody.Write(w, http.StatusOK, response)
	}
}

func fail(w http.ResponseWriter, err error) {
	status := http.StatusUnprocessableEntity
	if refused, ok := errors.AsType[refusal](err); ok {
		status = refused.status
	}
	jsonbody.Write(w, status, struct {
		Error string `json:"error"`
	}{strings.TrimPrefix(err.Error(), "kanuutest: ")})
}

func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return nil, refusal{errors.New("the Content-Type is not application/json"), http.StatusUnsupportedMediaType}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
	if err != nil {
		return nil, refusal{err, http.StatusBadRequest}
	}
	return body, nil
}

// advance moves the clock, all three together.
func (c *Control) advance(by input) (any, error) {
	const tenYears = 3_660 * 24 * time.Hour // keeps a typing error from a thousand years of payments
	now := c.Store.Now()
	d := ledger.AddMonths(now, by.Months).AddDate(0, 0, by.Days).Add(time.Duration(by.Duration)).Sub(now)
	if d <= 0 || d > tenYears {
		return nil, errors.New("give months, days or a duration, together more than 0 and at most ten years")
	}
	c.Store.Advance(d)
	return map[string]time.Time{"now": c.Store.Now().UTC()}, nil
}

func (c *Control) trigger(in input) (any, error) {
	id, err := c.Trigger(in.Alert, in.Identifier, in.Fields)
	return alertID(id), err
}

func (c *Control) sign(in input) (any, error) {
	body, err := c.Outbox.Sign(in.Fields)
	return map[string]string{"body": body}, err
}

func (c *Control) setCache(to input) (any, error) {
	c.API.SetCache(to.On)
	return map[string]bool{"on": to.On}, nil
}

func (c *Control) setWebhooks(to input) (any, error) {
	c.Outbox.SetURL(to.URL)
	return c.webhooks(), nil
}

func (c *Control) setChaos(in paddle.ChaosJSON) (any, error) {
	chaos := in.Chaos()
	err := paddle.CheckChaos(chaos)
	switch {
	case err != nil:
	case in.Once:
		c.Outbox.ChaosOnce(chaos)
	default:
		c.Outbox.SetChaos(chaos)
	}
	return chaos, err
}

func (c *Control) inject(f api.Fault) (any, error) {
	err := api.CheckFault(f)
	if err == nil {
		c.API.Inject(f)
	}
	return f, err
}

func (c *Control) setSubscription(is input) (ledger.Customer, error) {
	c.Store.Set(is.Identifier, ledger.Subscription{
		Status: is.Status, PlanID: is.PlanID, SubscriptionID: is.SubscriptionID, PaidUntil: is.PaidUntil,
	})
	return c.Store.Customer(is.Identifier), nil
}

func (c *Control) act(in input) (ledger.Customer, error) {
	is, err := c.Store.Do(in.Identifier, ledger.Command{Action: in.Action, Plan: in.PlanID})
	if errors.Is(err, ledger.ErrDeclined) { // that is a change, too
		err = nil
	}
	return is, err
}

func (c *Control) remove(in input) (ledger.Customer, error) {
	c.Store.Remove(in.Identifier)
	return c.Store.Customer(in.Identifier), nil
}
