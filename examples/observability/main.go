// Command observability is an application whose calls to Kanuu can be watched:
// spans and metrics of OpenTelemetry, counters for expvar and for Prometheus,
// and log lines that know their trace.
//
//	go run ./examples/observability
//
// Without KANUU_API_KEY an emulator of Kanuu runs inside. docs/observability.md
// walks through it.
package main

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/exporters/stdout/stdouttrace"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/kanuu-io/kanuu-go"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

const defaultAddr = "127.0.0.1:8080"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "observability:", err)
		os.Exit(1) //nolint:gocritic // nothing is left that stop would end
	}
}

func run(ctx context.Context) error {
	exporter, err := stdouttrace.New(stdouttrace.WithPrettyPrint())
	if err != nil {
		return err
	}

	tracing := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter))
	defer func() { _ = tracing.Shutdown(context.WithoutCancel(ctx)) }() // the last spans; stdout takes them or is gone

	config := kanuu.Config{
		APIKey:     os.Getenv(kanuu.EnvAPIKey),
		BaseURL:    os.Getenv(kanuu.EnvBaseURL),
		HTTPClient: tracedHTTPClient(tracing, noop.NewMeterProvider()),
		Logger:     slog.New(withTrace{slog.NewTextHandler(os.Stderr, nil)}),
	}
	if config.APIKey == "" {
		fake := kanuutest.NewServer(nil)
		defer fake.Close()
		config.APIKey, config.BaseURL = kanuutest.DefaultAPIKey, fake.URL
	}

	client, err := kanuu.NewClient(config)
	if err != nil {
		return err
	}

	registry := prometheus.NewRegistry()
	handler, collect := newHandler(client, registry, tracing, noop.NewMeterProvider())
	publish(collect)
	registry.MustRegister(collector{collect})

	address := os.Getenv("ADDR")
	if address == "" {
		address = defaultAddr
	}

	server := &http.Server{
		Addr:              address,
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
	}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()

	fmt.Fprintf(os.Stderr,
		"click on http://%[1]s/billing and http://%[1]s/pro, then look at http://%[1]s/metrics and http://%[1]s/debug/vars\n",
		address)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandler is the application, with its counters.
func newHandler(client *kanuu.Client, registry *prometheus.Registry, tracing trace.TracerProvider,
	metering metric.MeterProvider) (handler http.Handler, collect func() stats) {
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "user:42", Email: "ann@example.com"}, nil // your session
	})

	billing := kanuu.NewRedirectHandler(client, who, nil)
	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"})

	mux := http.NewServeMux()
	mux.Handle("/billing", billing)
	mux.Handle("/pro", gate.Handler(who,
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Welcome to Pro.") })))

	observed := http.NewServeMux()
	// The span of the visit, under which the spans of the calls to Kanuu are.
	observed.Handle("/", otelhttp.NewHandler(mux, "visit",
		otelhttp.WithTracerProvider(tracing), otelhttp.WithMeterProvider(metering)))
	observed.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	observed.Handle("/debug/vars", expvar.Handler())
	return observed, func() stats {
		return stats{Client: client.Stats(), Billing: billing.Stats(), Gate: gate.Stats()} // and those of a WebhookHandler
	}
}
