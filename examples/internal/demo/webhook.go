package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// shownEvents is how many events the home page has.
const shownEvents = 5

// newWebhook returns what receives Paddle's webhooks; nil without a key.
func newWebhook(client *kanuu.Client, publicKey string, dedup kanuu.Deduplicator) (*kanuu.WebhookHandler, error) {
	if publicKey == "" {
		return nil, nil //nolint:nilnil // the route is then not there
	}
	hook, err := kanuu.NewWebhookHandler(client, publicKey, &kanuu.WebhookOptions{Deduplicator: dedup, Name: "demo"})
	if err != nil {
		return nil, fmt.Errorf("PADDLE_PUBLIC_KEY cannot be used: %w", err)
	}
	return hook, nil
}

// KeepEvent keeps what the home page shows of an event, for nobody but the
// customer it belongs to.
func (a *App) KeepEvent(_ context.Context, e kanuu.Event) error {
	a.events.keep(e)
	return nil
}

// event is what is kept of one: nothing that is personal.
type event struct {
	ID, Name string
	Time     time.Time
}

// events stand in for a table of the app's database. These are in memory, so
// that each replica has those which Paddle brought to it.
type events struct {
	mu     sync.Mutex
	byUser map[string][]event // by the user's ID; the latest first
}

// keep can be called again with the same event, and with an older one: Paddle
// promises neither once nor in order.
func (ee *events) keep(e kanuu.Event) {
	if !slices.ContainsFunc(users, func(user *User) bool { return user.ID == e.Identifier }) {
		return
	}
	ee.mu.Lock()
	defer ee.mu.Unlock()

	kept := slices.DeleteFunc(ee.of(e.Identifier), func(other event) bool { return other.ID == e.AlertID })
	kept = append(kept, event{e.AlertID, e.AlertName, e.Time})
	slices.SortFunc(kept, func(a, b event) int { return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.ID, a.ID)) })
	if ee.byUser == nil {
		ee.byUser = make(map[string][]event)
	}
	ee.byUser[e.Identifier] = kept[:min(len(kept), shownEvents)]
}

// last of the user's, the latest first.
func (ee *events) last(userID string) []event {
	ee.mu.Lock()
	defer ee.mu.Unlock()
	return ee.of(userID)
}

func (ee *events) of(userID string) []event { return slices.Clone(ee.byUser[userID]) }
