package kanuuredis_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newHook is an instance's handler of webhooks, which calls handle.
func newHook(tb testing.TB, store *kanuuredis.Store, signer *kanuutest.Signer, handle func() error) *kanuu.WebhookHandler {
	tb.Helper()
	hook, err := kanuu.NewWebhookHandler(newClient(tb, newFake(tb), store), signer.PublicKey(),
		&kanuu.WebhookOptions{Deduplicator: store, Name: "shop"})
	require.NoError(tb, err)
	hook.On("*", func(context.Context, kanuu.Event) error { return handle() })
	return hook
}

func TestAlertIsHandledByOneInstance(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	a, b := newStore(t, server.option(), nil), newStore(t, server.option(), nil)
	signer := kanuutest.NewSigner()
	alert := kanuutest.Webhook{AlertName: "subscription_created", AlertID: "7", Identifier: "42"}

	var (
		handled int
		fails   = true
		during  func()
	)

	handle := func() error {
		handled++
		if during != nil {
			during()
		}
		if fails {
			return errors.New("not today")
		}
		return nil
	}
	hookA, hookB := newHook(t, a, signer, handle), newHook(t, b, signer, handle)

	assert.Equal(t, http.StatusInternalServerError, signer.Post(hookA, alert).StatusCode)
	assert.Equal(t, 1, handled)

	fails = false
	during = func() {
		assert.Equal(t, http.StatusServiceUnavailable, signer.Post(hookA, alert).StatusCode, "the other one is at it")
	}

	assert.Equal(t, http.StatusOK, signer.Post(hookB, alert).StatusCode, "what failed comes again")
	assert.Equal(t, 2, handled)

	during = nil

	assert.Equal(t, http.StatusOK, signer.Post(hookA, alert).StatusCode)
	assert.Equal(t, http.StatusOK, signer.Post(hookB, alert).StatusCode)
	assert.Equal(t, 2, handled, "handled once")

	left, err := server.do("PTTL", "kanuu:alert:{id:shop:7}").AsInt64()
	require.NoError(t, err)
	assert.InDelta(t, (72 * 60 * 60 * 1000), left, 60_000, "remembered for 72 hours")
}

func TestHandlersWithDifferentNames(t *testing.T) {
	t.Parallel()
	store, signer, handled := newStore(t, startRedis(t).option(), nil), kanuutest.NewSigner(), 0
	for _, name := range []string{"shop", "mail", "shop"} {
		hook, err := kanuu.NewWebhookHandler(newClient(t, newFake(t), store), signer.PublicKey(),
			&kanuu.WebhookOptions{Deduplicator: store, Name: name})
		require.NoError(t, err)
		hook.On("*", func(context.Context, kanuu.Event) error {
			handled++
			return nil
		})
		alert := kanuutest.Webhook{AlertName: "subscription_created", AlertID: "7"}
		assert.Equal(t, http.StatusOK, signer.Post(hook, alert).StatusCode)
	}
	assert.Equal(t, 2, handled)
}

func TestAlertIsRefusedWithoutRedis(t *testing.T) {
	t.Parallel()

	server := startRedis(t)
	store := newStore(t, server.option(), nil)
	signer := kanuutest.NewSigner()
	hook := newHook(t, store, signer, func() error {
		t.Error("handled although nobody can remember it")
		return nil
	})

	server.kill()
	for range 2 { // the first to find out, and one who is told
		assert.Equal(t, http.StatusServiceUnavailable,
			signer.Post(hook, kanuutest.Webhook{AlertName: "subscription_created", AlertID: "7"}).StatusCode)
	}

	require.Error(t, store.End(t.Context(), "7", true))
}
