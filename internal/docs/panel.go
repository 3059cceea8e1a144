// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"github.com/otelkv/otelkv-go/schema"
)

// Grafana's names of the units that panels use.
const (
	unitBytesPerSecond = "Bps"
	unitBytes          = "decbytes"
	unitSeconds        = "s"
	unitFraction       = "percentunit"
	unitCount          = "short"
	unitPerSecond      = "cps"
	unitSecondsPerMiB  = "suffix: s/MiB"
)

// A panelKind is how a panel shows its queries.
type panelKind string

// A panel without a kind is a graph.
const (
	graph   panelKind = "timeseries"
	heatmap panelKind = "heatmap"
	stat    panelKind = "stat"
	// table shows the labels of an info metric.
	table panelKind = "table"
)

// A row is a heading of a dashboard with its panels.
type row struct {
	title  string
	panels []panel
	// repeat is a variable. The row is repeated for each of its values.
	repeat string
}

// A panel shows one or several queries on one axis.
type panel struct {
	title       string
	description string
	unit        string
	kind        panelKind
	queries     []legended
	// limit is a value that should not be exceeded, or 0 for none.
	limit float64
}

// A legended is a query and the legend of its series.
type legended struct {
	term
	legend string
}

const (
	legendEngine = "{{model_name}} / {{engine}}"
	legendTier   = "{{tier}}"
	legendWorker = "{{worker}} {{pod}} {{instance}}"
)

func byEngine() []string { return []string{schema.LabelModelName, schema.LabelEngine} }

// byWorker returns the labels that distinguish the processes of a fleet, whether they are
// scraped, in pods, or behind a Collector that adds a label for the worker.
func byWorker() []string { return []string{"worker", "pod", "instance"} }

// each draws one line for each value of the term's labels.
func each(t term, legend string) []legended { return []legended{{t, legend}} }

// twoWays draws lines for loads and for stores.
func twoWays(load, store term) []legended {
	return []legended{{load, "load, " + legendEngine}, {store, "store, " + legendEngine}}
}

// quantiles draws the median, the 90th and the 99th percentile over engines.
func quantiles(w *writer, m schema.Metric) []legended {
	return []legended{
		{w.quantile(0.5, m, schema.LabelModelName), "p50, {{model_name}}"},
		{w.quantile(0.9, m, schema.LabelModelName), "p90, {{model_name}}"},
		{w.quantile(0.99, m, schema.LabelModelName), "p99, {{model_name}}"},
	}
}

// spread draws a histogram as a heatmap.
func spread(w *writer, title, description, unit string, m schema.Metric) panel {
	return panel{title: title, description: description, unit: unit, kind: heatmap, queries: each(w.buckets(m), "{{le}}")}
}
