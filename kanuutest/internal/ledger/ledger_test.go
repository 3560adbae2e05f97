package ledger_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest/internal/ledger"
)

var may4 = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func plans() []ledger.Plan {
	return []ledger.Plan{
		{ID: 1, Name: "Basic", Price: "9.00", Currency: "EUR"},
		{ID: 2, Name: "Pro", Price: "29.00", Currency: "EUR"},
		{ID: 3, Name: "Year", Price: "90.00", Currency: "EUR", Yearly: true},
		{ID: 4, Name: "Trial", Price: "30.00", Currency: "EUR", TrialDays: 14},
	}
}

// line writes an event: its day, alert, status and plan before and after, and its payment.
func line(e ledger.Event) string {
	state := func(s ledger.Subscription, p ledger.Plan) string {
		if s.Status == "" {
			return "-"
		}
		return s.Status + "/" + p.Name
	}
	words := []string{e.At.Format("01-02"), strings.TrimPrefix(e.Alert, "subscription_"),
		state(e.Before, e.OldPlan) + "→" + state(e.After, e.Plan)}
	if p := e.Payment; p.ID != 0 {
		words = append(words, p.Plan.Name, p.Amount, p.Status)
		if p.First {
			words = append(words, "first")
		}
		if p.Attempt > 0 {
			words = append(words, fmt.Sprintf("attempt %d", p.Attempt))
		}
		if !p.NextRetry.IsZero() {
			words = append(words, "next "+p.NextRetry.Format("01-02"))
		}
	}
	return strings.Join(words, " ")
}

// book is a ledger at may4, and the events that it published.
type book struct {
	*ledger.Ledger

	events []ledger.Event
}

func newBook() *book {
	b := new(book)
	now := func() time.Time { return may4 }
	b.Ledger = ledger.New(plans(), now, func(e ledger.Event) { b.events = append(b.events, e) })
	return b
}

// lines returns the events since it was last called.
func (b *book) lines() []string {
	var all []string
	for _, e := range b.events {
		all = append(all, line(e))
	}
	b.events = nil
	return all
}

// run does "subscribe 2", or lets days pass: "+30".
func (b *book) run(t *testing.T, do string) error {
	t.Helper()
	action, argument, _ := strings.Cut(strings.Replace(do, "+", "+ ", 1), " ")
	n, _ := strconv.ParseInt(argument, 10, 64)
	if action == "+" {
		b.Advance(time.Duration(n) * 24 * time.Hour)
		return nil
	}
	_, err := b.Do("42", ledger.Command{Action: ledger.Action(action), Plan: n})
	return err
}

// Every life of a subscription, step by step.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	type step struct {
		do    string
		tells []string
		is    string // status, plan, end of the paid time, whether subscribed
		err   error
	}
	const basic = "active 1 2026-06-04 yes"
	var (
		bought = step{"subscribe 1", []string{"05-04 payment_succeeded -→active/Basic Basic 9.00 paid first",
			"05-04 created -→active/Basic"}, basic, nil}
		trial = step{"subscribe 4", []string{"05-04 payment_succeeded -→trialing/Trial Trial 0.00 paid first",
			"05-04 created -→trialing/Trial"}, "trialing 4 2026-05-18 yes", nil}
		renewed = []string{"06-04 payment_succeeded active/Basic→active/Basic Basic 9.00 paid"}
		fails   = step{"fail", nil, basic, nil}
		paused  = step{"pause", []string{"05-04 updated active/Basic→paused/Basic"}, "paused 1 2026-06-04 yes", nil}
		cancels = step{"cancel", []string{"05-04 cancelled active/Basic→canceled/Basic"}, "canceled 1 2026-06-04 yes", nil}
		overdue = []step{bought, fails, {"+31", []string{
			"06-04 payment_failed active/Basic→past-due/Basic Basic 9.00 failed attempt 1 next 06-07",
			"06-04 updated active/Basic→past-due/Basic",
		}, "past-due 1 2026-06-04 yes", nil}}
	)
	after := func(before []step, steps ...step) []step { return append(slices.Clone(before), steps...) }
	for name, steps := range map[string][]step{
		"renews": {
			bought,
			{"+30", nil, basic, nil},
			{"+1", renewed, "active 1 2026-07-04 yes", nil},
			{"+61", []string{
				"07-04 payment_succeeded active/Basic→active/Basic Basic 9.00 paid",
				"08-04 payment_succeeded active/Basic→active/Basic Basic 9.00 paid",
			}, "active 1 2026-09-04 yes", nil},
		},
		"renews yearly": {
			{"subscribe 3", []string{"05-04 payment_succeeded -→active/Year Year 90.00 paid first",
				"05-04 created -→active/Year"}, "active 3 2027-05-04 yes", nil},
			{"+365", []string{"05-04 payment_succeeded active/Year→active/Year Year 90.00 paid"},
				"active 3 2028-05-04 yes", nil},
		},
		"trial": {
			trial,
			{"+14", []string{
				"05-18 payment_succeeded trialing/Trial→active/Trial Trial 30.00 paid",
				"05-18 updated trialing/Trial→active/Trial",
			}, "active 4 2026-06-18 yes", nil},
		},
		"trial, paused, resumed and switched": {
			trial,
			{"pause", []string{"05-04 updated trialing/Trial→paused/Trial"}, "paused 4 2026-05-18 yes", nil},
			{"resume", []string{"05-04 updated paused/Trial→trialing/Trial"}, "trialing 4 2026-05-18 yes", nil},
			{"subscribe 2", []string{"05-04 updated trialing/Trial→trialing/Pro"}, "trialing 2 2026-05-18 yes", nil},
		},
		"trial, not paid": {
			trial,
			{"fail", nil, "trialing 4 2026-05-18 yes", nil},
			{"+14", []string{
				"05-18 payment_failed trialing/Trial→past-due/Trial Trial 30.00 failed attempt 1 next 05-21",
				"05-18 updated trialing/Trial→past-due/Trial",
			}, "past-due 4 2026-05-18 yes", nil},
		},
		"canceled is final": {
			bought,
			cancels,
			{"cancel", nil, "canceled 1 2026-06-04 yes", ledger.ErrState},
			{"resume", nil, "canceled 1 2026-06-04 yes", ledger.ErrState},
			{"pay", nil, "canceled 1 2026-06-04 yes", ledger.ErrState},
			{"card", nil, "canceled 1 2026-06-04 yes", ledger.ErrState},
			{"+31", nil, "canceled 1 2026-06-04 no", nil},
			{"resume", nil, "canceled 1 2026-06-04 no", ledger.ErrState},
		},
		"canceled, and bought anew in the paid time": {
			bought,
			cancels,
			{"subscribe 1", []string{
				"05-04 payment_succeeded canceled/Basic→active/Basic Basic 9.00 paid first",
				"05-04 created canceled/Basic→active/Basic",
			}, basic, nil},
		},
		"paused": {
			bought,
			paused,
			{"pause", nil, "paused 1 2026-06-04 yes", ledger.ErrState},
			{"+31", nil, "paused 1 2026-06-04 no", nil},
			{"resume", []string{
				"06-04 payment_succeeded paused/Basic→active/Basic Basic 9.00 paid",
				"06-04 updated paused/Basic→active/Basic",
			}, "active 1 2026-07-04 yes", nil},
		},
		"paused, and resumed in the paid time": {
			bought,
			paused,
			{"+10", nil, "paused 1 2026-06-04 yes", nil},
			{"resume", []string{"05-14 updated paused/Basic→active/Basic"}, basic, nil},
			{"+21", renewed, "active 1 2026-07-04 yes", nil},
		},
		"paused, and not paid when it goes on": {
			bought,
			fails,
			paused,
			{"+31", nil, "paused 1 2026-06-04 no", nil},
			{"resume", []string{
				"06-04 payment_failed paused/Basic→past-due/Basic Basic 9.00 failed attempt 1 next 06-07",
				"06-04 updated paused/Basic→past-due/Basic",
			}, "past-due 1 2026-06-04 yes", ledger.ErrDeclined},
		},
		"paused and canceled": {
			bought,
			paused,
			{"cancel", []string{"05-04 cancelled paused/Basic→canceled/Basic"}, "canceled 1 2026-06-04 yes", nil},
		},
		"overdue, never paid": after(overdue,
			step{"+2", nil, "past-due 1 2026-06-04 yes", nil},
			step{"+1", []string{"06-07 payment_failed past-due/Basic→past-due/Basic Basic 9.00 failed attempt 2 next 06-09"},
				"past-due 1 2026-06-04 yes", nil},
			step{"+4", []string{
				"06-09 payment_failed past-due/Basic→past-due/Basic Basic 9.00 failed attempt 3 next 06-11",
				"06-11 payment_failed past-due/Basic→past-due/Basic Basic 9.00 failed attempt 4",
				"06-11 cancelled past-due/Basic→canceled/Basic",
			}, "canceled 1 2026-06-04 no", nil},
			step{"+300", nil, "canceled 1 2026-06-04 no", nil},
		),
		"overdue, paid": after(overdue,
			step{"+1", nil, "past-due 1 2026-06-04 yes", nil},
			step{"pay", []string{
				"06-05 payment_succeeded past-due/Basic→active/Basic Basic 9.00 paid",
				"06-05 updated past-due/Basic→active/Basic",
			}, "active 1 2026-07-05 yes", nil},
			step{"pay", nil, "active 1 2026-07-05 yes", ledger.ErrState},
			step{"fail", nil, "active 1 2026-07-05 yes", nil},
			step{"+30", []string{
				"07-05 payment_failed active/Basic→past-due/Basic Basic 9.00 failed attempt 1 next 07-08",
				"07-05 updated active/Basic→past-due/Basic",
			}, "past-due 1 2026-07-05 yes", nil},
		),
		"overdue, paid with a new card": after(overdue, step{"card", []string{
			"06-04 payment_succeeded past-due/Basic→active/Basic Basic 9.00 paid",
			"06-04 updated past-due/Basic→active/Basic",
		}, "active 1 2026-07-04 yes", nil}),
		"overdue, paid by a retry": after(overdue,
			step{"succeed", nil, "past-due 1 2026-06-04 yes", nil},
			step{"+3", []string{
				"06-07 payment_succeeded past-due/Basic→active/Basic Basic 9.00 paid",
				"06-07 updated past-due/Basic→active/Basic",
			}, "active 1 2026-07-07 yes", nil}),
		"overdue and canceled": after(overdue,
			step{"cancel", []string{"06-04 cancelled past-due/Basic→canceled/Basic"}, "canceled 1 2026-06-04 no", nil},
			step{"+300", nil, "canceled 1 2026-06-04 no", nil}),
		"overdue, and another plan": after(overdue, step{"subscribe 2", []string{
			"06-04 payment_succeeded past-due/Basic→active/Pro Pro 29.00 paid",
			"06-04 updated past-due/Basic→active/Pro",
		}, "active 2 2026-07-04 yes", nil}),
		"fails, and then does not": {
			bought,
			fails,
			{"fail", nil, basic, ledger.ErrState},
			{"succeed", nil, basic, nil},
			{"+31", renewed, "active 1 2026-07-04 yes", nil},
		},
		"a switch": {
			bought,
			{"+21", nil, basic, nil},
			{"subscribe 2", []string{
				"05-25 payment_succeeded active/Basic→active/Pro Pro 29.00 paid",
				"05-25 updated active/Basic→active/Pro",
			}, "active 2 2026-06-25 yes", nil},
			{"subscribe 2", nil, "active 2 2026-06-25 yes", ledger.ErrState},
			{"subscribe 99", nil, "active 2 2026-06-25 yes", ledger.ErrPlan},
		},
		"a switch that cannot be paid": {
			bought,
			fails,
			{"subscribe 2", nil, basic, ledger.ErrDeclined},
			{"card", nil, basic, nil},
			{"subscribe 3", []string{
				"05-04 payment_succeeded active/Basic→active/Year Year 90.00 paid",
				"05-04 updated active/Basic→active/Year",
			}, "active 3 2027-05-04 yes", nil},
		},
		"bought anew after a failure": {
			bought,
			fails,
			cancels,
			{"subscribe 1", []string{
				"05-04 payment_succeeded canceled/Basic→active/Basic Basic 9.00 paid first",
				"05-04 created canceled/Basic→active/Basic",
			}, basic, nil},
			{"+31", renewed, "active 1 2026-07-04 yes", nil},
		},
		"a refund": {
			bought,
			{"refund", []string{"05-04 payment_refunded active/Basic→active/Basic Basic 9.00 refunded first"}, basic, nil},
			{"refund", nil, basic, ledger.ErrState},
		},
		"nothing to refund": {trial, {"refund", nil, "trialing 4 2026-05-18 yes", ledger.ErrState}},
		"the next date": {
			bought,
			{"skip", renewed, "active 1 2026-07-04 yes", nil},
			{"cancel", []string{"06-04 cancelled active/Basic→canceled/Basic"}, "canceled 1 2026-07-04 yes", nil},
			{"skip", nil, "canceled 1 2026-07-04 no", nil},
			{"skip", nil, "canceled 1 2026-07-04 no", ledger.ErrState},
		},
		"nothing to do": {
			{"pause", nil, " 0 0001-01-01 no", ledger.ErrState},
			{"cancel", nil, " 0 0001-01-01 no", ledger.ErrState},
			{"resume", nil, " 0 0001-01-01 no", ledger.ErrState},
			{"fail", nil, " 0 0001-01-01 no", ledger.ErrState},
			{"succeed", nil, " 0 0001-01-01 no", ledger.ErrState},
			{"explode", nil, " 0 0001-01-01 no", ledger.ErrAction},
			{"+300", nil, " 0 0001-01-01 no", nil},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newBook()
			for i, step := range steps {
				where := fmt.Sprintf("step %d, %s", i+1, step.do)
				assert.Equal(t, step.err, l.run(t, step.do), where)
				c := l.Customer("42")
				assert.Equal(t, step.tells, l.lines(), where)
				subscribed := "no"
				if ledger.IsSubscribed(c.Subscription, l.Now()) {
					subscribed = "yes"
				}
				assert.Equal(t, step.is, fmt.Sprintf("%s %d %s %s", c.Status, c.PlanID, c.PaidUntil.Format(time.DateOnly),
					subscribed), where)
			}
		})
	}
}

// A subscription that a test sets changes nothing else, and time goes on from there.
func TestSet(t *testing.T) {
	t.Parallel()
	soon := may4.AddDate(0, 0, 5)
	for name, tc := range map[string]struct {
		has   ledger.Subscription
		tells []string // in the 20 days that follow
		is    string
	}{
		"active": {ledger.Subscription{Status: "active", PlanID: 1, PaidUntil: soon},
			[]string{"05-09 payment_succeeded active/Basic→active/Basic Basic 9.00 paid"}, "active"},
		"trialing": {ledger.Subscription{Status: "trialing", PlanID: 1, PaidUntil: soon},
			[]string{"05-09 payment_succeeded trialing/Basic→active/Basic Basic 9.00 paid",
				"05-09 updated trialing/Basic→active/Basic"}, "active"},
		"active without a date": {ledger.Subscription{Status: "active", PlanID: 1}, nil, "active"},
		"active in the past":    {ledger.Subscription{Status: "active", PlanID: 1, PaidUntil: may4.Add(-1)}, nil, "active"},
		"an unknown plan": {ledger.Subscription{Status: "active", PlanID: 99, PaidUntil: soon},
			[]string{"05-09 payment_succeeded active/Plan 99→active/Plan 99 Plan 99 0.00 paid"}, "active"},
		"paused":           {ledger.Subscription{Status: "paused", PlanID: 1, PaidUntil: soon}, nil, "paused"},
		"canceled":         {ledger.Subscription{Status: "canceled", PlanID: 1, PaidUntil: soon}, nil, "canceled"},
		"another spelling": {ledger.Subscription{Status: "past_due", PlanID: 1, PaidUntil: soon}, nil, "past_due"},
		"past-due": {ledger.Subscription{Status: "past-due", PlanID: 1}, []string{
			"05-07 payment_failed past-due/Basic→past-due/Basic Basic 9.00 failed attempt 2 next 05-09",
			"05-09 payment_failed past-due/Basic→past-due/Basic Basic 9.00 failed attempt 3 next 05-11",
			"05-11 payment_failed past-due/Basic→past-due/Basic Basic 9.00 failed attempt 4",
			"05-11 cancelled past-due/Basic→canceled/Basic",
		}, "canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newBook()
			l.Set("42", ledger.Subscription{Status: "past-due", PlanID: 2}) // is replaced
			l.Set("42", tc.has)
			assert.Equal(t, tc.has, l.Customer("42").Subscription)
			assert.Empty(t, l.lines())
			l.Advance(20 * 24 * time.Hour)
			assert.Equal(t, tc.tells, l.lines())
			assert.Equal(t, tc.is, l.Customer("42").Status)
		})
	}
}

// The subscriptions that a test sets are seldom complete.
func TestDoAfterSet(t *testing.T) {
	t.Parallel()
	soon, month, year := may4.AddDate(0, 0, 10), may4.AddDate(0, 1, 0), may4.AddDate(1, 0, 0)
	has := func(status string, plan, id int64, paid time.Time) ledger.Subscription {
		return ledger.Subscription{Status: status, PlanID: plan, SubscriptionID: id, PaidUntil: paid}
	}
	for name, tc := range map[string]struct {
		before ledger.Subscription
		do     string
		after  ledger.Subscription
	}{
		"switch without a number":      {has("active", 1, 0, soon), "subscribe 3", has("active", 3, 700_001, year)},
		"cancel without a date":        {has("active", 1, 9, time.Time{}), "cancel", has("canceled", 1, 9, month)},
		"cancel a year without a date": {has("active", 3, 9, time.Time{}), "cancel", has("canceled", 3, 9, year)},
		"another word for canceled":    {has("deleted", 1, 9, soon), "subscribe 1", has("active", 1, 700_001, month)},
		"resume what is overdue":       {has("past-due", 1, 9, may4), "resume", has("active", 1, 9, month)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newBook()
			l.Set("42", tc.before)
			require.NoError(t, l.run(t, tc.do))
			assert.Equal(t, tc.after, l.Customer("42").Subscription)
		})
	}
}

// What happens to several customers comes in the order of time.
func TestAdvanceInOrderOfTime(t *testing.T) {
	t.Parallel()
	l := newBook()
	for identifier, due := range map[string]int{"ann": 3, "bob": 1, "carl": 2, "dora": 40} {
		l.Set(identifier, ledger.Subscription{Status: "active", PlanID: 3, PaidUntil: may4.AddDate(0, 0, due)})
	}
	l.Set("eve", ledger.Subscription{Status: "active", PlanID: 1, PaidUntil: may4.AddDate(0, 0, 2)})
	var got []string
	l.Advance(35 * 24 * time.Hour)
	for _, e := range l.events {
		got = append(got, e.At.Format("01-02 ")+e.Identifier)
	}
	assert.Equal(t, []string{"05-05 bob", "05-06 carl", "05-06 eve", "05-07 ann", "06-06 eve"}, got)
	assert.Panics(t, func() { l.Advance(-1) })
	assert.Equal(t, may4.AddDate(0, 0, 35), l.Now())
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
		at, err := time.Parse(time.DateOnly, tc.from)
		require.NoError(t, err)
		for _, want := range tc.want {
			at = ledger.Renewal(ledger.Plan{Yearly: tc.yearly}, at)
			assert.Equal(t, want, at.Format(time.DateOnly), name)
		}
	}
}

func TestCustomers(t *testing.T) {
	t.Parallel()
	list := func(l *book) string {
		var names []string
		for _, c := range l.Customers() {
			names = append(names, strings.Join([]string{c.Identifier, c.Email, c.Status, c.Supplemental["a"]}, "|"))
		}
		return strings.Join(names, " ")
	}
	l := newBook()
	l.Meet("42", ledger.Contact{Email: "old@example.com", Supplemental: map[string]string{"a": "1"}})
	l.Meet("42", ledger.Contact{Email: "ann@example.com", Supplemental: map[string]string{"a": "2"}})
	l.Meet("7", ledger.Contact{})
	l.Set("zoe", ledger.Subscription{Status: "canceled", PlanID: 99})
	require.NoError(t, l.run(t, "subscribe 1"))
	assert.Equal(t, "42|ann@example.com|active|2 7||| zoe||canceled|", list(l))
	l.Set("zoe", ledger.Subscription{})
	l.Set("7", ledger.Subscription{})
	assert.Equal(t, "42|ann@example.com|active|2 7|||", list(l), "of zoe nothing is known")

	for i := range 10_000 {
		l.Meet(strconv.Itoa(100+i), ledger.Contact{})
	}
	all := l.Customers()
	assert.Len(t, all, 10_001, "10,000 contacts, and a subscriber whose contact was the oldest")
	assert.False(t, slices.ContainsFunc(all, func(c ledger.Customer) bool { return c.Identifier == "7" || c.Email != "" }))
}

func TestPaymentsAreBounded(t *testing.T) {
	t.Parallel()
	l := newBook()
	require.NoError(t, l.run(t, "subscribe 1"))
	l.Advance(5 * 366 * 24 * time.Hour)
	c := l.Customer("42")
	assert.Len(t, c.Payments, 24)
	assert.Equal(t, 2031, c.Payments[23].At.Year())
}
