// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"regexp"
	"strings"
	"testing"
)

// intended returns the names in the documents that no catalogue has, and why they are there.
func intended() map[string]string {
	return map[string]string{
		"vllm:kv_offload_lookup_delay_seconds": "gone, says migrating.md",
		"vllm:kv_offload_bytes_total":          "what the default translation makes of the total bytes",
	}
}

// Every metric name in a document is the name of a family or a sample in the catalogue.
func TestMentionedMetricsExist(t *testing.T) {
	known := make(map[string]bool)
	for _, d := range definitions(groups()) {
		known[d.PrometheusName] = true
		for _, name := range sampleNames(d) {
			known[name] = true
		}
	}
	metric := regexp.MustCompile(`\b(?:vllm:|otelkv_)\w+`)
	for _, m := range markdowns(t) {
		for _, name := range metric.FindAllString(m.text, -1) {
			if _, ok := intended()[name]; !ok && !known[name] && !strings.HasSuffix(name, "_") {
				t.Errorf("%s: no metric is called %s", m.path, name)
			}
		}
	}
}
