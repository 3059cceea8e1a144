package otelkv_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
	"github.com/otelkv/otelkv-go/otelkv/transfer"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestTrackersPassContexts holds that what a tracker measures for a request becomes an
// exemplar of the request's span.
func TestTrackersPassContexts(t *testing.T) {
	recorder, err := otelkv.New(vllm.TieringSpec())
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m", otelkv.WithTiers("1:fs"))
	if err != nil {
		t.Fatal(err)
	}
	producer := newProducer(t, recorder)
	copies := must[*transfer.Recorder](t)(transfer.NewRecorder(transfer.WithBinder(engine.Binder())))
	lookups := must[*connector.Tracker](t)(connector.NewTracker(connector.WithBinder(engine.Binder())))
	tiers := must[*tiering.Tracker](t)(tiering.NewTracker(tiering.Config{SecondaryTiers: []string{"fs"}}, tiering.WithBinder(engine.Binder())))
	measure := func(ctx context.Context) {
		copies.RecordContext(ctx, transfer.Store, 4096, 250*time.Millisecond)
		copies.Start(transfer.Load).EndContext(ctx, 0)
		lookups.RecordLookupContext(ctx, "a", connector.Resolved, 500*time.Millisecond)
		tiers.RecordLookupContext(ctx, "a", 1, 1, tiering.Miss, 125*time.Millisecond)
		tiers.RequestFinished("a")
	}
	measure(t.Context())
	if got := exemplarsIn(t, producer); got != nil {
		t.Errorf("without a span there are %q", got)
	}
	measure(withSpan(t.Context(), 7, trace.FlagsSampled))
	want := []string{
		"vllm.kv_offload.tiering.lookup_sync_delay_seconds 7 0.125 ",
		"vllm.kv_offload.store_bytes 7 4096 ", "vllm.kv_offload.store_time 7 0.25 ", "vllm.kv_offload.store_size 7 4096 ",
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
