package docs_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newApp is whatever the application is.
func newApp(client *kanuu.Client, hook *kanuu.WebhookHandler) http.Handler {
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "42"}, nil
	})
	pro := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })

	mux := http.NewServeMux()
	mux.Handle("/billing", kanuu.NewRedirectHandler(client, who, nil))
	mux.Handle("/pro", kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"}).Handler(who, pro))
	mux.Handle("/webhooks/paddle", hook)
	return mux
}

// snippet: testing
func TestPro(t *testing.T) {
	t.Parallel()

	box, paddle := kanuutest.NewServer(nil), kanuutest.NewSigner() // a fake Kanuu, and who signs as Paddle does
	defer box.Close()

	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: box.URL})
	require.NoError(t, err)

	hook, err := kanuu.NewWebhookHandler(client, paddle.PublicKey(), nil)
	require.NoError(t, err)

	app := newApp(client, hook) // your routes

	status := func(path string) int {
		answer := httptest.NewRecorder()
		app.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil)) // logged in as user 42
		return answer.Code
	}

	assert.Equal(t, http.StatusSeeOther, status("/pro")) // to /billing
	assert.Equal(t, http.StatusFound, status("/billing"))

	// They pay.
	box.SetSubscription("42", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 12345})
	paddle.Post(app, kanuutest.Webhook{AlertName: "subscription_created", Identifier: "42"})
	assert.Equal(t, http.StatusOK, status("/pro"))

	// Kanuu is down.
	box.Inject(kanuutest.Fault{Status: http.StatusServiceUnavailable})
	assert.Equal(t, http.StatusServiceUnavailable, status("/billing"))
	assert.Equal(t, http.StatusOK, status("/pro")) // still in
}

// snippet: end

// configure makes the application as its main function does.
func configure(t *testing.T, baseURL, apiKey, publicKey string) http.Handler {
	t.Helper()
	client, err := kanuu.NewClient(kanuu.Config{APIKey: apiKey, BaseURL: baseURL})
	require.NoError(t, err)
	hook, err := kanuu.NewWebhookHandler(client, publicKey, nil)
	require.NoError(t, err)
	return newApp(client, hook)
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
	app := httptest.NewServer(configure(t, fake.URL, kanuutest.DefaultAPIKey, fake.PublicKey())) // your application
	defer app.Close()
	fake.SetWebhookURL(app.URL + "/webhooks/paddle")

	customer := fake.Customer("42")
	require.Equal(t, http.StatusSeeOther, get(t, app.URL+"/pro")) // to /billing
	require.NoError(t, customer.Subscribe(67))                    // the Pro plan
	require.Equal(t, http.StatusOK, get(t, app.URL+"/pro"))
	require.NoError(t, customer.Cancel())
	require.Equal(t, http.StatusOK, get(t, app.URL+"/pro")) // until the end of the month
}

// snippet: end
