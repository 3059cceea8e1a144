// SPDX-License-Identifier: Apache-2.0

package vllm_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema/internal/difference"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// Each text stands on a line of its own somewhere: a HELP line, a table row, a
// tooltip.
func TestTexts(t *testing.T) {
	for _, d := range definitions() {
		for field, text := range map[string]string{
			"Description": d.Description, "Usage": d.Usage, "Trap": d.Trap,
		} {
			if text == "" {
				if field != "Trap" {
					t.Errorf("%s: no %s", d.PrometheusName, field)
				}
				continue
			}
			if !strings.HasSuffix(text, ".") || strings.TrimSpace(text) != text {
				t.Errorf("%s: %s is no sentence: %q", d.PrometheusName, field, text)
			}
			if strings.Contains(text, "  ") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: %s is no line of plain words: %q", d.PrometheusName, field, text)
			}
		}
		if d.Description == d.Usage || d.Description == d.Trap {
			t.Errorf("%s: two texts are the same", d.PrometheusName)
		}
	}
}

// Every metric that a release of vLLM has tells since when. The gauges of the
// pool, the configuration and what is not merged are in no release.
func TestSince(t *testing.T) {
	unreleased := map[string]bool{"vllm:kv_offload_config_info": true}
	for _, m := range slices.Concat(vllm.SimpleCPUPool(), vllm.Unmerged()) {
		unreleased[m.Definition().PrometheusName] = true
	}
	release := regexp.MustCompile(`^(?:(?:after |before )?v\d+\.\d+\.\d+|v\d+\.\d+\.\d+ or earlier)$`)
	for _, d := range definitions() {
		if released := !unreleased[d.PrometheusName]; released != release.MatchString(d.Since) || !released && d.Since != "" {
			t.Errorf("%s: since %q, want a release such as v0.28.0, or what is known of it", d.PrometheusName, d.Since)
		}
	}
}

// sampleNames returns the names under which a query can find the metric.
func sampleNames(d schema.Definition) []string {
	if d.Kind() == schema.KindHistogram {
		return []string{d.PrometheusName + "_bucket", d.PrometheusName + "_count", d.PrometheusName + "_sum"}
	}
	return []string{d.SampleName()}
}

// A query that names a family instead of its samples finds nothing, and neither
// does one that groups by a label that the metric lacks.
func TestQueries(t *testing.T) {
	metric := regexp.MustCompile(`\bvllm:\w+`)
	grouping := regexp.MustCompile(`\bby \(([^)]*)\)`)
	labels := make(map[string][]string)
	for _, d := range definitions() {
		for _, sample := range sampleNames(d) {
			labels[sample] = append([]string{"model_name", "engine"}, d.LabelNames...)
			if strings.HasSuffix(sample, "_bucket") {
				labels[sample] = append(labels[sample], "le")
			}
		}
	}
	for _, d := range definitions() {
		queried := metric.FindAllString(d.Query, -1)
		if !slices.ContainsFunc(sampleNames(d), func(s string) bool { return slices.Contains(queried, s) }) {
			t.Errorf("%s: the query has none of %q: %s", d.PrometheusName, sampleNames(d), d.Query)
		}
		for _, sample := range queried {
			if _, ok := labels[sample]; !ok {
				t.Errorf("%s: no sample is called %q: %s", d.PrometheusName, sample, d.Query)
			}
			for _, group := range grouping.FindAllStringSubmatch(d.Query, -1) {
				for _, label := range strings.Split(group[1], ", ") {
					if !slices.Contains(labels[sample], label) {
						t.Errorf("%s: %s has no label %q: %s", d.PrometheusName, sample, label, d.Query)
					}
				}
			}
		}
	}
}

func TestReplacements(t *testing.T) {
	var names []string
	for _, d := range definitions() {
		if d.Stability != schema.StabilityDeprecated {
			names = append(names, d.PrometheusName)
		}
	}
	for _, d := range definitions() {
		if d.ReplacedBy == "" {
			continue
		}
		var sources []string
		for _, m := range d.Mirrors {
			sources = append(sources, m.Of)
		}
		replacements := strings.Split(d.ReplacedBy, " and ")
		if diff := difference.Of(sources, replacements); diff != "" {
			t.Errorf("%s: replaced by other metrics than it repeats (-want +got):\n%s", d.PrometheusName, diff)
		}
		for _, name := range replacements {
			if !slices.Contains(names, name) {
				t.Errorf("%s: replaced by %q, which is no metric to use", d.PrometheusName, name)
			}
		}
	}
}

// A literal that no group returns would compile and never be recorded.
func TestEveryLiteralIsInAGroup(t *testing.T) {
	var declared []string
	sources, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if field, ok := n.(*ast.KeyValueExpr); ok {
				if key, ok := field.Key.(*ast.Ident); ok && key.Name == "PrometheusName" {
					name, err := strconv.Unquote(field.Value.(*ast.BasicLit).Value)
					if err != nil {
						t.Fatal(err)
					}
					declared = append(declared, name)
				}
			}
			return true
		})
	}
	var grouped []string
	for _, d := range definitions() {
		grouped = append(grouped, d.PrometheusName)
	}
	slices.Sort(declared)
	slices.Sort(grouped)
	if diff := difference.Of(declared, grouped); diff != "" {
		t.Errorf("metrics of the groups (-declared +grouped):\n%s", diff)
	}
}
