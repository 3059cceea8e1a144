// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// A GPU stands for an engine's accelerator. It has memory in rows of one chunk, and one
// stream that runs submitted jobs in order. Loads and stores copy between its rows and the
// rows of the primary tier.
//
// The engine allocates the rows. While a job on the stream uses a row, nothing else may use
// it.
type GPU struct {
	Stream *Workers

	rows int
	free [][]byte
}

// NewGPU starts a GPU with the given number of rows. Its stream queues up to depth jobs.
// Close stops it.
func NewGPU(rows, chunkBytes, depth int) *GPU {
	g := &GPU{Stream: StartWorkers(1, depth), rows: rows}
	for range rows {
		g.free = append(g.free, make([]byte, chunkBytes))
	}
	return g
}

// Allocate returns n free rows, or nil if there are fewer.
func (g *GPU) Allocate(n int) [][]byte {
	rest := len(g.free) - n
	if rest < 0 {
		return nil
	}
	rows := slices.Clone(g.free[rest:])
	g.free = g.free[:rest]
	return rows
}

// Free frees rows.
func (g *GPU) Free(rows [][]byte) { g.free = append(g.free, rows...) }

// Usage returns the fraction of the rows that are allocated.
func (g *GPU) Usage() float64 { return 1 - float64(len(g.free))/float64(g.rows) }

// Close runs the submitted jobs and stops the stream.
func (g *GPU) Close() { g.Stream.Close() }
