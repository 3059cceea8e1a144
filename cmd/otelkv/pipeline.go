package main

import (
	"context"
	"errors"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/selfmetrics"
)

// An exported recorder is one with its pipeline.
type exported struct {
	*otelkv.Recorder
	pipeline *exporters.Pipeline
}

// export returns a recorder of the catalogue that is exported. It is the only place
// where the program makes either.
func export(ctx context.Context, catalogue *schema.Catalogue, recording []otelkv.Option, exporting ...exporters.Option) (*exported, error) {
	named, err := catalogue.Merge(selfmetrics.Catalogue(), ingest.Catalogue())
	if err != nil {
		return nil, err
	}
	pipeline, err := exporters.New(ctx, named, exporting...)
	if err != nil {
		return nil, err
	}
	recorder, err := otelkv.New(catalogue, append(recording, otelkv.WithMeterProvider(pipeline))...)
	if err != nil {
		return nil, errors.Join(err, pipeline.Shutdown(ctx))
	}
	return &exported{recorder, pipeline}, nil
}

// end exports a last time, and ends both.
func (e *exported) end(ctx context.Context) error {
	return errors.Join(e.pipeline.Shutdown(ctx), e.Close())
}
