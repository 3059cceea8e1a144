// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestEngineLabels(t *testing.T) {
	catalogue := schema.MustCatalogue(vllm.TieringReadBytes)
	for name, c := range map[string]struct {
		options []otelkv.Option
		want    string
	}{
		"default": {nil, `{"engine":"0","model_name":"m","tier":"1:fs"}`},
		"engine label renamed": {[]otelkv.Option{otelkv.WithEngineLabelName("engine_index"), otelkv.WithConstantLabels(attribute.String("engine", "vllm"))},
			`{"engine":"vllm","engine_index":"0","model_name":"m","tier":"1:fs"}`},
		"constant labels": {[]otelkv.Option{otelkv.WithConstantLabels(attribute.String("WorkerId", "w"), attribute.String("replica", "r"))},
			`{"WorkerId":"w","engine":"0","model_name":"m","replica":"r","tier":"1:fs"}`},
		"tier medium": {[]otelkv.Option{otelkv.WithTierMedium(nil)},
			`{"engine":"0","model_name":"m","tier":"1:fs","tier_medium":"disk"}`},
		"tier medium of one's own": {[]otelkv.Option{otelkv.WithTierMedium(func(string) otelkv.TierMedium { return otelkv.TierMediumDevice })},
			`{"engine":"0","model_name":"m","tier":"1:fs","tier_medium":"device"}`},
		"tier medium outside the set": {[]otelkv.Option{otelkv.WithTierMedium(func(string) otelkv.TierMedium { return "tape" })},
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

func TestTierMediumOf(t *testing.T) {
	for tier, want := range map[string]otelkv.TierMedium{
		"0:primary":                      otelkv.TierMediumHost,
		"1:fs":                           otelkv.TierMediumDisk,
		"2:obj":                          otelkv.TierMediumRemote,
		"3:p2p":                          otelkv.TierMediumP2P,
		"1:StripedFileSystemTierManager": otelkv.TierMediumUnknown,
		"disk":                           otelkv.TierMediumUnknown,
		"other":                          otelkv.TierMediumUnknown,
	} {
		if got := otelkv.TierMediumOf(tier); got != want {
			t.Errorf("TierMediumOf(%q) = %s, want %s", tier, got, want)
		}
	}
}

func TestNewNeedsACatalogue(t *testing.T) {
	if recorder, err := otelkv.New(nil); recorder != nil || err == nil || err.Error() != "otelkv: a recorder needs a catalogue" {
		t.Errorf("got %v and %v, want an error alone", recorder, err)
	}
}

func TestLabelsThatClash(t *testing.T) {
	ownMedium := schema.Int64Counter{Name: "x", PrometheusName: "x", Unit: "1", Description: "X.", LabelNames: []string{"tier", otelkv.LabelTierMedium}}
	constant := func(name, value string) otelkv.Option {
		return otelkv.WithConstantLabels(attribute.String(name, value))
	}
	for name, c := range map[string]struct {
		metric  schema.Metric
		options []otelkv.Option
		want    error
		text    string
	}{
		"constant and definition":    {vllm.TieringReadBytes, []otelkv.Option{constant("tier", "x")}, otelkv.ErrLabelTwice, `metric "vllm:kv_offload_tiering_read_bytes": label "tier"`},
		"constant and model name":    {vllm.LoadBytes, []otelkv.Option{constant("model_name", "x")}, otelkv.ErrLabelTwice, `engine label "model_name"`},
		"constant and engine":        {vllm.LoadBytes, []otelkv.Option{constant("engine", "x")}, otelkv.ErrLabelTwice, `engine label "engine"`},
		"constant twice":             {vllm.LoadBytes, []otelkv.Option{constant("a", "x"), constant("a", "y")}, otelkv.ErrLabelTwice, `engine label "a"`},
		"engine label is the model":  {vllm.LoadBytes, []otelkv.Option{otelkv.WithEngineLabelName("model_name")}, otelkv.ErrLabelTwice, `engine label "model_name"`},
		"engine label and a metric":  {vllm.TieringReadBytes, []otelkv.Option{otelkv.WithEngineLabelName("tier")}, otelkv.ErrLabelTwice, `label "tier"`},
		"connector label and engine": {vllm.LoadBytes, []otelkv.Option{otelkv.WithConnectorLabelName("engine")}, otelkv.ErrLabelTwice, `engine label "engine"`},
		"medium and a metric":        {ownMedium, []otelkv.Option{otelkv.WithTierMedium(nil)}, otelkv.ErrLabelTwice, `label "tier_medium"`},
		"illegal constant":           {vllm.LoadBytes, []otelkv.Option{constant("a-b", "x")}, otelkv.ErrLabelName, `engine label "a-b": bad label name: illegal`},
		"reserved constant":          {vllm.LoadBytes, []otelkv.Option{constant("le", "x")}, otelkv.ErrLabelName, "reserved"},
		"constant not UTF-8":         {vllm.LoadBytes, []otelkv.Option{constant("a", "\xff")}, otelkv.ErrLabelValues, `engine label "a"`},
		"constant of another type":   {vllm.LoadBytes, []otelkv.Option{otelkv.WithConstantLabels(attribute.Int("a", 1))}, otelkv.ErrLabelValues, "1 is no string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := otelkv.New(schema.MustCatalogue(c.metric), c.options...)
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("got %v, want one that wraps %q and says %q", err, c.want, c.text)
			}
		})
	}
}
