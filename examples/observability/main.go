// Command observability is an application whose calls to Kanuu can be watched:
// spans and metrics of OpenTelemetry, counters for expvar and for Prometheus,
// and log lines that know their trace.
//
//	go run ./examples/observability
//
// Without KANUU_API_KEY an emulator of Kanuu runs inside. The metrics are on an address
// of their own, which is not for the public: METRICS_ADDR, by default 127.0.0.1:9090.
// docs/observability.md walks through it.
package main

import (
	"cmp"
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
	"golang.org/x/sync/errgroup"

	"github.com/kanuu-io/kanuu-go"
	kanuuprometheus "github.com/kanuu-io/kanuu-go/adapters/prometheus"
	"github.com/kanuu-io/kanuu-go/kanuutest"
)

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

	application, metrics, collect := newHandlers(client, tracing, noop.NewMeterProvider())
	publish(collect)
	public := cmp.Or(os.Getenv("ADDR"), "127.0.0.1:8080")
	private := cmp.Or(os.Getenv("METRICS_ADDR"), "127.0.0.1:9090")
	fmt.Fprintf(os.Stderr,
		"click on http://%[1]s/billing and http://%[1]s/pro, then look at http://%[2]s/metrics and http://%[2]s/debug/vars\n",
		public, private)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return serve(ctx, public, application) })
	group.Go(func() error { return serve(ctx, private, metrics) })
	return group.Wait()
}

// serve ends with ctx, or with an error.
func serve(ctx context.Context, address string, handler http.Handler) error {
	server := &http.Server{Addr: address, Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// newHandlers are the application and its metrics.
func newHandlers(client *kanuu.Client, tracing trace.TracerProvider, metering metric.MeterProvider) (
	application, metrics http.Handler, collect func() stats,
) {
	who := kanuu.IdentifierResolverFunc(func(*http.Request) (kanuu.Identity, error) {
		return kanuu.Identity{Identifier: "user:42", Email: "ann@example.com"}, nil // your session
	})
	billing := kanuu.NewRedirectHandler(client, who, nil)
	gate := kanuu.NewGate(client, &kanuu.GateOptions{BillingURL: "/billing"})
	mux := http.NewServeMux()
	mux.Handle("/billing", billing)
	mux.Handle("/pro", gate.Handler(who,
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Welcome to Pro.") })))
	// The span of the request, under which the spans of the calls to Kanuu are.
	application = otelhttp.NewHandler(mux, "request",
		otelhttp.WithTracerProvider(tracing), otelhttp.WithMeterProvider(metering))

	// snippet: prometheus
	registry := prometheus.NewRegistry()
	registry.MustRegister(kanuuprometheus.NewCollector(kanuuprometheus.Sources{
		Client: client, Billing: billing, Gates: []*kanuu.Gate{gate}, // and Webhooks
	}))
	private := http.NewServeMux() // on another address than the application
	private.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	private.Handle("/debug/vars", expvar.Handler())
	// snippet: end
	return application, private, func() stats {
		return stats{Client: client.Stats(), Billing: billing.Stats(), Gate: gate.Stats()} // and those of a WebhookHandler
	}
}
