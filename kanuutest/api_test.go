package kanuutest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func TestCreateNonce(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for name, body := range map[string]string{
		"identifier alone":       `{"identifier":"42"}`,
		"all fields":             `{"identifier":"42","email":"ann@example.com","supplemental":{"campaign":"spring"}}`,
		"nulls":                  `{"identifier":"42","email":null,"supplemental":null}`,
		"empty values":           `{"identifier":"42","email":"","supplemental":{}}`,
		"empty list":             `{"identifier":"42","supplemental":[]}`,
		"unknown field":          `{"identifier":"42","plan":1}`,
		"16 entries":             `{"identifier":"42","supplemental":` + entries(16, `"v"`) + `}`,
		"64 characters, not 128": `{"identifier":"42","supplemental":{"x":"` + strings.Repeat("é", 64) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := call(t, s.URL+noncePath, body)
			require.Equal(t, http.StatusCreated, a.StatusCode, a.body)
			assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
			made := decode(t, a)
			assert.Len(t, made, 2)
			assert.Regexp(t, `^[0-9a-f]{32}$`, made["nonce"])
			assert.Equal(t, s.URL+"/manage/acme/"+made["nonce"], made["url"])
		})
	}
}

// entries is a JSON object of n fields.
func entries(n int, value string) string {
	fields := make([]string, n)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"k%d":%s`, i, value)
	}
	return "{" + strings.Join(fields, ",") + "}"
}

func TestValidation(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	const required = `{"message":"The identifier field is required.","errors":{"identifier":["The identifier field is ` +
		`required."]}}`
	for name, tc := range map[string]struct{ body, want string }{
		"empty body":         {``, required},
		"malformed":          {`{"identifier":"42"`, required},
		"something after it": {`{"identifier":"42"} x`, required},
		"no object":          {`["identifier"]`, required},
		"null":               {`null`, required},
		"bad UTF-8":          {"{\"identifier\":\"\xff\"}", required},
		"no identifier":      {`{}`, required},
		"other case":         {`{"Identifier":"42"}`, required},
		"null identifier":    {`{"identifier":null}`, required},
		"empty identifier":   {`{"identifier":""}`, required},
		"blank identifier":   {`{"identifier":" \t"}`, required},
		"empty object":       {`{"identifier":{}}`, required},
		"number": {
			`{"identifier":42}`,
			`{"message":"The identifier must be a string.","errors":{"identifier":["The identifier must be a string."]}}`,
		},
		"256 characters": {
			`{"identifier":"` + strings.Repeat("é", 256) + `"}`,
			`{"message":"The identifier must not be greater than 255 characters."` +
				`,"errors":{"identifier":["The identifier must not be greater than 255 characters."]}}`,
		},
		"email": {
			`{"identifier":"42","email":"nobody"}`,
			`{"message":"The email must be a valid email address."` +
				`,"errors":{"email":["The email must be a valid email address."]}}`,
		},
		"email with a name": {
			`{"identifier":"42","email":"Ann <ann@example.com>"}`,
			`{"message":"The email must be a valid email address."` +
				`,"errors":{"email":["The email must be a valid email address."]}}`,
		},
		"email of another type": {
			`{"identifier":"42","email":42}`,
			`{"message":"The email must be a valid email address."` +
				`,"errors":{"email":["The email must be a valid email address."]}}`,
		},
		"supplemental": {
			`{"identifier":"42","supplemental":"x"}`,
			`{"message":"The supplemental must be an array.","errors":{"supplemental":["The supplemental must be an array."]}}`,
		},
		"17 entries": {
			`{"identifier":"42","supplemental":` + entries(17, `"v"`) + `}`,
			`{"message":"The supplemental must not have more than 16 items."` +
				`,"errors":{"supplemental":["The supplemental must not have more than 16 items."]}}`,
		},
		"a number among them": {
			`{"identifier":"42","supplemental":{"x":1}}`,
			`{"message":"The supplemental.x must be a string."` +
				`,"errors":{"supplemental.x":["The supplemental.x must be a string."]}}`,
		},
		"65 characters": {
			`{"identifier":"42","supplemental":{"x":"` + strings.Repeat("é", 65) + `"}}`,
			`{"message":"The supplemental.x must not be greater than 64 characters."` +
				`,"errors":{"supplemental.x":["The supplemental.x must not be greater than 64 characters."]}}`,
		},
		"two": {
			`{"email":"nobody"}`,
			`{"message":"The identifier field is required."` +
				`,"errors":{"identifier":["The identifier field is required."],` +
				`"email":["The email must be a valid email address."]}}`,
		},
		"three": {
			`{"email":"nobody","supplemental":{"x":1}}`,
			`{"message":"The identifier field is required."` +
				`,"errors":{"identifier":["The identifier field is required."],` +
				`"email":["The email must be a valid email address."],` +
				`"supplemental.x":["The supplemental.x must be a string."]}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := call(t, s.URL+noncePath, tc.body)
			assert.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
			assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
			assert.JSONEq(t, tc.want, a.body)
		})
	}
	t.Run("not declared as JSON", func(t *testing.T) {
		t.Parallel()
		req := newCall(t, s.URL+noncePath, `{"identifier":"42"}`)
		req.Header.Set("Content-Type", "text/plain")
		a := send(t, http.DefaultClient, req)
		assert.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
		assert.JSONEq(t, required, a.body)
	})
	t.Run("subscription", func(t *testing.T) {
		t.Parallel()
		a := call(t, s.URL+subscriptionPath, `{}`)
		assert.Equal(t, http.StatusUnprocessableEntity, a.StatusCode)
		assert.JSONEq(t, required, a.body)
	})
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	s := start(t, nil)
	for _, path := range []string{noncePath, subscriptionPath} {
		for name, tc := range map[string]struct {
			method, key string
			status      int
			want        string
		}{
			"no key":       {"POST", "", 401, `{"message":"Unauthenticated."}`},
			"wrong key":    {"POST", "Bearer wrong", 401, `{"message":"Unauthenticated."}`},
			"empty key":    {"POST", "Bearer ", 401, `{"message":"Unauthenticated."}`},
			"wrong scheme": {"POST", "Basic " + kanuutest.DefaultAPIKey, 401, `{"message":"Unauthenticated."}`},
			"GET": {
				"GET", "Bearer " + kanuutest.DefaultAPIKey, 405,
				`{"message":"The GET method is not supported for route ` + path[1:] + `. Supported methods: POST."}`,
			},
			"PUT without key": {
				"PUT", "", 405,
				`{"message":"The PUT method is not supported for route ` + path[1:] + `. Supported methods: POST."}`,
			},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				t.Parallel()
				req := newCall(t, s.URL+path, `{"identifier":"42"}`)
				req.Method = tc.method
				req.Header.Set("Authorization", tc.key)
				a := send(t, http.DefaultClient, req)
				assert.Equal(t, tc.status, a.StatusCode)
				assert.JSONEq(t, tc.want, a.body)
				if tc.status == http.StatusMethodNotAllowed {
					assert.Equal(t, "POST", a.Header.Get("Allow"))
				}
			})
		}
	}
	t.Run("unknown call", func(t *testing.T) {
		t.Parallel()
		for _, path := range []string{"api/nonces", "api/nonce/", "api/nonce/42", "api/", "nonce"} {
			a := call(t, s.URL+"/"+path, `{}`)
			assert.Equal(t, http.StatusNotFound, a.StatusCode, path)
			assert.JSONEq(t, `{"message":"The route `+path+` could not be found."}`, a.body)
		}
	})
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	s := start(t, &kanuutest.Options{Now: func() time.Time { return now }})
	for name, tc := range map[string]struct {
		has  kanuutest.Subscription
		want string
	}{
		"never": {
			kanuutest.Subscription{},
			`{"is_trialing":false,"is_subscribed":false,"status":null,"plan_id":null,"subscription_id":null}`,
		},
		"paid, but never subscribed": {
			kanuutest.Subscription{PaidUntil: now.Add(1)},
			`{"is_trialing":false,"is_subscribed":false,"status":null,"plan_id":null,"subscription_id":null}`,
		},
		"trialing": {
			kanuutest.Subscription{Status: "trialing", PlanID: 67},
			`{"is_trialing":true,"is_subscribed":true,"status":"trialing","plan_id":67,"subscription_id":null}`,
		},
		"active": {
			kanuutest.Subscription{Status: "active", PlanID: 67, SubscriptionID: 9},
			`{"is_trialing":false,"is_subscribed":true,"status":"active","plan_id":67,"subscription_id":9}`,
		},
		"past due": { // as on Kanuu's page
			kanuutest.Subscription{Status: "past-due", PlanID: 67, SubscriptionID: 9},
			`{"is_trialing":false,"is_subscribed":true,"status":"past-due","plan_id":67,"subscription_id":9}`,
		},
		"paused, still paid": {
			kanuutest.Subscription{Status: "paused", PaidUntil: now.Add(1)},
			`{"is_trialing":false,"is_subscribed":true,"status":"paused","plan_id":null,"subscription_id":null}`,
		},
		"canceled, still paid": {
			kanuutest.Subscription{Status: "canceled", PaidUntil: now.Add(1)},
			`{"is_trialing":false,"is_subscribed":true,"status":"canceled","plan_id":null,"subscription_id":null}`,
		},
		"canceled, over now": {
			kanuutest.Subscription{Status: "canceled", PaidUntil: now},
			`{"is_trialing":false,"is_subscribed":false,"status":"canceled","plan_id":null,"subscription_id":null}`,
		},
		"another spelling": {
			kanuutest.Subscription{Status: "deleted"},
			`{"is_trialing":false,"is_subscribed":false,"status":"deleted","plan_id":null,"subscription_id":null}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.SetSubscription(name, tc.has)
			assert.Equal(t, tc.has, s.Subscription(name))
			a := call(t, s.URL+subscriptionPath, `{"identifier":"`+name+`"}`)
			assert.Equal(t, http.StatusOK, a.StatusCode)
			assert.Equal(t, "application/json", a.Header.Get("Content-Type"))
			assert.JSONEq(t, tc.want, a.body)
		})
	}
}
