// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"encoding/json"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/internal/conformance"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestConformance observes recorded streams, and compares every sample that
// Prometheus would show with what vLLM's rules give.
func TestConformance(t *testing.T) {
	for _, c := range conformance.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			compare(t, observed(t, c, otelkvtest.NewRecorder), c.Samples)
		})
		t.Run(c.Name+" on an SDK provider", func(t *testing.T) {
			compare(t, observed(t, c, newInstruments()), withoutEmptyHistograms(c.Samples))
		})
	}
}

// observed returns the samples that a case's records amount to.
func observed(t *testing.T, c conformance.Case, newRecorder newRecorder) map[string]float64 {
	t.Helper()
	catalogue := map[string]*schema.Catalogue{
		"cpu": vllm.CPUSpec(2), "tiering": vllm.TieringSpec(), "simple": vllm.SimpleCPUSpec(),
	}[c.Spec]
	recorder := newRecorder(t, catalogue)
	for _, index := range c.Engines {
		if _, err := recorder.AddEngine(index, c.Model); err != nil {
			t.Fatal(err)
		}
	}
	p := new(stats.Payload)
	for _, record := range c.MessagePackRecords(t) {
		if _, err := (stats.Decoder{}).MessagePack(record.Stats, p); err != nil {
			t.Fatal(err)
		}
		if err := recorder.Observe(t.Context(), record.Engine, p); err != nil {
			t.Fatal(err)
		}
	}
	collected := recorder.Collect()
	if err := otelkvtest.Check(catalogue, collected.ResourceMetrics); err != nil {
		t.Error(err)
	}
	return samples(collected, catalogue)
}

// withoutEmptyHistograms leaves out the histogram series that have no sample,
// which the instruments of a foreign provider cannot show.
func withoutEmptyHistograms(samples map[string]float64) map[string]float64 {
	kept := maps.Clone(samples)
	for name, count := range samples {
		family, labels, _ := strings.Cut(name, "_count{")
		if labels == "" || count != 0 {
			continue
		}
		for other := range samples {
			rest := strings.TrimPrefix(other, family)
			if rest == "_count{"+labels || rest == "_sum{"+labels ||
				strings.HasPrefix(rest, "_bucket{") && withoutBoundary(rest) == "_bucket{"+labels {
				delete(kept, other)
			}
		}
	}
	return kept
}

var boundary = regexp.MustCompile(`"le": "[^"]*", `)

func withoutBoundary(name string) string { return boundary.ReplaceAllString(name, "") }

func compare(t *testing.T, got, want map[string]float64) {
	t.Helper()
	for name, w := range want {
		if g, ok := got[name]; !ok || math.Abs(g-w) > 1e-9*math.Abs(w) {
			t.Errorf("%s = %v (present: %v), want %v", name, g, ok, w)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is not expected", name)
		}
	}
}

// samples returns the samples of a Prometheus scrape, named as the cases do:
// behind the name the labels as JSON, in Python's spacing.
func samples(m *otelkvtest.Metrics, catalogue *schema.Catalogue) map[string]float64 {
	all := make(map[string]float64)
	for d := range catalogue.All() {
		for _, p := range m.Select(d, nil) {
			if d.Kind() != schema.KindHistogram {
				all[d.SampleName()+labelText(p.Attributes, "")] = p.Value
				continue
			}
			all[d.PrometheusName+"_count"+labelText(p.Attributes, "")] = float64(p.Count)
			all[d.PrometheusName+"_sum"+labelText(p.Attributes, "")] = p.Sum
			var count uint64
			for i, n := range p.Buckets {
				count += n
				le := "+Inf"
				if i < len(d.Boundaries) {
					le = boundaryText(d.Boundaries[i])
				}
				all[d.PrometheusName+"_bucket"+labelText(p.Attributes, le)] = float64(count)
			}
		}
	}
	return all
}

// boundaryText writes a boundary as Python's client does.
func boundaryText(boundary float64) string {
	if boundary >= 1e6 {
		return strconv.FormatFloat(boundary, 'e', -1, 64)
	}
	return stats.Float64(boundary).String()
}

func labelText(set attribute.Set, le string) string {
	attributes := set.ToSlice()
	if le != "" {
		sorted := attribute.NewSet(append(attributes, attribute.String("le", le))...)
		attributes = sorted.ToSlice()
	}
	text := "{"
	for i, kv := range attributes {
		if i > 0 {
			text += ", "
		}
		value, err := json.Marshal(kv.Value.AsString())
		if err != nil {
			panic(err)
		}
		text += strconv.Quote(string(kv.Key)) + ": " + string(value)
	}
	return text + "}"
}
