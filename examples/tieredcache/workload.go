// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// A Workload describes the requests to an engine. A prompt begins with one of a few shared
// prefixes, some of which are far more popular than others, and ends in its own chunks.
type Workload struct {
	Rate       float64 // requests per second
	Families   int     // number of shared prefixes
	Popularity float64 // exponent of the Zipf distribution over families, above 1
	Prefix     Range   // length of a shared prefix, in chunks
	Suffix     Range   // length of the rest of a prompt, in chunks
}

// A Range is an inclusive range of lengths.
type Range struct{ Min, Max int }

func (r Range) draw(random *rand.Rand) int { return r.Min + random.IntN(r.Max-r.Min+1) }

// MaxChunks returns the length of the longest request.
func (w Workload) MaxChunks() int { return w.Prefix.Max + w.Suffix.Max }

// A Request asks for the KV cache of one prompt.
type Request struct {
	ID   string
	Keys []Key         // of the prompt's chunks, in order
	Gap  time.Duration // since the request before it
}

// A Generator generates an engine's requests. The sequence depends only on the workload, the
// seed and the engine's index. All engines with the same seed have the same shared
// prefixes.
type Generator struct {
	workload Workload
	engine   int
	count    int
	random   *rand.Rand
	family   *rand.Zipf
	prefixes [][]Key
}

// NewGenerator returns the generator of one engine.
func NewGenerator(w Workload, seed uint64, engine int) *Generator {
	shared := rand.New(rand.NewPCG(seed, 0))
	prefixes := make([][]Key, w.Families)
	for i := range prefixes {
		prefixes[i] = extend(nil, w.Prefix.draw(shared), shared)
	}
	random := rand.New(rand.NewPCG(seed, uint64(engine)+1))
	return &Generator{
		workload: w,
		engine:   engine,
		random:   random,
		family:   rand.NewZipf(random, w.Popularity, 1, uint64(w.Families-1)),
		prefixes: prefixes,
	}
}

// Next returns the next request.
func (g *Generator) Next() Request {
	g.count++
	prefix := g.prefixes[g.family.Uint64()]
	seconds := g.random.ExpFloat64() / g.workload.Rate
	return Request{
		ID:   fmt.Sprintf("engine-%d-request-%d", g.engine, g.count),
		Keys: extend(prefix, g.workload.Suffix.draw(g.random), g.random),
		Gap:  time.Duration(seconds * float64(time.Second)),
	}
}

// extend returns prefix followed by n chunks of random tokens.
func extend(prefix []Key, n int, random *rand.Rand) []Key {
	keys := make([]Key, len(prefix), len(prefix)+n)
	copy(keys, prefix)
	var last Key
	if len(keys) > 0 {
		last = keys[len(keys)-1]
	}
	for range n {
		last = last.Next(random.Uint64())
		keys = append(keys, last)
	}
	return keys
}
