// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"sync"

	"github.com/otelkv/otelkv-go/otelkv"
)

// A Receiver takes batches of payloads from other processes and records them. It is
// an http.Handler, and serves listeners ([Receiver.Serve]). All methods are safe for
// concurrent use.
type Receiver struct {
	recorder *otelkv.Recorder
	config   config
	counts   counts
	state    *state // nil unless asked for

	// taking is held for reading while a batch is recorded. What must see all of a
	// batch or nothing of it holds it for writing. It comes before all other locks,
	// then a sender's, then an engine's, then mu.
	taking sync.RWMutex
	closed bool // guarded by taking

	mu        sync.Mutex
	senders   map[senderKey]*sender
	engines   map[engineKey]*engine
	listeners map[*listener]struct{}
	stopped   bool // that no listener is served any more
	serving   sync.WaitGroup
}

// New returns a receiver that records to the recorder. Engines that the recorder
// does not have yet are declared when a payload of theirs comes. Shut it down to
// stop what [Receiver.Serve] and [WithEngineTimeout] started.
//
// The error joins everything that is wrong with the options and with the state file.
func New(recorder *otelkv.Recorder, options ...Option) (*Receiver, error) {
	if recorder == nil {
		return nil, errors.New("otelkv: a receiver needs a recorder")
	}
	var c config
	for _, o := range options {
		o.apply(&c)
	}
	if err := errors.Join(c.problems...); err != nil {
		return nil, fmt.Errorf("otelkv: receiver: %w", err)
	}
	r := &Receiver{
		recorder:  recorder,
		config:    c,
		counts:    newCounts(recorder),
		senders:   make(map[senderKey]*sender),
		engines:   make(map[engineKey]*engine),
		listeners: make(map[*listener]struct{}),
	}
	if c.stateFile != "" {
		var err error
		if r.state, err = newState(c.stateFile, recorder); err != nil {
			return nil, err
		}
		if err := r.restore(); err != nil {
			return nil, fmt.Errorf("otelkv: state file: %w", err)
		}
	}
	return r, nil
}

// Shutdown makes the receiver refuse batches, ends [Receiver.Serve] after the batches
// at hand, and waits for that until ctx is done, when it cuts connections off and
// returns the context's error. It may be called again. Engines stay declared.
func (r *Receiver) Shutdown(ctx context.Context) error {
	r.taking.Lock()
	r.closed = true
	r.taking.Unlock()
	r.mu.Lock()
	r.stopped = true
	for l := range r.listeners {
		l.stop()
	}
	for _, e := range r.engines {
		e.stop()
	}
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		r.serving.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	for l := range r.listeners {
		l.cut()
	}
	r.mu.Unlock()
	<-done
	return fmt.Errorf("otelkv: receiver: %w", context.Cause(ctx))
}

// take decodes and records one batch. The token is what the carrier gave, if it
// carries one itself.
func (r *Receiver) take(ctx context.Context, data []byte, authorized bool) answer {
	b := batches.Get().(*batch) //nolint:forcetypeassert // Nothing else is put there.
	defer b.release()
	entries, err := b.decode(data)
	switch {
	case !authorized && !r.config.token.matches(b.token):
		return r.refuse(refusedToken, b.sequence, "a token is needed")
	case err != nil:
		return r.refuse(refusedMalformed, b.sequence, "batch: %v", err)
	}
	told, saved := r.record(ctx, b, digestOfBatch(data), entries)
	if saved {
		r.state.save(r)
	}
	return told
}

// record counts the batch, unless it did before. It reports whether there is
// something to save.
func (r *Receiver) record(ctx context.Context, b *batch, digest uint64, entries error) (told answer, changed bool) {
	r.taking.RLock()
	defer r.taking.RUnlock()
	if r.closed {
		return r.refuse(refusedClosed, b.sequence, "shutting down"), false
	}
	s, err := r.sender(senderKey{b.sender, b.run})
	if err != nil {
		return r.refuse(refusedSenders, b.sequence, "%v", err), false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case b.sequence == s.last && !s.isLast(digest):
		return r.refuse(refusedSequence, b.sequence, "another batch %d was taken: a sender needs a name or a run of its own", b.sequence), false
	case b.sequence == s.last:
		r.counts.repeated.Add(1)
		// What is saved may be older, if saving failed.
		return answer{b.sequence, statusTaken, fmt.Sprintf("batch %d was taken before", b.sequence)}, r.state != nil
	case b.sequence < s.last:
		return r.refuse(refusedSequence, b.sequence, "batch %d comes after batch %d: numbers grow, and a sender that starts again needs another run",
			b.sequence, s.last), false
	}
	s.last, s.digest = b.sequence, digest
	r.counts.taken.Add(1)
	r.counts.droppedPayloads.Add(b.droppedPayloads)
	r.counts.droppedSamples.Add(b.droppedSamples)
	r.counts.malformedEntries.Add(int64(len(each(entries))))
	bad := []error{entries}
	for i := range b.records {
		bad = append(bad, r.observe(ctx, b.sender, &b.records[i]))
	}
	told = answer{b.sequence, statusTaken, fmt.Sprintf("batch %d: %d records", b.sequence, len(b.records))}
	if err := errors.Join(bad...); err != nil {
		told.message += "\nleft out:\n" + err.Error()
	}
	return told, r.state != nil
}

// statusTaken says that the batch counted, now or before.
const statusTaken = 200

// each returns the errors that err joins.
func each(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}

// A digest stands for a token, so that the token itself is kept nowhere.
type digest [sha256.Size]byte

func digestOf(token string) digest { return sha256.Sum256([]byte(token)) }

// matches reports whether the token is the one of the digest, or none is needed.
func (d *digest) matches(token string) bool {
	if d == nil {
		return true
	}
	got := digestOf(token)
	return subtle.ConstantTimeCompare(got[:], d[:]) == 1
}
