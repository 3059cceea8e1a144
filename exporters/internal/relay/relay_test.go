package relay_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/exporters/internal/relay"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	goleak.VerifyTestMain(m)
}

// An export is what a recorder of exports saw of one.
type export struct {
	resource string
	names    []string
}

// exports records what is exported. It wants deltas.
type exports struct {
	mu   sync.Mutex
	seen []export
}

func (*exports) Temporality(k sdkmetric.InstrumentKind) metricdata.Temporality {
	return sdkmetric.DeltaTemporalitySelector(k)
}

func (*exports) Aggregation(k sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if k == sdkmetric.InstrumentKindUpDownCounter {
		return sdkmetric.AggregationDrop{}
	}
	return sdkmetric.DefaultAggregationSelector(k)
}

func (e *exports) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := export{resource: rm.Resource.String()}
	for _, sm := range rm.ScopeMetrics {
		for _, m := range sm.Metrics {
			x.names = append(x.names, m.Name)
		}
	}
	slices.Sort(x.names)
	e.seen = append(e.seen, x)
	return nil
}

func (*exports) ForceFlush(context.Context) error { return nil }
func (*exports) Shutdown(context.Context) error   { return nil }

func (e *exports) take() []export {
	e.mu.Lock()
	defer e.mu.Unlock()
	seen := e.seen
	e.seen = nil
	return seen
}

type producer func() ([]metricdata.ScopeMetrics, error)

func (p producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) { return p() }

func named(name string) []metricdata.ScopeMetrics {
	return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{{Name: name, Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{}}}}}}}
}

func TestPeriodicInterval(t *testing.T) {
	tests := []struct {
		name        string
		environment string
		opts        []sdkmetric.PeriodicReaderOption
		want        int
	}{
		{"default", "", nil, 10},
		{"environment", "30000", nil, 20},
		{"option first", "30000", []sdkmetric.PeriodicReaderOption{sdkmetric.WithInterval(2 * time.Minute)}, 5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", test.environment)
			synctest.Test(t, func(t *testing.T) {
				out := new(exports)
				reader := relay.NewPeriodic(out, []sdkmetric.Producer{producer(func() ([]metricdata.ScopeMetrics, error) { return named("produced"), nil })}, test.opts...)
				provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc"))))
				gauge, err := provider.Meter("m").Int64Gauge("measured")
				if err != nil {
					t.Fatal(err)
				}
				gauge.Record(t.Context(), 1)
				time.Sleep(10*time.Minute + time.Second)
				synctest.Wait()
				seen := out.take()
				if len(seen) != test.want {
					t.Errorf("%d exports in ten minutes, want %d", len(seen), test.want)
				}
				want := export{resource: "service.name=svc", names: []string{"measured", "produced"}}
				for _, got := range seen {
					if diff := cmp.Diff(want, got, cmp.AllowUnexported(export{})); diff != "" {
						t.Errorf("export (-want +got):\n%s", diff)
					}
				}
				if err := provider.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if got := len(out.take()); got != 1 {
					t.Errorf("%d exports by shutdown, want the last one", got)
				}
			})
		})
	}
}

func TestPeriodicTakesTheExportersPreferences(t *testing.T) {
	out := new(exports)
	reader := relay.NewPeriodic(out, nil)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	counter, err1 := provider.Meter("m").Int64Counter("counter")
	dropped, err2 := provider.Meter("m").Int64UpDownCounter("dropped")
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	dropped.Add(t.Context(), 1)
	for range 2 {
		counter.Add(t.Context(), 3)
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &rm); err != nil {
			t.Fatal(err)
		}
		metrics := rm.ScopeMetrics[0].Metrics
		if len(metrics) != 1 {
			t.Fatalf("collected %v, want the counter alone", metrics)
		}
		if got := metrics[0].Data.(metricdata.Sum[int64]); got.Temporality != metricdata.DeltaTemporality || got.DataPoints[0].Value != 3 {
			t.Errorf("collected %v, want a delta of 3", got)
		}
	}
}

func TestProduceKeepsWhatWasCollected(t *testing.T) {
	fault := errors.New("fault")
	tests := []struct {
		name     string
		callback func() error
		produce  producer
		want     []string
	}{
		{"callback error", func() error { return fault }, nil, []string{"measured", "produced"}},
		{"callback panic", func() error { panic(fault) }, nil, []string{"produced"}},
		{"producer error with data", nil, func() ([]metricdata.ScopeMetrics, error) { return named("partial"), fault }, []string{"measured", "partial", "produced"}},
		{"producer panic", nil, func() ([]metricdata.ScopeMetrics, error) { panic(fault) }, []string{"measured", "produced"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var producers []sdkmetric.Producer
			if test.produce != nil {
				producers = append(producers, test.produce)
			}
			producers = append(producers, producer(func() ([]metricdata.ScopeMetrics, error) { return named("produced"), nil }))
			r := relay.New(producers)
			provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.ManualReader))
			defer func() { _ = provider.Shutdown(context.Background()) }()
			gauge, err := provider.Meter("m").Int64Gauge("measured")
			if err != nil {
				t.Fatal(err)
			}
			gauge.Record(t.Context(), 1)
			if test.callback != nil {
				_, err := provider.Meter("m").Int64ObservableGauge("observed", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return test.callback() }))
				if err != nil {
					t.Fatal(err)
				}
			}
			collected, err := r.Produce(t.Context())
			if err == nil {
				t.Error("no error")
			}
			var got []string
			for _, sm := range collected {
				for _, m := range sm.Metrics {
					got = append(got, m.Name)
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("collected (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStopped(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Errorf("reported: %v", err) }))
	defer otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	out := new(exports)
	reader := relay.NewPeriodic(out, []sdkmetric.Producer{producer(func() ([]metricdata.ScopeMetrics, error) { return named("produced"), nil })})
	if err := reader.ForceFlush(t.Context()); !errors.Is(err, sdkmetric.ErrReaderNotRegistered) {
		t.Errorf("flush without a provider returned %v, want ErrReaderNotRegistered", err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(out.take()); got != 1 {
		t.Errorf("%d exports, want the one of shutdown", got)
	}
	if err := reader.ForceFlush(t.Context()); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
		t.Errorf("flush after shutdown returned %v, want ErrReaderShutdown", err)
	}
	if err := reader.Shutdown(t.Context()); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
		t.Errorf("second shutdown returned %v, want ErrReaderShutdown", err)
	}
}
