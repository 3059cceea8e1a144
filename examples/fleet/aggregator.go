package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

const (
	maxBody    = 1 << 20 // bytes of a batch
	maxSenders = 1024    // that are remembered
	maxName    = 64      // bytes of a sender's name
	maxRecords = 256     // of a batch

	// forgetAfter is how long a sender has to be silent before another may take
	// its place. It is far longer than what passes between the retries of a batch.
	forgetAfter = time.Hour
)

// errTooManySenders says that a sender cannot be remembered, so that a batch of
// it could count twice.
var errTooManySenders = fmt.Errorf("more than %d senders in %v", maxSenders, forgetAfter)

// An aggregator takes batches from senders. Each counts once: a batch with the
// number of the sender's last one has been taken already, and is only confirmed
// again. A lower number is refused: a sender goes on only when a batch was
// confirmed, so that this one comes too late for anybody to wait for the answer,
// or from another sender of the same name.
type aggregator struct {
	recorder *otelkv.Recorder

	mu      sync.Mutex
	senders map[string]*sender
}

// A sender is what the aggregator remembers of one. Its lock is held while a
// batch of it is taken.
type sender struct {
	seen time.Time // guarded by the aggregator's lock

	mu   sync.Mutex
	last uint64 // sequence number taken
}

func newAggregator(recorder *otelkv.Recorder) *aggregator {
	return &aggregator{recorder: recorder, senders: make(map[string]*sender)}
}

// ServeHTTP takes one batch. It answers 200 once the batch has counted, also where
// single entries were bad, which the answer names; then sending it again would not
// help. 4xx says that nothing of it counted and that it is wrong, and 503 that
// nothing counted and that it may be sent again.
func (a *aggregator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sequence, err := strconv.ParseUint(r.PathValue("sequence"), 10, 64)
	if err != nil || sequence == 0 {
		http.Error(w, "fleet: expected a sequence number, from 1", http.StatusBadRequest)
		return
	}
	name := r.PathValue("sender")
	if len(name) > maxName {
		http.Error(w, fmt.Sprintf("fleet: the sender's name has %d bytes: at most %d are taken", len(name), maxName), http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "fleet: "+err.Error(), bodyStatus(err))
		return
	}
	records, bad, err := decodeBatch(body)
	if err != nil {
		http.Error(w, "fleet: "+err.Error(), http.StatusBadRequest)
		return
	}
	s, err := a.sender(name)
	if err != nil {
		http.Error(w, "fleet: "+err.Error(), http.StatusServiceUnavailable)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case sequence == s.last:
		_, _ = fmt.Fprintf(w, "batch %d was taken before\n", sequence)
		return
	case sequence < s.last:
		http.Error(w, fmt.Sprintf("fleet: batch %d comes after batch %d: numbers grow, and a sender that starts again needs a new name",
			sequence, s.last), http.StatusConflict)
		return
	}
	s.last = sequence
	for _, record := range records {
		bad = errors.Join(bad, a.recorder.Observe(r.Context(), record.engine, record.payload))
	}
	_, _ = fmt.Fprintf(w, "batch %d: %d records\n", sequence, len(records))
	if bad != nil {
		_, _ = fmt.Fprintf(w, "left out:\n%v\n", bad)
	}
}

func bodyStatus(err error) int {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

func (a *aggregator) sender(name string) (*sender, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	s := a.senders[name]
	if s == nil {
		if len(a.senders) >= maxSenders {
			maps.DeleteFunc(a.senders, func(_ string, s *sender) bool { return now.Sub(s.seen) >= forgetAfter })
		}
		if len(a.senders) >= maxSenders {
			return nil, errTooManySenders
		}
		s = &sender{}
		a.senders[name] = s
	}
	s.seen = now
	return s, nil
}

// A record is the payload of one engine.
type record struct {
	engine  int
	payload *stats.Payload
}
