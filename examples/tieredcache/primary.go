// SPDX-License-Identifier: Apache-2.0

package main

import "container/list"

// PrimaryTier keeps chunks in host memory, in a fixed number of rows that are
// allocated once. A chunk that nobody uses may be evicted, the least recently
// used one first.
//
// A PrimaryTier belongs to one engine and is not safe for concurrent use. The
// bytes of a pinned chunk may be handed to a worker: nothing else touches them
// until the engine takes the pin back.
type PrimaryTier struct {
	rows      int
	free      [][]byte
	chunks    map[Key]*Chunk
	evictable *list.List // of *Chunk, least recently used first
	writing   int
}

// A Chunk is one row of the primary tier and what it holds.
type Chunk struct {
	Key      Key
	Data     []byte
	Checksum uint32 // valid once the chunk is ready

	ready   bool
	removed bool
	pins    int
	place   *list.Element // in evictable, nil while pinned
}

// NewPrimaryTier returns an empty tier of the given number of rows, each of
// chunkBytes.
func NewPrimaryTier(rows, chunkBytes int) *PrimaryTier {
	memory := make([]byte, rows*chunkBytes)
	t := &PrimaryTier{
		rows:      rows,
		free:      make([][]byte, 0, rows),
		chunks:    make(map[Key]*Chunk, rows),
		evictable: list.New(),
	}
	for row := range rows {
		begin, end := row*chunkBytes, (row+1)*chunkBytes
		t.free = append(t.free, memory[begin:end:end])
	}
	return t
}

// Lookup returns the chunk of the key, or nil. A chunk that is not ready is
// still being written. A lookup makes the chunk the most recently used one.
func (t *PrimaryTier) Lookup(key Key) (chunk *Chunk, ready bool) {
	c := t.chunks[key]
	if c == nil {
		return nil, false
	}
	if c.place != nil {
		t.evictable.MoveToBack(c.place)
	}
	return c, c.ready
}

// Allocate makes room for all keys, evicting where it must, and returns their
// chunks: pinned, not ready, to be filled and then given to Commit or Remove.
// The keys must not be in the tier. Where there is not room for all it changes
// nothing and returns nil.
func (t *PrimaryTier) Allocate(keys ...Key) []*Chunk {
	if len(keys) > len(t.free)+t.evictable.Len() {
		return nil
	}
	for len(t.free) < len(keys) {
		t.Remove(t.evictable.Front().Value.(*Chunk))
	}
	allocated := make([]*Chunk, len(keys))
	for i, key := range keys {
		last := len(t.free) - 1
		c := &Chunk{Key: key, Data: t.free[last], pins: 1}
		t.free = t.free[:last]
		t.chunks[key] = c
		allocated[i] = c
	}
	t.writing += len(keys)
	return allocated
}

// Commit makes an allocated chunk ready and takes its writer's pin back.
func (t *PrimaryTier) Commit(c *Chunk, sum uint32) {
	c.ready, c.Checksum = true, sum
	t.writing--
	t.Unpin(c)
}

// Pin keeps a ready chunk in its row until a matching Unpin.
func (t *PrimaryTier) Pin(c *Chunk) {
	if c.place != nil {
		t.evictable.Remove(c.place)
		c.place = nil
	}
	c.pins++
}

// Unpin takes one pin back. After the last one the chunk may be evicted.
func (t *PrimaryTier) Unpin(c *Chunk) {
	c.pins--
	switch {
	case c.pins > 0:
	case c.removed:
		t.free = append(t.free, c.Data)
	default:
		c.place = t.evictable.PushBack(c)
	}
}

// Remove forgets a chunk: one that is evicted, one whose write failed, or one
// whose content is wrong. Removing an allocated chunk takes its writer's pin
// back. The row of a chunk that others have pinned becomes free when they let go.
func (t *PrimaryTier) Remove(c *Chunk) {
	if c.removed {
		return
	}
	c.removed = true
	delete(t.chunks, c.Key)
	if !c.ready {
		t.writing--
		c.pins--
	}
	if c.place != nil {
		t.evictable.Remove(c.place)
		c.place = nil
	}
	if c.pins == 0 {
		t.free = append(t.free, c.Data)
	}
}

// Usage says how the rows of a primary tier are used.
type Usage struct {
	Rows      int // in all
	Allocated int // holding a chunk, or pinned
	Evictable int // holding a ready chunk that nobody uses
	Writing   int // holding a chunk that is not ready yet
}

// Usage returns the tier's present usage.
func (t *PrimaryTier) Usage() Usage {
	return Usage{
		Rows:      t.rows,
		Allocated: t.rows - len(t.free),
		Evictable: t.evictable.Len(),
		Writing:   t.writing,
	}
}
