// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"math"
	"net/http"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelkv/otelkv-go/otelkv"
)

// TestNativeHistograms tests that protobuf has both kinds of buckets, and that text does
// not change.
func TestNativeHistograms(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	engine := addEngine(t, recorder, 0)
	measure(t, engine)
	size := must[otelkv.Histogram](t)(engine.Histogram(loadSize))
	collector := newCollector(t, recorder, otelkv.WithNativeHistograms())
	plain := newHandler(t, newCollector(t, recorder))
	handler := newHandler(t, collector)
	// Samples from before the collector are not in its native buckets.
	for _, sample := range []float64{0, 1, 1.01, 64, 2e9} {
		size.Record(sample)
	}
	for range 2 { // the second scrape reuses the memory of the first
		got := protobuf(t, handler)["test:load_size"].GetMetric()[0].GetHistogram()
		if got.GetSchema() != 2 || got.GetZeroCount() != 1 || got.GetSampleCount() != 5 || got.GetSampleSum() != 2e9+66.01 {
			t.Errorf("got schema %d, zeros %d, count %d, sum %v", got.GetSchema(), got.GetZeroCount(), got.GetSampleCount(), got.GetSampleSum())
		}
		// The upper end of each bucket with samples.
		var ends []float64
		var counts []int64
		index, count := int32(0), int64(0)
		deltas := got.GetPositiveDelta()
		for _, span := range got.GetPositiveSpan() {
			index += span.GetOffset()
			for range span.GetLength() {
				count += deltas[0]
				deltas = deltas[1:]
				ends, counts = append(ends, math.Exp2(float64(index)/4)), append(counts, count)
				index++
			}
		}
		if diff := cmp.Diff([]int64{1, 1, 1, 1}, counts); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		if len(ends) != 4 || ends[0] != 1 || ends[1] < 1.01 || ends[1] > 1.2 || ends[2] != 64 || ends[3] < 2e9 || ends[3] > 2.4e9 {
			t.Errorf("the buckets end at %v", ends)
		}
		var classic []uint64
		for _, b := range got.GetBucket() {
			classic = append(classic, b.GetCumulativeCount())
		}
		if diff := cmp.Diff([]uint64{4, 4}, classic); diff != "" {
			t.Errorf("explicit buckets (-want +got):\n%s", diff)
		}
	}
	if got := protobuf(t, plain)["test:load_size"].GetMetric()[0].GetHistogram(); got.Schema != nil || got.GetSampleCount() != 6 {
		t.Errorf("another collector shows %v", got)
	}
	text := body(t, scrape(t, handler, ""))
	if h := families(t, text)["test:load_size"].GetMetric()[0].GetHistogram(); h.GetSampleCount() != 5 || len(h.GetBucket()) != 3 {
		t.Errorf("the text has %v in:\n%s", h, text)
	}
	registered := protobuf(t, registryHandler(collector))["test:load_size"].GetMetric()[0].GetHistogram()
	if registered.GetSchema() != 2 {
		t.Errorf("a registry shows %v", registered)
	}
}

// TestNativeHistogramsWhileRecording tests that the parts of a histogram agree during
// recording, because Prometheus refuses a histogram whose parts differ.
func TestNativeHistogramsWhileRecording(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	size := must[otelkv.Histogram](t)(addEngine(t, recorder, 0).Histogram(loadSize))
	handler := newHandler(t, newCollector(t, recorder, otelkv.WithNativeHistograms()))
	size.Record(1)
	done := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					size.Record(1)
				}
			}
		})
	}
	for range 300 {
		h := protobuf(t, handler)["test:load_size"].GetMetric()[0].GetHistogram()
		native, count := h.GetZeroCount(), int64(0)
		for _, delta := range h.GetPositiveDelta() {
			count += delta
			native += uint64(count)
		}
		if native != h.GetSampleCount() {
			t.Errorf("native buckets have %d samples, and the histogram %d", native, h.GetSampleCount())
		}
		for _, b := range h.GetBucket() {
			if b.GetCumulativeCount() > h.GetSampleCount() {
				t.Errorf("the bucket of %v has %d samples, and the histogram %d", b.GetUpperBound(), b.GetCumulativeCount(), h.GetSampleCount())
			}
		}
	}
	close(done)
	writers.Wait()
}

// TestNativeHistogramOfTotals tests that a histogram with observed totals, which have
// only explicit buckets, is shown with these.
func TestNativeHistogramOfTotals(t *testing.T) {
	handleErrors(t)
	recorder := newRecorder(t, everyKind)
	engine := addEngine(t, recorder, 0)
	handler := newHandler(t, newCollector(t, recorder, otelkv.WithNativeHistograms()))
	total := must[otelkv.HistogramTotal](t)(engine.HistogramTotal(loadSize, loadSize.Boundaries))
	for range 2 {
		total.Observe([]uint64{1, 2, 3}, 4e7)
	}
	got := protobuf(t, handler)["test:load_size"].GetMetric()[0].GetHistogram()
	if got.Schema != nil || got.GetSampleCount() != 6 {
		t.Errorf("got %v, want a histogram of 6 samples that is not native", got)
	}
}

func protobuf(t *testing.T, handler http.Handler) map[string]*dto.MetricFamily {
	t.Helper()
	response := scrape(t, handler, string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	body(t, response)
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header()))
	all := make(map[string]*dto.MetricFamily)
	for {
		f := new(dto.MetricFamily)
		if decoder.Decode(f) != nil {
			return all
		}
		all[f.GetName()] = f
	}
}

// TestExponentialView holds that a scrape shows a histogram to which a view gave exponential
// buckets: beside the explicit ones, as another metric, or instead of them.
func TestExponentialView(t *testing.T) {
	exponential := sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
	for name, streams := range map[string][]sdkmetric.Stream{
		"instead": {{Aggregation: exponential}},
		"beside":  {{}, {Name: "other", Aggregation: exponential}},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := newRecorder(t, everyKind)
			var views []sdkmetric.View
			for _, stream := range streams {
				views = append(views, sdkmetric.NewView(sdkmetric.Instrument{Name: loadSize.Name}, stream))
			}
			handler := newHandler(t, newCollector(t, recorder, otelkv.WithViews(views...)))
			measure(t, addEngine(t, recorder, 0))
			shown := loadSize.PrometheusName
			if name == "beside" {
				shown = "other"
			}
			for range 2 { // the second scrape reuses the memory of the first
				f := families(t, body(t, scrape(t, handler, "")))[shown]
				if h := f.GetMetric()[0].GetHistogram(); len(f.GetMetric()) != 1 || h.GetSampleCount() != 1 || len(h.GetBucket()) != 1 {
					t.Errorf("text shows %v, want one bucket and one sample", f)
				}
				native := protobuf(t, handler)[shown]
				if h := native.GetMetric()[0].GetHistogram(); h.GetSampleCount() != 1 || h.Schema == nil || len(h.GetPositiveDelta()) == 0 {
					t.Errorf("protobuf shows %v, want native buckets", native)
				}
			}
		})
	}
}
