// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// Every metric is in a group: otherwise it would not be documented.
func TestGroupsHoldEveryCatalogue(t *testing.T) {
	documented := make(map[string]bool)
	for _, d := range definitions(groups()) {
		if documented[d.PrometheusName] {
			t.Errorf("%s is in two groups", d.PrometheusName)
		}
		documented[d.PrometheusName] = true
	}
	for _, m := range slices.Concat(vllm.Retired(), vllm.Scheduler(), vllm.ExternalPrefixCache(), vllm.Unmerged()) {
		if name := m.Definition().PrometheusName; !documented[name] {
			t.Errorf("%s is in no group", name)
		}
	}
	for _, catalogue := range []*schema.Catalogue{
		vllm.CPUSpec(2), vllm.TieringSpec(), vllm.SimpleCPUSpec(), vllm.SimpleCPUPoolSpec(), selfmetrics.Catalogue(), ingest.Catalogue(),
	} {
		for d := range catalogue.All() {
			if !documented[d.PrometheusName] {
				t.Errorf("%s is in no group", d.PrometheusName)
			}
		}
	}
}

// No text has a bar, which would end its table cell.
func TestReferenceTables(t *testing.T) {
	text, err := reference(root)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if bars := strings.Count(line, "|"); strings.HasPrefix(line, "| ") && bars != 3 && bars != 6 {
			t.Errorf("a table row with %d bars: %s", bars, line)
		}
	}
}
