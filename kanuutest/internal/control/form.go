package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The fields of forms that are no texts in the JSON of a call.
var (
	flags   = []string{"on", "once", "shuffle_ids", "split_updates"}
	numbers = []string{"plan_id", "months", "days", "duplicate", "reorder", "lose", "rate", "times"}
)

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
	do, ok := calls[name]
	if !ok {
		return "", errors.New("there is no such form")
	}
	body, err := readForm(form)
	if err == nil {
		_, err = do(c, body)
	}
	return self + "?done", err
}

// readForm makes the JSON of a call from the fields of a form.
func readForm(form url.Values) ([]byte, error) {
	body := make(map[string]any)
	if fault := form.Get("fault"); fault != "" {
		if err := json.Unmarshal([]byte(fault), &body); err != nil {
			return nil, fmt.Errorf("there is no such fault: %w", err)
		}
	}
	for name := range form {
		value := strings.TrimSpace(form.Get(name))
		switch {
		case slices.Contains(flags, name):
			body[name] = true
		case name == "do", name == "fault", value == "" && name != "url":
		case slices.Contains(numbers, name):
			body[name] = json.Number(value)
		default:
			body[name] = value
		}
	}
	return json.Marshal(body)
}
