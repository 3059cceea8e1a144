// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// Workers runs jobs on a fixed number of goroutines behind a bounded queue. Jobs
// start in the order in which they were submitted.
type Workers struct {
	queue   chan func()
	running sync.WaitGroup
}

// StartWorkers starts n goroutines. Up to depth jobs wait for them. Close stops
// them.
func StartWorkers(n, depth int) *Workers {
	w := &Workers{queue: make(chan func(), depth)}
	for range n {
		w.running.Go(func() {
			for job := range w.queue {
				job()
			}
		})
	}
	return w
}

// Submit queues a job. It waits while the queue is full.
func (w *Workers) Submit(job func()) { w.queue <- job }

// TrySubmit queues a job, or returns false where the queue is full.
func (w *Workers) TrySubmit(job func()) bool {
	select {
	case w.queue <- job:
		return true
	default:
		return false
	}
}

// Close runs what is queued and returns when all goroutines have ended. Nothing
// may be submitted after it was called.
func (w *Workers) Close() {
	close(w.queue)
	w.running.Wait()
}
