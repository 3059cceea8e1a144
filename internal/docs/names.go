// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"fmt"
	"go/format"
)

const namesHead = `// SPDX-License-Identifier: Apache-2.0

// Code generated from the catalogue by go generate; DO NOT EDIT.

// Package names holds the names of vLLM's offload metrics as constants, for
// programs that read the metrics and declare none: routers, autoscalers, queries.
//
// Each constant is the name of a definition in package vllm with a suffix.
// Instrument is the OpenTelemetry instrument name, Family the Prometheus family
// name, which payloads use as their key. Sample is the name of a counter's or
// gauge's samples as a scrape shows them, and what a query asks for; a histogram
// has Bucket, Count and Sum instead.
package names
`

// nameConstants writes schema/vllm/names/names.go.
func nameConstants(root string) ([]byte, error) {
	goNames, err := literals(root)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(namesHead)
	for _, g := range vllmGroups() {
		for _, m := range g.metrics {
			d := m.Definition()
			goName, ok := goNames[d.PrometheusName]
			if !ok {
				return nil, fmt.Errorf("metric %q: no literal in package vllm", d.PrometheusName)
			}
			fmt.Fprintf(&b, "\n// %s: %s\nconst (\n", goName, d.Description)
			fmt.Fprintf(&b, "%sInstrument = %q\n", goName, d.Name)
			fmt.Fprintf(&b, "%sFamily = %q\n", goName, d.PrometheusName)
			suffixes := []string{"Sample"}
			if samples := sampleNames(d); len(samples) > 1 {
				suffixes = []string{"Bucket", "Count", "Sum"}
			}
			for i, sample := range sampleNames(d) {
				fmt.Fprintf(&b, "%s%s = %q\n", goName, suffixes[i], sample)
			}
			b.WriteString(")\n")
		}
	}
	return format.Source(b.Bytes())
}
