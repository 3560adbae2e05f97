package kanuusql_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/kanuu-io/kanuu-go"
	kanuusql "github.com/kanuu-io/kanuu-go/adapters/sql"
)

const (
	created   = kanuu.AlertSubscriptionCreated
	updated   = kanuu.AlertSubscriptionUpdated
	cancelled = kanuu.AlertSubscriptionCancelled
	succeeded = kanuu.AlertSubscriptionPaymentSucceeded
	failed    = kanuu.AlertSubscriptionPaymentFailed
	refunded  = kanuu.AlertSubscriptionPaymentRefunded
)

// at is a time in June 2026.
func at(text string) time.Time {
	t, err := time.Parse("2006-01-2 15:04:05", "2026-06-"+text)
	if err != nil {
		panic(err)
	}
	return t
}

// june is a date in June 2026.
func june(day int) time.Time { return time.Date(2026, 6, day, 0, 0, 0, 0, time.UTC) }

// alert has fields like "status=active subscription_plan_id=67"; "~" is a space.
func alert(id, name, when, fields string) kanuusql.Alert {
	a := kanuusql.Alert{ID: id, Name: name, Fields: map[string]string{}}
	if when != "" {
		a.Time = at(when)
	}
	for field := range strings.FieldsSeq(fields) {
		key, value, _ := strings.Cut(field, "=")
		a.Fields[key] = strings.ReplaceAll(value, "~", " ")
	}
	return a
}

const (
	running = "identifier=42 status=active subscription_plan_id=1 quantity=1 currency=EUR"
	first   = running + " unit_price=9.00 next_bill_date=2026-07-01"
	renewal = running + " unit_price=4.50 next_bill_date=2026-08-01"
	urls    = " cancel_url=https://cancel/1 update_url=https://update/1"
)

var nineEuros = kanuu.Amount{Value: "9.00", Currency: "EUR"}

func TestFold(t *testing.T) {
	t.Parallel()
	type alerts = []kanuusql.Alert
	for name, tc := range map[string]struct {
		alerts alerts
		want   kanuusql.Subscription
	}{
		"created": {
			alerts{alert("1", created, "1 10:00:00", first+urls)},
			kanuusql.Subscription{
				Identifier: "42", Status: "active", PlanID: 1, Quantity: 1, UnitPrice: nineEuros,
				NextBillDate: at("1 00:00:00").AddDate(0, 1, 0), CreatedAt: at("1 10:00:00"), EventTime: at("1 10:00:00"),
				CancelURL: "https://cancel/1", UpdateURL: "https://update/1",
			},
		},
		"a payment does not change the price": {
			alerts{alert("1", created, "1 10:00:00", first), alert("2", succeeded, "2 10:00:00", renewal)},
			kanuusql.Subscription{
				Identifier: "42", Status: "active", PlanID: 1, Quantity: 1, UnitPrice: nineEuros,
				NextBillDate: june(1).AddDate(0, 2, 0), PaidUntil: june(1).AddDate(0, 2, 0), CreatedAt: at("1 10:00:00"),
				EventTime: at("2 10:00:00"), LastPaymentAt: at("2 10:00:00"),
			},
		},
		"a trial is paid for": {
			alerts{alert("1", created, "1 10:00:00", "status=trialing next_bill_date=2026-06-15")},
			kanuusql.Subscription{
				Status: "trialing", NextBillDate: june(15), PaidUntil: june(15), CreatedAt: at("1 10:00:00"),
				EventTime: at("1 10:00:00"),
			},
		},
		"an update has new_ fields, and empty ones overwrite nothing": {
			alerts{
				alert("1", created, "1 10:00:00", first),
				alert("2", updated, "2 10:00:00",
					"status= new_quantity=5 new_unit_price=8.00 subscription_plan_id=x next_bill_date=soon"),
			},
			kanuusql.Subscription{
				Identifier: "42", Status: "active", PlanID: 1, Quantity: 5, UnitPrice: kanuu.Amount{Value: "8.00",
					Currency: "EUR"},
				NextBillDate: june(1).AddDate(0, 1, 0), CreatedAt: at("1 10:00:00"), EventTime: at("2 10:00:00"),
			},
		},
		"the identifier never changes": {
			alerts{
				alert("1", succeeded, "1 10:00:00", "status=active"), alert("2", created, "1 10:00:01", "identifier=42"),
				alert("3", updated, "2 10:00:00", "identifier=43"),
			},
			kanuusql.Subscription{
				Identifier: "42", Status: "active", CreatedAt: at("1 10:00:00"), EventTime: at("2 10:00:00"),
				LastPaymentAt: at("1 10:00:00"),
			},
		},
		"past due since the first failure": {
			alerts{
				alert("1", failed, "1 10:00:00", "status=past_due"), alert("2", succeeded, "2 10:00:00", "status=active"),
				alert("3", failed, "3 10:00:00", "status=past_due"), alert("4", updated, "3 10:00:00", "status=past_due"),
				alert("5", failed, "6 10:00:00", "status=past_due"), alert("6", refunded, "7 10:00:00", "status=active"),
			},
			kanuusql.Subscription{
				Status: "past-due", PastDueSince: at("3 10:00:00"), CreatedAt: at("1 10:00:00"), EventTime: at("7 10:00:00"),
				LastPaymentAt: at("2 10:00:00"), RefundedAt: at("7 10:00:00"),
			},
		},
		"paused": {
			alerts{
				alert("1", created, "1 10:00:00", first),
				alert("2", updated, "2 10:00:00", "status=paused paused_from=2026-06-20~10:00:00 paused_reason=voluntary"),
			},
			kanuusql.Subscription{
				Identifier: "42", Status: "paused", PlanID: 1, Quantity: 1, UnitPrice: nineEuros,
				PausedFrom: at("20 10:00:00"), PausedReason: "voluntary", CreatedAt: at("1 10:00:00"),
				EventTime: at("2 10:00:00"),
			},
		},
		"resumed": {
			alerts{
				alert("1", updated, "2 10:00:00", "status=paused paused_from=2026-06-20~10:00:00 paused_reason=voluntary"),
				alert("2", updated, "3 10:00:00", "status=active next_bill_date=2026-06-20"),
			},
			kanuusql.Subscription{Status: "active", NextBillDate: june(20), CreatedAt: at("2 10:00:00"),
				EventTime: at("3 10:00:00")},
		},
		"cancelled, with a date and time, and nothing later changes it": {
			alerts{
				alert("1", created, "1 10:00:00", first+urls),
				alert("2", cancelled, "2 10:00:00", "status=deleted cancellation_effective_date=2026-06-15~12:51:17"),
				alert("3", updated, "3 10:00:00", "status=active subscription_plan_id=2"+urls),
				alert("4", succeeded, "4 10:00:00", "status=active next_bill_date=2026-06-29"),
			},
			kanuusql.Subscription{
				Identifier: "42", Status: "canceled", PlanID: 1, Quantity: 1, UnitPrice: nineEuros,
				EndsAt: at("15 12:51:17"), PaidUntil: june(29), CreatedAt: at("1 10:00:00"), EventTime: at("4 10:00:00"),
				LastPaymentAt: at("4 10:00:00"),
			},
		},
		"cancelled in the second of a failed payment": {
			alerts{
				alert("9", failed, "1 10:00:00", "status=past_due"+urls),
				alert("1", cancelled, "1 10:00:00", "cancellation_effective_date=2026-06-15"),
			},
			kanuusql.Subscription{Status: "canceled", EndsAt: june(15), CreatedAt: at("1 10:00:00"), EventTime: at("1 10:00:00")},
		},
		"an unreadable time is the oldest": {
			alerts{alert("2", updated, "", "status=past_due"), alert("1", updated, "1 10:00:00", "status=active")},
			kanuusql.Subscription{Status: "active", CreatedAt: at("1 10:00:00"), EventTime: at("1 10:00:00")},
		},
		"other ids come after numbers": {
			alerts{
				alert("x", updated, "1 10:00:00", "subscription_plan_id=1"), alert("7", updated, "1 10:00:00",
					"subscription_plan_id=2"),
			},
			kanuusql.Subscription{PlanID: 1, CreatedAt: at("1 10:00:00"), EventTime: at("1 10:00:00")},
		},
		"ids are numbers": {
			alerts{
				alert("99999999999999999999", updated, "1 10:00:00", "subscription_plan_id=1"),
				alert("100000000000000000000", updated, "1 10:00:00", "subscription_plan_id=2"),
				alert("0", updated, "1 10:00:00", "subscription_plan_id=3"),
			},
			kanuusql.Subscription{PlanID: 2, CreatedAt: at("1 10:00:00"), EventTime: at("1 10:00:00")},
		},
		"observed": {
			alerts{
				alert("1", updated, "1 10:00:00", "status=paused paused_from=2026-06-02 next_bill_date=2026-06-02"),
				alert("kanuu:1", kanuusql.Observed, "3 10:00:00",
					"identifier=42 status=active subscription_plan_id=7 is_subscribed=1"),
			},
			kanuusql.Subscription{
				Identifier: "42", Status: "active", PlanID: 7, ObservedAt: at("3 10:00:00"), CreatedAt: at("1 10:00:00"),
				EventTime: at("1 10:00:00"),
			},
		},
		"observed before a pause that is planned": {
			alerts{
				alert("1", updated, "1 10:00:00", "status=active paused_from=2026-06-20"),
				alert("kanuu:1", kanuusql.Observed, "3 10:00:00", "status=active is_subscribed=1"),
			},
			kanuusql.Subscription{
				Status: "active", PausedFrom: june(20), ObservedAt: at("3 10:00:00"), CreatedAt: at("1 10:00:00"),
				EventTime: at("1 10:00:00"),
			},
		},
		"observed after the end": {
			alerts{
				alert("1", created, "1 10:00:00", "status=active"),
				alert("kanuu:1", kanuusql.Observed, "3 10:00:00", "status=canceled"),
			},
			kanuusql.Subscription{
				Status: "canceled", EndsAt: at("3 10:00:00"), CreatedAt: at("1 10:00:00"), EventTime: at("1 10:00:00"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.want.ID = 7
			assert.Equal(t, tc.want, kanuusql.Fold(7, tc.alerts...))
			for i := range tc.alerts { // and in other orders
				other := append(append(alerts{}, tc.alerts[i:]...), tc.alerts[:i]...)
				require.Equal(t, tc.want, kanuusql.Fold(7, other...))
			}
		})
	}
}

// change is an update between two plans in one second.
func change(id int, from, to string) kanuusql.Alert {
	return alert(strconv.Itoa(id), updated, "2 10:00:00", "status=active subscription_plan_id="+to+
		" old_status=active old_subscription_plan_id="+from)
}

// The updates of one second are a trail through states, whatever their ids.
func TestUpdatesOfOneSecondAreChained(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before string // the plan
		trail  string // of plans
	}{
		"a chain":                       {"1", "1 2 3 4"},
		"there and back":                {"1", "1 2 1"},
		"there, back and there":         {"1", "1 2 1 2"},
		"a loop on the way":             {"1", "1 2 3 2 4"},
		"back, and an alert is missing": {"9", "1 2 3"},
		"changes nothing":               {"1", "1 1 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(rt *rapid.T) {
				plans := strings.Fields(tc.trail)
				alerts := []kanuusql.Alert{alert("1", created, "1 10:00:00", "status=active subscription_plan_id="+tc.before)}
				ids := rapid.Permutation([]int{11, 12, 13, 14, 15}).Draw(rt, "ids")
				for i := 1; i < len(plans); i++ {
					alerts = append(alerts, change(ids[i], plans[i-1], plans[i]))
				}
				is := kanuusql.Fold(7, rapid.Permutation(alerts).Draw(rt, "order")...)
				require.Equal(rt, plans[len(plans)-1], strconv.FormatInt(is.PlanID, 10))
			})
		})
	}
}

func TestEntitled(t *testing.T) {
	t.Parallel()
	type subscription = kanuusql.Subscription
	const yes, no, unknown = kanuusql.Entitled, kanuusql.NotEntitled, kanuusql.Unknown
	for name, tc := range map[string]struct {
		is    subscription
		until time.Time // entitled before it
		after kanuusql.Entitlement
	}{
		"nothing is known":       {subscription{}, time.Time{}, unknown},
		"active":                 {subscription{Status: "active", NextBillDate: june(10)}, june(13), unknown},
		"trialing":               {subscription{Status: "trialing", NextBillDate: june(10)}, june(13), unknown},
		"active without a date":  {subscription{Status: "active"}, time.Time{}, unknown},
		"another status":         {subscription{Status: "frozen", NextBillDate: june(10)}, time.Time{}, unknown},
		"past due":               {subscription{Status: "past-due", PastDueSince: june(1)}, june(31), no},
		"past due without date":  {subscription{Status: "past-due"}, time.Time{}, unknown},
		"paused from":            {subscription{Status: "paused", PausedFrom: june(10), PaidUntil: june(20)}, june(10), no},
		"a pause is planned":     {subscription{Status: "active", PausedFrom: june(10), NextBillDate: june(10)}, june(10), no},
		"paused":                 {subscription{Status: "paused", PaidUntil: june(10)}, june(11), no},
		"canceled":               {subscription{Status: "canceled", EndsAt: june(10), PaidUntil: june(20)}, june(11), no},
		"canceled, only paid":    {subscription{Status: "canceled", PaidUntil: june(10)}, june(11), no},
		"canceled without dates": {subscription{Status: "canceled"}, time.Time{}, unknown},
		"confirmed by Kanuu":     {subscription{Status: "active", NextBillDate: june(1), ObservedAt: june(9)}, june(12), unknown},
		"confirmed, canceled":    {subscription{Status: "canceled", EndsAt: june(1), ObservedAt: june(9)}, june(10), no},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !tc.until.IsZero() {
				assert.Equal(t, yes, tc.is.Entitled(tc.until.Add(-time.Second)))
			}
			assert.Equal(t, tc.after, tc.is.Entitled(tc.until))
			assert.Equal(t, tc.after, tc.is.Entitled(june(1).AddDate(1, 0, 0)))
		})
	}
}
