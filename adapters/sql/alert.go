package kanuusql

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kanuu-io/kanuu-go"
)

// observedName is the alert name of an observation: a response of Kanuu that
// [Store.Reconcile] stored, and that the fold reads like an alert.
const observedName = "kanuu:observed"

// alert is a row of the alerts table: what the fold needs of an alert, and no more.
type alert struct {
	id             string
	subscriptionID int64     // 0: none
	time           time.Time // zero: unreadable
	name           string
	fields         map[string]string // of allowedFields, never empty texts
}

const (
	identifierField = "identifier" // is in the passthrough of Paddle's alert
	subscribedField = "is_subscribed"
	cancelURLField  = "cancel_url"
	updateURLField  = "update_url"
)

// allowedFields are stored, each with its maximum length in bytes. There is no email
// address, name, country or receipt among them.
var allowedFields = map[string]int{
	"status": 64, "subscription_plan_id": 64, "currency": 64, "quantity": 64, "new_quantity": 64, "unit_price": 64,
	"new_unit_price": 64, "next_bill_date": 64, "paused_from": 64, "paused_reason": 255, "cancellation_effective_date": 64,
	"old_status": 64, "old_subscription_plan_id": 64, "old_quantity": 64, "old_unit_price": 64, "old_next_bill_date": 64,
	cancelURLField: maxURL, updateURLField: maxURL,
}

const (
	maxIdentifier = 255 // bytes, as [kanuu.Identity] allows
	maxURL        = 2048
	maxAlertID    = 64
	maxAlertName  = 255
)

// newAlert takes from an event what is stored of it. Texts that a database refuses,
// or that are longer than any of Paddle's, count as absent: an alert that fails would
// be delivered again for 72 hours.
func newAlert(e kanuu.Event) alert {
	a := alert{id: e.AlertID, name: e.AlertName, time: sane(e.Time), subscriptionID: max(0, e.SubscriptionID())}
	if a.id != "" && !storable(a.id, maxAlertID) {
		hash := sha256.Sum256([]byte(a.id))
		a.id = hex.EncodeToString(hash[:])
	}
	if !storable(a.name, maxAlertName) {
		a.name = ""
	}
	if !a.isFolded() {
		return a
	}
	a.fields = make(map[string]string)
	for name, maxLength := range allowedFields {
		if value := e.Fields.Get(name); value != "" && storable(value, maxLength) {
			a.fields[name] = value
		}
	}
	switch a.name {
	case kanuu.AlertSubscriptionCreated, kanuu.AlertSubscriptionUpdated, kanuu.AlertSubscriptionPaymentFailed:
	default: // has none according to Paddle
		delete(a.fields, cancelURLField)
		delete(a.fields, updateURLField)
	}
	if e.Identifier != "" && storable(e.Identifier, maxIdentifier) {
		a.fields[identifierField] = e.Identifier
	}
	return a
}

// storable reports whether every engine stores the text as it is. PostgreSQL refuses
// NUL and invalid UTF-8.
func storable(text string, maxLength int) bool {
	return len(text) <= maxLength && !strings.Contains(text, "\x00") && utf8.ValidString(text)
}

// sane returns a time that every engine can store, with whole seconds, in UTC; zero
// for others.
func sane(t time.Time) time.Time {
	if t.Year() < 1970 || t.Year() > 9999 {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// isFolded reports whether the alert has to do with a row of the subscriptions table.
func (a alert) isFolded() bool {
	_, ok := ranks[a.name]
	return ok && a.subscriptionID != 0
}

// first returns the first of the fields that is there.
func (a alert) first(names ...string) string {
	for _, name := range names {
		if value := a.fields[name]; value != "" {
			return value
		}
	}
	return ""
}

func (a alert) status() kanuu.Status { return kanuu.ParseStatus(a.fields["status"]) }

// integer is 0 for what is no positive number.
func (a alert) integer(names ...string) int64 {
	n, err := strconv.ParseInt(a.first(names...), 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// date reads a date, or a date with a time. Paddle documents dates and sends both.
func (a alert) date(name string) time.Time {
	for _, layout := range []string{time.DateOnly, time.DateTime} {
		if t, err := time.Parse(layout, a.fields[name]); err == nil {
			return sane(t)
		}
	}
	return time.Time{}
}

// encodeFields is the text of the column "fields". Equal fields have equal texts.
func (a alert) encodeFields() string {
	if len(a.fields) == 0 {
		return "{}"
	}
	text, _ := json.Marshal(a.fields) // a map of strings cannot fail
	return string(text)
}

func decodeFields(text string) (map[string]string, error) {
	var fields map[string]string
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		return nil, fmt.Errorf("column fields of the alerts table: %w", err)
	}
	return fields, nil
}
