package guide

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log"
	"net/http"
	"time"

	"github.com/kanuu-io/kanuu-go"
)

// Outbox is a table of jobs, such as mails, that another part of the application does.
type Outbox interface {
	// Add writes a job unless there is one of the alert.
	Add(ctx context.Context, job string, e kanuu.Event) error
}

// Webhooks receives webhooks.
func Webhooks(client *kanuu.Client, publicKey string, shared kanuu.Deduplicator, outbox Outbox) http.Handler {
	// snippet: webhooks
	hook, err := kanuu.NewWebhookHandler(client, publicKey, &kanuu.WebhookOptions{ // PADDLE_PUBLIC_KEY
		MaxAge:       3 * 24 * time.Hour, // refuses recordings; default 7 days
		Deduplicator: shared,             // for several instances, such as that of kanuuredis
		Name:         "shop",             // required with a Deduplicator
	})
	if err != nil {
		log.Fatal(err)
	}
	hook.On(kanuu.AlertSubscriptionCreated, func(ctx context.Context, e kanuu.Event) error {
		return outbox.Add(ctx, "welcome", e) // after an error Paddle delivers the alert again
	})
	hook.On("subscription_payment_*", func(ctx context.Context, e kanuu.Event) error {
		return outbox.Add(ctx, "bookkeeping", e)
	})
	mux := http.NewServeMux()
	mux.Handle("POST /webhooks/paddle", hook) // before any middleware that reads the body
	// snippet: end
	return mux
}

// OwnDispatch passes alerts on to a queue.
func OwnDispatch(client *kanuu.Client, hook *kanuu.WebhookHandler, outbox Outbox) http.Handler {
	// snippet: verify
	receive := func(w http.ResponseWriter, r *http.Request) {
		e, err := hook.Verify(r)
		if err != nil {
			http.Error(w, "", kanuu.HTTPStatus(err))
			return
		}
		if e.Identifier != "" {
			err = client.InvalidateSubscription(r.Context(), e.Identifier)
		}
		if err == nil {
			err = outbox.Add(r.Context(), e.AlertName, e)
		}
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError) // Paddle delivers the alert again
		}
	}
	// snippet: end
	return http.HandlerFunc(receive)
}

// Signed adds a proof that this application named the identifier.
func Signed(secret []byte, identifier string) kanuu.Identity {
	// snippet: proof
	sign := func(identifier string) string {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(identifier))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)) // 43 characters
	}
	// In the resolver:
	identity := kanuu.Identity{Identifier: identifier, Supplemental: map[string]string{"proof": sign(identifier)}}
	// In the handler, before anything of value is given:
	isOurs := func(e kanuu.Event) bool {
		return hmac.Equal([]byte(e.Supplemental["proof"]), []byte(sign(e.Identifier)))
	}
	// snippet: end
	_ = isOurs
	return identity
}
