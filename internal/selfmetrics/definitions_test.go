// SPDX-License-Identifier: Apache-2.0

package selfmetrics_test

import (
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestCatalogueMergesWithVLLMs(t *testing.T) {
	own := selfmetrics.Catalogue()
	merged, err := vllm.TieringSpec().Merge(own)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := merged.Len(), vllm.TieringSpec().Len()+own.Len(); got != want {
		t.Errorf("the merged catalogue has %d definitions, want %d", got, want)
	}
}

func TestQueriesNameTheirMetric(t *testing.T) {
	for d := range selfmetrics.Catalogue().All() {
		if !strings.Contains(d.Query, d.SampleName()) {
			t.Errorf("%s: the query %q does not use %s", d.Name, d.Query, d.SampleName())
		}
	}
}
