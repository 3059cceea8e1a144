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

	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/schema"
)

// A Producer gives one reader of the OpenTelemetry SDK the metrics of a recorder.
// It is a sdkmetric.Producer: pass it to the reader with sdkmetric.WithProducer.
// Every reader needs a producer of its own, because a producer remembers what it
// reported. It is safe for concurrent use, and need not be closed.
type Producer struct {
	recorder *Recorder
	id       uint64      // among all that the recorder had
	slot     int         // among those that it has
	streams  [][]*stream // by the ordinals of the metrics
	deltas   []bool      // likewise: what to tell is what came since the last collection
	// exponential says likewise that histograms are told in exponential buckets too,
	// under their own name or a mirror's.
	exponential []bool
	last        time.Time // of the collection before
	counts      []uint64  // reused for the buckets of one series
	departures  departures
	self        *Producer // of the recorder's self-metrics
}

var _ sdkmetric.Producer = (*Producer)(nil)

// Producer returns a producer of the recorder's metrics. Without options its
// points are cumulative; a reader of another temporality passes its selector
// ([WithTemporality]).
//
// A producer that is no longer used is garbage like any other value.
func (r *Recorder) Producer(options ...ExportOption) (*Producer, error) {
	c := newExportConfig(options, 0)
	if c.temporality == nil {
		c.temporality = sdkmetric.CumulativeTemporalitySelector
	}
	return r.newProducer(c)
}

func (r *Recorder) newProducer(c exportConfig) (*Producer, error) {
	p := &Producer{recorder: r, departures: departures{delay: c.removalDelay}}
	var errs []error
	for _, m := range r.metrics {
		streams, err := newStreams(m, c)
		p.streams = append(p.streams, streams)
		p.deltas = append(p.deltas, newStream(&m.definition, c).delta())
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
	r.lastProducer++
	p.id = r.lastProducer
	p.slot = slices.IndexFunc(r.producers, func(w weak.Pointer[Producer]) bool { return w.Value() == nil })
	if p.slot < 0 {
		p.slot = len(r.producers)
		r.producers = append(r.producers, weak.Pointer[Producer]{})
	}
	r.producers[p.slot] = weak.Make(p)
	return p, nil
}

// countExponentially makes the histograms that p tells in exponential buckets count in
// them, those that exist already and those to come.
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

// sentName returns the name that a receiver makes the Prometheus name of. It
// takes "total" from the end of a counter's name, with the byte before it
// whatever that is, and puts "_total" there.
func sentName(d *schema.Definition) string {
	if d.Kind() == schema.KindCounter && strings.HasSuffix(d.PrometheusName, "total") {
		return d.SampleName()
	}
	return d.PrometheusName
}

// Produce returns the points of every series that has something to report. They belong
// to the caller.
//
// A removed series is reported once more, or for as long as [WithRemovalDelay] says.
// Callbacks ([Recorder.RegisterCallback]) run first. Their errors go to the error handler
// of package otel. The returned error is always nil, because the SDK's periodic reader
// drops the whole collection for an error.
func (p *Producer) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	return p.collect(ctx, false), nil
}

// Collect is Produce without allocating: the points are valid until the next call of
// Collect, which reuses their memory. Do not call it on a producer that a reader has.
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
// producer gives them. Those of [WithSelfMetrics] come last. Their label names are all
// that the series have: the engine's, then the metric's own, then constant ones. A
// metric that a view ([WithViews]) renames has the new name for Prometheus too, with
// underscores in place of characters that Prometheus does not allow.
func (p *Producer) Definitions() iter.Seq[schema.Definition] {
	return func(yield func(schema.Definition) bool) {
		for i, m := range p.recorder.metrics {
			for _, s := range p.streams[i] {
				if s.native {
					continue
				}
				d := m.definition
				d.Name, d.Description, d.Unit, d.Boundaries = s.name, s.description, s.unit, s.boundaries
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

// metrics appends what there is to tell. It looks at the clock last, because series
// can appear while it reads the others.
func (p *Producer) metrics(ctx context.Context, reuse bool, all []metricdata.Metrics) []metricdata.Metrics {
	r := p.recorder
	r.callbacks.run(ctx)
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
	if departed := p.departures.take(began); len(departed) > 0 {
		for _, s := range departed {
			s.metric.collect(s, p)
		}
		r.countDeparted()
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

// prefetch returns the series in their order. It reads both cache lines of the next ones
// ahead, so that the processor fetches many at the same time. Without it, a collection of
// more series than fit the caches waits for the memory of one after the other.
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

// delta reports whether p tells of a metric what came since its last collection.
func (p *Producer) delta(m *recorderMetric) bool { return p.deltas[m.ordinal] }

// int64 adds a point of the series to each of its streams, under each name that it is
// to be reported under.
func (p *Producer) int64(s *series, value int64) {
	if s.isLive() {
		for _, stream := range p.streams[s.metric.ordinal] {
			stream.addInt64(s, &s.attributes, value)
		}
	}
	for i, target := range s.metric.mirrors {
		for _, stream := range p.streams[target.metric.ordinal] {
			stream.addInt64(s, &s.mirrors[i], value)
		}
	}
}

// float64 is int64 for floating-point numbers.
func (p *Producer) float64(s *series, value float64) {
	if s.isLive() {
		for _, stream := range p.streams[s.metric.ordinal] {
			stream.addFloat64(s, &s.attributes, value)
		}
	}
	for i, target := range s.metric.mirrors {
		for _, stream := range p.streams[target.metric.ordinal] {
			stream.addFloat64(s, &s.mirrors[i], value)
		}
	}
}

// histogram is int64 for histograms.
func (p *Producer) histogram(s *series, start int64, counts []uint64, all interval, exponential exponentialCounts) {
	if s.isLive() {
		for _, stream := range p.streams[s.metric.ordinal] {
			stream.addSamples(s, &s.attributes, start, counts, all, exponential)
		}
	}
	for i, target := range s.metric.mirrors {
		for _, stream := range p.streams[target.metric.ordinal] {
			stream.addSamples(s, &s.mirrors[i], start, counts, all, exponential)
		}
	}
}
