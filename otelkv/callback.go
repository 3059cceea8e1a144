package otelkv

import (
	"fmt"
	"slices"
	"sync"

	"go.opentelemetry.io/otel"
)

// RegisterCallback makes every collection call f first, so that f can record
// what is kept elsewhere: it observes totals ([Int64Total] and its siblings) and
// sets gauges. The returned function ends that; f may then still be under way
// once. It may be called more than once.
//
// One call of f is under way at a time, also where several readers collect at
// once. f holds up the collection that calls it, and must neither collect, flush
// nor close the recorder. A panic of f is reported to the error handler of package otel, and the
// collection goes on without f.
func (r *Recorder) RegisterCallback(f func()) (unregister func()) {
	return r.callbacks.add(f)
}

// callbacks are what the user wants called before each collection.
type callbacks struct {
	mu  sync.Mutex
	all []*callback // replaced, never changed
}

type callback struct {
	running sync.Mutex
	f       func()
}

func (c *callbacks) add(f func()) (remove func()) {
	added := &callback{f: f}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(slices.Clip(c.all), added)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = slices.DeleteFunc(slices.Clone(c.all), func(other *callback) bool { return other == added })
	}
}

// run calls them in the order in which they came.
func (c *callbacks) run() {
	c.mu.Lock()
	all := c.all
	c.mu.Unlock()
	for _, callback := range all {
		callback.run()
	}
}

// run holds the callback's own lock, so that of two calls the one that read
// first also observes first: an older total would look like a source that began
// again.
func (c *callback) run() {
	c.running.Lock()
	defer c.running.Unlock()
	defer func() {
		if p := recover(); p != nil {
			otel.Handle(fmt.Errorf("otelkv: a callback panicked while metrics were collected: %v", p))
		}
	}()
	c.f()
}
