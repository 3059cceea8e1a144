// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTable drives a table with random calls against a slice of ids, the least
// recently used first.
func TestTable(t *testing.T) {
	type state struct{ id string }
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		var forgotten []string
		table := NewTable(5, func(s *state) { forgotten = append(forgotten, s.id) })
		var order, gone []string
		var evicted uint64
		drop := func(i int) {
			gone = append(gone, order[i])
			order = slices.Delete(order, i, i+1)
		}
		for range 500 {
			id := fmt.Sprint("r", r.IntN(9))
			at := slices.Index(order, id)
			switch event := r.IntN(8); {
			case event == 0:
				table.Remove(id)
				if at >= 0 {
					drop(at)
				}
			case event == 1:
				table.EvictOldest()
				if len(order) > 0 {
					drop(0)
					evicted++
				}
			case at >= 0:
				if s := table.Get(id); s == nil || s.id != id {
					t.Fatalf("seed %d: Get(%q) returned %v", seed, id, s)
				}
				order = append(slices.Delete(order, at, at+1), id)
			default:
				if s := table.Get(id); s != nil {
					t.Fatalf("seed %d: Get(%q) returned %v, want nil", seed, id, s)
				}
				if len(order) == 5 {
					drop(0)
					evicted++
				}
				s := table.Add(id)
				if *s != (state{}) {
					t.Fatalf("seed %d: Add(%q) returned %v, want a zero state", seed, id, s)
				}
				s.id = id
				order = append(order, id)
			}
			if table.Len() != len(order) || table.Evicted() != evicted || !slices.Equal(forgotten, gone) {
				t.Fatalf("seed %d: %d requests, %d evicted, forgotten %v; want %d, %d, %v",
					seed, table.Len(), table.Evicted(), forgotten, len(order), evicted, gone)
			}
			if oldest := table.Oldest(); (oldest == nil) != (len(order) == 0) || oldest != nil && oldest.id != order[0] {
				t.Fatalf("seed %d: oldest is %v, want the first of %v", seed, oldest, order)
			}
		}
	}
}

func TestTableReusesRecords(t *testing.T) {
	table := NewTable[int](4, nil)
	turn := func() {
		*table.Add("a")++
		table.Remove("a")
	}
	for range 2 * maxFree {
		turn()
	}
	if n := testing.AllocsPerRun(100, turn); n != 0 {
		t.Errorf("a request allocates %v times, want 0", n)
	}
}

// TestTableKeepsFewRecords holds that a burst of requests is not kept for ever.
func TestTableKeepsFewRecords(t *testing.T) {
	const burst = 4 * maxFree
	table := NewTable[int](burst, nil)
	for i := range burst {
		table.Add(fmt.Sprint(i))
	}
	for i := range burst {
		table.Remove(fmt.Sprint(i))
	}
	kept := 0
	for r := table.free; r != nil; r = r.older {
		kept++
	}
	if kept != maxFree || table.freeCount != maxFree {
		t.Errorf("%d records are kept and %d counted, want %d", kept, table.freeCount, maxFree)
	}
}
