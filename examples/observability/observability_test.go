package main

import (
	"encoding/json"
	"expvar"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
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

// watched is the application with everything that watches it.
type watched struct {
	handler  http.Handler
	box      *kanuutest.Server
	client   *kanuu.Client
	spans    *tracetest.SpanRecorder
	metrics  *sdkmetric.ManualReader
	registry *prometheus.Registry
	log      *strings.Builder
}

func watch(t *testing.T) watched {
	t.Helper()

	w := watched{
		box:      kanuutest.NewServer(nil),
		spans:    tracetest.NewSpanRecorder(),
		metrics:  sdkmetric.NewManualReader(),
		registry: prometheus.NewRegistry(),
		log:      new(strings.Builder),
	}
	t.Cleanup(w.box.Close)

	tracing := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(w.spans))
	metering := sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.metrics))

	var err error

	w.client, err = kanuu.NewClient(kanuu.Config{
		APIKey: kanuutest.DefaultAPIKey, BaseURL: w.box.URL,
		HTTPClient: tracedHTTPClient(tracing, metering),
		Logger:     slog.New(withTrace{slog.NewTextHandler(w.log, nil)}),
	})
	require.NoError(t, err)

	w.registry.MustRegister(collector{w.client.Stats})
	w.handler = newHandler(w.client, w.registry, tracing, metering)
	return w
}

func (w watched) visit(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()

	member, err := baggage.NewMember("customer", "ann")
	require.NoError(t, err)

	bag, err := baggage.New(member)
	require.NoError(t, err)

	request := httptest.NewRequest(http.MethodGet, path, nil)
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, request.WithContext(baggage.ContextWithBaggage(request.Context(), bag)))
	return answer
}

// told is all that has been told about what happened, as text.
func (w watched) told(t *testing.T) string {
	t.Helper()

	var told strings.Builder
	for _, span := range w.spans.Ended() {
		fmt.Fprintln(&told, span.Name(), span.Attributes(), span.Events(), span.Links(), span.Status(), span.Resource(),
			span.SpanContext().TraceState())
	}

	var measured metricdata.ResourceMetrics
	require.NoError(t, w.metrics.Collect(t.Context(), &measured))

	text, err := json.Marshal(measured)
	require.NoError(t, err)
	told.Write(text)

	told.WriteString(w.visit(t, "/metrics").Body.String())
	told.WriteString(w.log.String())
	return told.String()
}

func attributesOf(span sdktrace.ReadOnlySpan) map[attribute.Key]string {
	attributes := make(map[attribute.Key]string)
	for _, kv := range span.Attributes() {
		attributes[kv.Key] = kv.Value.String()
	}
	return attributes
}

// A click whose first attempt fails is one span of the visit with one span for
// each attempt under it.
func TestSpans(t *testing.T) {
	t.Parallel()

	w := watch(t)
	w.box.Inject(kanuutest.Fault{Path: "/api/nonce", Times: 1, Status: http.StatusServiceUnavailable})

	require.Equal(t, http.StatusFound, w.visit(t, "/billing").Code)

	spans := w.spans.Ended()
	require.Len(t, spans, 3)

	first, second, visit := spans[0], spans[1], spans[2]
	for _, attempt := range spans[:2] {
		assert.Equal(t, "POST /api/nonce", attempt.Name())
		assert.Equal(t, trace.SpanKindClient, attempt.SpanKind())
		assert.Equal(t, visit.SpanContext().SpanID(), attempt.Parent().SpanID())
		assert.Equal(t, w.box.URL+"/api/nonce", attributesOf(attempt)["url.full"])
	}

	assert.Equal(t, "503", attributesOf(first)["http.response.status_code"])
	assert.Equal(t, "201", attributesOf(second)["http.response.status_code"])
	assert.Equal(t, trace.SpanKindServer, visit.SpanKind())
	assert.Equal(t, "302", attributesOf(visit)["http.response.status_code"])
}

func TestMetrics(t *testing.T) {
	t.Parallel()

	w := watch(t)
	w.box.Inject(kanuutest.Fault{Path: "/api/nonce", Times: 1, Status: http.StatusServiceUnavailable})
	w.visit(t, "/billing")

	var measured metricdata.ResourceMetrics
	require.NoError(t, w.metrics.Collect(t.Context(), &measured))

	attempts := make(map[string]uint64)
	for _, scope := range measured.ScopeMetrics {
		for _, metric := range scope.Metrics {
			if metric.Name != "http.client.request.duration" {
				continue
			}
			histogram, ok := metric.Data.(metricdata.Histogram[float64])
			require.True(t, ok)
			for _, point := range histogram.DataPoints {
				status, _ := point.Attributes.Value("http.response.status_code")
				attempts[status.String()] += point.Count
			}
		}
	}

	assert.Equal(t, map[string]uint64{"503": 1, "201": 1}, attempts)
}

// Spans, metrics and log lines are sent to other companies: what logs somebody
// in is in none of them.
func TestNothingSecretIsTold(t *testing.T) {
	t.Parallel()

	w := watch(t)
	w.box.Inject(kanuutest.Fault{Path: "/api/nonce", Times: 1, Drop: true})

	portal := w.visit(t, "/billing").Header().Get("Location")
	require.NotEmpty(t, portal)

	w.box.SetSubscription("user:42", kanuutest.Subscription{Status: kanuutest.StatusActive})
	require.Equal(t, http.StatusOK, w.visit(t, "/pro").Code)

	w.box.Inject(kanuutest.Fault{Status: http.StatusUnauthorized, Body: `{"message": "unknown key ` + kanuutest.DefaultAPIKey +
		`"}`})
	require.Equal(t, http.StatusBadGateway, w.visit(t, "/billing").Code)

	told := w.told(t)
	for _, trace := range []string{"POST /api/nonce", "http.client.request.duration", "kanuu_nonces_total 1", "level=ERROR"} {
		require.Contains(t, told, trace, "the test must see what it judges")
	}

	for name, secret := range map[string]string{
		"key": kanuutest.DefaultAPIKey, "nonce": path.Base(portal), "portal URL": portal,
		"identifier": "user:42", "e-mail address": "ann@example.com",
	} {
		assert.NotContains(t, told, secret, name)
	}
}

// Kanuu hears nothing of the trace, nor of the baggage.
func TestNothingIsPropagated(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.visit(t, "/billing")
	requests := w.box.Requests()
	require.Len(t, requests, 1)
	for _, header := range []string{"Traceparent", "Tracestate", "Baggage"} {
		assert.Empty(t, requests[0].Header.Get(header), header)
	}
}

func TestLogLinesKnowTheirTrace(t *testing.T) {
	t.Parallel()

	w := watch(t)
	w.box.Inject(kanuutest.Fault{Status: http.StatusPaymentRequired})
	require.Equal(t, http.StatusServiceUnavailable, w.visit(t, "/billing").Code)

	visit := w.spans.Ended()[1]
	assert.Contains(t, w.log.String(), "trace_id="+visit.SpanContext().TraceID().String())
	assert.Contains(t, w.log.String(), `msg="kanuu: no redirect to the portal"`)
}

// Each field of Stats comes out as a value of its own, also those that later
// versions have.
func TestCollectorTellsAllStats(t *testing.T) {
	t.Parallel()

	var stats kanuu.Stats

	fields := number(reflect.ValueOf(&stats).Elem(), 0)
	stats.Breaker = "open"

	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(collector{func() kanuu.Stats { return stats }}))

	families, err := registry.Gather()
	require.NoError(t, err)

	values := make(map[float64]int)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			values[metric.GetCounter().GetValue()+metric.GetGauge().GetValue()]++
		}
	}

	for field := 1; field <= fields; field++ {
		assert.Equal(t, 1, values[float64(100+field)], "the value of field %d", field)
	}

	problems, err := testutil.GatherAndLint(registry)
	require.NoError(t, err)
	assert.Empty(t, problems)

	assert.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP kanuu_breaker_state 1 for the state that the circuit breaker is in.
# TYPE kanuu_breaker_state gauge
kanuu_breaker_state{state="closed"} 0
kanuu_breaker_state{state="half-open"} 0
kanuu_breaker_state{state="open"} 1
`), "kanuu_breaker_state"))
}

// number sets each numeric field within v to a value of its own, 101, 102, and
// so on after the first known ones, and returns how many there are.
func number(v reflect.Value, known int) int {
	switch {
	case v.Kind() == reflect.Struct:
		for _, field := range v.Fields() {
			known = number(field, known)
		}
	case v.CanUint(), v.CanInt():
		known++
		v.Set(reflect.ValueOf(100 + known).Convert(v.Type()))
	}
	return known
}

func TestExpvar(t *testing.T) {
	t.Parallel()

	w := watch(t)
	publish(w.client) // once in a process: expvar's names are global
	w.visit(t, "/billing")

	var vars struct {
		Kanuu kanuu.Stats `json:"kanuu"`
	}
	require.NoError(t, json.Unmarshal(w.visit(t, "/debug/vars").Body.Bytes(), &vars))
	assert.Equal(t, w.client.Stats(), vars.Kanuu)
	assert.Equal(t, uint64(1), vars.Kanuu.Nonces)
	assert.NotNil(t, expvar.Get("kanuu"))
}
