package kanuu

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kanuu-io/kanuu-go/internal/api"
)

// Status is the state of a subscription, as Kanuu's API spells it.
type Status string

// The statuses that Kanuu documents.
const (
	StatusTrialing Status = "trialing"
	StatusActive   Status = "active"
	StatusPastDue  Status = "past-due"
	StatusPaused   Status = "paused"
	StatusCanceled Status = "canceled"
)

// ParseStatus returns the status for each spelling: Kanuu writes "past-due" and
// "canceled", Paddle "past_due" and "deleted", Kanuu's Laravel package "cancelled".
// It ignores letter case and surrounding space, and returns other texts as they are.
func ParseStatus(text string) Status {
	switch known := Status(text); known { // nearly always, and without work
	case StatusTrialing, StatusActive, StatusPastDue, StatusPaused, StatusCanceled:
		return known
	}
	switch name := strings.ToLower(strings.TrimSpace(text)); name {
	case "trialing":
		return StatusTrialing
	case "active":
		return StatusActive
	case "past-due", "past_due":
		return StatusPastDue
	case "paused":
		return StatusPaused
	case "canceled", "cancelled", "deleted":
		return StatusCanceled
	default:
		return Status(text)
	}
}

// Subscription is the response of Kanuu's "Retrieve a subscription" page. The zero
// value is that of a customer who never subscribed.
type Subscription struct {
	// IsSubscribed is whether the customer has access. It stays true for a paused or
	// cancelled subscription until the date that was paid for.
	IsSubscribed bool `json:"is_subscribed"`

	// IsTrialing is whether the subscription is a trial.
	IsTrialing bool `json:"is_trialing"`

	// Status is for display; decide by IsSubscribed.
	Status Status `json:"-"`

	// StatusText is the status as Kanuu spells it, at most 64 bytes.
	StatusText string `json:"status"`

	// PlanID is Paddle's id of the plan; 0: none.
	PlanID int64 `json:"plan_id"`

	// SubscriptionID is Paddle's id of the subscription; 0: never subscribed.
	SubscriptionID int64 `json:"subscription_id"`
}

// OnGracePeriod reports whether the customer still has access after they cancelled,
// paused, or did not pay.
func (s Subscription) OnGracePeriod() bool {
	switch s.Status {
	case StatusCanceled, StatusPaused, StatusPastDue:
		return s.IsSubscribed
	default:
		return false
	}
}

// Subscription returns the subscription of identifier, from the cache if it is
// fresh, see [CacheOptions]. Concurrent calls for one identifier share one call to
// Kanuu, which goes on if the ctx of one of them ends.
//
// If Kanuu is unavailable or takes longer than 3 s, a stale subscription is returned
// for up to [CacheOptions.StaleIfError]. It has the errors of
// [Client.FetchSubscription]. After a failure, the same error is returned for the
// identifier for 5 s to 1 min without a call.
func (c *Client) Subscription(ctx context.Context, identifier string) (Subscription, error) {
	return c.cache.lookup(ctx, identifier)
}

// FetchSubscription calls Kanuu, and neither reads nor writes the cache.
//
// Errors: an [*IdentityError] without a call; an [*APIError] for Kanuu's response;
// [ErrUnavailable] without one; ctx's own error if ctx ended first.
func (c *Client) FetchSubscription(ctx context.Context, identifier string) (Subscription, error) {
	subscription, _, err := c.fetch(ctx, identifier)
	return subscription, err
}

// fetch also returns when the attempt that brought the subscription began.
func (c *Client) fetch(ctx context.Context, identifier string) (Subscription, time.Time, error) {
	id := Identity{Identifier: identifier}
	if err := id.Validate(); err != nil {
		return Subscription{}, time.Time{}, err
	}
	response, err := c.post(ctx, c.fetchSubscription, id)
	if err != nil {
		return Subscription{}, time.Time{}, err
	}
	s, err := api.ParseSubscription(response.Body)
	if err != nil {
		c.api.Count.Failures.Add(1)
		return Subscription{}, time.Time{},
			&APIError{Operation: c.fetchSubscription.Operation, Status: response.Status, Message: err.Error()}
	}
	subscription := Subscription{
		IsSubscribed: s.IsSubscribed, IsTrialing: s.IsTrialing, PlanID: s.PlanID, SubscriptionID: s.SubscriptionID,
		Status: ParseStatus(s.Status), StatusText: s.Status,
	}
	if string(subscription.Status) == s.Status {
		subscription.StatusText = string(subscription.Status) // a constant, which the cache keeps once
	}
	return subscription, response.Began, nil
}

// failOpenAfter is how long the subscription endpoint must have been down before a
// gate lets unknown identifiers in.
const failOpenAfter = 10 * time.Second

// isDown reports whether err comes from an outage that lasts, and not from one call
// or one customer.
func (c *Client) isDown(err error) bool {
	return errors.Is(err, ErrUnavailable) && c.fetchSubscription.OpenFor() >= failOpenAfter
}

// fetchForCache is fetch with a time of the cache's clock.
func (c *Client) fetchForCache(ctx context.Context, identifier string) (fetched, error) {
	subscription, began, err := c.fetch(ctx, identifier)
	return fetched{subscription: subscription, at: c.cache.now() - int64(time.Since(began))}, err
}

// InvalidateSubscription makes the next lookup of identifier call Kanuu, and opens
// its revalidation window of 70 minutes. Call it when the subscription has changed.
// If Kanuu is unavailable, the stale subscription is used. [Client.CreateNonce] and
// a [WebhookHandler] call it themselves.
//
// The error is that of [Config.SharedCache]: other instances may serve the old
// subscription until it is available. Without a SharedCache there is none.
func (c *Client) InvalidateSubscription(ctx context.Context, identifier string) error {
	c.cache.invalidate(identifier)
	if c.cache.shared == nil {
		return nil
	}
	if err := c.cache.shared.invalidate(ctx, identifier); err != nil {
		return fmt.Errorf("kanuu: invalidate subscription: %w", err)
	}
	return nil
}

// invalidate is InvalidateSubscription where a page waits. The store logs what goes
// wrong with it, and is told when it is available again.
func (c *Client) invalidate(ctx context.Context, identifier string) {
	ctx = context.WithoutCancel(ctx)
	if c.cache.shared != nil {
		limited, cancel := context.WithTimeout(ctx, sharedTimeout)
		defer cancel()
		ctx = limited
	}
	_ = c.InvalidateSubscription(ctx, identifier)
}
