// SPDX-License-Identifier: Apache-2.0

// Package requests keeps a little state for each request in progress, for a limited number
// of requests. A service that forgets to say that requests finished loses the state of the
// least recently used ones, and does not run out of memory.
package requests

// maxFree bounds the records that are kept for reuse.
const maxFree = 256

// A Table maps request ids to states of type S. It is not safe for concurrent use. With a
// steady number of requests it does not allocate.
type Table[S any] struct {
	limit     int
	forget    func(*S)
	records   map[string]*record[S]
	ring      record[S] // of no request; its older is the newest, its newer the oldest
	free      *record[S]
	freeCount int
	evicted   uint64
}

type record[S any] struct {
	id           string
	state        S
	newer, older *record[S]
}

// NewTable returns a table of at most limit requests, which must be positive. The function
// forget, if not nil, is called with every state that leaves the table, by removal or by
// eviction.
func NewTable[S any](limit int, forget func(*S)) *Table[S] {
	t := &Table[S]{limit: limit, forget: forget, records: make(map[string]*record[S])}
	t.ring.newer, t.ring.older = &t.ring, &t.ring
	return t
}

// Len returns the number of requests in the table.
func (t *Table[S]) Len() int { return len(t.records) }

// Evicted returns how many requests were evicted.
func (t *Table[S]) Evicted() uint64 { return t.evicted }

// Get returns the state of a request, which becomes the most recently used, or nil if the
// table does not have it. The state is valid until the request leaves the table.
func (t *Table[S]) Get(id string) *S {
	r := t.records[id]
	if r == nil {
		return nil
	}
	r.unlink()
	t.link(r)
	return &r.state
}

// Add adds a request that the table does not have, and returns its zero state. If the table
// is full, the least recently used request is evicted first.
func (t *Table[S]) Add(id string) *S {
	if len(t.records) >= t.limit {
		t.EvictOldest()
	}
	r := t.free
	if r == nil {
		r = new(record[S])
	} else {
		t.free, r.older = r.older, nil
		t.freeCount--
	}
	r.id = id
	t.records[id] = r
	t.link(r)
	return &r.state
}

// Oldest returns the state of the least recently used request, or nil if the table is
// empty.
func (t *Table[S]) Oldest() *S {
	if t.ring.newer == &t.ring {
		return nil
	}
	return &t.ring.newer.state
}

// EvictOldest removes the least recently used request, if there is one, and counts it as
// evicted.
func (t *Table[S]) EvictOldest() {
	if oldest := t.ring.newer; oldest != &t.ring {
		t.evicted++
		t.remove(oldest)
	}
}

// Remove removes a request. It does nothing if the table does not have it.
func (t *Table[S]) Remove(id string) {
	if r := t.records[id]; r != nil {
		t.remove(r)
	}
}

func (t *Table[S]) remove(r *record[S]) {
	if t.forget != nil {
		t.forget(&r.state)
	}
	delete(t.records, r.id)
	r.unlink()
	*r = record[S]{}
	if t.freeCount < maxFree {
		r.older, t.free = t.free, r
		t.freeCount++
	}
}

// link makes a record the newest.
func (t *Table[S]) link(r *record[S]) {
	r.newer, r.older = &t.ring, t.ring.older
	r.older.newer, t.ring.older = r, r
}

func (r *record[S]) unlink() {
	r.newer.older, r.older.newer = r.older, r.newer
}
