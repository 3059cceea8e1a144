// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
)

// batchesPath is the path of batches over HTTP.
const batchesPath = "/v1/batches"

// A sidecar is the running program.
type sidecar struct {
	log      *slog.Logger
	recorder *otelkv.Recorder
	pipeline *exporters.Pipeline
	receiver *ingest.Receiver

	ready   atomic.Bool
	failed  chan error // the first error of a listener
	serving sync.WaitGroup
	servers []*http.Server
	health  *http.Server
}

// serveHealth answers health checks at the address, unless it is empty.
func (s *sidecar) serveHealth(address string) (err error) {
	if address == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.ready.Load() {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	s.health, err = s.serveHTTP("answering health", address, "", mux)
	return err
}

// listen receives batches at the address. A Unix socket ends with ctx.
func (s *sidecar) listen(ctx context.Context, a address, mode fs.FileMode) error {
	if a.unix != "" {
		return s.serveSocket(ctx, a.unix, mode)
	}
	mux := http.NewServeMux()
	mux.Handle(batchesPath, s.receiver)
	server, err := s.serveHTTP("taking batches", a.http, batchesPath, mux)
	if err == nil {
		s.servers = append(s.servers, server)
	}
	return err
}

// serveHTTP serves the handler until the server is shut down.
func (s *sidecar) serveHTTP(message, address, path string, handler http.Handler) (*http.Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("otelkv: %w", err)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	s.log.Info(message, "address", "http://"+listener.Addr().String()+path)
	s.serve(func() error { return server.Serve(listener) })
	return server, nil
}

// serve runs f, and ends the sidecar with its error.
func (s *sidecar) serve(f func() error) {
	s.serving.Go(func() {
		if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			select {
			case s.failed <- err:
			default:
			}
		}
	})
}

// end refuses further batches, exports a last time and ends everything.
func (s *sidecar) end(grace time.Duration) error {
	s.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	var errs []error
	if s.receiver != nil {
		errs = append(errs, s.receiver.Shutdown(ctx))
	}
	for _, server := range s.servers {
		errs = append(errs, server.Shutdown(ctx))
	}
	if s.pipeline != nil {
		errs = append(errs, s.pipeline.Shutdown(ctx), s.recorder.Close())
	}
	// Health is answered until the last export is done.
	if s.health != nil {
		errs = append(errs, s.health.Shutdown(ctx))
	}
	s.serving.Wait()
	return errors.Join(errs...)
}
