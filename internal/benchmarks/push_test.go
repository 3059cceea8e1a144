// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	otlp "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelkv/otelkv-go/exporters"
)

const (
	pushedSeries = 50_000
	// batchSize is what a pipeline puts in one request.
	batchSize = 4000
)

// BenchmarkPush sends 50,000 series over OTLP, HTTP and protobuf, to a receiver on
// loopback that reads and does no more. Both send requests of the same size.
func BenchmarkPush(b *testing.B) {
	s, tiers := newScalars(), tierNames(pushedSeries/collectedMetrics)

	serial(b, "otelkv", func(b *testing.B) {
		r := newReceiver(b)
		recorder := newRecorder(b, s.catalogue())
		s.fill(b, newEngine(b, recorder), tiers)
		b.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", r.url)
		b.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
		pipeline := must(exporters.Start(b.Context(), recorder, exporters.WithExporters("otlp")))(b)
		b.Cleanup(func() {
			if err := pipeline.Shutdown(context.Background()); err != nil {
				b.Error(err)
			}
		})
		benchmarkPush(b, r, pipeline.ForceFlush)
	})
	serial(b, "otel_cached", func(b *testing.B) {
		r := newReceiver(b)
		exporter := must(otlpmetrichttp.New(b.Context(), otlpmetrichttp.WithEndpointURL(r.url)))(b)
		provider := serveReader(b, sdkmetric.NewPeriodicReader(exporter,
			sdkmetric.WithInterval(time.Hour), sdkmetric.WithMaxExportBatchSize(batchSize)))
		s.observe(b, provider.Meter("benchmarks"), tiers)
		benchmarkPush(b, r, provider.ForceFlush)
	})
}

// benchmarkPush pushes again and again, and checks that no series is missing.
func benchmarkPush(b *testing.B, r *receiver, push func(context.Context) error) {
	b.Helper()
	for b.Loop() {
		if err := push(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	r.counts.Store(true)
	if err := push(b.Context()); err != nil {
		b.Fatal(err)
	}
	r.counts.Store(false)
	if n := r.points.Load(); n != pushedSeries {
		b.Fatalf("pushed %d series, want %d", n, pushedSeries)
	}
}

// A receiver reads what is sent to it, and counts the data points if it is told to.
type receiver struct {
	url    string
	counts atomic.Bool
	points atomic.Int64
}

func newReceiver(b *testing.B) *receiver {
	b.Helper()
	r := &receiver{}
	server := httptest.NewServer(r)
	b.Cleanup(server.Close)
	r.url = server.URL + "/v1/metrics"
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if !r.counts.Load() {
		_, _ = io.Copy(io.Discard, request.Body)
		return
	}
	body, err := io.ReadAll(request.Body)
	var received collector.ExportMetricsServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &received)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, resource := range received.GetResourceMetrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				r.points.Add(int64(dataPoints(m)))
			}
		}
	}
}

func dataPoints(m *otlp.Metric) int {
	return len(m.GetSum().GetDataPoints()) + len(m.GetGauge().GetDataPoints())
}
