package otelkv_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	prommodel "github.com/prometheus/common/model"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// scraped returns the families of a scrape, read as llm-d-router reads them.
func scraped(t *testing.T, pipeline *exporters.Pipeline) map[string]*dto.MetricFamily {
	t.Helper()
	response := httptest.NewRecorder()
	pipeline.Handler().ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	body, err := io.ReadAll(response.Result().Body)
	if err != nil || response.Code != 200 {
		t.Fatalf("the scrape gave %d %s, %v", response.Code, body, err)
	}
	parser := expfmt.NewTextParser(prommodel.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// newScraped returns a recorder of the catalogue on a pipeline that shows the
// names of another, or of the same.
func newScraped(t *testing.T, catalogue *schema.Catalogue, names ...*schema.Catalogue) (*exporters.Pipeline, *otelkv.Recorder) {
	t.Helper()
	pipeline, err := newPipeline(append(names, catalogue)[0])
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := otelkv.New(catalogue, otelkv.WithMeterProvider(pipeline))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(recorder.Close(), pipeline.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return pipeline, recorder
}

func labelNames(m *dto.Metric) []string {
	var names []string
	for _, l := range m.GetLabel() {
		names = append(names, l.GetName())
	}
	slices.Sort(names)
	return names
}

// TestScrapeOfAPrimedEngine holds what published dashboards and programs that
// scrape rely on: families and samples by their exact names, labels on each
// sample, and boundaries.
func TestScrapeOfAPrimedEngine(t *testing.T) {
	catalogue := vllm.TieringSpec()
	pipeline, recorder := newScraped(t, catalogue)
	if _, err := recorder.AddEngine(0, "m", otelkv.WithTiers("1:fs"), otelkv.WithPriming()); err != nil {
		t.Fatal(err)
	}
	families := scraped(t, pipeline)
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

func TestTwoRecordersOnOnePipeline(t *testing.T) {
	catalogue := vllm.TieringSpec()
	pipeline, first := newScraped(t, catalogue)
	second, err := otelkv.New(catalogue, otelkv.WithMeterProvider(pipeline))
	if err != nil {
		t.Fatal(err)
	}
	for index, recorder := range []*otelkv.Recorder{first, second} {
		if _, err := recorder.AddEngine(index, "m", otelkv.WithPriming()); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(scraped(t, pipeline)["vllm:kv_offload_load_bytes_total"].GetMetric()); got != 2 {
		t.Errorf("%d series, want one for each recorder's engine", got)
	}
	if err := second.Close(); err != nil {
		t.Error(err)
	}
	if got := len(scraped(t, pipeline)["vllm:kv_offload_load_bytes_total"].GetMetric()); got != 1 {
		t.Errorf("%d series after one recorder was closed, want those of the other", got)
	}
}

func TestTwoRecordersThatDisagree(t *testing.T) {
	catalogue := vllm.TieringSpec()
	pipeline, _ := newScraped(t, catalogue)
	load, size := vllm.LoadBytes, vllm.LoadSize
	load.LabelNames = []string{"device"}
	size.Boundaries = []float64{1, 2}
	info := vllm.ConfigInfo("fact")
	other, err := schema.NewCatalogue(load, size, vllm.StoreBytes, info)
	if err != nil {
		t.Fatal(err)
	}
	_, err = otelkv.New(other, otelkv.WithMeterProvider(pipeline))
	const want = `otelkv: metric "vllm:kv_offload_load_bytes": defined differently: the labels [device], and [] in another recorder of the pipeline
otelkv: metric "vllm:kv_offload_load_size": defined differently: the boundaries [1 2], and [1e+06 5e+06 1e+07 2e+07 4e+07 6e+07 8e+07 1e+08 1.5e+08 2e+08] in another recorder of the pipeline`
	if !errors.Is(err, exporters.ErrConflict) || err.Error() != want {
		t.Errorf("got %v, want\n%s", err, want)
	}
}

func TestNamesOfARepublisher(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.StoreBytes)
	prefixed, err := catalogue.WithPrefix("ray_")
	if err != nil {
		t.Fatal(err)
	}
	pipeline, recorder := newScraped(t, catalogue, prefixed)
	engine, err := recorder.AddEngine(0, "m", otelkv.WithPriming())
	if err != nil {
		t.Fatal(err)
	}
	must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.StoreBytes)).Add(7)
	family := scraped(t, pipeline)["ray_vllm_kv_offload_store_bytes_total"]
	if len(family.GetMetric()) != 1 || family.GetMetric()[0].GetCounter().GetValue() != 7 {
		t.Errorf("got %v, want one series of 7", family)
	}
}
