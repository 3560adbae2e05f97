package kanuutest_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// clock stands still until it is set.
type clock struct{ at atomic.Pointer[time.Time] }

func newClock(at time.Time) *clock {
	c := new(clock)
	c.set(at)
	return c
}

func (c *clock) set(at time.Time) { c.at.Store(&at) }
func (c *clock) now() time.Time   { return *c.at.Load() }

var may4 = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func testPlans() []kanuutest.Plan {
	return []kanuutest.Plan{
		{ID: 1, Name: "Basic", Price: "9.00", Currency: "EUR"},
		{ID: 2, Name: "Pro", Price: "29.00", Currency: "EUR"},
		{ID: 3, Name: "Year", Price: "90.00", Currency: "EUR", Yearly: true},
		{ID: 4, Name: "Trial", Price: "30.00", Currency: "EUR", TrialDays: 14},
	}
}

// What falls due while nothing looks is noticed by the next request or call.
func TestDueChangesHappenOnAnyLookup(t *testing.T) {
	t.Parallel()
	for name, look := range map[string]func(t *testing.T, p *portal){
		"the API": func(t *testing.T, p *portal) {
			t.Helper()
			assert.Contains(t, call(t, p.URL+subscriptionPath, `{"identifier":"42"}`).body, `"status":"active"`)
		},
		"a test": func(t *testing.T, p *portal) {
			t.Helper()
			assert.Equal(t, time.Date(2026, 7, 4, 12, 0, 0, 0, time.UTC), p.Subscription("42").PaidUntil)
		},
		"the portal": func(t *testing.T, p *portal) { t.Helper(); assert.Contains(t, p.get().body, "4 July 2026") },
		"the state":  func(t *testing.T, p *portal) { t.Helper(); assert.Equal(t, "active", p.State().Customers[0].Status) },
		"the clock":  func(_ *testing.T, p *portal) { p.Advance(0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := newClock(may4)
			p := open(t, &kanuutest.Options{Now: now.now, Plans: testPlans()})
			require.NoError(t, p.Customer("42").Subscribe(1))
			now.set(may4.AddDate(0, 1, 1))
			p.Reset()
			look(t, p)
			look(t, p)
			require.Len(t, p.Deliveries(), 1, "once")
			assert.Equal(t, "subscription_payment_succeeded", p.Deliveries()[0].AlertName)
			assert.Equal(t, may4.AddDate(0, 1, 0), p.Deliveries()[0].Time)
		})
	}
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	now := newClock(may4)
	k := kanuutest.New(&kanuutest.Options{Now: now.now})
	assert.Equal(t, may4, k.Now())
	k.Advance(36 * time.Hour)
	assert.Equal(t, may4.Add(36*time.Hour), k.Now())
	now.set(may4.Add(time.Hour))
	assert.Equal(t, may4.Add(37*time.Hour), k.Now())
	assert.PanicsWithValue(t, "kanuutest: Advance: time does not go back: use a positive duration", func() { k.Advance(-1) })
	assert.Equal(t, may4.Add(37*time.Hour), k.Now())
	today := kanuutest.New(nil).Now()
	assert.WithinDuration(t, time.Now(), today, time.Minute)
	assert.NotContains(t, today.String(), "m=", "wall clock alone")
}

func TestFreeCustomers(t *testing.T) {
	t.Parallel()
	s := start(t, &kanuutest.Options{Now: newClock(may4).now, FreeCustomers: 2})
	both := func(body string, nonce, subscription int, why string) {
		t.Helper()
		for path, want := range map[string]int{noncePath: nonce, subscriptionPath: subscription} {
			a := call(t, s.URL+path, body)
			assert.Equal(t, want, a.StatusCode, why)
			if want == http.StatusPaymentRequired {
				assert.JSONEq(t, `{"message":"Payment Required"}`, a.body)
			}
		}
	}
	month := may4.AddDate(0, 1, 0)
	s.SetSubscription("1", kanuutest.Subscription{Status: "active", PaidUntil: may4.AddDate(5, 0, 0)})
	s.SetSubscription("2", kanuutest.Subscription{Status: "trialing", PaidUntil: may4.AddDate(5, 0, 0)})
	s.SetSubscription("over", kanuutest.Subscription{Status: "canceled", PaidUntil: may4})
	s.SetSubscription("over, too", kanuutest.Subscription{Status: "paused"})
	both(`{"identifier":"new"}`, 201, 200, "as many as are free")
	s.SetSubscription("3", kanuutest.Subscription{Status: "canceled", PaidUntil: month})
	both(`{"identifier":"new"}`, 402, 402, "one too many")
	both(`{"identifier":"1"}`, 402, 402, "whoever it is about")
	both(`{}`, 422, 422, "what is not valid")
	req := newCall(t, s.URL+noncePath, `{"identifier":"1"}`)
	req.Header.Set("Authorization", "Bearer wrong")
	assert.Equal(t, http.StatusUnauthorized, send(t, http.DefaultClient, req).StatusCode)
	s.Advance(month.Sub(may4))
	both(`{"identifier":"1"}`, 201, 200, "one is over")

	all := start(t, nil)
	for i := range 30 {
		all.SetSubscription(strconv.Itoa(i), kanuutest.Subscription{Status: "active"})
	}
	_, link := mint(t, all.URL, "new")
	assert.NotEmpty(t, link, "no limit")
}

// A caller that looks while others advance the clock sees a state that was.
func TestAdvanceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := open(t, &kanuutest.Options{Now: newClock(may4).now})
	customer := p.Customer("42")
	require.NoError(t, customer.Subscribe(67))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				p.Advance(24 * time.Hour)
				_ = customer.Subscribe(12345) // it may be another goroutine's turn
				_ = customer.Refund()
				_ = customer.Subscribe(67)
				_ = p.Subscription("42")
				_ = p.State()
				req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, p.link, http.NoBody)
				for _, c := range p.client.Jar.Cookies(req.URL) {
					req.AddCookie(c)
				}
				rec := httptest.NewRecorder()
				p.ServeHTTP(rec, req)
				assert.Equal(t, http.StatusOK, rec.Code)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, may4.AddDate(0, 0, 160), p.Now())
	assert.True(t, p.Subscription("42").PaidUntil.After(p.Now()))
}
