// Package requests keeps a little state for each request in flight, and never
// for more of them than a limit: a service that forgets to say that a request
// finished loses the state of its least recently used requests, not its memory.
package requests

// maxFree bounds the records that are kept for reuse.
const maxFree = 256

// A Table maps request ids to states of type S. It is not safe for concurrent
// use. With a steady number of requests it does not allocate.
type Table[S any] struct {
	limit     int
	forget    func(*S)
	records   map[string]*record[S]
	newest    *record[S]
	oldest    *record[S]
	free      *record[S]
	freeCount int
	evicted   uint64
}

type record[S any] struct {
	id           string
	state        S
	newer, older *record[S]
}

// NewTable returns a table that holds at most limit requests, which must be
// positive. The function forget, if not nil, is called with every state that
// leaves the table, by removal or by eviction.
func NewTable[S any](limit int, forget func(*S)) *Table[S] {
	return &Table[S]{limit: limit, forget: forget, records: make(map[string]*record[S])}
}

// Len returns the number of requests in the table.
func (t *Table[S]) Len() int { return len(t.records) }

// Evicted returns how many requests have made room for others.
func (t *Table[S]) Evicted() uint64 { return t.evicted }

// Get returns the state of a request, which becomes the most recently used, or
// nil if the table does not have it. The state stays valid until the request
// leaves the table.
func (t *Table[S]) Get(id string) *S {
	r := t.records[id]
	if r == nil {
		return nil
	}
	if t.newest != r {
		t.unlink(r)
		t.link(r)
	}
	return &r.state
}

// Add returns the zero state of a request that the table does not have. If the
// table is full, the least recently used request leaves it first.
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

// Oldest returns the state of the least recently used request, nil if the table
// is empty.
func (t *Table[S]) Oldest() *S {
	if t.oldest == nil {
		return nil
	}
	return &t.oldest.state
}

// EvictOldest removes the least recently used request, if there is one, and
// counts it as evicted.
func (t *Table[S]) EvictOldest() {
	if t.oldest != nil {
		t.evicted++
		t.remove(t.oldest)
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
	t.unlink(r)
	*r = record[S]{}
	if t.freeCount < maxFree {
		r.older, t.free = t.free, r
		t.freeCount++
	}
}

func (t *Table[S]) link(r *record[S]) {
	r.older = t.newest
	if t.newest != nil {
		t.newest.newer = r
	} else {
		t.oldest = r
	}
	t.newest = r
}

func (t *Table[S]) unlink(r *record[S]) {
	if r.newer != nil {
		r.newer.older = r.older
	} else {
		t.newest = r.older
	}
	if r.older != nil {
		r.older.newer = r.newer
	} else {
		t.oldest = r.newer
	}
	r.newer, r.older = nil, nil
}
