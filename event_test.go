package kanuu_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// eventOf is what a function gets of a body.
func eventOf(t *testing.T, publicKey, body string) kanuu.Event {
	t.Helper()
	s := newWebhookServer(t, publicKey, &kanuu.WebhookOptions{MaxAge: -1})
	var event kanuu.Event
	s.On("*", func(_ context.Context, e kanuu.Event) error {
		event = e
		return nil
	})
	require.Equal(t, http.StatusOK, s.post(body), s.log.String())
	return event
}

// eventOfPHP is the event of a body that PHP signed.
func eventOfPHP(t *testing.T, name string) kanuu.Event {
	t.Helper()
	cases := phpCases(t)
	i := slices.IndexFunc(cases, func(c phpCase) bool { return c.Name == "signed/"+name })
	require.GreaterOrEqual(t, i, 0)
	return eventOf(t, cases[i].publicKey, cases[i].Body)
}

func day(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

func euro(value string) kanuu.Amount { return kanuu.Amount{Value: value, Currency: "EUR"} }

// reading is everything that an event's methods say.
type reading struct {
	Status                              kanuu.Status
	SubscriptionID, PlanID              int64
	Quantity                            int64
	Email                               string
	CancelURL, UpdateURL                string
	UnitPrice, Price, SaleGross         kanuu.Amount
	Amount, GrossRefund                 kanuu.Amount
	NextBillDate, CancellationEffective time.Time
	PausedFrom                          time.Time
	PausedReason                        string
	Previous                            kanuu.Previous
}

func read(e kanuu.Event) reading {
	return reading{
		e.Status(), e.SubscriptionID(), e.PlanID(), e.Quantity(), e.Email(), e.CancelURL(),
		e.UpdateURL(),
		e.UnitPrice(), e.Price(), e.SaleGross(), e.Amount(), e.GrossRefund(), e.NextBillDate(), e.CancellationEffectiveDate(),
		e.PausedFrom(), e.PausedReason(), e.Previous(),
	}
}

func TestEventOfEachAlert(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*reading){
		"subscription_created": func(r *reading) {
			r.Quantity, r.UnitPrice, r.NextBillDate = 73, euro("12.00"), day(2026, 12, 20)
		},
		"subscription_updated": func(r *reading) {
			r.Status, r.Quantity, r.UnitPrice, r.Price = kanuu.StatusPastDue, 2, euro("12.00"), euro("24.00")
			r.NextBillDate = day(2027, 1, 1)
			r.Previous = kanuu.Previous{
				Status: kanuu.StatusTrialing, PlanID: 11111, Quantity: 1, UnitPrice: euro("9.95"), Price: euro("9.95"),
				NextBillDate: day(2026, 12, 1),
			}
		},
		"subscription_cancelled": func(r *reading) {
			r.Status, r.Quantity, r.UnitPrice = kanuu.StatusCanceled, 1, euro("10.00")
			r.CancellationEffective = day(2026, 12, 31)
		},
		"subscription_payment_succeeded": func(r *reading) {
			r.Quantity, r.UnitPrice, r.SaleGross, r.NextBillDate = 3, euro("12.00"), euro("36.00"), day(2026, 12, 20)
		},
		"subscription_payment_failed": func(r *reading) {
			r.Status, r.Quantity, r.UnitPrice, r.Amount = kanuu.StatusPastDue, 3, euro("12.00"), euro("36.00")
		},
		"subscription_payment_refunded": func(r *reading) {
			r.Quantity, r.UnitPrice, r.Amount, r.GrossRefund = 3, euro("12.00"), euro("18.50"), euro("18.50")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := eventOfPHP(t, name)
			assert.Equal(t, name, e.AlertName)
			assert.Equal(t, "200001", e.AlertID)
			assert.Equal(t, time.Date(2026, 11, 20, 9, 42, 7, 0, time.UTC), e.Time)
			assert.Equal(t, "42", e.Identifier)
			assert.Equal(t, map[string]string{"campaign": "spring"}, e.Supplemental)

			want := reading{
				Status: kanuu.StatusActive, SubscriptionID: 67890, PlanID: 12345,
				Email: "ann+1@example.com",
			}
			change(&want)
			if name == "subscription_created" || name == "subscription_updated" || name == "subscription_payment_failed" {
				want.CancelURL = "https://checkout.paddle.com/subscription/cancel?user=9&subscription=67890&hash=3f1e42"
				want.UpdateURL = "https://checkout.paddle.com/subscription/update?user=9&subscription=67890&hash=a1b2c3"
			}

			assert.Equal(t, want, read(e))
		})
	}
}

func TestEventWithoutFields(t *testing.T) {
	t.Parallel()
	for name, e := range map[string]kanuu.Event{
		"zero value": {},
		"empty form": eventOf(t, signer.PublicKey(), signer.Sign("")),
		"no values": eventOf(t, signer.PublicKey(), signer.Sign(
			"alert_name=&event_time=&passthrough=&status=&quantity=&"+
				"unit_price=&currency=EUR&next_bill_date=&old_price=&user_id=")),
		"other values": eventOf(t, signer.PublicKey(), signer.Sign(
			"event_time=tomorrow&passthrough=me&quantity=many&unit_price[]=1&"+
				"next_bill_date=0000-00-00&user_id=1.5&email[a]=b&subscription_id=99999999999999999999")),
	} {
		assert.Equal(t, reading{}, read(e), name)
		assert.Zero(t, e.Time, name)
		assert.Empty(t, e.AlertName+e.AlertID+e.Identifier, name)
		assert.Nil(t, e.Supplemental, name)
	}
}

// Paddle documents a day, and sends a day with a time too.
func TestEventDates(t *testing.T) {
	t.Parallel()
	afternoon := time.Date(2020, 6, 15, 12, 51, 17, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"2020-06-15": day(2020, 6, 15), "2020-06-15 12:51:17": afternoon,
		"": {}, "soon": {}, "2020-06-15 12:51": {}, "2020-06-31": {},
	} {
		e := eventOf(t, signer.PublicKey(), signer.Body(kanuutest.Webhook{Fields: map[string]string{
			"cancellation_effective_date": text, "paused_from": text, "paused_reason": "voluntary",
		}}))
		assert.Equal(t, want, e.CancellationEffectiveDate(), text)
		assert.Equal(t, want, e.PausedFrom(), text)
		assert.Equal(t, "voluntary", e.PausedReason())
	}
}

func TestPassthrough(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		identifier   string
		supplemental map[string]string
	}{
		`{"kanuu":"42"}`:                          {"42", nil},
		`{"kanuu":"team:7","campaign":"spring"}`:  {"team:7", map[string]string{"campaign": "spring"}},
		`{"a":",","kanuu":":","b":"{}"}`:          {":", map[string]string{"a": ",", "b": "{}"}},
		`{"kanuu":"Zoë 🛶"}`:                       {"Zoë 🛶", nil},
		`{"kanuu":"Zo\u00eb \ud83d\udef6 \"\\/"}`: {`Zoë 🛶 "\/`, nil},
		` { "kanuu" : "42" , "a" : "b" } `:        {"42", map[string]string{"a": "b"}},
		`{"kanuu":42}`:                            {"42", nil},
		`{"kanuu":9007199254740993,"a":"b"}`:      {"9007199254740993", map[string]string{"a": "b"}},
		`{"kanuu":123456789012345678901234567}`:   {"123456789012345678901234567", nil},
		`{"kanuu":-1.50e2}`:                       {"-1.50e2", nil},
		`{"kanuu":"42","n":1,"t":true,"l":["x"],"o":{"kanuu":"7"},"z":null,"s":"x"}`: {"42", map[string]string{"s": "x"}},
		`{"kanuu":"1","kanuu":"2"}`: {"2", nil},
		`{"kanuu":1,"kanuu":"2"}`:   {"2", nil},
		`{"kanuu":""}`:              {"", nil},
		`{"kanuu":null}`:            {"", nil},
		`{"kanuu":true}`:            {"", nil},
		`{"kanuu":["42"]}`:          {"", nil},
		`{"kanuu":{"id":"42"}}`:     {"", nil},
		`{"Kanuu":"42"}`:            {"", map[string]string{"Kanuu": "42"}},
		`{"user":"42"}`:             {"", map[string]string{"user": "42"}},
		`{"":""}`:                   {"", map[string]string{"": ""}},
		`{}`:                        {"", nil},
		`null`:                      {"", nil},
		`[{"kanuu":"42"}]`:          {"", nil},
		`"kanuu"`:                   {"", nil},
		`42`:                        {"", nil},
		`kanuu`:                     {"", nil},
		`{"kanuu":"42"`:             {"", nil},
		`{"kanuu":"42"}}`:           {"", nil},
		`{"kanuu":"42",}`:           {"", nil},
		`{"kanuu":"4"2"}`:           {"", nil},
		`{"kanuu","42"}`:            {"", nil},
		"{\"kanuu\":\"4\n2\"}":      {"", nil},
		``:                          {"", nil},
	} {
		e := eventOf(t, signer.PublicKey(), signer.Body(kanuutest.Webhook{Fields: map[string]string{"passthrough": text}}))
		assert.Equal(t, want.identifier, e.Identifier, text)
		assert.Equal(t, want.supplemental, e.Supplemental, text)
	}
}

// What is read in the short way is what is read in the long one, which white
// space makes necessary.
func FuzzPassthrough(f *testing.F) {
	for _, seed := range []string{
		`{"kanuu":"42","campaign":"spring"}`, `{"a":",","b":":"}`, `{"":"","":""}`, `{"a":"","b"}`, `{"a":"b":"c"}`,
		`{"a":"\u0041"}`, "{\"a\":\"\xff\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var want map[string]any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if json.Valid([]byte(text)) {
			_ = decoder.Decode(&want) // what is no object has no entries
		}

		identifier, _ := want["kanuu"].(string)
		if number, ok := want["kanuu"].(json.Number); ok {
			identifier = number.String()
		}

		maps.DeleteFunc(want, func(key string, value any) bool {
			_, isText := value.(string)
			return key == "kanuu" || !isText
		})

		e := eventOf(t, signer.PublicKey(), signer.Body(kanuutest.Webhook{Fields: map[string]string{"passthrough": text}}))
		assert.Equal(t, identifier, e.Identifier)
		assert.Len(t, e.Supplemental, len(want))
		for key, value := range want {
			assert.Equal(t, value, e.Supplemental[key])
		}
	})
}

func TestFields(t *testing.T) {
	t.Parallel()
	e := eventOf(t, signer.PublicKey(), signer.Sign("z=last&tags[]=red&tags[]=blue&a[x][y]=1&a[w]=&b.c=+2%20&empty="))
	for _, tc := range []struct {
		path []string
		want string
		ok   bool
	}{
		{[]string{"z"}, "last", true},
		{[]string{"b_c"}, " 2 ", true},
		{[]string{"empty"}, "", true},
		{[]string{"tags", "0"}, "red", true},
		{[]string{"tags", "1"}, "blue", true},
		{[]string{"a", "x", "y"}, "1", true},
		{[]string{"a", "w"}, "", true},
		{[]string{"missing"}, "", false},
		{[]string{"missing", "0"}, "", false},
		{[]string{"p_signature"}, "", false},
		{[]string{"tags"}, "", false},
		{[]string{"tags", "2"}, "", false},
		{[]string{"z", "0"}, "", false},
		{[]string{"a", "x"}, "", false},
		{[]string{"a", "x", "y", "z"}, "", false},
	} {
		value, ok := e.Fields.Lookup(tc.path[0], tc.path[1:]...)
		assert.Equal(t, tc.want, value, tc.path)
		assert.Equal(t, tc.ok, ok, tc.path)
		if len(tc.path) == 1 {
			assert.Equal(t, tc.want, e.Fields.Get(tc.path[0]), tc.path)
		}
	}

	var all []string
	for name, value := range e.Fields.All() {
		all = append(all, name+"="+value)
	}

	want := []string{"a[x][y]=1", "a[w]=", "b_c= 2 ", "empty=", "tags[0]=red", "tags[1]=blue", "z=last"}
	assert.Equal(t, want, all)
	for n := range want {
		var some []string
		for name, value := range e.Fields.All() {
			if some = append(some, name+"="+value); len(some) == n+1 {
				break
			}
		}
		assert.Equal(t, want[:n+1], some)
	}

	var none kanuu.Fields
	assert.Empty(t, none.Get("z"))
	assert.Empty(t, maps.Collect(none.All()))
}

func TestAmountString(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "12.00 EUR", euro("12.00").String())
	assert.Empty(t, kanuu.Amount{}.String())
}

// However an event ends up in a log, the customer does not.
func TestEventPrintsNoPersonalData(t *testing.T) {
	t.Parallel()
	e := eventOfPHP(t, "subscription_created")
	require.NotEmpty(t, e.Email())

	var logged strings.Builder
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("event", "event", e, "fields", e.Fields)
	debug(&logged).Info("event", "event", e, "fields", e.Fields)

	marshalled, err := json.Marshal(e)
	require.NoError(t, err)
	for _, printed := range []string{
		fmt.Sprint(e), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e), fmt.Sprintf("%+v", &e),
		fmt.Sprintf("%+v", e.Fields), fmt.Sprintf("%#v", e.Fields), string(marshalled), logged.String(),
	} {
		assert.NotContains(t, printed, "ann")
		assert.NotContains(t, printed, "hash")
	}

	assert.Contains(t, string(marshalled), "subscription_created")
}
