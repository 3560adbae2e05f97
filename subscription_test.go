package kanuu_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestParseStatus(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]kanuu.Status{
		"trialing": kanuu.StatusTrialing, "active": kanuu.StatusActive, " Active ": kanuu.StatusActive,
		"past-due": kanuu.StatusPastDue, "past_due": kanuu.StatusPastDue, "paused": kanuu.StatusPaused,
		"canceled": kanuu.StatusCanceled, "cancelled": kanuu.StatusCanceled, "deleted": kanuu.StatusCanceled,
		"": "", "On Hold": "On Hold",
	} {
		assert.Equal(t, want, kanuu.ParseStatus(text), text)
	}
}

func TestOnGracePeriod(t *testing.T) {
	t.Parallel()
	for status, want := range map[kanuu.Status]bool{
		kanuu.StatusTrialing: false, kanuu.StatusActive: false, "": false, "new": false,
		kanuu.StatusPastDue: true, kanuu.StatusPaused: true, kanuu.StatusCanceled: true,
	} {
		assert.Equal(t, want, kanuu.Subscription{IsSubscribed: true, Status: status}.OnGracePeriod(), status)
		assert.False(t, kanuu.Subscription{Status: status}.OnGracePeriod(), status)
	}
}

func TestFetchSubscription(t *testing.T) {
	t.Parallel()
	active := kanuu.Subscription{IsSubscribed: true, Status: "active", StatusText: "active", PlanID: 12345, SubscriptionID: 67890}
	for name, tc := range map[string]struct {
		body string
		want kanuu.Subscription
		says string // a part of the error
	}{
		"the API page's": {
			`{"is_trialing": false, "is_subscribed": true, "status": "active", "plan_id": 12345, "subscription_id": 67890}`,
			active, ""},
		"ids in quotes": {`{"is_subscribed": true, "status": "active", "plan_id": "12345", "subscription_id": "67890"}`, active,
			""},
		"unknown fields": {
			`{"is_subscribed": true, "status": "active", "plan_id": 12345, "subscription_id": 67890, "seats": [1]}`, active, ""},
		"never": {
			`{"is_trialing": false, "is_subscribed": false, "status": null, "plan_id": null, "subscription_id": null}`,
			kanuu.Subscription{}, ""},
		"nulls": {
			`{"is_trialing": null, "is_subscribed": null, "status": null, "plan_id": null, "subscription_id": null}`,
			kanuu.Subscription{}, ""},
		"trial": {`{"is_trialing": true, "is_subscribed": true, "status": "trialing"}`,
			kanuu.Subscription{IsSubscribed: true, IsTrialing: true, Status: "trialing", StatusText: "trialing"}, ""},
		"other spelling": {`{"is_subscribed": true, "status": "cancelled"}`,
			kanuu.Subscription{IsSubscribed: true, Status: kanuu.StatusCanceled, StatusText: "cancelled"}, ""},
		"new status": {`{"is_subscribed": true, "status": "On Hold"}`,
			kanuu.Subscription{IsSubscribed: true, Status: "On Hold", StatusText: "On Hold"}, ""},

		"nothing":           {`{}`, kanuu.Subscription{}, "has no is_subscribed"},
		"HTML":              {`<html>`, kanuu.Subscription{}, "not the JSON"},
		"list":              {`[]`, kanuu.Subscription{}, "not the JSON"},
		"null":              {`null`, kanuu.Subscription{}, "not the JSON"},
		"a word":            {`{"is_subscribed": "true"}`, kanuu.Subscription{}, "neither true, false nor null"},
		"a number":          {`{"is_subscribed": 1}`, kanuu.Subscription{}, "neither true, false nor null"},
		"id of letters":     {`{"is_subscribed": true, "plan_id": "pro"}`, kanuu.Subscription{}, "not the JSON"},
		"id with fractions": {`{"is_subscribed": true, "plan_id": 1.5}`, kanuu.Subscription{}, "not the JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client, fake := setup(t)
			fake.Inject(kanuutest.Fault{Status: 200, Body: tc.body})

			got, err := client.FetchSubscription(t.Context(), "42")
			assert.Equal(t, tc.want, got)
			if tc.says != "" {
				require.ErrorIs(t, err, kanuu.ErrUnexpectedResponse)
				require.ErrorContains(t, err, tc.says)
			} else {
				require.NoError(t, err)
			}

			requests := fake.Requests()
			require.Len(t, requests, 1)
			assert.Equal(t, "/api/subscription", requests[0].Path)
			assert.JSONEq(t, `{"identifier": "42"}`, string(requests[0].Body))
			assert.Equal(t, "Bearer "+key, requests[0].Header.Get("Authorization"))
		})
	}
}

func TestSubscriptionInvalidIdentifiers(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	for _, identifier := range []string{"", " ", "\xff"} {
		_, err := client.Subscription(t.Context(), identifier)
		require.ErrorIs(t, err, kanuu.ErrInvalidIdentity)
	}
	assert.Empty(t, fake.Requests())
}

func TestGateCheck(t *testing.T) {
	t.Parallel()
	client, fake := setup(t)
	fake.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 7})

	subscription, err := kanuu.NewGate(client, nil).Check(t.Context(), "42")
	require.NoError(t, err)
	assert.EqualValues(t, 7, subscription.PlanID)

	subscription, err = kanuu.NewGate(client, &kanuu.GateOptions{Plans: []int64{8}}).Check(t.Context(), "42")
	require.ErrorIs(t, err, kanuu.ErrNotSubscribed)
	assert.EqualValues(t, 7, subscription.PlanID, "to say which plan it is instead")

	_, ok := kanuu.SubscriptionFromContext(t.Context())
	assert.False(t, ok, "there is no gate")

	_, err = kanuu.NewGate(client, nil).Check(t.Context(), "")
	require.ErrorIs(t, err, kanuu.ErrInvalidIdentity)
}
