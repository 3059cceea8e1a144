// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// What a test's own specification declares.
var (
	myCounter = schema.Int64Counter{Name: "my.counter", PrometheusName: "my_counter", Unit: "1", Description: "Counts.", LabelNames: []string{"my_label"}}
	pending   = schema.Int64Gauge{Name: "my.pending", PrometheusName: "pending", Unit: "1", Description: "Waits."}
	lookup    = schema.Histogram{Name: "my.lookup", PrometheusName: "lookup", Unit: "s", Description: "Takes.", Boundaries: []float64{0.1, 1}}
)

// payload returns what a JSON object with the fields of a payload holds.
func payload(t testing.TB, text string) *stats.Payload {
	t.Helper()
	p := new(stats.Payload)
	if err := p.UnmarshalJSON([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return p
}

// labelsOf returns a set as a JSON object.
func labelsOf(set attribute.Set) string {
	labels := make(map[string]string)
	for _, a := range set.ToSlice() {
		labels[string(a.Key)] = a.Value.AsString()
	}
	text, err := json.Marshal(labels)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// shown lists every series as "name{labels} value", a histogram with its count,
// sum and buckets.
func shown(m *otelkvtest.Metrics, catalogue *schema.Catalogue) []string {
	var all []string
	for d := range catalogue.All() {
		for _, p := range m.Select(d, nil) {
			line := fmt.Sprintf("%s%s %v", d.PrometheusName, labelsOf(p.Attributes), p.Value)
			if d.Kind() == schema.KindHistogram {
				line = fmt.Sprintf("%s%s %d %v %v", d.PrometheusName, labelsOf(p.Attributes), p.Count, p.Sum, p.Buckets)
			}
			all = append(all, line)
		}
	}
	return all
}

// TestObserve holds the cases of vLLM's own tests of its observer.
func TestObserve(t *testing.T) {
	own := schema.MustCatalogue(myCounter, pending, lookup)
	flat := `{"types": {"vllm:kv_offload_load_bytes": "counter", "vllm:kv_offload_load_time": "counter", "vllm:kv_offload_load_size": "histogram",
		"vllm:kv_offload_store_bytes": "counter", "vllm:kv_offload_store_time": "counter", "vllm:kv_offload_store_size": "histogram"},
		"data": {"vllm:kv_offload_load_bytes": 24, "vllm:kv_offload_load_time": 1.5, "vllm:kv_offload_load_size": [16, 8],
		"vllm:kv_offload_store_bytes": 3, "vllm:kv_offload_store_time": 0.3, "vllm:kv_offload_store_size": [1, 2]}}`
	buckets := "[2 0 0 0 0 0 0 0 0 0 0]"
	for name, c := range map[string]struct {
		catalogue *schema.Catalogue
		engines   []int
		engine    int
		payload   string
		want      []string
	}{
		"manager counter": {schema.MustCatalogue(vllm.StoresSkipped), []int{0}, 0,
			`{"types": {"vllm:kv_offload_stores_skipped": "counter"}, "data": {"vllm:kv_offload_stores_skipped": [{"labels": [], "value": 7}]}}`,
			[]string{`vllm:kv_offload_stores_skipped{"engine":"0","model_name":"m"} 7`}},
		"flat and legacy": {schema.MustCatalogue(vllm.LoadBytes, vllm.LoadTime, vllm.LoadSize, vllm.StoreBytes, vllm.StoreTime, vllm.StoreSize,
			vllm.TotalBytes, vllm.TotalTime, vllm.Size), []int{0}, 0, flat,
			[]string{
				`vllm:kv_offload_load_bytes{"engine":"0","model_name":"m"} 24`,
				`vllm:kv_offload_load_time{"engine":"0","model_name":"m"} 1.5`,
				`vllm:kv_offload_load_size{"engine":"0","model_name":"m"} 2 24 ` + buckets,
				`vllm:kv_offload_store_bytes{"engine":"0","model_name":"m"} 3`,
				`vllm:kv_offload_store_time{"engine":"0","model_name":"m"} 0.3`,
				`vllm:kv_offload_store_size{"engine":"0","model_name":"m"} 2 3 ` + buckets,
				`vllm:kv_offload_total_bytes{"engine":"0","model_name":"m","transfer_type":"CPU_to_GPU"} 24`,
				`vllm:kv_offload_total_bytes{"engine":"0","model_name":"m","transfer_type":"GPU_to_CPU"} 3`,
				`vllm:kv_offload_total_time{"engine":"0","model_name":"m","transfer_type":"CPU_to_GPU"} 1.5`,
				`vllm:kv_offload_total_time{"engine":"0","model_name":"m","transfer_type":"GPU_to_CPU"} 0.3`,
				`vllm:kv_offload_size{"engine":"0","model_name":"m","transfer_type":"CPU_to_GPU"} 2 24 ` + buckets,
				`vllm:kv_offload_size{"engine":"0","model_name":"m","transfer_type":"GPU_to_CPU"} 2 3 ` + buckets,
			}},
		"gauge and histogram": {own, []int{0}, 0,
			`{"types": {"pending": "gauge", "lookup": "histogram"}, "data": {"pending": 5, "lookup": [0.2, 0.4]}}`,
			[]string{
				`pending{"engine":"0","model_name":"m"} 5`,
				`lookup{"engine":"0","model_name":"m"} 2 0.6000000000000001 [0 2 0]`,
			}},
		"lazy labelled": {own, []int{0}, 0,
			`{"types": {"my_counter": "counter"}, "data": {"my_counter": [{"labels": ["a"], "value": 7}]}}`,
			[]string{`my_counter{"engine":"0","model_name":"m","my_label":"a"} 7`}},
		"tiering registered": {schema.MustCatalogue(vllm.TieringChunkQueries, vllm.TieringChunkHits), []int{0}, 0,
			`{"types": {"vllm:kv_offload_tiering_chunk_queries": "counter"}, "data": {"vllm:kv_offload_tiering_chunk_queries": [{"labels": ["1:fs"], "value": 3}]}}`,
			[]string{`vllm:kv_offload_tiering_chunk_queries{"engine":"0","model_name":"m","tier":"1:fs"} 3`}},
		"multi engine": {schema.MustCatalogue(vllm.LoadBytes), []int{0, 1}, 1,
			`{"types": {"vllm:kv_offload_load_bytes": "counter"}, "data": {"vllm:kv_offload_load_bytes": 100}}`,
			[]string{`vllm:kv_offload_load_bytes{"engine":"1","model_name":"m"} 100`}},
		"whole float for an int64 metric": {own, []int{0}, 0,
			`{"types": {"pending": "gauge"}, "data": {"pending": 2.0}}`,
			[]string{`pending{"engine":"0","model_name":"m"} 2`}},
		"out-of-tree tier": {schema.MustCatalogue(vllm.TieringReadBytes), []int{0}, 0,
			`{"types": {"vllm:kv_offload_tiering_read_bytes": "counter"}, "data": {"vllm:kv_offload_tiering_read_bytes": [
				{"labels": ["1:StripedFileSystemTierManager"], "value": 1}, {"labels": ["disk"], "value": 2}]}}`,
			[]string{
				`vllm:kv_offload_tiering_read_bytes{"engine":"0","model_name":"m","tier":"1:StripedFileSystemTierManager"} 1`,
				`vllm:kv_offload_tiering_read_bytes{"engine":"0","model_name":"m","tier":"disk"} 2`,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, c.catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
				for _, index := range c.engines {
					addEngine(t, recorder, index)
				}
				if err := recorder.Observe(t.Context(), c.engine, payload(t, c.payload)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, shown(recorder.Collect(), c.catalogue)); diff != "" {
					t.Errorf("series (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestObserveSkipsWhatIsBad holds what ends vLLM's process: here the good entries
// count all the same, and each bad one is counted by reason and named.
func TestObserveSkipsWhatIsBad(t *testing.T) {
	catalogue := schema.MustCatalogue(myCounter, pending, lookup, vllm.LoadBytes, vllm.LoadTime, vllm.StoreBytes, vllm.TotalBytes, vllm.CPUCacheUsage)
	good := func(p *stats.Payload) error { return p.AddCounter("vllm:kv_offload_load_bytes", stats.Int64(5)) }
	for name, c := range map[string]struct {
		fill func(*stats.Payload) error
		want error
		text string
	}{
		"wrong label count": {func(p *stats.Payload) error { return p.AddCounter("my_counter", stats.Int64(7), "a", "extra") },
			otelkv.ErrLabelValues, `metric "my_counter": labels ["a" "extra"]: bad label values: expects 1 labels ["my_label"], got 2`},
		"undeclared metric": {func(p *stats.Payload) error { return p.AddCounter("unknown:metric", stats.Int64(1)) },
			otelkv.ErrUnknownMetric, `metric "unknown:metric": not in the catalogue`},
		"wrong kind": {func(p *stats.Payload) error { return p.RecordGauge("my_counter", stats.Int64(1), "a") },
			otelkv.ErrWrongKind, "it is a counter, not a gauge"},
		"mirror": {func(p *stats.Payload) error {
			return p.AddCounter("vllm:kv_offload_total_bytes", stats.Int64(1), "CPU_to_GPU")
		}, otelkv.ErrMirror, "record to vllm:kv_offload_load_bytes"},
		"fraction for an int64 counter": {func(p *stats.Payload) error { return p.AddCounter("my_counter", stats.Float64(1.5), "a") },
			otelkv.ErrNumber, "1.5 is not a whole number"},
		"fraction for an int64 gauge": {func(p *stats.Payload) error { return p.RecordGauge("pending", stats.Float64(1.5)) },
			otelkv.ErrNumber, "1.5 is not a whole number"},
		"NaN gauge": {func(p *stats.Payload) error {
			return p.RecordGauge("vllm:kv_offload_cpu_cache_usage_perc", stats.Float64(math.NaN()))
		}, otelkv.ErrNumber, "a gauge cannot take NaN"},
		"infinite sample": {func(p *stats.Payload) error { return p.RecordHistogram("lookup", stats.Float64(math.Inf(1))) },
			otelkv.ErrNumber, "sample 1 of 1 is +Inf"},
		"label too long": {func(p *stats.Payload) error {
			return p.AddCounter("my_counter", stats.Int64(1), strings.Repeat("x", 1025))
		},
			otelkv.ErrLabelValues, "it has 1025 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
				addEngine(t, recorder, 0)
				p := new(stats.Payload)
				if err := errors.Join(c.fill(p), good(p)); err != nil {
					t.Fatal(err)
				}
				err := recorder.Observe(t.Context(), 0, p)
				var entry *stats.EntryError
				if !errors.As(err, &entry) || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
					t.Errorf("got %v, want an entry error that wraps %q and says %q", err, c.want, c.text)
				}
				if got := recorder.Collect().Value(vllm.LoadBytes, nil); got != 5 {
					t.Errorf("the good entry shows %v, want 5", got)
				}
				if rejected := recorder.Statistics().Rejected; len(rejected) != 1 || rejected[c.want] != 1 {
					t.Errorf("rejected by reason: %v, want 1 for %q", rejected, c.want)
				}
			})
		})
	}
}

func TestObserveSkipsAHistogramEntryWithABadSample(t *testing.T) {
	byProducerAndInstruments(t, schema.MustCatalogue(lookup), func(t *testing.T, recorder *otelkvtest.Recorder) {
		addEngine(t, recorder, 0)
		p := new(stats.Payload)
		for _, sample := range []float64{0.05, math.NaN(), 0.5} {
			if err := p.RecordHistogram("lookup", stats.Float64(sample)); err != nil {
				t.Fatal(err)
			}
		}
		if err := recorder.Observe(t.Context(), 0, p); err == nil || !strings.Contains(err.Error(), "sample 2 of 3 is NaN") {
			t.Errorf("got %v, want an error that names sample 2 of 3", err)
		}
		if got := recorder.Statistics().Rejected[otelkv.ErrNumber]; got != 1 {
			t.Errorf("%d entries rejected, want 1", got)
		}
		p.Reset()
		if err := p.RecordHistogram("lookup", stats.Float64(0.5)); err != nil {
			t.Fatal(err)
		}
		if err := recorder.Observe(t.Context(), 0, p); err != nil {
			t.Fatal(err)
		}
		if got := recorder.Collect().Point(lookup, nil); got.Count != 1 || got.Sum != 0.5 {
			t.Errorf("got %d samples of sum %v, want the 1 of 0.5", got.Count, got.Sum)
		}
	})
}

func TestObserveNothing(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.CPUSpec(0))
	engine := addEngine(t, recorder, 0)
	if err := engine.Observe(t.Context(), new(stats.Payload).Take()); err != nil {
		t.Errorf("got %v for the nil that Take returns, want no error", err)
	}
	if n := recorder.Statistics().Payloads; n != 0 {
		t.Errorf("%d payloads counted, want 0", n)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		p := new(stats.Payload)
		if err := errors.Join(
			p.AddCounter("vllm:kv_offload_load_bytes", stats.Int64(5)),
			p.AddCounter("vllm:kv_offload_load_time", stats.Float64(0.5)),
			p.RecordHistogram("vllm:kv_offload_load_size", stats.Int64(5)),
			p.RecordGauge("vllm:kv_offload_tiering_active_promotion_jobs", stats.Int64(2), "1:fs"),
			p.RecordGauge("vllm:kv_offload_cpu_cache_usage_perc", stats.Float64(0.5)),
		); err != nil {
			t.Fatal(err)
		}
		if n := testing.AllocsPerRun(100, func() {
			if err := engine.Observe(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("Observe allocates %v times", n)
		}
	})
}

func TestConnectors(t *testing.T) {
	fill := func(t *testing.T) *stats.Payload {
		p := new(stats.Payload)
		if err := errors.Join(
			p.AddCounter("vllm:kv_offload_load_bytes", stats.Int64(1)),
			p.Connector("A").AddCounter("vllm:kv_offload_load_bytes", stats.Int64(10)),
			p.Connector("B").AddCounter("vllm:kv_offload_load_bytes", stats.Int64(100)),
			p.Connector("A").RecordGauge("pending", stats.Int64(3)),
			p.Connector("B").RecordGauge("pending", stats.Int64(5)),
		); err != nil {
			t.Fatal(err)
		}
		return p
	}
	catalogue := schema.MustCatalogue(vllm.LoadBytes, pending)
	for name, c := range map[string]struct {
		options []otelkv.Option
		want    []string
	}{
		"one series": {nil, []string{
			`vllm:kv_offload_load_bytes{"engine":"0","model_name":"m"} 111`,
			`pending{"engine":"0","model_name":"m"} 5`,
		}},
		"told apart": {[]otelkv.Option{otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"})}, []string{
			`vllm:kv_offload_load_bytes{"connector":"A","engine":"0","model_name":"m"} 10`,
			`vllm:kv_offload_load_bytes{"connector":"B","engine":"0","model_name":"m"} 100`,
			`vllm:kv_offload_load_bytes{"engine":"0","model_name":"m"} 1`,
			`pending{"connector":"A","engine":"0","model_name":"m"} 3`,
			`pending{"connector":"B","engine":"0","model_name":"m"} 5`,
		}},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
				engine := addEngine(t, recorder, 0)
				if err := engine.Observe(t.Context(), fill(t)); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, shown(recorder.Collect(), catalogue)); diff != "" {
					t.Errorf("series (-want +got):\n%s", diff)
				}
			}, c.options...)
		})
	}
}

func TestConnectorsAreBounded(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.LoadBytes),
		otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"}))
	engine := addEngine(t, recorder, 0)
	for i := range 3 * maxConnectors {
		must[otelkv.Int64Counter](t)(engine.Connector(fmt.Sprint(i)).Int64Counter(vllm.LoadBytes)).Add(1)
	}
	got := recorder.Collect()
	if n := len(got.Select(vllm.LoadBytes, nil)); n != maxConnectors+1 {
		t.Errorf("%d connectors have series, want %d and %q", n, maxConnectors, otelkv.Other)
	}
	if n := got.Value(vllm.LoadBytes, otelkvtest.Labels{"connector": otelkv.Other}); n != 2*maxConnectors {
		t.Errorf("%q shows %v, want %d", otelkv.Other, n, 2*maxConnectors)
	}
}

func TestAConnectorNameThatNoLabelCanHoldIsOther(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.LoadBytes),
		otelkv.WithLabelNames(otelkv.LabelNames{Connector: "connector"}))
	engine := addEngine(t, recorder, 0)
	for _, name := range []string{"\xff", strings.Repeat("x", maxLabelLength+1)} {
		must[otelkv.Int64Counter](t)(engine.Connector(name).Int64Counter(vllm.LoadBytes)).Add(1)
	}
	if n := recorder.Collect().Value(vllm.LoadBytes, otelkvtest.Labels{"connector": otelkv.Other}); n != 2 {
		t.Errorf("%q shows %v, want 2", otelkv.Other, n)
	}
	if n := recorder.Statistics().Folded; n != 2 {
		t.Errorf("%d folds are counted, want 2", n)
	}
}

// TestConfigInfo holds the rules by which a payload's info fills the labels of
// the configuration metric.
func TestConfigInfo(t *testing.T) {
	info := vllm.ConfigInfo("a", "b")
	catalogue := schema.MustCatalogue(info)
	for name, c := range map[string]struct {
		infos []map[string]string
		want  []string
		err   string
	}{
		"none":        {nil, nil, ""},
		"aligned":     {[]map[string]string{{"b": "2", "a": "1"}}, []string{`vllm:kv_offload_config_info{"a":"1","b":"2","engine":"0","model_name":"m"} 1`}, ""},
		"blank":       {[]map[string]string{{"a": "1"}}, []string{`vllm:kv_offload_config_info{"a":"1","b":"","engine":"0","model_name":"m"} 1`}, ""},
		"empty":       {[]map[string]string{{}}, []string{`vllm:kv_offload_config_info{"a":"","b":"","engine":"0","model_name":"m"} 1`}, ""},
		"undeclared":  {[]map[string]string{{"a": "1", "b": "2", "c": "3"}}, []string{`vllm:kv_offload_config_info{"a":"1","b":"2","engine":"0","model_name":"m"} 1`}, `undeclared labels "c"`},
		"sent again":  {[]map[string]string{{"a": "1", "b": "2"}, {"a": "1", "b": "2"}}, []string{`vllm:kv_offload_config_info{"a":"1","b":"2","engine":"0","model_name":"m"} 1`}, ""},
		"changed":     {[]map[string]string{{"a": "1", "b": "2"}, {"a": "1", "b": "3"}}, []string{`vllm:kv_offload_config_info{"a":"1","b":"3","engine":"0","model_name":"m"} 1`}, ""},
		"there again": {[]map[string]string{{"a": "1"}, {"a": "2"}, {"a": "1"}}, []string{`vllm:kv_offload_config_info{"a":"1","b":"","engine":"0","model_name":"m"} 1`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
				engine := addEngine(t, recorder, 0)
				for _, info := range c.infos {
					p := new(stats.Payload)
					p.SetInfo(info)
					err := engine.Observe(t.Context(), p)
					if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
						t.Errorf("got the error %v, want one that says %q", err, c.err)
					}
				}
				if diff := cmp.Diff(c.want, shown(recorder.Collect(), catalogue)); diff != "" {
					t.Errorf("series (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestStaleInfo checks that series of old facts stay, if the option says so, as in vLLM.
func TestStaleInfo(t *testing.T) {
	for _, c := range []struct {
		options []otelkv.Option
		want    []string // the values of label a
	}{
		{nil, []string{"2"}},
		{[]otelkv.Option{otelkv.WithStaleInfo()}, []string{"1", "2"}},
	} {
		recorder, err := otelkv.New(schema.MustCatalogue(vllm.ConfigInfo("a")), c.options...)
		if err != nil {
			t.Fatal(err)
		}
		producer := newProducer(t, recorder)
		engine, err := recorder.AddEngine(0, "m")
		if err != nil {
			t.Fatal(err)
		}
		for _, fact := range []string{"1", "2", "2"} {
			p := new(stats.Payload)
			p.SetInfo(map[string]string{"a": fact})
			if err := engine.Observe(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, p := range producer.Collect(t.Context())[0].Metrics[0].Data.(metricdata.Gauge[int64]).DataPoints {
			value, _ := p.Attributes.Value("a")
			got = append(got, value.AsString())
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// TestRepeatedInfo checks that facts go away if the next payload repeats the others.
func TestRepeatedInfo(t *testing.T) {
	info := vllm.ConfigInfo("a")
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(info))
	engine := addEngine(t, recorder, 0)
	for _, facts := range []string{`[{"a": "1"}, {"a": "2"}]`, `[{"a": "1"}, {"a": "1"}]`} {
		if err := engine.Observe(t.Context(), payload(t, `{"types": {}, "data": {}, "info": `+facts+`}`)); err != nil {
			t.Fatal(err)
		}
	}
	got := recorder.Collect()
	if !got.Has(info, otelkvtest.Labels{"a": "1"}) || got.Has(info, otelkvtest.Labels{"a": "2"}) {
		t.Errorf("want the series of fact 1 only, got %v", got.Select(info, nil))
	}
}

// TestConfigInfoOfSeveralSeries holds what vLLM's tiering specification sends: a
// series for each tier.
func TestConfigInfoOfSeveralSeries(t *testing.T) {
	info := vllm.ConfigInfo("n", "tier")
	catalogue := schema.MustCatalogue(info)
	series := func(n, tier string) string {
		return fmt.Sprintf(`vllm:kv_offload_config_info{"engine":"0","model_name":"m","n":"%s","tier":"%s"} 1`, n, tier)
	}
	byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		long := strings.Repeat("x", maxLabelLength+1)
		for _, c := range []struct {
			name, info string
			want       []string
			err        error
		}{
			{"two", `[{"tier": "0:primary", "n": 16}, {"tier": "1:fs"}]`, []string{series("", "1:fs"), series("16", "0:primary")}, nil},
			{"again", `[{"tier": "0:primary", "n": 16}, {"tier": "1:fs"}]`, []string{series("", "1:fs"), series("16", "0:primary")}, nil},
			{"none", `[]`, []string{series("", "1:fs"), series("16", "0:primary")}, nil},
			{"one changed", `[{"tier": "0:primary", "n": 16}, {"tier": "1:fs", "n": "None"}]`, []string{series("16", "0:primary"), series("None", "1:fs")}, nil},
			{"one less", `[{"tier": "1:fs", "n": "None"}]`, []string{series("None", "1:fs")}, nil},
			{"one that no label can hold", `[{"tier": "` + long + `"}, {"tier": "2:p2p"}]`, []string{series("", "2:p2p")}, otelkv.ErrLabelValues},
			{"only such", `[{"tier": "` + long + `"}]`, []string{series("", "2:p2p")}, otelkv.ErrLabelValues},
			{"undeclared", `[{"tier": "0:primary", "x": 1}, {"tier": "1:fs", "y": 2, "x": 3}]`, []string{series("", "0:primary"), series("", "1:fs")}, otelkv.ErrLabelValues},
		} {
			p := new(stats.Payload)
			text := fmt.Appendf(nil, `{"types": {}, "data": {}, "info": %s}`, c.info)
			if err := (stats.Decoder{Limits: stats.Limits{LabelLength: 2 * len(long)}}).JSON(text, p); err != nil {
				t.Fatal(err)
			}
			err := engine.Observe(t.Context(), p)
			if !errors.Is(err, c.err) {
				t.Errorf("%s: got the error %v, want %v", c.name, err, c.err)
			}
			if c.name == "undeclared" && !strings.Contains(err.Error(), `undeclared labels "x, y"`) {
				t.Errorf("got %v, want both labels", err)
			}
			got := shown(recorder.Collect(), catalogue)
			slices.Sort(got)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	})
}

func TestAWrongInfoIsReportedOnce(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(vllm.LoadBytes))
	engine := addEngine(t, recorder, 0)
	p := new(stats.Payload)
	p.SetInfo(map[string]string{"a": "1"})
	for i, want := range []bool{true, false, false} {
		if err := engine.Observe(t.Context(), p); (err != nil) != want {
			t.Errorf("payload %d: got the error %v, want one: %v", i+1, err, want)
		}
	}
	if n := recorder.Statistics().Rejected[otelkv.ErrUnknownMetric]; n != 3 {
		t.Errorf("%d infos counted as rejected, want 3", n)
	}
}

// A value that no label can hold is an error of each payload, not of the
// catalogue, and the facts before it stay.
func TestAnInfoThatCannotBeShownIsReportedEachTime(t *testing.T) {
	info := vllm.ConfigInfo("a")
	recorder := otelkvtest.NewRecorder(t, schema.MustCatalogue(info))
	engine := addEngine(t, recorder, 0)
	for i, c := range []struct {
		info map[string]string
		err  error
	}{
		{map[string]string{"a": "1"}, nil},
		{map[string]string{"b": "1", "a": "1"}, otelkv.ErrLabelValues},
		{map[string]string{"a": strings.Repeat("x", maxLabelLength+1)}, stats.ErrTooLarge},
		{map[string]string{"a": strings.Repeat("y", maxLabelLength+1)}, stats.ErrTooLarge},
	} {
		p := new(stats.Payload)
		p.SetInfo(c.info)
		if err := engine.Observe(t.Context(), p); !errors.Is(err, c.err) {
			t.Errorf("payload %d: got the error %v, want %v", i+1, err, c.err)
		}
	}
	if got := recorder.Collect().Select(info, nil); len(got) != 1 || !recorder.Collect().Has(info, otelkvtest.Labels{"a": "1"}) {
		t.Errorf("there is %v, want the facts that were good", got)
	}
	if n := recorder.Statistics().Rejected[otelkv.ErrLabelValues]; n != 3 {
		t.Errorf("%d infos counted as rejected, want 3", n)
	}
}

// No collection sees an engine with two configurations, or with none.
func TestAChangedInfoIsReplacedBetweenCollections(t *testing.T) {
	info := vllm.ConfigInfo("a")
	byProducerAndInstruments(t, schema.MustCatalogue(info), func(t *testing.T, recorder *otelkvtest.Recorder) {
		engine := addEngine(t, recorder, 0)
		observe := func(fact int) error {
			p := new(stats.Payload)
			p.SetInfo(map[string]string{"a": strconv.Itoa(fact)})
			return engine.Observe(context.Background(), p)
		}
		if err := observe(0); err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		var observing sync.WaitGroup
		observing.Go(func() {
			for fact := 1; ; fact++ {
				select {
				case <-done:
					return
				default:
					if err := observe(fact); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
		for range 500 {
			if got := recorder.Collect().Select(info, nil); len(got) != 1 {
				t.Errorf("one collection has %v", got)
				break
			}
		}
		close(done)
		observing.Wait()
	})
}
