// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// shutdownTimeout bounds the last export.
const shutdownTimeout = 30 * time.Second

// An output is told every record, and says what they amount to at the end.
type output interface {
	// observe takes the good entries of r, and returns an error that joins one for
	// each bad entry.
	observe(ctx context.Context, r *record) error
	finish(ctx context.Context) error
	// ignored returns how often stats of other connectors came, by name.
	ignored() map[string]int64
}

func newOutput(ctx context.Context, o replayOptions, stdout io.Writer) (output, error) {
	if o.output == "reduce" {
		return &reduction{options: o, out: stdout}, nil
	}
	e := &emission{options: o, out: stdout}
	var err error
	if e.recorder, err = otelkv.New(o.catalogue); err != nil {
		return nil, err
	}
	for _, index := range o.engines {
		if _, err := e.recorder.AddEngine(index, o.model); err != nil {
			return nil, err
		}
	}
	if o.output == "prometheus" {
		collector, err := prometheus.NewCollector(e.recorder)
		if err != nil {
			return nil, err
		}
		e.registry = promclient.NewRegistry()
		return e, e.registry.Register(collector)
	}
	exporting := []exporters.Option{exporters.WithExporters(o.output)}
	if o.output == "console" {
		console, err := stdoutmetric.New(stdoutmetric.WithWriter(stdout), stdoutmetric.WithPrettyPrint())
		if err != nil {
			return nil, err
		}
		exporting = []exporters.Option{exporters.WithExporters("none"), exporters.WithExporter(console)}
	}
	e.pipeline, err = exporters.Start(ctx, e.recorder, exporting...)
	return e, err
}

// served returns an error if index is negative, or if engines were given and it is
// none of them.
func (o *replayOptions) served(index int) error {
	switch {
	case index < 0:
		return fmt.Errorf("engine %d: expected an index that is not negative", index)
	case len(o.engines) > 0 && !slices.Contains(o.engines, index):
		return fmt.Errorf("engine %d: %w: --engines gives %v", index, otelkv.ErrUnknownEngine, o.engines)
	}
	return nil
}

// A reduction merges all records, as vLLM's logger does for one interval.
type reduction struct {
	options replayOptions
	out     io.Writer
	total   stats.Payload
}

func (r *reduction) observe(_ context.Context, rec *record) error {
	if err := r.options.served(rec.engine); err != nil {
		return err
	}
	return r.total.Merge(&rec.stats)
}

func (r *reduction) finish(context.Context) error {
	encoder := json.NewEncoder(r.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r.total.Reduce())
}

func (r *reduction) ignored() map[string]int64 { return maps.Collect(r.total.Ignored()) }

// An emission records, and emits what a recorder has at the end: as a scrape of the
// registry, or through the pipeline.
type emission struct {
	options  replayOptions
	out      io.Writer
	recorder *otelkv.Recorder
	registry *promclient.Registry // nil unless the output is prometheus
	pipeline *exporters.Pipeline  // nil if it is
}

func (e *emission) observe(ctx context.Context, r *record) error {
	if err := e.options.served(r.engine); err != nil {
		return err
	}
	engine, err := e.recorder.Engine(r.engine)
	if errors.Is(err, otelkv.ErrUnknownEngine) {
		engine, err = e.recorder.AddEngine(r.engine, e.options.model)
	}
	if err != nil {
		return err
	}
	return engine.Observe(ctx, &r.stats)
}

func (e *emission) ignored() map[string]int64 { return e.recorder.Statistics().Ignored }

// finish prints the exposition, or has the exporter print or push.
func (e *emission) finish(ctx context.Context) error {
	if e.registry != nil {
		return e.print()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return e.pipeline.Shutdown(ctx)
}

// print writes the text exposition. Its histogram bounds read as Python's client
// prints them ("1.0" where Go's prints "1"), so that it can be compared line by
// line with what a vLLM process shows.
func (e *emission) print() error {
	families, err := e.registry.Gather()
	if err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := expfmt.NewEncoder(&text, expfmt.NewFormat(expfmt.TypeTextPlain))
	for _, family := range families {
		if err := encoder.Encode(family); err != nil {
			return err
		}
	}
	_, err = e.out.Write(wholeBound.ReplaceAll(text.Bytes(), []byte(`${1}.0"}`)))
	return err
}

// wholeBound finds a bound that is printed without a point. Inside a label value
// the quotes would be escaped.
var wholeBound = regexp.MustCompile(`([{,]le="[0-9]+)"}`)
