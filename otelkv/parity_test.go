// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// The metrics that are exported both ways: one of each kind and number, and two that
// repeat others.
var (
	parityBytes  = schema.Int64Counter{Name: "p.bytes", PrometheusName: "p_bytes", Unit: "By", Description: "Bytes.", LabelNames: []string{"tier"}}
	parityTime   = schema.Float64Counter{Name: "p.time", PrometheusName: "p_time", Unit: "s", Description: "Time.", LabelNames: []string{"tier"}}
	parityJobs   = schema.Int64Gauge{Name: "p.jobs", PrometheusName: "p_jobs", Unit: "{job}", Description: "Jobs.", LabelNames: []string{"tier"}}
	parityUsage  = schema.Float64Gauge{Name: "p.usage", PrometheusName: "p_usage", Unit: "1", Description: "Usage.", LabelNames: []string{"tier"}}
	paritySize   = schema.Histogram{Name: "p.size", PrometheusName: "p_size", Unit: "By", Description: "Sizes.", LabelNames: []string{"tier"}, Boundaries: []float64{-1, 0, 0.5, 8, 64}}
	parityCopy   = schema.Int64Counter{Name: "p.copy", PrometheusName: "p_copy", Unit: "By", Description: "Bytes again.", LabelNames: []string{"tier"}, Mirrors: []schema.Mirror{{Of: "p_bytes"}}}
	paritySample = schema.Histogram{Name: "p.sample", PrometheusName: "p_sample", Unit: "By", Description: "Sizes again.", LabelNames: []string{"tier"}, Boundaries: []float64{-1, 0, 0.5, 8, 64}, Mirrors: []schema.Mirror{{Of: "p_size"}}}
)

// A selection is a temporality that exporters ask for.
type selection struct {
	name     string
	selector sdkmetric.TemporalitySelector
}

// selections are the temporalities of the readers of each way: two that
// collect the same, so that what one is told is seen not to be taken from the
// other.
func selections() []selection {
	return []selection{
		{"cumulative", sdkmetric.CumulativeTemporalitySelector},
		{"cumulative too", sdkmetric.CumulativeTemporalitySelector},
		{"delta", sdkmetric.DeltaTemporalitySelector},
		{"delta too", sdkmetric.DeltaTemporalitySelector},
		{"lowmemory", sdkmetric.LowMemoryTemporalitySelector},
	}
}

// A way is a recorder that is exported in one way, and its readers.
type way struct {
	name     string
	recorder *otelkv.Recorder
	readers  []sdkmetric.Reader // as selections
	engines  []*otelkv.Engine
	told     []map[string]span // by reader and series: the last point's
}

// A span is the time that a point covers.
type span struct{ start, end time.Time }

// waysToExport returns recorders of the same catalogue: one whose readers have producers,
// and one with instruments on a provider of the SDK.
func waysToExport(t *testing.T) []*way {
	t.Helper()
	catalogue := schema.MustCatalogue(parityBytes, parityTime, parityJobs, parityUsage, paritySize, parityCopy, paritySample)
	var ways []*way
	for _, name := range []string{"producer", "instruments"} {
		recorder, err := otelkv.New(catalogue)
		if err != nil {
			t.Fatal(err)
		}
		var readers []sdkmetric.Reader
		var options []sdkmetric.Option
		for _, s := range selections() {
			reader := []sdkmetric.ManualReaderOption{sdkmetric.WithTemporalitySelector(s.selector)}
			if name == "producer" {
				producer, err := recorder.Producer(otelkv.WithSelectors(s.selector, nil))
				if err != nil {
					t.Fatal(err)
				}
				reader = append(reader, sdkmetric.WithProducer(producer))
			}
			readers = append(readers, sdkmetric.NewManualReader(reader...))
			options = append(options, sdkmetric.WithReader(readers[len(readers)-1]))
		}
		provider := sdkmetric.NewMeterProvider(options...)
		if name == "instruments" {
			if _, err := recorder.RegisterInstruments(provider); err != nil {
				t.Fatal(err)
			}
		}
		ways = append(ways, newWay(t, name, recorder, readers))
		t.Cleanup(func() {
			if err := provider.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	return ways
}

func newWay(t *testing.T, name string, recorder *otelkv.Recorder, readers []sdkmetric.Reader) *way {
	t.Helper()
	w := &way{name: name, recorder: recorder, readers: readers}
	for range readers {
		w.told = append(w.told, make(map[string]span))
	}
	for index := range 2 {
		engine, err := recorder.AddEngine(index, "m")
		if err != nil {
			t.Fatal(err)
		}
		w.engines = append(w.engines, engine)
	}
	return w
}

// A measurement is one call on one series.
type measurement struct {
	metric schema.Metric
	engine int
	tier   string
	value  float64
}

// newMeasurement returns a random one. Its values are eighths of small numbers,
// whose sums are exact in any order, boundaries often among them, and now and
// then one that is refused.
func newMeasurement(random *rand.Rand) measurement {
	metrics := []schema.Metric{parityBytes, parityTime, paritySize, paritySize, paritySize}
	m := measurement{
		metric: metrics[random.IntN(len(metrics))],
		engine: random.IntN(2),
		tier:   fmt.Sprintf("%d:fs", random.IntN(4)),
		value:  float64(random.IntN(1024)-64) / 8,
	}
	switch random.IntN(20) {
	case 0, 1, 2, 3:
		m.value = paritySize.Boundaries[random.IntN(len(paritySize.Boundaries))]
	case 4:
		m.value = []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[random.IntN(3)]
	}
	return m
}

// record makes the measurement on one way.
func (m measurement) record(t *testing.T, w *way) {
	t.Helper()
	engine := w.engines[m.engine]
	switch d := m.metric.(type) {
	case schema.Int64Counter:
		must[otelkv.Int64Counter](t)(engine.Int64Counter(d, m.tier)).Add(int64(max(-2, min(m.value, 1e6))))
	case schema.Float64Counter:
		must[otelkv.Float64Counter](t)(engine.Float64Counter(d, m.tier)).Add(m.value)
	case schema.Histogram:
		must[otelkv.Histogram](t)(engine.Histogram(d, m.tier)).Record(m.value)
	}
}

// level sets the gauges, whose last value is the same only where one goroutine
// sets them.
func (w *way) level(t *testing.T, tier string, value float64) {
	t.Helper()
	must[otelkv.Int64Gauge](t)(w.engines[0].Int64Gauge(parityJobs, tier)).Record(int64(value))
	must[otelkv.Float64Gauge](t)(w.engines[1].Float64Gauge(parityUsage, tier)).Record(value)
}

// A point is all of a data point but its times.
type point struct {
	Scope, Name, Unit, Description string
	Data                           string
	Temporality                    string
	Value                          float64
	Count                          uint64
	Counts                         []uint64
	Boundaries                     []float64
	Least, Greatest                float64
}

// collect returns what one reader is told, by the series' attributes, and checks
// the points' times.
func (w *way) collect(t *testing.T, reader int) map[string]point {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := w.readers[reader].Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	c := collection{t: t, way: w, reader: reader, points: make(map[string]point)}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			c.metric(m, point{
				Scope: scope.Scope.Name + " " + scope.Scope.Version, Name: m.Name, Unit: m.Unit, Description: m.Description,
				Data: fmt.Sprintf("%T", m.Data),
			})
		}
	}
	return c.points
}

// A collection is what one reader is told at one time.
type collection struct {
	t      *testing.T
	way    *way
	reader int
	points map[string]point
}

func (c *collection) metric(m metricdata.Metrics, p point) {
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		p.Temporality = fmt.Sprintf("%v monotonic %t", data.Temporality, data.IsMonotonic)
		addNumbers(c, p, data.Temporality, data.DataPoints)
	case metricdata.Sum[float64]:
		p.Temporality = fmt.Sprintf("%v monotonic %t", data.Temporality, data.IsMonotonic)
		addNumbers(c, p, data.Temporality, data.DataPoints)
	case metricdata.Gauge[int64]:
		addNumbers(c, p, 0, data.DataPoints)
	case metricdata.Gauge[float64]:
		addNumbers(c, p, 0, data.DataPoints)
	case metricdata.Histogram[float64]:
		p.Temporality = data.Temporality.String()
		for _, d := range data.DataPoints {
			p.Value, p.Count, p.Counts, p.Boundaries = d.Sum, d.Count, d.BucketCounts, d.Bounds
			p.Least, _ = d.Min.Value()
			p.Greatest, _ = d.Max.Value()
			c.add(p, d.Attributes)
			c.times(p, d.Attributes, data.Temporality, d.StartTime, d.Time)
		}
	default:
		c.t.Errorf("%s: metric %q is a %T", c.way.name, m.Name, m.Data)
	}
}

func addNumbers[N int64 | float64](c *collection, p point, temporality metricdata.Temporality, points []metricdata.DataPoint[N]) {
	for _, d := range points {
		p.Value = float64(d.Value)
		c.add(p, d.Attributes)
		c.times(p, d.Attributes, temporality, d.StartTime, d.Time)
	}
}

func (c *collection) series(p point, set attribute.Set) string {
	return p.Name + " " + set.Encoded(attribute.DefaultEncoder())
}

func (c *collection) add(p point, set attribute.Set) {
	c.t.Helper()
	series := c.series(p, set)
	if _, ok := c.points[series]; ok {
		c.t.Errorf("%s: %s was collected twice", c.way.name, series)
	}
	c.points[series] = p
}

// times checks that a point covers a time that ends no earlier than the reader's
// last one of the series, and begins where its temporality says: for totals
// always at the same time, for deltas not before the last one ended.
func (c *collection) times(p point, set attribute.Set, temporality metricdata.Temporality, start, end time.Time) {
	c.t.Helper()
	series := c.series(p, set)
	last, again := c.way.told[c.reader][series]
	switch {
	case start.IsZero() || end.Before(start) || end.Before(last.end):
		c.t.Errorf("%s: %s covers %v to %v, and did %v to %v before", c.way.name, series, start, end, last.start, last.end)
	case temporality == metricdata.CumulativeTemporality && again && !last.start.Equal(start):
		c.t.Errorf("%s: %s of totals began at %v, and now at %v", c.way.name, series, last.start, start)
	case temporality == metricdata.DeltaTemporality && start.Before(last.end):
		c.t.Errorf("%s: %s of deltas began at %v, and the one before ended at %v", c.way.name, series, start, last.end)
	}
	c.way.told[c.reader][series] = span{start, end}
}

// TestBothWaysAgree records the same random samples to a recorder whose readers
// have producers and to one with instruments, by several goroutines, and compares every
// point that every reader is told, at times of its own.
func TestBothWaysAgree(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 1))
			ways := waysToExport(t)
			for range 12 {
				recordEverywhere(t, random, ways)
				for reader, s := range selections() {
					if random.IntN(3) == 0 {
						continue
					}
					compareWays(t, ways, reader, s.name)
				}
			}
			for reader, s := range selections() {
				if compareWays(t, ways, reader, s.name) == 0 {
					t.Errorf("reader %q was told nothing at all", s.name)
				}
			}
			compareRefused(t, ways)
		})
	}
}

// recordEverywhere makes the same measurements on all ways, by goroutines that
// have a share of them each.
func recordEverywhere(t *testing.T, random *rand.Rand, ways []*way) {
	t.Helper()
	var wg sync.WaitGroup
	for range 4 {
		share := make([]measurement, random.IntN(60))
		for i := range share {
			share[i] = newMeasurement(random)
		}
		for _, w := range ways {
			wg.Go(func() {
				for _, m := range share {
					m.record(t, w)
				}
			})
		}
	}
	wg.Wait()
	tier, value := fmt.Sprintf("%d:fs", random.IntN(4)), float64(random.IntN(200)-100)/8
	for _, w := range ways {
		w.level(t, tier, value)
	}
}

// compareWays compares what a reader of each way is told, and returns the number
// of points.
func compareWays(t *testing.T, ways []*way, reader int, name string) int {
	t.Helper()
	want := ways[0].collect(t, reader)
	for _, w := range ways[1:] {
		if diff := cmp.Diff(want, w.collect(t, reader)); diff != "" {
			t.Fatalf("reader %q (-%s +%s):\n%s", name, ways[0].name, w.name, diff)
		}
	}
	for series, p := range want {
		var count uint64
		for _, n := range p.Counts {
			count += n
		}
		if count != p.Count {
			t.Errorf("reader %q: %s has the count %d, and %d in its buckets", name, series, p.Count, count)
		}
	}
	return len(want)
}

func compareRefused(t *testing.T, ways []*way) {
	t.Helper()
	for _, w := range ways {
		if got, want := w.recorder.Statistics().Refused, ways[0].recorder.Statistics().Refused; got != want || got == 0 {
			t.Errorf("%s refused %d measurements, and %s %d", w.name, got, ways[0].name, want)
		}
	}
}

// TestReadersAddUp records while readers collect. What the readers of deltas are
// told comes to what those of totals are told in the end, on both ways. On the
// way there, what a reader was told never falls, and a sum is never short of its
// count: all samples are one.
func TestReadersAddUp(t *testing.T) {
	const goroutines, samples = 4, 3000
	for _, w := range waysToExport(t) {
		t.Run(w.name, func(t *testing.T) {
			var recording, collecting sync.WaitGroup
			for i := range goroutines {
				recording.Go(func() {
					tier := fmt.Sprintf("%d:fs", i%2)
					for range samples {
						must[otelkv.Histogram](t)(w.engines[0].Histogram(paritySize, tier)).Record(1)
						must[otelkv.Int64Counter](t)(w.engines[0].Int64Counter(parityBytes, tier)).Add(1)
					}
				})
			}
			done := make(chan struct{})
			totals := make([]map[string]point, len(w.readers))
			for reader := range w.readers {
				collecting.Go(func() {
					sums := make(map[string]point)
					for ended := false; !ended; {
						select {
						case <-done:
							ended = true
						default:
						}
						addUp(t, w, sums, w.collect(t, reader))
					}
					totals[reader] = sums
				})
			}
			recording.Wait()
			close(done)
			collecting.Wait()
			for reader, s := range selections() {
				for series, p := range totals[reader] {
					if p.Value != goroutines/2*samples || strings.HasPrefix(series, "p.s") && p.Count != goroutines/2*samples {
						t.Errorf("reader %q: %s came to %v in %d, want %d", s.name, series, p.Value, p.Count, goroutines/2*samples)
					}
				}
				if keys := slices.Sorted(maps.Keys(totals[reader])); len(keys) != 8 {
					t.Errorf("reader %q was told of %q, want 8 series", s.name, keys)
				}
			}
		})
	}
}

// addUp adds what was collected to what was collected before, or replaces it if
// it is a total.
func addUp(t *testing.T, w *way, sums, collected map[string]point) {
	t.Helper()
	for series, p := range collected {
		sum := sums[series]
		if strings.HasPrefix(p.Temporality, metricdata.DeltaTemporality.String()) {
			p.Value, p.Count = sum.Value+p.Value, sum.Count+p.Count
		}
		if p.Value < sum.Value || p.Count < sum.Count {
			t.Errorf("%s: %s fell from %v in %d to %v in %d", w.name, series, sum.Value, sum.Count, p.Value, p.Count)
		}
		if p.Counts != nil && p.Value < float64(p.Count) {
			t.Errorf("%s: %s has the sum %v in %d samples of one", w.name, series, p.Value, p.Count)
		}
		if p.Counts != nil && (p.Least < 0 || p.Least > 1 || p.Greatest < 0 || p.Greatest > 1) {
			t.Errorf("%s: %s of samples of one has the extremes %v and %v", w.name, series, p.Least, p.Greatest)
		}
		sums[series] = p
	}
}
