// SPDX-License-Identifier: Apache-2.0

// Package receiver is an OTLP receiver that answers as the test says, and adds up what it
// receives.
package receiver

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/otelkv/otelkv-go/internal/e2e/loopback"
)

// An Answer answers a request. The receiver adds the request up unless Answer returns an
// error or rejects data points.
type Answer func(ctx context.Context, request *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error)

// Accept takes everything.
func Accept(context.Context, *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	return &collector.ExportMetricsServiceResponse{}, nil
}

// A Receiver takes OTLP metrics over gRPC. It is safe for concurrent use.
type Receiver struct {
	collector.UnimplementedMetricsServiceServer
	Totals

	address string
	tls     *tls.Config

	mu       sync.Mutex
	server   *grpc.Server
	serving  chan struct{}
	answer   Answer
	requests int
}

// New returns a receiver with an address on loopback. It listens after Start. A nil
// configuration means no TLS.
func New(t testing.TB, configuration *tls.Config) *Receiver {
	t.Helper()
	r := &Receiver{address: loopback.FreeAddresses(t, 1)[0], tls: configuration, answer: Accept}
	t.Cleanup(r.Stop)
	return r
}

// Address returns the host and port.
func (r *Receiver) Address() string { return r.address }

// Start listens, until Stop or the end of the test.
func (r *Receiver) Start(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	var options []grpc.ServerOption
	if r.tls != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(r.tls)))
	}
	server, serving := grpc.NewServer(options...), make(chan struct{})
	collector.RegisterMetricsServiceServer(server, r)
	r.mu.Lock()
	r.server, r.serving = server, serving
	r.mu.Unlock()
	go func() {
		defer close(serving)
		if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	}()
}

// Stop cuts every connection and stops listening. The totals stay.
func (r *Receiver) Stop() {
	r.mu.Lock()
	server, serving := r.server, r.serving
	r.server = nil
	r.mu.Unlock()
	if server != nil {
		server.Stop()
		<-serving
	}
}

// Answer sets the answer to later requests.
func (r *Receiver) Answer(answer Answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// Requests returns the number of requests.
func (r *Receiver) Requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

// Export implements the OTLP service.
func (r *Receiver) Export(ctx context.Context, request *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	r.mu.Lock()
	r.requests++
	answer := r.answer
	r.mu.Unlock()
	response, err := answer(ctx, request)
	if err == nil && response.GetPartialSuccess().GetRejectedDataPoints() == 0 {
		r.add(request)
	}
	return response, err
}
