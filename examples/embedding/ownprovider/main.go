// Command ownprovider is a service that has a MeterProvider with instruments of
// its own. It adds otelkv's Prometheus exporter as one more reader, so that the
// offload metrics keep vLLM's names, and gives the provider to the recorder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer) (err error) {
	catalogue := vllm.CPUSpec(0)
	exporter, err := prometheus.New(catalogue)
	if err != nil {
		return err
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { err = errors.Join(err, provider.Shutdown(ctx)) }()

	if err := serve(ctx, provider); err != nil {
		return err
	}
	recorder, err := otelkv.New(catalogue, otelkv.WithMeterProvider(provider))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, recorder.Close()) }()
	engine, err := recorder.AddEngine(0, "llama")
	if err != nil {
		return err
	}
	loads, err := engine.Int64Counter(vllm.LoadBytes)
	if err != nil {
		return err
	}
	loads.Add(4096)
	return show(out, exporter)
}

// serve stands for what the service measured before it knew otelkv.
func serve(ctx context.Context, provider metric.MeterProvider) error {
	requests, err := provider.Meter("example.com/service").Int64Counter("service.requests")
	if err != nil {
		return err
	}
	requests.Add(ctx, 3)
	return nil
}

// show prints the counters of a scrape. A service mounts exporter.Handler in its
// own server instead.
func show(out io.Writer, exporter *prometheus.Exporter) error {
	response := httptest.NewRecorder()
	exporter.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(response.Body.String()) {
		if strings.HasPrefix(line, "service_requests") || strings.HasPrefix(line, "vllm:kv_offload_load_bytes") {
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
		}
	}
	return nil
}
