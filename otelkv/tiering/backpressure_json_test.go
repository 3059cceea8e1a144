// SPDX-License-Identifier: Apache-2.0

package tiering_test

import (
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

func TestParseBackPressure(t *testing.T) {
	with := func(tierType string, change func(*tiering.BackPressure)) tiering.BackPressure {
		b := tiering.DefaultBackPressure(tierType, "")
		if change != nil {
			change(&b)
		}
		return b
	}
	const ema = `"backpressure_cls": "EMABackpressureDetector"`
	for _, test := range []struct {
		name        string
		extraConfig string
		environment string
		want        map[int]tiering.BackPressure
	}{
		{"nothing", ``, ``, nil},
		{"no tiers", `{"backpressure": {` + ema + `}}`, `{` + ema + `}`, nil},
		{"no object", `{"secondary_tiers": [{"type": "fs"}], "cpu_bytes_to_use": 1}`, ``, nil},
		{
			"a tier's own", `{"secondary_tiers": [{"type": "fs"}, {"type": "fs", "path": "/x", "backpressure": {` + ema + `}}]}`, ``,
			map[int]tiering.BackPressure{2: with("fs", nil)},
		},
		{
			"top level", `{"backpressure": {` + ema + `}, "secondary_tiers": [{"type": "fs"}, {"type": "obj"}, {"type": "p2p"}]}`, ``,
			map[int]tiering.BackPressure{1: with("fs", nil), 2: with("obj", nil), 3: with("fs", nil)},
		},
		{
			"environment", `{"secondary_tiers": [{"type": "fs"}]}`, ` {` + ema + `} `,
			map[int]tiering.BackPressure{1: with("fs", nil)},
		},
		{
			"null is no object", `{"backpressure": null, "secondary_tiers": [{"type": "fs", "backpressure": null}]}`, ``, nil,
		},
		{
			"locality", `{"secondary_tiers": [{"type": "fs", "locality": "REMOTE", "backpressure": {` + ema + `}}]}`, ``,
			map[int]tiering.BackPressure{1: with("obj", nil)},
		},
		{
			"every field", `{"secondary_tiers": [{"type": "fs", "backpressure": {` + ema + `, "policy_cls": "DropStorePolicy",
				"high_water_s": 2, "low_water_s": 1.5, "alpha": 0.15, "warmup_completions": 10, "decay_half_life_s": 0.5, "cooldown_s": 0}}]}`, ``,
			map[int]tiering.BackPressure{1: {
				Policy: tiering.DropStorePolicy, HighWater: 2, LowWater: 1.5, Alpha: 0.15,
				WarmupCompletions: 10, DecayHalfLife: 500 * time.Millisecond,
			}},
		},
		{
			"field by field", `{"backpressure": {"alpha": 0.5, "cooldown_s": 3}, "secondary_tiers": [{"type": "fs", "backpressure": {"cooldown_s": 4}}]}`,
			`{` + ema + `, "alpha": 0.25, "cooldown_s": 2, "warmup_completions": 7}`,
			map[int]tiering.BackPressure{1: with("fs", func(b *tiering.BackPressure) {
				b.Alpha, b.Cooldown, b.WarmupCompletions = 0.5, 4*time.Second, 7
			})},
		},
		{
			"full names", `{"secondary_tiers": [{"type": "fs", "backpressure": {
				"backpressure_cls": "vllm.v1.kv_offload.tiering.backpressure.EMABackpressureDetector",
				"policy_cls": "vllm.v1.kv_offload.tiering.backpressure.DropStorePolicy"}}]}`, ``,
			map[int]tiering.BackPressure{1: with("fs", func(b *tiering.BackPressure) { b.Policy = tiering.DropStorePolicy })},
		},
		{
			"longer than time", `{"secondary_tiers": [{"type": "fs", "backpressure": {` + ema + `, "cooldown_s": 1e300}}]}`, ``,
			map[int]tiering.BackPressure{1: with("fs", func(b *tiering.BackPressure) { b.Cooldown = math.MaxInt64 })},
		},
		{
			"the first that is longer", `{"secondary_tiers": [{"type": "fs", "backpressure": {` + ema + `, "cooldown_s": 9223372036.854775808}}]}`, ``,
			map[int]tiering.BackPressure{1: with("fs", func(b *tiering.BackPressure) { b.Cooldown = math.MaxInt64 })},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := tiering.ParseBackPressure(test.extraConfig, test.environment)
			if err != nil || !maps.Equal(got, test.want) {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestParseBackPressureErrors(t *testing.T) {
	tier := func(object string) string {
		return `{"secondary_tiers": [{"type": "fs"}, {"type": "fs", "backpressure": ` + object + `}]}`
	}
	for _, test := range []struct {
		name                     string
		extraConfig, environment string
		want                     []string
	}{
		{"no JSON", `{`, ``, []string{"otelkv: tiering: kv_connector_extra_config: "}},
		{"a text", tier(`"x"`), ``, []string{"tier 2: json: cannot unmarshal string into Go value of type tiering.backPressure"}},
		{"no number", tier(`{"alpha": "x"}`), ``, []string{"Go struct field backPressure.alpha of type float64"}},
		{"no class", tier(`{"alpha": 0.5}`), ``, []string{"otelkv: tiering: back-pressure for tier 2: backpressure_cls is missing, expected EMABackpressureDetector"}},
		{"another class", tier(`{"backpressure_cls": "mine.Detector"}`), ``, []string{`backpressure_cls is "mine.Detector"`}},
		{"another policy", tier(`{"backpressure_cls": "EMABackpressureDetector", "policy_cls": "mine.Policy"}`), ``, []string{`tier 2: Policy is "mine.Policy", expected ThrottledDropPolicy or DropStorePolicy`}},
		{"unknown field", tier(`{"backpressure_cls": "EMABackpressureDetector", "high_water": 1}`), ``, []string{`tier 2: json: unknown field "high_water"`}},
		{"a label", `{"secondary_tiers": [{"type": "1:obj", "backpressure": {"backpressure_cls": "EMABackpressureDetector"}}]}`, ``,
			[]string{`otelkv: tiering: back-pressure for tier 1: tier "1:obj": expected a type like "fs": labels are made from types`}},
		{"no object", tier(`7`), ``, []string{"tier 2: json: cannot unmarshal number"}},
		{"environment", `{"secondary_tiers": [{"type": "fs"}]}`, `{"backpressure_cls": "EMABackpressureDetector"} {}`, []string{"tier 1: expected one JSON object"}},
		{
			"every tier", `{"backpressure": {"backpressure_cls": "EMABackpressureDetector", "alpha": 2}, "secondary_tiers": [{"type": "fs"}, {"type": "obj", "backpressure": {"low_water_s": 1, "alpha": 1}}]}`, ``,
			[]string{"tier 1: Alpha is 2, expected above 0 and at most 1", "tier 2: LowWater is 1 and HighWater is 0.02, expected 0 < LowWater <= HighWater < +Inf"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := tiering.ParseBackPressure(test.extraConfig, test.environment)
			if got != nil || err == nil {
				t.Fatalf("got %v, %v, want an error", got, err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error is\n%v\nwant one with\n%s", err, want)
				}
			}
		})
	}
}
