// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

// Indexes of the tiers, as in the label "tier".
const (
	primaryIndex = 0
	fileIndex    = 1
)

// A request is a request in progress.
type request struct {
	Request
	rows      [][]byte         // on the GPU, one for each key
	loaded    []bool           // whether the row has the key's chunk
	onFile    map[Key]presence // the answers of the file tier so far
	deferrals int
	scheduled bool
}

// A presence is whether a chunk is in the file tier. The zero value means that the file tier
// was not asked.
type presence int

const (
	asking presence = iota + 1
	present
	absent
)

func newRequest(r Request, rows [][]byte) *request {
	return &request{
		Request: r,
		rows:    rows,
		loaded:  make([]bool, len(rows)),
		onFile:  make(map[Key]presence),
	}
}

// schedule looks a request's chunks up. If the answer is not final, it defers the request to
// a later step. Otherwise it loads the chunks that were found.
func (e *Engine) schedule(r *request) {
	begin := time.Now()
	hits, resolved := e.lookup(r)
	elapsed := time.Since(begin)
	resolved = resolved || r.deferrals >= e.sizes.MaxDeferrals
	e.metrics.Connector.RecordLookup(r.ID, resolved, elapsed)
	if !resolved {
		for _, c := range hits {
			e.primary.Unpin(c)
		}
		r.deferrals++
		return
	}
	e.metrics.Tiering.RequestAllocated(r.ID)
	e.metrics.Scheduled(len(r.Keys), len(hits))
	r.scheduled = true
	e.load(r, hits)
}

// lookup returns the chunks of the longest prefix that is ready in the primary tier, and
// pins them. It starts promotions of chunks that only the file tier has. The answer is not
// final (resolved) during promotions, and while the file tier has not answered.
func (e *Engine) lookup(r *request) (hits []*Chunk, resolved bool) {
	var ask []Key
	var promote []*Chunk
	resolved = true
prefix:
	for _, key := range r.Keys {
		chunk, result := e.lookupPrimary(r, key)
		if result == tiering.Miss {
			result = e.lookupFile(r, key)
			switch result {
			case tiering.Retry:
				if r.onFile[key] != asking {
					ask = append(ask, key)
				}
			case tiering.Hit:
				allocated := e.primary.Allocate(key)
				if allocated == nil {
					e.metrics.Tiering.RecordPromotionAllocationFailure()
					break prefix
				}
				promote = append(promote, allocated...)
				result = tiering.HitPending
			}
		}
		switch result {
		case tiering.Miss:
			break prefix
		case tiering.Hit:
			if resolved {
				e.primary.Pin(chunk)
				hits = append(hits, chunk)
			}
		default:
			resolved = false
		}
	}
	e.ask(r, ask)
	e.promote(r, promote)
	return hits, resolved
}

func (e *Engine) lookupPrimary(r *request, key Key) (*Chunk, tiering.Result) {
	begin := time.Now()
	chunk, ready := e.primary.Lookup(key)
	result := tiering.Miss
	switch {
	case ready:
		result = tiering.Hit
	case chunk != nil:
		result = tiering.HitPending
	}
	e.metrics.Tiering.RecordLookup(r.ID, primaryIndex, chunkKey(key), result, time.Since(begin))
	return chunk, result
}

func (e *Engine) lookupFile(r *request, key Key) tiering.Result {
	begin := time.Now()
	result := tiering.Retry
	switch r.onFile[key] {
	case present:
		result = tiering.Hit
	case absent:
		result = tiering.Miss
	}
	e.metrics.Tiering.RecordLookup(r.ID, fileIndex, chunkKey(key), result, time.Since(begin))
	return result
}

func chunkKey(key Key) tiering.ChunkKey { return tiering.ChunkKeyOf(key[:]) }

// ask makes a worker look for chunks in the file tier. The request's next lookup uses the
// answer.
func (e *Engine) ask(r *request, keys []Key) {
	if len(keys) == 0 {
		return
	}
	started := e.startOnFiles(func() func() {
		found := make([]presence, len(keys))
		for i, key := range keys {
			found[i] = absent
			if e.files.Contains(key) {
				found[i] = present
			}
		}
		return func() {
			for i, key := range keys {
				r.onFile[key] = found[i]
			}
		}
	})
	if started {
		for _, key := range keys {
			r.onFile[key] = asking
		}
	}
}

// promote makes a worker read chunks from the file tier into their allocated rows.
func (e *Engine) promote(r *request, chunks []*Chunk) {
	if len(chunks) == 0 {
		return
	}
	var job *tiering.Job
	started := e.startOnFiles(func() func() {
		begin := time.Now()
		sums := make([]uint32, len(chunks))
		errs := make([]error, len(chunks))
		for i, c := range chunks {
			sums[i], errs[i] = e.files.Read(c.Key, c.Data)
		}
		elapsed := time.Since(begin)
		return func() { e.promoted(r, chunks, sums, errs, job, elapsed) }
	})
	if !started {
		for _, c := range chunks {
			e.primary.Remove(c)
		}
		return
	}
	// A later step applies the job's result, so job is set by then.
	job = e.metrics.Tiering.StartPromotion(fileIndex, len(chunks))
}

func (e *Engine) promoted(r *request, chunks []*Chunk, sums []uint32, errs []error, job *tiering.Job, elapsed time.Duration) {
	arrived := 0
	for i, c := range chunks {
		if errs[i] != nil {
			e.primary.Remove(c)
			r.onFile[c.Key] = absent
			e.readFailed(errs[i])
			continue
		}
		e.primary.Commit(c, sums[i])
		arrived++
	}
	job.SetTime(elapsed)
	if arrived == len(chunks) {
		job.Succeed()
	} else {
		job.FailPartially(arrived)
	}
}
