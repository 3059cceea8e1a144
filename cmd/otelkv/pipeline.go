// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

// An exported recorder is one with its pipeline.
type exported struct {
	*otelkv.Recorder
	pipeline *exporters.Pipeline
}

// export returns a recorder of the catalogue that is exported.
func export(ctx context.Context, catalogue *schema.Catalogue, recording []otelkv.Option, exporting ...exporters.Option) (*exported, error) {
	recorder, err := otelkv.New(catalogue, recording...)
	if err != nil {
		return nil, err
	}
	pipeline, err := exporters.Start(ctx, recorder, exporting...)
	if err != nil {
		return nil, err
	}
	return &exported{recorder, pipeline}, nil
}

// end exports a last time, and ends both.
func (e *exported) end(ctx context.Context) error {
	return errors.Join(e.pipeline.Shutdown(ctx), e.Close())
}
