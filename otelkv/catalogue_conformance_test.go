// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/internal/conformance"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// Every entry of the recorded payloads has its definition in the catalogue that
// is in force, of the kind and with as many label names as it was sent with.
func TestCatalogueConformance(t *testing.T) {
	catalogues := map[string]*schema.Catalogue{
		"cpu":     vllm.CPUSpec(2),
		"tiering": vllm.TieringSpec(),
		"simple":  vllm.SimpleCPUSpec(),
	}
	type payload struct {
		Types map[string]string
		Data  map[string][]struct{ Labels []string }
	}
	for _, c := range conformance.Cases(t) {
		t.Run(c.Name, func(t *testing.T) {
			catalogue := catalogues[c.Spec]
			for i, record := range c.JSONRecords(t) {
				var p payload
				if err := json.Unmarshal(record.Stats, &p); err != nil {
					t.Fatalf("record %d: %v", i+1, err)
				}
				for name, kind := range p.Types {
					d, ok := catalogue.Lookup(name)
					if !ok || d.Kind().String() != kind {
						t.Fatalf("record %d: %s is a %v (found: %t), want a %s", i+1, name, d.Kind(), ok, kind)
					}
					for _, entry := range p.Data[name] {
						if len(entry.Labels) != len(d.LabelNames) {
							t.Fatalf("record %d: %s has label names %q, want as many as %q", i+1, name, d.LabelNames, entry.Labels)
						}
					}
				}
			}
			checkSamples(t, catalogue, c)
		})
	}
}

// checkSamples holds that every sample that must come out has a definition with
// its name, its label names and its boundaries.
func checkSamples(t *testing.T, catalogue *schema.Catalogue, c conformance.Case) {
	t.Helper()
	labelsOf := make(map[string][]string)
	boundsOf := make(map[string]map[string]bool)
	for d := range catalogue.All() {
		samples := []string{d.SampleName()}
		if d.Kind() == schema.KindHistogram {
			samples = []string{d.PrometheusName + "_bucket", d.PrometheusName + "_count", d.PrometheusName + "_sum"}
			boundsOf[samples[0]] = make(map[string]bool)
		}
		for _, sample := range samples {
			labelsOf[sample] = append([]string{"model_name", "engine"}, d.LabelNames...)
		}
	}
	for series := range c.Samples {
		name, text, _ := strings.Cut(series, "{")
		var labels map[string]string
		if err := json.Unmarshal([]byte("{"+text), &labels); err != nil {
			t.Fatalf("%s: %v", series, err)
		}
		if le, ok := labels["le"]; ok {
			boundsOf[name][le] = true
			delete(labels, "le")
		}
		names := labelsOf[name]
		missing := len(names) != len(labels)
		for _, label := range names {
			if _, ok := labels[label]; !ok {
				missing = true
			}
		}
		if missing {
			t.Errorf("%s: the catalogue gives it the labels %q", series, names)
		}
	}
	for d := range catalogue.All() {
		if found := boundsOf[d.PrometheusName+"_bucket"]; len(found) > 0 && len(found) != len(d.Boundaries)+1 {
			t.Errorf("%s: %d boundaries, want %d", d.PrometheusName, len(d.Boundaries), len(found)-1)
		}
	}
}
