// SPDX-License-Identifier: Apache-2.0

// Package collectortest is a collector for tests: an OTLP server on loopback, over gRPC or
// HTTP, that keeps requests and answers as the test says.
package collectortest

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/protobuf/proto"
)

// A Collector receives metrics. It is safe for concurrent use.
type Collector struct {
	collectorpb.UnimplementedMetricsServiceServer

	endpoint string
	hold     chan struct{}

	mu          sync.Mutex
	refusals    []error
	partial     *collectorpb.ExportMetricsPartialSuccess
	requests    []*collectorpb.ExportMetricsServiceRequest
	headers     http.Header
	compression string
	attempts    int
}

// GRPC returns a collector that serves gRPC until the test ends, over TLS if
// config is not nil.
func GRPC(t testing.TB, config *tls.Config) *Collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme, opts := "http://", []grpc.ServerOption(nil)
	if config != nil {
		scheme, opts = "https://", append(opts, grpc.Creds(credentials.NewTLS(config)))
	}
	c := &Collector{endpoint: scheme + listener.Addr().String()}
	server := grpc.NewServer(append(opts, grpc.StatsHandler(compressions{c}))...)
	collectorpb.RegisterMetricsServiceServer(server, c)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		c.Release()
		server.Stop()
		<-done
	})
	return c
}

// HTTP returns a collector that serves HTTP until the test ends, over TLS if config is not
// nil. It refuses requests with 503.
func HTTP(t testing.TB, config *tls.Config) *Collector {
	t.Helper()
	c := new(Collector)
	server := httptest.NewUnstartedServer(c)
	if config != nil {
		server.TLS = config
		server.StartTLS()
	} else {
		server.Start()
	}
	c.endpoint = server.URL
	t.Cleanup(func() {
		c.Release()
		server.Close()
	})
	return c
}

// Endpoint returns the collector's URL, for OTEL_EXPORTER_OTLP_ENDPOINT.
func (c *Collector) Endpoint() string { return c.endpoint }

// Refuse makes the collector answer the next requests with the errors.
func (c *Collector) Refuse(errs ...error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refusals = append(c.refusals, errs...)
}

// AcceptInPart makes the collector accept requests and answer that it rejected some points.
func (c *Collector) AcceptInPart(rejected int64, message string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.partial = &collectorpb.ExportMetricsPartialSuccess{RejectedDataPoints: rejected, ErrorMessage: message}
}

// Hold makes the collector wait with all answers until Release.
func (c *Collector) Hold() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold = make(chan struct{})
}

// Release ends Hold.
func (c *Collector) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hold != nil {
		close(c.hold)
		c.hold = nil
	}
}

// Attempts returns the number of requests, with refused ones.
func (c *Collector) Attempts() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.attempts
}

// Header returns the headers of the last request.
func (c *Collector) Header() http.Header {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.headers.Clone()
}

// Compression returns the compression of the last request, or an empty string.
func (c *Collector) Compression() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.compression
}

func (c *Collector) setCompression(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.compression = name
}

// Last returns the last request that was accepted, or nil.
func (c *Collector) Last() *collectorpb.ExportMetricsServiceRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.requests) == 0 {
		return nil
	}
	return c.requests[len(c.requests)-1]
}

// Requests returns the requests that were accepted.
func (c *Collector) Requests() []*collectorpb.ExportMetricsServiceRequest {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.requests)
}

// Metrics returns the metrics of the last request by name. It fails the test if a name came
// twice.
func (c *Collector) Metrics(t testing.TB) map[string]*metricspb.Metric {
	t.Helper()
	metrics := make(map[string]*metricspb.Metric)
	for _, rm := range c.Last().GetResourceMetrics() {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				if _, ok := metrics[m.GetName()]; ok {
					t.Errorf("metric %q came twice", m.GetName())
				}
				metrics[m.GetName()] = m
			}
		}
	}
	return metrics
}

// Export implements the collector's gRPC service.
func (c *Collector) Export(ctx context.Context, request *collectorpb.ExportMetricsServiceRequest) (*collectorpb.ExportMetricsServiceResponse, error) {
	headers := make(http.Header)
	if md, ok := metadata.FromIncomingContext(ctx); ok {
		for key, values := range md {
			headers[http.CanonicalHeaderKey(key)] = values
		}
	}
	return c.receive(ctx, request, headers)
}

// ServeHTTP implements OTLP over HTTP.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/metrics" {
		http.NotFound(w, r)
		return
	}
	c.setCompression(r.Header.Get("Content-Encoding"))
	body := io.Reader(r.Body)
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		unzipped, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = unzipped
	}
	text, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request := new(collectorpb.ExportMetricsServiceRequest)
	if err := proto.Unmarshal(text, request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	response, err := c.receive(r.Context(), request, r.Header)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	answer, err := proto.Marshal(response)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func (c *Collector) receive(ctx context.Context, request *collectorpb.ExportMetricsServiceRequest, headers http.Header) (*collectorpb.ExportMetricsServiceResponse, error) {
	c.mu.Lock()
	c.attempts++
	c.headers = headers
	hold := c.hold
	c.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.refusals) > 0 {
		err := c.refusals[0]
		c.refusals = c.refusals[1:]
		return nil, err
	}
	c.requests = append(c.requests, request)
	return &collectorpb.ExportMetricsServiceResponse{PartialSuccess: c.partial}, nil
}

// compressions tells a collector the compression of gRPC requests, which handlers do not
// see.
type compressions struct{ collector *Collector }

func (h compressions) HandleRPC(_ context.Context, event stats.RPCStats) {
	if header, ok := event.(*stats.InHeader); ok {
		h.collector.setCompression(header.Compression)
	}
}

func (compressions) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (compressions) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (compressions) HandleConn(context.Context, stats.ConnStats)                       {}
