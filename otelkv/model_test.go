package otelkv_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
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
func observedBy(m *otelkvtest.Metrics) map[string]string {
	all := make(map[string]string)
	for _, metric := range []schema.Metric{modelCounter, modelGauge, modelSizes, modelMirror} {
		d := metric.Definition()
		for _, p := range m.Select(d, nil) {
			engine, _ := p.Attributes.Value("engine")
			tier, _ := p.Attributes.Value("tier")
			value := fmt.Sprint(p.Value)
			if d.Kind() == schema.KindHistogram {
				value = fmt.Sprint(p.Buckets, p.Sum)
			}
			name := seriesName(d, engine.AsString(), tier.AsString())
			if _, ok := all[name]; ok {
				value = "shown twice"
			}
			all[name] = value
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
	recorder *otelkvtest.Recorder
	engines  map[int]*otelkv.Engine
	primed   map[int]bool
	stale    []func(float64) // handles of removed engines
	oracle   *oracle
	log      []string
}

// TestModel runs random sequences of steps against the oracle.
func TestModel(t *testing.T) {
	catalogue := schema.MustCatalogue(modelCounter, modelGauge, modelSizes, modelMirror)
	seeds := uint64(150)
	if testing.Short() {
		seeds = 40
	}
	for seed := range seeds {
		m := &model{
			t:        t,
			random:   rand.New(rand.NewPCG(seed, 6)),
			recorder: otelkvtest.NewRecorder(t, catalogue),
			engines:  map[int]*otelkv.Engine{},
			primed:   map[int]bool{},
			oracle:   newOracle(),
		}
		for range 120 {
			m.step()
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
		m.stale = append(m.stale, m.handle(engine))
		engine.Remove()
		m.oracle.remove(index)
		delete(m.engines, index)
	case action < 7 && len(m.stale) > 0:
		// Must change nothing that a reader was told the last of already. What was
		// recorded before that would show, so both readers collect first.
		m.collect(readerOfTotals)
		m.collect(readerOfDeltas)
		if len(m.oracle.departed[readerOfTotals])+len(m.oracle.departed[readerOfDeltas]) == 0 {
			m.log = append(m.log, "record to a removed engine")
			m.stale[m.random.IntN(len(m.stale))](1000)
		}
	case action < 8:
		m.removeTier(index, engine)
	case action < 9:
		m.addTier(index, engine)
	case action < 11:
		m.collect(readerOfTotals)
	default:
		m.collect(readerOfDeltas)
	}
}

func (m *model) removeTier(index int, engine *otelkv.Engine) {
	tier := modelTiers[m.random.IntN(3)]
	m.log = append(m.log, fmt.Sprintf("remove tier %s of %d", tier, index))
	engine.RemoveTier(tier)
	m.oracle.removeTier(index, tier)
}

func (m *model) addTier(index int, engine *otelkv.Engine) {
	tier := modelTiers[1+m.random.IntN(2)]
	m.log = append(m.log, fmt.Sprintf("add tier %s to %d", tier, index))
	if err := engine.AddTiers(tier); err != nil {
		m.t.Error(err)
	}
	if m.primed[index] {
		m.oracle.life(index, seriesName(modelCounter, index, tier))
		m.oracle.life(index, seriesName(modelSizes, index, tier))
	}
}

func (m *model) add(index int, primed bool) {
	m.log = append(m.log, fmt.Sprintf("add %d, primed: %v", index, primed))
	var options []otelkv.EngineOption
	if primed {
		options = append(options, otelkv.WithTiers(modelTiers[1:]...), otelkv.WithPriming())
	}
	m.engines[index] = addEngine(m.t, m.recorder, index, options...)
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

// handle returns a function that records to bound series of the engine.
func (m *model) handle(engine *otelkv.Engine) func(float64) {
	counter := must[otelkv.Int64Counter](m.t)(engine.Int64Counter(modelCounter, "1:fs"))
	sizes := must[otelkv.Histogram](m.t)(engine.Histogram(modelSizes, "1:fs"))
	return func(v float64) { counter.Add(int64(v)); sizes.Record(v) }
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
	collected := m.recorder.Collect
	if reader == readerOfDeltas {
		collected = m.recorder.CollectDelta
	}
	if diff := cmp.Diff(m.oracle.collect(reader), observedBy(collected())); diff != "" {
		m.t.Errorf("%s (-want +got):\n%s", reader, diff)
	}
}
