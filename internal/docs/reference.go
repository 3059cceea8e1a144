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

All metrics of packages ` + "`schema/vllm` and `otelkv/ingest`" + ` and of ` + "`otelkv.WithSelfMetrics`" + `, with both names. Scrapes show the sample names. Payloads use the Prometheus name
as their key. OTLP has the OpenTelemetry name, unless the exporter has the option to use the other ([Names](names.md)).

Every series of vLLM's metrics has the labels ` + "`model_name` and `engine`" + ` before those listed here. Units are
[UCUM](https://ucum.org/): ` + "`By`" + ` is bytes, ` + "`s`" + ` is seconds, and ` + "`1`" + ` is a fraction from 0 to 1, or the constant 1 of an info metric. A word in braces says
what is counted. ` + "`[5m]`" + ` in the queries suits a scrape interval of a minute or less.

An additive gauge has values that add up across engines, such as jobs in flight. It is an UpDownCounter over OTLP and in the weaver registry, and a gauge on
scrapes.

A series exists from its first measurement, unless its row says "from the start" or its engine has the option ` + "`otelkv.WithPriming`" + `. So an absent series can mean
zero.

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
		row("Primary tier", "has its own series, `tier=\"0:primary\"`")
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

// kind returns the metric's kind, and the kind in OTLP if that differs.
func kind(d schema.Definition) string {
	text := fmt.Sprintf("%s of %s", d.Kind(), d.Number())
	if d.Additive {
		text += ", additive: an UpDownCounter over OTLP"
	}
	return text
}

// since returns the first release that has the metric.
func since(d schema.Definition) string {
	if isOwn(d) {
		return "otelkv " + d.Since
	}
	if d.Since == "" {
		return "no release of vLLM"
	}
	return "vLLM " + d.Since
}

// boundaries returns upper bounds as in the label le.
func boundaries(bounds []float64) string {
	texts := make([]string, len(bounds))
	for i, bound := range bounds {
		texts[i] = strconv.FormatFloat(bound, 'g', -1, 64)
	}
	return codes(texts)
}

// repeats returns what a mirror repeats, and under which label values.
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

// anchor returns the fragment of links to a heading: lower case, with hyphens for spaces,
// and without punctuation except hyphens and underscores.
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
