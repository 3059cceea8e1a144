// SPDX-License-Identifier: Apache-2.0

// Package faults tests what happens to measurements if a system around the library fails:
// no total is lost with cumulative temporality, recording does not wait, and memory does
// not grow.
package faults

import (
	"context"
	"crypto/tls"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/receiver"
	"github.com/otelkv/otelkv-go/internal/testcert"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// exportTimeout limits one export, with all its retries.
const exportTimeout = 300 * time.Millisecond

// often makes pipelines export so often that a fault shows many times.
func often(t *testing.T) {
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "20")
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", strconv.FormatInt(exportTimeout.Milliseconds(), 10))
}

// refuse answers with an error.
func refuse(err error) receiver.Answer {
	return func(context.Context, *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
		return nil, err
	}
}

// hang waits until the client gives up.
func hang(ctx context.Context, _ *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// reject rejects all data points in a response without an error.
func reject(context.Context, *collector.ExportMetricsServiceRequest) (*collector.ExportMetricsServiceResponse, error) {
	return &collector.ExportMetricsServiceResponse{PartialSuccess: &collector.ExportMetricsPartialSuccess{
		RejectedDataPoints: 3, ErrorMessage: "over quota",
	}}, nil
}

func exhausted(t *testing.T) error {
	t.Helper()
	s, err := status.New(codes.ResourceExhausted, "later").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(time.Millisecond)})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

// A fault makes pipelines send to a receiver that does not work until mend is called.
type fault func(*testing.T, *receiver.Receiver) (mend func())

// TestReceiverFails tests that totals survive all kinds of faults of a receiver.
func TestReceiverFails(t *testing.T) {
	answering := func(answer receiver.Answer) fault {
		return func(t *testing.T, r *receiver.Receiver) (mend func()) {
			r.Start(t)
			r.Answer(answer)
			load.OverGRPC(t, r.Address())
			return func() { r.Answer(receiver.Accept) }
		}
	}
	overHTTP := func(answer receiver.Answer) fault {
		return func(t *testing.T, r *receiver.Receiver) (mend func()) {
			server := httptest.NewServer(r)
			t.Cleanup(server.Close)
			r.Answer(answer)
			load.OverHTTP(t, server.URL+"/v1/metrics")
			return func() { r.Answer(receiver.Accept) }
		}
	}
	tests := []struct {
		name  string
		fault fault
		// reported is part of a reported error.
		reported string
	}{
		{"down at start", func(t *testing.T, r *receiver.Receiver) (mend func()) {
			load.OverGRPC(t, r.Address())
			return func() { r.Start(t) }
		}, "connection refused"},
		{"unavailable", answering(refuse(status.Error(codes.Unavailable, "restarting"))), "restarting"},
		{"exhausted, with retry info", answering(refuse(exhausted(t))), "later"},
		{"exhausted, without retry info", answering(refuse(status.Error(codes.ResourceExhausted, "no room"))), "no room"},
		{"refusing for good", answering(refuse(status.Error(codes.InvalidArgument, "not understood"))), "not understood"},
		{"slow", answering(hang), "deadline exceeded"},
		{"partial success", answering(reject), "over quota"},
		{"HTTP, unavailable", overHTTP(refuse(status.Error(codes.Unavailable, "restarting"))), "restarting"},
		{"HTTP, exhausted", overHTTP(refuse(status.Error(codes.ResourceExhausted, "later"))), "later"},
		{"HTTP, slow", overHTTP(hang), "timeout"},
		{"HTTP, partial success", overHTTP(reject), "over quota"},
		{"connection cut mid-stream", func(t *testing.T, r *receiver.Receiver) (mend func()) {
			r.Start(t)
			proxy := receiver.NewProxy(t, r.Address())
			proxy.CutAfter(2 << 10)
			load.OverGRPC(t, proxy.Address())
			return func() {
				if proxy.Cuts() == 0 {
					t.Error("no connection was cut")
				}
				proxy.CutAfter(0)
			}
		}, "error reading"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := receiver.New(t, nil)
			survive(t, r, test.fault(t, r), test.reported)
		})
	}
}

// TestCertificateFails is TestReceiverFails for certificates that a client must not
// trust.
func TestCertificateFails(t *testing.T) {
	ours, other := testcert.NewAuthority(t), testcert.NewAuthority(t)
	valid := ours.Issue(t, time.Now().Add(time.Hour))
	tests := []struct {
		name     string
		first    tls.Certificate
		reported string
	}{
		{"of an unknown authority", other.Issue(t, time.Now().Add(time.Hour)), "unknown authority"},
		{"expired", ours.Issue(t, time.Now().Add(-time.Minute)), "expired"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var certificate atomic.Pointer[tls.Certificate]
			certificate.Store(&test.first)
			r := receiver.New(t, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
				return certificate.Load(), nil
			}})
			r.Start(t)
			load.OverGRPC(t, r.Address())
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://"+r.Address())
			t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", ours.File(t))
			survive(t, r, func() { certificate.Store(&valid) }, test.reported)
		})
	}
}

// survive records during the fault, mends the receiver, and tests that everything
// arrives.
func survive(t *testing.T, r *receiver.Receiver, mend func(), reported string) {
	t.Helper()
	errs := handleErrors(t)
	often(t)
	service := load.NewService(t, vllm.TieringSpec(), "faults", exporters.WithExporters("otlp"))
	// The same failure is reported once a minute, so the reports do not show how often
	// exports fail.
	recorded := record(t, service, func() bool {
		n := failedExports(service)
		return n >= maxHandled || n >= 5 && errs.count() > 0 && strings.Contains(errs.joined().Error(), reported)
	})
	if r.Sum("vllm.kv_offload.load_bytes") != 0 {
		t.Error("the receiver took something, so nothing was wrong with it")
	}
	if err := errs.joined(); err == nil || !strings.Contains(err.Error(), reported) {
		t.Errorf("reported %v, want %q", err, reported)
	}
	if failed, reports := failedExports(service), errs.count(); failed < 5 || int64(reports) >= failed {
		t.Errorf("%d exports failed and %d were reported, want 5 at least, and not each reported", failed, reports)
	}
	mend()
	flush(t, service)
	lost := float64(recorded.increments) - r.Sum("vllm.kv_offload.load_bytes")
	lostSamples := float64(recorded.samples) - r.Sum("vllm.kv_offload.load_size")
	t.Logf("lost %v of %d bytes and %v of %d samples in %d failed exports, %d of which were reported",
		lost, recorded.increments, lostSamples, recorded.samples, failedExports(service), errs.count())
	if lost != 0 || lostSamples != 0 {
		t.Error("totals are lost")
	}
}

// TestDeltaLosesTheIntervalOfAFailedExport tests the documented loss with delta
// temporality, and that no more is lost.
func TestDeltaLosesTheIntervalOfAFailedExport(t *testing.T) {
	tests := []struct {
		temporality string
		lost        float64
	}{
		{"cumulative", 0},
		{"delta", 10},
	}
	for _, test := range tests {
		t.Run(test.temporality, func(t *testing.T) {
			handleErrors(t)
			r := receiver.New(t, nil)
			r.Start(t)
			load.OverGRPC(t, r.Address())
			load.WhenFlushed(t)
			load.WithTemporality(t, test.temporality)
			service := load.NewService(t, vllm.TieringSpec(), "faults", exporters.WithExporters("otlp"))
			loads, err := service.Engines[0].Int64Counter(vllm.LoadBytes)
			if err != nil {
				t.Fatal(err)
			}
			loads.Add(1)
			flush(t, service)
			r.Answer(refuse(status.Error(codes.InvalidArgument, "no")))
			loads.Add(10)
			if err := service.Pipeline.ForceFlush(t.Context()); err == nil {
				t.Error("the refused export succeeded")
			}
			r.Answer(receiver.Accept)
			loads.Add(100)
			flush(t, service)
			lost := 111 - r.Sum("vllm.kv_offload.load_bytes")
			t.Logf("lost %v of 111 bytes", lost)
			if lost != test.lost {
				t.Errorf("lost %v bytes, want %v", lost, test.lost)
			}
		})
	}
}
