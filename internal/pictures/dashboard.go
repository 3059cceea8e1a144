// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// rateInterval is the value of Grafana's variable. It suits a scrape interval of a second.
const rateInterval = 15 * time.Second

// A row is a heading of the dashboard with its graphs.
type row struct {
	title  string
	panels []panel
}

// A panel is one graph of the dashboard, with the dashboard's JSON names.
type panel struct {
	Type        string
	Title       string
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
	Targets []target
}

// A target is one query of a panel.
type target struct {
	Expr         string
	LegendFormat string
}

// readRows returns the rows of a dashboard without its tables.
func readRows(path string) ([]row, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var dashboard struct{ Panels []panel }
	if err := json.Unmarshal(text, &dashboard); err != nil {
		return nil, err
	}
	var rows []row
	for _, p := range dashboard.Panels {
		switch p.Type {
		case "row":
			if len(rows) > 0 && len(rows[len(rows)-1].panels) == 0 {
				rows = rows[:len(rows)-1] // it has no graphs
			}
			rows = append(rows, row{title: p.Title})
		case "timeseries":
			if title := rows[len(rows)-1].title; strings.Contains(title, "$") || strings.HasPrefix(title, "Fleet") {
				continue // it repeats other rows for each value of a variable, or for each process
			}
			if strings.Contains(p.Targets[0].Expr, "otelkv_ingest_") {
				continue // a panel of sidecars, which the cache does not have
			}
			last := &rows[len(rows)-1]
			last.panels = append(last.panels, p)
		}
	}
	return rows, nil
}

// query returns the expression with the defaults of all variables.
func (t target) query() string {
	return strings.NewReplacer(
		"$model", ".*",
		"$engine", ".*",
		"$instance", ".*",
		"$tier", ".*",
		"$__rate_interval", rateInterval.String(),
	).Replace(t.Expr)
}

// legend returns the legend of a series with these labels. Missing labels are empty, as in
// Grafana.
func (t target) legend(labels model.Metric) string {
	text := t.LegendFormat
	for name, value := range labels {
		text = strings.ReplaceAll(text, "{{"+string(name)+"}}", string(value))
	}
	return strings.TrimSpace(missing.ReplaceAllString(text, ""))
}

var missing = regexp.MustCompile(`{{\w+}}`)
