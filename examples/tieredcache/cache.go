// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/otelkv/otelkv-go/otelkv"
)

// A Cache is several engines and the file tier that they share.
type Cache struct {
	files   *FileTier
	engines []*Engine
	summary *Summary
}

// NewCache opens the file tier in dir, and adds the engines to the recorder. Run starts and
// ends everything else.
func NewCache(options Options, dir string, recorder *otelkv.Recorder, log *slog.Logger) (*Cache, error) {
	sizes := options.Sizes
	if longest := options.Workload.MaxChunks(); longest > sizes.GPUChunks {
		return nil, fmt.Errorf("requests of up to %d chunks do not fit a GPU of %d", longest, sizes.GPUChunks)
	}
	files, err := OpenFileTier(dir, sizes.FileChunks, sizes.ChunkBytes)
	if err != nil {
		return nil, err
	}
	c := &Cache{files: files, summary: &Summary{}}
	for index := range options.Engines {
		metrics, err := NewEngineMetrics(recorder, index, sizes, c.summary)
		if err != nil {
			return nil, err
		}
		generator := NewGenerator(options.Workload, options.Seed, index)
		c.engines = append(c.engines, NewEngine(sizes, generator, files, metrics, log.With("engine", index)))
	}
	return c, nil
}

// Run serves requests on all engines until ctx is done, and returns when nothing is in
// flight. The error joins those of the engines.
func (c *Cache) Run(ctx context.Context) error {
	sizes := c.engines[0].sizes
	workers := StartWorkers(sizes.FileWorkers, sizes.FileQueue)
	errs := make([]error, len(c.engines))
	var running sync.WaitGroup
	for i, e := range c.engines {
		running.Go(func() {
			if err := e.Run(ctx, workers); err != nil {
				errs[i] = fmt.Errorf("engine %d: %w", i, err)
			}
		})
	}
	running.Wait()
	workers.Close()
	return errors.Join(errs...)
}

// Summary returns a log line of what happened since the last call.
func (c *Cache) Summary() string { return c.summary.Take() }
