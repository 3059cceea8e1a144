// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestTrackersPassContexts holds that what a tracker measures for a request becomes an
// exemplar of the request's span.
func TestTrackersPassContexts(t *testing.T) {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m", otelkv.WithTiers("fs"))
	if err != nil {
		t.Fatal(err)
	}
	producer := newProducer(t, recorder)
	trackers := must[*otelkv.Trackers](t)(engine.Trackers(tiering.Config{}))
	measure := func(ctx context.Context) {
		trackers.Transfers.RecordContext(ctx, connector.Store, 4096, 250*time.Millisecond)
		timer := trackers.Transfers.Start(connector.Load)
		timer.EndContext(ctx, 1)
		trackers.Connector.RecordLookupContext(ctx, "a", true, 500*time.Millisecond)
		trackers.Tiering.RecordLookupContext(ctx, "a", 1, 1, tiering.Miss, 125*time.Millisecond)
		trackers.Tiering.RequestFinished("a")
	}
	measure(t.Context())
	if got := exemplarsIn(t, producer); got != nil {
		t.Errorf("without a span there are %q", got)
	}
	measure(withSpan(t.Context(), 7, trace.FlagsSampled))
	want := []string{
		"vllm.kv_offload.tiering.lookup_sync_delay_seconds 7 0.125 ",
		"vllm.kv_offload.store_bytes 7 4096 ", "vllm.kv_offload.store_time 7 0.25 ", "vllm.kv_offload.store_size 7 4096 ",
		"vllm.kv_offload.load_bytes 7 1 ",
		"vllm.kv_offload.lookup_sync_delay_seconds 7 0.5 ",
	}
	got := make(map[string]bool)
	for _, e := range exemplarsIn(t, producer) {
		got[e] = true
	}
	missing := map[string]bool{}
	for _, e := range want {
		if !got[e] {
			missing[e] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{}, missing); diff != "" {
		t.Errorf("exemplars that are missing of %v:\n%s", got, diff)
	}
}

// TestTrackersOfAnEngine holds that the trackers record to the engine's series, under
// the labels of the tiers that it declared, or fill payloads.
func TestTrackersOfAnEngine(t *testing.T) {
	use := func(trackers *otelkv.Trackers) {
		trackers.Transfers.Record(connector.Load, 4096, time.Millisecond)
		trackers.Connector.RecordAllocationFailure()
		trackers.Pool.RecordAllocation(3)
		trackers.Tiering.StartCascade(2, 3).Succeed()
	}
	config := tiering.Config{PrimaryChunks: 8, ChunkSize: 16, StoreThreshold: 2,
		BackPressure: map[int]tiering.BackPressure{2: tiering.DefaultBackPressure("obj", "")}}
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	engine := addEngine(t, recorder, 0, otelkv.WithTiers("fs", "obj"))
	use(must[*otelkv.Trackers](t)(engine.Trackers(config)))
	got := recorder.Collect()
	for name, c := range map[string]struct{ got, want float64 }{
		"load bytes":          {got.Value(vllm.LoadBytes, nil), 4096},
		"allocation failures": {got.Value(vllm.AllocationFailure, nil), 1},
		"allocation size":     {got.Point(vllm.CPUAllocationSize, nil).Sum, 3},
		"cascade":             {got.Value(vllm.TieringWriteBytes, tierLabels("0", "2:obj")), 48},
	} {
		if c.got != c.want {
			t.Errorf("%s is %v, want %v", name, c.got, c.want)
		}
	}

	config.SecondaryTiers = []string{"fs", "obj"}
	filling := must[*otelkv.Trackers](t)(engine.Trackers(config, connector.WithBinder(nil)))
	use(filling)
	if filling.Transfers.Take() == nil || filling.Connector.Take() == nil || filling.Pool.Take() == nil || filling.Tiering.Take() == nil {
		t.Error("a tracker without a binder gave no payload")
	}

	cpu := addEngine(t, otelkvtest.NewRecorder(t, vllm.CPUSpec(0)), 0)
	if trackers := must[*otelkv.Trackers](t)(cpu.Trackers(tiering.Config{})); trackers.Tiering != nil {
		t.Error("there is a tracker of tiers, of which the catalogue knows nothing")
	}
}

func TestTrackersErrors(t *testing.T) {
	for name, c := range map[string]struct {
		catalogue *schema.Catalogue
		tiers     []string
		config    tiering.Config
		is        error
		text      string
	}{
		"other tiers": {vllm.TieringSpec(), []string{"fs"}, tiering.Config{SecondaryTiers: []string{"obj"}}, otelkv.ErrLabelValues,
			`otelkv: engine 0: bad label values: secondary tiers ["obj"] are not the engine's ["fs"]`},
		"tiers without a catalogue of tiers": {vllm.CPUSpec(0), []string{"fs"}, tiering.Config{}, otelkv.ErrUnknownMetric,
			`otelkv: metric "vllm:kv_offload_tiering_chunk_queries": labels ["0:primary"]: not in the catalogue: it is in vllm.TieringSpec()`},
		"a threshold": {vllm.CPUSpec(0), nil, tiering.Config{StoreThreshold: 2}, otelkv.ErrUnknownMetric,
			`otelkv: metric "vllm:kv_offload_stores_skipped": not in the catalogue: it is in vllm.CPUSpec(2), vllm.TieringSpec()`},
		"another connector": {vllm.SimpleCPUSpec(), nil, tiering.Config{}, otelkv.ErrUnknownMetric,
			`otelkv: metric "vllm:kv_offload_load_bytes": not in the catalogue: it is in vllm.CPUSpec(2), vllm.TieringSpec(), vllm.SimpleCPUPoolSpec()`},
		"config": {vllm.TieringSpec(), []string{"fs"}, tiering.Config{ChunkSize: -1}, nil, `ChunkSize is -1`},
	} {
		t.Run(name, func(t *testing.T) {
			engine := addEngine(t, otelkvtest.NewRecorder(t, c.catalogue), 0, otelkv.WithTiers(c.tiers...))
			trackers, err := engine.Trackers(c.config)
			if trackers != nil || err == nil || c.is != nil && !errors.Is(err, c.is) || strings.Count(err.Error(), c.text) != 1 {
				t.Errorf("got %v, %v, want an error that says once\n%s", trackers, err, c.text)
			}
		})
	}
}

// TestTiersAreDeclaredByType holds that types and labels are not taken for each other.
func TestTiersAreDeclaredByType(t *testing.T) {
	recorder := otelkvtest.NewRecorder(t, vllm.TieringSpec())
	label := `bad label values: tier "1:fs": expected a type like "fs": labels are made from types`
	if _, err := recorder.AddEngine(0, "m", otelkv.WithTiers("1:fs", "obj")); !errors.Is(err, otelkv.ErrLabelValues) || !strings.Contains(err.Error(), label) {
		t.Errorf("AddEngine returned %v, want an error that says %s", err, label)
	}
	engine := addEngine(t, recorder, 0, otelkv.WithTiers("fs"))
	if err := engine.AddTiers("1:fs"); !errors.Is(err, otelkv.ErrLabelValues) || !strings.Contains(err.Error(), label) {
		t.Errorf("AddTiers returned %v, want an error that says %s", err, label)
	}
	want := `otelkv: engine 0: bad label values: tier "fs": expected a label like "1:fs"`
	if err := engine.RemoveTier("fs"); !errors.Is(err, otelkv.ErrLabelValues) || err.Error() != want {
		t.Errorf("RemoveTier returned %v, want %s", err, want)
	}
	tiers := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(append([]string{otelkv.PrimaryTier}, want...), engine.Tiers()); diff != "" {
			t.Errorf("tiers (-want +got):\n%s", diff)
		}
	}
	add := func(types ...string) {
		t.Helper()
		if err := engine.AddTiers(types...); err != nil {
			t.Fatal(err)
		}
	}
	tiers("1:fs")
	add("obj", "fs")
	tiers("1:fs", "2:obj", "3:fs")
	if err := errors.Join(engine.RemoveTier("2:obj"), engine.RemoveTier("3:fs"), engine.RemoveTier("1:fs"), engine.RemoveTier(otelkv.Other)); err != nil {
		t.Fatal(err)
	}
	tiers()
	add("obj", "fs")
	tiers("1:fs", "2:obj")
	add("obj", "fs")
	tiers("1:fs", "2:obj", "3:fs", "4:obj")
}
