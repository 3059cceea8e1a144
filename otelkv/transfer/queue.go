package transfer

import (
	"sync"
	"time"
)

// An Event is what tells about a copy that completes later, typically a pair of
// timing events that a GPU stream records around the copy. It is reused for
// other copies once its copy has completed.
type Event interface {
	// Done reports whether the copy has completed. It must not block.
	Done() bool
	// Wait blocks until the copy has completed.
	Wait()
	// Elapsed returns how long the copy took. It is called once, after the copy
	// has completed, and not at all if the copy moved no bytes.
	Elapsed() time.Duration
}

// A Queue watches copies that complete in the order in which they were
// submitted, as those of one GPU stream do, and records each when it has
// completed. It is safe for concurrent use. Its events come from a pool.
type Queue[E Event] struct {
	recorder *Recorder
	events   pool[E]

	mu        sync.Mutex
	pending   []submission[E] // a ring of len(pending) places
	head      int
	length    int
	submitted uint64
	completed uint64
}

type submission[E Event] struct {
	item      *item[E]
	direction Direction
	bytes     int64
}

// A Lease is one use of an event of a queue's pool. It is a small value; its
// copies are the same lease. The first of [Queue.Submit] and [Queue.Release]
// ends it; the event must not be used after.
type Lease[E Event] struct {
	// Event is the event, until the lease ends.
	Event E
	lease lease[E]
}

// NewQueue returns a queue that records to r. Its pool starts with 16 events,
// made by the given function, and makes more when it is empty.
func NewQueue[E Event](r *Recorder, newEvent func() E) *Queue[E] {
	q := &Queue[E]{recorder: r, events: pool[E]{make: newEvent}, pending: make([]submission[E], poolSize)}
	q.events.fill(poolSize)
	return q
}

// Acquire takes an event from the pool.
func (q *Queue[E]) Acquire() Lease[E] {
	l := q.events.get()
	return Lease[E]{Event: l.item.value, lease: l}
}

// Release gives an event back whose copy was not launched. It reports whether
// this call ended the lease.
func (q *Queue[E]) Release(l Lease[E]) bool {
	if !l.lease.end() {
		return false
	}
	q.events.put(l.lease.item)
	return true
}

// Submit says that a copy was launched whose completion the event will tell, and
// returns the copy's index; the first is 1. A lease that has ended is refused,
// with the index 0.
func (q *Queue[E]) Submit(l Lease[E], d Direction, bytes int64) uint64 {
	if !l.lease.end() {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.length == len(q.pending) {
		q.grow()
	}
	q.pending[(q.head+q.length)%len(q.pending)] = submission[E]{item: l.lease.item, direction: d, bytes: bytes}
	q.length++
	q.submitted++
	return q.submitted
}

func (q *Queue[E]) grow() {
	larger := make([]submission[E], 2*len(q.pending))
	n := copy(larger, q.pending[q.head:])
	copy(larger[n:], q.pending[:q.head])
	q.pending, q.head = larger, 0
}

// Poll records the copies that have completed, oldest first, up to the first
// that has not, and gives their events back. It does not block. It returns the
// index up to which all copies have completed, 0 if none has.
func (q *Queue[E]) Poll() (completed uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.length > 0 && q.pending[q.head].item.value.Done() {
		q.complete()
	}
	return q.completed
}

// Flush waits for every copy that was submitted, and records them. Other calls
// on the queue wait for it. It returns the index of the last copy.
func (q *Queue[E]) Flush() (completed uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.length > 0 {
		q.pending[q.head].item.value.Wait()
		q.complete()
	}
	return q.completed
}

// Pending returns the number of copies that were submitted and have not been
// seen to complete.
func (q *Queue[E]) Pending() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length
}

// complete records the oldest copy and releases its event. Copies of no bytes
// count for the index too.
func (q *Queue[E]) complete() {
	oldest := q.pending[q.head]
	q.pending[q.head] = submission[E]{}
	q.head = (q.head + 1) % len(q.pending)
	q.length--
	q.completed++
	if oldest.bytes > 0 {
		q.recorder.Record(oldest.direction, oldest.bytes, oldest.item.value.Elapsed())
	}
	q.events.put(oldest.item)
}
