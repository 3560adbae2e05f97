package kanuutest_test

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
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
		{ID: 5, Name: "Dollar", Price: "9.00", Currency: "USD"},
	}
}

// Every life of a subscription, step by step. A step is days that pass ("+30")
// or a form of the portal.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	type step struct {
		do    string
		tells []string
		is    string // status, plan, end of the paid time, whether subscribed
	}
	const (
		subscribe = "action=subscribe&plan="
		new1      = "2026-05-04 42 payment_succeeded -→active/Basic Basic 9.00 EUR paid first"
		new2      = "2026-05-04 42 created -→active/Basic"
		basic     = "active 1 2026-06-04 yes"
	)
	bought := step{subscribe + "1", []string{new1, new2}, basic}
	overdue := []step{
		bought,
		{"action=fail", nil, basic},
		{"+31", []string{
			"2026-06-04 42 payment_failed active/Basic→past-due/Basic Basic 9.00 EUR failed attempt 1 next 2026-06-07",
			"2026-06-04 42 updated active/Basic→past-due/Basic",
		}, "past-due 1 2026-06-04 no"},
	}
	after := func(before []step, steps ...step) []step { return append(append([]step(nil), before...), steps...) }
	for name, steps := range map[string][]step{
		"renews": {
			bought,
			{"+30", nil, basic},
			{"+1", []string{"2026-06-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"},
				"active 1 2026-07-04 yes"},
			{"+61", []string{
				"2026-07-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid",
				"2026-08-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid",
			}, "active 1 2026-09-04 yes"},
		},
		"renews yearly": {
			{subscribe + "3", []string{
				"2026-05-04 42 payment_succeeded -→active/Year Year 90.00 EUR paid first",
				"2026-05-04 42 created -→active/Year",
			}, "active 3 2027-05-04 yes"},
			{"+365", []string{"2027-05-04 42 payment_succeeded active/Year→active/Year Year 90.00 EUR paid"},
				"active 3 2028-05-04 yes"},
		},
		"trial": {
			{subscribe + "4", []string{
				"2026-05-04 42 payment_succeeded -→trialing/Trial Trial 0.00 EUR paid first",
				"2026-05-04 42 created -→trialing/Trial",
			}, "trialing 4 2026-05-18 yes"},
			{"+14", []string{
				"2026-05-18 42 payment_succeeded trialing/Trial→active/Trial Trial 30.00 EUR paid",
				"2026-05-18 42 updated trialing/Trial→active/Trial",
			}, "active 4 2026-06-18 yes"},
		},
		"trial, canceled, resumed and switched": {
			{subscribe + "4", []string{
				"2026-05-04 42 payment_succeeded -→trialing/Trial Trial 0.00 EUR paid first",
				"2026-05-04 42 created -→trialing/Trial",
			}, "trialing 4 2026-05-18 yes"},
			{"action=cancel", []string{"2026-05-04 42 cancelled trialing/Trial→canceled/Trial"}, "canceled 4 2026-05-18 yes"},
			{"action=resume", []string{"2026-05-04 42 updated canceled/Trial→trialing/Trial"}, "trialing 4 2026-05-18 yes"},
			{subscribe + "2", []string{"2026-05-04 42 updated trialing/Trial→trialing/Pro"}, "trialing 2 2026-05-18 yes"},
			{"action=pause", []string{"2026-05-04 42 updated trialing/Pro→paused/Pro"}, "paused 2 2026-05-18 yes"},
			{subscribe + "1", []string{
				"2026-05-04 42 payment_succeeded paused/Pro→active/Basic Basic 9.00 EUR paid",
				"2026-05-04 42 updated paused/Pro→active/Basic",
			}, basic},
		},
		"trial, not paid": {
			{subscribe + "4", []string{
				"2026-05-04 42 payment_succeeded -→trialing/Trial Trial 0.00 EUR paid first",
				"2026-05-04 42 created -→trialing/Trial",
			}, "trialing 4 2026-05-18 yes"},
			{"action=fail", nil, "trialing 4 2026-05-18 yes"},
			{"+14", []string{
				"2026-05-18 42 payment_failed trialing/Trial→past-due/Trial Trial 30.00 EUR failed attempt 1 next 2026-05-21",
				"2026-05-18 42 updated trialing/Trial→past-due/Trial",
			}, "past-due 4 2026-05-18 no"},
		},
		"canceled": {
			bought,
			{"action=cancel", []string{"2026-05-04 42 cancelled active/Basic→canceled/Basic"}, "canceled 1 2026-06-04 yes"},
			{"action=cancel", nil, "canceled 1 2026-06-04 yes"},
			{"+30", nil, "canceled 1 2026-06-04 yes"},
			{"+1", nil, "canceled 1 2026-06-04 no"},
			{"action=resume", nil, "canceled 1 2026-06-04 no"},
			{subscribe + "2", []string{
				"2026-06-04 42 payment_succeeded canceled/Basic→active/Pro Pro 29.00 EUR paid first",
				"2026-06-04 42 created canceled/Basic→active/Pro",
			}, "active 2 2026-07-04 yes"},
		},
		"canceled and resumed": {
			bought,
			{"action=cancel", []string{"2026-05-04 42 cancelled active/Basic→canceled/Basic"}, "canceled 1 2026-06-04 yes"},
			{"+10", nil, "canceled 1 2026-06-04 yes"},
			{"action=resume", []string{"2026-05-14 42 updated canceled/Basic→active/Basic"}, basic},
			{"+21", []string{"2026-06-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"},
				"active 1 2026-07-04 yes"},
		},
		"paused": {
			bought,
			{"action=pause", []string{"2026-05-04 42 updated active/Basic→paused/Basic"}, "paused 1 2026-06-04 yes"},
			{"action=pause", nil, "paused 1 2026-06-04 yes"},
			{"+31", nil, "paused 1 2026-06-04 no"},
			{"action=resume", []string{
				"2026-06-04 42 payment_succeeded paused/Basic→active/Basic Basic 9.00 EUR paid",
				"2026-06-04 42 updated paused/Basic→active/Basic",
			}, "active 1 2026-07-04 yes"},
		},
		"paused, and not paid when it goes on": {
			bought,
			{"action=fail", nil, basic},
			{"action=pause", []string{"2026-05-04 42 updated active/Basic→paused/Basic"}, "paused 1 2026-06-04 yes"},
			{"+31", nil, "paused 1 2026-06-04 no"},
			{"action=resume", []string{
				"2026-06-04 42 payment_failed paused/Basic→past-due/Basic Basic 9.00 EUR failed attempt 1 next 2026-06-07",
				"2026-06-04 42 updated paused/Basic→past-due/Basic",
			}, "past-due 1 2026-06-04 no"},
		},
		"paused and canceled": {
			bought,
			{"action=pause", []string{"2026-05-04 42 updated active/Basic→paused/Basic"}, "paused 1 2026-06-04 yes"},
			{"action=cancel", []string{"2026-05-04 42 cancelled paused/Basic→canceled/Basic"}, "canceled 1 2026-06-04 yes"},
		},
		"overdue, never paid": after(overdue,
			step{"+2", nil, "past-due 1 2026-06-04 no"},
			step{"+1", []string{
				"2026-06-07 42 payment_failed past-due/Basic→past-due/Basic Basic 9.00 EUR failed attempt 2 next 2026-06-09"},
				"past-due 1 2026-06-04 no"},
			step{"+2", []string{
				"2026-06-09 42 payment_failed past-due/Basic→past-due/Basic Basic 9.00 EUR failed attempt 3 next 2026-06-11"},
				"past-due 1 2026-06-04 no"},
			step{"+2", []string{
				"2026-06-11 42 payment_failed past-due/Basic→past-due/Basic Basic 9.00 EUR failed attempt 4",
				"2026-06-11 42 cancelled past-due/Basic→canceled/Basic",
			}, "canceled 1 2026-06-04 no"},
			step{"+300", nil, "canceled 1 2026-06-04 no"},
			step{"action=pay", nil, "canceled 1 2026-06-04 no"},
		),
		"overdue, paid": after(overdue,
			step{"+1", nil, "past-due 1 2026-06-04 no"},
			step{"action=pay", []string{
				"2026-06-05 42 payment_succeeded past-due/Basic→active/Basic Basic 9.00 EUR paid",
				"2026-06-05 42 updated past-due/Basic→active/Basic",
			}, "active 1 2026-07-05 yes"},
			step{"action=pay", nil, "active 1 2026-07-05 yes"},
			step{"+30", []string{"2026-07-05 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"},
				"active 1 2026-08-05 yes"},
			step{"action=fail", nil, "active 1 2026-08-05 yes"},
			step{"+31", []string{
				"2026-08-05 42 payment_failed active/Basic→past-due/Basic Basic 9.00 EUR failed attempt 1 next 2026-08-08",
				"2026-08-05 42 updated active/Basic→past-due/Basic",
			}, "past-due 1 2026-08-05 no"},
		),
		"overdue, paid with a new card": after(overdue,
			step{"action=card&number=5555555555554444&expiry=12/40&code=123&holder=Ann", []string{
				"2026-06-04 42 payment_succeeded past-due/Basic→active/Basic Basic 9.00 EUR paid",
				"2026-06-04 42 updated past-due/Basic→active/Basic",
			}, "active 1 2026-07-04 yes"},
		),
		"overdue, paid by a retry": after(overdue,
			step{"action=succeed", nil, "past-due 1 2026-06-04 no"},
			step{"+3", []string{
				"2026-06-07 42 payment_succeeded past-due/Basic→active/Basic Basic 9.00 EUR paid",
				"2026-06-07 42 updated past-due/Basic→active/Basic",
			}, "active 1 2026-07-07 yes"},
		),
		"overdue and canceled": after(overdue,
			step{"action=cancel", []string{"2026-06-04 42 cancelled past-due/Basic→canceled/Basic"}, "canceled 1 2026-06-04 no"},
			step{"+300", nil, "canceled 1 2026-06-04 no"},
		),
		"overdue, and another plan": after(overdue,
			step{subscribe + "2", []string{
				"2026-06-04 42 payment_succeeded past-due/Basic→active/Pro Pro 29.00 EUR paid",
				"2026-06-04 42 updated past-due/Basic→active/Pro",
			}, "active 2 2026-07-04 yes"},
		),
		"fails, and then does not": {
			bought,
			{"action=fail", nil, basic},
			{"action=fail", nil, basic},
			{"action=succeed", nil, basic},
			{"+31", []string{"2026-06-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"},
				"active 1 2026-07-04 yes"},
		},
		"up and down": {
			bought,
			{"+21", nil, basic},
			{subscribe + "2", []string{ // 10 of 31 days for 20.00 more
				"2026-05-25 42 payment_succeeded active/Basic→active/Pro Pro 6.45 EUR paid",
				"2026-05-25 42 updated active/Basic→active/Pro",
			}, "active 2 2026-06-04 yes"},
			{subscribe + "2", nil, "active 2 2026-06-04 yes"},
			{subscribe + "1", []string{"2026-05-25 42 updated active/Pro→active/Basic"}, basic},
			{"+10", []string{"2026-06-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"},
				"active 1 2026-07-04 yes"},
		},
		"to a year and back": {
			bought,
			{"+21", nil, basic},
			{subscribe + "3", []string{ // less 10 of 31 days of 9.00
				"2026-05-25 42 payment_succeeded active/Basic→active/Year Year 87.10 EUR paid",
				"2026-05-25 42 updated active/Basic→active/Year",
			}, "active 3 2027-05-25 yes"},
			{subscribe + "1", []string{"2026-05-25 42 updated active/Year→active/Basic"}, "active 1 2026-06-25 yes"},
		},
		"another currency": {
			bought,
			{subscribe + "5", []string{
				"2026-05-04 42 payment_succeeded active/Basic→active/Dollar Dollar 9.00 USD paid",
				"2026-05-04 42 updated active/Basic→active/Dollar",
			}, "active 5 2026-06-04 yes"},
		},
		"a switch that cannot be paid": {
			bought,
			{"action=fail", nil, basic},
			{subscribe + "2", nil, basic},
			{subscribe + "3", nil, basic},
			{subscribe + "2&number=5555555555554444&expiry=12/40&code=123&holder=Ann", []string{
				"2026-05-04 42 payment_succeeded active/Basic→active/Pro Pro 20.00 EUR paid",
				"2026-05-04 42 updated active/Basic→active/Pro",
			}, "active 2 2026-06-04 yes"},
		},
		"bought anew after a failure": {
			bought,
			{"action=fail", nil, basic},
			{"action=cancel", []string{"2026-05-04 42 cancelled active/Basic→canceled/Basic"}, "canceled 1 2026-06-04 yes"},
			{"+31", nil, "canceled 1 2026-06-04 no"},
			{subscribe + "1", []string{
				"2026-06-04 42 payment_succeeded canceled/Basic→active/Basic Basic 9.00 EUR paid first",
				"2026-06-04 42 created canceled/Basic→active/Basic",
			}, "active 1 2026-07-04 yes"},
			{"+30", []string{"2026-07-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"},
				"active 1 2026-08-04 yes"},
		},
		"a refund": {
			bought,
			{"action=refund", []string{"2026-05-04 42 payment_refunded active/Basic→active/Basic Basic 9.00 EUR refunded first"},
				basic},
			{"action=refund", nil, basic},
		},
		"nothing to refund": {
			{subscribe + "4", []string{
				"2026-05-04 42 payment_succeeded -→trialing/Trial Trial 0.00 EUR paid first",
				"2026-05-04 42 created -→trialing/Trial",
			}, "trialing 4 2026-05-18 yes"},
			{"action=refund", nil, "trialing 4 2026-05-18 yes"},
		},
		"nothing to press": {
			{"action=pause", nil, " 0 0001-01-01 no"},
			{"action=cancel", nil, " 0 0001-01-01 no"},
			{"action=resume", nil, " 0 0001-01-01 no"},
			{"action=pay", nil, " 0 0001-01-01 no"},
			{"action=fail", nil, " 0 0001-01-01 no"},
			{"action=succeed", nil, " 0 0001-01-01 no"},
			{"action=skip", nil, " 0 0001-01-01 no"},
			{"action=refund", nil, " 0 0001-01-01 no"},
			{"+300", nil, " 0 0001-01-01 no"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, &kanuutest.Options{Now: newClock(may4).now, Plans: testPlans()})
			_, link := mint(t, s.URL, "42")
			client := browser(t)
			visit(t, client, http.MethodGet, link)
			for i, step := range steps {
				where := fmt.Sprintf("step %d, %s", i+1, step.do)
				told := s.Changes(func() {
					if passing, ok := strings.CutPrefix(step.do, "+"); ok {
						n, err := strconv.Atoi(passing)
						require.NoError(t, err)
						s.Advance(time.Duration(n) * 24 * time.Hour)
						return
					}
					require.Equal(t, http.StatusSeeOther, submit(t, client, link, step.do).StatusCode, where)
				})
				assert.Equal(t, step.tells, told, where)
				sub, subscribed := s.Subscription("42"), "no"
				if strings.Contains(call(t, s.URL+subscriptionPath, `{"identifier":"42"}`).body, `"is_subscribed":true`) {
					subscribed = "yes"
				}
				assert.Equal(t, step.is, fmt.Sprintf("%s %d %s %s", sub.Status, sub.PlanID, sub.PaidUntil.Format(time.DateOnly),
					subscribed), where)
			}
		})
	}
}

// What falls due while nobody looks is noticed by whoever looks next.
func TestDueChangesHappenOnAnyLookup(t *testing.T) {
	t.Parallel()
	renewed := []string{"2026-06-04 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"}
	for name, look := range map[string]func(t *testing.T, s *kanuutest.Server, client *http.Client, link string){
		"the API": func(t *testing.T, s *kanuutest.Server, _ *http.Client, _ string) {
			t.Helper()
			assert.Contains(t, call(t, s.URL+subscriptionPath, `{"identifier":"42"}`).body, `"status":"active"`)
		},
		"a test": func(t *testing.T, s *kanuutest.Server, _ *http.Client, _ string) {
			t.Helper()
			assert.Equal(t, time.Date(2026, 7, 4, 12, 0, 0, 0, time.UTC), s.Subscription("42").PaidUntil)
		},
		"the portal": func(t *testing.T, _ *kanuutest.Server, client *http.Client, link string) {
			t.Helper()
			assert.Contains(t, visit(t, client, http.MethodGet, link).body, "4 July 2026")
		},
		"the list": func(t *testing.T, s *kanuutest.Server, _ *http.Client, _ string) {
			t.Helper()
			assert.Equal(t, []string{"42||active|Basic"}, s.Customers())
		},
		"the clock": func(_ *testing.T, s *kanuutest.Server, _ *http.Client, _ string) { s.Advance(0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := newClock(may4)
			s := start(t, &kanuutest.Options{Now: now.now, Plans: testPlans()})
			_, link := mint(t, s.URL, "42")
			client := browser(t)
			visit(t, client, http.MethodGet, link)
			submit(t, client, link, "action=subscribe&plan=1")
			now.set(may4.AddDate(0, 1, 1))
			assert.Equal(t, renewed, s.Changes(func() { look(t, s, client, link) }))
			assert.Empty(t, s.Changes(func() { look(t, s, client, link) }), "once")
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

// Several customers: what happens to them is told in the order of time.
func TestChangesInOrderOfTime(t *testing.T) {
	t.Parallel()
	k := kanuutest.New(&kanuutest.Options{Now: newClock(may4).now, Plans: testPlans()})
	for identifier, due := range map[string]int{"ann": 3, "bob": 1, "carl": 2, "dora": 40} {
		k.SetSubscription(identifier, kanuutest.Subscription{Status: "active", PlanID: 3, PaidUntil: may4.AddDate(0, 0, due)})
	}
	k.SetSubscription("eve", kanuutest.Subscription{Status: "active", PlanID: 1, PaidUntil: may4.AddDate(0, 0, 2)})
	var got []string
	for _, line := range k.Changes(func() { k.Advance(35 * 24 * time.Hour) }) {
		got = append(got, strings.Join(strings.Fields(line)[:2], " "))
	}
	assert.Equal(t, []string{"2026-05-05 bob", "2026-05-06 carl", "2026-05-06 eve", "2026-05-07 ann", "2026-06-06 eve"}, got)
}

func TestSetSubscriptionSendsNoAlerts(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		has   kanuutest.Subscription
		tells []string // in the 20 days that follow
		is    string
	}{
		"active": {kanuutest.Subscription{Status: "active", PlanID: 1, PaidUntil: may4.AddDate(0, 0, 5)},
			[]string{"2026-05-09 42 payment_succeeded active/Basic→active/Basic Basic 9.00 EUR paid"}, "active"},
		"trialing": {kanuutest.Subscription{Status: "trialing", PlanID: 1, PaidUntil: may4.AddDate(0, 0, 5)},
			[]string{"2026-05-09 42 payment_succeeded trialing/Basic→active/Basic Basic 9.00 EUR paid",
				"2026-05-09 42 updated trialing/Basic→active/Basic"}, "active"},
		"active without a date": {kanuutest.Subscription{Status: "active", PlanID: 1}, nil, "active"},
		"active in the past": {kanuutest.Subscription{Status: "active", PlanID: 1, PaidUntil: may4.AddDate(0, 0, -5)}, nil,
			"active"},
		"an unknown plan": {kanuutest.Subscription{Status: "active", PlanID: 99, PaidUntil: may4.AddDate(0, 0, 5)},
			[]string{"2026-05-09 42 payment_succeeded active/Plan 99→active/Plan 99 Plan 99 0.00  paid"}, "active"},
		"paused": {kanuutest.Subscription{Status: "paused", PlanID: 1, PaidUntil: may4.AddDate(0, 0, 5)}, nil,
			"paused"},
		"canceled": {kanuutest.Subscription{Status: "canceled", PlanID: 1, PaidUntil: may4.AddDate(0, 0, 5)}, nil,
			"canceled"},
		"another spelling": {kanuutest.Subscription{Status: "past_due", PlanID: 1, PaidUntil: may4.AddDate(0, 0, 5)}, nil,
			"past_due"},
		"past-due": {kanuutest.Subscription{Status: "past-due", PlanID: 1}, []string{
			"2026-05-07 42 payment_failed past-due/Basic→past-due/Basic Basic 9.00 EUR failed attempt 2 next 2026-05-09",
			"2026-05-09 42 payment_failed past-due/Basic→past-due/Basic Basic 9.00 EUR failed attempt 3 next 2026-05-11",
			"2026-05-11 42 payment_failed past-due/Basic→past-due/Basic Basic 9.00 EUR failed attempt 4",
			"2026-05-11 42 cancelled past-due/Basic→canceled/Basic",
		}, "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := kanuutest.New(&kanuutest.Options{Now: newClock(may4).now, Plans: testPlans()})
			k.SetSubscription("42", kanuutest.Subscription{Status: "past-due", PlanID: 2}) // is replaced
			assert.Empty(t, k.Changes(func() {
				k.SetSubscription("42", tc.has)
				assert.Equal(t, tc.has, k.Subscription("42"))
			}))
			assert.Equal(t, tc.tells, k.Changes(func() { k.Advance(20 * 24 * time.Hour) }))
			assert.Equal(t, tc.is, k.Subscription("42").Status)
		})
	}
}

func TestEndOfMonth(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		from   string
		yearly bool
		want   []string
	}{
		"31 January":  {"2027-01-31", false, []string{"2027-02-28", "2027-03-28"}},
		"30 January":  {"2028-01-30", false, []string{"2028-02-29", "2028-03-29"}},
		"31 March":    {"2027-03-31", false, []string{"2027-04-30", "2027-05-30"}},
		"December":    {"2027-12-15", false, []string{"2028-01-15", "2028-02-15"}},
		"29 February": {"2028-02-29", true, []string{"2029-02-28", "2030-02-28"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at, err := time.Parse(time.DateOnly, tc.from)
			require.NoError(t, err)
			k := kanuutest.New(&kanuutest.Options{Now: newClock(at).now, Plans: []kanuutest.Plan{{ID: 1, Yearly: tc.yearly}}})
			require.True(t, k.Act("42", "subscribe", "1"))
			for _, want := range tc.want {
				until := k.Subscription("42").PaidUntil
				assert.Equal(t, want, until.Format(time.DateOnly))
				k.Advance(until.Sub(k.Now()))
			}
		})
	}
}

func TestChangesNameTheCustomer(t *testing.T) {
	t.Parallel()
	s := start(t, &kanuutest.Options{Now: newClock(may4).now, Plans: testPlans()})
	for _, body := range []string{
		`{"identifier":"42","email":"old@example.com","supplemental":{"a":"1"}}`,
		`{"identifier":"42","email":"ann@example.com","supplemental":{"campaign":"spring"}}`,
		`{"identifier":"7"}`,
	} {
		require.Equal(t, http.StatusCreated, call(t, s.URL+noncePath, body).StatusCode)
	}
	assert.Equal(t, []string{
		"2026-05-04 42 payment_succeeded -→active/Basic Basic 9.00 EUR paid first ann@example.com campaign=spring",
		"2026-05-04 42 created -→active/Basic ann@example.com campaign=spring",
	}, s.Changes(func() { s.Act("42", "subscribe", "1") }))

	s.SetSubscription("zoe", kanuutest.Subscription{Status: "canceled", PlanID: 99})
	assert.Equal(t, []string{"42|ann@example.com|active|Basic", "7|||", "zoe||canceled|Plan 99"}, s.Customers())
	s.SetSubscription("zoe", kanuutest.Subscription{})
	assert.Equal(t, []string{"42|ann@example.com|active|Basic", "7|||"}, s.Customers())

	assert.False(t, s.Act("42", "explode", ""))
	assert.False(t, s.Act("42", "subscribe", "99"))
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
	s.SetSubscription("overdue", kanuutest.Subscription{Status: "past-due"})
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

func TestAmounts(t *testing.T) {
	t.Parallel()
	for price, want := range map[string]string{
		"9.00": "9.00", "9": "9.00", "9.5": "9.50", "9.999": "9.99", "1,299.00": "1299.00", "0.05": "0.05",
		"": "0.00", "free": "0.00", "-5.00": "0.00", strconv.Itoa(math.MaxInt): "0.00",
	} {
		k := kanuutest.New(&kanuutest.Options{Now: newClock(may4).now,
			Plans: []kanuutest.Plan{{ID: 1, Name: "X", Price: price, Currency: "EUR"}}})
		told := k.Changes(func() { k.Act("42", "subscribe", "1") })
		require.Len(t, told, 2, price)
		assert.Contains(t, told[0], " X "+want+" EUR paid", price)
	}
}

// Whoever looks while others advance the clock sees a state that was.
func TestAdvanceIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := open(t, &kanuutest.Options{Now: newClock(may4).now})
	require.True(t, p.Act("42", "subscribe", "67"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				p.Advance(24 * time.Hour)
				p.Act("42", "subscribe", "12345")
				p.Act("42", "refund", "")
				p.Act("42", "subscribe", "67")
				_ = p.Subscription("42")
				_ = p.Customers()
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
