// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testWorkload() Workload {
	return Workload{
		Rate:       100,
		Families:   8,
		Popularity: 1.2,
		Prefix:     Range{2, 6},
		Suffix:     Range{1, 3},
	}
}

func requests(seed uint64, engine, n int) []Request {
	g := NewGenerator(testWorkload(), seed, engine)
	generated := make([]Request, n)
	for i := range generated {
		generated[i] = g.Next()
	}
	return generated
}

func TestGeneratorDependsOnSeedAndEngine(t *testing.T) {
	want := requests(7, 0, 10)
	if diff := cmp.Diff(want, requests(7, 0, 10)); diff != "" {
		t.Errorf("same seed and engine (-first +second):\n%s", diff)
	}
	if cmp.Equal(want, requests(8, 0, 10)) {
		t.Error("seeds 7 and 8 give the same requests")
	}
	if cmp.Equal(want, requests(7, 1, 10)) {
		t.Error("engines 0 and 1 give the same requests")
	}
}

func TestGeneratorSharesPrefixes(t *testing.T) {
	const n = 2000
	uses := map[Key]int{}
	var gaps time.Duration
	for engine := range 2 {
		for _, r := range requests(7, engine, n) {
			if len(r.Keys) < 3 || len(r.Keys) > testWorkload().MaxChunks() {
				t.Fatalf("request of %d chunks", len(r.Keys))
			}
			uses[r.Keys[0]]++
			gaps += r.Gap
		}
	}
	if len(uses) != 8 {
		t.Errorf("%d different first chunks, want one a family: 8", len(uses))
	}
	most := 0
	for _, count := range uses {
		most = max(most, count)
	}
	// Zipf with exponent 1.2 over 8 families gives the first one about 43 %.
	if share := float64(most) / (2 * n); share < 0.35 || share > 0.5 {
		t.Errorf("the most popular prefix begins %.0f %% of the requests", 100*share)
	}
	if mean := gaps.Seconds() / (2 * n); mean < 0.009 || mean > 0.011 {
		t.Errorf("requests come %.4f s apart on average, want 0.01 s", mean)
	}
}
