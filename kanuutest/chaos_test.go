package kanuutest_test

import (
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// fates are what Chaos and the way to the application made of each alert.
func fates(k *kanuutest.Kanuu) string {
	var all []string
	for _, d := range k.Deliveries() {
		fate := d.Identifier + ":" + string(d.State)
		if d.Chaos != "" {
			fate += "(" + d.Chaos + ")"
		}
		all = append(all, fate)
	}
	return strings.Join(all, " ")
}

func TestChaosOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		chaos kanuutest.Chaos
		order string
		fates string
		took  time.Duration
	}{
		"none": {kanuutest.Chaos{}, "a b c", "a:delivered b:delivered c:delivered", 0},
		"duplicate": {kanuutest.Chaos{Duplicate: 1}, "a" + " a b c", "a:delivered a:delivered(duplicate) b:delivered c:delivered",
			0},
		"reorder": {kanuutest.Chaos{Reorder: 1}, "b a c", "a:delivered(reordered) b:delivered c:delivered", 0},
		"lose":    {kanuutest.Chaos{Lose: 1, Delay: 1}, "b c", "a:lost(lost) b:delivered c:delivered", 0},
		"delay": {
			kanuutest.Chaos{Delay: time.Minute}, "b c a", "a:delivered(delayed) b:delivered c:delivered", time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := &inbox{}
				k := in.posting(nil)
				began := time.Now()
				k.ChaosOnce(tc.chaos)
				trigger(t, k, created, "a", "b", "c")
				require.NoError(t, k.Settle(t.Context()))
				assert.Equal(t, tc.order, in.order())
				assert.Equal(t, tc.fates, fates(k))
				assert.Equal(t, tc.took, time.Since(began))
			})
		})
	}
}

func TestDuplicatesAreTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{}
		k := in.posting(nil)
		k.SetChaos(kanuutest.Chaos{Duplicate: 1})
		trigger(t, k, created, "42")
		require.NoError(t, k.Settle(t.Context()))
		require.Len(t, in.all(), 2)
		assert.Equal(t, in.all()[0].body, in.all()[1].body)
	})
}

// Also what happens to one customer.
func TestReorderWithinOneCustomer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{}
		k := in.posting(nil)
		k.ChaosOnce(kanuutest.Chaos{Reorder: 1})
		trigger(t, k, created, "42")
		time.Sleep(time.Second)
		trigger(t, k, "subscription_cancelled", "42")
		require.NoError(t, k.Settle(t.Context()))
		assert.Equal(t, "subscription_cancelled", in.all()[0].alert)
		assert.Equal(t, created, in.all()[1].alert)
		assert.Equal(t, []time.Duration{time.Second, time.Second}, in.times())
	})
}

func TestReorderWithNothingToComeAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{}
		k := in.posting(nil)
		k.SetChaos(kanuutest.Chaos{Reorder: 1})
		trigger(t, k, created, "42")
		require.NoError(t, k.Settle(t.Context()))
		assert.Equal(t, []time.Duration{5 * time.Second}, in.times())
	})
}

func TestDelayKeepsTheOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := &inbox{}
		k := in.posting(nil)
		k.ChaosOnce(kanuutest.Chaos{Delay: time.Minute})
		trigger(t, k, created, "42", "42")
		require.NoError(t, k.Settle(t.Context()))
		assert.Equal(t, []time.Duration{time.Minute, time.Minute}, in.times())
		assert.Less(t, in.all()[0].alertID, in.all()[1].alertID)
	})
}

func TestChaosByRate(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, seed uint64) (lost int, how string) {
		t.Helper()
		in := &inbox{}
		k := in.posting(func(o *kanuutest.Options) { o.Seed = seed })
		k.SetChaos(kanuutest.Chaos{Lose: 0.3, Duplicate: 0.1})
		assert.Equal(t, kanuutest.Chaos{Lose: 0.3, Duplicate: 0.1}, k.Chaos())
		for range 200 {
			trigger(t, k, created, "42")
		}
		require.NoError(t, k.Settle(t.Context()))
		how = fates(k)
		k.SetChaos(kanuutest.Chaos{})
		trigger(t, k, created, "42")
		assert.Empty(t, k.Deliveries()[len(k.Deliveries())-1].Chaos)
		return strings.Count(how, "lost("), how
	}
	lost, how := run(t, 7)
	assert.InDelta(t, 60, lost, 25)
	assert.InDelta(t, 14, strings.Count(how, "duplicate"), 12)
	_, again := run(t, 7)
	assert.Equal(t, how, again)
	_, other := run(t, 8)
	assert.NotEqual(t, how, other)
	_, some := run(t, 0)
	_, another := run(t, 0)
	assert.NotEqual(t, some, another, "no seed: something else each time")
}

func TestChaosMustBePossible(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(nil)
	for name, c := range map[string]kanuutest.Chaos{
		"Chaos: duplicate is -0.1: a rate is 0 to 1": {Duplicate: -0.1},
		"Chaos: reorder is 30: a rate is 0 to 1":     {Reorder: 30},
		"Chaos: lose is NaN: a rate is 0 to 1":       {Lose: math.NaN()},
		"Chaos: delay is -1s: it cannot be negative": {Delay: -time.Second},
	} {
		assert.PanicsWithValue(t, "kanuutest: "+name, func() { k.SetChaos(c) })
		assert.PanicsWithValue(t, "kanuutest: "+name, func() { k.ChaosOnce(c) })
	}
}
