package exporters_test

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/internal/preaggregated"
	"github.com/otelkv/otelkv-go/schema"
)

// A ledger is a source with one series of each metric of the catalogue. It
// counts one up for every collection of a reader, from where that reader is.
type ledger struct {
	start time.Time
	label string
}

func (l *ledger) NewReader(wants preaggregated.Deltas) preaggregated.Reader {
	return &ledgerReader{ledger: l, wants: wants}
}

type ledgerReader struct {
	*ledger
	wants       preaggregated.Deltas
	collections int64
}

var collectedAt = time.Unix(2e9, 0)

func (r *ledgerReader) Collect() ([]preaggregated.Metric, time.Time) {
	r.collections++
	labels := attribute.NewSet(attribute.String("engine", r.label))
	var metrics []preaggregated.Metric
	for d := range catalogue.All() {
		m, n := preaggregated.Metric{Definition: &d}, r.collections
		if d.Kind() == schema.KindCounter && r.wants.Counters || d.Kind() == schema.KindHistogram && r.wants.Histograms {
			n = 1
		}
		switch {
		case d.Kind() == schema.KindHistogram:
			m.Distributions = []preaggregated.Distribution{
				{Attributes: labels, Start: r.start.UnixNano(), Counts: []uint64{0, uint64(n)}, Sum: 2e6 * float64(n), Min: 2e6, Max: 2e6},
				{Attributes: attribute.NewSet(attribute.String("engine", "idle")), Start: r.start.UnixNano(), Counts: []uint64{0, 0}, Min: math.Inf(1), Max: math.Inf(-1)},
			}
		case d.Number() == schema.NumberKindInt64:
			m.Int64Points = []preaggregated.Point[int64]{{Attributes: labels, Start: r.start.UnixNano(), Value: 10 * n}}
		default:
			m.Float64Points = []preaggregated.Point[float64]{{Attributes: labels, Start: r.start.UnixNano(), Value: 0.5 * float64(n)}}
		}
		metrics = append(metrics, m)
	}
	return metrics, collectedAt
}

// Definitions yields the definitions of all that the ledger's readers return.
func (l *ledger) Definitions() iter.Seq[schema.Definition] { return catalogue.All() }

// addSource adds a source under the scope of the tests.
func addSource(t *testing.T, pipeline *exporters.Pipeline, source preaggregated.Source) (remove func()) {
	t.Helper()
	remove, err := pipeline.AddSource(scope, source)
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return remove
}

var scope = preaggregated.Scope{Name: "otelkv", Version: "1.0.0"}

func TestSourceOnAScrape(t *testing.T) {
	pipeline := newPipeline(t, exporters.WithExporters("prometheus"))
	remove := addSource(t, pipeline, &ledger{label: "0"})
	want := `# HELP test:jobs Jobs.
# TYPE test:jobs gauge
test:jobs{engine="0"} 10
# HELP test:load_bytes_total Bytes.
# TYPE test:load_bytes_total counter
test:load_bytes_total{engine="0"} 10
# HELP test:load_size Sizes.
# TYPE test:load_size histogram
test:load_size_bucket{engine="0",le="1e+06"} 0
test:load_size_bucket{engine="0",le="+Inf"} 1
test:load_size_sum{engine="0"} 2e+06
test:load_size_count{engine="0"} 1
test:load_size_bucket{engine="idle",le="1e+06"} 0
test:load_size_bucket{engine="idle",le="+Inf"} 0
test:load_size_sum{engine="idle"} 0
test:load_size_count{engine="idle"} 0
# HELP test:load_time_total Seconds.
# TYPE test:load_time_total counter
test:load_time_total{engine="0"} 0.5
# HELP test:usage_perc Fraction.
# TYPE test:usage_perc gauge
test:usage_perc{engine="0"} 0.5
`
	if diff := cmp.Diff(want, scrape(t, pipeline)); diff != "" {
		t.Errorf("scrape (-want +got):\n%s", diff)
	}
	removeOther := addSource(t, pipeline, &ledger{label: "1"})
	if text := scrape(t, pipeline); !strings.Contains(text, `test:jobs{engine="0"} 20`) || !strings.Contains(text, `test:jobs{engine="1"} 10`) {
		t.Errorf("the scrape lacks one of two sources:\n%s", text)
	}
	remove()
	remove()
	if text := scrape(t, pipeline); strings.Contains(text, `engine="0"`) || !strings.Contains(text, `test:jobs{engine="1"} 20`) {
		t.Errorf("the scrape after one source of two is removed:\n%s", text)
	}
	removeOther()
	if text := scrape(t, pipeline); text != "" {
		t.Errorf("the scrape without sources:\n%s", text)
	}
}

func TestSourceOverOTLP(t *testing.T) {
	const cumulative, delta = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	tests := []struct {
		preference  string
		counters    metricspb.AggregationTemporality
		second      int64
		histograms  metricspb.AggregationTemporality
		secondCount uint64
	}{
		{"cumulative", cumulative, 20, cumulative, 2},
		{"delta", delta, 10, delta, 1},
		// Observable counters stay cumulative, as on any MeterProvider.
		{"lowmemory", cumulative, 20, delta, 1},
	}
	for _, test := range tests {
		t.Run(test.preference, func(t *testing.T) {
			collector := collectortest.GRPC(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", test.preference)
			pipeline := newPipeline(t, exporters.WithExporters("otlp"))
			addSource(t, pipeline, &ledger{label: "0", start: time.Unix(1e9, 0)})
			for range 2 {
				if err := pipeline.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			metrics := collector.Metrics(t)
			sum := metrics["test.load_bytes"].GetSum()
			if got := sum.GetDataPoints()[0].GetAsInt(); sum.GetAggregationTemporality() != test.counters || got != test.second || !sum.GetIsMonotonic() {
				t.Errorf("second counter is %s %d, want %s %d", sum.GetAggregationTemporality(), got, test.counters, test.second)
			}
			if p := sum.GetDataPoints()[0]; p.GetStartTimeUnixNano() != 1e18 || p.GetTimeUnixNano() != 2e18 {
				t.Errorf("counter from %d to %d, want the source's times", p.GetStartTimeUnixNano(), p.GetTimeUnixNano())
			}
			histogram := metrics["test.load_size"].GetHistogram()
			if got := histogram.GetDataPoints()[0]; histogram.GetAggregationTemporality() != test.histograms || got.GetCount() != test.secondCount || got.GetMin() != 2e6 || got.GetMax() != 2e6 {
				t.Errorf("second histogram is %s %v, want %s with count %d", histogram.GetAggregationTemporality(), got, test.histograms, test.secondCount)
			}
			if idle := histogram.GetDataPoints()[1]; idle.Min != nil || idle.Max != nil {
				t.Errorf("an empty histogram has extrema: %v", idle)
			}
			units := map[string]string{}
			for name, m := range metrics {
				units[name] = m.GetUnit()
			}
			want := map[string]string{"test.load_bytes": "By", "test.load_time": "s", "test.jobs": "{job}", "test.usage": "1", "test.load_size": "By"}
			if diff := cmp.Diff(want, units); diff != "" {
				t.Errorf("names and units (-want +got):\n%s", diff)
			}
			if got := collector.Last().GetResourceMetrics()[0].GetScopeMetrics()[0].GetScope(); got.GetName() != scope.Name || got.GetVersion() != scope.Version {
				t.Errorf("scope %v, want %v", got, scope)
			}
		})
	}
}

// TestEachReaderHasItsOwnView holds that one exporter's collections do not take
// from another's deltas.
func TestEachReaderHasItsOwnView(t *testing.T) {
	collector := collectortest.GRPC(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
	pipeline := newPipeline(t, exporters.WithExporters("prometheus,otlp"))
	addSource(t, pipeline, &ledger{label: "0"})
	for range 3 {
		scrape(t, pipeline)
	}
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := collector.Metrics(t)["test.load_bytes"].GetSum().GetDataPoints()[0].GetAsInt(); got != 10 {
		t.Errorf("sent a delta of %d, want 10", got)
	}
	if text := scrape(t, pipeline); !strings.Contains(text, `test:load_bytes_total{engine="0"} 40`) {
		t.Errorf("the fourth scrape shows:\n%s", text)
	}
}

// TestFaultOfTheHost holds that the host's instruments cannot take a source's
// metrics from any exporter.
func TestFaultOfTheHost(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	fault := errors.New("the host's fault")
	for name, callback := range map[string]func() error{
		"error": func() error { return fault },
		"panic": func() error { panic(fault) },
	} {
		t.Run(name, func(t *testing.T) {
			collector := collectortest.GRPC(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
			pipeline := newPipeline(t, exporters.WithExporters("prometheus,otlp"))
			addSource(t, pipeline, &ledger{label: "0"})
			_, err := pipeline.Meter("host").Int64ObservableGauge("x", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return callback() }))
			if err != nil {
				t.Fatal(err)
			}
			if err := pipeline.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := collector.Metrics(t)["test.load_bytes"].GetSum().GetDataPoints()[0].GetAsInt(); got != 10 {
				t.Errorf("sent %d, want 10", got)
			}
			if text := scrape(t, pipeline); !strings.Contains(text, `test:load_bytes_total{engine="0"} 10`) {
				t.Errorf("the scrape shows:\n%s", text)
			}
		})
	}
}

func TestProducerOfALateReader(t *testing.T) {
	var late exporters.Settings
	pipeline := newPipeline(t, exporters.WithExporters("none"), exporters.WithReader(func(_ context.Context, s exporters.Settings) (sdkmetric.Reader, error) {
		late = s
		return sdkmetric.NewManualReader(), nil
	}))
	addSource(t, pipeline, &ledger{label: "0"})
	collected, err := late.Producer(nil).Produce(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(collected) != 1 || len(collected[0].Metrics) != catalogue.Len() {
		t.Fatalf("collected %v, want every metric of the source", collected)
	}
	sum, ok := collected[0].Metrics[0].Data.(metricdata.Sum[int64])
	if !ok || sum.Temporality != metricdata.CumulativeTemporality {
		t.Errorf("a nil selector gives %v, want a cumulative sum", collected[0].Metrics[0].Data)
	}
}

func TestSourcesConcurrently(t *testing.T) {
	collector := collectortest.GRPC(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	pipeline := newPipeline(t, exporters.WithExporters("prometheus,otlp"))
	var wg sync.WaitGroup
	for _, label := range []string{"0", "1", "2"} {
		wg.Go(func() {
			for range 50 {
				addSource(t, pipeline, &ledger{label: label})()
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			scrape(t, pipeline)
		}
	})
	wg.Go(func() {
		for range 20 {
			if err := pipeline.ForceFlush(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	if text := scrape(t, pipeline); text != "" {
		t.Errorf("sources are left:\n%s", text)
	}
}
