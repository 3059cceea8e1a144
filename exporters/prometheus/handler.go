// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"bufio"
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

// maxConcurrentScrapes leaves room for a few redundant Prometheus servers and slow
// readers.
const maxConcurrentScrapes = 16

// gatherTimeout is how long a scrape waits for a gatherer. Prometheus's usual timeout is
// twice as long.
const gatherTimeout = 5 * time.Second

// responseBuffer is how many bytes of a scrape are sent at once.
const responseBuffer = 64 << 10

// NewHandler returns a handler of scrapes. It shows the collectors' metrics in the text
// format, as OpenMetrics or as protobuf, compressed if the request accepts that. It needs
// no registry, and so costs less than one that has the collectors. It answers 503 to a
// 17th scrape at the same time. The error names a metric that two of the collectors have.
//
// The handler also shows the metrics of the gatherers, such as a registry of the host. Do
// not register the handler's collectors with them. A gatherer cannot cost a metric of the
// collectors: a family with the name of a collector's metric, or of an earlier gatherer's,
// is left out, and so are all families of a gatherer that takes more than five seconds.
// Both are reported to the error handler of package otel, and so are the errors of
// gatherers. Families that come with an error are shown.
//
// A metric that cannot be shown is left out, and reported to the same error handler.
func NewHandler(collectors []*Collector, gatherers ...promclient.Gatherer) (http.Handler, error) {
	registry := promclient.NewRegistry() // only to find metrics that two collectors have
	h := &scrapes{collectors: slices.Clone(collectors)}
	for _, collector := range collectors {
		if err := registry.Register(collector); err != nil {
			return nil, fmt.Errorf("otelkv: scrape handler: two collectors have a metric in common: "+
				"expected recorders with constant labels of different values: %w", err)
		}
	}
	taken := takenNames(collectors)
	for _, g := range gatherers {
		h.others = append(h.others, newOthers(g, taken))
	}
	log := &errorLog{source: "scrape"}
	return buffered(promhttp.HandlerForTransactional(h, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError, // one bad metric does not hide the others
		ErrorLog:            log,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: maxConcurrentScrapes,
	}), log), nil
}

// buffered returns h with responses that are sent in large parts. The server alone would
// send each 4 KiB of an uncompressed scrape as a chunk, which takes as long as encoding it.
func buffered(h http.Handler, log *errorLog) http.Handler {
	buffers := sync.Pool{New: func() any { return bufio.NewWriterSize(nil, responseBuffer) }}
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		buffer := buffers.Get().(*bufio.Writer)
		buffer.Reset(w)
		h.ServeHTTP(bufferedResponse{w, buffer}, request)
		if err := buffer.Flush(); err != nil {
			log.Println("error sending metrics:", err)
		}
		buffer.Reset(nil)
		buffers.Put(buffer)
	})
}

// A bufferedResponse has the methods of its buffer, which the encoder uses instead of a
// smaller buffer of its own.
type bufferedResponse struct {
	http.ResponseWriter
	*bufio.Writer
}

// Write chooses one of the two methods with this name.
func (r bufferedResponse) Write(p []byte) (int, error) { return r.Writer.Write(p) }

// scrapes gather for a handler.
type scrapes struct {
	collectors []*Collector
	others     []*others
}

// Gather returns the families. They are valid until done is called.
func (h *scrapes) Gather() (families []*dto.MetricFamily, done func(), err error) {
	ctx, cancel := context.WithTimeout(context.Background(), gatherTimeout)
	defer cancel()
	runs := make([]*guard.Run[[]*dto.MetricFamily], len(h.others))
	for i, o := range h.others {
		runs[i] = o.gathering.Start(ctx)
	}
	used := make([]*snapshot, len(h.collectors))
	for i, c := range h.collectors {
		s := c.snapshots.Get().(*snapshot)
		c.collect(s)
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
		families = append(families, o.without(gathered, seen)...)
	}
	slices.SortStableFunc(families, byName)
	return families, func() {
		for i, s := range used {
			h.collectors[i].snapshots.Put(s)
		}
	}, nil
}

func byName(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) }

// merged sorts families by name, and joins those with the same name.
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

// errorLog sends log lines to the error handler of package otel. It limits them, because
// clients can cause many. It skips the error that a client accepts no encoding: the answer
// to its request is uncompressed.
type errorLog struct {
	source   string
	throttle reports.Throttle
}

// Println makes it a log of package promhttp.
func (l *errorLog) Println(v ...any) { _, _ = fmt.Fprintln(l, v...) }

func (l *errorLog) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if strings.Contains(text, "content compression format not recognized") {
		return len(line), nil
	}
	if err := l.throttle.Report("otelkv: "+l.source+": ", errors.New(text), time.Now()); err != nil {
		otel.Handle(err)
	}
	return len(line), nil
}
