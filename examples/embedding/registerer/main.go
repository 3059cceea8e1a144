// Command registerer is a service, such as a Kubernetes controller, that shows one
// Prometheus registry with collectors of its own. The pipeline's exporter joins
// the registry, as it joins controller-runtime's metrics.Registry: both are a
// prometheus.Registerer.
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

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/otelkv/otelkv-go/exporters"
	otelkvprometheus "github.com/otelkv/otelkv-go/exporters/prometheus"
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
	registry := prometheus.NewRegistry()
	reconciles := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "controller_reconciles_total", Help: "Reconciliations.",
	})
	registry.MustRegister(reconciles)
	reconciles.Inc()

	catalogue := vllm.CPUSpec(0)
	pipeline, err := exporters.New(ctx, catalogue,
		exporters.WithExporters(exporters.Prometheus),
		exporters.WithoutServer(),
		exporters.WithPrometheusOptions(otelkvprometheus.WithRegisterer(registry)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pipeline.Shutdown(ctx)) }()
	recorder, err := otelkv.New(catalogue, otelkv.WithMeterProvider(pipeline))
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
	return show(out, registry)
}

// show prints the counters of a scrape of the registry.
func show(out io.Writer, registry *prometheus.Registry) error {
	response := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(response.Body.String()) {
		if strings.HasPrefix(line, "controller_") || strings.HasPrefix(line, "vllm:kv_offload_load_bytes") {
			if _, err := io.WriteString(out, line); err != nil {
				return err
			}
		}
	}
	return nil
}
