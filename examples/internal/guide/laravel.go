package guide

import (
	"context"
	"net/http"

	"github.com/kanuu-io/kanuu-go"
)

// LaravelRoutes are the two routes of Kanuu's Laravel package.
func LaravelRoutes(mux *http.ServeMux, client *kanuu.Client, who kanuu.IdentifierResolver, hook *kanuu.WebhookHandler) {
	// snippet: laravel routes
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, &kanuu.RedirectOptions{LoginURL: "/login"}))
	mux.Handle("/webhooks/paddle", hook)
	// snippet: end
}

// LaravelBillable is what its Billable trait tells.
func LaravelBillable(ctx context.Context, client *kanuu.Client, user User) (bool, error) {
	// snippet: laravel billable
	subscription, err := client.Subscription(ctx, user.ID)
	if err != nil {
		return false, err // Kanuu is unavailable and nothing is cached: not the same as "no"
	}
	return subscription.IsSubscribed, nil
	// snippet: end
}

// LaravelWebhooks are its listeners.
func LaravelWebhooks(hook *kanuu.WebhookHandler, welcome func(identifier string, plan int64) error) {
	// snippet: laravel webhooks
	hook.On("subscription_created", func(_ context.Context, e kanuu.Event) error {
		return welcome(e.Identifier, e.PlanID())
	})
	// snippet: end
}
