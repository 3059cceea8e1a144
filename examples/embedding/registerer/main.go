// SPDX-License-Identifier: Apache-2.0

// Command registerer is a service, such as a Kubernetes controller, that has a Prometheus
// registry with its own collectors. It registers the recorder's collector as well. The
// same works with metrics.Registry of controller-runtime, because it is a
// prometheus.Registerer too.
package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	otelkvprometheus "github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(out io.Writer) error {
	registry := prometheus.NewRegistry()
	reconciles := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "controller_reconciles_total", Help: "Reconciliations.",
	})
	registry.MustRegister(reconciles)
	reconciles.Inc()

	recorder, err := otelkv.New(vllm.CPUSpec(0))
	if err != nil {
		return err
	}
	collector, err := otelkvprometheus.NewCollector(recorder)
	if err != nil {
		return err
	}
	if err := registry.Register(collector); err != nil {
		return err
	}
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

// show prints the counters in a scrape of the registry.
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
