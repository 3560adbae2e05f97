package kanuuredis_test

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const (
	// recoverySoon is how long Redis may work again before it is used again.
	recoverySoon = 5 * time.Second

	// pageTimeout is how long a page waits for Redis in all, and what a page does
	// besides. On a machine that does something else, such as the other tests, a page
	// is later by some of the wakeups that a load needs; one page in 20 may be.
	pageTimeout = 250*time.Millisecond + 10*time.Millisecond
	wakeups     = 20

	// busy is how late a goroutine wakes up on a machine where a Redis that works
	// misses the time limits of the store, so that more outages are right.
	busy = 50 * time.Millisecond

	// faultTime is how long a fault lasts at least: longer than it takes to find out
	// that a connection is dead, and to dial twice.
	faultTime = 3 * time.Second

	known = 20 // customers that both instances have cached
)

// instance of an application.
type instance struct {
	store  *kanuuredis.Store
	client *kanuu.Client
	hook   *kanuu.WebhookHandler
	log    *journal // of store
	core   *journal // of client and hook
}

// site is an application with two instances.
type site struct {
	t         *testing.T
	fake      *kanuutest.Server
	signer    *kanuutest.Signer
	instances [2]instance
	pages     []time.Duration
	machine   *machine
	next      int // customer that no instance has cached
}

// newSite has both instances cache the known customers.
func newSite(t *testing.T, option rueidis.ClientOption) *site {
	t.Helper()
	s := &site{t: t, fake: newFake(t), signer: kanuutest.NewSigner(), machine: watchMachine(t), next: known}
	for i := range s.instances {
		log := new(journal)
		store := newStore(t, option, log)
		core := new(journal)
		client, err := kanuu.NewClient(kanuu.Config{
			APIKey: kanuutest.DefaultAPIKey, BaseURL: s.fake.URL, SharedCache: store, Logger: core.logger(),
		})
		require.NoError(t, err)
		t.Cleanup(client.Close)
		hook, err := kanuu.NewWebhookHandler(client, s.signer.PublicKey(),
			&kanuu.WebhookOptions{Deduplicator: store, Name: "shop"})
		require.NoError(t, err)
		hook.On("*", func(context.Context, kanuu.Event) error { return nil })
		s.instances[i] = instance{store, client, hook, log, core}
	}
	for id := range known {
		s.set(id, 1)
		for i := range s.instances {
			require.Equal(t, int64(1), s.plan(i, id))
		}
	}
	s.pages = nil
	return s
}

// machine measures how long it lets a goroutine wait that could run.
type machine struct{ late atomic.Int64 }

func watchMachine(t *testing.T) *machine {
	t.Helper()
	m := new(machine)
	go func() {
		for t.Context().Err() == nil {
			began := time.Now()
			time.Sleep(tick)
			m.late.Store(max(m.late.Load(), int64(time.Since(began)-tick)))
		}
	}()
	return m
}

// most is limit, and what the machine adds to it.
func (m *machine) most(limit time.Duration) time.Duration {
	return limit + wakeups*time.Duration(m.late.Load())
}
func (m *machine) isBusy() bool { return time.Duration(m.late.Load()) > busy }

func (s *site) set(id int, plan int64) {
	s.fake.SetSubscription(strconv.Itoa(id), kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: plan})
}

// plan opens a gated page.
func (s *site) plan(instance, id int) int64 {
	s.t.Helper()
	began := time.Now()
	subscription, err := s.instances[instance].client.Subscription(s.t.Context(), strconv.Itoa(id))
	s.pages = append(s.pages, time.Since(began))
	require.NoError(s.t, err)
	require.True(s.t, subscription.IsSubscribed)
	return subscription.PlanID
}

// open opens pages of customers whose subscription does not change: a known one on both
// instances, and a new one.
func (s *site) open() {
	s.t.Helper()
	id := 1 + s.next%(known-1)
	s.set(s.next, 3)
	assert.Equal(s.t, int64(1), s.plan(0, id))
	assert.Equal(s.t, int64(1), s.plan(1, id))
	assert.Equal(s.t, int64(3), s.plan(s.next%2, s.next))
	s.next++
}

// click opens the portal.
func (s *site) click() {
	s.t.Helper()
	began := time.Now()
	_, err := s.instances[0].client.CreateNonce(s.t.Context(), kanuu.Identity{Identifier: strconv.Itoa(known - 1)})
	s.pages = append(s.pages, time.Since(began))
	require.NoError(s.t, err)
}

// deliver sends a new webhook.
func (s *site) deliver(instance int) int {
	s.t.Helper()
	handler := s.instances[instance].hook
	return s.signer.Post(handler, kanuutest.Webhook{AlertName: "payment_succeeded", AlertID: rand.Text()}).StatusCode
}

// requirePages requires that no page waited for longer than it may.
func (s *site) requirePages() {
	s.t.Helper()
	slices.Sort(s.pages)
	count := len(s.pages)
	s.t.Logf("%d pages: median %v, 95 %% %v, slowest %v; goroutines woke up late by %v", count, s.pages[count/2],
		s.pages[count*95/100], s.pages[count-1], time.Duration(s.machine.late.Load()))
	assert.LessOrEqual(s.t, s.pages[count-1], s.machine.most(pageTimeout))
	if !s.machine.isBusy() {
		assert.LessOrEqual(s.t, s.pages[count*95/100], pageTimeout)
	}
}

// during opens pages as long as a fault lasts, changes a subscription, and returns the
// status of a webhook.
func (s *site) during() (status int) {
	s.t.Helper()
	for began, first := time.Now(), true; time.Since(began) < faultTime || len(s.pages) < 200; time.Sleep(5 * tick) {
		s.open()
		if first {
			first = false
			s.set(0, 2)
			_ = s.instances[0].client.InvalidateSubscription(s.t.Context(), "0")
			assert.Equal(s.t, int64(2), s.plan(0, 0), "the instance that knows")
			status = s.deliver(1)
			s.click()
		}
	}
	return status
}

// recover waits until all that the instances share works again. began is when the
// cause has ended; outage is whether there was one.
func (s *site) recover(began time.Time, outage bool) {
	s.t.Helper()
	eventually(s.t, func() bool {
		s.open()
		return s.plan(1, 0) == 2
	}, "an invalidation during the fault is seen by the other instance")
	for i, instance := range s.instances {
		eventually(s.t, func() bool { return !outage || instance.log.count("level=INFO") > 0 }, "recovery is logged")
		eventually(s.t, func() bool { return s.deliver(i) == http.StatusOK }, "webhooks")
	}
	took := time.Since(began)
	s.t.Logf("recovered after %v", took)
	assert.Less(s.t, took, s.machine.most(recoverySoon))
	s.set(0, 4)
	require.NoError(s.t, s.instances[1].client.InvalidateSubscription(s.t.Context(), "0"))
	eventually(s.t, func() bool { return s.plan(0, 0) == 4 }, "an invalidation after the fault")
	if s.machine.isBusy() {
		return
	}
	for _, instance := range s.instances {
		assert.LessOrEqual(s.t, instance.core.count("level="), 1, "a refused webhook: %s", instance.core.String())
		if outage {
			assert.Equal(s.t, 1, instance.log.count("level=WARN"), instance.log.String())
			assert.Equal(s.t, 1, instance.log.count("level=INFO"), instance.log.String())
		} else {
			assert.Empty(s.t, instance.log.String())
		}
	}
}

// place is where a fault happens.
type place struct {
	t        *testing.T
	server   *redisServer
	replica  *redisServer
	endpoint *endpoint
}

func (p place) acl(rules ...string) {
	p.t.Helper()
	p.server.command(append([]string{"ACL", "SETUSER", "default"}, rules...)...)
}

// In each fault, cached customers and others get the right answer in time, and at most
// two lines are logged by each instance.
func TestFaults(t *testing.T) {
	t.Parallel()
	const (
		handled = http.StatusOK
		refused = http.StatusServiceUnavailable
	)
	acl := func(rules ...string) func(place) { return func(p place) { p.acl(rules...) } }
	nothing := func(place) {}
	for name, tc := range map[string]struct {
		begin, end func(place)
		webhook    int
		outage     bool
	}{
		"kill -9, restarted empty": {
			func(p place) { p.server.kill() }, func(p place) { p.server.start() }, refused, true,
		},
		"hangs": {
			func(p place) { p.server.signal("STOP") }, func(p place) { p.server.signal("CONT") }, refused, true,
		},
		"network lets nothing through": {
			func(p place) { p.endpoint.blocked.Store(true) }, func(p place) { p.endpoint.blocked.Store(false) },
			refused, true,
		},
		"network takes 200 ms": {
			func(p place) { p.endpoint.delay.Store(int64(100 * time.Millisecond)) }, func(p place) { p.endpoint.delay.Store(0) },
			handled, true,
		},
		"failover behind an address that stays": {
			func(p place) { p.server.replicate(p.replica) }, func(p place) { p.endpoint.target.Store(p.replica) },
			refused, true,
		},
		"full": {
			func(p place) { p.server.command("CONFIG", "SET", "maxmemory", "1") },
			func(p place) { p.server.command("CONFIG", "SET", "maxmemory", "0") }, refused, true,
		},
		"refuses writes":          {acl("-@write"), acl("+@write"), refused, true},
		"refuses GET":             {acl("-get"), acl("+get"), refused, true},
		"refuses DEL":             {acl("-del"), acl("+del"), handled, true},
		"refuses our keys":        {acl("resetkeys"), acl("~*"), refused, true},
		"refuses scripts":         {acl("-@scripting"), acl("+@scripting"), handled, false},
		"FLUSHALL":                {func(p place) { p.server.command("FLUSHALL") }, nothing, handled, false},
		"clock is an hour ahead":  {func(p place) { p.shift(-time.Hour) }, nothing, handled, false},
		"clock is an hour behind": {func(p place) { p.shift(time.Hour) }, nothing, handled, false},
		"keys of another type": {
			func(p place) { p.replace("HSET", "field", "value") }, nothing, handled, false,
		},
		"unreadable values without a TTL": {
			func(p place) { p.replace("SET", "unreadable") }, nothing, handled, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := place{t: t, server: startRedis(t)}
			if name == "failover behind an address that stays" {
				p.replica = startRedis(t)
				p.replica.replicate(p.server)
			}
			p.endpoint = newEndpoint(t, p.server)
			s := newSite(t, p.endpoint.option())
			p.server.awaitUnlock()
			if p.replica != nil {
				p.replica.awaitUnlock()
				p.replica.command("REPLICAOF", "NO", "ONE")
			}
			tc.begin(p)
			assert.Equal(t, tc.webhook, s.during(), "webhook")
			tc.end(p)
			s.recover(time.Now(), tc.outage)
			s.requirePages()
		})
	}
}

// awaitUnlock waits until no load of the past holds a lock, which would hold up pages if
// it stayed behind.
func (s *redisServer) awaitUnlock() {
	s.t.Helper()
	eventually(s.t, func() bool {
		locks, err := s.do("KEYS", "kanuu:lock:*").AsStrSlice()
		require.NoError(s.t, err)
		return len(locks) == 0
	}, "the last load has ended")
}

// shift does to the TTLs what a step of Redis' clock does.
func (p place) shift(by time.Duration) {
	p.t.Helper()
	keys, err := p.server.do("KEYS", "kanuu:*").AsStrSlice()
	require.NoError(p.t, err)
	for _, key := range keys {
		left, err := p.server.do("PTTL", key).AsInt64()
		require.NoError(p.t, err)
		p.server.command("PEXPIRE", key, strconv.FormatInt(left+by.Milliseconds(), 10))
	}
}

// replace overwrites all keys, and the locks of known customers, as another program might.
func (p place) replace(name string, args ...string) {
	p.t.Helper()
	keys, err := p.server.do("KEYS", "kanuu:*").AsStrSlice()
	require.NoError(p.t, err)
	require.NotEmpty(p.t, keys)
	for _, key := range keys {
		p.server.command("DEL", key)
		p.server.command(append([]string{name, key}, args...)...)
	}
}
