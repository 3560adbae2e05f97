package kanuuredis

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// The cache also remembers which webhooks were handled: a [kanuu.WebhookHandler]
// whose client has it as Config.Cache uses it without being told.
var _ kanuu.Deduplicator = (*Cache)(nil)

// alertKind is the key of an alert: who handles it, or that it was handled.
const alertKind = "alert:{id:"

const (
	// rememberAlerts that were handled for so long: Paddle delivers an alert
	// again, once an hour for 72 hours, until it is answered with 200.
	rememberAlerts = 72 * time.Hour

	alertClaimed = "claimed"
	alertHandled = "handled"
)

// claimScript claims an alert that nobody has, and answers what stood there.
const claimScript = `
local was = redis.call('GET', KEYS[1])
if was then return was end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''
`

// What [Cache.Begin] returns when it cannot tell.
var (
	errClaimed = errors.New("kanuuredis: another machine is handling this alert")
	errGone    = errors.New("kanuuredis: Redis is gone")
)

// Begin claims an alert for one delivery among all machines, and tells whether
// it was not handled before. While another delivery has claimed it, or Redis is
// gone, it returns an error at once: Paddle then comes again.
func (c *Cache) Begin(ctx context.Context, alertID string, lease time.Duration) (fresh bool, err error) {
	if c.isDown() {
		return false, errGone
	}

	command := c.redis.build().Eval().Script(claimScript).Numkeys(1).
		Key(c.redis.key(alertKind, alertID)).Arg(alertClaimed, millis(lease)).Build()

	result, err := c.redis.do(ctx, c.redis.timeout, command)
	if err != nil {
		c.fail(ctx, err)

		return false, fmt.Errorf("kanuuredis: claim an alert: %w", err)
	}

	switch was, err := result.ToString(); {
	case err != nil:
		return false, fmt.Errorf("kanuuredis: claim an alert: %w", err)
	case was == "":
		return true, nil
	case was == alertHandled:
		return false, nil
	default:
		return false, errClaimed
	}
}

// End follows a Begin that was fresh: an alert that was handled is remembered
// for 72 hours, another is free at once.
func (c *Cache) End(ctx context.Context, alertID string, handled bool) error {
	if c.isDown() {
		return errGone
	}

	key := c.redis.key(alertKind, alertID)
	command := c.redis.build().Del().Key(key).Build()

	if handled {
		command = c.redis.build().Set().Key(key).Value(alertHandled).Px(rememberAlerts).Build()
	}

	if _, err := c.redis.do(ctx, c.redis.timeout, command); err != nil {
		c.fail(ctx, err)

		return fmt.Errorf("kanuuredis: end an alert: %w", err)
	}

	return nil
}
