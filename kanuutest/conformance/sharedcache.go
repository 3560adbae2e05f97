package conformance

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// TestSharedCache tests an implementation of [kanuu.SharedCache]. open makes an
// empty store for one test; connect makes the connection of one instance to it.
// What they hold is released with t.Cleanup.
func TestSharedCache(t *testing.T, open func(t *testing.T) (connect func() kanuu.SharedCache)) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, a, b kanuu.SharedCache){
		"nothing is stored":                        sharedNothing,
		"an entry reaches the other instance":      sharedEntry,
		"an invalidation outdates the entry":       sharedInvalidation,
		"a load that is overtaken is outdated":     sharedOvertaken,
		"a lock has one holder until it ends":      sharedLock,
		"changes by other instances are announced": sharedWatch,
		"keys are any text":                        sharedKeys,
		"a context that has ended is an error":     sharedContext,
		"two clients make one call":                sharedClients,
		"a client sees the other's invalidation":   sharedClientsInvalidate,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			connect := open(t)
			test(t, connect(), connect())
		})
	}
}

func mustGet(t *testing.T, c kanuu.SharedCache, key string) kanuu.SharedEntry {
	t.Helper()
	entry, err := c.Get(t.Context(), key)
	must(t, err)
	return entry
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sharedNothing(t *testing.T, a, _ kanuu.SharedCache) {
	t.Helper()
	if e := mustGet(t, a, "k"); e.Value != nil || e.Outdated || e.InvalidatedAge >= 0 {
		t.Errorf("an empty store has %+v", e)
	}
}

func sharedEntry(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	must(t, a.Set(t.Context(), "k", []byte("v"), mustGet(t, a, "k").Version, time.Minute))
	e := mustGet(t, b, "k")
	if string(e.Value) != "v" || e.Outdated || e.InvalidatedAge >= 0 {
		t.Errorf("got %+v", e)
	}
	if e.Age < time.Minute-10*time.Millisecond || e.Age > time.Minute+10*time.Second {
		t.Errorf("the age of a value of a minute ago is %v", e.Age)
	}
	must(t, b.Set(t.Context(), "k", []byte("w"), e.Version, 0))
	if e := mustGet(t, a, "k"); string(e.Value) != "w" || e.Age > 10*time.Second {
		t.Errorf("the later value is not there: %+v", e)
	}
}

func sharedInvalidation(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	must(t, a.Set(t.Context(), "k", []byte("v"), mustGet(t, a, "k").Version, 0))
	must(t, b.Invalidate(t.Context(), "k"))
	e := mustGet(t, a, "k")
	if string(e.Value) != "v" || !e.Outdated || e.InvalidatedAge < 0 || e.InvalidatedAge > 10*time.Second {
		t.Errorf("after an invalidation: %+v", e)
	}
	must(t, a.Set(t.Context(), "k", []byte("w"), e.Version, 0))
	if e := mustGet(t, b, "k"); string(e.Value) != "w" || e.Outdated || e.InvalidatedAge < 0 {
		t.Errorf("after the next load: %+v", e)
	}
}

func sharedOvertaken(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	before := mustGet(t, a, "k")
	must(t, b.Invalidate(t.Context(), "k"))
	must(t, a.Set(t.Context(), "k", []byte("v"), before.Version, 0))
	if e := mustGet(t, b, "k"); e.Value != nil && !e.Outdated {
		t.Errorf("the result of an overtaken load counts: %+v", e)
	}
}

func sharedLock(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	lock := func(c kanuu.SharedCache, life time.Duration, want bool) {
		t.Helper()
		got, err := c.Lock(t.Context(), "k", life)
		must(t, err)
		if got != want {
			t.Errorf("Lock: %t, want %t", got, want)
		}
	}
	lock(a, time.Minute, true)
	lock(b, time.Minute, false)
	must(t, a.Unlock(t.Context(), "k"))
	lock(b, 50*time.Millisecond, true)
	eventually(t, func() bool {
		got, err := a.Lock(t.Context(), "k", time.Minute)
		return err == nil && got
	}, "the lock of a holder that is gone does not end")
}

// eventually waits for what a store tells in its own time.
func eventually(t *testing.T, ok func() bool, problem string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(problem)
		}
	}
}

func sharedWatch(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	var mu sync.Mutex
	seen := make(map[string]int)
	stop := b.Watch(func(key string) {
		mu.Lock()
		defer mu.Unlock()
		seen[key]++
	})
	count := func(key string) int {
		mu.Lock()
		defer mu.Unlock()
		return seen[key] + seen[""]
	}
	for _, key := range []string{"set", "invalidated", "own"} {
		mustGet(t, b, key)
	}
	must(t, b.Invalidate(t.Context(), "own"))
	must(t, a.Set(t.Context(), "set", []byte("v"), "", 0))
	must(t, a.Invalidate(t.Context(), "invalidated"))
	eventually(t, func() bool { return count("set") > 0 }, "a value that was set is not announced")
	eventually(t, func() bool { return count("invalidated") > 0 }, "an invalidation is not announced")
	mu.Lock()
	if seen["own"] > 0 {
		t.Error("an instance's own invalidation is announced to itself")
	}
	mu.Unlock()
	stop()
	before := count("invalidated")
	mustGet(t, b, "invalidated")
	must(t, a.Invalidate(t.Context(), "invalidated"))
	if count("invalidated") > before+1 { // one may have been on its way
		t.Error("an invalidation is announced after stop")
	}
}

func sharedKeys(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	for _, key := range []string{
		"user:42", "a b", "{a}", "}{", "a\nb", "é🛶", "*", "'", "\\", "%00", "user:A", "user:a", "user:a ",
	} {
		must(t, a.Set(t.Context(), key, []byte("of "+key), mustGet(t, a, key).Version, 0))
	}
	for _, key := range []string{"user:42", "{a}", "a\nb", "user:A", "user:a", "user:a "} {
		if e := mustGet(t, b, key); string(e.Value) != "of "+key {
			t.Errorf("%q has %q", key, e.Value)
		}
	}
}

func sharedContext(t *testing.T, a, _ kanuu.SharedCache) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Get(ctx, "k"); err == nil {
		t.Error("Get returns no error")
	}
	if _, err := a.Lock(ctx, "k", time.Minute); err == nil {
		t.Error("Lock returns no error")
	}
}

// instances are two clients on one fake Kanuu and one store.
func instances(t *testing.T, stores ...kanuu.SharedCache) (*kanuutest.Server, []*kanuu.Client) {
	t.Helper()
	server := kanuutest.NewServer(nil)
	t.Cleanup(server.Close)
	clients := make([]*kanuu.Client, len(stores))
	for i, store := range stores {
		client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: server.URL, SharedCache: store})
		must(t, err)
		t.Cleanup(client.Close)
		clients[i] = client
	}
	return server, clients
}

func sharedClients(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	server, clients := instances(t, a, b)
	server.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 7})
	var wrong atomic.Int64
	var callers sync.WaitGroup
	for i := range 1000 {
		callers.Go(func() {
			subscription, err := clients[i%len(clients)].Subscription(t.Context(), "42")
			if err != nil || !subscription.IsSubscribed || subscription.PlanID != 7 || subscription.Status != kanuu.StatusActive {
				wrong.Add(1)
			}
		})
	}
	callers.Wait()
	if wrong.Load() > 0 {
		t.Errorf("%d of 1,000 callers got something else", wrong.Load())
	}
	if calls := len(server.Requests()); calls != 1 {
		t.Errorf("1,000 callers on two instances made %d calls", calls)
	}
}

func sharedClientsInvalidate(t *testing.T, a, b kanuu.SharedCache) {
	t.Helper()
	server, clients := instances(t, a, b)
	is := func(client *kanuu.Client, want bool) bool {
		subscription, err := client.Subscription(t.Context(), "42")
		must(t, err)
		return subscription.IsSubscribed == want
	}
	for i, client := range clients {
		if !is(client, false) {
			t.Fatalf("instance %d: subscribed from the start", i)
		}
	}
	server.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	must(t, clients[0].InvalidateSubscription(t.Context(), "42"))
	if !is(clients[0], true) {
		t.Error("the instance that invalidated has the old subscription")
	}
	began := time.Now()
	eventually(t, func() bool { return is(clients[1], true) }, "the other instance has the old subscription for 5 s")
	t.Logf("seen by the other instance after %v", time.Since(began))
	if calls := len(server.Requests()); calls > 3 {
		t.Errorf("%d calls, where two are enough: %s", calls, fmt.Sprint(server.Requests()))
	}
}
