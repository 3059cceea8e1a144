// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/internal/guard"
	"github.com/otelkv/otelkv-go/internal/reports"
)

// defaultMaxConcurrentScrapes leaves room for a few redundant Prometheus
// servers and slow readers.
const defaultMaxConcurrentScrapes = 16

// gatherTimeout is how long a scrape waits for the gatherer of [WithGatherer]. It
// leaves half of Prometheus's usual timeout for the rest.
const gatherTimeout = 5 * time.Second

// A HandlerOption changes what [NewHandler] returns.
type HandlerOption interface {
	applyHandler(*handlerConfig)
}

type handlerOptionFunc func(*handlerConfig)

func (f handlerOptionFunc) applyHandler(c *handlerConfig) { f(c) }

type handlerConfig struct {
	gatherers            []promclient.Gatherer
	maxConcurrentScrapes int
}

// WithGatherer also shows what g gathers, such as a registry of the host. What goes
// wrong there never costs a metric of the collectors: a family with a name of theirs is
// left out, and so is all that does not come within five seconds; both are reported to
// the error handler of package otel, as is an error. Families that come beside an error
// are shown. The collectors of the handler must not be registered with g.
func WithGatherer(g promclient.Gatherer) HandlerOption {
	return handlerOptionFunc(func(c *handlerConfig) { c.gatherers = append(c.gatherers, g) })
}

// WithMaxConcurrentScrapes bounds the requests that a handler answers at a time. It
// answers 503 to more. The default is 16.
func WithMaxConcurrentScrapes(n int) HandlerOption {
	return handlerOptionFunc(func(c *handlerConfig) { c.maxConcurrentScrapes = max(1, n) })
}

// NewHandler returns a handler of scrapes that shows the collectors' metrics, in the
// text format, as OpenMetrics or as protobuf, compressed if the request accepts that.
// It does without a registry, and so costs less than one that has the collectors. The
// error says which metric two of the collectors have.
//
// What cannot be shown is left out and reported to the error handler of package otel.
func NewHandler(collectors []*Collector, options ...HandlerOption) (http.Handler, error) {
	c := handlerConfig{maxConcurrentScrapes: defaultMaxConcurrentScrapes}
	for _, o := range options {
		o.applyHandler(&c)
	}
	registry := promclient.NewRegistry() // which only tells what clashes
	h := &scrapes{}
	for _, collector := range collectors {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("otelkv: scrape handler: two collectors have a metric in common: "+
				"expected recorders with constant labels of different values: %w", err)
		}
		h.sources = append(h.sources, &source{collector: collector})
	}
	taken := takenNames(collectors)
	for _, g := range c.gatherers {
		h.others = append(h.others, newOthers(g, taken))
	}
	return promhttp.HandlerForTransactional(h, promhttp.HandlerOpts{
		// One metric that cannot be shown must not take the others with it.
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            new(errorLog),
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: c.maxConcurrentScrapes,
	}), nil
}

// scrapes gather for a handler.
type scrapes struct {
	sources []*source
	others  []*others
}

// A source is a collector and memory for its scrapes: as many snapshots as there
// are scrapes at the same time.
type source struct {
	collector *Collector
	snapshots sync.Pool
}

// Gather returns the families. They may be looked at until done is called.
func (h *scrapes) Gather() (families []*dto.MetricFamily, done func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTimeout)
	defer cancel()
	runs := make([]*guard.Run[[]*dto.MetricFamily], len(h.others))
	for i, o := range h.others {
		runs[i] = o.gathering.Start(ctx)
	}
	used := make([]*snapshot, len(h.sources))
	for i, source := range h.sources {
		s, _ := source.snapshots.Get().(*snapshot)
		if s == nil {
			s = new(snapshot)
		}
		source.collector.collect(s)
		for f := range s.families {
			if len(s.families[f].Metric) > 0 {
				families = append(families, &s.families[f].MetricFamily)
			}
		}
		used[i] = s
	}
	families = merged(families)
	seen := make(map[string]bool)
	for i, o := range h.others {
		gathered, _ := runs[i].Wait(ctx)
		for _, f := range o.without(gathered, seen) {
			seen[f.GetName()] = true
			families = append(families, f)
		}
	}
	slices.SortStableFunc(families, byName)
	return families, func() {
		for i, s := range used {
			h.sources[i].snapshots.Put(s)
		}
	}, nil
}

func byName(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) }

// merged sorts the families of several collectors by name, and makes one of those
// that have the same.
func merged(families []*dto.MetricFamily) []*dto.MetricFamily {
	slices.SortStableFunc(families, byName)
	out := families[:0]
	for _, f := range families {
		if len(out) == 0 || out[len(out)-1].GetName() != f.GetName() {
			out = append(out, f)
			continue
		}
		first := out[len(out)-1]
		all := &dto.MetricFamily{Name: first.Name, Help: first.Help, Type: first.Type}
		all.Metric = append(slices.Clone(first.Metric), f.Metric...)
		slices.SortStableFunc(all.Metric, func(a, b *dto.Metric) int { return compareLabels(a.Label, b.Label) })
		out[len(out)-1] = all
	}
	return out
}

// errorLog hands the handler's errors to the error handler of package otel, few as clients
// can cause many. It leaves out that a request accepts no encoding that there is: such a
// request is answered uncompressed.
type errorLog struct{ throttle reports.Throttle }

func (l *errorLog) Println(v ...any) {
	text := strings.TrimSuffix(fmt.Sprintln(v...), "\n")
	if strings.Contains(text, "content compression format not recognized") {
		return
	}
	if err := l.throttle.Report("otelkv: scrape: ", errors.New(text), time.Now()); err != nil {
		otel.Handle(err)
	}
}
