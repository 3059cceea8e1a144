// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"regexp"
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

// An output adds up records and prints the result at the end.
type output interface {
	// observe adds the good entries of r. The error joins one for each bad entry.
	observe(ctx context.Context, r *record) error
	finish(ctx context.Context) error
	// ignored returns how many stats of each other connector there were.
	ignored() map[string]int64
}

func newOutput(ctx context.Context, o replayOptions, stdout io.Writer) (output, error) {
	if o.output == "reduce" {
		return &reducer{out: stdout}, nil
	}
	recorder, err := otelkv.New(o.catalogue)
	if err != nil {
		return nil, err
	}
	e := &exporter{recorder: recorder, model: o.model}
	for _, index := range o.engines {
		if _, err := recorder.AddEngine(index, o.model); err != nil {
			return nil, err
		}
	}
	if o.output == "prometheus" {
		collector, err := prometheus.NewCollector(recorder)
		if err != nil {
			return nil, err
		}
		registry := promclient.NewRegistry()
		e.export = func(context.Context) error { return printExposition(registry, stdout) }
		return e, registry.Register(collector)
	}
	exporting := []exporters.Option{exporters.WithExporters(o.output)}
	if o.output == "console" {
		console, err := stdoutmetric.New(stdoutmetric.WithWriter(stdout), stdoutmetric.WithPrettyPrint())
		if err != nil {
			return nil, err
		}
		exporting = []exporters.Option{exporters.WithExporters("none"), exporters.WithExporter(console)}
	}
	pipeline, err := exporters.Start(ctx, recorder, exporting...)
	if err == nil {
		e.export = pipeline.Shutdown
	}
	return e, err
}

// A reducer merges all records, as vLLM's logger does for one interval.
type reducer struct {
	out   io.Writer
	total stats.Payload
}

func (r *reducer) observe(_ context.Context, rec *record) error { return r.total.Merge(&rec.stats) }

func (r *reducer) finish(context.Context) error {
	encoder := json.NewEncoder(r.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r.total.Reduce())
}

func (r *reducer) ignored() map[string]int64 { return maps.Collect(r.total.Ignored()) }

// An exporter records all records, and exports the metrics at the end.
type exporter struct {
	recorder *otelkv.Recorder
	model    string
	export   func(context.Context) error
}

func (e *exporter) observe(ctx context.Context, r *record) error {
	engine, err := e.recorder.Engine(r.engine)
	if errors.Is(err, otelkv.ErrUnknownEngine) {
		engine, err = e.recorder.AddEngine(r.engine, e.model)
	}
	if err != nil {
		return err
	}
	return engine.Observe(ctx, &r.stats)
}

// finish exports even if the user interrupted the program.
func (e *exporter) finish(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	return e.export(ctx)
}

func (e *exporter) ignored() map[string]int64 { return e.recorder.Statistics().Ignored }

// printExposition writes the registry's metrics as text. Histogram bounds look as in
// Python's client ("1.0" where Go's has "1"), so that the text can be compared with a
// vLLM server's line by line.
func printExposition(registry *promclient.Registry, out io.Writer) error {
	families, err := registry.Gather()
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
	_, err = out.Write(wholeBound.ReplaceAll(text.Bytes(), []byte(`${1}.0"}`)))
	return err
}

// wholeBound matches a bound without a decimal point. It matches nothing inside a label
// value, where quotes are escaped.
var wholeBound = regexp.MustCompile(`([{,]le="[0-9]+)"}`)
