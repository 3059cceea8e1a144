// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/otelkv/otelkv-go/otelkv/connector"
	"github.com/otelkv/otelkv-go/otelkv/tiering"
)

// load copies the chunks that were found to the first rows of a request. They are pinned.
func (e *Engine) load(r *request, hits []*Chunk) {
	if len(hits) == 0 {
		e.prefill(r)
		return
	}
	e.startOnGPU(func() func() {
		timer := e.metrics.Transfers.Start(connector.Load)
		bytes := 0
		for i, c := range hits {
			bytes += copy(r.rows[i], c.Data)
		}
		timer.End(int64(bytes))
		for i, c := range hits {
			if r.loaded[i] = checksum(r.rows[i]) == c.Checksum; r.loaded[i] {
				e.served(c.Key, r.rows[i])
			}
		}
		return func() { e.loadEnded(r, hits) }
	})
}

func (e *Engine) loadEnded(r *request, hits []*Chunk) {
	for i, c := range hits {
		if !r.loaded[i] {
			e.log.Error("not serving a chunk that changed in memory", "chunk", c.Key)
			e.metrics.CorruptInPrimary.Add(1)
			e.corrupt++
			e.primary.Remove(c)
		}
		e.primary.Unpin(c)
	}
	e.prefill(r)
}

// prefill computes what was not loaded, and stores it if the primary tier has room.
func (e *Engine) prefill(r *request) {
	rows, chunks := e.prepareStore(r)
	e.startOnGPU(func() func() {
		for i, key := range r.Keys {
			if !r.loaded[i] {
				compute(key, r.rows[i])
			}
		}
		sums := make([]uint32, len(rows))
		for i, row := range rows {
			sums[i] = checksum(row)
		}
		timer := e.metrics.Transfers.Start(connector.Store)
		bytes := 0
		for i, c := range chunks {
			bytes += copy(c.Data, rows[i])
		}
		timer.End(int64(bytes))
		return func() { e.storeEnded(r, chunks, sums) }
	})
}

// prepareStore returns the rows to store and the chunks allocated for them. These are the
// rows that were not loaded and that the primary tier does not have now.
func (e *Engine) prepareStore(r *request) (rows [][]byte, chunks []*Chunk) {
	var keys []Key
	for i, key := range r.Keys {
		if chunk, _ := e.primary.Lookup(key); chunk == nil && !r.loaded[i] {
			rows = append(rows, r.rows[i])
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, nil
	}
	e.metrics.Pool.RecordAllocation(len(keys))
	chunks = e.primary.Allocate(keys...)
	if chunks == nil {
		e.metrics.Connector.RecordAllocationFailure()
		return nil, nil
	}
	return rows, chunks
}

func (e *Engine) storeEnded(r *request, chunks []*Chunk, sums []uint32) {
	for i, c := range chunks {
		e.primary.Commit(c, sums[i])
	}
	e.cascade(chunks)
	e.finish(r)
}

func (e *Engine) finish(r *request) {
	e.gpu.Free(r.rows)
	e.metrics.Connector.RequestFinished(r.ID)
	e.metrics.Tiering.RequestFinished(r.ID)
	e.requests = slices.DeleteFunc(e.requests, func(other *request) bool { return other == r })
}

// cascade makes a worker write chunks to the file tier, unless the tier is too slow.
func (e *Engine) cascade(chunks []*Chunk) {
	if len(chunks) == 0 || !e.metrics.Tiering.AdmitStore(fileIndex, len(chunks)) {
		return
	}
	for _, c := range chunks {
		e.primary.Pin(c)
	}
	var job *tiering.Job
	started := e.startOnFiles(func() func() {
		begin := time.Now()
		written, err := 0, error(nil)
		for i := 0; i < len(chunks) && err == nil; i++ {
			var n int
			n, err = e.files.Write(chunks[i].Key, chunks[i].Data, chunks[i].Checksum)
			written += n
		}
		elapsed := time.Since(begin)
		return func() { e.cascadeEnded(chunks, job, written, elapsed, err) }
	})
	if !started {
		e.metrics.Tiering.RecordDroppedStore(fileIndex, len(chunks))
		for _, c := range chunks {
			e.primary.Unpin(c)
		}
		return
	}
	// A later step applies the job's result, so job is set by then.
	job = e.metrics.Tiering.StartCascade(fileIndex, len(chunks))
}

func (e *Engine) cascadeEnded(chunks []*Chunk, job *tiering.Job, written int, elapsed time.Duration, err error) {
	for _, c := range chunks {
		e.primary.Unpin(c)
	}
	if err == nil {
		job.SetBytes(int64(written))
		job.SetTime(elapsed)
		job.Succeed()
		e.writesFail = false
		return
	}
	job.Fail()
	e.metrics.FailedWrites.Add(1)
	if !e.writesFail {
		e.writesFail = true
		e.log.Warn("cannot write to the file tier: continuing without it", "error", err)
	}
}

// readFailed logs and counts an error of a read. It ignores that a chunk was evicted after
// the file tier was asked for it.
func (e *Engine) readFailed(err error) {
	var corrupt *CorruptError
	switch {
	case errors.As(err, &corrupt):
		e.log.Error("not serving a damaged chunk", "error", err)
		e.metrics.CorruptOnFile.Add(1)
		e.corrupt++
	case !errors.Is(err, fs.ErrNotExist):
		e.log.Warn("cannot read from the file tier", "error", err)
	}
}
