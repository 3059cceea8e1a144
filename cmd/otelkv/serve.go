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

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/otelkv/ingest"
	"github.com/otelkv/otelkv-go/schema"
)

// A sidecar is what runs.
type sidecar struct {
	log      *slog.Logger
	recorder *exported
	receiver *ingest.Receiver
	grace    time.Duration

	ready   atomic.Bool
	failed  chan error // the first failure of what serves
	serving sync.WaitGroup
	servers []*http.Server
	health  *http.Server
}

// reportErrors logs what OpenTelemetry reports.
func (s *sidecar) reportErrors() {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { s.log.Warn(err.Error()) }))
}

// export starts the recorder and its exporters.
func (s *sidecar) export(ctx context.Context, catalogue *schema.Catalogue, recording []otelkv.Option) error {
	var err error
	s.recorder, err = export(ctx, catalogue, recording, exporters.WithDefaultExporters("prometheus"))
	if err == nil {
		s.log.Info("exporting", "pipeline", s.recorder.pipeline.String())
	}
	return err
}

// serveHealth answers health at the address, if there is one.
func (s *sidecar) serveHealth(address string) error {
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
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("otelkv: health: %w", err)
	}
	s.log.Info("answering health", "address", "http://"+listener.Addr().String())
	s.health = newHTTPServer(mux)
	s.serve(s.health, listener)
	return nil
}

// listen takes batches at the address.
func (s *sidecar) listen(ctx context.Context, a address, mode fs.FileMode) error {
	if a.unix != "" {
		socket, err := listenUnix(a.unix, mode)
		if err != nil {
			return fmt.Errorf("otelkv: %w", err)
		}
		s.log.Info("taking batches", "address", "unix://"+a.unix)
		s.serving.Go(func() {
			s.fail(socket.serve(ctx, s.receiver.Serve, func(err error) { s.log.Warn(err.Error()) }))
		})
		return nil
	}
	listener, err := net.Listen("tcp", a.http)
	if err != nil {
		return fmt.Errorf("otelkv: %w", err)
	}
	s.log.Info("taking batches", "address", "http://"+listener.Addr().String()+batchesPath)
	mux := http.NewServeMux()
	mux.Handle(batchesPath, s.receiver)
	server := newHTTPServer(mux)
	s.servers = append(s.servers, server)
	s.serve(server, listener)
	return nil
}

// serve serves until the server is shut down.
func (s *sidecar) serve(server *http.Server, listener net.Listener) {
	s.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(err)
		}
	})
}

// fail ends the sidecar with an error, if it is one.
func (s *sidecar) fail(err error) {
	if err == nil {
		return
	}
	select {
	case s.failed <- err:
	default:
	}
}

// end refuses further batches, exports a last time and ends what runs.
func (s *sidecar) end() error {
	s.ready.Store(false)
	ctx, cancel := context.WithTimeout(context.Background(), s.grace)
	defer cancel()
	var errs []error
	if s.receiver != nil {
		errs = append(errs, s.receiver.Shutdown(ctx))
	}
	for _, server := range s.servers {
		errs = append(errs, server.Shutdown(ctx))
	}
	if s.recorder != nil {
		errs = append(errs, s.recorder.end(ctx))
	}
	// Whoever asks how it is gets an answer to the end.
	if s.health != nil {
		errs = append(errs, s.health.Shutdown(ctx))
	}
	s.serving.Wait()
	return errors.Join(errs...)
}
