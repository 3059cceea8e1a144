// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// dashboardFiles are the names of the dashboards.
func dashboardFiles() []string { return []string{"kv-offload.json", "kv-offload-engine.json"} }

func readDashboard(t *testing.T, name string) grafanaDashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "dashboards", name))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard grafanaDashboard
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	return dashboard
}

func TestDashboardPanels(t *testing.T) {
	for _, name := range dashboardFiles() {
		t.Run(name, func(t *testing.T) { checkPanels(t, readDashboard(t, name).Panels) })
	}
}

func checkPanels(t *testing.T, panels []grafanaPanel) {
	t.Helper()
	ids := make(map[int]bool)
	for _, p := range panels {
		if ids[p.ID] {
			t.Errorf("%s: its id %d is used twice", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type == "row" {
			continue
		}
		if !strings.HasSuffix(p.Description, ".") {
			t.Errorf("%s: the description is no sentence: %q", p.Title, p.Description)
		}
		if p.FieldConfig.Defaults.Unit == "" {
			t.Errorf("%s: no unit", p.Title)
		}
		if len(p.Targets) == 0 {
			t.Errorf("%s: no query", p.Title)
		}
		for _, target := range p.Targets {
			if !strings.Contains(target.Expr, `"$instance"`) {
				t.Errorf("%s: a query that does not heed the variables: %s", p.Title, target.Expr)
			}
		}
	}
}

// Panels do not overlap: Grafana would move them.
func TestDashboardPanelsDoNotOverlap(t *testing.T) {
	for _, name := range dashboardFiles() {
		t.Run(name, func(t *testing.T) { checkPlaces(t, readDashboard(t, name).Panels) })
	}
}

func checkPlaces(t *testing.T, panels []grafanaPanel) {
	t.Helper()
	taken := make(map[[2]int]string)
	for _, p := range panels {
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			if x >= gridWidth {
				t.Errorf("%s: beyond the right edge", p.Title)
			}
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// A query that divides checks the divisor. No query fills gaps with 0, which was not
// measured.
func TestDashboardQueriesShowNoFalseNumbers(t *testing.T) {
	for _, name := range dashboardFiles() {
		for _, p := range readDashboard(t, name).Panels {
			for _, target := range p.Targets {
				if strings.Contains(target.Expr, "vector(") {
					t.Errorf("%s: %s: %s shows a number where none was measured", name, p.Title, target.Expr)
				}
				for _, divisor := range strings.Split(target.Expr, " / ")[1:] {
					if !strings.HasPrefix(divisor, "(") || !strings.Contains(divisor, " > 0)") {
						t.Errorf("%s: %s: %s may divide by zero", name, p.Title, target.Expr)
					}
				}
			}
		}
	}
}

// A row repeats by a variable that can have several values.
func TestDashboardRepeatsByVariables(t *testing.T) {
	dashboard := readDashboard(t, "kv-offload.json")
	multi := make(map[string]bool)
	for _, v := range dashboard.Templating.List {
		multi[v.Name] = v.Multi && v.IncludeAll
	}
	repeated := 0
	for _, p := range dashboard.Panels {
		if p.Repeat == "" {
			continue
		}
		repeated++
		if !multi[p.Repeat] {
			t.Errorf("%s repeats by %q, which has one value", p.Title, p.Repeat)
		}
	}
	if repeated == 0 {
		t.Error("no row repeats")
	}
}

// Dashboards and alerts link to existing files of the repository.
func TestOperatorLinksResolve(t *testing.T) {
	linked := regexp.MustCompile(regexp.QuoteMeta(repository) + `[\w./#-]+`)
	found := 0
	for _, file := range []string{
		"docs/dashboards/kv-offload.json", "docs/dashboards/kv-offload-engine.json", "docs/alerts/rules.yaml", "deploy/prometheusrule.yaml",
	} {
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		for _, url := range linked.FindAllString(string(text), -1) {
			found++
			path, fragment, _ := strings.Cut(strings.TrimPrefix(url, repository), "#")
			page, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
			if err != nil {
				t.Errorf("%s: %v", file, err)
				continue
			}
			if fragment != "" && !hasHeading(string(page), fragment) {
				t.Errorf("%s: %s has no heading for #%s", file, path, fragment)
			}
		}
	}
	if found == 0 {
		t.Fatal("nothing links to the repository")
	}
}

func hasHeading(page, fragment string) bool {
	for line := range strings.Lines(page) {
		title, ok := strings.CutPrefix(strings.TrimLeft(strings.TrimSpace(line), "#"), " ")
		if ok && strings.HasPrefix(line, "#") && anchor(strings.ReplaceAll(title, "`", "")) == fragment {
			return true
		}
	}
	return false
}

// The dashboards only use samples of the tiering specification, the recorder and the
// receiver.
func TestDashboardAsksForSamplesOfTheCatalogue(t *testing.T) {
	catalogue, err := vllm.TieringSpec().Merge(selfmetrics.Catalogue(), ingest.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	samples := make(map[string]bool)
	for d := range catalogue.All() {
		samples[d.SampleName()] = true
		for _, name := range sampleNames(d) {
			samples[name] = true
		}
	}
	for _, file := range dashboardFiles() {
		count := 0
		for _, p := range readDashboard(t, file).Panels {
			for _, target := range p.Targets {
				for _, name := range asked.FindAllString(target.Expr, -1) {
					count++
					if !samples[name] {
						t.Errorf("%s: no sample is called %s", file, name)
					}
				}
			}
		}
		if count == 0 {
			t.Errorf("%s: no metric is asked for", file)
		}
	}
}
