// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema"
)

// held is what a payload keeps, counted anew.
func held(p *Payload) retained {
	var r retained
	for name, m := range p.metrics {
		if m.number == 0 {
			r.entries++
			r.text += len(name)
		}
		for key, e := range m.entries {
			if !e.bound {
				r.entries++
				r.text += len(key)
			}
			r.samples += cap(e.samples)
		}
	}
	for _, child := range p.connectors {
		if !child.pinned {
			r.connectors++
		}
	}
	return r
}

// checkLookups finds each metric and entry that the payload shows under its name
// and key.
func checkLookups(t *testing.T, p *Payload) {
	t.Helper()
	for _, m := range p.present {
		if p.metrics[m.name] != m {
			t.Fatalf("metric %q is shown, but another is found", m.name)
		}
		for _, e := range m.present {
			if m.entries[e.key] != e {
				t.Fatalf("metric %q: entry %q is shown, but another is found", m.name, e.labelValues)
			}
		}
	}
}

// TestReplacedMetricIsForgotten decodes after [Payload.TakeInto] has replaced a
// metric that the decoder remembers.
func TestReplacedMetricIsForgotten(t *testing.T) {
	input := []byte(`{"types": {"a": "gauge", "m": "counter"}, "data": {"a": 1, "m": 2}}`)
	var p, source Payload
	if _, err := p.Int64Counter(schema.Int64Counter{PrometheusName: "m"}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.UnmarshalJSON(input); err != nil {
			t.Fatal(err)
		}
		checkLookups(t, &p)
		if len(p.present) != 2 {
			t.Fatalf("%d metrics, want 2", len(p.present))
		}
		if err := source.RecordGauge("m", Int64(1)); err != nil {
			t.Fatal(err)
		}
		source.TakeInto(&p)
		checkLookups(t, &p)
	}
}

// TestRetentionIsBounded reuses one payload for streams whose entries never repeat. What
// the payload keeps stays within its bounds and is what it counts, and a bound handle
// stays valid.
func TestRetentionIsBounded(t *testing.T) {
	definition := schema.Int64Counter{PrometheusName: "bound", LabelNames: []string{"l"}}
	streams := map[string]func(round int) string{
		"label values": func(round int) string {
			var entries []string
			for i := range 500 {
				entries = append(entries, fmt.Sprintf(`{"labels": ["%d-%d"], "value": 1}`, round, i))
			}
			return `{"types": {"c": "counter"}, "data": {"c": [` + strings.Join(entries, ",") + `]}}`
		},
		"label text": func(round int) string {
			var entries []string
			for i := range 10 {
				entries = append(entries, fmt.Sprintf(`{"labels": ["%d-%d", %q], "value": 1}`, round, i, strings.Repeat("x", 1000)))
			}
			return `{"types": {"c": "counter"}, "data": {"c": [` + strings.Join(entries, ",") + `]}}`
		},
		"names": func(round int) string {
			var types, data []string
			for i := range 50 {
				types = append(types, fmt.Sprintf(`"c%d-%d": "counter", "unused%d-%d": "gauge"`, round, i, round, i))
				data = append(data, fmt.Sprintf(`"c%d-%d": 1`, round, i))
			}
			return `{"types": {"bound": "counter", "fixed": "gauge", ` + strings.Join(types, ",") + `},
				"data": {"bound": [{"labels": ["b"], "value": 1}, {"labels": ["c"], "value": 1}], "fixed": 1, ` + strings.Join(data, ",") + `}}`
		},
		"samples": func(round int) string {
			return fmt.Sprintf(`{"types": {"h%d": "histogram"}, "data": {"h%d": [%s1]}}`, round, round, strings.Repeat("1,", 5000))
		},
		"bad samples": func(round int) string {
			return fmt.Sprintf(`{"types": {"h%d": "histogram"}, "data": {"h%d": [%snull]}}`, round, round, strings.Repeat("1,", 5000))
		},
		"connectors": func(round int) string {
			return fmt.Sprintf(`{"C%d": {"data": {"types": {"c": "counter"}, "data": {"c": 1}}}, "held": {"types": {"c": "counter"}, "data": {"c": 1}}}`, round)
		},
	}
	streams["other connectors"] = func(round int) string {
		return fmt.Sprintf(`{"C%d": {"data": {"x": [1]}}, "D%d": {"x": {}}, "held": {"types": {"c": "counter"}, "data": {"c": 1}}}`, round, round)
	}
	streams["empty connectors"] = func(round int) string {
		return fmt.Sprintf(`{"C%d": {}, "D%d": null, "held": {"types": {"c": "counter"}, "data": {"c": 1}}}`, round, round)
	}
	streams["types of a connector"] = func(round int) string {
		var types []string
		for i := range 100 {
			types = append(types, fmt.Sprintf(`"c%d-%d": "counter"`, round, i))
		}
		return `{"C": {"types": {` + strings.Join(types, ",") + `}, "data": {}}}`
	}
	streams["bad entries of a connector"] = func(round int) string {
		return `{"C": ` + streams["bad samples"](round) + `}`
	}
	for name, input := range streams {
		t.Run(name, func(t *testing.T) {
			var p Payload
			bound, err := p.Int64Counter(definition, "b")
			if err != nil {
				t.Fatal(err)
			}
			nested := p.Connector("held")
			releases := 0
			grown := map[*Payload]bool{}
			for round := range 200 {
				if err := p.UnmarshalJSON([]byte(input(round))); err != nil && !strings.HasPrefix(name, "bad ") {
					t.Fatal(err)
				}
				if err := nested.AddCounter("alive", Int64(1)); err != nil {
					t.Fatal(err)
				}
				if len(p.shown) == 0 {
					t.Fatal("a nested payload that the caller holds is no longer part of its parent")
				}
				checkLookups(t, &p)
				p.Reset()
				for _, q := range append(slices.Collect(maps.Values(p.connectors)), &p) {
					got := held(q)
					if got != q.retained {
						t.Fatalf("round %d: %q keeps %+v, counts %+v", round, q.name, got, q.retained)
					}
					if got.overBound() {
						t.Fatalf("round %d: %q keeps %+v", round, q.name, got)
					}
					if grown[q] && got == (retained{}) {
						releases++
					}
					grown[q] = got != (retained{})
				}
			}
			if releases == 0 || releases > 100 {
				t.Errorf("memory was given back %d times, want some and not at every turn", releases)
			}
			bound.Add(7)
			if len(p.present) != 1 || p.present[0].present[0].value != Int64(7) {
				t.Error("the bound handle no longer fills its payload")
			}
		})
	}
}

// TestRetentionSurvivesTakeInto takes from two payloads in turn, with buffers that grow.
func TestRetentionSurvivesTakeInto(t *testing.T) {
	var p, taken Payload
	for round := range 300 {
		for range round * 10 {
			if err := p.RecordHistogram(fmt.Sprint("h", round%7), Int64(1)); err != nil {
				t.Fatal(err)
			}
		}
		p.TakeInto(&taken)
		if got := held(&p); got != p.retained || got.overBound() {
			t.Fatalf("round %d: the source keeps %+v, counts %+v", round, got, p.retained)
		}
		if round%3 == 0 {
			taken.Reset()
			if got := held(&taken); got != taken.retained || got.overBound() {
				t.Fatalf("round %d: the target keeps %+v, counts %+v", round, got, taken.retained)
			}
		}
	}
}

// TestRetentionOfNothingTaken merges only entries that are refused, so there is never
// anything to take.
func TestRetentionOfNothingTaken(t *testing.T) {
	take := map[string]func(p, dst *Payload) bool{
		"Take":     func(p, _ *Payload) bool { return p.Take() != nil },
		"TakeInto": (*Payload).TakeInto,
	}
	for name, taken := range take {
		t.Run(name, func(t *testing.T) {
			var p, received, dst Payload
			for round := range maxRetainedEntries {
				input := fmt.Sprintf(`{"types": {"c": "counter"}, "data": {"c": [{"labels": ["%d"], "value": -1}, {"labels": ["%d", ""], "value": -1}]}}`, round, round)
				if err := received.UnmarshalJSON([]byte(input)); err != nil {
					t.Fatal(err)
				}
				if err := p.Merge(&received); err == nil {
					t.Fatal("negative counters were merged")
				}
				if taken(&p, &dst) {
					t.Fatal("something was taken")
				}
			}
			if got := held(&p); got != p.retained || got.overBound() {
				t.Errorf("keeps %+v, counts %+v", got, p.retained)
			}
		})
	}
}

// TestScratchIsBounded checks that a decoder keeps neither a large buffer nor the input.
func TestScratchIsBounded(t *testing.T) {
	var p Payload
	if err := p.UnmarshalJSON([]byte(`{"x": "\n` + strings.Repeat("x", 1<<20) + `"  , "data": {}}`)); err != nil {
		t.Fatal(err)
	}
	if got := cap(p.decoding.json.messagePack); got > maxRetainedScratch {
		t.Errorf("keeps %d bytes", got)
	}
	if p.decoding.r.data != nil || p.decoding.r.rest != nil {
		t.Error("keeps the input")
	}
}
