package kanuuprometheus_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kanuu-io/kanuu-go"
	kanuuprometheus "github.com/kanuu-io/kanuu-go/adapters/prometheus"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// newRegistry has the metrics of an application, whose handlers have had some requests.
func newRegistry(t *testing.T) *prometheus.Registry {
	t.Helper()
	fake, signer := kanuutest.NewServer(nil), kanuutest.NewSigner()
	t.Cleanup(fake.Close)
	client, err := kanuu.NewClient(kanuu.Config{APIKey: kanuutest.DefaultAPIKey, BaseURL: fake.URL})
	require.NoError(t, err)
	t.Cleanup(client.Close)
	resolver := kanuu.IdentifierResolverFunc(func(r *http.Request) (kanuu.Identity, error) {
		if r.FormValue("user") == "" {
			return kanuu.Identity{}, kanuu.ErrUnauthenticated
		}
		return kanuu.Identity{Identifier: r.FormValue("user"), Email: "ann@example.com"}, nil
	})
	billing, gate := kanuu.NewRedirectHandler(client, resolver, nil), kanuu.NewGate(client, nil)
	basic := kanuu.NewGate(client, &kanuu.GateOptions{Plans: []int64{1}})
	hook, err := kanuu.NewWebhookHandler(client, signer.PublicKey(), nil)
	require.NoError(t, err)
	hook.On("*", func(context.Context, kanuu.Event) error { return nil })
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(kanuuprometheus.NewCollector(kanuuprometheus.Sources{
		Client: client, Billing: billing, Gates: []*kanuu.Gate{gate, basic}, Webhooks: hook,
	})))

	fake.SetSubscription("ann", kanuutest.Subscription{Status: kanuutest.StatusActive, PlanID: 2})
	page := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, request := range []struct {
		handler http.Handler
		path    string
	}{
		{billing, "/billing?user=ann"},
		{billing, "/billing"},
		{gate.Handler(resolver, page), "/pro?user=ann"},
		{gate.Handler(resolver, page), "/pro?user=ann"},
		{gate.Handler(resolver, page), "/pro"},
		{basic.Handler(resolver, page), "/basic?user=ann"},
		{basic.Handler(resolver, page), "/basic?user=bob"},
	} {
		request.handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, request.path, nil))
	}
	require.Equal(t, http.StatusOK, signer.Post(hook, kanuutest.Webhook{AlertID: "1"}).StatusCode)
	require.Equal(t, http.StatusOK, signer.Post(hook, kanuutest.Webhook{AlertID: "1"}).StatusCode)
	return registry
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	res, err := http.Get(server.URL)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)

	lines := strings.Split(string(body), "\n")
	for _, line := range []string{
		`kanuu_nonces_total 1`,
		`kanuu_calls_total 3`,
		`kanuu_attempts_total 3`,
		`kanuu_retries_total 0`,
		`kanuu_failures_total 0`,
		`kanuu_short_circuited_total 0`,
		`kanuu_outages_total 0`,
		`kanuu_calls_in_flight 0`,
		`kanuu_breaker_state{state="closed"} 1`,
		`kanuu_breaker_state{state="open"} 0`,
		`kanuu_breaker_state{state="half-open"} 0`,
		`kanuu_cache_lookups_total{result="hit"} 2`,
		`kanuu_cache_lookups_total{result="miss"} 2`,
		`kanuu_cache_refreshes_total 0`,
		`kanuu_cache_failures_total 0`,
		`kanuu_cache_evictions_total 0`,
		`kanuu_cache_entries 2`,
		`kanuu_billing_requests_total{result="redirected"} 1`,
		`kanuu_billing_requests_total{result="unauthenticated"} 1`,
		`kanuu_billing_requests_total{result="led_on"} 0`,
		`kanuu_gate_requests_total{result="not_subscribed"} 2`,
		`kanuu_gate_requests_total{result="unauthenticated"} 1`,
		`kanuu_webhook_requests_total{result="handled"} 1`,
		`kanuu_webhook_requests_total{result="duplicates"} 1`,
	} {
		assert.Contains(t, lines, line)
	}
	for _, secret := range []string{kanuutest.DefaultAPIKey, "ann", "bob", "example.com"} {
		assert.NotContains(t, string(body), secret)
	}
	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	assert.Empty(t, problems)
}

func TestNothingToRead(t *testing.T) {
	t.Parallel()
	assert.Zero(t, testutil.CollectAndCount(kanuuprometheus.NewCollector(kanuuprometheus.Sources{})))
}

// The dashboard shows metrics that there are.
func TestDashboard(t *testing.T) {
	t.Parallel()
	file, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(file, &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	families, err := newRegistry(t).Gather()
	require.NoError(t, err)
	names := make(map[string]bool)
	for _, family := range families {
		names[family.GetName()] = true
	}
	for _, panel := range dashboard.Panels {
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			used := regexp.MustCompile(`kanuu_\w+`).FindAllString(target.Expr, -1)
			require.NotEmpty(t, used, panel.Title)
			for _, name := range used {
				assert.True(t, names[name], "%s: %s", panel.Title, name)
			}
		}
	}
}
