// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"slices"
	"testing"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// A word says which medium it is, and a label is one that the system's metrics have.
func TestTiers(t *testing.T) {
	var media []string
	seen := make(map[string]string)
	for _, tier := range tiers() {
		media = append(media, tier.Medium)
		for system, words := range map[string][]Word{
			"vLLM": tier.VLLM, "LMCache": tier.LMCache, "SGLang": tier.SGLang, "TensorRTLLM": tier.TensorRTLLM,
		} {
			for _, w := range words {
				key := system + " " + w.Label + "=" + w.Value
				if other, ok := seen[key]; ok || w.Value == "" {
					t.Errorf("%s is %s and %s", key, other, tier.Medium)
				}
				seen[key] = tier.Medium
				if w.Label != "" && !hasLabel(system, w.Label) {
					t.Errorf("%s: no metric has the label %s", system, w.Label)
				}
			}
		}
	}
	if want := []string{"device", "host", "disk", "remote", "p2p"}; !slices.Equal(media, want) {
		t.Errorf("media %q, want %q", media, want)
	}
}

func hasLabel(system, label string) bool {
	systems := []*schema.Catalogue{map[string]*schema.Catalogue{"LMCache": LMCache(), "SGLang": SGLang(), "TensorRTLLM": TensorRTLLM()}[system]}
	if system == "vLLM" {
		systems = []*schema.Catalogue{vllm.TieringSpec(), vllm.SimpleCPUSpec()}
	}
	for _, catalogue := range systems {
		for d := range catalogue.All() {
			if slices.Contains(d.LabelNames, label) {
				return true
			}
		}
	}
	return false
}
