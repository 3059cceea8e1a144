// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const testChunkBytes = 64

func key(n uint64) Key { return Key{}.Next(n) }

// put allocates, fills and commits the chunks of the keys.
func put(t *testing.T, tier *PrimaryTier, keys ...Key) []*Chunk {
	t.Helper()
	chunks := tier.Allocate(keys...)
	if chunks == nil {
		t.Fatalf("no room for %d chunks: %+v", len(keys), tier.Usage())
	}
	for _, c := range chunks {
		compute(c.Key, c.Data)
		tier.Commit(c, checksum(c.Data))
	}
	return chunks
}

func TestPrimaryTierEvictsLeastRecentlyUsed(t *testing.T) {
	tier := NewPrimaryTier(3, testChunkBytes)
	put(t, tier, key(1), key(2), key(3))
	tier.Lookup(key(1))
	put(t, tier, key(4))
	for n, want := range map[uint64]bool{1: true, 2: false, 3: true, 4: true} {
		if _, ready := tier.Lookup(key(n)); ready != want {
			t.Errorf("key %d is in the tier: %v, want %v", n, ready, want)
		}
	}
}

func TestPrimaryTierKeepsPinnedChunks(t *testing.T) {
	tier := NewPrimaryTier(2, testChunkBytes)
	pinned := put(t, tier, key(1), key(2))
	tier.Pin(pinned[0])
	tier.Pin(pinned[0])
	if tier.Allocate(key(3), key(4)) != nil {
		t.Fatal("allocated two rows of which one is pinned")
	}
	if got, want := tier.Usage(), (Usage{Rows: 2, Allocated: 2, Evictable: 1}); got != want {
		t.Errorf("a refused allocation left %+v, want %+v", got, want)
	}
	put(t, tier, key(3))
	if _, ready := tier.Lookup(key(1)); !ready {
		t.Error("the pinned chunk was evicted")
	}
	tier.Unpin(pinned[0])
	if tier.Allocate(key(4), key(5)) != nil {
		t.Error("one of two pins was taken back and the chunk was evicted")
	}
	tier.Unpin(pinned[0])
	put(t, tier, key(4), key(5))
}

func TestPrimaryTierUsage(t *testing.T) {
	tier := NewPrimaryTier(4, testChunkBytes)
	writing := tier.Allocate(key(1), key(2))
	steps := []struct {
		name string
		do   func()
		want Usage
	}{
		{"allocated", func() {}, Usage{Rows: 4, Allocated: 2, Writing: 2}},
		{"committed", func() { tier.Commit(writing[0], 0) }, Usage{Rows: 4, Allocated: 2, Evictable: 1, Writing: 1}},
		{"write failed", func() { tier.Remove(writing[1]) }, Usage{Rows: 4, Allocated: 1, Evictable: 1}},
		{"pinned", func() { tier.Pin(writing[0]) }, Usage{Rows: 4, Allocated: 1}},
		{"removed while pinned", func() { tier.Remove(writing[0]) }, Usage{Rows: 4, Allocated: 1}},
		{"removed again", func() { tier.Remove(writing[0]) }, Usage{Rows: 4, Allocated: 1}},
		{"unpin", func() { tier.Unpin(writing[0]) }, Usage{Rows: 4}},
	}
	for _, step := range steps {
		step.do()
		if diff := cmp.Diff(step.want, tier.Usage()); diff != "" {
			t.Errorf("%s: usage (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestPrimaryTierModel compares a tier with a plain map at random steps. A lookup returns
// what was stored under the key, pinned chunks stay, and the usage adds up.
func TestPrimaryTierModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const rows = 8
	tier := NewPrimaryTier(rows, testChunkBytes)
	stored := map[Key][]byte{}
	var writing, pinned []*Chunk
	take := func(from *[]*Chunk) *Chunk {
		i := random.IntN(len(*from))
		c := (*from)[i]
		*from = append((*from)[:i], (*from)[i+1:]...)
		return c
	}
	for range 20_000 {
		k := key(random.Uint64N(3 * rows))
		chunk, ready := tier.Lookup(k)
		switch action := random.IntN(5); {
		case action == 0 && chunk == nil:
			writing = append(writing, tier.Allocate(k)...)
		case action == 1 && len(writing) > 0:
			c := take(&writing)
			content := make([]byte, testChunkBytes)
			compute(key(random.Uint64()), content)
			copy(c.Data, content)
			stored[c.Key] = content
			tier.Commit(c, checksum(content))
		case action == 2 && ready:
			tier.Pin(chunk)
			pinned = append(pinned, chunk)
		case action == 3 && len(pinned) > 0:
			tier.Unpin(take(&pinned))
		case action == 4 && len(writing) > 0:
			tier.Remove(take(&writing))
		}
		for _, c := range pinned {
			if !bytes.Equal(c.Data, stored[c.Key]) || c.Checksum != checksum(c.Data) {
				t.Fatalf("pinned chunk %s changed", c.Key)
			}
		}
		if c, ready := tier.Lookup(k); ready && !bytes.Equal(c.Data, stored[k]) {
			t.Fatalf("chunk %s is not what was stored", k)
		}
		held := map[*Chunk]bool{}
		for _, c := range append(pinned, writing...) {
			held[c] = true
		}
		if u := tier.Usage(); u.Writing != len(writing) || u.Allocated-u.Evictable != len(held) || u.Allocated > rows {
			t.Fatalf("usage %+v with %d chunks in use, %d of them being written", u, len(held), len(writing))
		}
	}
}
