// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// variables returns the variables of the dashboard of all engines.
func variables() []grafanaVariable {
	const model, engine = schema.LabelModelName + `=~"$model"`, schema.LabelEngine + `=~"$engine"`
	return []grafanaVariable{
		datasourceVariable(),
		several("model", "Model", labelValues(schema.LabelModelName, presence())),
		several("engine", "Engine", labelValues(schema.LabelEngine, presence(), model)),
		several("instance", "Instance", labelValues("instance", presence(), model, engine)),
		several("tier", "Tier", labelValues(schema.LabelTier, fmt.Sprintf("__name__=%q", vllm.TieringChunkQueries.Definition().SampleName()), model, engine)),
	}
}

// engineVariables returns the variables of the dashboard of one engine.
func engineVariables() []grafanaVariable {
	const model, engine = schema.LabelModelName + `="$model"`, schema.LabelEngine + `="$engine"`
	return []grafanaVariable{
		datasourceVariable(),
		one("model", "Model", labelValues(schema.LabelModelName, presence())),
		one("engine", "Engine", labelValues(schema.LabelEngine, presence(), model)),
		one("instance", "Instance", labelValues("instance", presence(), model, engine)),
	}
}

// presence matches a series of every engine. An engine with a CPU cache has the usage
// gauge before any traffic, and others have the load bytes after the first load.
func presence() string {
	return fmt.Sprintf("__name__=~%q", vllm.LoadBytes.Definition().SampleName()+"|"+vllm.CPUCacheUsage.Definition().SampleName())
}

func labelValues(label string, matchers ...string) string {
	selector := matchers[0]
	for _, m := range matchers[1:] {
		selector += "," + m
	}
	return fmt.Sprintf("label_values({%s}, %s)", selector, label)
}

func datasourceVariable() grafanaVariable {
	return grafanaVariable{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus", Refresh: 1}
}

func prometheusDatasource() *grafanaDatasource {
	return &grafanaDatasource{Type: "prometheus", UID: "${datasource}"}
}

// one chooses one value.
func one(name, label, query string) grafanaVariable {
	return grafanaVariable{
		Name: name, Label: label, Type: "query", Datasource: prometheusDatasource(),
		Query: grafanaQuery{query, name}, Definition: query, Refresh: 2, Sort: 3,
	}
}

// several chooses any number of values, initially all. "All" matches any value, so that
// queries are short and include series without the label.
func several(name, label, query string) grafanaVariable {
	v := one(name, label, query)
	v.Multi, v.IncludeAll, v.AllValue = true, true, ".*"
	v.Current = &grafanaCurrent{Text: []string{"All"}, Value: []string{"$__all"}}
	return v
}

// annotations mark restarts and alerts on every graph.
func annotations(w *writer) []grafanaAnnotation {
	return []grafanaAnnotation{
		{
			Name: "Annotations & Alerts", Type: "dashboard", BuiltIn: 1, Enable: true, Hide: true,
			Datasource: &grafanaDatasource{Type: "grafana", UID: "-- Grafana --"}, IconColor: "rgba(0, 211, 255, 1)",
		},
		{
			Name: "Restarts", Datasource: prometheusDatasource(), Enable: true, IconColor: "orange",
			Expr:        restarts(w).text,
			TitleFormat: "Engine {{engine}} started again", TextFormat: "{{model_name}} at {{instance}}: its counters began at 0.",
			TagKeys: schema.LabelModelName + "," + schema.LabelEngine,
		},
		{
			Name: "Alerts of KV-cache offloading", Datasource: prometheusDatasource(), Enable: true, IconColor: "red",
			Expr:        `ALERTS{alertname=~"KVOffload.*|Otelkv.*",alertstate="firing"}`,
			TitleFormat: "{{alertname}}", TextFormat: "{{model_name}} {{engine}} {{tier}} at {{instance}}",
			TagKeys: "severity",
		},
	}
}

// restarts returns the engines whose counters were reset. An engine that stored and loaded
// nothing before the restart is not found.
func restarts(w *writer) term {
	fell := func(m schema.Metric) term { return w.overWindow("resets", m) }
	loads, stores := fell(vllm.LoadBytes), fell(vllm.StoreBytes)
	by := append(byEngine(), "instance")
	return above(0, w.max(term{stores.text + " > 0 or " + loads.text, loads.labels}, by...))
}

// dashboardLinks returns links to the documentation and to the other dashboards.
func dashboardLinks() []grafanaLink {
	others := grafanaLink{
		Title: "KV-cache dashboards", Type: "dashboards", Icon: "dashboard", Tags: []string{"otelkv"},
		AsDropdown: true, IncludeVars: true, KeepTime: true,
	}
	return []grafanaLink{
		others,
		link("Metrics", "docs/metrics.md"),
		link("Runbooks", "docs/alerts/README.md"),
		link("This dashboard", "docs/dashboards/README.md"),
	}
}
