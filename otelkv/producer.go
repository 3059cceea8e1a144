// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/schema"
)

// A Producer gives the metrics of a recorder to one reader of the OpenTelemetry SDK. It is
// a sdkmetric.Producer: pass it to the reader with sdkmetric.WithProducer. Each reader
// needs a producer of its own, because a producer remembers what it reported. It is safe
// for concurrent use, and need not be closed.
type Producer struct {
	recorder *Recorder
	slot     int         // among the producers that are in use
	streams  [][]*stream // by the metric's ordinal
	deltas   []bool      // by the metric's ordinal: report what came since the last collection
	// exponential says for each metric that a stream of it, or of a mirror, has
	// exponential buckets.
	exponential []bool
	last        time.Time // of the previous collection
	counts      []uint64  // reused for the buckets of one series
	departures  departures
	self        *Producer // of the recorder's self-metrics
}

var _ sdkmetric.Producer = (*Producer)(nil)

// Producer returns a producer of the recorder's metrics. Without options its points are
// cumulative. For a reader of another temporality, pass the reader's selectors
// ([WithSelectors]). A producer that is no longer used is collected as garbage.
func (r *Recorder) Producer(options ...ExportOption) (*Producer, error) {
	c := newExportConfig(options, 0)
	if c.temporality == nil {
		c.temporality = sdkmetric.CumulativeTemporalitySelector
	}
	return r.newProducer(c)
}

func (r *Recorder) newProducer(c exportConfig) (*Producer, error) {
	p := &Producer{recorder: r, departures: departures{delay: c.removalDelay, series: make(map[identity]*departure)}}
	var errs []error
	for _, m := range r.metrics {
		streams, err := newStreams(m, c)
		p.streams = append(p.streams, streams)
		p.deltas = append(p.deltas, newStream(m, c).delta())
		errs = append(errs, err)
	}
	if err := errors.Join(append(errs, checkStreams(p.streams))...); err != nil {
		return nil, err
	}
	if r.self != nil {
		self, err := r.self.recorder.newProducer(c)
		if err != nil {
			return nil, err
		}
		p.self = self
	}
	for _, m := range r.metrics {
		exponential := slices.ContainsFunc(p.streams[m.ordinal], (*stream).isExponential)
		for _, target := range m.mirrors {
			exponential = exponential || slices.ContainsFunc(p.streams[target.metric.ordinal], (*stream).isExponential)
		}
		p.exponential = append(p.exponential, exponential)
	}
	r.collecting.Lock()
	defer r.collecting.Unlock()
	r.countExponentially(p)
	p.slot = slices.IndexFunc(r.producers, func(w weak.Pointer[Producer]) bool { return w.Value() == nil })
	if p.slot < 0 {
		p.slot = len(r.producers)
		r.producers = append(r.producers, weak.Pointer[Producer]{})
	}
	r.producers[p.slot] = weak.Make(p)
	return p, nil
}

// countExponentially makes the histograms that p reports in exponential buckets count in
// them: the series that exist, and each new one.
func (r *Recorder) countExponentially(p *Producer) {
	now := r.config.now().UnixNano()
	for _, m := range r.metrics {
		if !p.exponential[m.ordinal] || m.exponential.Swap(true) {
			continue
		}
		for _, e := range r.snapshot() {
			for _, s := range e.ordered(m) {
				s.countExponentially(now)
			}
		}
	}
}

// sentName returns the name from which a receiver makes the Prometheus name. The receiver
// replaces "total" at the end of a counter's name, and the byte before it, with "_total".
func sentName(d *schema.Definition) string {
	if d.Kind() == schema.KindCounter && strings.HasSuffix(d.PrometheusName, "total") {
		return d.SampleName()
	}
	return d.PrometheusName
}

// Produce returns the points of every series that has something to report. They belong to
// the caller.
//
// A removed series is reported once more, or for as long as [WithRemovalDelay] says.
// Callbacks ([Recorder.RegisterCallback]) run first, and their errors go to the error
// handler of package otel. The returned error is always nil, because the SDK's periodic
// reader drops the whole collection if there is an error.
func (p *Producer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	return p.collect(ctx, false), nil
}

// Collect is Produce without allocations: the points are valid until the next call of
// Collect, which reuses their memory. Do not call it on a producer that a reader uses.
func (p *Producer) Collect(ctx context.Context) []metricdata.ScopeMetrics {
	return p.collect(ctx, true)
}

func (p *Producer) collect(ctx context.Context, reuse bool) []metricdata.ScopeMetrics {
	metrics := p.metrics(ctx, reuse, nil)
	if p.self != nil {
		metrics = p.self.metrics(ctx, reuse, metrics)
	}
	if len(metrics) == 0 {
		return nil
	}
	return []metricdata.ScopeMetrics{{Scope: p.recorder.scope(), Metrics: metrics}}
}

func (r *Recorder) scope() instrumentation.Scope {
	return instrumentation.Scope{Name: ScopeName, Version: Version(), SchemaURL: r.schemaURL}
}

// Definitions yields the definitions of the producer's metrics, with the names that the
// producer gives them. Those of [WithSelfMetrics] come last. The label names are all that
// the series have: the engine's, then the metric's own, then the constant ones. If a view
// ([WithViews]) renames a metric, the Prometheus name changes too, with underscores in
// place of characters that Prometheus does not allow.
func (p *Producer) Definitions() iter.Seq[schema.Definition] {
	return func(yield func(schema.Definition) bool) {
		for i, m := range p.recorder.metrics {
			for _, s := range p.streams[i] {
				if s.native {
					continue
				}
				d := m.definition
				d.Name, d.Description, d.Unit, d.Boundaries = s.name, s.description, s.unit, slices.Clone(s.boundaries)
				d.LabelNames = m.labelNames()
				if s.renamed {
					d.PrometheusName = strings.NewReplacer(".", "_", "-", "_", "/", "_").Replace(s.name)
				}
				if !yield(d) {
					return
				}
			}
		}
		if p.self != nil {
			p.self.Definitions()(yield)
		}
	}
}

// metrics appends what there is to report. It reads the clock last, because series can
// appear while it reads the others.
func (p *Producer) metrics(ctx context.Context, reuse bool, all []metricdata.Metrics) []metricdata.Metrics {
	r := p.recorder
	r.runCallbacks(ctx)
	r.collecting.Lock()
	defer r.collecting.Unlock()
	for _, streams := range p.streams {
		for _, s := range streams {
			s.begin(reuse, p.last)
		}
	}
	began := r.config.now()
	for _, e := range r.snapshot() {
		for _, m := range r.metrics {
			for s := range prefetch(e.ordered(m)) {
				if s.shown() && p.departures.admits(s, began) {
					m.collect(s, p)
				}
			}
		}
	}
	for _, s := range r.takeDeparted(&p.departures, began) {
		s.metric.collect(s, p)
	}
	now := r.config.now()
	for _, streams := range p.streams {
		for _, s := range streams {
			if s.size() > 0 {
				all = append(all, s.end(p.last, now))
			}
		}
	}
	p.last = now
	return all
}

// prefetch yields the series in their order. It reads both cache lines of the next ones
// ahead, so that the processor fetches many at the same time. Otherwise a collection of
// more series than fit the caches waits for the memory of one after another.
func prefetch(all []*series) iter.Seq[*series] {
	return func(yield func(*series) bool) {
		for batch := range slices.Chunk(all, 64) {
			for _, s := range batch {
				s.bits.Load()
				s.isLive()
			}
			for _, s := range batch {
				if !yield(s) {
					return
				}
			}
		}
	}
}

// streamsOf yields the streams of the series' metric and of its mirrors, with the
// attributes that the series has there.
func (p *Producer) streamsOf(s *series) iter.Seq2[*stream, *attribute.Set] {
	return func(yield func(*stream, *attribute.Set) bool) {
		if s.isLive() {
			for _, stream := range p.streams[s.metric.ordinal] {
				if !yield(stream, &s.attributes) {
					return
				}
			}
		}
		for i, target := range s.metric.mirrors {
			for _, stream := range p.streams[target.metric.ordinal] {
				if !yield(stream, &s.mirrors[i]) {
					return
				}
			}
		}
	}
}
