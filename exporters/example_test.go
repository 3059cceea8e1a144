// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func ExampleStart() {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	pipeline, err := exporters.Start(ctx, recorder,
		exporters.WithDefaultExporters("prometheus"),
		exporters.WithServer("127.0.0.1:0", prometheus.WithHTTPServer(func(s *http.Server, _ *http.ServeMux) { s.WriteTimeout = 10 * time.Second })))
	if err != nil {
		panic(err)
	}
	// The pipeline is a metric.MeterProvider for the host's own instruments.
	pipeline.Meter("example")

	deadline, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	fmt.Println(pipeline.Shutdown(deadline))
	// Output: <nil>
}
