// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func ExampleNewCollector() {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		panic(err)
	}
	collector, err := prometheus.NewCollector(recorder)
	if err != nil {
		panic(err)
	}
	// The registry that the service serves already. controller-runtime's
	// metrics.Registry is one, and prometheus.DefaultRegisterer another.
	registry := promclient.NewRegistry()
	registry.MustRegister(collector)

	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		panic(err)
	}
	loaded, err := engine.Int64Counter(vllm.LoadBytes)
	if err != nil {
		panic(err)
	}
	loaded.Add(4096)

	answer := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, "vllm:kv_offload_load_bytes_total") {
			fmt.Print(line)
		}
	}
	// Output: vllm:kv_offload_load_bytes_total{engine="0",model_name="m"} 4096
}

func ExampleStartServer() {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		panic(err)
	}
	collector, err := prometheus.NewCollector(recorder)
	if err != nil {
		panic(err)
	}
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collector})
	if err != nil {
		panic(err)
	}
	server, err := prometheus.StartServer("127.0.0.1:0", handler, prometheus.WithBearerToken("token"))
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

// Native histograms beside the buckets, for a server that scrapes protobuf.
func ExampleNewCollector_nativeHistograms() {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		panic(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		panic(err)
	}
	collector, err := prometheus.NewCollector(recorder, otelkv.WithNativeHistograms())
	if err != nil {
		panic(err)
	}
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collector})
	if err != nil {
		panic(err)
	}
	size, err := engine.Histogram(vllm.LoadSize)
	if err != nil {
		panic(err)
	}
	size.Record(3e9)

	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header()))
	for {
		var family dto.MetricFamily
		if decoder.Decode(&family) != nil {
			return
		}
		if family.GetName() == vllm.LoadSize.PrometheusName {
			h := family.GetMetric()[0].GetHistogram()
			fmt.Println(len(h.GetBucket()), "buckets, and native ones of schema", h.GetSchema(), h.GetPositiveDelta())
		}
	}
	// Output: 10 buckets, and native ones of schema 5 [1]
}
