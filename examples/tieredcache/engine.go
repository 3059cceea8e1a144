// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// Sizes are the limits of an engine and the file tier.
type Sizes struct {
	ChunkBytes    int           // size of a chunk
	GPUChunks     int           // rows of an engine's GPU
	PrimaryChunks int           // rows of an engine's primary tier
	FileChunks    int           // files of the shared file tier
	FileWorkers   int           // goroutines that read and write files
	FileQueue     int           // jobs that wait for these goroutines
	MaxRequests   int           // concurrent requests of an engine
	MaxDeferrals  int           // deferred lookups before a request uses what was found
	Step          time.Duration // between two rounds of an engine's scheduler
}

// An Engine serves requests. It looks the chunks of a prompt up in its primary tier and in
// the file tier, loads the chunks that it finds to its GPU, computes the rest, and stores it
// for later requests.
//
// The goroutine of Run owns everything, and never waits for input, output or a copy.
// Workers use pinned rows, and return a function that Run calls in its next step.
type Engine struct {
	sizes       Sizes
	generator   *Generator
	primary     *PrimaryTier
	files       *FileTier // shared by all engines, as are its workers
	fileWorkers *Workers
	gpu         *GPU
	metrics     *EngineMetrics
	log         *slog.Logger

	requests    []*request
	next        Request
	nextArrival time.Time
	completed   chan func()
	inFlight    int
	writesFail  bool
	corrupt     int // damaged chunks, none of which was served

	// served is called with every chunk that was loaded to the GPU. Tests set it.
	served func(Key, []byte)
}

// NewEngine returns an engine that shares the file tier with others.
func NewEngine(sizes Sizes, generator *Generator, files *FileTier, metrics *EngineMetrics, log *slog.Logger) *Engine {
	return &Engine{
		sizes:     sizes,
		generator: generator,
		primary:   NewPrimaryTier(sizes.PrimaryChunks, sizes.ChunkBytes),
		files:     files,
		metrics:   metrics,
		log:       log,
		// There is room for all jobs in flight, so that no worker waits.
		completed: make(chan func(), sizes.MaxRequests+sizes.FileQueue+sizes.FileWorkers),
		served:    func(Key, []byte) {},
	}
}

// ErrCorrupt says that chunks were damaged. None of them was served.
var ErrCorrupt = errors.New("corrupt chunks")

// Run serves requests until ctx is done, and then finishes the requests in progress. It
// returns when no job is in flight. The error wraps [ErrCorrupt] if chunks were damaged. Any
// other error is a bug.
func (e *Engine) Run(ctx context.Context, fileWorkers *Workers) error {
	e.fileWorkers = fileWorkers
	e.gpu = NewGPU(e.sizes.GPUChunks, e.sizes.ChunkBytes, e.sizes.MaxRequests)
	defer e.gpu.Close()
	step := time.NewTicker(e.sizes.Step)
	defer step.Stop()
	e.next = e.generator.Next()
	e.nextArrival = time.Now()
	var err error
	for ctx.Err() == nil || len(e.requests) > 0 || e.inFlight > 0 {
		e.step(ctx, time.Now())
		err = cmp.Or(err, e.observe(ctx))
		<-step.C
	}
	if e.corrupt > 0 {
		err = errors.Join(err, fmt.Errorf("%d %w", e.corrupt, ErrCorrupt))
	}
	return errors.Join(err, e.metrics.Tiering.CheckIdle())
}

func (e *Engine) observe(ctx context.Context) error {
	waiting := 0
	for _, r := range e.requests {
		if !r.scheduled {
			waiting++
		}
	}
	e.metrics.Requests(len(e.requests)-waiting, waiting, e.gpu.Usage())
	return e.metrics.Observe(ctx, e.primary.Usage(), e.files.Len())
}

// step is one round of the scheduler.
func (e *Engine) step(ctx context.Context, now time.Time) {
	e.applyCompleted()
	if ctx.Err() == nil {
		e.admit(now)
	}
	for _, r := range e.requests {
		if !r.scheduled {
			e.schedule(r)
		}
	}
}

// startOnFiles submits a job to the file tier's workers. A later step applies its result. It
// returns false if the queue is full.
func (e *Engine) startOnFiles(job func() (apply func())) bool {
	if !e.fileWorkers.TrySubmit(func() { e.completed <- job() }) {
		return false
	}
	e.inFlight++
	return true
}

// startOnGPU submits a job to the GPU's stream. A later step applies its result. It never
// waits, because the stream has room for a job of every request.
func (e *Engine) startOnGPU(job func() (apply func())) {
	e.gpu.Stream.Submit(func() { e.completed <- job() })
	e.inFlight++
}

func (e *Engine) applyCompleted() {
	for {
		select {
		case apply := <-e.completed:
			e.inFlight--
			apply()
		default:
			return
		}
	}
}

// admit starts the requests that are due, if the GPU has room.
func (e *Engine) admit(now time.Time) {
	for !now.Before(e.nextArrival) && len(e.requests) < e.sizes.MaxRequests {
		rows := e.gpu.Allocate(len(e.next.Keys))
		if rows == nil {
			return
		}
		r := newRequest(e.next, rows)
		e.metrics.Tiering.RequestStarted(r.ID)
		e.requests = append(e.requests, r)
		e.next = e.generator.Next()
		// A late engine catches up with at most one second of requests.
		e.nextArrival = latest(e.nextArrival.Add(e.next.Gap), now.Add(-time.Second))
	}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
