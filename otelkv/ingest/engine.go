// SPDX-License-Identifier: Apache-2.0

package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/otelkv/otelkv-go/internal/tuple"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

const (
	maxEngines = 1024
	// maxGauges is the number of gauges of an engine whose writers' times are
	// compared. Of further ones, the last that arrives counts.
	maxGauges = 4096
)

// An engineKey tells engines apart.
type engineKey struct {
	model  string
	index  int
	sender string // empty unless senders are kept apart
}

// An engine is one that spoke.
type engine struct {
	key     engineKey
	engine  *otelkv.Engine
	timer   *time.Timer // that removes it, or nil
	timeout time.Duration

	mu     sync.Mutex // held while a payload is observed
	spoke  time.Time
	gauges map[string]gauge
	info   time.Time // when the newest info was sent
	totals *totals   // nil unless they are kept
}

// A gauge is the value that the last writer gave.
type gauge struct {
	time  time.Time
	value stats.Number
}

// observe records one record, and returns what was wrong with it.
func (r *Receiver) observe(ctx context.Context, sender string, rec *record) error {
	key := engineKey{model: rec.model, index: rec.engine}
	if r.config.senderLabel {
		key.sender = sender
	}
	e, reason, err := r.engine(key)
	if err != nil {
		counter := r.counts.rejectedRecords[reason]
		counter.Add(1)
		return err
	}
	return e.observe(ctx, rec)
}

// engine returns the engine, and declares it where it has not spoken before. With
// an error comes the reason that the self-metric gives.
func (r *Receiver) engine(key engineKey) (e *engine, reason string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e := r.engines[key]; e != nil {
		return e, "", nil
	}
	if len(r.engines) >= maxEngines {
		return nil, reasonEngines, fmt.Errorf("otelkv: engine %d of model %.64q: more than %d engines", key.index, key.model, maxEngines)
	}
	declared, err := r.declare(key)
	if err != nil {
		return nil, reasonUndeclared, err
	}
	e = &engine{key: key, engine: declared, gauges: make(map[string]gauge), spoke: time.Now()}
	if r.state != nil {
		e.totals = r.state.newTotals()
	}
	if timeout := r.config.engineTimeout; timeout > 0 {
		e.timeout = timeout
		e.timer = time.AfterFunc(timeout, func() { r.removeSilent(e) })
	}
	r.engines[key] = e
	r.counts.engines.Record(int64(len(r.engines)))
	return e, "", nil
}

// declare returns the recorder's engine. One that the program declared itself is
// used as it is.
func (r *Receiver) declare(key engineKey) (*otelkv.Engine, error) {
	options := append([]otelkv.EngineOption{otelkv.WithSource(key.sender)}, r.config.engineOptions...)
	e, err := r.recorder.AddEngine(key.index, key.model, options...)
	if errors.Is(err, otelkv.ErrEngineExists) {
		if own, missing := r.recorder.Engine(key.index); missing == nil {
			return own, nil
		}
		if key.sender != "" {
			err = fmt.Errorf("%w: keeping senders apart needs a recorder with a source in otelkv.WithLabelNames", err)
		}
	}
	return e, err
}

// removeSilent removes an engine that did not speak for as long as its timeout.
func (r *Receiver) removeSilent(e *engine) {
	// No batch is under way, which could count and be forgotten at once.
	r.taking.Lock()
	defer r.taking.Unlock()
	if silent := time.Since(e.spoke); r.closed || silent < e.timeout {
		if !r.closed {
			e.timer.Reset(e.timeout - silent)
		}
		return
	}
	r.mu.Lock()
	delete(r.engines, e.key)
	r.counts.engines.Record(int64(len(r.engines)))
	r.mu.Unlock()
	e.engine.Remove()
}

func (e *engine) stop() {
	if e.timer != nil {
		e.timer.Stop()
	}
}

// observe records one payload.
func (e *engine) observe(ctx context.Context, rec *record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	e.spoke = now
	written := rec.time
	// A clock that goes ahead must not make others' gauges old.
	if written.IsZero() || written.After(now) {
		written = now
	}
	e.settle(rec.payload, "", written)
	for name, child := range rec.payload.Connectors() {
		e.settle(child, name, written)
	}
	err := e.engine.Observe(ctx, rec.payload)
	if e.totals != nil {
		e.totals.add(rec.payload, err)
	}
	return err
}

// settle replaces gauges that an older writer gave by what they are already, so that
// the last writer's stay.
func (e *engine) settle(p *stats.Payload, connector string, written time.Time) {
	if p.Info() != nil {
		if written.Before(e.info) {
			p.SetInfo()
		} else {
			e.info = written
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
				// The entry is there, and of this kind.
				_ = p.RecordGauge(m.Name(), known.value, entry.LabelValues()...)
			case ok || len(e.gauges) < maxGauges:
				e.gauges[string(key)] = gauge{written, entry.Value()}
			}
		}
	}
}

// appendKey appends what tells one entry of an engine from the others.
func appendKey(key []byte, connector, metric string, labelValues []string) []byte {
	key = tuple.AppendValue(tuple.AppendValue(key, connector), metric)
	return tuple.Append(key, labelValues)
}
