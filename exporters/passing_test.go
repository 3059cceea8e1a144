// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
)

// counting is an exporter that counts its calls, and fails.
type counting struct {
	memory

	exports, shutdowns atomic.Int64
}

func (c *counting) Export(context.Context, *metricdata.ResourceMetrics) error {
	c.exports.Add(1)
	return errors.New("no luck")
}

func (c *counting) Shutdown(context.Context) error {
	c.shutdowns.Add(1)
	return nil
}

// TestOptionsReachTheirParts holds that options of an exporter's reader, the environment of
// the exporter otlp, and the gatherer take effect.
func TestOptionsReachTheirParts(t *testing.T) {
	handleErrors(t)
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	pushed := new(counting)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-test=reached")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
	pipeline := newPipeline(t, exporters.WithExporters("prometheus,otlp"), exporters.WithExporter(pushed, sdkmetric.WithInterval(10*time.Millisecond)),
		exporters.WithGatherer(gatherer(func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{family("reached")}, nil
		})))
	for deadline := time.Now().Add(30 * time.Second); pushed.exports.Load() < 3; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the interval did not reach the readers")
		}
	}
	if collector.Attempts() > 0 {
		t.Error("the interval is also that of another exporter")
	}
	_ = pipeline.ForceFlush(t.Context()) // pushed fails
	if got := collector.Header().Get("x-test"); got != "reached" {
		t.Errorf("the header is %q", got)
	}
	if text := scrape(t, pipeline); !strings.Contains(text, "\nreached 1\n") {
		t.Errorf("the scrape lacks the gatherer's metric:\n%s", text)
	}
}

// TestExporterThatFails: each failure is counted, and the exporter is shut down once,
// with the last of its two readers.
func TestExporterThatFails(t *testing.T) {
	handleErrors(t)
	recorder, _ := newRecorder(t)
	failing := new(counting)
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("none"), exporters.WithExporter(failing))
	for range 2 {
		if err := pipeline.ForceFlush(t.Context()); err == nil {
			t.Error("a flush that failed returned no error")
		}
	}
	if n := recorder.Statistics().ExportFailures; n != 2 || failing.exports.Load() != 2 {
		t.Errorf("%d failures of %d exports are counted, want 2", n, failing.exports.Load())
	}
	if err := pipeline.Shutdown(t.Context()); err == nil {
		t.Error("a shutdown whose last export failed returned no error")
	}
	if n := failing.shutdowns.Load(); n != 1 {
		t.Errorf("the exporter was shut down %d times, want once", n)
	}
}
