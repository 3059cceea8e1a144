// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"fmt"
	"hash/crc64"
	"maps"
	"sync"
	"time"
)

const (
	maxSenders = 1024 // that are remembered

	// forgetAfter is how long a sender has to be silent before another may take
	// its place. It is far longer than what passes between the retries of a batch.
	forgetAfter = time.Hour
)

// errTooManySenders says that a sender cannot be remembered, so that a batch of
// it could count twice.
var errTooManySenders = fmt.Errorf("more than %d senders in %v", maxSenders, forgetAfter)

// A senderKey is one run of a sender.
type senderKey struct{ name, run string }

// A sender is what is remembered of one run. Its lock is held while a batch of it
// is taken.
type sender struct {
	seen time.Time // guarded by the receiver's mu

	mu     sync.Mutex
	last   uint64 // sequence number taken
	digest uint64 // of the batch of that number, or 0 where it is not known
}

// isLast reports whether a batch of the last number is the one that was taken, as
// far as is known.
func (s *sender) isLast(digest uint64) bool { return s.digest == digest || s.digest == 0 }

var digestTable = crc64.MakeTable(crc64.ECMA)

// digestOfBatch tells a batch that comes again from another one of its number.
func digestOfBatch(data []byte) uint64 { return crc64.Checksum(data, digestTable) }

// sender returns what is remembered of a sender, and remembers it.
func (r *Receiver) sender(key senderKey) (*sender, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	s := r.senders[key]
	if s == nil {
		if len(r.senders) >= maxSenders {
			maps.DeleteFunc(r.senders, func(_ senderKey, s *sender) bool { return now.Sub(s.seen) >= forgetAfter })
		}
		if len(r.senders) >= maxSenders {
			return nil, errTooManySenders
		}
		s = &sender{}
		r.senders[key] = s
		r.counts.senders.Record(int64(len(r.senders)))
	}
	s.seen = now
	return s, nil
}
