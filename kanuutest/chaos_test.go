package kanuutest_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// outcomes are the state of each delivery, and what Chaos did to it.
func outcomes(k *kanuutest.Kanuu) string {
	var all []string
	for _, d := range k.Deliveries() {
		outcome := string(d.State)
		if d.Chaos != "" {
			outcome += "(" + d.Chaos + ")"
		}
		all = append(all, outcome)
	}
	return strings.Join(all, " ")
}

func TestChaos(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		chaos    kanuutest.Chaos
		once     bool
		alerts   string // about whom; a "-" is a second without one
		arrivals string // the number of each alert, and when it came
		outcomes string
	}{
		"none": {kanuutest.Chaos{}, true, "a b c", "1@0s 2@0s 3@0s", "delivered delivered delivered"},
		"duplicate": {kanuutest.Chaos{Duplicate: 1}, true, "a b c", "1@0s 1@0s 2@0s 3@0s",
			"delivered delivered(duplicate) delivered delivered"},
		"duplicate each": {kanuutest.Chaos{Duplicate: 1}, false, "a", "1@0s 1@0s", "delivered delivered(duplicate)"},
		"reorder": {kanuutest.Chaos{Reorder: 1}, true, "a b c", "2@0s 1@0s 3@0s",
			"delivered(reordered) delivered delivered"},
		"reorder within one customer": {kanuutest.Chaos{Reorder: 1}, true, "a - a", "2@1s 1@1s",
			"delivered(reordered) delivered"},
		"reorder, and nothing follows": {kanuutest.Chaos{Reorder: 1}, false, "a", "1@5s", "delivered(reordered)"},
		"lose": {kanuutest.Chaos{Lose: 1, Delay: 1}, true, "a b c", "2@0s 3@0s",
			"lost(lost) delivered delivered"},
		"delay": {kanuutest.Chaos{Delay: time.Minute}, true, "a b c", "2@0s 3@0s 1@1m0s",
			"delivered(delayed) delivered delivered"},
		"delay keeps the order within one customer": {kanuutest.Chaos{Delay: time.Minute}, true, "a a", "1@1m0s 2@1m0s",
			"delivered(delayed) delivered"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				in := &webhookReceiver{}
				k := in.newKanuu(nil)
				if tc.once {
					k.ChaosOnce(tc.chaos)
				} else {
					k.SetChaos(tc.chaos)
				}
				numbers := map[string]int{}
				for identifier := range strings.FieldsSeq(tc.alerts) {
					if identifier == "-" {
						time.Sleep(time.Second)
						continue
					}
					trigger(t, k, created, identifier)
					deliveries := k.Deliveries()
					if id := deliveries[len(deliveries)-1].AlertID; numbers[id] == 0 {
						numbers[id] = len(numbers) + 1
					}
				}
				require.NoError(t, k.Settle(t.Context()))
				var arrivals []string
				bodies := map[string]string{}
				for _, r := range in.all() {
					arrivals = append(arrivals, fmt.Sprintf("%d@%s", numbers[r.alertID], r.after))
					if first, twice := bodies[r.alertID]; twice {
						assert.Equal(t, first, r.body, "a duplicate is the same")
					}
					bodies[r.alertID] = r.body
				}
				assert.Equal(t, tc.arrivals, strings.Join(arrivals, " "))
				assert.Equal(t, tc.outcomes, outcomes(k))
			})
		})
	}
}

func TestChaosByRate(t *testing.T) {
	t.Parallel()
	run := func(t *testing.T, seed uint64) (lost int, how string) {
		t.Helper()
		in := &webhookReceiver{}
		k := in.newKanuu(func(o *kanuutest.Options) { o.Seed = seed })
		k.SetChaos(kanuutest.Chaos{Lose: 0.3, Duplicate: 0.1})
		assert.Equal(t, kanuutest.Chaos{Lose: 0.3, Duplicate: 0.1}, k.Chaos())
		for range 200 {
			trigger(t, k, created, "42")
		}
		require.NoError(t, k.Settle(t.Context()))
		how = outcomes(k)
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

func TestInvalidChaosPanics(t *testing.T) {
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

// Nothing shows that Paddle's alert ids grow.
func TestShuffledIDs(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(&kanuutest.Options{Seed: 1})
	k.SetChaos(kanuutest.Chaos{ShuffleIDs: true})
	seen, grows := map[string]bool{}, true
	for i := range 100 {
		trigger(t, k, created, "42")
		id := k.Deliveries()[i].AlertID
		assert.Regexp(t, `^[1-9][0-9]+$`, id)
		seen[id] = true
		grows = grows && (i == 0 || k.Deliveries()[i-1].AlertID < id)
	}
	assert.Len(t, seen, 100)
	assert.False(t, grows)
}

// Two updates of one second are chained by what they say was before.
func TestSplitUpdates(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(&kanuutest.Options{Now: newClock(may4).now})
	ann := k.Customer("ann")
	require.NoError(t, ann.Subscribe(12345))
	require.NoError(t, ann.Pause())
	k.Advance(40 * 24 * time.Hour)
	k.Reset()
	k.SetChaos(kanuutest.Chaos{SplitUpdates: true})
	require.NoError(t, ann.Resume())
	var got []string
	for _, d := range k.Deliveries() {
		got = append(got, d.AlertName+": "+pick(d.Fields, "event_time old_status status old_next_bill_date next_bill_date"))
	}
	assert.Equal(t, []string{
		"subscription_payment_succeeded: 2026-06-13 12:00:00 - active - 2026-07-13",
		"subscription_updated: 2026-06-13 12:00:00 paused active 2026-06-04 2026-06-04",
		"subscription_updated: 2026-06-13 12:00:00 active active 2026-06-04 2026-07-13",
	}, got)
}
