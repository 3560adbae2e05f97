// Package docs checks the Markdown files: links lead somewhere, and Go code compiles. It holds the
// snippets of the README that are in no other package.
package docs

import (
	"context"
	"log"
	"log/slog"
	"net/http"
	"os"

	"github.com/kanuu-io/kanuu-go"
	kanuuredis "github.com/kanuu-io/kanuu-go/adapters/redis"
)

func netHTTP(mux *http.ServeMux, pro http.Handler) {
	// snippet: net/http
	client, err := kanuu.NewClientFromEnv() // KANUU_API_KEY, and KANUU_BASE_URL for a stand-in
	if err != nil {
		log.Fatal(err)
	}
	who := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		user, ok := UserFromSession(r)
		if !ok {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: user.ID, Email: user.Email}, nil
	})
	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing", LoginURL: "/login"})
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login"}))
	mux.Handle("/pro", gate.Handler(who, pro)) // pro finds kanuu.SubscriptionFromContext(r.Context())
	// snippet: end
}

func webhooks(mux *http.ServeMux, client *kanuu.Client) {
	// snippet: webhooks
	hook, err := kanuu.NewWebhookHandler(client, os.Getenv("PADDLE_PUBLIC_KEY"), nil)
	if err != nil {
		log.Fatal(err)
	}
	hook.On("subscription_*", func(ctx context.Context, e kanuu.Event) error {
		log.Println(e.AlertName, e.Identifier, e.Status(), e.NextBillDate())
		return nil
	})
	mux.Handle("/webhooks/paddle", hook)
	// snippet: end
}

func sharedCache() (*kanuu.Client, error) {
	// snippet: redis
	store, err := kanuuredis.NewFromURL(os.Getenv("REDIS_URL"), &kanuuredis.Options{Logger: slog.Default()})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	client, err := kanuu.NewClient(kanuu.Config{
		APIKey:      os.Getenv("KANUU_API_KEY"),
		BaseURL:     os.Getenv("KANUU_BASE_URL"),
		Logger:      slog.Default(), // gets the cause and the remedy of each failure; silent without it
		SharedCache: store,
	})
	// snippet: end
	return client, err
}

func calls(ctx context.Context, client *kanuu.Client) error {
	// snippet: client
	nonce, err := client.CreateNonce(ctx, kanuu.Identity{
		Identifier:   "team:7",
		Email:        "ann@example.com",
		Supplemental: map[string]string{"campaign": "spring"}, // comes back in Paddle's webhooks
	})
	if err != nil {
		return err
	}
	// nonce.URL logs its bearer in, once: hand it to the customer who clicked, and to nobody else.

	sub, err := client.Subscription(ctx, "team:7") // cached; FetchSubscription always asks
	if err != nil {
		return err
	}
	log.Println(sub.IsSubscribed, sub.IsTrialing, sub.OnGracePeriod(), sub.Status, sub.PlanID)
	// snippet: end
	_ = nonce.URL
	return nil
}

// User is whatever the application has.
type User struct{ ID, Email string }

// UserFromSession is whatever the application does.
func UserFromSession(*http.Request) (*User, bool) { return nil, false }
