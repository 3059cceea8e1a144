// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// An exponentialPoint is a point of an exponential histogram, without its times.
type exponentialPoint struct {
	Count, Zero uint64
	Sum         float64
	Min, Max    float64
	Scale       int32
	Buckets     map[int32]uint64
}

// atScale returns the point with the buckets of a lower scale.
func (p exponentialPoint) atScale(scale int32) exponentialPoint {
	buckets := make(map[int32]uint64)
	for index, n := range p.Buckets {
		buckets[index>>(p.Scale-scale)] += n
	}
	p.Scale, p.Buckets = scale, buckets
	return p
}

// exponentialPoints returns what a reader collects of histograms with exponential
// buckets, by metric and attributes.
func exponentialPoints(t *testing.T, reader sdkmetric.Reader) map[string]exponentialPoint {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	points := make(map[string]exponentialPoint)
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			data, ok := m.Data.(metricdata.ExponentialHistogram[float64])
			if !ok {
				continue
			}
			for _, p := range data.DataPoints {
				least, _ := p.Min.Value()
				greatest, _ := p.Max.Value()
				point := exponentialPoint{Count: p.Count, Zero: p.ZeroCount, Sum: p.Sum, Min: least, Max: greatest, Scale: p.Scale, Buckets: make(map[int32]uint64)}
				if len(p.NegativeBucket.Counts) > 0 {
					t.Errorf("metric %s has negative samples", m.Name)
				}
				for i, n := range p.PositiveBucket.Counts {
					if n > 0 {
						point.Buckets[p.PositiveBucket.Offset+int32(i)] = n
					}
				}
				points[fmt.Sprint(m.Name, data.Temporality, p.Attributes.Encoded(attribute.DefaultEncoder()))] = point
			}
		}
	}
	return points
}

// distributions are samples of many kinds.
func distributions() map[string]func(*rand.Rand) float64 {
	return map[string]func(*rand.Rand) float64{
		"one value": func(*rand.Rand) float64 { return 3 },
		"zeros":     func(r *rand.Rand) float64 { return float64(r.IntN(2)) },
		"uniform":   func(r *rand.Rand) float64 { return 1 + r.Float64() },
		"sizes":     func(r *rand.Rand) float64 { return float64(r.Int64N(1 << 32)) },
		"delays":    func(r *rand.Rand) float64 { return r.ExpFloat64() / 1000 },
		"wide":      func(r *rand.Rand) float64 { return math.Exp2(float64(r.IntN(200)-100)) * (1 + r.Float64()) },
		"any": func(r *rand.Rand) float64 {
			for {
				if v := math.Float64frombits(r.Uint64() & (1<<63 - 1)); v <= 0x1p1000 {
					return v
				}
			}
		},
		"subnormal": func(r *rand.Rand) float64 { return math.Float64frombits(r.Uint64N(1 << 52)) },
	}
}

// An exponentialPair is a histogram of ours and one of the SDK's, with the same view that
// asks for exponential buckets.
type exponentialPair struct {
	maxSize        int32
	ours           otelkv.Histogram
	sdk            metric.Float64Histogram
	reader, oracle sdkmetric.Reader
}

func newExponentialPair(t *testing.T, maxSize int32, temporality sdkmetric.TemporalitySelector) exponentialPair {
	t.Helper()
	size := schema.Histogram{Name: "p.size", PrometheusName: "p_size", Unit: "By", Description: "Sizes.", Boundaries: []float64{1, 2}}
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: "p.size"}, sdkmetric.Stream{
		Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: maxSize, MaxScale: 20}})
	recorder, err := otelkv.New(schema.MustCatalogue(size))
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(
		newProducer(t, recorder, otelkv.WithViews(view), otelkv.WithSelectors(temporality, nil))))
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	oracle := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(temporality))
	instrument, err := sdkmetric.NewMeterProvider(sdkmetric.WithReader(oracle), sdkmetric.WithView(view)).
		Meter("oracle").Float64Histogram("p.size")
	if err != nil {
		t.Fatal(err)
	}
	return exponentialPair{
		maxSize: maxSize,
		ours:    must[otelkv.Histogram](t)(engine.Histogram(size)),
		sdk:     instrument,
		reader:  reader, oracle: oracle,
	}
}

func (p exponentialPair) record(t *testing.T, sample float64) {
	p.ours.Record(sample)
	p.sdk.Record(t.Context(), sample, withSet(attribute.NewSet(attribute.String("engine", "0"), attribute.String("model_name", "m"))))
}

// compare collects from both, and compares the points at the lower of their scales.
func (p exponentialPair) compare(t *testing.T) {
	t.Helper()
	got, want := exponentialPoints(t, p.reader), exponentialPoints(t, p.oracle)
	if len(got) != 1 || len(want) != 1 {
		t.Fatalf("got %d points and want %d", len(got), len(want))
	}
	for key, w := range want {
		g := got[key]
		scale := min(g.Scale, w.Scale)
		if scale < min(w.Scale, 5)-1 {
			t.Errorf("the scale is %d, want about %d", g.Scale, w.Scale)
		}
		if len(g.Buckets) > int(max(2, p.maxSize)) {
			t.Errorf("there are %d buckets", len(g.Buckets))
		}
		if diff := cmp.Diff(w.atScale(scale), g.atScale(scale), nearly()); diff != "" {
			t.Errorf("(-SDK +otelkv):\n%s", diff)
		}
	}
}

// TestExponentialHistograms holds that a view which asks for exponential buckets gets
// the points of the SDK's own aggregation, up to the choice of a scale.
func TestExponentialHistograms(t *testing.T) {
	for name, sample := range distributions() {
		for _, maxSize := range []int32{160, 8, 2} {
			for _, s := range selections()[1:3] {
				t.Run(fmt.Sprint(name, "/", maxSize, "/", s.name), func(t *testing.T) {
					t.Parallel()
					pair := newExponentialPair(t, maxSize, s.selector)
					random := rand.New(rand.NewPCG(1, 2))
					for range 3 {
						for range 200 {
							pair.record(t, sample(random))
						}
						pair.compare(t)
					}
				})
			}
		}
	}
}

// FuzzExponentialHistograms is TestExponentialHistograms for any samples, given by their
// bits.
func FuzzExponentialHistograms(f *testing.F) {
	f.Add(uint8(160), []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Add(uint8(2), []byte("samples that are words of eight bytes"))
	f.Fuzz(func(t *testing.T, maxSize uint8, bits []byte) {
		// All of float64 is three buckets at the least scale. Where fewer are allowed the SDK
		// drops samples that do not fit, and we do not.
		pair := newExponentialPair(t, max(3, int32(maxSize)), sdkmetric.CumulativeTemporalitySelector)
		recorded := 0
		for ; len(bits) >= 8 && recorded < 256; bits = bits[8:] {
			sample := math.Abs(math.Float64frombits(binary.LittleEndian.Uint64(bits)))
			// Their sum is to stay finite. The SDK adds whole numbers up as int64, without
			// looking whether they still fit.
			if sample <= 0x1p50 || sample > 0x1p63 && sample <= 0x1p1000 {
				pair.record(t, sample)
				recorded++
			}
		}
		if recorded > 0 {
			pair.compare(t)
		}
	})
}

// TestOtherReadersStay holds that exponential buckets are for the reader alone that asks
// for them, and that what came before it asked is not in its points.
func TestOtherReadersStay(t *testing.T) {
	recorder, engine := newParity(t)
	classic := newProducer(t, recorder)
	sizes := must[otelkv.Histogram](t)(engine.Histogram(paritySize, "1:fs"))
	sizes.Record(4)
	before := pointsOf(t, readerOf(classic))
	selector := func(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		if kind == sdkmetric.InstrumentKindHistogram {
			return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
		}
		return sdkmetric.DefaultAggregationSelector(kind)
	}
	late := readerOf(newProducer(t, recorder, otelkv.WithSelectors(nil, selector)))
	if diff := cmp.Diff(before, pointsOf(t, readerOf(classic))); diff != "" {
		t.Errorf("another reader's points changed (-before +after):\n%s", diff)
	}
	sizes.Record(64)
	must[otelkv.Histogram](t)(engine.Histogram(paritySize, "2:obj")).Record(64)
	for key, p := range exponentialPoints(t, late) {
		if p.Count != 1 || p.Sum != 64 {
			t.Errorf("%s has %d samples of sum %v, want the one of 64", key, p.Count, p.Sum)
		}
	}
	if n := len(exponentialPoints(t, late)); n != 4 { // two tiers, and their mirrors
		t.Errorf("there are %d points, want 4", n)
	}
}

func readerOf(producer *otelkv.Producer) sdkmetric.Reader {
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(producer))
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	return reader
}

func TestExponentialWhileRecording(t *testing.T) {
	recorder, engine := newParity(t)
	sizes := must[otelkv.Histogram](t)(engine.Histogram(paritySize, "1:fs"))
	producer := newProducer(t, recorder, otelkv.WithNativeHistograms())
	const writers, each = 4, 5000
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for i := range each {
				sizes.Record(float64(i))
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		var classic, exponential []uint64
		for _, scope := range producer.Collect(t.Context()) {
			for _, m := range scope.Metrics {
				switch d := m.Data.(type) {
				case metricdata.Histogram[float64]:
					for _, p := range d.DataPoints {
						classic = append(classic, p.Count)
					}
				case metricdata.ExponentialHistogram[float64]:
					for _, p := range d.DataPoints {
						exponential = append(exponential, p.Count)
					}
				}
			}
		}
		for i := range classic {
			if exponential[i] > classic[i] {
				t.Fatalf("exponential buckets have %d samples, and the others %d", exponential[i], classic[i])
			}
		}
		if !running && (slices.Max(classic) != writers*each || slices.Max(exponential) != writers*each) {
			t.Errorf("in the end there are %v and %v samples, want %d", classic, exponential, writers*each)
		}
	}
	if n := testing.AllocsPerRun(100, func() { sizes.Record(3) }); n != 0 {
		t.Errorf("a sample allocates %v times", n)
	}
}

func withSet(set attribute.Set) metric.MeasurementOption { return metric.WithAttributeSet(set) }

// nearly compares sums, which the SDK adds in another order.
func nearly() cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) })
}
