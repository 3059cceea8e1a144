// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// Workers run jobs on a fixed number of goroutines, with a bounded queue. Jobs start in the
// order in which they were submitted.
type Workers struct {
	queue   chan func()
	running sync.WaitGroup
}

// StartWorkers starts n goroutines with a queue of depth jobs. Close stops them.
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

// TrySubmit queues a job, or returns false if the queue is full.
func (w *Workers) TrySubmit(job func()) bool {
	select {
	case w.queue <- job:
		return true
	default:
		return false
	}
}

// Close runs the queued jobs and returns when all goroutines have ended. Submit nothing
// after Close.
func (w *Workers) Close() {
	close(w.queue)
	w.running.Wait()
}
