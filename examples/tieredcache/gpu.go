// SPDX-License-Identifier: Apache-2.0

package main

import "slices"

// A GPU stands for an engine's accelerator: memory in rows of one chunk, and one
// stream that runs what is submitted to it in order. Loads and stores are copies
// between its rows and the primary tier's.
//
// The rows are the engine's to give out. While a job that uses a row is on the
// stream, nothing else may touch it.
type GPU struct {
	Stream *Workers

	rows int
	free [][]byte
}

// NewGPU starts a GPU of the given number of rows. Its stream takes up to depth
// jobs at once. Close stops it.
func NewGPU(rows, chunkBytes, depth int) *GPU {
	g := &GPU{Stream: StartWorkers(1, depth), rows: rows}
	for range rows {
		g.free = append(g.free, make([]byte, chunkBytes))
	}
	return g
}

// Allocate returns n free rows, or nil where there are fewer.
func (g *GPU) Allocate(n int) [][]byte {
	rest := len(g.free) - n
	if rest < 0 {
		return nil
	}
	rows := slices.Clone(g.free[rest:])
	g.free = g.free[:rest]
	return rows
}

// Free takes rows back.
func (g *GPU) Free(rows [][]byte) { g.free = append(g.free, rows...) }

// Usage returns the fraction of the rows that are given out.
func (g *GPU) Usage() float64 { return 1 - float64(len(g.free))/float64(g.rows) }

// Close runs what was submitted and stops the stream.
func (g *GPU) Close() { g.Stream.Close() }
