package docs

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema/selfmetrics"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func readDashboard(t *testing.T) grafanaDashboard {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "dashboards", "kv-offload.json"))
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
	ids := make(map[int]bool)
	for _, p := range readDashboard(t).Panels {
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
			if !strings.Contains(target.Expr, `{model_name=~"$model",engine=~"$engine"`) && !strings.Contains(target.Expr, "otelkv_") {
				t.Errorf("%s: a query that does not heed the variables: %s", p.Title, target.Expr)
			}
		}
	}
}

// Grafana moves panels that overlap, and the dashboard no longer looks as built.
func TestDashboardPanelsDoNotOverlap(t *testing.T) {
	taken := make(map[[2]int]string)
	for _, p := range readDashboard(t).Panels {
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

// The dashboard is of the tiering specification and the recorder itself, so every
// sample that it asks for is one of their catalogues.
func TestDashboardAsksForSamplesOfTheCatalogue(t *testing.T) {
	catalogue, err := vllm.TieringSpec().Merge(selfmetrics.Catalogue())
	if err != nil {
		t.Fatal(err)
	}
	samples := make(map[string]bool)
	for d := range catalogue.All() {
		for _, name := range sampleNames(d) {
			samples[name] = true
		}
	}
	text, err := os.ReadFile(filepath.Join(root, "docs", "dashboards", "kv-offload.json"))
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`\b(?:vllm:|otelkv_)\w+`).FindAllString(string(text), -1)
	if len(asked) == 0 {
		t.Fatal("no metric is asked for")
	}
	for _, name := range asked {
		if !samples[name] {
			t.Errorf("no sample is called %s", name)
		}
	}
}
