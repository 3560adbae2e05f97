package kanuutest

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/jsonbody"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/paddle"
	"github.com/kanuu-io/kanuu-go/kanuutest/internal/portal"
)

// maxSnapshotDeliveries bounds the deliveries of a snapshot: the newest.
const maxSnapshotDeliveries = 200

type snapshot[B any] struct {
	Books      B                 `json:"books"`
	Sessions   []portal.Session  `json:"sessions"`
	Deliveries []paddle.Delivery `json:"deliveries"`
	WebhookURL string            `json:"webhook_url"`
}

// Snapshot returns as JSON what [Kanuu.Restore] continues with: the customers, the
// clock, the links and sessions of the portal, the newest webhooks with the waiting
// ones, and where they go. It leaves out the recorded calls, the faults and the
// chaos.
func (k *Kanuu) Snapshot() ([]byte, error) {
	books, err := k.store.Save()
	if err != nil {
		return nil, fmt.Errorf("kanuutest: cannot save: %w", err)
	}
	deliveries := k.outbox.Deliveries()
	return json.Marshal(snapshot[json.RawMessage]{
		books, k.portal.Sessions(), deliveries[max(0, len(deliveries)-maxSnapshotDeliveries):], k.WebhookURL(),
	})
}

// Restore continues from a [Kanuu.Snapshot], before the fake is used. A URL in
// [WebhookOptions] takes precedence. An error changes nothing.
func (k *Kanuu) Restore(data []byte) error {
	var s snapshot[ledger.Books]
	if err := jsonbody.Strict(data, &s); err != nil {
		return fmt.Errorf("kanuutest: cannot restore: %w", err)
	}
	k.store.Restore(s.Books)
	k.portal.Restore(s.Sessions)
	k.outbox.Restore(s.Deliveries)
	k.SetWebhookURL(cmp.Or(k.WebhookURL(), s.WebhookURL))
	return nil
}
