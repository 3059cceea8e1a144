// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// The numbers that the documentation gives.
const (
	maxConnectors      = 64
	maxLabelLength     = 1024
	defaultSeriesLimit = 1900
	removalDelay       = 2 * time.Minute
)

func TestEngineLabels(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.TieringReadBytes)
	for name, c := range map[string]struct {
		options []otelkv.Option
		want    string
	}{
		"default": {nil, `{"engine":"0","model_name":"m","tier":"1:fs"}`},
		"engine label renamed": {[]otelkv.Option{otelkv.WithLabelNames(otelkv.LabelNames{Engine: "engine_index"}), otelkv.WithConstantLabels(attribute.String("engine", "vllm"))},
			`{"engine":"vllm","engine_index":"0","model_name":"m","tier":"1:fs"}`},
		"constant labels": {[]otelkv.Option{otelkv.WithConstantLabels(attribute.String("WorkerId", "w"), attribute.String("replica", "r"))},
			`{"WorkerId":"w","engine":"0","model_name":"m","replica":"r","tier":"1:fs"}`},
		"tier medium": {[]otelkv.Option{otelkv.WithTierMedium(nil)},
			`{"engine":"0","model_name":"m","tier":"1:fs","tier_medium":"disk"}`},
		"tier medium of one's own": {[]otelkv.Option{otelkv.WithTierMedium(func(string) string { return "device" })},
			`{"engine":"0","model_name":"m","tier":"1:fs","tier_medium":"device"}`},
		"engine label alone": {[]otelkv.Option{otelkv.WithLabelNames(otelkv.LabelNames{Source: "host"}), otelkv.WithLabelNames(otelkv.LabelNames{Model: "-", Source: "-"})},
			`{"engine":"0","tier":"1:fs"}`},
		"tier medium outside the set": {[]otelkv.Option{otelkv.WithTierMedium(func(string) string { return "tape" })},
			`{"engine":"0","model_name":"m","tier":"1:fs","tier_medium":"unknown"}`},
	} {
		t.Run(name, func(t *testing.T) {
			byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
				engine := addEngine(t, recorder, 0)
				must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, "1:fs")).Add(7)
				want := []string{"vllm:kv_offload_tiering_read_bytes" + c.want + " 7"}
				if diff := cmp.Diff(want, shown(recorder.Collect(), catalogue)); diff != "" {
					t.Errorf("series (-want +got):\n%s", diff)
				}
			}, c.options...)
		})
	}
}

func TestTierMediumIsOnlyBesideATier(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.LoadBytes)
	recorder := otelkvtest.NewRecorder(t, catalogue, otelkv.WithTierMedium(nil))
	must[otelkv.Int64Counter](t)(addEngine(t, recorder, 0).Int64Counter(vllm.LoadBytes)).Add(1)
	want := []string{`vllm:kv_offload_load_bytes{"engine":"0","model_name":"m"} 1`}
	if diff := cmp.Diff(want, shown(recorder.Collect(), catalogue)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

func TestTierMediumOfAType(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.TieringReadBytes)
	recorder := otelkvtest.NewRecorder(t, catalogue, otelkv.WithTierMedium(func(string) string { return "" }))
	engine := addEngine(t, recorder, 0)
	for tier, want := range map[string]string{
		"0:primary":                      "host",
		"1:fs":                           "disk",
		"2:obj":                          "remote",
		"3:p2p":                          "p2p",
		"1:StripedFileSystemTierManager": "unknown",
		"disk":                           "unknown",
		"other":                          "unknown",
	} {
		must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.TieringReadBytes, tier)).Add(1)
		got, _ := recorder.Collect().Select(vllm.TieringReadBytes, otelkvtest.Labels{"tier": tier})[0].Attributes.Value("tier_medium")
		if got.AsString() != want {
			t.Errorf("the medium of %q is %s, want %s", tier, got.AsString(), want)
		}
	}
}

func TestNewNeedsACatalogue(t *testing.T) {
	if recorder, err := otelkv.New(nil); recorder != nil || err == nil || err.Error() != "otelkv: a recorder needs a catalogue" {
		t.Errorf("got %v and %v, want an error alone", recorder, err)
	}
}

func TestLabelsThatClash(t *testing.T) {
	ownMedium := schema.Int64Counter{Name: "x", PrometheusName: "x", Unit: "1", Description: "X.", LabelNames: []string{"tier", "tier_medium"}}
	constant := func(name, value string) otelkv.Option {
		return otelkv.WithConstantLabels(attribute.String(name, value))
	}
	for name, c := range map[string]struct {
		metric  schema.Metric
		options []otelkv.Option
		reason  string
		text    string
	}{
		"constant and definition":    {vllm.TieringReadBytes, []otelkv.Option{constant("tier", "x")}, "label name used twice", `metric "vllm:kv_offload_tiering_read_bytes": label "tier"`},
		"constant and model name":    {vllm.LoadBytes, []otelkv.Option{constant("model_name", "x")}, "label name used twice", `engine label "model_name"`},
		"constant and engine":        {vllm.LoadBytes, []otelkv.Option{constant("engine", "x")}, "label name used twice", `engine label "engine"`},
		"constant twice":             {vllm.LoadBytes, []otelkv.Option{constant("a", "x"), constant("a", "y")}, "label name used twice", `engine label "a"`},
		"engine label is the model":  {vllm.LoadBytes, []otelkv.Option{otelkv.WithLabelNames(otelkv.LabelNames{Engine: "model_name"})}, "label name used twice", `engine label "model_name"`},
		"engine label and a metric":  {vllm.TieringReadBytes, []otelkv.Option{otelkv.WithLabelNames(otelkv.LabelNames{Engine: "tier"})}, "label name used twice", `label "tier"`},
		"connector label and engine": {vllm.LoadBytes, []otelkv.Option{otelkv.WithLabelNames(otelkv.LabelNames{Connector: "engine"})}, "label name used twice", `engine label "engine"`},
		"medium and a metric":        {ownMedium, []otelkv.Option{otelkv.WithTierMedium(nil)}, "label name used twice", `label "tier_medium"`},
		"illegal constant":           {vllm.LoadBytes, []otelkv.Option{constant("a-b", "x")}, "bad label name", `engine label "a-b": bad label name: illegal`},
		"reserved constant":          {vllm.LoadBytes, []otelkv.Option{constant("le", "x")}, "bad label name", "reserved"},
		"constant not UTF-8":         {vllm.LoadBytes, []otelkv.Option{constant("a", "\xff")}, "bad label values", `engine label "a"`},
		"constant of another type":   {vllm.LoadBytes, []otelkv.Option{otelkv.WithConstantLabels(attribute.Int("a", 1))}, "bad label values", "1 is no string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := otelkv.New(schema.MustCatalogue(c.metric), c.options...)
			if err == nil || !strings.Contains(err.Error(), c.reason) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want one that says %q and %q", err, c.reason, c.text)
			}
		})
	}
}
