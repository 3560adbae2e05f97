package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// forms of the page by the call that they make: the section to go back to, and the
// message there.
var forms = map[string]struct{ section, said string }{
	"act":      {"#customers", "Done. What it means for webhooks is below."},
	"advance":  {"#clock", "The clock was moved, and what fell due has happened."},
	"trigger":  {"#webhooks", "The alert is on its way."},
	"resend":   {"#webhooks", "The alert is on its way again."},
	"webhooks": {"#webhooks", "The URL is saved."},
	"chaos":    {"#chaos", "This happens to webhooks now."},
	"faults":   {"#faults", "The fault waits for calls of the API."},
	"remove":   {"#customers", "The customer was removed."},
	"cache":    {"#faults", "Kanuu's own cache was switched."},
	"recover":  {"#faults", "The API has no faults any more."},
	"reset":    {"", "Calls, deliveries, faults and chaos are gone."},
}

// flush waits for the first try of the webhooks that a request causes.
func (c *Control) flush(r *http.Request, patience time.Duration) {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	c.Outbox.Flush(ctx)
}

// form makes the call that a form asks for, and returns where to go then.
func (c *Control) form(form url.Values, self, portalPath string) (to string, err error) {
	name, identifier := form.Get("do"), form.Get("identifier")
	if name == "portal" {
		if identifier == "" {
			return "", errNoIdentifier
		}
		return portalPath + "/" + c.Portal.Mint(identifier, c.Store.Customer(identifier).Contact), nil
	}
	back, ok := forms[name]
	if !ok {
		return "", errors.New("there is no such form")
	}
	fields, err := readForm(form)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(fields)
	if err == nil {
		_, err = calls[name](c, body)
	}
	return self + "?done=" + name + back.section, err
}

// readForm makes the JSON of a call from what people write: per cent, seconds,
// and a number with a unit.
func readForm(form url.Values) (map[string]any, error) {
	body := make(map[string]any)
	if fault := form.Get("fault"); fault != "" {
		if err := json.Unmarshal([]byte(fault), &body); err != nil {
			return nil, fmt.Errorf("there is no such fault: %w", err)
		}
	}
	if unit := form.Get("unit"); unit != "" {
		form.Set(unit, form.Get("n"))
	}
	for name := range form {
		value := strings.TrimSpace(form.Get(name))
		switch name {
		case "do", "fault", "n", "unit":
			continue
		case "identifier", "action", "alert", "alert_id", "url", "path":
			body[name] = value
			continue
		case "on", "once", "shuffle_ids", "split_updates":
			body[name] = true
			continue
		}
		if value == "" {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil || n < 0 || math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, fmt.Errorf("%s is no number from 0 up", name)
		}
		switch name {
		case "duplicate", "reorder", "lose", "rate":
			body[name] = n / 100
		case "delay":
			body[name] = value + "s"
		case "hours":
			body["duration"] = value + "h"
		default:
			body[name] = n
		}
	}
	return body, nil
}
