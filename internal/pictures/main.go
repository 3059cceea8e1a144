// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"time"
)

func main() {
	prometheus := flag.String("prometheus", "prometheus", "the Prometheus server's `program`")
	root := flag.String("root", filepath.Join("..", ".."), "the repository's root `directory`")
	duration := flag.Duration("duration", 4*time.Minute, "how long to measure")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := measure(ctx, *prometheus, *root, *duration); err != nil {
		fmt.Fprintln(os.Stderr, "pictures:", err)
		os.Exit(1)
	}
}

// measure runs the programs for the duration, and writes the pictures to docs/images.
func measure(ctx context.Context, program, root string, duration time.Duration) error {
	rows, err := readRows(filepath.Join(root, "docs", "dashboards", "kv-offload.json"))
	if err != nil {
		return err
	}
	run, err := start(ctx, program, root)
	if err != nil {
		return err
	}
	defer run.stop()
	begin := time.Now()
	select {
	case <-time.After(duration):
	case <-ctx.Done():
		return ctx.Err()
	}
	images := filepath.Join(root, "docs", "images")
	if err := os.MkdirAll(images, 0o755); err != nil {
		return err
	}
	server := &server{url: run.url}
	// The first seconds have too few samples for a rate.
	span := span{begin.Add(rateInterval), begin.Add(duration)}
	for _, row := range rows {
		if err := row.draw(ctx, server, span, images); err != nil {
			return fmt.Errorf("%s: %w", row.title, err)
		}
	}
	return nil
}
