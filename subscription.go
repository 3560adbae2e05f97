package kanuu

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/kanuu-io/kanuu-go/internal/flatjson"
)

// Status of a subscription, in the spelling of Kanuu's API. [ParseStatus] makes
// one of every spelling that Kanuu and Paddle use; a text that it does not know
// is kept as it is.
type Status string

// The statuses that Kanuu documents.
const (
	StatusTrialing Status = "trialing"
	StatusActive   Status = "active"
	StatusPastDue  Status = "past-due"
	StatusPaused   Status = "paused"
	StatusCanceled Status = "canceled"
)

// ParseStatus knows both spellings of each status: Kanuu writes "past-due" and
// "canceled", Paddle "past_due" and "deleted", Kanuu's Laravel package
// "cancelled". Upper case and space around it do not matter.
func ParseStatus(text string) Status {
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

// Subscription is what Kanuu's "Retrieve a subscription" page answers about one
// identifier. The zero value is of somebody who never subscribed.
type Subscription struct {
	// IsSubscribed tells whether the customer may come in. It stays true for a
	// paused or cancelled subscription until the date that was paid for.
	IsSubscribed bool

	// IsTrialing tells whether that is because of a trial.
	IsTrialing bool

	// Status, for display; decide by IsSubscribed.
	Status Status

	// StatusText is the status as Kanuu spelled it.
	StatusText string

	// PlanID is Paddle's id of the plan; 0: none.
	PlanID int64

	// SubscriptionID is Paddle's id of the subscription; 0: never subscribed.
	SubscriptionID int64
}

// OnGracePeriod tells whether the customer is still let in although they
// cancelled, paused, or did not pay.
func (s Subscription) OnGracePeriod() bool {
	switch s.Status {
	case StatusCanceled, StatusPaused, StatusPastDue:
		return s.IsSubscribed
	default:
		return false
	}
}

// Subscription of identifier, from the cache where it is known there, see
// [CacheOptions]. However many wait for the same identifier, Kanuu is asked
// once; a caller whose ctx ends leaves, and the call goes on for the others.
//
// Errors are those of [Client.FetchSubscription]. They are never remembered.
func (c *Client) Subscription(ctx context.Context, identifier string) (Subscription, error) {
	return c.cache.Get(ctx, identifier, c.load)
}

// FetchSubscription asks Kanuu, past the cache and without telling it.
//
// Errors: [*IdentityError] without a call when identifier is empty or not valid
// UTF-8; [*APIError] for what Kanuu answered; [ErrUnavailable] when it did not;
// ctx's own error when that came first.
func (c *Client) FetchSubscription(ctx context.Context, identifier string) (Subscription, error) {
	id := Identity{Identifier: identifier}
	if err := id.Validate(); err != nil {
		return Subscription{}, err
	}
	got, err := c.post(ctx, c.fetchSubscription, id.appendJSON(nil))
	if err != nil {
		return Subscription{}, err
	}
	subscription, err := decodeSubscription(got.bytes())
	got.release()
	if err != nil {
		c.count.failures.Add(1)
		return Subscription{}, &APIError{Operation: c.fetchSubscription.operation, Status: got.status, Message: err.Error()}
	}
	return subscription, nil
}

// ForgetSubscription has the cache ask Kanuu before it says anything more about
// identifier, and opens its settling window: something about it has just
// changed, or is about to. Who was a subscriber stays in while Kanuu is down.
// [Client.CreateNonce] and a [WebhookHandler] do this by themselves.
func (c *Client) ForgetSubscription(ctx context.Context, identifier string) error {
	if err := c.cache.Forget(ctx, identifier); err != nil {
		return fmt.Errorf("kanuu: forget subscription: %w", err)
	}
	return nil
}

// forget is ForgetSubscription where a failure must not stop what goes on.
func (c *Client) forget(ctx context.Context, identifier string) {
	if err := c.ForgetSubscription(context.WithoutCancel(ctx), identifier); err != nil {
		c.log.LogAttrs(ctx, slog.LevelWarn, "kanuu: a subscription may be shown as it was before",
			slog.Any("error", err), slog.String("remedy", "look at the cache: Config.Cache could not forget"))
	}
}

// decodeSubscription reads a successful answer of POST /api/subscription, where
// any field can be null.
func decodeSubscription(body []byte) (Subscription, error) {
	var (
		subscription Subscription
		isSubscribed []byte
		wrong        bool // a field is of another type than the API page shows
	)
	isObject := flatjson.Members(body, func(name, value []byte) {
		ok := true
		switch string(name) {
		case "is_subscribed":
			isSubscribed = value
		case "is_trialing":
			subscription.IsTrialing = string(value) == "true"
			ok = value[0] == 't' || value[0] == 'f' || isNull(value)
		case "status":
			subscription.StatusText, ok = flatjson.Text(value)
			ok = ok || isNull(value)
			subscription.Status = ParseStatus(subscription.StatusText)
		case "plan_id":
			subscription.PlanID, ok = parseID(value)
		case "subscription_id":
			subscription.SubscriptionID, ok = parseID(value)
		}
		wrong = wrong || !ok
	})
	if !isObject || wrong {
		return Subscription{}, errors.New("the answer is not the JSON that the API page shows")
	}

	// The text of most statuses is a constant, which the cache keeps once.
	if string(subscription.Status) == subscription.StatusText {
		subscription.StatusText = string(subscription.Status)
	}
	switch string(isSubscribed) {
	case "true":
		subscription.IsSubscribed = true
	case "false", "null":
	case "":
		return Subscription{}, errors.New("the answer has no is_subscribed")
	default:
		return Subscription{}, errors.New("the answer's is_subscribed is neither true, false nor null")
	}
	return subscription, nil
}

func isNull(value []byte) bool { return string(value) == "null" }

// parseID reads a number, a number in quotes as Paddle's webhooks have it, or
// null, which is 0.
func parseID(value []byte) (id int64, ok bool) {
	number := strings.Trim(string(value), `"`)
	if number == "null" || number == "" {
		return 0, true
	}
	id, err := strconv.ParseInt(number, 10, 64)
	return id, err == nil
}
