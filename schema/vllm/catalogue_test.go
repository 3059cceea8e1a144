// SPDX-License-Identifier: Apache-2.0

package vllm_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema/internal/difference"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

var groups = []struct {
	name    string
	metrics []schema.Metric
}{
	{"Connector", vllm.Connector()},
	{"Deprecated", vllm.Deprecated()},
	{"CPU", vllm.CPU(2)},
	{"Tiering", vllm.Tiering()},
	{"BackPressure", vllm.BackPressure()},
	{"SimpleCPU", vllm.SimpleCPU()},
	{"SimpleCPUPool", vllm.SimpleCPUPool()},
	{"ConfigInfo", []schema.Metric{vllm.ConfigInfo(vllm.CPUConfigLabelNames()...)}},
	{"Retired", vllm.Retired()},
	{"Scheduler", vllm.Scheduler()},
	{"ExternalPrefixCache", vllm.ExternalPrefixCache()},
	{"Unmerged", vllm.Unmerged()},
}

var specs = []struct {
	name      string
	catalogue *schema.Catalogue
}{
	{"CPUSpec(0)", vllm.CPUSpec(0)},
	{"CPUSpec(2)", vllm.CPUSpec(2)},
	{"TieringSpec", vllm.TieringSpec()},
	{"SimpleCPUSpec", vllm.SimpleCPUSpec()},
	{"SimpleCPUPoolSpec", vllm.SimpleCPUPoolSpec()},
}

// definitions returns every definition of every group.
func definitions() []schema.Definition {
	var all []schema.Definition
	for _, group := range groups {
		for _, m := range group.metrics {
			all = append(all, m.Definition())
		}
	}
	return all
}

// A change of this golden file is a change of emitted telemetry and belongs in
// the changelog.
func TestCatalogueGolden(t *testing.T) {
	var text strings.Builder
	for _, group := range groups {
		fmt.Fprintf(&text, "# %s\n", group.name)
		for _, m := range group.metrics {
			text.WriteString(line(m.Definition()))
		}
		text.WriteString("\n")
	}
	for _, spec := range specs {
		fmt.Fprintf(&text, "# %s, in order\n", spec.name)
		for d := range spec.catalogue.All() {
			fmt.Fprintf(&text, "%s\n", d.PrometheusName)
		}
		text.WriteString("\n")
	}

	path := filepath.Join("testdata", "catalogue.txt")
	if *update {
		if err := os.WriteFile(path, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := difference.Of(string(want), text.String()); diff != "" {
		t.Errorf("the catalogue differs from %s; -update rewrites it (-want +got):\n%s", path, diff)
	}
}

// line describes what of a definition its readers depend on.
func line(d schema.Definition) string {
	parts := []string{
		d.PrometheusName, d.Name, d.Kind().String(), d.Number().String(), d.Unit,
		"labels=" + strings.Join(d.LabelNames, ","), d.Stability.String(),
	}
	for _, name := range slices.Sorted(maps.Keys(d.LabelValues)) {
		parts = append(parts, fmt.Sprintf("%s=%s", name, strings.Join(d.LabelValues[name], "|")))
	}
	if d.PrimaryTier {
		parts = append(parts, "primary-tier")
	}
	if len(d.Boundaries) > 0 {
		parts = append(parts, fmt.Sprintf("boundaries=%v", d.Boundaries))
	}
	for _, m := range d.Mirrors {
		parts = append(parts, fmt.Sprintf("mirrors=%s%q", m.Of, m.LabelValues))
	}
	if d.StartsAtZero {
		parts = append(parts, "starts-at-zero")
	}
	if d.Additive {
		parts = append(parts, "additive")
	}
	if d.FromInfo {
		parts = append(parts, "from-info")
	}
	return strings.Join(parts, " ") + "\n"
}

// The two names of a metric hold the same words: what the standard translation
// makes of one is what it makes of the other, but for a "_total" that vLLM
// declares.
func TestNames(t *testing.T) {
	plain := strings.NewReplacer(".", "_", ":", "_")
	for _, d := range definitions() {
		want := strings.TrimSuffix(plain.Replace(d.PrometheusName), "_total")
		if got := plain.Replace(d.Name); got != want {
			t.Errorf("%s: name %q reads %q, want %q", d.PrometheusName, d.Name, got, want)
		}
	}
}

func TestBoundaries(t *testing.T) {
	size := []float64{1e6, 5e6, 10e6, 20e6, 40e6, 60e6, 80e6, 100e6, 150e6, 200e6}
	sync := []float64{0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1}
	async := []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}
	want := map[string][]float64{
		"vllm:kv_offload_load_size":                          size,
		"vllm:kv_offload_store_size":                         size,
		"vllm:kv_offload_size":                               size,
		"vllm:kv_offload_lookup_sync_delay_seconds":          sync,
		"vllm:kv_offload_lookup_async_delay_seconds":         async,
		"vllm:kv_offload_tiering_lookup_sync_delay_seconds":  sync,
		"vllm:kv_offload_tiering_lookup_async_delay_seconds": async,
		"vllm:kv_offload_tiering_prefetch_admission_lead_time_seconds": {
			0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
		},
		"vllm:kv_offload_cpu_allocation_size": {1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144},
	}
	got := make(map[string][]float64)
	for _, d := range definitions() {
		if d.Kind() == schema.KindHistogram {
			got[d.PrometheusName] = d.Boundaries
		}
	}
	if diff := difference.Of(want, got); diff != "" {
		t.Errorf("boundaries (-want +got):\n%s", diff)
	}
}

func TestStartsAtZero(t *testing.T) {
	trio := []string{"vllm:kv_offload_size", "vllm:kv_offload_total_bytes", "vllm:kv_offload_total_time"}
	usage := []string{
		"vllm:kv_offload_cpu_cache_read_usage_perc",
		"vllm:kv_offload_cpu_cache_usage_perc",
		"vllm:kv_offload_cpu_cache_write_usage_perc",
	}
	want := map[string][]string{
		"CPUSpec(0)":        slices.Concat(usage, trio),
		"CPUSpec(2)":        slices.Concat(usage, trio),
		"TieringSpec":       slices.Concat(usage, trio),
		"SimpleCPUSpec":     {"vllm:simple_kv_offload_pending_store_blocks", "vllm:simple_kv_offload_used_blocks"},
		"SimpleCPUPoolSpec": trio,
	}
	got := make(map[string][]string)
	for _, spec := range specs {
		for d := range spec.catalogue.All() {
			if d.StartsAtZero {
				got[spec.name] = append(got[spec.name], d.PrometheusName)
			}
		}
		slices.Sort(got[spec.name])
	}
	if diff := difference.Of(want, got); diff != "" {
		t.Errorf("metrics at zero from the start (-want +got):\n%s", diff)
	}
}

// What adds up across engines is an UpDownCounter to OpenTelemetry: counts of jobs,
// requests and blocks. Fractions, averages and info metrics do not add up.
func TestAdditive(t *testing.T) {
	for _, d := range definitions() {
		counts := d.Kind() == schema.KindGauge && strings.HasPrefix(d.Unit, "{")
		if d.Additive != counts {
			t.Errorf("%s, a %s in %q: additive = %t, want %t", d.PrometheusName, d.Kind(), d.Unit, d.Additive, counts)
		}
	}
}

// A program has the metrics of pull requests and of vLLM's scheduler only if it
// asks for them, and can add them to any catalogue.
func TestMetricsThatNoCatalogueHas(t *testing.T) {
	for _, spec := range specs {
		for name, metrics := range map[string][]schema.Metric{
			"Scheduler": vllm.Scheduler(), "ExternalPrefixCache": vllm.ExternalPrefixCache(), "Unmerged": vllm.Unmerged(),
		} {
			for _, m := range metrics {
				if _, ok := spec.catalogue.Lookup(m.Definition().PrometheusName); ok {
					t.Errorf("%s has %s", spec.name, m.Definition().PrometheusName)
				}
			}
			merged, err := spec.catalogue.With(metrics...)
			if err != nil {
				t.Fatalf("%s with %s: %v", spec.name, name, err)
			}
			if got, want := merged.Len(), spec.catalogue.Len()+len(metrics); got != want {
				t.Errorf("%s with %s has %d metrics, want %d", spec.name, name, got, want)
			}
		}
	}
}

// The labels that llm-d-router's core metrics extractor reads.
func TestCacheConfigInfoHasTheLabelsOfRouters(t *testing.T) {
	for _, label := range []string{"block_size", "num_gpu_blocks", "kv_offloading_size"} {
		if !slices.Contains(vllm.CacheConfigInfo.LabelNames, label) {
			t.Errorf("no label %q", label)
		}
	}
}

func TestStoreThreshold(t *testing.T) {
	for threshold, want := range map[int]bool{-1: false, 0: false, 1: false, 2: true, 3: true} {
		if _, got := vllm.CPUSpec(threshold).Lookup("vllm:kv_offload_stores_skipped"); got != want {
			t.Errorf("CPUSpec(%d) has stores_skipped: %t, want %t", threshold, got, want)
		}
	}
}

// The trio repeats the connector's metrics, loads under one direction and
// stores under the other.
func TestDeprecatedMirrors(t *testing.T) {
	for _, d := range definitions() {
		if len(d.Mirrors) == 0 || !slices.Equal(d.LabelNames, []string{"transfer_type"}) {
			continue
		}
		measure := strings.TrimPrefix(strings.TrimPrefix(d.PrometheusName, "vllm:kv_offload_"), "total_")
		want := []schema.Mirror{
			{Of: "vllm:kv_offload_load_" + measure, LabelValues: []string{"{medium}_to_GPU"}},
			{Of: "vllm:kv_offload_store_" + measure, LabelValues: []string{"GPU_to_{medium}"}},
		}
		if diff := difference.Of(want, d.Mirrors); diff != "" {
			t.Errorf("%s: mirrors (-want +got):\n%s", d.PrometheusName, diff)
		}
	}
}

func TestRetiredNeedsTiering(t *testing.T) {
	for _, spec := range specs {
		merged, err := spec.catalogue.With(vllm.Retired()...)
		if fits := err == nil; fits != (spec.name == "TieringSpec") {
			t.Errorf("%s with the retired names: %v", spec.name, err)
		}
		if err == nil && merged.Len() != spec.catalogue.Len()+2 {
			t.Errorf("%s with the retired names has %d metrics, want %d", spec.name, merged.Len(), spec.catalogue.Len()+2)
		}
	}
}

// An out-of-tree tier brings definitions of its own, under names that need not
// be vLLM's.
func TestTierWithItsOwnMetric(t *testing.T) {
	tier := schema.MustCatalogue(schema.Int64Counter{
		Name:           "my_tier.metric",
		PrometheusName: "my_tier_metric",
		Unit:           "{event}",
		Description:    "Events of my tier.",
		LabelNames:     []string{schema.LabelTier},
	})
	merged, err := vllm.TieringSpec().Merge(tier)
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := merged.Lookup("my_tier_metric"); d.Description != "Events of my tier." {
		t.Errorf("my_tier_metric has the description %q", d.Description)
	}
	byTier := []string{"tier"}
	for _, want := range []struct {
		name   string
		kind   schema.Kind
		labels []string
	}{
		{"my_tier_metric", schema.KindCounter, byTier},
		{"vllm:kv_offload_tiering_chunk_queries", schema.KindCounter, byTier},
		{"vllm:kv_offload_tiering_lookup_sync_delay_seconds", schema.KindHistogram, byTier},
		{"vllm:kv_offload_tiering_lookup_async_delay_seconds", schema.KindHistogram, byTier},
		{"vllm:kv_offload_tiering_promotion_job_failures", schema.KindCounter, byTier},
		{"vllm:kv_offload_tiering_promotion_allocation_failures", schema.KindCounter, nil},
		{"vllm:kv_offload_tiering_primary_write_usage_perc", schema.KindGauge, byTier},
		{"vllm:kv_offload_tiering_primary_read_usage_perc", schema.KindGauge, byTier},
		{"vllm:kv_offload_tiering_active_promotion_jobs", schema.KindGauge, byTier},
		{"vllm:kv_offload_tiering_active_cascade_jobs", schema.KindGauge, byTier},
	} {
		d, ok := merged.Lookup(want.name)
		if !ok || d.Kind() != want.kind || !slices.Equal(d.LabelNames, want.labels) {
			t.Errorf("%s: %t, %v %q, want %v %q", want.name, ok, d.Kind(), d.LabelNames, want.kind, want.labels)
		}
	}
}

func TestConfigInfo(t *testing.T) {
	names := vllm.CPUConfigLabelNames()
	want := []string{"cpu_num_chunks", "cpu_blocks_per_chunk", "cpu_kv_bytes_per_chunk", "cpu_capacity_tokens_at_max_len"}
	if diff := difference.Of(want, names); diff != "" {
		t.Errorf("label names of the CPU specification (-want +got):\n%s", diff)
	}
	info := vllm.ConfigInfo(names...)
	names[0] = "changed"
	if diff := difference.Of(want, info.LabelNames); diff != "" {
		t.Errorf("label names of the metric (-want +got):\n%s", diff)
	}
	if !info.FromInfo {
		t.Error("config_info is not filled from a payload's info")
	}
}

// Payloads keep int and float apart, so a definition's number must be the one
// that vLLM sends: whole counters but for seconds, whole gauges but for
// fractions and averages, and histograms of either.
func TestNumbers(t *testing.T) {
	for _, d := range definitions() {
		float := d.Kind() == schema.KindHistogram
		for _, suffix := range []string{"_time", "_perc", "_ema"} {
			float = float || strings.HasSuffix(d.PrometheusName, suffix)
		}
		want := schema.NumberKindInt64
		if float {
			want = schema.NumberKindFloat64
		}
		if d.Number() != want {
			t.Errorf("%s is of %v, want %v", d.PrometheusName, d.Number(), want)
		}
	}
}
