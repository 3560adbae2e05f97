package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/kanuu-io/kanuu-go/internal/urlcheck"
)

// errNotJSON is what the parsers find besides what is wrong with a field. Their
// errors repeat nothing of the response, which may have a nonce.
var errNotJSON = errors.New("the response is not the JSON that the API page shows")

// Nonce is a successful response of POST /api/nonce.
type Nonce struct {
	Value string `json:"nonce"`
	URL   string `json:"url"`
}

// ParseNonce reads one. Its URL may be http if insecure.
func ParseNonce(body []byte, insecure bool) (Nonce, error) {
	var nonce Nonce
	err := json.Unmarshal(body, &nonce)
	switch {
	case err != nil || !isObject(body):
		return Nonce{}, errNotJSON
	case nonce.Value == "":
		return Nonce{}, errors.New("the response has no nonce")
	case nonce.URL == "":
		return Nonce{}, errors.New("the response has no url")
	case !urlcheck.IsPortal(nonce.URL, insecure):
		return Nonce{}, errors.New("the url in the response is not one to send a customer to: not absolute https")
	default:
		return nonce, nil
	}
}

// Subscription is a successful response of POST /api/subscription.
type Subscription struct {
	IsSubscribed, IsTrialing bool
	Status                   string // at most 64 bytes
	PlanID, SubscriptionID   int64
}

// maxStatus is how many bytes of a status are kept.
const maxStatus = 64

// ParseSubscription reads one. Any field can be null.
func ParseSubscription(body []byte) (Subscription, error) {
	var decoded struct {
		IsSubscribed   json.RawMessage `json:"is_subscribed"`
		IsTrialing     bool            `json:"is_trialing"`
		Status         string          `json:"status"`
		PlanID         paddleID        `json:"plan_id"`
		SubscriptionID paddleID        `json:"subscription_id"`
	}
	if err := json.Unmarshal(body, &decoded); err != nil || !isObject(body) {
		return Subscription{}, errNotJSON
	}
	subscription := Subscription{
		IsTrialing: decoded.IsTrialing, PlanID: int64(decoded.PlanID), SubscriptionID: int64(decoded.SubscriptionID),
		// A part of a long string would keep all of it in memory.
		Status: strings.Clone(strings.ToValidUTF8(decoded.Status[:min(len(decoded.Status), maxStatus)], "")),
	}
	switch string(decoded.IsSubscribed) {
	case "true":
		subscription.IsSubscribed = true
	case "false", "null":
	case "":
		return Subscription{}, errors.New("the response has no is_subscribed")
	default:
		return Subscription{}, errors.New("is_subscribed in the response is neither true, false nor null")
	}
	return subscription, nil
}

// paddleID is a number, a number in quotes as Paddle's webhooks have it, or null,
// which is 0.
type paddleID int64

func (id *paddleID) UnmarshalJSON(text []byte) error {
	number := strings.Trim(string(text), `"`)
	if number == "null" || number == "" {
		return nil
	}
	parsed, err := strconv.ParseInt(number, 10, 64)
	*id = paddleID(parsed)
	return err
}

// isObject tells an object from null, which encoding/json takes for any struct.
func isObject(body []byte) bool { return bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) }
