package emulator

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Seed is what an emulator begins with.
type Seed struct {
	Plans     []kanuutest.Plan `json:"plans"`
	Customers []Customer       `json:"customers"`
}

// Customer is one of a seed.
type Customer struct {
	Identifier     string    `json:"identifier"`
	Status         string    `json:"status"` // empty: active
	PlanID         int64     `json:"plan_id"`
	SubscriptionID int64     `json:"subscription_id"` // 0: one of its own
	PaidUntil      time.Time `json:"paid_until"`      // zero: a month from now
}

func (c Customer) subscription(now time.Time) kanuutest.Subscription {
	until := c.PaidUntil
	if until.IsZero() {
		until = now.AddDate(0, 1, 0)
	}
	return kanuutest.Subscription{
		Status: cmp.Or(c.Status, kanuutest.StatusActive), PlanID: c.PlanID, SubscriptionID: c.SubscriptionID, PaidUntil: until,
	}
}

// ReadSeed reads a JSON file. Its errors name the place.
func ReadSeed(file string) (Seed, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the user named it
	if err != nil {
		return Seed{}, err
	}
	var s Seed
	if err = strict(text, &s); err == nil {
		err = s.check()
	}
	if err != nil {
		return Seed{}, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "json: "))
	}
	return s, nil
}

// strict decodes one JSON value without unknown fields.
func strict(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if _, more := decoder.Token(); err == nil && !errors.Is(more, io.EOF) {
		err = errors.New("something follows the object")
	}
	return err
}

var (
	priceForm    = regexp.MustCompile(`^\d{1,9}(\.\d\d)?$`)
	currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)
	statuses     = []string{"", "trialing", "active", "past-due", "paused", "canceled"}
)

// check also gives each customer a subscription id.
func (s Seed) check() error {
	sold := make(map[int64]bool)
	for i, p := range s.Plans {
		at := fmt.Sprintf("plans[%d].", i)
		switch {
		case p.ID <= 0 || sold[p.ID]:
			return fmt.Errorf("%sid is %d: each plan has a number of its own", at, p.ID)
		case strings.TrimSpace(p.Name) == "":
			return errors.New(at + "name is empty")
		case !priceForm.MatchString(p.Price):
			return fmt.Errorf("%sprice is %q: write it like 9.00", at, p.Price)
		case !currencyForm.MatchString(p.Currency):
			return fmt.Errorf("%scurrency is %q: write it like EUR", at, p.Currency)
		case p.TrialDays < 0 || p.TrialDays > 999:
			return fmt.Errorf("%strial_days is %d: use 0 to 999", at, p.TrialDays)
		}
		sold[p.ID] = true
	}
	known := make(map[string]bool)
	for i := range s.Customers {
		c, at := &s.Customers[i], fmt.Sprintf("customers[%d].", i)
		err := (kanuu.Identity{Identifier: c.Identifier}).Validate()
		switch {
		case err != nil:
			return fmt.Errorf("%sidentifier: %w", at, err)
		case known[c.Identifier]:
			return fmt.Errorf("%sidentifier is %q, which another customer has", at, c.Identifier)
		case !slices.Contains(statuses, c.Status):
			return fmt.Errorf("%sstatus is %q: use one of%s", at, c.Status, strings.Join(statuses, " "))
		case c.PlanID <= 0 || len(s.Plans) > 0 && !sold[c.PlanID]:
			return fmt.Errorf("%splan_id is %d: no such plan is on sale", at, c.PlanID)
		}
		c.SubscriptionID = cmp.Or(c.SubscriptionID, int64(800_001+i))
		known[c.Identifier] = true
	}
	return nil
}
