// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelkv/otelkv-go/otelkv"
)

func sampled(ctx context.Context, id byte) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: id}, SpanID: trace.SpanID{7: id}, TraceFlags: trace.FlagsSampled,
	}))
}

func TestExemplars(t *testing.T) {
	errs := handleErrors(t)
	recorder := newRecorder(t, everyKind)
	engine := addEngine(t, recorder, 0)
	measure(t, engine)
	must[otelkv.Float64Counter](t)(engine.Float64Counter(loadTime)).AddContext(sampled(t.Context(), 1), 0.5)
	size := must[otelkv.Histogram](t)(engine.Histogram(loadSize))
	size.RecordContext(sampled(t.Context(), 2), 5e6) // inclusive
	size.RecordContext(sampled(t.Context(), 3), 1e9)
	without := sdkmetric.NewView(sdkmetric.Instrument{Name: loadTime.Name}, sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter("engine")})
	collector := newCollector(t, recorder, otelkv.WithViews(without))
	want := []string{
		`test:load_size_bucket{engine="0",model_name="m",le="5e+06"} 2 # {span_id="0000000000000002",trace_id="00000000000000000000000000000002"} 5e+06`,
		`test:load_size_bucket{engine="0",model_name="m",le="+Inf"} 3 # {span_id="0000000000000003",trace_id="00000000000000000000000000000003"} 1e+09`,
		`test:load_time_total{engine="",model_name="m"} 0.75 # {engine="0",span_id="0000000000000001",trace_id="00000000000000000000000000000001"} 0.5`,
	}
	labels := regexp.MustCompile(`# \{([^}]*)\}`)
	for range 2 { // the second scrape reuses the memory of the first
		var got []string
		for line := range strings.Lines(body(t, scrape(t, newHandler(t, collector), openMetrics))) {
			sample, exemplar, found := strings.Cut(strings.TrimSpace(line), " # {")
			if !found || strings.HasPrefix(line, "#") {
				continue
			}
			names, rest, _ := strings.Cut(exemplar, "} ")
			sorted := strings.Split(names, ",")
			slices.Sort(sorted)
			value, _, _ := strings.Cut(rest, " ")
			got = append(got, sample+" # {"+strings.Join(sorted, ",")+"} "+value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("samples with exemplars (-want +got):\n%s", diff)
		}
	}
	if text := body(t, scrape(t, registryHandler(collector), openMetrics)); len(labels.FindAllString(text, -1)) != len(want) {
		t.Errorf("a registry shows other exemplars:\n%s", text)
	}
	if text := body(t, scrape(t, newHandler(t, collector), "")); labels.MatchString(text) {
		t.Errorf("the text format has no exemplars:\n%s", text)
	} else {
		families(t, text)
	}
	if err := errs.joined(); err != nil {
		t.Errorf("reported: %v", err)
	}
}

// TestViews tests that views change what a scrape shows.
func TestViews(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	for i := range 2 {
		measure(t, addEngine(t, recorder, i))
	}
	of := func(name string, stream sdkmetric.Stream) sdkmetric.View {
		return sdkmetric.NewView(sdkmetric.Instrument{Name: name}, stream)
	}
	collector := newCollector(t, recorder, otelkv.WithViews(
		of(jobs.Name, sdkmetric.Stream{Name: "pool.jobs"}),
		of(usage.Name, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}),
		of(skipped.Name, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}),
		of(loadTime.Name, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}),
		of(totalBytes.Name, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("model_name"), Description: "All engines."}),
		of(loadSize.Name, sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter("model_name"), Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{5e6}}}),
	))
	const want = `# HELP pool_jobs Jobs under way.
# TYPE pool_jobs gauge
pool_jobs{engine="0",model_name="m"} 7
pool_jobs{engine="1",model_name="m"} 7
# HELP test:load_bytes_total Bytes loaded.
# TYPE test:load_bytes_total counter
test:load_bytes_total{engine="0",model_name="m",tier="1:fs"} 4096
test:load_bytes_total{engine="1",model_name="m",tier="1:fs"} 4096
# HELP test:load_size Sizes of loads.
# TYPE test:load_size histogram
test:load_size_bucket{engine="",model_name="m",le="5e+06"} 2
test:load_size_bucket{engine="",model_name="m",le="+Inf"} 2
test:load_size_sum{engine="",model_name="m"} 4e+06
test:load_size_count{engine="",model_name="m"} 2
# HELP test:total_bytes_total All engines.
# TYPE test:total_bytes_total counter
test:total_bytes_total{engine="",model_name="m"} 16384
`
	if diff := cmp.Diff(want, body(t, scrape(t, newHandler(t, collector), ""))); diff != "" {
		t.Errorf("handler (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, body(t, scrape(t, registryHandler(collector), ""))); diff != "" {
		t.Errorf("registry (-want +got):\n%s", diff)
	}
}
