//go:build !race

package kanuuredis_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A hit in local memory allocates nothing. What runs in the background can only add to
// it, so the least of some measurements counts. It is not built for the race detector,
// which allocates, and not parallel: the allocations of others would be measured, too.
func TestAllocationsOfAHit(t *testing.T) {
	client, ctx := newClient(t, newFake(t), newStore(t, startRedis(t).option(), nil)), t.Context()
	_, err := client.Subscription(ctx, "42")
	require.NoError(t, err)
	least := 1.0
	for range 5 {
		least = min(least, testing.AllocsPerRun(1000, func() { _, _ = client.Subscription(ctx, "42") }))
	}
	assert.Zero(t, least)
}
