// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/otelkv/otelkv-go/internal/selfmetrics"
	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func definitions(c *schema.Catalogue) []schema.Definition { return slices.Collect(c.All()) }

func TestRoundTrip(t *testing.T) {
	retired, err := vllm.TieringSpec().With(vllm.Retired()...)
	if err != nil {
		t.Fatal(err)
	}
	for name, catalogue := range map[string]*schema.Catalogue{
		"CPU":          vllm.CPUSpec(2),
		"tiering":      vllm.TieringSpec(),
		"simple CPU":   vllm.SimpleCPUSpec(),
		"simple pool":  vllm.SimpleCPUPoolSpec(),
		"scheduler":    schema.MustCatalogue(vllm.Scheduler()...),
		"retired":      retired,
		"self-metrics": selfmetrics.Catalogue(),
		"empty":        schema.MustCatalogue(),
	} {
		t.Run(name, func(t *testing.T) {
			var text, again bytes.Buffer
			if err := registry.Encode(&text, catalogue); err != nil {
				t.Fatal(err)
			}
			decoded, err := registry.Decode("registry.yaml", bytes.NewReader(text.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			kinds := cmp.AllowUnexported(schema.Definition{})
			if diff := cmp.Diff(definitions(catalogue), definitions(decoded), kinds, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("definitions (-encoded +decoded):\n%s", diff)
			}
			if err := registry.Encode(&again, decoded); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(text.String(), again.String()); diff != "" {
				t.Errorf("text (-first +second):\n%s", diff)
			}
		})
	}
}

// evictions is a file with a metric as a user writes it, with a line replaced.
func evictions(line int, text string) string {
	return replaceLine(`file_format: definition/2
metrics:
  - name: my.tier.evictions
    note: "Not those that make room for a promotion."
    brief: "Chunks that the tier evicted."
    instrument: counter
    unit: "{chunk}"
    stability: development
    attributes:
      - ref: tier
        requirement_level: required
    annotations:
      code_generation: {metric_value_type: int}
      prometheus: {name: "my:tier_evictions"}
`, line, text)
}

// version1 is the same in the form before.
func version1(line int, text string) string {
	return replaceLine(`groups:
  - id: metric.my.tier.evictions
    type: metric
    metric_name: my.tier.evictions
    brief: "Chunks that the tier evicted."
    instrument: counter
    unit: "{chunk}"
    stability: development
    attributes:
      - ref: tier
        requirement_level: required
    annotations:
      code_generation: {metric_value_type: int}
      prometheus: {name: "my:tier_evictions"}
`, line, text)
}

func replaceLine(file string, line int, text string) string {
	lines := strings.Split(file, "\n")
	if line > 0 {
		lines[line-1] = text
	}
	return strings.Join(lines, "\n")
}

// metricOf returns a file without its head, so that it can follow another.
func metricOf(file string) string {
	_, metric, _ := strings.Cut(file, "metrics:\n")
	return metric
}

// A file of version 1 has the same metrics as one of version 2.
func TestVersion1(t *testing.T) {
	first, err := registry.Decode("1.yaml", strings.NewReader(version1(0, "")))
	if err != nil {
		t.Fatal(err)
	}
	second, err := registry.Decode("2.yaml", strings.NewReader(evictions(0, "")))
	if err != nil {
		t.Fatal(err)
	}
	kinds := cmp.AllowUnexported(schema.Definition{})
	if diff := cmp.Diff(definitions(first), definitions(second), kinds, cmpopts.EquateEmpty()); diff != "" || first.Len() != 1 {
		t.Errorf("definitions (-version 1 +version 2):\n%s", diff)
	}
}

// An updowncounter of a registry is a gauge whose values add up.
func TestAdditive(t *testing.T) {
	for instrument, want := range map[string]bool{"updowncounter": true, "gauge": false} {
		for value, number := range map[string]schema.NumberKind{"int": schema.NumberKindInt64, "double": schema.NumberKindFloat64} {
			text := strings.Replace(evictions(6, "    instrument: "+instrument), "type: int", "type: "+value, 1)
			catalogue, err := registry.Decode("my.yaml", strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			d, _ := catalogue.Lookup("my:tier_evictions")
			if d.Kind() != schema.KindGauge || d.Number() != number || d.Additive != want {
				t.Errorf("%s of %s is a %s of %s, additive = %t", instrument, value, d.Kind(), d.Number(), d.Additive)
			}
			var encoded strings.Builder
			if err := registry.Encode(&encoded, catalogue); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(encoded.String(), "instrument: "+instrument+"\n") {
				t.Errorf("%s is written as another instrument:\n%s", instrument, encoded.String())
			}
		}
	}
}

// Weaver wants a unit in any case, even if it is empty.
func TestNoUnit(t *testing.T) {
	catalogue, err := registry.Decode("my.yaml", strings.NewReader(evictions(7, "")))
	if err != nil {
		t.Fatal(err)
	}
	var encoded strings.Builder
	if err := registry.Encode(&encoded, catalogue); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(encoded.String(), "    unit: \"\"\n") {
		t.Errorf("the text has no empty unit:\n%s", encoded.String())
	}
}

func TestErrors(t *testing.T) {
	const metric = "my:tier_evictions"
	for name, c := range map[string]struct {
		text string
		want registry.Error
		says string
	}{
		"no YAML":            {"metrics: [", registry.Error{Line: 1, Rule: "syntax"}, "did not find"},
		"two documents":      {evictions(0, "") + "---\nmetrics: []\n", registry.Error{Line: 15, Rule: "syntax"}, "expected one document"},
		"another form":       {"- a\n", registry.Error{Line: 1, Rule: "field"}, "cannot unmarshal"},
		"unknown field":      {evictions(7, `    units: "By"`), registry.Error{Line: 7, Rule: "field"}, "field units not found"},
		"unknown annotation": {evictions(14, `      prom: {name: "x"}`), registry.Error{Line: 14, Rule: "field"}, "field prom not found"},
		"field twice":        {evictions(7, `    brief: Again.`), registry.Error{Line: 7, Rule: "field"}, "already defined"},
		"wrong type":         {evictions(7, `    unit: [By]`), registry.Error{Line: 7, Rule: "field"}, "cannot unmarshal"},
		"no id":              {version1(2, `  - note: x`), registry.Error{Line: 2, Metric: metric, Rule: "field"}, "no id"},
		"unknown group":      {version1(3, `    type: span`), registry.Error{Line: 3, Metric: metric, Rule: "field"}, `type "span"`},
		"metric in an attribute group": {version1(3, `    type: attribute_group`),
			registry.Error{Line: 3, Metric: metric, Rule: "field"}, "expected the type metric"},
		"attribute without name": {evictions(10, `      - brief: x`), registry.Error{Line: 9, Metric: metric, Rule: "field"}, "without ref"},
		"unknown instrument":     {evictions(6, `    instrument: summary`), registry.Error{Line: 6, Metric: metric, Rule: "kind"}, "expected counter, updowncounter"},
		"bad name in version 1":  {version1(4, `    metric_name: "7"`), registry.Error{Line: 4, Metric: metric, Rule: "name"}, `"7"`},
		"no format":              {evictions(1, ""), registry.Error{Line: 2, Rule: "field"}, "no file_format: expected definition/2"},
		"another format":         {evictions(1, "file_format: definition/3"), registry.Error{Line: 1, Rule: "field"}, `file format "definition/3"`},
		"both versions":          {"file_format: definition/2\n" + version1(0, ""), registry.Error{Line: 1, Rule: "field"}, "groups in the format"},
		"attribute without key":  {evictions(2, "attributes: [{brief: x}]\nmetrics:"), registry.Error{Line: 2, Rule: "field"}, "without a key"},
		"unknown value type":     {evictions(13, `      code_generation: {metric_value_type: string}`), registry.Error{Line: 13, Metric: metric, Rule: "kind"}, "expected int or double"},
		"no value type":          {evictions(13, ""), registry.Error{Line: 12, Metric: metric, Rule: "kind"}, "expected int or double"},
		"empty group":            {evictions(0, "") + "  -\n", registry.Error{Line: 15, Rule: "field"}, "an empty element"},
		"unknown stability":      {evictions(8, `    stability: shaky`), registry.Error{Line: 8, Metric: metric, Rule: "field"}, "shaky"},
		"bad unit":               {evictions(7, `    unit: "bytes per day!"`), registry.Error{Line: 7, Metric: metric, Rule: "unit"}, "bytes per day!"},
		"no description":         {evictions(5, `    brief: ""`), registry.Error{Line: 5, Metric: metric, Rule: "description"}, "no description"},
		"bad name":               {evictions(3, `  - name: "7"`), registry.Error{Line: 3, Metric: metric, Rule: "name"}, `"7"`},
		"no Prometheus name": {evictions(14, `      otelkv: {since: "1"}`),
			registry.Error{Line: 12, Metric: "my.tier.evictions", Rule: "prometheus-name"}, "is no metric name"},
		"bad label":      {evictions(10, `      - ref: a-b`), registry.Error{Line: 9, Metric: metric, Rule: "label-names"}, "a-b"},
		"bad boundaries": {evictions(14, `      prometheus: {name: "my:tier_evictions"}`+"\n      otelkv: {boundaries: [1]}"), registry.Error{Line: 15, Metric: metric, Rule: "boundaries"}, "boundaries on a counter"},
		"mirror of nothing": {evictions(14, `      prometheus: {name: "my:tier_evictions"}`+"\n      otelkv:\n        mirrors: [{of: x}]"),
			registry.Error{Line: 16, Metric: metric, Rule: "mirror-source"}, `mirrors "x"`},
		"empty attribute": {evictions(11, "      -"), registry.Error{Line: 11, Rule: "field"}, "an empty element"},
		"empty boundary":  {evictions(13, "      otelkv: {boundaries: [1, ~, 2]}"), registry.Error{Line: 13, Rule: "field"}, "an empty element"},
		"metric twice": {evictions(0, "") + metricOf(evictions(0, "")),
			registry.Error{Line: 26, Metric: metric, Rule: "prometheus-name-unique"}, "used twice"},
		"deprecated for nothing": {evictions(14, `      prometheus: {name: "my:tier_evictions"}`+"\n    deprecated: {reason: obsoleted}"),
			registry.Error{Line: 15, Metric: metric, Rule: "deprecated"}, "note or renamed_to"},
		"not UTF-8":         {evictions(5, "    brief: \"Chunks d\xe9plac\xe9s.\""), registry.Error{Line: 5, Rule: "syntax"}, "UTF-8"},
		"control character": {evictions(5, "    brief: \"\x01\""), registry.Error{Line: 5, Rule: "syntax"}, "control characters"},
		"alias of nothing":  {evictions(7, "    unit: *bytes"), registry.Error{Line: 7, Rule: "syntax"}, "unknown anchor"},
		"too large":         {"#" + strings.Repeat("x", 1<<20), registry.Error{Rule: "size"}, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := registry.Decode("my.yaml", strings.NewReader(c.text))
			var got *registry.Error
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a registry.Error", err)
			}
			c.want.File, c.want.Reason = "my.yaml", got.Reason
			if *got != c.want || !strings.Contains(got.Reason, c.says) {
				t.Errorf("got %+v\nwant %+v, which says %q", *got, c.want, c.says)
			}
			if c.want.Line > 0 && !strings.HasPrefix(got.Error(), fmt.Sprintf("otelkv: my.yaml:%d: ", c.want.Line)) {
				t.Errorf("the error reads %q", got.Error())
			}
		})
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	text := evictions(7, `    unit: "!"`) + strings.ReplaceAll(metricOf(evictions(5, `    brief: ""`)), "evictions", "losses")
	_, err := registry.Decode("my.yaml", strings.NewReader(text))
	if err == nil {
		t.Fatal("decoded a file with two errors")
	}
	for _, want := range []string{`my.yaml:7: metric "my:tier_evictions": unit: `, `my.yaml:17: metric "my:tier_losses": description: `} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error %q does not say %q", err, want)
		}
	}
}

func TestMerge(t *testing.T) {
	text := evictions(14, `      prometheus: {name: "my:tier_evictions"}`) + `  - name: my.load.bytes
    brief: "Bytes under a name of ours."
    instrument: counter
    unit: By
    stability: stable
    annotations:
      code_generation: {metric_value_type: int}
      prometheus: {name: "my:load_bytes"}
      otelkv:
        mirrors: [{of: "vllm:kv_offload_load_bytes"}]
`
	merged, err := registry.Merge(vllm.TieringSpec(), "my.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := merged.Len(), vllm.TieringSpec().Len()+2; got != want {
		t.Errorf("%d definitions, want %d", got, want)
	}
	if _, err := merged.Int64Counter("my:tier_evictions"); err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		text string
		rule string
		line int
	}{
		"the name of another": {evictions(3, "  - name: vllm.kv_offload.load_bytes"), "name-unique", 3},
		"a metric twice":      {evictions(0, "") + metricOf(evictions(0, "")), "prometheus-name-unique", 26},
		// It takes the place of a metric that others mirror.
		"labels that mirrors lack": {evictions(14, `      prometheus: {name: "vllm:kv_offload_load_bytes"}`), "mirror-labels", 3},
	} {
		_, err = registry.Merge(vllm.TieringSpec(), "my.yaml", strings.NewReader(c.text))
		var got *registry.Error
		if !errors.As(err, &got) || got.Rule != c.rule || got.Line != c.line {
			t.Errorf("%s: got %v, want a breach of %s in line %d", name, err, c.rule, c.line)
		}
	}
}

// TestListsThatAreMergedIn tests that lists of a merge key are read as others are, with
// the lines where they are written.
func TestListsThatAreMergedIn(t *testing.T) {
	for _, c := range []struct {
		text string
		line int
		says string
	}{
		{"<<:\n  groups:\n  - {id: x, type: span}\n", 3, `type "span"`},
		{"file_format: definition/2\n<<:\n  metrics:\n  - {name: x, stability: shaky}\n", 4, "shaky"},
		{"file_format: definition/2\n<<:\n  attributes: [{brief: x}]\n", 3, "without a key"},
	} {
		_, err := registry.Decode("my.yaml", strings.NewReader(c.text))
		if want := fmt.Sprintf("my.yaml:%d: ", c.line); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want an error in line %d that says %q", c.text, err, c.line, c.says)
		}
	}
	text := "file_format: definition/2\n<<:\n  metrics:\n" + metricOf(evictions(0, ""))
	catalogue, err := registry.Decode("my.yaml", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := catalogue.Int64Counter("my:tier_evictions"); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(evictions(0, ""))
	f.Add(version1(0, ""))
	f.Add("file_format: definition/2\nmetrics:\n- &a {name: x}\n- *a\nattributes: [{key: y}]\n")
	f.Add(evictions(14, "      otelkv: {boundaries: [1, 2], mirrors: [{of: x, label_values: [a]}]}"))
	f.Add("groups:\n- &a {id: x, type: metric}\n- *a\n- null\n")
	f.Add("a: &a {groups: [{id: x}]}\n<<: *a\n")
	f.Fuzz(func(t *testing.T, text string) {
		catalogue, err := registry.Decode("f", strings.NewReader(text))
		if err != nil {
			return
		}
		var encoded bytes.Buffer
		if err := registry.Encode(&encoded, catalogue); err != nil {
			t.Fatal(err)
		}
		if _, err := registry.Decode("again", &encoded); err != nil {
			t.Errorf("what was encoded does not decode: %v", err)
		}
	})
}

func ExampleEncode() {
	err := registry.Encode(os.Stdout, schema.MustCatalogue(schema.Int64Counter{
		Name: "my.tier.evictions", PrometheusName: "my:tier_evictions", Unit: "{chunk}",
		Description: "Chunks that the tier evicted.", LabelNames: []string{schema.LabelTier},
	}))
	if err != nil {
		panic(err)
	}
	// Output:
	// file_format: definition/2
	// attributes:
	//   - key: model_name
	//     type: string
	//     brief: Name of the served model.
	//     stability: development
	//     examples: [meta-llama/Llama-3.1-8B]
	//   - key: engine
	//     type: string
	//     brief: Index of the serving engine, in decimal.
	//     stability: development
	//     examples: ["0", "1"]
	//   - key: tier
	//     type: string
	//     brief: Tier, as its index and its type.
	//     stability: development
	//     examples: ['0:primary', '1:fs']
	// metrics:
	//   - name: my.tier.evictions
	//     brief: Chunks that the tier evicted.
	//     instrument: counter
	//     unit: '{chunk}'
	//     stability: development
	//     attributes:
	//       - ref: model_name
	//         requirement_level: required
	//       - ref: engine
	//         requirement_level: required
	//       - ref: tier
	//         requirement_level: required
	//     annotations:
	//       code_generation:
	//         metric_value_type: int
	//       prometheus:
	//         name: my:tier_evictions
}

// A registry says "renamed" where one metric took another's place, and weaver
// then asks for the name of its instrument.
func TestEncodeDeprecated(t *testing.T) {
	catalogue, err := vllm.TieringSpec().With(vllm.Retired()...)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := registry.Encode(&text, catalogue); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"      reason: renamed\n      renamed_to: vllm.kv_offload.tiering.chunk_hits\n",
		"      reason: uncategorized\n      note: vllm:kv_offload_load_size and vllm:kv_offload_store_size\n",
	} {
		if strings.Count(text.String(), want) != 1 {
			t.Errorf("the text has not once:\n%s", want)
		}
	}
}

// What is said of labels is said of labels that there are, and of all of vLLM's.
func TestEncodeDescribesLabels(t *testing.T) {
	for name, catalogue := range map[string]*schema.Catalogue{"tiering": vllm.TieringSpec(), "simple CPU": vllm.SimpleCPUSpec(), "scheduler": schema.MustCatalogue(vllm.Scheduler()...)} {
		var text strings.Builder
		if err := registry.Encode(&text, catalogue); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text.String(), "of the metrics that have it") {
			t.Errorf("%s: a label without a description:\n%s", name, text.String())
		}
	}
}
