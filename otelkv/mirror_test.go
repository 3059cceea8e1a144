// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/otelkvtest"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestMirrors records to two engines of different media, and expects everything
// under the older names as well, both those that are always there and those that
// a user adds.
func TestMirrors(t *testing.T) {
	catalogue, err := vllm.TieringSpec().With(vllm.Retired()...)
	if err != nil {
		t.Fatal(err)
	}
	byProducerAndInstruments(t, catalogue, func(t *testing.T, recorder *otelkvtest.Recorder) {
		media := []string{"CPU", "SHARED_STORAGE"}
		for index, medium := range media {
			n := int64(index + 1)
			e := addEngine(t, recorder, index, otelkv.WithMedium(medium))
			must[otelkv.Int64Counter](t)(e.Int64Counter(vllm.LoadBytes)).Add(10 * n)
			must[otelkv.Float64Counter](t)(e.Float64Counter(vllm.StoreTime)).Add(0.5 * float64(n))
			must[otelkv.Histogram](t)(e.Histogram(vllm.LoadSize)).Record(1e6)
			must[otelkv.Int64Counter](t)(e.Int64Counter(vllm.TieringChunkQueries, "1:fs")).Add(7 * n)
			must[otelkv.Int64Counter](t)(e.Int64Counter(vllm.TieringChunkHits, "1:fs")).Add(3 * n)
		}
		collected := recorder.Collect()
		for index, medium := range media {
			n := float64(index + 1)
			of := func(label, value string) otelkvtest.Labels {
				return otelkvtest.Labels{"engine": strconv.Itoa(index), label: value}
			}
			load, store := of("transfer_type", medium+"_to_GPU"), of("transfer_type", "GPU_to_"+medium)
			for _, mirrored := range []struct {
				name      string
				got, want float64
			}{
				{"bytes loaded", collected.Value(vllm.TotalBytes, load), 10 * n},
				{"bytes stored", collected.Value(vllm.TotalBytes, store), 0},
				{"time of loads", collected.Value(vllm.TotalTime, load), 0},
				{"time of stores", collected.Value(vllm.TotalTime, store), 0.5 * n},
				{"sizes of loads", collected.Value(vllm.Size, load), 1},
				{"queries", collected.Value(vllm.TieringBlockQueries, of("tier", "1:fs")), 7 * n},
				{"hits", collected.Value(vllm.TieringBlockHits, of("tier", "1:fs")), 3 * n},
			} {
				if mirrored.got != mirrored.want {
					t.Errorf("engine %d, %s: %v, want %v", index, mirrored.name, mirrored.got, mirrored.want)
				}
			}
		}
		if err := otelkvtest.Check(catalogue, collected.ResourceMetrics); err != nil {
			t.Error(err)
		}
	})
}

// Readers of the old name and of the new one must see the same totals, also of
// what is recorded while they are collected.
func TestMirrorsMoveTogether(t *testing.T) {
	byProducerAndInstruments(t, vllm.TieringSpec(), func(t *testing.T, recorder *otelkvtest.Recorder) {
		loaded := must[otelkv.Int64Counter](t)(addEngine(t, recorder, 0).Int64Counter(vllm.LoadBytes))
		done := make(chan struct{})
		var recording sync.WaitGroup
		recording.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					loaded.Add(1)
				}
			}
		})
		for range 500 {
			got := recorder.Collect()
			mirrored := otelkvtest.Labels{"transfer_type": "CPU_to_GPU"}
			if !got.Has(vllm.LoadBytes, nil) {
				continue // nothing was recorded yet
			}
			if old, now := got.Value(vllm.TotalBytes, mirrored), got.Value(vllm.LoadBytes, nil); old != now {
				t.Errorf("one collection has %v under the old name and %v under the new one", old, now)
				break
			}
		}
		close(done)
		recording.Wait()
	})
}
