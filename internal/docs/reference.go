// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/otelkv/otelkv-go/schema"
)

const referenceHead = `<!-- Generated from the catalogue. To change it, change the definition and run go generate ./... -->

# Metrics

Every metric of packages ` + "`schema/vllm` and `otelkv/ingest`" + ` and of ` + "`otelkv.WithSelfMetrics`" + `, with both of its names. A scrape shows the sample names. Payloads use the Prometheus name as
their key. OTLP carries the OpenTelemetry name, unless the exporter is told to use the other ([names](names.md)).

Every series of vLLM's metrics has the labels ` + "`model_name` and `engine`" + ` before those listed here. Units are
[UCUM](https://ucum.org/): ` + "`By`" + ` is bytes, ` + "`s`" + ` seconds, ` + "`1`" + ` a fraction from 0 to 1 (or the constant 1 of an info metric), and a word in
braces says what is counted. ` + "`[5m]`" + ` in the queries suits a scrape interval of a minute or less.

A gauge that is additive has values that add up across engines, such as jobs in flight. OpenTelemetry calls it an UpDownCounter, and so do OTLP and the
weaver registry; a scrape shows a gauge.

A series exists from its first measurement on, unless its row says "from the start" or its engine was declared with
` + "`otelkv.WithPriming`" + `. An absent series can therefore mean zero.

`

// reference writes docs/metrics.md.
func reference(string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(referenceHead)
	for _, g := range groups() {
		fmt.Fprintf(&b, "## %s\n\n%s\n\n", g.title, g.text)
		b.WriteString("| metric | kind | unit | labels | stability |\n|---|---|---|---|---|\n")
		for _, m := range g.metrics {
			d := m.Definition()
			fmt.Fprintf(&b, "| [`%s`](#%s) | %s | `%s` | %s | %s |\n", d.SampleName(), anchor(d.PrometheusName),
				d.Kind(), d.Unit, codes(d.LabelNames), d.Stability)
		}
		b.WriteString("\n")
		for _, m := range g.metrics {
			writeMetric(&b, m.Definition())
		}
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n'), nil
}

func writeMetric(b *bytes.Buffer, d schema.Definition) {
	fmt.Fprintf(b, "### %s\n\n%s\n\n", d.PrometheusName, d.Description)
	row := func(name, text string) {
		if text != "" {
			fmt.Fprintf(b, "| %s | %s |\n", name, text)
		}
	}
	b.WriteString("| | |\n|---|---|\n")
	row("OpenTelemetry name", code(d.Name))
	row("Samples", codes(sampleNames(d)))
	row("Kind", kind(d))
	if d.Unit != "" {
		row("Unit", code(d.Unit))
	}
	if labels := labelNames(d); len(labels) > 0 {
		row("Labels", codes(labels))
	}
	for _, label := range slices.Sorted(maps.Keys(d.LabelValues)) {
		row("Values of "+code(label), codes(d.LabelValues[label]))
	}
	if d.PrimaryTier {
		row("Primary tier", "has a series of its own, `tier=\"0:primary\"`")
	}
	row("Boundaries", boundaries(d.Boundaries))
	if d.StartsAtZero {
		row("Exists", "from the start, at 0")
	}
	row("Repeats", repeats(d))
	row("Replaced by", replacements(d))
	row("Since", since(d))
	row("Catalogue", codes(specifications(d)))
	fmt.Fprintf(b, "\nUse: %s\n\n```promql\n%s\n```\n\n", d.Usage, d.Query)
	if d.Trap != "" {
		fmt.Fprintf(b, "Trap: %s\n\n", d.Trap)
	}
}

// kind tells the metric's kind, and what OTLP carries where that differs.
func kind(d schema.Definition) string {
	text := fmt.Sprintf("%s of %s", d.Kind(), d.Number())
	if d.Additive {
		text += ", additive: an UpDownCounter over OTLP"
	}
	return text
}

// since tells the first release that had the metric.
func since(d schema.Definition) string {
	if isOwn(d) {
		return "otelkv " + d.Since
	}
	if d.Since == "" {
		return "no release of vLLM"
	}
	return "vLLM " + d.Since
}

// boundaries prints upper bounds as the label le shows them.
func boundaries(bounds []float64) string {
	texts := make([]string, len(bounds))
	for i, bound := range bounds {
		texts[i] = strconv.FormatFloat(bound, 'g', -1, 64)
	}
	return codes(texts)
}

// repeats says what a mirror repeats, and under which label values.
func repeats(d schema.Definition) string {
	var sources []string
	for _, m := range d.Mirrors {
		text := code(m.Of)
		for i, value := range m.LabelValues {
			value = strings.ReplaceAll(value, schema.Medium, "<medium>")
			text += fmt.Sprintf(" as `%s=\"%s\"`", d.LabelNames[i], value)
		}
		sources = append(sources, text)
	}
	return strings.Join(sources, ", ")
}

func replacements(d schema.Definition) string {
	if d.ReplacedBy == "" {
		return ""
	}
	var links []string
	for _, name := range strings.Split(d.ReplacedBy, " and ") {
		links = append(links, fmt.Sprintf("[`%s`](#%s)", name, anchor(name)))
	}
	return strings.Join(links, " and ")
}

func code(text string) string {
	return "`" + text + "`"
}

func codes(texts []string) string {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = code(text)
	}
	return strings.Join(quoted, ", ")
}

// anchor returns the fragment by which a heading is linked to: in lower case,
// spaces as hyphens, and no punctuation but hyphens and underscores.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ' || r == '-':
			return '-'
		case r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		}
		return -1
	}, strings.ToLower(heading))
}
