// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// reports collects the errors that reach the error handler of package otel.
type reports struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *reports) Handle(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.WriteString(err.Error() + "\n")
}

func (r *reports) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

func handleErrors(t *testing.T) *reports {
	t.Helper()
	r := new(reports)
	otel.SetErrorHandler(r)
	t.Cleanup(func() { otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) })
	return r
}

const ours = `test:load_bytes_total{engine="0",model_name="m"} 7`

func TestBothExporters(t *testing.T) {
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	recorder, _ := newRecorder(t)
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("prometheus,otlp"), exporters.WithTargetInfo(),
		exporters.WithProviderOptions(sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc")))))
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := collector.Metrics(t)["test.load_bytes"].GetSum().GetDataPoints()[0].GetAsInt(); got != 7 {
		t.Errorf("sent %d, want 7", got)
	}
	count(t, pipeline, "host.requests")
	text := scrape(t, pipeline)
	for _, want := range []string{"\n" + ours + "\n", "\nhost_requests_total{", `target_info{service_name="svc"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape lacks %q:\n%s", want, text)
		}
	}
}

func TestPrometheusNamesOverOTLP(t *testing.T) {
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	pipeline := newPipeline(t, exporters.WithExporters("otlp"), exporters.WithExportOptions(otelkv.WithPrometheusNames()))
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := collector.Metrics(t)["test:load_bytes"]; m == nil || m.GetUnit() != "" {
		t.Errorf("sent %v, want test:load_bytes without a unit", collector.Metrics(t))
	}
}

func TestViewsAndCardinalityLimit(t *testing.T) {
	pipeline := newPipeline(t,
		exporters.WithExporters("prometheus"),
		exporters.WithProviderOptions(sdkmetric.WithView(sdkmetric.NewView(sdkmetric.Instrument{Name: "old"}, sdkmetric.Stream{Name: "new"}))),
		exporters.WithProviderOptions(sdkmetric.WithCardinalityLimit(2)))
	count(t, pipeline, "old")
	c, err := pipeline.Meter("test").Int64Counter("many")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		c.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("i", i)))
	}
	text := scrape(t, pipeline)
	if !strings.Contains(text, "\nnew_total{") {
		t.Errorf("the view did not rename:\n%s", text)
	}
	if !strings.Contains(text, `many_total{otel_metric_overflow="true",otel_scope_name="test",otel_scope_schema_url="",otel_scope_version=""} 9`) {
		t.Errorf("the limit did not fold:\n%s", text)
	}
}

// TestOrdersOfLife: the last values are sent, whatever ends first.
func TestOrdersOfLife(t *testing.T) {
	for name, end := range map[string]func(context.Context, *otelkv.Recorder, *exporters.Pipeline) error{
		"recorder first": func(ctx context.Context, r *otelkv.Recorder, p *exporters.Pipeline) error {
			return errors.Join(r.Close(), p.Shutdown(ctx))
		},
		"pipeline first": func(ctx context.Context, r *otelkv.Recorder, p *exporters.Pipeline) error {
			return errors.Join(p.Shutdown(ctx), r.Close())
		},
		"recorder, flush, pipeline": func(ctx context.Context, r *otelkv.Recorder, p *exporters.Pipeline) error {
			return errors.Join(r.Close(), p.ForceFlush(ctx), p.Shutdown(ctx))
		},
	} {
		t.Run(name, func(t *testing.T) {
			collector := collectortest.HTTP(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
			recorder, counter := newRecorder(t)
			pipeline := newPipelineOf(t, recorder, exporters.WithExporters("otlp"))
			if err := pipeline.ForceFlush(t.Context()); err != nil {
				t.Fatal(err)
			}
			counter.Add(35)
			if err := end(t.Context(), recorder, pipeline); err != nil {
				t.Fatal(err)
			}
			if got := collector.Metrics(t)["test.load_bytes"].GetSum().GetDataPoints()[0].GetAsInt(); got != 42 {
				t.Errorf("the last that was sent is %d, want 42", got)
			}
		})
	}
}

func TestTwoRecorders(t *testing.T) {
	first, _ := newRecorder(t, otelkv.WithConstantLabels(attribute.String("replica", "a")))
	second, _ := newRecorder(t, otelkv.WithConstantLabels(attribute.String("replica", "b")))
	pipeline := newPipelineOf(t, first, exporters.WithExporters("prometheus"), exporters.WithRecorders(second))
	text := scrape(t, pipeline)
	for _, replica := range []string{"a", "b"} {
		if want := `test:load_bytes_total{engine="0",model_name="m",replica="` + replica + `"} 7`; strings.Count(text, want) != 1 {
			t.Errorf("the scrape lacks %q:\n%s", want, text)
		}
	}
	if n := strings.Count(text, "# TYPE test:load_bytes_total"); n != 1 {
		t.Errorf("the family is there %d times, want once:\n%s", n, text)
	}
}

// TestRecordersThatConflict holds that Start refuses recorders whose series no backend could
// tell apart, with every exporter and without one, and starts none of them.
func TestRecordersThatConflict(t *testing.T) {
	// It has one of the OpenTelemetry names of the catalogue, under another Prometheus name.
	renamed, err := otelkv.New(schema.MustCatalogue(
		schema.Int64Counter{Name: "test.load_bytes", PrometheusName: "other:load_bytes", Unit: "By", Description: "Bytes."}))
	if err != nil {
		t.Fatal(err)
	}
	// It has one of the Prometheus names of the catalogue, under another OpenTelemetry name.
	mirrored, err := otelkv.New(schema.MustCatalogue(
		schema.Int64Counter{Name: "other.load_bytes", PrometheusName: "test:load_bytes", Unit: "By", Description: "Bytes."}))
	if err != nil {
		t.Fatal(err)
	}
	recorder, _ := newRecorder(t)
	alike, _ := newRecorder(t)
	for name, c := range map[string]struct {
		second *otelkv.Recorder
		want   string
	}{
		"same recorder":        {recorder, "the same recorder twice"},
		"same catalogue":       {alike, "two recorders have a metric in common"},
		"same OTel name":       {renamed, `metric "test.load_bytes"`},
		"same Prometheus name": {mirrored, "two recorders have a metric in common"},
	} {
		for _, chosen := range []string{"otlp", "console", "none", "prometheus"} {
			t.Run(name+"/"+chosen, func(t *testing.T) {
				written := standardOutput(t)
				custom := new(counting)
				_, err := exporters.Start(t.Context(), recorder, exporters.WithExporters(chosen), exporters.WithExporter(custom),
					exporters.WithServer("127.0.0.1:0"), exporters.WithRecorders(c.second))
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("got %v, want an error that says %q", err, c.want)
				}
				if text := written(); text != "" || custom.exports.Load() > 0 {
					t.Errorf("%d exports, and on the console:\n%s", custom.exports.Load(), text)
				}
			})
		}
	}
}

// TestReaderOfTheHost holds that a reader in the provider's options reads the instruments of
// the host, is flushed and is shut down.
func TestReaderOfTheHost(t *testing.T) {
	sent := &memory{names: make(map[string]int)}
	pipeline := newPipeline(t, exporters.WithExporters("none"),
		exporters.WithProviderOptions(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(sent))))
	count(t, pipeline, "host.requests")
	if err := errors.Join(pipeline.ForceFlush(t.Context()), pipeline.Shutdown(t.Context())); err != nil {
		t.Error(err)
	}
	// Shutdown flushes it, and its own shutdown exports once more.
	if flushed, ours := sent.count("host.requests"), sent.count("test.load_bytes"); flushed != 3 || ours != 0 {
		t.Errorf("sent the host's metric %d times and the recorder's %d times, want 3 and 0", flushed, ours)
	}
}

// A hanging is an exporter whose exports end with their context.
type hanging struct{ memory }

func (*hanging) Export(ctx context.Context, _ *metricdata.ResourceMetrics) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestReaderBesideACollectorThatHangs tests that a reader in the provider's options exports
// a last time while an exporter of the pipeline uses up the time.
func TestReaderBesideACollectorThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := &memory{names: make(map[string]int)}
		recorder, _ := newRecorder(t)
		pipeline, err := exporters.Start(t.Context(), recorder, exporters.WithExporters("none"), exporters.WithExporter(new(hanging)),
			exporters.WithProviderOptions(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(sent))))
		if err != nil {
			t.Fatal(err)
		}
		count(t, pipeline, "host.requests")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := pipeline.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
		synctest.Wait()
		if sent.count("host.requests") == 0 {
			t.Error("the reader lost what was measured last")
		}
	})
}

// A gatherer is a registry of the host's, good or bad.
type gatherer func() ([]*dto.MetricFamily, error)

func (g gatherer) Gather() ([]*dto.MetricFamily, error) { return g() }

func family(name string) *dto.MetricFamily {
	value := 1.0
	return &dto.MetricFamily{Name: &name, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: &value}}}}
}

// A memory is an exporter that counts what it is given.
type memory struct {
	mu    sync.Mutex
	names map[string]int
}

func (*memory) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

func (*memory) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.DefaultAggregationSelector(kind)
}

func (m *memory) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, scope := range rm.ScopeMetrics {
		for _, metric := range scope.Metrics {
			m.names[metric.Name]++
		}
	}
	return nil
}

func (*memory) ForceFlush(context.Context) error { return nil }
func (*memory) Shutdown(context.Context) error   { return nil }

func (m *memory) count(name string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.names[name]
}

// TestFaultsOfTheHost: no fault costs a series of the recorder, on scrapes or over OTLP.
// Each is reported, and the pipeline ends by its deadline.
func TestFaultsOfTheHost(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	observe := func(f func() error) func(*testing.T, *exporters.Pipeline) {
		return func(t *testing.T, p *exporters.Pipeline) {
			_, err := p.Meter("host").Int64ObservableGauge("host.gauge", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return f() }))
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		callback func(*testing.T, *exporters.Pipeline)
		gatherer promclient.Gatherer
		report   string
		shown    string
	}{
		"a callback fails":  {callback: observe(func() error { return errors.New("no luck") }), report: "no luck"},
		"a callback panics": {callback: observe(func() error { panic("no luck") }), report: "panicked: no luck"},
		"a callback hangs":  {callback: observe(func() error { <-hang; return nil }), report: "hangs"},
		"a gatherer fails": {gatherer: gatherer(func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{family("good")}, errors.New("one collector is bad")
		}), report: "one collector is bad", shown: "good"},
		"a gatherer panics": {gatherer: gatherer(func() ([]*dto.MetricFamily, error) { panic("no luck") }), report: "panicked: no luck"},
		"a gatherer hangs":  {gatherer: gatherer(func() ([]*dto.MetricFamily, error) { <-hang; return nil, nil }), report: "hangs"},
		"a gatherer has our name": {gatherer: gatherer(func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{family("test:load_bytes_total"), family("good")}, nil
		}), report: `"test:load_bytes_total" of a gatherer is left out`, shown: "good"},
	} {
		t.Run(name, func(t *testing.T) {
			reported := handleErrors(t)
			sent := &memory{names: make(map[string]int)}
			recorder, _ := newRecorder(t)
			options := []exporters.Option{exporters.WithExporters("prometheus"), exporters.WithExporter(sent, sdkmetric.WithTimeout(2*time.Second))}
			if c.gatherer != nil {
				options = append(options, exporters.WithGatherer(c.gatherer))
			}
			pipeline := newPipelineOf(t, recorder, options...)
			if c.callback != nil {
				c.callback(t, pipeline)
			}
			text := scrape(t, pipeline)
			if strings.Count(text, ours) != 1 || c.shown != "" && !strings.Contains(text, c.shown) {
				t.Errorf("the scrape shows:\n%s", text)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			_ = pipeline.ForceFlush(ctx)
			if got := sent.count("test.load_bytes"); got != 1 || c.shown != "" && sent.count(c.shown) == 0 {
				t.Errorf("sent ours %d times, want once, and what is good", got)
			}
			if got := reported.String(); !strings.Contains(got, c.report) {
				t.Errorf("reported %q, want %q", got, c.report)
			}
			began := time.Now()
			_ = pipeline.Shutdown(ctx)
			if took := time.Since(began); took > 11*time.Second {
				t.Errorf("the shutdown took %v", took)
			}
		})
	}
}

// TestExemplarsOfTheBridge: the trace id that the bridge passes on as text is decoded,
// and an exemplar without a valid id is dropped.
func TestExemplarsOfTheBridge(t *testing.T) {
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	registry := promclient.NewRegistry()
	for name, trace := range map[string]string{"good_total": "0102030405060708090a0b0c0d0e0f10", "bad_total": "not hexadecimal at all, is it ..."} {
		counter := promclient.NewCounter(promclient.CounterOpts{Name: name, Help: "x"})
		counter.(promclient.ExemplarAdder).AddWithExemplar(1, promclient.Labels{"trace_id": trace, "span_id": "0102030405060708"})
		registry.MustRegister(counter)
	}
	recorder, _ := newRecorder(t)
	if err := recorder.Close(); err != nil { // so that the last request is the host's
		t.Fatal(err)
	}
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("otlp"), exporters.WithGatherer(registry))
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	sent := collector.Metrics(t)
	good := sent["good_total"].GetSum().GetDataPoints()[0].GetExemplars()
	if len(good) != 1 || len(good[0].GetTraceId()) != 16 || len(good[0].GetSpanId()) != 8 {
		t.Errorf("sent the exemplars %v, want one with ids of 16 and 8 bytes", good)
	}
	if bad := sent["bad_total"].GetSum().GetDataPoints()[0].GetExemplars(); len(bad) != 0 {
		t.Errorf("sent the exemplars %v, want none", bad)
	}
}
