package kanuutest_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is what Paddle signs with
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go/kanuutest"
)

func newKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024) //nolint:gosec // is made faster, and protects nothing
	require.NoError(t, err)
	return key
}

func publicKey(t *testing.T, signer *kanuutest.Signer) *rsa.PublicKey {
	t.Helper()
	block, rest := pem.Decode([]byte(signer.PublicKey()))
	require.NotNil(t, block)
	assert.Empty(t, rest)
	assert.Equal(t, "PUBLIC KEY", block.Type)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	require.NoError(t, err)
	return key.(*rsa.PublicKey)
}

// verify holds the signature of a form against what PHP serializes of it.
func verify(t *testing.T, signer *kanuutest.Signer, form, serialized string) {
	t.Helper()
	fields, err := url.ParseQuery(form)
	require.NoError(t, err)
	signature, err := base64.StdEncoding.DecodeString(fields.Get("p_signature"))
	require.NoError(t, err)
	digest := sha1.Sum([]byte(serialized)) //nolint:gosec // it is what Paddle signs with
	assert.NoError(t, rsa.VerifyPKCS1v15(publicKey(t, signer), crypto.SHA1, digest[:], signature))
}

func TestSign(t *testing.T) {
	t.Parallel()
	signer := kanuutest.NewSigner()
	for form, serialized := range map[string]string{
		"":               `a:0:{}`,
		"b=1&a=%C3%A9+x": `a:2:{s:1:"a";s:4:"é x";s:1:"b";s:1:"1";}`,
		"tags[]=red&tags[]=blue&a[x]=1&a[w]=": `a:2:{s:1:"a";a:2:{s:1:"x";s:1:"1";s:1:"w";s:0:"";}` +
			`s:4:"tags";a:2:{i:0;s:3:"red";i:1;s:4:"blue";}}`,
		"a=1&p_signature=old&a=2": `a:1:{s:1:"a";s:1:"2";}`,
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			signed := signer.Sign(form)
			assert.True(t, strings.HasPrefix(signed, form))
			verify(t, signer, signed[strings.LastIndex(signed, "p_signature="):], serialized)
		})
	}
	assert.PanicsWithValue(t, "kanuutest: the form has more fields than a webhook",
		func() { signer.Sign(strings.Repeat("a&", 1001)) })
}

func TestSignerKeys(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	one, other := kanuutest.NewSigner(), kanuutest.NewSigner()
	assert.Equal(t, one.PublicKey(), other.PublicKey())
	assert.Equal(t, 2048, publicKey(t, kanuutest.NewSigner()).N.BitLen())
	assert.True(t, key.PublicKey.Equal(publicKey(t, kanuutest.NewSignerWithKey(key))))
}

func body(t *testing.T, signer *kanuutest.Signer, webhook kanuutest.Webhook) url.Values {
	t.Helper()
	fields, err := url.ParseQuery(signer.Body(webhook))
	require.NoError(t, err)
	assert.NotEmpty(t, fields.Get("p_signature"))
	fields.Del("p_signature")
	return fields
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	key := newKey(t)
	signer := kanuutest.NewSignerWithKey(key)

	fields := body(t, signer, kanuutest.Webhook{})
	assert.Equal(t, "subscription_created", fields.Get("alert_name"))
	assert.Equal(t, "170001", fields.Get("alert_id"))
	assert.Empty(t, fields.Get("passthrough"))
	at, err := time.Parse(time.DateTime, fields.Get("event_time"))
	require.NoError(t, err)
	assert.WithinDuration(t, time.Now(), at, time.Minute)

	fields = body(t, signer, kanuutest.Webhook{
		AlertName: "transfer_paid", Time: time.Date(2026, 11, 20, 1, 2, 3, 4, time.FixedZone("", 3600)),
		Identifier: "42", Supplemental: map[string]string{"campaign": "spring"},
		Fields: map[string]string{"tags[]": "a b", "passthrough2": "x"},
	})
	assert.Equal(t, url.Values{
		"alert_name": {"transfer_paid"}, "alert_id": {"170002"}, "event_time": {"2026-11-20 00:02:03"},
		"passthrough": {`{"campaign":"spring","kanuu":"42"}`}, "tags[]": {"a b"}, "passthrough2": {"x"},
	}, fields)

	fields = body(t, signer, kanuutest.Webhook{AlertID: "7", Supplemental: map[string]string{"a": "b"},
		Fields: map[string]string{"alert_name": "own"}})
	assert.Equal(t, "7", fields.Get("alert_id"))
	assert.Equal(t, "own", fields.Get("alert_name"))
	assert.JSONEq(t, `{"a":"b"}`, fields.Get("passthrough"))
}

func TestSampleFields(t *testing.T) {
	t.Parallel()
	signer := kanuutest.NewSigner()
	for name, want := range map[string][]string{
		"subscription_created":           {"next_bill_date", "unit_price", "quantity", "cancel_url", "update_url", "source"},
		"subscription_updated":           {"old_price", "new_price", "old_status", "old_subscription_plan_id", "update_url"},
		"subscription_cancelled":         {"cancellation_effective_date", "unit_price"},
		"subscription_payment_succeeded": {"sale_gross", "order_id", "receipt_url", "next_payment_amount", "customer_name"},
		"subscription_payment_failed":    {"amount", "attempt_number", "next_retry_date", "cancel_url"},
		"subscription_payment_refunded":  {"gross_refund", "amount", "refund_reason", "refund_type"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fields := body(t, signer, kanuutest.Webhook{AlertName: name})
			for _, field := range append(want, "subscription_id", "subscription_plan_id", "status", "currency", "email",
				"user_id", "checkout_id") {
				assert.NotEmpty(t, fields.Get(field), field)
			}
			for field := range fields {
				assert.Regexp(t, `^[a-z_]+$`, field)
			}
			if name == "subscription_payment_refunded" {
				assert.Equal(t, "Not what I wanted", fields.Get("refund_reason"))
			}
		})
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	r := kanuutest.NewSigner().Request("https://example.com/hook?a=b", kanuutest.Webhook{})
	assert.Equal(t, http.MethodPost, r.Method)
	assert.Equal(t, "https://example.com/hook?a=b", r.URL.String())
	assert.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	sent, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	assert.Contains(t, string(sent), "p_signature=")
	assert.Len(t, sent, int(r.ContentLength))
	assert.Panics(t, func() { kanuutest.NewSigner().Request("://", kanuutest.Webhook{}) })
}

func TestPost(t *testing.T) {
	t.Parallel()
	signer := kanuutest.NewSigner()
	for name, tc := range map[string]struct {
		handle http.HandlerFunc
		status int
		body   string
		header string
	}{
		"nothing": {func(http.ResponseWriter, *http.Request) {}, 200, "", ""},
		"a status": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			w.WriteHeader(http.StatusOK)
		}, 404, "", ""},
		"a body": {func(w http.ResponseWriter, r *http.Request) {
			assert.NoError(t, r.ParseForm())
			w.Header().Set("X-Test", "before")
			assert.Contains(t, r.PostForm, "p_signature")
			fmt.Fprint(w, "signed")
			w.Header().Set("X-Test", "too late")
			fmt.Fprint(w, "!")
		}, 200, "signed!", "before"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := signer.Post(tc.handle, kanuutest.Webhook{})
			assert.Equal(t, tc.status, answer.StatusCode)
			assert.Equal(t, tc.body, answer.Body)
			assert.Equal(t, tc.header, answer.Header.Get("X-Test"))
		})
	}
}

// A router finds its handler by the path that is documented.
func TestPostPath(t *testing.T) {
	t.Parallel()
	var asked string
	router := http.NewServeMux()
	router.HandleFunc("POST example.com/webhooks/paddle", func(_ http.ResponseWriter, r *http.Request) { asked = r.URL.String() })
	assert.Equal(t, http.StatusOK, kanuutest.NewSigner().Post(router, kanuutest.Webhook{}).StatusCode)
	assert.Equal(t, "http://example.com/webhooks/paddle", asked)
}

func TestSignerIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	signer := kanuutest.NewSigner()
	var seen sync.Map
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			fields, err := url.ParseQuery(signer.Body(kanuutest.Webhook{}))
			if !assert.NoError(t, err) { //nolint:testifylint // not the test's own goroutine
				return
			}
			_, twice := seen.LoadOrStore(fields.Get("alert_id"), true)
			assert.False(t, twice)
		})
	}
	all.Wait()
}
