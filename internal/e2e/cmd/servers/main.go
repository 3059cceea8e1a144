// SPDX-License-Identifier: Apache-2.0

// Command servers builds the programs for the end-to-end tests before the tests run, and
// shows how long each takes and which are missing.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	missing := build(ctx)
	stop()
	if missing > 0 && os.Getenv("OTELKV_E2E_REQUIRED") != "" {
		os.Exit(1)
	}
}

// build builds missing programs, and returns how many of them it could not build.
func build(ctx context.Context) (missing int) {
	for _, binary := range servers.Binaries() {
		begin := time.Now()
		path, err := binary.Path(ctx)
		if err != nil {
			missing++
			fmt.Fprintf(os.Stderr, "MISSING %s: the tests that need it will be SKIPPED: %v\n", binary.Name, err)
			continue
		}
		fmt.Printf("%s (%v)\n", path, time.Since(begin).Round(time.Second))
	}
	return missing
}
