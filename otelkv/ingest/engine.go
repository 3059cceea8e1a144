// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

const (
	maxEngines = 1024
	// maxGauges is how many gauges of an engine are compared by the time of their
	// writers. For any other gauge, the value that arrives last counts.
	maxGauges = 4096
)

var errTooManyEngines = fmt.Errorf("more than %d engines", maxEngines)

// An engineKey identifies an engine.
type engineKey struct {
	Model  string `json:"model"`
	Index  int    `json:"index"`
	Sender string `json:"sender,omitempty"` // empty unless senders are kept apart
}

// An engine is one that a record named.
type engine struct {
	engineKey
	engine *otelkv.Engine
	timer  *time.Timer // removes the engine; nil without a timeout

	mu       sync.Mutex // held while a payload is observed
	lastSeen time.Time
	gauges   map[string]gauge
	infoTime time.Time // when the newest info was written
	totals   *totals   // nil without a state file
}

// A gauge is the value that was written last.
type gauge struct {
	time  time.Time
	value stats.Number
}

// observe records one record. The error joins what was left out.
func (r *Receiver) observe(ctx context.Context, sender string, rec *record) error {
	key := engineKey{Model: rec.model, Index: rec.engine}
	if r.config.senderLabel {
		key.Sender = sender
	}
	e, err := r.engine(key)
	switch {
	case errors.Is(err, errTooManyEngines):
		r.counts.tooManyEngines.Add(1)
	case err != nil:
		r.counts.undeclared.Add(1)
	default:
		return e.observe(ctx, rec)
	}
	return err
}

// engine returns the engine, and declares it at its first record.
func (r *Receiver) engine(key engineKey) (*engine, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.engines[key]; e != nil {
		return e, nil
	}
	if len(r.engines) >= maxEngines {
		return nil, fmt.Errorf("otelkv: engine %d of model %.64q: %w", key.Index, key.Model, errTooManyEngines)
	}
	declared, err := r.declare(key)
	if err != nil {
		return nil, err
	}
	e := &engine{engineKey: key, engine: declared, gauges: make(map[string]gauge), lastSeen: time.Now()}
	if r.state != nil {
		e.totals = &totals{definitions: r.state.definitions, entries: make(map[string]*total)}
	}
	if timeout := r.config.engineTimeout; timeout > 0 {
		e.timer = time.AfterFunc(timeout, func() { r.removeSilent(e) })
	}
	r.engines[key] = e
	r.counts.engines.Record(int64(len(r.engines)))
	return e, nil
}

// declare adds an engine to the recorder, or returns the one that the program added
// itself.
func (r *Receiver) declare(key engineKey) (*otelkv.Engine, error) {
	options := append([]otelkv.EngineOption{otelkv.WithSource(key.Sender)}, r.config.engineOptions...)
	e, err := r.recorder.AddEngine(key.Index, key.Model, options...)
	if errors.Is(err, otelkv.ErrEngineExists) {
		if own, missing := r.recorder.Engine(key.Index); missing == nil {
			return own, nil
		}
		if key.Sender != "" {
			err = fmt.Errorf("%w: keeping senders apart needs a recorder with a label for sources (otelkv.WithLabelNames)", err)
		}
	}
	return e, err
}

// removeSilent removes an engine that had no record within the timeout.
func (r *Receiver) removeSilent(e *engine) {
	// A batch in progress must not record to an engine that is being removed.
	r.recording.Lock()
	defer r.recording.Unlock()
	if r.running.Err() != nil {
		return
	}
	if left := r.config.engineTimeout - time.Since(e.lastSeen); left > 0 {
		e.timer.Reset(left)
		return
	}
	r.mu.Lock()
	delete(r.engines, e.engineKey)
	r.counts.engines.Record(int64(len(r.engines)))
	r.mu.Unlock()
	e.engine.Remove()
}

func (e *engine) observe(ctx context.Context, rec *record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lastSeen = time.Now()
	written := rec.time
	// A clock that is ahead must not make the gauges of others look old.
	if written.IsZero() || written.After(e.lastSeen) {
		written = e.lastSeen
	}
	for connector, p := range allPayloads(&rec.payload) {
		e.keepNewer(p, connector, written)
	}
	err := e.engine.Observe(ctx, &rec.payload)
	if e.totals != nil {
		e.totals.add(&rec.payload, err)
	}
	return err
}

// allPayloads returns the payload, under an empty name, and those of its connectors.
func allPayloads(p *stats.Payload) iter.Seq2[string, *stats.Payload] {
	return func(yield func(string, *stats.Payload) bool) {
		if !yield("", p) {
			return
		}
		for connector, child := range p.Connectors() {
			if !yield(connector, child) {
				return
			}
		}
	}
}

// keepNewer replaces the payload's info and gauges by those that were written later and
// arrived earlier.
func (e *engine) keepNewer(p *stats.Payload, connector string, written time.Time) {
	if p.Info() != nil {
		if written.Before(e.infoTime) {
			p.SetInfo()
		} else {
			e.infoTime = written
		}
	}
	var buffer [256]byte
	for m := range p.Metrics() {
		if m.Kind() != schema.KindGauge {
			continue
		}
		for entry := range m.Entries() {
			key := appendKey(buffer[:0], connector, m.Name(), entry.LabelValues())
			known, ok := e.gauges[string(key)]
			switch {
			case ok && written.Before(known.time):
				// It cannot fail: the entry exists, and is a gauge.
				_ = p.RecordGauge(m.Name(), known.value, entry.LabelValues()...)
			case ok || len(e.gauges) < maxGauges:
				e.gauges[string(key)] = gauge{written, entry.Value()}
			}
		}
	}
}

// appendKey appends the key of an entry, which no other entry of the engine has.
func appendKey(key []byte, connector, metric string, labelValues []string) []byte {
	key = tuple.AppendValue(tuple.AppendValue(key, connector), metric)
	return tuple.Append(key, labelValues)
}
