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
	maxSenders = 1024

	// forgetAfter is how long a sender must be silent before another may take its
	// place. It is far longer than the time between two attempts to send a batch.
	forgetAfter = time.Hour
)

// errTooManySenders says that there is no room to remember another sender. Without
// that, its batches could count twice.
var errTooManySenders = fmt.Errorf("more than %d senders in %v", maxSenders, forgetAfter)

// A senderKey identifies one run of a sender.
type senderKey struct {
	Sender string `json:"sender"`
	Run    string `json:"run,omitempty"`
}

// A sender is what the receiver remembers of one run. The JSON is that of the state
// file.
type sender struct {
	senderKey
	Seen time.Time `json:"seen"` // guarded by the receiver's mu

	mu       sync.Mutex // held while a batch of the sender is recorded
	Sequence uint64     `json:"sequence"`         // of the last batch that counted
	Digest   uint64     `json:"digest,omitempty"` // of that batch, or 0 if it is not known
}

// isLast reports whether the digest is that of the last batch, as far as it is known.
func (s *sender) isLast(digest uint64) bool { return s.Digest == digest || s.Digest == 0 }

var digestTable = crc64.MakeTable(crc64.ECMA)

// digestOfBatch tells a batch that is sent again from another with the same number.
func digestOfBatch(data []byte) uint64 { return crc64.Checksum(data, digestTable) }

// sender returns a sender, and remembers it from now on.
func (r *Receiver) sender(key senderKey) (*sender, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	s := r.senders[key]
	if s == nil {
		if len(r.senders) >= maxSenders {
			maps.DeleteFunc(r.senders, func(_ senderKey, s *sender) bool { return now.Sub(s.Seen) >= forgetAfter })
		}
		if len(r.senders) >= maxSenders {
			return nil, errTooManySenders
		}
		s = &sender{senderKey: key}
		r.senders[key] = s
		r.counts.senders.Record(int64(len(r.senders)))
	}
	s.Seen = now
	return s, nil
}
