// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

var viewBlocks = schema.Int64Gauge{Name: "p.blocks", PrometheusName: "p_blocks", Unit: "{block}", Description: "Blocks.", LabelNames: []string{"tier"}, Additive: true}

// TestViews holds that views make of a producer's metrics what they make of the
// instruments of a meter provider of the SDK.
func TestViews(t *testing.T) {
	all := sdkmetric.Instrument{Name: "p.*"}
	of := func(name string) sdkmetric.Instrument { return sdkmetric.Instrument{Name: name} }
	without := func(keys ...attribute.Key) sdkmetric.Stream {
		return sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter(keys...)}
	}
	tests := []struct {
		name  string
		views []sdkmetric.View
	}{
		{"none", nil},
		{"matches nothing", []sdkmetric.View{sdkmetric.NewView(of("q.*"), sdkmetric.Stream{Description: "x"})}},
		{"rename", []sdkmetric.View{sdkmetric.NewView(of("p.bytes"), sdkmetric.Stream{Name: "loaded"})}},
		{"rename a mirror", []sdkmetric.View{sdkmetric.NewView(of("p.copy"), sdkmetric.Stream{Name: "loaded"})}},
		{"description and unit", []sdkmetric.View{sdkmetric.NewView(all, sdkmetric.Stream{Description: "Other.", Unit: "x"})}},
		{"drop", []sdkmetric.View{sdkmetric.NewView(of("p.size"), sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})}},
		{"drop all", []sdkmetric.View{sdkmetric.NewView(all, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})}},
		{"default aggregation", []sdkmetric.View{sdkmetric.NewView(of("p.b*"), sdkmetric.Stream{Aggregation: sdkmetric.AggregationDefault{}})}},
		{"filter a label", []sdkmetric.View{sdkmetric.NewView(all, without("tier"))}},
		{"filter the engine", []sdkmetric.View{sdkmetric.NewView(all, without("engine"))}},
		{"filter both", []sdkmetric.View{sdkmetric.NewView(all, without("engine", "tier"))}},
		{"filter everything", []sdkmetric.View{sdkmetric.NewView(all, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter()})}},
		{"filter nothing", []sdkmetric.View{sdkmetric.NewView(all, without("other"))}},
		{"coarser boundaries", []sdkmetric.View{sdkmetric.NewView(of("p.s*"), sdkmetric.Stream{
			Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{0, 8}}})}},
		{"no boundaries", []sdkmetric.View{sdkmetric.NewView(of("p.size"), sdkmetric.Stream{
			Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{}}})}},
		{"the same boundaries without extremes", []sdkmetric.View{sdkmetric.NewView(of("p.size"), sdkmetric.Stream{
			Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: paritySize.Boundaries, NoMinMax: true}})}},
		{"coarser and filtered", []sdkmetric.View{sdkmetric.NewView(of("p.size"), sdkmetric.Stream{
			AttributeFilter: attribute.NewDenyKeysFilter("engine", "tier"),
			Aggregation:     sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{0.5}}})}},
		{"two streams of one metric", []sdkmetric.View{
			sdkmetric.NewView(of("p.size"), sdkmetric.Stream{Name: "fine"}),
			sdkmetric.NewView(of("p.size"), sdkmetric.Stream{Name: "coarse", Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{8}}}),
		}},
		{"by kind", []sdkmetric.View{
			sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindObservableCounter}, without("engine")),
			sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindObservableUpDownCounter}, without("tier")),
			sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindObservableGauge}, sdkmetric.Stream{Unit: "gauge"}),
			sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram}, sdkmetric.Stream{Unit: "histogram"}),
		}},
		{"by unit", []sdkmetric.View{sdkmetric.NewView(sdkmetric.Instrument{Unit: "By"}, without("engine"))}},
		{"a function", []sdkmetric.View{func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
			return sdkmetric.Stream{Name: i.Name + ".x", Description: i.Scope.Name, Unit: i.Unit}, i.Name == "p.bytes" && i.Scope.Version == otelkv.Version()
		}}},
	}
	for _, test := range tests {
		for _, s := range selections() {
			t.Run(test.name+"/"+s.name, func(t *testing.T) {
				t.Parallel()
				var readers []sdkmetric.Reader
				var recorders []*otelkv.Recorder
				for _, way := range []string{"producer", "instruments"} {
					recorder, err := otelkv.New(schema.MustCatalogue(parityBytes, parityTime, parityJobs, parityUsage, paritySize, parityCopy, paritySample, viewBlocks))
					if err != nil {
						t.Fatal(err)
					}
					options := []sdkmetric.ManualReaderOption{sdkmetric.WithTemporalitySelector(s.selector)}
					var provided []sdkmetric.Option
					if way == "producer" {
						options = append(options, sdkmetric.WithProducer(newProducer(t, recorder, otelkv.WithSelectors(s.selector, nil), otelkv.WithViews(test.views...))))
					} else {
						provided = append(provided, sdkmetric.WithView(test.views...))
					}
					reader := sdkmetric.NewManualReader(options...)
					provider := sdkmetric.NewMeterProvider(append(provided, sdkmetric.WithReader(reader))...)
					if way == "instruments" {
						if _, err := recorder.RegisterInstruments(provider); err != nil {
							t.Fatal(err)
						}
					}
					readers, recorders = append(readers, reader), append(recorders, recorder)
				}
				for _, r := range recorders {
					for index := range 2 {
						if _, err := r.AddEngine(index, "m"); err != nil {
							t.Fatal(err)
						}
					}
				}
				for round := range 3 {
					for _, r := range recorders {
						measureEveryKind(t, r, round)
					}
					if diff := cmp.Diff(pointsOf(t, readers[1]), pointsOf(t, readers[0])); diff != "" {
						t.Fatalf("round %d (-instruments +producer):\n%s", round, diff)
					}
				}
			})
		}
	}
}

// measureEveryKind records to two tiers of two engines, other values each round.
func measureEveryKind(t *testing.T, recorder *otelkv.Recorder, round int) {
	t.Helper()
	for index := range 2 {
		engine, err := recorder.Engine(index)
		if err != nil {
			t.Fatal(err)
		}
		for i, tier := range []string{"1:fs", "2:obj"} {
			n := int64(1 + i + 2*index + 4*round)
			must[otelkv.Int64Counter](t)(engine.Int64Counter(parityBytes, tier)).Add(n)
			must[otelkv.Float64Counter](t)(engine.Float64Counter(parityTime, tier)).Add(float64(n) / 8)
			must[otelkv.Int64Gauge](t)(engine.Int64Gauge(parityJobs, tier)).Record(n)
			must[otelkv.Int64Gauge](t)(engine.Int64Gauge(viewBlocks, tier)).Record(n)
			must[otelkv.Float64Gauge](t)(engine.Float64Gauge(parityUsage, tier)).Record(float64(n) / 8)
			for j := range n {
				must[otelkv.Histogram](t)(engine.Histogram(paritySize, tier)).Record(float64(j*j) / 8)
			}
		}
	}
}

// pointsOf returns what a reader collects, without its times, by metric and attributes.
func pointsOf(t *testing.T, reader sdkmetric.Reader) map[string]string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	points := make(map[string]string)
	add := func(m metricdata.Metrics, attributes attribute.Set, form string, value any) {
		key := strings.Join([]string{m.Name, attributes.Encoded(attribute.DefaultEncoder())}, " ")
		if _, twice := points[key]; twice {
			t.Errorf("two points %s", key)
		}
		points[key] = fmt.Sprintf("%s %q %q %v", form, m.Unit, m.Description, value)
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(m, p.Attributes, fmt.Sprintf("%T %v %t", d, d.Temporality, d.IsMonotonic), p.Value)
				}
			case metricdata.Sum[float64]:
				for _, p := range d.DataPoints {
					add(m, p.Attributes, fmt.Sprintf("%T %v %t", d, d.Temporality, d.IsMonotonic), p.Value)
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					add(m, p.Attributes, fmt.Sprintf("%T", d), p.Value)
				}
			case metricdata.Gauge[float64]:
				for _, p := range d.DataPoints {
					add(m, p.Attributes, fmt.Sprintf("%T", d), p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					least, hasMin := p.Min.Value()
					greatest, hasMax := p.Max.Value()
					add(m, p.Attributes, fmt.Sprintf("%T %v", d, d.Temporality),
						fmt.Sprint(p.Bounds, p.BucketCounts, p.Count, p.Sum, least, hasMin, greatest, hasMax))
				}
			default:
				t.Fatalf("metric %s is a %T", m.Name, m.Data)
			}
		}
	}
	return points
}

func TestViewsThatCannotBe(t *testing.T) {
	view := func(name string, stream sdkmetric.Stream) sdkmetric.View {
		return sdkmetric.NewView(sdkmetric.Instrument{Name: name}, stream)
	}
	explicit := func(boundaries ...float64) sdkmetric.Stream {
		return sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: boundaries}}
	}
	none := view("none", sdkmetric.Stream{})
	tests := []struct {
		name  string
		views []sdkmetric.View
		want  string
	}{
		{"another boundary", []sdkmetric.View{none, view("p.size", explicit(0.5, 7))}, `otelkv: view 2 of 2: metric "p.size": it has no boundary 7: expected some of [-1 0 0.5 8 64]`},
		{"a histogram of a counter", []sdkmetric.View{view("p.bytes", explicit(0.5))}, `otelkv: view 1 of 1: metric "p.bytes": a counter cannot have the aggregation metric.AggregationExplicitBucketHistogram`},
		{"the last value of a counter", []sdkmetric.View{view("p.bytes", sdkmetric.Stream{Aggregation: sdkmetric.AggregationLastValue{}})}, `metric "p.bytes": a counter cannot have`},
		{"the sum of a gauge", []sdkmetric.View{view("p.usage", sdkmetric.Stream{Aggregation: sdkmetric.AggregationSum{}})}, `metric "p.usage": a gauge cannot have`},
		{"exponential buckets of a counter", []sdkmetric.View{view("p.bytes", sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})}, `metric "p.bytes": a counter cannot have`},
		{"exponential buckets of no size", []sdkmetric.View{func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
			return sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxScale: 20}}, i.Name == "p.size"
		}}, `metric "p.size": exponential buckets of size 0 and scale 20: expected`},
		{"a reservoir", []sdkmetric.View{view("p.size", sdkmetric.Stream{ExemplarReservoirProviderSelector: sdkmetric.DefaultExemplarReservoirProviderSelector})}, `metric "p.size": it has a reservoir of exemplars`},
		{"one name for two metrics", []sdkmetric.View{view("p.bytes", sdkmetric.Stream{Name: "P.Time"})}, `two streams of the name`},
		{"one name for two streams", []sdkmetric.View{view("p.bytes", sdkmetric.Stream{Unit: "x"}), view("p.bytes", sdkmetric.Stream{Unit: "y"})}, `metric "p.bytes": views make two streams of the name`},
	}
	recorder, _ := newParity(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := recorder.Producer(otelkv.WithViews(test.views...)); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, err := recorder.RegisterInstruments(sdkmetric.NewMeterProvider(), otelkv.WithViews(none)); err == nil {
		t.Error("instruments take views of their own")
	}
}

// TestDefinitionsOfAProducer are those of the catalogue as views make them, and the
// self-metrics'. What a view cannot make of a self-metric is an error, too.
func TestDefinitionsOfAProducer(t *testing.T) {
	recorder, err := otelkv.New(schema.MustCatalogue(parityBytes, paritySize), otelkv.WithSelfMetrics())
	if err != nil {
		t.Fatal(err)
	}
	producer := newProducer(t, recorder, otelkv.WithViews(
		sdkmetric.NewView(sdkmetric.Instrument{Name: parityBytes.Name}, sdkmetric.Stream{Name: "all.bytes", Description: "Other.", Unit: "kBy"}),
		sdkmetric.NewView(sdkmetric.Instrument{Name: paritySize.Name}, sdkmetric.Stream{
			Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: paritySize.Boundaries[:1]}}),
	))
	got := make(map[string]schema.Definition)
	for d := range producer.Definitions() {
		got[d.PrometheusName] = d
	}
	if d := got["all_bytes"]; d.Name != "all.bytes" || d.Description != "Other." || d.Unit != "kBy" {
		t.Errorf("the renamed counter is %+v", d)
	}
	if d := got[paritySize.PrometheusName]; len(d.Boundaries) != 1 || d.Name != paritySize.Name || d.Description != paritySize.Description {
		t.Errorf("the histogram is %+v", d)
	}
	if _, ok := got["otelkv_payloads"]; !ok {
		t.Errorf("the self-metrics are missing: %v", got)
	}
	bad := sdkmetric.NewView(sdkmetric.Instrument{Name: "otelkv.payloads"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1}}})
	if _, err := recorder.Producer(otelkv.WithViews(bad)); err == nil || !strings.Contains(err.Error(), "otelkv") {
		t.Errorf("a view that a self-metric cannot have: %v", err)
	}
}
