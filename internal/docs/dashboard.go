// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"

	"github.com/otelkv/otelkv-go/schema"
)

// schemaVersion is the version of Grafana's dashboard model in the files. An older Grafana
// reads them, and a newer one migrates them.
const schemaVersion = 42

// repository is the base of links to files of the repository.
const repository = "https://github.com/otelkv/otelkv-go/blob/main/"

// Grafana's grid is 24 columns wide.
const (
	gridWidth   = 24
	panelWidth  = 8
	panelHeight = 8
	statHeight  = 4
)

// dashboardFile writes docs/dashboards/kv-offload.json.
func dashboardFile(string) ([]byte, error) {
	w := &writer{
		engine:  []string{schema.LabelModelName + `=~"$model"`, schema.LabelEngine + `=~"$engine"`},
		process: []string{`instance=~"$instance"`},
		tier:    []string{schema.LabelTier + `=~"$tier"`},
		window:  "$__rate_interval",
	}
	return encodeDashboard(w, grafanaDashboard{
		UID:         "otelkv-kv-offload",
		Title:       "KV-cache offloading",
		Description: "Transfers of vLLM engines, and of Go tiers that use otelkv, between the GPU and slower tiers. Generated from the catalogue of metrics.",
		Templating:  grafanaTemplate{variables()},
	}, rows(w))
}

// engineDashboardFile writes docs/dashboards/kv-offload-engine.json.
func engineDashboardFile(string) ([]byte, error) {
	w := &writer{
		engine:  []string{schema.LabelModelName + `="$model"`, schema.LabelEngine + `="$engine"`},
		process: []string{`instance="$instance"`},
		window:  "$__rate_interval",
	}
	return encodeDashboard(w, grafanaDashboard{
		UID:         "otelkv-kv-offload-engine",
		Title:       "KV-cache offloading, one engine",
		Description: "One engine of one process. The dashboard of all engines links here.",
		Templating:  grafanaTemplate{engineVariables()},
	}, engineRows(w))
}

func encodeDashboard(w *writer, d grafanaDashboard, rows []row) ([]byte, error) {
	d.Tags = []string{"kv-cache", "otelkv", "vllm"}
	d.Editable = true
	d.GraphTooltip = 1
	d.SchemaVersion = schemaVersion
	d.Version = 1
	d.Timezone = "browser"
	d.Refresh = "30s"
	d.Time = grafanaTime{From: "now-1h", To: "now"}
	d.Links = dashboardLinks()
	d.Annotations = grafanaAnnotations{annotations(w)}
	runbooks, err := runbookLinks()
	if err != nil {
		return nil, err
	}
	d.Panels = layOut(rows, runbooks)
	if err := w.err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err = encoder.Encode(d)
	return b.Bytes(), err
}

// layOut places the rows below each other.
func layOut(rows []row, runbooks map[string][]grafanaLink) []grafanaPanel {
	var panels []grafanaPanel
	id, y := 1, 0
	for _, r := range rows {
		expanded := false
		panels = append(panels, grafanaPanel{
			ID: id, Type: "row", Title: r.title, Collapsed: &expanded, Repeat: r.repeat, Panels: &[]grafanaPanel{},
			GridPos: grafanaGridPos{H: 1, W: gridWidth, Y: y},
		})
		id, y = id+1, y+1
		x, height := 0, panelHeight
		for _, p := range r.panels {
			width := panelWidth
			switch {
			case p.kind == stat:
				width, height = gridWidth/len(r.panels), statHeight
			case p.kind == table:
				// Its columns are many.
				width = gridWidth - panelWidth
			case len(r.panels) == 4:
				width = gridWidth / 4
			}
			if x+width > gridWidth {
				x, y = 0, y+height
			}
			panels = append(panels, newPanel(id, p, grafanaGridPos{H: height, W: width, X: x, Y: y}, runbooks))
			id, x = id+1, x+width
		}
		y += height
	}
	return panels
}

func newPanel(id int, p panel, place grafanaGridPos, runbooks map[string][]grafanaLink) grafanaPanel {
	if p.kind == "" {
		p.kind = graph
	}
	g := grafanaPanel{
		ID: id, Type: string(p.kind), Title: p.title, Description: p.description, GridPos: place,
		Datasource: prometheusDatasource(), Links: panelLinks(p, runbooks),
		FieldConfig: &grafanaFieldConfig{Defaults: grafanaDefaults{Unit: p.unit}, Overrides: []any{}},
	}
	for i, q := range p.queries {
		g.Targets = append(g.Targets, grafanaTarget{
			RefID: string(rune('A' + i)), Datasource: *prometheusDatasource(), Expr: q.text,
			LegendFormat: q.legend, Range: p.kind != table, Instant: p.kind == table,
		})
	}
	switch p.kind {
	case table:
		asTable(&g)
	case heatmap:
		asHeatmap(&g, p)
	case stat:
		asStat(&g, p)
	default:
		asGraph(&g, p)
	}
	return g
}

// limits colours values above a limit.
func limits(limit float64) *grafanaThresholds {
	steps := []grafanaStep{{Color: "green"}}
	if limit > 0 {
		steps = append(steps, grafanaStep{Color: "red", Value: &limit})
	}
	return &grafanaThresholds{Mode: "absolute", Steps: steps}
}

func asGraph(g *grafanaPanel, p panel) {
	zero, one := 0.0, 1.0
	d := &g.FieldConfig.Defaults
	d.Min = &zero
	if p.unit == unitFraction && p.limit != lookupBudget {
		d.Max = &one
	}
	d.Custom = map[string]any{
		"drawStyle": "line", "fillOpacity": 8, "lineWidth": 1, "showPoints": "auto",
		// Show a pause as a gap: nothing was measured in it.
		"spanNulls": false,
	}
	if p.limit > 0 {
		d.Thresholds = limits(p.limit)
		d.Custom["thresholdsStyle"] = map[string]any{"mode": "dashed"}
	}
	g.Options = map[string]any{
		"legend": map[string]any{
			"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": []string{"lastNotNull", "max"},
		},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
}

func asStat(g *grafanaPanel, p panel) {
	d := &g.FieldConfig.Defaults
	d.Color = &grafanaColor{Mode: "thresholds"}
	d.Thresholds = limits(p.limit)
	// No measurement is not 0.
	d.NoValue = "no data"
	g.Options = map[string]any{
		"colorMode": "value", "graphMode": "area", "justifyMode": "auto", "orientation": "auto", "textMode": "auto",
		"wideLayout": true, "showPercentChange": false, "percentChangeColorMode": "standard",
		"reduceOptions": map[string]any{"calcs": []string{"last"}, "fields": "", "values": false},
	}
}

// asHeatmap shows the buckets of the query, classic or native. Grafana computes none.
func asHeatmap(g *grafanaPanel, p panel) {
	g.Targets[0].Format = "heatmap"
	g.FieldConfig.Defaults = grafanaDefaults{Unit: p.unit, Custom: map[string]any{
		"hideFrom":          map[string]any{"legend": false, "tooltip": false, "viz": false},
		"scaleDistribution": map[string]any{"type": "linear"},
	}}
	g.Options = map[string]any{
		"calculate": false,
		"color": map[string]any{
			"mode": "scheme", "scheme": "Turbo", "fill": "dark-orange", "exponent": 0.5, "scale": "exponential", "steps": 64, "reverse": false,
		},
		"cellGap":      1,
		"cellValues":   map[string]any{"unit": unitPerSecond},
		"exemplars":    map[string]any{"color": "rgba(255,0,255,0.7)"},
		"filterValues": map[string]any{"le": 1e-9},
		"legend":       map[string]any{"show": true},
		"rowsFrame":    map[string]any{"layout": "auto"},
		"showValue":    "never",
		"tooltip":      map[string]any{"mode": "single", "showColorScale": true, "yHistogram": true},
		"yAxis":        map[string]any{"axisPlacement": "left", "reverse": false, "unit": p.unit},
	}
}

// asTable shows the labels of an info metric without its value and name.
func asTable(g *grafanaPanel) {
	g.Targets[0].Format = "table"
	g.Options = map[string]any{"frameIndex": 0, "showHeader": true, "showTypeIcons": false, "cellHeight": "sm"}
	g.Transformations = []grafanaTransformation{{
		ID:      "organize",
		Options: map[string]any{"excludeByName": map[string]bool{"Time": true, "Value": true, "__name__": true}},
	}}
}

// asked matches the names of samples in an expression.
var asked = regexp.MustCompile(`\b(?:vllm:|otelkv_)\w+`)

// metricsOf returns the definitions of the metrics that an expression asks for.
func metricsOf(expression string) []schema.Definition {
	var found []schema.Definition
	for _, name := range asked.FindAllString(expression, -1) {
		for _, d := range definitions(groups()) {
			if (name == d.PrometheusName || slices.Contains(sampleNames(d), name)) &&
				!slices.ContainsFunc(found, func(other schema.Definition) bool { return other.PrometheusName == d.PrometheusName }) {
				found = append(found, d)
			}
		}
	}
	return found
}

// panelLinks returns links to the reference of a panel's metrics, and to the runbooks of
// the alerts about them.
func panelLinks(p panel, runbooks map[string][]grafanaLink) []grafanaLink {
	var text string
	for _, q := range p.queries {
		text += q.text + "\n"
	}
	var reference, alerts []grafanaLink
	for _, d := range metricsOf(text) {
		reference = append(reference, link(d.PrometheusName, "docs/metrics.md#"+anchor(d.PrometheusName)))
		alerts = append(alerts, runbooks[d.PrometheusName]...)
	}
	return append(reference, alerts...)
}

// runbookLinks returns the links to runbooks by metric. An alert is about the first metric
// of its expression.
func runbookLinks() (map[string][]grafanaLink, error) {
	w := &writer{window: "5m"}
	links := make(map[string][]grafanaLink)
	for _, a := range alerts(w) {
		about := metricsOf(a.expr.text)
		if len(about) == 0 {
			return nil, fmt.Errorf("alert %s asks for no metric", a.name)
		}
		links[about[0].PrometheusName] = append(links[about[0].PrometheusName], link("Runbook: "+a.name, runbookPath(a.name)))
	}
	return links, w.err()
}

// link returns a link to a file of the repository.
func link(title, path string) grafanaLink {
	return grafanaLink{Title: title, Type: "link", Icon: "doc", URL: repository + path, Tags: []string{}, TargetBlank: true}
}
