// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"github.com/otelkv/otelkv-go/internal/errorlist"
	"github.com/otelkv/otelkv-go/otelkv"
)

// A Receiver receives batches of payloads from other processes and records them. It is
// an http.Handler, and serves listeners ([Receiver.Serve]). All methods are safe for
// concurrent use.
type Receiver struct {
	recorder *otelkv.Recorder
	config   config
	counts   counts
	state    *state // nil without a state file

	// recording is held for reading while a batch is recorded, and for writing by what
	// must see all of a batch or nothing of it. Locks are taken in this order:
	// recording, a sender's, an engine's, mu.
	recording sync.RWMutex

	mu      sync.Mutex
	senders map[senderKey]*sender
	engines map[engineKey]*engine

	// running ends, under recording, when the receiver is shut down, and connected when
	// its connections must close at once.
	running, connected context.Context
	stop, disconnect   context.CancelFunc
	serving            sync.WaitGroup
}

// New returns a receiver that records to the recorder. It declares the engines that the
// recorder does not have when their first payload arrives. Shut it down to stop what
// [Receiver.Serve] and [WithEngineTimeout] started.
//
// The error joins everything that is wrong with the options and the state file.
func New(recorder *otelkv.Recorder, options ...Option) (*Receiver, error) {
	if recorder == nil {
		return nil, errors.New("otelkv: a receiver needs a recorder")
	}
	var c config
	for _, o := range options {
		o(&c)
	}
	if err := errors.Join(c.problems...); err != nil {
		return nil, fmt.Errorf("otelkv: receiver: %w", err)
	}
	r := &Receiver{
		recorder: recorder,
		config:   c,
		counts:   newCounts(recorder),
		senders:  make(map[senderKey]*sender),
		engines:  make(map[engineKey]*engine),
	}
	r.running, r.stop = context.WithCancel(context.Background())
	r.connected, r.disconnect = context.WithCancel(context.Background())
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

// Shutdown makes the receiver refuse batches, and ends [Receiver.Serve] once the batches
// in progress are answered. It waits for that until ctx is done; then it closes all
// connections and returns the context's error. It may be called again. Engines stay
// declared.
func (r *Receiver) Shutdown(ctx context.Context) error {
	r.recording.Lock()
	r.stop()
	r.recording.Unlock()
	r.mu.Lock()
	for _, e := range r.engines {
		if e.timer != nil {
			e.timer.Stop()
		}
	}
	r.mu.Unlock()
	ended := context.AfterFunc(ctx, r.disconnect)
	r.serving.Wait()
	if !ended() {
		return fmt.Errorf("otelkv: receiver: %w", context.Cause(ctx))
	}
	return nil
}

// receive decodes and records one batch. authorized says that the request had the
// token; otherwise the batch must have it.
func (r *Receiver) receive(ctx context.Context, data []byte, authorized bool) answer {
	b, err := decodeBatch(data)
	switch {
	case !authorized && !r.config.token.matches(b.token):
		return r.refuse(refusedToken, b.sequence, "expected a token")
	case err != nil:
		return r.refuse(refusedMalformed, b.sequence, "batch: %v", err)
	}
	a := r.record(ctx, b, digestOfBatch(data))
	// The batch may have been recorded before, but not saved.
	if a.status == http.StatusOK && r.state != nil {
		r.state.save(r)
	}
	return a
}

// record records the batch, unless it was recorded before.
func (r *Receiver) record(ctx context.Context, b *batch, digest uint64) answer {
	r.recording.RLock()
	defer r.recording.RUnlock()
	if r.running.Err() != nil {
		return r.refuse(refusedShutdown, b.sequence, "shutting down")
	}
	s, err := r.sender(b.senderKey)
	if err != nil {
		return r.refuse(refusedSenders, b.sequence, "%v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case b.sequence == s.Sequence && !s.isLast(digest):
		return r.refuse(refusedSequence, b.sequence, "another batch %d was taken: each sender needs its own name or run", b.sequence)
	case b.sequence == s.Sequence:
		r.counts.repeated.Add(1)
		return answer{b.sequence, http.StatusOK, fmt.Sprintf("batch %d was taken before", b.sequence)}
	case b.sequence < s.Sequence:
		return r.refuse(refusedSequence, b.sequence, "batch %d comes after batch %d: numbers must grow, and a sender that restarts needs another run",
			b.sequence, s.Sequence)
	}
	s.Sequence, s.Digest = b.sequence, digest
	r.counts.taken.Add(1)
	r.counts.droppedPayloads.Add(b.droppedPayloads)
	r.counts.droppedSamples.Add(b.droppedSamples)
	r.counts.malformedEntries.Add(int64(len(errorlist.Each(b.malformed))))
	leftOut := []error{b.malformed}
	for i := range b.records {
		leftOut = append(leftOut, r.observe(ctx, b.Sender, &b.records[i]))
	}
	message := fmt.Sprintf("batch %d: %d records", b.sequence, len(b.records))
	if err := errors.Join(leftOut...); err != nil {
		message += "\nleft out:\n" + err.Error()
	}
	return answer{b.sequence, http.StatusOK, message}
}
