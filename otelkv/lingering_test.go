package otelkv_test

import (
	"sync"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestLivesThatEndWhileReadersCollect: an engine comes and goes, and counts one in
// each of its lives. No collection may miss it in between, or see two of it, so
// that deltas add up to the number of lives, and on a foreign provider the total
// never falls.
func TestLivesThatEndWhileReadersCollect(t *testing.T) {
	onBothWaysOut(t, schema.MustCatalogue(vllm.LoadBytes), func(t *testing.T, recorder *otelkvtest.Recorder) {
		const lives = 1000
		var ended sync.WaitGroup
		ended.Go(func() {
			for range lives {
				engine, err := recorder.AddEngine(0, "m")
				if err != nil {
					t.Error(err)
					return
				}
				must[otelkv.Int64Counter](t)(engine.Int64Counter(vllm.LoadBytes)).Add(1)
				engine.Remove()
			}
		})
		done := make(chan struct{})
		go func() { ended.Wait(); close(done) }()
		total, deltas := 0.0, 0.0
		for last := false; !last; {
			select {
			case <-done:
				last = true
			default:
			}
			if got := recorder.Collect(); got.Has(vllm.LoadBytes, nil) {
				value := got.Value(vllm.LoadBytes, nil)
				if !onPipeline(t) && value < total {
					t.Errorf("the total fell from %v to %v", total, value)
				}
				total = value
			}
			// On a pipeline a collection tells of one life, and all of them remain.
			for got := recorder.CollectDelta(); got.Has(vllm.LoadBytes, nil); got = recorder.CollectDelta() {
				delta := got.Value(vllm.LoadBytes, nil)
				if delta < 0 {
					t.Errorf("a delta is %v", delta)
				}
				deltas += delta
				if !onPipeline(t) {
					break
				}
			}
		}
		if deltas != lives {
			t.Errorf("the deltas add up to %v, want %d", deltas, lives)
		}
	})
}
