// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"fmt"
	"go/format"
)

const namesHead = `// SPDX-License-Identifier: Apache-2.0

// Code generated from the catalogue by go generate; DO NOT EDIT.

// Package names has the names of vLLM's offload metrics as constants, for programs that
// only read the metrics, such as routers, autoscalers and queries.
//
// Each constant is the Go name of a definition in package vllm with a suffix.
// Instrument is the OpenTelemetry instrument name. Family is the Prometheus family
// name, which is also the key in payloads. Sample is the name of a counter's or
// gauge's samples on scrapes and in queries. A histogram has Bucket, Count and Sum
// instead.
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
