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

// Sizes bounds everything that an engine and the file tier hold or queue.
type Sizes struct {
	ChunkBytes    int           // of one chunk in every tier
	GPUChunks     int           // rows of an engine's GPU
	PrimaryChunks int           // rows of an engine's primary tier
	FileChunks    int           // files of the shared file tier
	FileWorkers   int           // goroutines that read and write files
	FileQueue     int           // jobs that wait for them
	MaxRequests   int           // requests that an engine works on at once
	MaxDeferrals  int           // lookups after which a request goes on with what it has
	Step          time.Duration // between two rounds of an engine's scheduler
}

// An Engine serves requests. It looks the chunks of a prompt up in its primary
// tier and in the file tier, loads what they have to its GPU, computes the rest,
// and stores that for the requests to come.
//
// The goroutine of Run owns all of it and never waits for input, output or a
// copy. Workers are lent pinned rows, and answer with a function that Run calls
// at its next step.
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
	corrupt     int // chunks that were damaged, none of which was served

	// served sees every chunk that was loaded, on the GPU. Tests set it.
	served func(Key, []byte)
}

// NewEngine returns an engine that shares files with others.
func NewEngine(sizes Sizes, generator *Generator, files *FileTier, metrics *EngineMetrics, log *slog.Logger) *Engine {
	return &Engine{
		sizes:     sizes,
		generator: generator,
		primary:   NewPrimaryTier(sizes.PrimaryChunks, sizes.ChunkBytes),
		files:     files,
		metrics:   metrics,
		log:       log,
		// Room for every job that can be in flight, so that no worker waits.
		completed: make(chan func(), sizes.MaxRequests+sizes.FileQueue+sizes.FileWorkers),
		served:    func(Key, []byte) {},
	}
}

// ErrCorrupt says that chunks were damaged. None of them was served.
var ErrCorrupt = errors.New("corrupt chunks")

// Run serves requests until ctx is done, and then finishes those that it has
// taken on. It returns when none of its jobs is in flight. The error wraps
// [ErrCorrupt] if chunks were damaged; anything else is a fault of the program.
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

// startOnFiles gives the file tier's workers a job, whose result is applied by a
// later step. It returns false where their queue is full.
func (e *Engine) startOnFiles(job func() (apply func())) bool {
	if !e.fileWorkers.TrySubmit(func() { e.completed <- job() }) {
		return false
	}
	e.inFlight++
	return true
}

// startOnGPU gives the GPU's stream a job, whose result is applied by a later
// step. It never waits: the stream has room for a job of every request.
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

// admit takes on the requests that are due, as far as the GPU has room.
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
		// An engine that was late takes on what it missed, but not without bound.
		e.nextArrival = latest(e.nextArrival.Add(e.next.Gap), now.Add(-time.Second))
	}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
