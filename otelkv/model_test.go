// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// The metrics of the model: one of each kind, and one that repeats another.
var (
	modelCounter = schema.Int64Counter{Name: "m.counter", PrometheusName: "m_counter", Unit: "1", Description: "Counts.", LabelNames: []string{"tier"}}
	modelGauge   = schema.Float64Gauge{Name: "m.gauge", PrometheusName: "m_gauge", Unit: "1", Description: "Levels.", StartsAtZero: true}
	modelSizes   = schema.Histogram{Name: "m.sizes", PrometheusName: "m_sizes", Unit: "1", Description: "Sizes.", LabelNames: []string{"tier"}, Boundaries: []float64{1, 10}}
	modelMirror  = schema.Int64Counter{Name: "m.mirror", PrometheusName: "m_mirror", Unit: "1", Description: "Counts again.", LabelNames: []string{"tier"}, Mirrors: []schema.Mirror{{Of: "m_counter"}}}
)

// observedBy returns a collection in the oracle's form.
func observedBy(t *testing.T, reader sdkmetric.Reader) map[string]string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	all := make(map[string]string)
	add := func(name string, attributes attribute.Set, value string) {
		engine, _ := attributes.Value("engine")
		tier, _ := attributes.Value("tier")
		name = fmt.Sprintf("%s/%v/%s", name, engine.AsString(), tier.AsString())
		if _, ok := all[name]; ok {
			value = "shown twice"
		}
		all[name] = value
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Gauge[float64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, fmt.Sprint(p.Value))
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					add(m.Name, p.Attributes, fmt.Sprint(p.BucketCounts, p.Sum))
				}
			}
		}
	}
	return all
}

func seriesName(m schema.Metric, engine any, tier string) string {
	return fmt.Sprintf("%s/%v/%s", m.Definition().Name, engine, tier)
}

// A model runs the same steps on a recorder and on the oracle.
type model struct {
	t        *testing.T
	random   *rand.Rand
	recorder *otelkv.Recorder
	readers  map[string]sdkmetric.Reader
	engines  map[int]*otelkv.Engine
	primed   map[int]bool
	stale    []handle // of removed engines
	oracle   *oracle
	log      []string
}

// A handle records to bound series, and to the lives of the oracle that they are.
type handle struct {
	counter otelkv.Int64Counter
	sizes   otelkv.Histogram
	lives   [2]*life // nil for what was not recorded to yet
}

// selectors are the temporalities of the readers.
var selectors = map[string]sdkmetric.TemporalitySelector{
	"cumulative": sdkmetric.CumulativeTemporalitySelector,
	"delta":      sdkmetric.DeltaTemporalitySelector,
	"lowmemory":  sdkmetric.LowMemoryTemporalitySelector,
	"late":       sdkmetric.DeltaTemporalitySelector,
}

// addReader adds a stock reader of the SDK with a producer.
func (m *model) addReader(name string) {
	m.log = append(m.log, "add reader "+name)
	selector := selectors[name]
	producer, err := m.recorder.Producer(otelkv.WithSelectors(selector, nil))
	if err != nil {
		m.t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(selector), sdkmetric.WithProducer(producer))
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	m.t.Cleanup(func() {
		if err := provider.Shutdown(context.Background()); err != nil {
			m.t.Error(err)
		}
	})
	m.readers[name] = reader
	m.oracle.addReader(name, deltas{
		counters:   selector(sdkmetric.InstrumentKindObservableCounter) == metricdata.DeltaTemporality,
		histograms: selector(sdkmetric.InstrumentKindHistogram) == metricdata.DeltaTemporality,
	})
}

// TestModel runs random sequences of steps against the oracle, and closes the
// recorder in the end.
func TestModel(t *testing.T) {
	catalogue := schema.MustCatalogue(modelCounter, modelGauge, modelSizes, modelMirror)
	seeds := uint64(150)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		recorder, err := otelkv.New(catalogue)
		if err != nil {
			t.Fatal(err)
		}
		m := &model{
			t:        t,
			random:   rand.New(rand.NewPCG(seed, 6)),
			recorder: recorder,
			readers:  map[string]sdkmetric.Reader{},
			engines:  map[int]*otelkv.Engine{},
			primed:   map[int]bool{},
			oracle:   newOracle(),
		}
		for _, name := range []string{"cumulative", "delta", "lowmemory"} {
			m.addReader(name)
		}
		for i := range 130 {
			if i == 70 {
				m.addReader("late")
			}
			if i < 120 {
				m.step()
			} else {
				m.afterTheEnd()
			}
			if t.Failed() {
				t.Fatalf("seed %d, after the steps %q", seed, m.log)
			}
		}
	}
}

var modelTiers = []string{"0:primary", "1:fs", "2:obj"}

func (m *model) step() {
	index := m.random.IntN(3)
	engine := m.engines[index]
	switch action := m.random.IntN(12); {
	case engine == nil:
		m.add(index, m.random.IntN(2) == 0)
	case action < 3:
		m.record(index, engine)
	case action < 5:
		m.observe(index, engine)
	case action < 6:
		m.log = append(m.log, fmt.Sprintf("remove %d", index))
		m.stale = append(m.stale, m.handle(index, engine))
		engine.Remove()
		m.oracle.remove(index)
		delete(m.engines, index)
	case action < 7 && len(m.stale) > 0:
		// It shows as long as the series is told to anybody, and then nowhere.
		m.log = append(m.log, "record to a removed engine")
		m.stale[m.random.IntN(len(m.stale))].record(1000)
	case action < 8:
		m.removeTier(index, engine)
	case action < 9:
		m.addTier(index, engine)
	default:
		names := slices.Sorted(maps.Keys(m.readers))
		m.collect(names[m.random.IntN(len(names))])
	}
}

// afterTheEnd closes the recorder, or collects what it leaves.
func (m *model) afterTheEnd() {
	for index := range m.engines {
		m.oracle.remove(index)
		delete(m.engines, index)
	}
	if err := m.recorder.Close(); err != nil {
		m.t.Error(err)
	}
	names := slices.Sorted(maps.Keys(m.readers))
	m.collect(names[m.random.IntN(len(names))])
}

func (m *model) removeTier(index int, engine *otelkv.Engine) {
	tier := modelTiers[m.random.IntN(3)]
	m.log = append(m.log, fmt.Sprintf("remove tier %s of %d", tier, index))
	if err := engine.RemoveTier(tier); err != nil {
		m.t.Error(err)
	}
	m.oracle.removeTier(index, tier)
}

func (m *model) addTier(index int, engine *otelkv.Engine) {
	tier := modelTiers[1+m.random.IntN(2)]
	if slices.Contains(engine.Tiers(), tier) {
		return // Adding its type again would declare another tier.
	}
	m.log = append(m.log, fmt.Sprintf("add tier %s to %d", tier, index))
	if err := engine.AddTiers(tier[2:]); err != nil {
		m.t.Error(err)
	}
	if m.primed[index] {
		m.oracle.life(index, seriesName(modelCounter, index, tier))
		m.oracle.life(index, seriesName(modelSizes, index, tier))
	}
}

func (m *model) add(index int, primed bool) {
	m.log = append(m.log, fmt.Sprintf("add %d, primed: %v", index, primed))
	options := []otelkv.EngineOption{otelkv.WithTiers("fs", "obj")}
	if primed {
		options = append(options, otelkv.WithPriming())
	}
	engine, err := m.recorder.AddEngine(index, "m", options...)
	if err != nil {
		m.t.Fatal(err)
	}
	m.engines[index] = engine
	m.primed[index] = primed
	m.oracle.engines[index] = map[string]*life{}
	m.oracle.life(index, seriesName(modelGauge, index, ""))
	if primed {
		for _, tier := range modelTiers[1:] {
			m.oracle.life(index, seriesName(modelCounter, index, tier))
			m.oracle.life(index, seriesName(modelSizes, index, tier))
		}
	}
}

// handle binds series of the engine.
func (m *model) handle(index int, engine *otelkv.Engine) handle {
	return handle{
		counter: must[otelkv.Int64Counter](m.t)(engine.Int64Counter(modelCounter, "1:fs")),
		sizes:   must[otelkv.Histogram](m.t)(engine.Histogram(modelSizes, "1:fs")),
		lives: [2]*life{
			m.oracle.bind(index, seriesName(modelCounter, index, "1:fs")),
			m.oracle.bind(index, seriesName(modelSizes, index, "1:fs")),
		},
	}
}

func (h handle) record(v float64) {
	h.counter.Add(int64(v))
	h.sizes.Record(v)
	if l := h.lives[0]; l != nil {
		l.value += v
	}
	if l := h.lives[1]; l != nil {
		l.samples = append(l.samples, v)
	}
}

func (m *model) record(index int, engine *otelkv.Engine) {
	tier, value := modelTiers[m.random.IntN(3)], float64(m.random.IntN(20))
	m.log = append(m.log, fmt.Sprintf("record %d %s %v", index, tier, value))
	switch m.random.IntN(3) {
	case 0:
		must[otelkv.Int64Counter](m.t)(engine.Int64Counter(modelCounter, tier)).Add(int64(value))
		m.oracle.life(index, seriesName(modelCounter, index, tier)).value += value
	case 1:
		must[otelkv.Float64Gauge](m.t)(engine.Float64Gauge(modelGauge)).Record(value)
		m.oracle.life(index, seriesName(modelGauge, index, "")).value = value
	default:
		must[otelkv.Histogram](m.t)(engine.Histogram(modelSizes, tier)).Record(value)
		l := m.oracle.life(index, seriesName(modelSizes, index, tier))
		l.samples = append(l.samples, value)
	}
}

// observe sends a payload of up to three entries, some of which are bad.
func (m *model) observe(index int, engine *otelkv.Engine) {
	p, bad := new(stats.Payload), false
	for range 1 + m.random.IntN(3) {
		tier, value := modelTiers[m.random.IntN(3)], float64(m.random.IntN(20))
		m.log = append(m.log, fmt.Sprintf("observe %d %s %v", index, tier, value))
		var err error
		switch m.random.IntN(4) {
		case 0:
			err = p.AddCounter("m_counter", stats.Float64(value), tier)
			m.oracle.life(index, seriesName(modelCounter, index, tier)).value += value
		case 1:
			err = p.RecordGauge("m_gauge", stats.Float64(value))
			m.oracle.life(index, seriesName(modelGauge, index, "")).value = value
		case 2:
			err = p.RecordHistogram("m_sizes", stats.Float64(value), tier)
			l := m.oracle.life(index, seriesName(modelSizes, index, tier))
			l.samples = append(l.samples, value)
		default:
			err = p.AddCounter("m_unknown", stats.Int64(1))
			bad = true
		}
		if err != nil {
			m.t.Fatal(err)
		}
	}
	if err := engine.Observe(m.t.Context(), p); (err != nil) != bad {
		m.t.Errorf("observed a payload with the error %v, want one: %v", err, bad)
	}
}

func (m *model) collect(reader string) {
	m.log = append(m.log, "collect "+reader)
	if diff := cmp.Diff(m.oracle.collect(reader), observedBy(m.t, m.readers[reader])); diff != "" {
		m.t.Errorf("%s (-want +got):\n%s", reader, diff)
	}
}
