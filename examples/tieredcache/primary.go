// SPDX-License-Identifier: Apache-2.0

package main

import "container/list"

// A PrimaryTier keeps chunks in host memory, in a fixed number of rows that are allocated
// once. It evicts the least recently used chunk that is not pinned.
//
// A PrimaryTier belongs to one engine and is not safe for concurrent use. A worker may use
// the bytes of a pinned chunk until the engine unpins it.
type PrimaryTier struct {
	rows      int
	free      [][]byte
	chunks    map[Key]*Chunk
	evictable *list.List // of *Chunk, least recently used first
	writing   int
}

// A Chunk is one row of the primary tier and its content.
type Chunk struct {
	Key      Key
	Data     []byte
	Checksum uint32 // valid once the chunk is ready

	ready   bool
	removed bool
	pins    int
	element *list.Element // in evictable; nil while pinned
}

// NewPrimaryTier returns an empty tier with rows of chunkBytes each.
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

// Lookup returns the chunk of the key, or nil. A chunk that is not ready is still being
// written. Lookup makes the chunk the most recently used one.
func (t *PrimaryTier) Lookup(key Key) (chunk *Chunk, ready bool) {
	c := t.chunks[key]
	if c == nil {
		return nil, false
	}
	if c.element != nil {
		t.evictable.MoveToBack(c.element)
	}
	return c, c.ready
}

// Allocate makes room for all keys, evicts chunks if needed, and returns the new chunks.
// They are pinned and not ready. Fill each, and call Commit or Remove for it. The keys must
// not be in the tier. If there is not enough room, Allocate changes nothing and returns
// nil.
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

// Commit makes an allocated chunk ready and removes its writer's pin.
func (t *PrimaryTier) Commit(c *Chunk, sum uint32) {
	c.ready, c.Checksum = true, sum
	t.writing--
	t.Unpin(c)
}

// Pin keeps a ready chunk in its row until a matching Unpin.
func (t *PrimaryTier) Pin(c *Chunk) {
	if c.element != nil {
		t.evictable.Remove(c.element)
		c.element = nil
	}
	c.pins++
}

// Unpin removes one pin. Without pins the chunk may be evicted.
func (t *PrimaryTier) Unpin(c *Chunk) {
	c.pins--
	switch {
	case c.pins > 0:
	case c.removed:
		t.free = append(t.free, c.Data)
	default:
		c.element = t.evictable.PushBack(c)
	}
}

// Remove removes a chunk that is evicted, whose write failed, or whose content is wrong. For
// an allocated chunk, it removes its writer's pin as well. The row of a pinned chunk becomes
// free with the last Unpin.
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
	if c.element != nil {
		t.evictable.Remove(c.element)
		c.element = nil
	}
	if c.pins == 0 {
		t.free = append(t.free, c.Data)
	}
}

// Usage is how the rows of a primary tier are used.
type Usage struct {
	Rows      int // total
	Allocated int // with a chunk, or pinned
	Evictable int // with a ready chunk that is not pinned
	Writing   int // with a chunk that is not ready
}

// Usage returns the current usage.
func (t *PrimaryTier) Usage() Usage {
	return Usage{
		Rows:      t.rows,
		Allocated: t.rows - len(t.free),
		Evictable: t.evictable.Len(),
		Writing:   t.writing,
	}
}
