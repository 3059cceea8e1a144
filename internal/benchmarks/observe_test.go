// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// BenchmarkObserve records a payload. It is compared with two loops over Prometheus
// children. The first has the children in the payload's order, so it looks nothing up and
// checks nothing. The second finds them by label values.
func BenchmarkObserve(b *testing.B) {
	m := newPayloadMetrics()
	recorder := newRecorder(b, m.catalogue())
	e := newEngine(b, recorder)
	provider, _ := newProvider(b)
	registered := newRecorder(b, m.catalogue())
	registerInstruments(b, registered, provider)
	instruments := newEngine(b, registered)
	payload := newPayload(b, m)
	vectors := newVectors(payload)
	children := vectors.children(payload)

	serial(b, "otelkv", func(b *testing.B) { benchmarkObserve(b, e, payload) })
	serial(b, "otelkv_instruments", func(b *testing.B) { benchmarkObserve(b, instruments, payload) })
	serial(b, "client_golang", func(b *testing.B) {
		for b.Loop() {
			observeChildren(children, payload)
		}
	})
	serial(b, "client_golang_labels", func(b *testing.B) {
		for b.Loop() {
			for metric := range payload.Metrics() {
				for entry := range metric.Entries() {
					vectors.observe(metric, entry)
				}
			}
		}
	})
}

// A child is the Prometheus series of one entry. One of its fields is set.
type child struct {
	counter   promclient.Counter
	gauge     promclient.Gauge
	histogram promclient.Observer
}

func (c *child) observe(entry *stats.Entry) {
	switch {
	case c.counter != nil:
		c.counter.Add(entry.Value().Float64())
	case c.gauge != nil:
		c.gauge.Set(entry.Value().Float64())
	default:
		for _, sample := range entry.Samples() {
			c.histogram.Observe(sample.Float64())
		}
	}
}

// observeChildren is the loop over children in the payload's order.
func observeChildren(children []child, payload *stats.Payload) {
	i := 0
	for metric := range payload.Metrics() {
		for entry := range metric.Entries() {
			children[i].observe(entry)
			i++
		}
	}
}

// vectors are Prometheus vectors by the metric's name.
type vectors struct {
	counters   map[string]*promclient.CounterVec
	gauges     map[string]*promclient.GaugeVec
	histograms map[string]*promclient.HistogramVec
}

// newVectors returns the vectors of a payload's metrics.
func newVectors(payload *stats.Payload) vectors {
	v := vectors{
		counters:   make(map[string]*promclient.CounterVec),
		gauges:     make(map[string]*promclient.GaugeVec),
		histograms: make(map[string]*promclient.HistogramVec),
	}
	for metric := range payload.Metrics() {
		name := metric.Name()
		switch metric.Kind() {
		case schema.KindCounter:
			v.counters[name] = promclient.NewCounterVec(promclient.CounterOpts{Name: name}, labelNames())
		case schema.KindGauge:
			v.gauges[name] = promclient.NewGaugeVec(promclient.GaugeOpts{Name: name}, labelNames())
		case schema.KindHistogram:
			v.histograms[name] = promclient.NewHistogramVec(promclient.HistogramOpts{Name: name, Buckets: boundaries()}, labelNames())
		}
	}
	return v
}

// child finds the series of an entry.
func (v vectors) child(metric *stats.Metric, entry *stats.Entry) child {
	tier := entry.LabelValues()[0]
	switch metric.Kind() {
	case schema.KindCounter:
		return child{counter: v.counters[metric.Name()].WithLabelValues(modelName, engine, tier)}
	case schema.KindGauge:
		return child{gauge: v.gauges[metric.Name()].WithLabelValues(modelName, engine, tier)}
	default:
		return child{histogram: v.histograms[metric.Name()].WithLabelValues(modelName, engine, tier)}
	}
}

func (v vectors) observe(metric *stats.Metric, entry *stats.Entry) {
	c := v.child(metric, entry)
	c.observe(entry)
}

// children returns the series of a payload's entries, in their order.
func (v vectors) children(payload *stats.Payload) []child {
	var all []child
	for metric := range payload.Metrics() {
		for entry := range metric.Entries() {
			all = append(all, v.child(metric, entry))
		}
	}
	return all
}
