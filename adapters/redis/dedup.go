package kanuuredis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"
)

const (
	// rememberAlerts that were handled: Paddle delivers an alert again, once an hour
	// for 72 hours, until it is answered with 200.
	rememberAlerts = 72 * time.Hour

	alertClaimed = "claimed"
	alertHandled = "handled"
)

// errClaimed is what [Store.Begin] returns when it cannot tell.
var errClaimed = errors.New("kanuuredis: another delivery of this alert is being handled")

// Begin claims an alert for one delivery among all instances, and reports whether it
// was not handled before. key names the handler and the alert. While another
// delivery has claimed it, or Redis is unavailable, it returns an error without
// waiting: Paddle then delivers the alert again.
func (s *Store) Begin(ctx context.Context, key string, lease time.Duration) (fresh bool, err error) {
	name := s.key(alertKind, key)
	results, err := s.do(ctx, "claim an alert", key, func(b rueidis.Builder) []rueidis.Completed {
		return []rueidis.Completed{b.Set().Key(name).Value(alertClaimed).Nx().Px(lease).Build(), b.Get().Key(name).Build()}
	})
	if err != nil {
		return false, err
	}
	if results[0].Error() == nil {
		return true, nil
	}
	was, err := results[1].ToString()
	switch {
	case err != nil && !rueidis.IsRedisNil(err): // of another type
		return false, err
	case was == alertHandled:
		return false, nil
	default:
		return false, errClaimed
	}
}

// End follows a Begin that was fresh: an alert that was handled is remembered for 72
// hours, another is free at once.
func (s *Store) End(ctx context.Context, key string, handled bool) error {
	name := s.key(alertKind, key)
	_, err := s.do(ctx, "end an alert", key, func(b rueidis.Builder) []rueidis.Completed {
		if handled {
			return []rueidis.Completed{b.Set().Key(name).Value(alertHandled).Px(rememberAlerts).Build()}
		}
		return []rueidis.Completed{b.Del().Key(name).Build()}
	})
	return err
}
