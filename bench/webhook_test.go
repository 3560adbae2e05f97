package bench_test

import (
	"context"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // Paddle signs with it
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/PaddleHQ/paddle-go-sdk/v4"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// alert is a subscription_payment_succeeded as Paddle documents it, with the passthrough that Kanuu
// sets. With alert_id and p_signature it has 34 fields.
var alert = map[string]string{
	"alert_name":           "subscription_payment_succeeded",
	"balance_currency":     "EUR",
	"balance_earnings":     "11.25",
	"balance_fee":          "0.98",
	"balance_gross":        "14.28",
	"balance_tax":          "2.05",
	"checkout_id":          "9-dcb7cf9b5e0f1a3-8b0d6d5a5e",
	"country":              "DE",
	"coupon":               "",
	"currency":             "EUR",
	"customer_name":        "Ann Müller",
	"earnings":             "11.25",
	"email":                email,
	"event_time":           "2024-05-06 07:08:09",
	"fee":                  "0.98",
	"initial_payment":      "false",
	"instalments":          "4",
	"marketing_consent":    "1",
	"next_bill_date":       "2024-06-06",
	"next_payment_amount":  "12.00",
	"order_id":             "123456-7890123",
	"passthrough":          `{"kanuu":"42"}`,
	"payment_method":       "card",
	"payment_tax":          "2.05",
	"plan_name":            "Pro, monthly",
	"quantity":             "1",
	"receipt_url":          "https://my.paddle.com/receipt/123456-7890123/987654-chre5f1c3a4d2b6",
	"sale_gross":           "14.28",
	"status":               "active",
	"subscription_id":      "67890",
	"subscription_plan_id": "12345",
	"unit_price":           "12.00",
}

// BenchmarkWebhook measures a webhook of Paddle Classic from the request to the response. The key
// has 2,048 bits, because the check of a longer one is so slow that it hides the rest.
// over-rsa-ns/op is the CPU time beyond the RSA check, which all peers do but Paddle's SDK: it
// verifies the HMAC of Paddle Billing.
func BenchmarkWebhook(b *testing.B) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		b.Fatal(err)
	}
	bodies := signedBodies(key)
	digest, signature, err := parseByHand(bodies[0])
	if err != nil {
		b.Fatal(err)
	}
	check := func(int) error { return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA1, digest[:], signature) }
	for _, p := range []peer{
		{"rsa", check, nil},
		{"kanuu", kanuuWebhook(b, key, bodies), nil},
		{"hand", post(verifyByHand(&key.PublicKey), bodies, nil), nil},
		{"paddle-hmac", paddleWebhook(bodies), nil},
	} {
		b.Run("peer="+p.name, func(b *testing.B) {
			took := rounds(b, check, p.do)
			median(b, "cpu-ns/op", took, cpu)
			if p.name == "kanuu" || p.name == "hand" {
				median(b, "over-rsa-ns/op", took, overBase)
			}
		})
	}
}

func signedBodies(key *rsa.PrivateKey) []string {
	signer := kanuutest.NewSignerWithKey(key)
	bodies := make([]string, 500)
	for i := range bodies {
		form := url.Values{"alert_id": {strconv.Itoa(170_000 + i)}}
		for name, value := range alert {
			form.Set(name, value)
		}
		bodies[i] = signer.Sign(form.Encode())
	}
	return bodies
}

// kanuuWebhook has a handler handle each alert. When all bodies were used it makes a new one, to
// which none of them is a duplicate.
func kanuuWebhook(b *testing.B, key *rsa.PrivateKey, bodies []string) func(int) error {
	b.Helper()
	client, publicKey := newOfflineClient(b), kanuutest.NewSignerWithKey(key).PublicKey()
	var (
		calls, handled int
		deliver        func(int) error
	)
	return func(int) error {
		if calls%len(bodies) == 0 {
			webhook, err := kanuu.NewWebhookHandler(client, publicKey, &kanuu.WebhookOptions{MaxAge: -1})
			if err != nil {
				return err
			}
			webhook.On("subscription_payment_succeeded", func(context.Context, kanuu.Event) error {
				handled++
				return nil
			})
			deliver = post(webhook, bodies, nil)
		}
		calls++
		if err := deliver(calls); err != nil {
			return err
		}
		if handled != calls {
			return fmt.Errorf("%w: %d of %d alerts were handled", errUnexpected, handled, calls)
		}
		return nil
	}
}

// paddleWebhook verifies the same bodies with Paddle's SDK, signed as Paddle Billing does.
func paddleWebhook(bodies []string) func(int) error {
	const secret = "pdl_ntfset_01h4ge9r64c22exjsx0fy8b48b"
	headers := make([]string, len(bodies))
	for i, body := range bodies {
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "1671552777:%s", body)
		headers[i] = "ts=1671552777;h1=" + hex.EncodeToString(mac.Sum(nil))
	}
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	return post(paddle.NewWebhookVerifier(secret).Middleware(page), bodies, headers)
}

// post returns a function that delivers one of the bodies, with its header Paddle-Signature if
// there are any.
func post(handler http.Handler, bodies, headers []string) func(i int) error {
	r := click("/webhooks/paddle")
	r.Method, r.Header = http.MethodPost, http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	serve := handle(handler, r, http.StatusOK)
	body := new(reader)
	return func(i int) error {
		i %= len(bodies)
		if headers != nil {
			r.Header["Paddle-Signature"] = headers[i : i+1]
		}
		body.Reset(bodies[i])
		r.Body, r.ContentLength, r.Form, r.PostForm = body, int64(len(bodies[i])), nil, nil
		return serve()
	}
}

type reader struct{ strings.Reader }

func (*reader) Close() error { return nil }

// verifyByHand verifies the signature as guides to Paddle Classic's webhooks show, and does nothing
// else.
func verifyByHand(key *rsa.PublicKey) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		digest, signature, err := parseByHand(string(body))
		if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA1, digest[:], signature) != nil {
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		w.WriteHeader(http.StatusOK)
	}
}

func parseByHand(body string) (digest [sha1.Size]byte, signature []byte, err error) {
	form, err := url.ParseQuery(body)
	if err != nil {
		return digest, nil, err
	}
	signature, err = base64.StdEncoding.DecodeString(form.Get("p_signature"))
	if err != nil {
		return digest, nil, err
	}
	form.Del("p_signature")
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	serialized := fmt.Appendf(make([]byte, 0, len(body)), "a:%d:{", len(names))
	for _, name := range names {
		serialized = appendString(appendString(serialized, name), form.Get(name))
	}
	serialized = append(serialized, '}')
	return sha1.Sum(serialized), signature, nil //nolint:gosec // Paddle signs with it
}

// appendString appends a string as PHP's serialize writes it.
func appendString(to []byte, s string) []byte {
	to = strconv.AppendInt(append(to, "s:"...), int64(len(s)), 10)
	return append(append(append(to, ':', '"'), s...), '"', ';')
}
