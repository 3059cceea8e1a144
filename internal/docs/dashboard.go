package docs

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// Grafana's grid is 24 columns wide.
const (
	gridWidth   = 24
	panelWidth  = 8
	panelHeight = 8
)

// dashboardFile writes docs/dashboards/kv-offload.json.
func dashboardFile(string) ([]byte, error) {
	w := &writer{
		matchers: []string{schema.LabelModelName + `=~"$model"`, schema.LabelEngine + `=~"$engine"`},
		window:   "$__rate_interval",
	}
	dashboard := newDashboard(rows(w))
	if err := w.err(); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(dashboard)
	return b.Bytes(), err
}

func newDashboard(rows []row) grafanaDashboard {
	dashboard := grafanaDashboard{
		UID:           "otelkv-kv-offload",
		Title:         "KV-cache offloading",
		Description:   "What vLLM engines, and Go tiers measured by otelkv, move between the GPU and slower tiers. Generated from the catalogue of metrics.",
		Tags:          []string{"kv-cache", "otelkv", "vllm"},
		Editable:      true,
		GraphTooltip:  1,
		SchemaVersion: 39,
		Version:       1,
		Timezone:      "browser",
		Refresh:       "30s",
		Time:          grafanaTime{From: "now-1h", To: "now"},
		Templating:    grafanaTemplate{List: variables()},
	}
	id, y := 1, 0
	for _, r := range rows {
		expanded := false
		dashboard.Panels = append(dashboard.Panels, grafanaPanel{
			ID: id, Type: "row", Title: r.title, Collapsed: &expanded,
			GridPos: grafanaGridPos{H: 1, W: gridWidth, Y: y},
		})
		id, y = id+1, y+1
		x := 0
		for _, p := range r.panels {
			place := grafanaGridPos{H: panelHeight, W: width(r, p), X: x, Y: y}
			if x += place.W; x > gridWidth {
				place.X, place.Y, x = 0, y+panelHeight, place.W
				y += panelHeight
			}
			dashboard.Panels = append(dashboard.Panels, newPanel(id, p, place))
			id++
		}
		y += panelHeight
	}
	return dashboard
}

// width returns the columns that a panel of a row takes. A table has many of its
// own, and four panels share a line.
func width(r row, p panel) int {
	switch {
	case p.table:
		return gridWidth - panelWidth
	case len(r.panels) == 4:
		return gridWidth / 4
	}
	return panelWidth
}

func variables() []grafanaVariable {
	// The usage gauge is there before traffic on an engine with a CPU cache, and the
	// load bytes on others once they load.
	samples := vllm.LoadBytes.Definition().SampleName() + "|" + vllm.CPUCacheUsage.Definition().SampleName()
	model := fmt.Sprintf("label_values({__name__=~%q}, %s)", samples, schema.LabelModelName)
	engine := fmt.Sprintf("label_values({__name__=~%q,%s=~\"$model\"}, %s)", samples, schema.LabelModelName, schema.LabelEngine)
	all := func() *grafanaCurrent {
		return &grafanaCurrent{Text: []string{"All"}, Value: []string{"$__all"}}
	}
	return []grafanaVariable{
		{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1},
		{
			Name: "model", Label: "Model", Type: "query", Datasource: prometheusDatasource(),
			Query: model, Refresh: 2, Sort: 1, Multi: true, IncludeAll: true, Current: all(),
		},
		{
			Name: "engine", Label: "Engine", Type: "query", Datasource: prometheusDatasource(),
			Query: engine, Refresh: 2, Sort: 3, Multi: true, IncludeAll: true, Current: all(),
		},
	}
}

func prometheusDatasource() *grafanaDatasource {
	return &grafanaDatasource{Type: "prometheus", UID: "${datasource}"}
}

func newPanel(id int, p panel, place grafanaGridPos) grafanaPanel {
	g := grafanaPanel{
		ID: id, Title: p.title, Description: p.description, GridPos: place, Datasource: prometheusDatasource(),
		FieldConfig: &grafanaFieldConfig{Defaults: grafanaDefaults{Unit: p.unit}, Overrides: []any{}},
	}
	for i, q := range p.queries {
		g.Targets = append(g.Targets, grafanaTarget{
			RefID: string(rune('A' + i)), Datasource: *prometheusDatasource(), Expr: q.text,
			LegendFormat: q.legend, Range: !p.table, Instant: p.table,
		})
	}
	if p.table {
		return asTable(g)
	}
	return asGraph(g, p.unit)
}

func asGraph(g grafanaPanel, unit string) grafanaPanel {
	g.Type = "timeseries"
	zero, one := 0.0, 1.0
	g.FieldConfig.Defaults.Min = &zero
	if unit == unitFraction {
		g.FieldConfig.Defaults.Max = &one
	}
	g.FieldConfig.Defaults.Custom = map[string]any{"fillOpacity": 8, "lineWidth": 1, "showPoints": "never"}
	g.Options = map[string]any{
		"legend":  map[string]any{"displayMode": "list", "placement": "bottom", "showLegend": true},
		"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
	}
	return g
}

// asTable shows the labels of an info metric: its value and what Prometheus adds
// say nothing.
func asTable(g grafanaPanel) grafanaPanel {
	g.Type = "table"
	g.Targets[0].Format = "table"
	g.Transformations = []grafanaTransformation{{
		ID:      "organize",
		Options: map[string]any{"excludeByName": map[string]bool{"Time": true, "Value": true, "__name__": true}},
	}}
	return g
}
