package docs_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newApp is whatever the application is.
func newApp(client *kanuu.Client, hook *kanuu.WebhookHandler) http.Handler {
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "user:42"}, nil
	})
	pro := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, nil))
	mux.Handle("/pro", kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(who, pro))
	mux.Handle("/webhooks/paddle", hook)
	return mux
}

// configure makes the application as its main function does.
func configure(t *testing.T, baseURL, apiKey, publicKey string) (http.Handler, *kanuu.Client) {
	t.Helper()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: apiKey, BaseURL: baseURL})
	require.NoError(t, err)
	hook, err := kanuu.NewWebhookHandler(client, publicKey, nil)
	require.NoError(t, err)
	return newApp(client, hook), client
}

// get returns the status of a page, and follows no redirect.
func get(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer response.Body.Close()
	return response.StatusCode
}

// snippet: customer
func TestSubscribe(t *testing.T) {
	t.Parallel()
	fake := kanuutest.NewServer(nil)
	defer fake.Close()
	handler, client := configure(t, fake.URL, kanuutest.DefaultAPIKey, fake.PublicKey()) // your application
	app := httptest.NewServer(handler)
	defer app.Close()
	fake.SetWebhookURL(app.URL + "/webhooks/paddle")

	customer := fake.Customer("user:42")
	require.Equal(t, http.StatusSeeOther, get(t, app.URL+"/pro")) // to /billing
	require.NoError(t, customer.Subscribe(67))                    // the Pro plan
	require.Equal(t, http.StatusOK, get(t, app.URL+"/pro"))
	require.NoError(t, customer.Cancel())
	require.Equal(t, http.StatusOK, get(t, app.URL+"/pro")) // until the end of the month
	require.NoError(t, customer.SkipToNextDate())
	require.NoError(t, client.InvalidateSubscription(t.Context(), "user:42")) // the end sends no webhook
	require.Equal(t, http.StatusSeeOther, get(t, app.URL+"/pro"))
}

// snippet: end
