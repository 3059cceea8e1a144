package prometheus_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func Example() {
	exporter, err := prometheus.New(vllm.TieringSpec())
	if err != nil {
		panic(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()

	mux := http.NewServeMux()
	mux.Handle("/metrics", exporter.Handler())

	// A recorder of this module makes the instruments; here is one by hand.
	loaded, err := provider.Meter("example").Int64Counter("vllm.kv_offload.load_bytes", metric.WithUnit("By"))
	if err != nil {
		panic(err)
	}
	loaded.Add(context.Background(), 4096, metric.WithAttributes(attribute.String("model_name", "m"), attribute.String("engine", "0")))

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if !strings.HasPrefix(line, "#") {
			fmt.Print(line)
		}
	}
	// Output: vllm:kv_offload_load_bytes_total{engine="0",model_name="m"} 4096
}

func ExampleWithRegisterer() {
	// The registry that the service serves already. controller-runtime's
	// metrics.Registry is one.
	registry := promclient.NewRegistry()

	exporter, err := prometheus.New(vllm.TieringSpec(), prometheus.WithRegisterer(registry))
	if err != nil {
		panic(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	// Output:
}

func ExampleStartServer() {
	exporter, err := prometheus.New(vllm.TieringSpec())
	if err != nil {
		panic(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()

	server, err := prometheus.StartServer("127.0.0.1:0", exporter.Handler(), prometheus.WithBearerToken("token"))
	if err != nil {
		panic(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()

	answer, err := http.Get(server.URL())
	if err != nil {
		panic(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
	http.DefaultClient.CloseIdleConnections()
	// Output: 401 Unauthorized
}
