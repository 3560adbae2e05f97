package main

import (
	"context"
	"log/slog"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/kanuu-io/kanuu-go"
)

// snippet: tracing
// tracedHTTPClient is for kanuu.Config.HTTPClient: a span and a measurement for
// each attempt of a call to Kanuu.
func tracedHTTPClient(tracing trace.TracerProvider, metering metric.MeterProvider) *http.Client {
	return &http.Client{Transport: otelhttp.NewTransport(kanuu.NewTransport(),
		otelhttp.WithTracerProvider(tracing),
		otelhttp.WithMeterProvider(metering),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method + " " + r.URL.Path }),
		// Kanuu has no use for your trace, nor for what your baggage says.
		otelhttp.WithPropagators(propagation.NewCompositeTextMapPropagator()),
	)}
}

// snippet: end

// snippet: log
// withTrace adds the trace to each line that is logged within one.
type withTrace struct{ slog.Handler }

func (h withTrace) Handle(ctx context.Context, line slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		line.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, line)
}

func (h withTrace) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withTrace{h.Handler.WithAttrs(attrs)}
}
func (h withTrace) WithGroup(name string) slog.Handler { return withTrace{h.Handler.WithGroup(name)} }

// snippet: end
