package work

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // it is what Paddle signs with
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// Names of what receives a webhook.
const (
	RSA         = "the RSA check alone"
	HandWebhook = "hand-written handler"
	Handled     = "kanuu-go, and a function once"
)

// paddleKey has as many bits as Paddle's.
var paddleKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 4096) })

// Form of a webhook in the shape of Paddle's reference, with so many fields once
// it has an alert_id and a signature: at least 34.
func Form(fields int) url.Values {
	form := url.Values{}
	for name, value := range sample {
		form.Set(name, value)
	}

	for i := len(form) + 2; i < fields; i++ {
		form.Set(fmt.Sprintf("custom_field_%02d", i), "some value")
	}

	return form
}

// FormOfSize is one whose body has about so many bytes, at least 1,000, once it
// has an alert_id and a signature; in fields of a hundred.
func FormOfSize(size int) url.Values {
	const (
		signature  = 720 // with what its escapes take
		otherwise  = 150 // the fields below, and alert_id
		field      = 100
		fieldName  = "custom_field_000="
		separators = 1
	)

	form := url.Values{}
	for _, name := range []string{"alert_name", "event_time", "passthrough"} {
		form.Set(name, sample[name])
	}

	for i := range (size - signature - otherwise) / field {
		form.Set(fmt.Sprintf("custom_field_%03d", i), strings.Repeat("x", field-len(fieldName)-separators))
	}

	return form
}

// Bodies of a form that the owner of key has signed, as two alerts.
func Bodies(form url.Values, key *rsa.PrivateKey) []string {
	signer := kanuutest.NewSignerWithKey(key)
	bodies := make([]string, 0, 2)

	for _, id := range []string{"170001", "170002"} {
		form.Set("alert_id", id)
		bodies = append(bodies, signer.Sign(form.Encode()))
	}

	return bodies
}

// Webhooks receive and verify a form again and again; [Handled] also hands it to
// a function, once for each alert.
func Webhooks(form url.Values) ([]Work, error) {
	key, err := paddleKey()
	if err != nil {
		return nil, err
	}

	client, err := kanuu.NewClient(kanuu.Config{APIKey: apiKey})
	if err != nil {
		return nil, err
	}

	publicKey := kanuutest.NewSignerWithKey(key).PublicKey()

	received, err := kanuu.NewWebhookHandler(client, publicKey, nil)
	if err != nil {
		return nil, err
	}

	// Of two alerts that take turns, with a memory of one, none is known.
	handled, err := kanuu.NewWebhookHandler(client, publicKey, &kanuu.WebhookOptions{RememberedAlerts: 1})
	if err != nil {
		return nil, err
	}

	events := 0
	handled.On("subscription_*", func(context.Context, kanuu.Event) error {
		events++

		return nil
	})

	bodies, hand := Bodies(form, key), &handWebhook{key: &key.PublicKey}

	digest, signature, err := hand.parse(bodies[0])
	if err != nil {
		return nil, err
	}

	handle := webhook(Handled, handled, bodies)

	return []Work{
		webhook(Kanuu, received, bodies),
		{Name: RSA, Do: func(int) error {
			return rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA1, digest[:], signature)
		}},
		webhook(HandWebhook, hand, bodies),
		{Name: Handled, Do: func(i int) error {
			before := events

			err := handle.Do(i)
			if err == nil && events != before+1 {
				err = fmt.Errorf("%w: handled %d times", errStatus, events-before)
			}

			return err
		}},
	}, nil
}

// sample is a subscription_payment_succeeded in the shape of Paddle's reference.
var sample = map[string]string{
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
	"email":                "ann@example.com",
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

// webhook is for one caller at a time.
func webhook(name string, handler http.Handler, bodies []string) Work {
	w, body := &writer{header: make(http.Header)}, new(reader)

	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://example.com/webhooks/paddle", http.NoBody)
	if err != nil { // a URL that is written here: cannot happen
		panic(err)
	}

	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")

	turn := 0 // of its own: no two deliveries in a row may be of one alert

	return Work{Name: name, Do: func(int) error {
		clear(w.header)
		w.status = 0
		turn++

		next := bodies[turn%len(bodies)]
		body.Reset(next)
		r.Body, r.ContentLength = body, int64(len(next))
		r.Form, r.PostForm = nil, nil
		handler.ServeHTTP(w, r)

		if w.status != http.StatusOK {
			return fmt.Errorf("%w %d", errStatus, w.status)
		}

		return nil
	}}
}

type reader struct{ strings.Reader }

func (*reader) Close() error { return nil }

// handWebhook is what guides to Paddle Classic's webhooks lead to.
type handWebhook struct{ key *rsa.PublicKey }

func (h *handWebhook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "bad request", http.StatusBadRequest)

		return
	}

	digest, signature, err := h.parse(string(body))
	if err != nil || rsa.VerifyPKCS1v15(h.key, crypto.SHA1, digest[:], signature) != nil {
		http.Error(w, "unauthorized", http.StatusUnauthorized)

		return
	}

	w.WriteHeader(http.StatusOK)
}

func (h *handWebhook) parse(body string) (digest [sha1.Size]byte, signature []byte, err error) {
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

	var serialized bytes.Buffer

	fmt.Fprintf(&serialized, "a:%d:{", len(names))

	for _, name := range names {
		value := form.Get(name)
		fmt.Fprintf(&serialized, "s:%d:\"%s\";s:%d:\"%s\";", len(name), name, len(value), value)
	}

	serialized.WriteString("}")

	return sha1.Sum(serialized.Bytes()), signature, nil //nolint:gosec // it is what Paddle signs with
}
