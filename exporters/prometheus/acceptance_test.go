// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// newScraped returns a recorder of the catalogue, and the handler of its scrapes.
func newScraped(t *testing.T, catalogue *schema.Catalogue) (http.Handler, *otelkv.Recorder) {
	t.Helper()
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	collector, err := prometheus.NewCollector(recorder)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := prometheus.NewHandler([]*prometheus.Collector{collector})
	if err != nil {
		t.Fatal(err)
	}
	return handler, recorder
}

func labelNames(m *dto.Metric) []string {
	var names []string
	for _, l := range m.GetLabel() {
		names = append(names, l.GetName())
	}
	slices.Sort(names)
	return names
}

// TestScrapeOfAPrimedEngine tests what published dashboards and programs rely on: the
// exact names of families and samples, the labels of each sample, and boundaries.
func TestScrapeOfAPrimedEngine(t *testing.T) {
	catalogue := vllm.TieringSpec()
	handler, recorder := newScraped(t, catalogue)
	if _, err := recorder.AddEngine(0, "m", otelkv.WithTiers("fs"), otelkv.WithPriming()); err != nil {
		t.Fatal(err)
	}
	families := families(t, body(t, scrape(t, handler, "")))
	for d := range catalogue.All() {
		if d.FromInfo {
			continue
		}
		family := families[d.SampleName()]
		if family == nil {
			t.Errorf("the family %s is absent", d.SampleName())
			continue
		}
		delete(families, d.SampleName())
		for _, m := range family.GetMetric() {
			want := append([]string{"engine", "model_name"}, d.LabelNames...)
			slices.Sort(want)
			if diff := cmp.Diff(want, labelNames(m)); diff != "" {
				t.Errorf("%s: labels (-want +got):\n%s", d.SampleName(), diff)
			}
			if d.Kind() != schema.KindHistogram {
				continue
			}
			var boundaries []float64
			for _, b := range m.GetHistogram().GetBucket()[:len(m.GetHistogram().GetBucket())-1] {
				boundaries = append(boundaries, b.GetUpperBound())
			}
			if diff := cmp.Diff(d.Boundaries, boundaries); diff != "" {
				t.Errorf("%s: boundaries (-want +got):\n%s", d.SampleName(), diff)
			}
		}
	}
	for name := range families {
		t.Errorf("the family %s is not in the catalogue", name)
	}
}

func TestNamesOfARepublisher(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.StoreBytes)
	prefixed, err := catalogue.WithPrefix("ray_")
	if err != nil {
		t.Fatal(err)
	}
	handler, recorder := newScraped(t, prefixed)
	engine, err := recorder.AddEngine(0, "m", otelkv.WithPriming())
	if err != nil {
		t.Fatal(err)
	}
	must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.StoreBytes)).Add(3)
	payload := new(stats.Payload)
	if err := payload.AddCounter(vllm.StoreBytes.PrometheusName, stats.Int64(4)); err != nil {
		t.Fatal(err)
	}
	if err := engine.Observe(t.Context(), payload); err != nil {
		t.Fatal(err)
	}
	family := families(t, body(t, scrape(t, handler, "")))["ray_vllm_kv_offload_store_bytes_total"]
	if len(family.GetMetric()) != 1 || family.GetMetric()[0].GetCounter().GetValue() != 7 {
		t.Errorf("got %v, want one series of 7", family)
	}
}
