package main

import (
	"encoding/json"
	"expvar"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/baggage"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

// app is the application with a fake Kanuu, and what it traced, measured and logged.
type app struct {
	handler http.Handler
	private http.Handler
	fake    *kanuutest.Server
	client  *kanuu.Client
	collect func() stats
	spans   *tracetest.SpanRecorder
	metrics *sdkmetric.ManualReader
	log     *strings.Builder
}

func newApp(t *testing.T) app {
	t.Helper()
	a := app{
		fake: kanuutest.NewServer(nil), spans: tracetest.NewSpanRecorder(), metrics: sdkmetric.NewManualReader(),
		log: new(strings.Builder),
	}
	t.Cleanup(a.fake.Close)
	tracing := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(a.spans))
	metering := sdkmetric.NewMeterProvider(sdkmetric.WithReader(a.metrics))
	var err error
	a.client, err = kanuu.NewClient(kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey, BaseURL: a.fake.URL,
		HTTPClient: tracedHTTPClient(tracing, metering),
		Logger:     slog.New(withTrace{slog.NewTextHandler(a.log, nil)}).With("app", "shop").WithGroup("billing"),
	})
	require.NoError(t, err)
	a.handler, a.private, a.collect = newHandlers(a.client, tracing, metering)
	return a
}

// get requests path, in a context with OpenTelemetry's baggage.
func (a app) get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	bag, err := baggage.Parse("customer=alice")
	require.NoError(t, err)
	ctx, w := baggage.ContextWithBaggage(t.Context(), bag), httptest.NewRecorder()
	a.handler.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	return w
}

// measurements requests path at the address that is not for the public.
func (a app) measurements(t *testing.T, path string) string {
	t.Helper()
	w := httptest.NewRecorder()
	a.private.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, http.StatusNotFound, a.get(t, path).Code, "not for the public")
	return w.Body.String()
}

func (a app) measured(t *testing.T) (measured metricdata.ResourceMetrics) {
	t.Helper()
	require.NoError(t, a.metrics.Collect(t.Context(), &measured))
	return measured
}

// exported is all that leaves the process, as text.
func (a app) exported(t *testing.T) string {
	t.Helper()
	var exported strings.Builder
	for _, span := range a.spans.Ended() {
		fmt.Fprintln(&exported, span.Name(), span.Attributes(), span.Events(), span.Links(), span.Status(), span.Resource(),
			span.SpanContext().TraceState())
	}
	metrics, err := json.Marshal(a.measured(t))
	require.NoError(t, err)
	return exported.String() + string(metrics) + a.measurements(t, "/metrics") + a.log.String()
}

func attributesOf(span sdktrace.ReadOnlySpan) map[attribute.Key]string {
	attributes := make(map[attribute.Key]string)
	for _, kv := range span.Attributes() {
		attributes[kv.Key] = kv.Value.String()
	}
	return attributes
}

// A click whose first attempt fails is one span of the request, with a span and a measurement for each attempt.
func TestSpansAndMetricsOfAttempts(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.fake.Inject(kanuutest.Fault{Path: "/api/nonce", Times: 1, Status: http.StatusServiceUnavailable})
	require.Equal(t, http.StatusFound, a.get(t, "/billing").Code)

	spans := a.spans.Ended()
	require.Len(t, spans, 3)
	request := spans[2]
	assert.Equal(t, trace.SpanKindServer, request.SpanKind())
	for i, status := range []string{"503", "201", "302"} {
		assert.Equal(t, status, attributesOf(spans[i])["http.response.status_code"])
	}
	for _, attempt := range spans[:2] {
		assert.Equal(t, "POST /api/nonce", attempt.Name())
		assert.Equal(t, trace.SpanKindClient, attempt.SpanKind())
		assert.Equal(t, request.SpanContext().SpanID(), attempt.Parent().SpanID())
		assert.Equal(t, a.fake.URL+"/api/nonce", attributesOf(attempt)["url.full"])
	}

	attempts := make(map[string]uint64)
	for _, scope := range a.measured(t).ScopeMetrics {
		for _, metric := range scope.Metrics {
			if metric.Name == "http.client.request.duration" {
				for _, point := range metric.Data.(metricdata.Histogram[float64]).DataPoints {
					status, _ := point.Attributes.Value("http.response.status_code")
					attempts[status.String()] += point.Count
				}
			}
		}
	}
	assert.Equal(t, map[string]uint64{"503": 1, "201": 1}, attempts)
}

// Spans, metrics and log lines go to other companies, so nothing that logs a user in is in them.
func TestNoSecretsAreExported(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.fake.Inject(kanuutest.Fault{Path: "/api/nonce", Times: 1, Drop: true})
	portal := a.get(t, "/billing").Header().Get("Location")
	require.NotEmpty(t, portal)
	a.fake.SetSubscription("user:42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	require.Equal(t, http.StatusOK, a.get(t, "/pro").Code)
	a.fake.Inject(kanuutest.Fault{Status: http.StatusUnauthorized, Body: `{"message": "unknown key ` + kanuutest.DefaultAPIKey +
		`"}`})
	require.Equal(t, http.StatusInternalServerError, a.get(t, "/billing").Code)

	exported := a.exported(t)
	for _, text := range []string{"POST /api/nonce", "http.client.request.duration", "kanuu_nonces_total 1", "level=ERROR"} {
		require.Contains(t, exported, text, "each part is there")
	}
	for _, secret := range []string{kanuutest.DefaultAPIKey, path.Base(portal), portal, "user:42", "ann@example.com"} {
		assert.NotContains(t, exported, secret)
	}
}

// Kanuu gets neither the trace nor the baggage.
func TestNothingIsPropagated(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.get(t, "/billing")
	requests := a.fake.Requests()
	require.Len(t, requests, 1)
	for _, header := range []string{"Traceparent", "Tracestate", "Baggage"} {
		assert.Empty(t, requests[0].Header.Get(header), header)
	}
}

func TestLogLinesHaveTheTraceID(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	a.fake.Inject(kanuutest.Fault{Status: http.StatusPaymentRequired})
	require.Equal(t, http.StatusServiceUnavailable, a.get(t, "/billing").Code)
	assert.Contains(t, a.log.String(), "billing.trace_id="+a.spans.Ended()[1].SpanContext().TraceID().String())
	assert.Contains(t, a.log.String(), `msg="kanuu: no redirect to the portal"`)
}

func TestExpvar(t *testing.T) {
	t.Parallel()
	a := newApp(t)
	publish(a.collect) // once in a process: expvar's names are global
	a.get(t, "/billing")
	var vars struct {
		Kanuu stats `json:"kanuu"`
	}
	require.NoError(t, json.Unmarshal([]byte(a.measurements(t, "/debug/vars")), &vars))
	assert.Equal(t, a.collect(), vars.Kanuu)
	assert.Equal(t, uint64(1), vars.Kanuu.Client.Nonces)
	assert.NotNil(t, expvar.Get("kanuu"))
}
