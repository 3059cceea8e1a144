// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
)

// TestRetryAfterIsBounded tests that a collector that once asks for a longer pause than
// the interval gets the next push nevertheless. A pause of 20 s is within the timeout of
// one export, and 3600 s are not.
func TestRetryAfterIsBounded(t *testing.T) {
	for _, pause := range []time.Duration{20 * time.Second, time.Hour} {
		for name, start := range map[string]func(*testing.T) *collectortest.Collector{
			"HTTP 503": func(t *testing.T) *collectortest.Collector {
				return askForPause(t, http.StatusServiceUnavailable, pause)
			},
			"HTTP 429": func(t *testing.T) *collectortest.Collector { return askForPause(t, http.StatusTooManyRequests, pause) },
			"gRPC exhausted": func(t *testing.T) *collectortest.Collector {
				return askForPauseByGRPC(t, codes.ResourceExhausted, pause)
			},
			"gRPC unavailable": func(t *testing.T) *collectortest.Collector { return askForPauseByGRPC(t, codes.Unavailable, pause) },
		} {
			t.Run(name+" "+pause.String(), func(t *testing.T) {
				handleErrors(t)
				collector := start(t)
				recorder, _ := newRecorder(t)
				began := time.Now()
				t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
				newPipelineOf(t, recorder, exporters.WithExporters("otlp"))
				for collector.Last() == nil {
					if time.Since(began) > 5*time.Second {
						t.Fatal("no push arrives within 5 s")
					}
					time.Sleep(time.Millisecond)
				}
				if recorder.Statistics().ExportFailures == 0 {
					t.Error("no export has failed")
				}
			})
		}
	}
}

// askForPause returns a collector that asks for a pause at its first request.
func askForPause(t *testing.T, status int, pause time.Duration) *collectortest.Collector {
	t.Helper()
	collector := new(collectortest.Collector)
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !asked.Swap(true) {
			w.Header().Set("Retry-After", strconv.Itoa(int(pause.Seconds())))
			w.WriteHeader(status)
			return
		}
		collector.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	return collector
}

func askForPauseByGRPC(t *testing.T, code codes.Code, pause time.Duration) *collectortest.Collector {
	t.Helper()
	// The exporter imports the message.
	kind, err := protoregistry.GlobalTypes.FindMessageByName("google.rpc.RetryInfo")
	if err != nil {
		t.Fatal(err)
	}
	info := kind.New()
	info.Set(kind.Descriptor().Fields().ByName("retry_delay"), protoreflect.ValueOfMessage(durationpb.New(pause).ProtoReflect()))
	refusal, err := status.New(code, "later").WithDetails(protoadapt.MessageV1Of(info.Interface()))
	if err != nil {
		t.Fatal(err)
	}
	collector := collectortest.GRPC(t, nil)
	collector.Refuse(refusal.Err())
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	return collector
}
