// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestExposition tests the text of a scrape, from a registry and from a handler.
func TestExposition(t *testing.T) {
	tests := []struct {
		name    string
		accept  string
		measure func(t testing.TB, engine *otelkv.Engine)
	}{
		{name: "every_kind", measure: measure},
		{name: "every_kind_openmetrics", accept: openMetrics, measure: measure},
		{name: "hostile_label_values", measure: func(t testing.TB, engine *otelkv.Engine) {
			forged := "\"} 1\ntest:load_bytes_total{tier=\"forged\"} 9\n\\"
			must[otelkv.Int64Counter](t)(engine.Int64Counter(loadBytes, forged)).Add(1)
			must[otelkv.Int64Counter](t)(engine.Int64Counter(loadBytes, "é\x00")).Add(2)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			errs := handleErrors(t)
			recorder := newRecorder(t, everyKind)
			test.measure(t, addEngine(t, recorder, 0))
			collector := newCollector(t, recorder)
			text := body(t, scrape(t, newHandler(t, collector), test.accept))
			golden(t, test.name, text)
			if diff := cmp.Diff(text, body(t, scrape(t, registryHandler(collector), test.accept))); diff != "" {
				t.Errorf("a registry says something else (-handler +registry):\n%s", diff)
			}
			if err := errs.joined(); err != nil {
				t.Errorf("reported: %v", err)
			}
		})
	}
}

// TestVLLMNames tests that the metrics of vLLM's catalogue have vLLM's names, types and
// labels.
func TestVLLMNames(t *testing.T) {
	recorder := newRecorder(t, vllm.TieringSpec())
	_, err := recorder.AddEngine(0, "m", otelkv.WithTiers("fs"), otelkv.WithPriming())
	if err != nil {
		t.Fatal(err)
	}
	got := families(t, body(t, scrape(t, registryHandler(newCollector(t, recorder)), "")))
	types := map[schema.Kind]dto.MetricType{
		schema.KindCounter:   dto.MetricType_COUNTER,
		schema.KindGauge:     dto.MetricType_GAUGE,
		schema.KindHistogram: dto.MetricType_HISTOGRAM,
	}
	for d := range vllm.TieringSpec().All() {
		family, ok := got[d.SampleName()]
		if !ok {
			// Label values that are not known before are not primed.
			continue
		}
		delete(got, d.SampleName())
		if family.GetType() != types[d.Kind()] || family.GetHelp() != d.Description {
			t.Errorf("%s is a %s %q, want a %s %q", d.SampleName(), family.GetType(), family.GetHelp(), types[d.Kind()], d.Description)
		}
		want := map[string]bool{"model_name": true, "engine": true}
		for _, name := range d.LabelNames {
			want[name] = true
		}
		for _, pair := range family.GetMetric()[0].GetLabel() {
			if !want[pair.GetName()] {
				t.Errorf("%s has label %q", d.SampleName(), pair.GetName())
			}
			delete(want, pair.GetName())
		}
		if len(want) > 0 {
			t.Errorf("%s lacks the labels %v", d.SampleName(), want)
		}
	}
	for name := range got {
		t.Errorf("family %s is of no definition", name)
	}
}

func TestRegister(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	collector := newCollector(t, recorder)
	labelled := func(zone string) promclient.Collector {
		return newCollector(t, newRecorder(t, everyKind, otelkv.WithConstantLabels(attribute.String("zone", zone))))
	}
	tests := []struct {
		name          string
		first, second promclient.Collector
		want          string // of the error
	}{
		{"the same collector", collector, collector, "duplicate metrics collector registration"},
		{"the same recorder", collector, newCollector(t, recorder), "duplicate metrics collector registration"},
		{"another recorder of the catalogue", collector, newCollector(t, newRecorder(t, everyKind)), "duplicate metrics collector registration"},
		{"a recorder with a metric in common", collector, newCollector(t, newRecorder(t, schema.MustCatalogue(usage, loadTime))), "test:usage_perc"},
		{"a metric of the host", collector, promclient.NewGauge(promclient.GaugeOpts{Name: "test:jobs", Help: "Jobs under way."}), "test:jobs"},
		{"constant labels of different values", labelled("a"), labelled("b"), ""},
		{"constant labels of one value", labelled("a"), labelled("a"), "duplicate metrics collector registration"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			registry := promclient.NewPedanticRegistry()
			registry.MustRegister(test.first)
			err := registry.Register(test.second)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want an error about %s", err, test.want)
			}
		})
	}
}

func TestCollectorNeedsARecorder(t *testing.T) {
	if _, err := prometheus.NewCollector(nil); err == nil || !strings.Contains(err.Error(), "recorder") {
		t.Errorf("got %v, want an error that asks for a recorder", err)
	}
}

func TestConstantLabels(t *testing.T) {
	var collectors []promclient.Collector
	for _, zone := range []string{"b", "a"} {
		recorder := newRecorder(t, everyKind, otelkv.WithConstantLabels(attribute.String("zone", zone)))
		must[otelkv.Int64Gauge](t)(addEngine(t, recorder, 0).Int64Gauge(jobs)).Record(1)
		collectors = append(collectors, newCollector(t, recorder))
	}
	const want = `# HELP test:jobs Jobs under way.
# TYPE test:jobs gauge
test:jobs{engine="0",model_name="m",zone="a"} 1
test:jobs{engine="0",model_name="m",zone="b"} 1
`
	if diff := cmp.Diff(want, body(t, scrape(t, registryHandler(collectors...), ""))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collectors[0].(*prometheus.Collector), collectors[1].(*prometheus.Collector)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, body(t, scrape(t, handler, ""))); diff != "" {
		t.Errorf("handler (-want +got):\n%s", diff)
	}
}

func TestLint(t *testing.T) {
	recorder := newRecorder(t, schema.MustCatalogue(
		schema.Int64Counter{Name: "load.bytes", PrometheusName: "load_bytes", Unit: "By", Description: "Bytes loaded."},
		schema.Int64Gauge{Name: "jobs", PrometheusName: "jobs", Unit: "{job}", Description: "Jobs under way."}))
	problems, err := testutil.CollectAndLint(newCollector(t, recorder))
	if err != nil || len(problems) > 0 {
		t.Errorf("got %v and %v", problems, err)
	}
}

// TestCreatedTimestamps tests that counters and histograms have their start, in formats
// that carry it, also when an engine comes back.
func TestCreatedTimestamps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := newRecorder(t, everyKind)
		handler := newHandler(t, newCollector(t, recorder, otelkv.WithRemovalDelay(0)))
		for range 2 {
			time.Sleep(time.Minute)
			start := time.Now()
			engine := addEngine(t, recorder, 0)
			measure(t, engine)
			time.Sleep(time.Minute)
			seen := 0
			for _, f := range decoded(t, handler) {
				for _, m := range f.GetMetric() {
					created := m.GetCounter().GetCreatedTimestamp()
					if f.GetType() == dto.MetricType_HISTOGRAM {
						created = m.GetHistogram().GetCreatedTimestamp()
					} else if f.GetType() == dto.MetricType_GAUGE {
						continue
					}
					seen++
					if !created.AsTime().Equal(start) {
						t.Errorf("%s began %v, want %v", f.GetName(), created.AsTime(), start)
					}
				}
			}
			if seen != 5 {
				t.Errorf("%d series say when they began, want 5", seen)
			}
			engine.Remove()
			body(t, scrape(t, handler, "")) // the last report
		}
	})
}

// TestRemovalDelay tests that every server sees the last value of a removed series.
func TestRemovalDelay(t *testing.T) {
	const line = `test:load_bytes_total{engine="0",model_name="m",tier="1:fs"} 4096`
	tests := []struct {
		name    string
		options []otelkv.ExportOption
		delay   time.Duration
	}{
		{"the default", nil, 2 * time.Minute},
		{"an option", []otelkv.ExportOption{otelkv.WithRemovalDelay(10 * time.Second)}, 10 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				recorder := newRecorder(t, everyKind)
				handler := newHandler(t, newCollector(t, recorder, test.options...))
				engine := addEngine(t, recorder, 0)
				measure(t, engine)
				engine.Remove()
				for range 2 { // servers
					if text := body(t, scrape(t, handler, "")); !strings.Contains(text, line) {
						t.Errorf("right after the removal a scrape lacks %s:\n%s", line, text)
					}
				}
				time.Sleep(test.delay - time.Second)
				if text := body(t, scrape(t, handler, "")); !strings.Contains(text, line) {
					t.Errorf("shortly before the end a scrape lacks %s:\n%s", line, text)
				}
				time.Sleep(time.Second)
				if text := body(t, scrape(t, handler, "")); text != "" {
					t.Errorf("after the delay a scrape has\n%s", text)
				}
			})
		})
	}
}

// TestSeriesComeAndGo tests that the memory of a collector never mixes labels, buckets or
// exemplars of one series with the value of another, and that series are sorted.
func TestSeriesComeAndGo(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	collector := newCollector(t, recorder, otelkv.WithRemovalDelay(0))
	handlers := map[string]http.Handler{"handler": newHandler(t, collector), "registry": registryHandler(newCollector(t, recorder, otelkv.WithRemovalDelay(0)))}
	engines := make(map[int]*otelkv.Engine)
	for step := range 60 {
		index := step * 7 % 10
		if engine, ok := engines[index]; ok {
			engine.Remove()
			delete(engines, index)
		} else {
			engines[index] = addEngine(t, recorder, index)
			must[otelkv.Int64Gauge](t)(engines[index].Int64Gauge(jobs)).Record(int64(index))
			sizes := must[otelkv.Histogram](t)(engines[index].Histogram(loadSize))
			for range index + 1 {
				sizes.Record(1)
			}
			if index%2 == 0 {
				sizes.RecordContext(sampled(t.Context(), byte(index+1)), 2e6)
			}
		}
		for name, handler := range handlers {
			body(t, scrape(t, handler, "")) // the last report of what was removed
			got := decoded(t, handler)
			var order []string
			for _, m := range got["test:jobs"].GetMetric() {
				order = append(order, label(m, "engine"))
				if want := string(rune('0' + int(m.GetGauge().GetValue()))); label(m, "engine") != want {
					t.Fatalf("step %d: the %s shows %v", step, name, m)
				}
			}
			if len(order) != len(engines) || !slices.IsSorted(order) {
				t.Fatalf("step %d: the %s shows the engines %v, want %d of them, sorted", step, name, order, len(engines))
			}
			for _, m := range got["test:load_size"].GetMetric() {
				index := int(label(m, "engine")[0] - '0')
				small, middle := m.GetHistogram().GetBucket()[0], m.GetHistogram().GetBucket()[1]
				if small.GetCumulativeCount() != uint64(index+1) || middle.GetCumulativeCount() != uint64(index+2-index%2) ||
					len(m.GetHistogram().GetBucket()) != 2 || small.Exemplar != nil || (middle.Exemplar != nil) != (index%2 == 0) {
					t.Fatalf("step %d: the %s shows %v", step, name, m)
				}
			}
		}
	}
}

// decoded returns the families of a scrape as protobuf, which carries everything.
func decoded(t *testing.T, handler http.Handler) map[string]*dto.MetricFamily {
	t.Helper()
	response := scrape(t, handler, string(expfmt.NewFormat(expfmt.TypeProtoDelim)))
	body(t, response)
	decoder := expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header()))
	all := make(map[string]*dto.MetricFamily)
	for {
		f := new(dto.MetricFamily)
		if err := decoder.Decode(f); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all[f.GetName()] = f
	}
}

func label(m *dto.Metric, name string) string {
	for _, pair := range m.GetLabel() {
		if pair.GetName() == name {
			return pair.GetValue()
		}
	}
	return ""
}
