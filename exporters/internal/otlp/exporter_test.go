// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/exporters/internal/otlp"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	goleak.VerifyTestMain(m)
}

const secret = "s3cr3t-t0k3n"

// measure records one value with each kind of instrument, as a recorder does.
func measure(t *testing.T, provider *sdkmetric.MeterProvider) {
	t.Helper()
	meter := provider.Meter("otelkv")
	labels := metric.WithAttributeSet(attribute.NewSet(attribute.String("engine", "0"), attribute.String("tier", "1:fs")))
	_, err1 := meter.Int64ObservableCounter("test.load_bytes", metric.WithUnit("By"), metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
		o.Observe(1<<60+1, labels)
		return nil
	}))
	_, err2 := meter.Float64ObservableCounter("test.load_time", metric.WithUnit("s"), metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
		o.Observe(0.5, labels)
		return nil
	}))
	jobs, err3 := meter.Int64Gauge("test.jobs", metric.WithUnit("{job}"))
	usage, err4 := meter.Float64Gauge("test.usage", metric.WithUnit("1"))
	size, err5 := meter.Float64Histogram("test.load_size", metric.WithUnit("By"), metric.WithExplicitBucketBoundaries(1e6))
	foreign, err6 := provider.Meter("host").Int64Counter("host.requests", metric.WithUnit("{request}"))
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Fatal(err)
	}
	jobs.Record(t.Context(), 3, labels)
	usage.Record(t.Context(), 0.25, labels)
	size.Record(t.Context(), 2e6, labels)
	foreign.Add(t.Context(), 1)
}

// newReader returns a reader on a provider of its own, which ends with the test.
func newReader(t *testing.T, retry otlpmetrichttp.RetryConfig) (sdkmetric.Reader, *sdkmetric.MeterProvider) {
	t.Helper()
	exporter, err := otlp.New(t.Context(), retry)
	if err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewPeriodicReader(exporter)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc"))))
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = provider.Shutdown(ctx)
	})
	return reader, provider
}

// quick retries without the pauses of the default.
var quick = otlpmetrichttp.RetryConfig{Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, MaxElapsedTime: 10 * time.Second}

// protocols runs a test with each protocol and a collector. The environment names the
// endpoint, so that every test also shows that nothing overrides it.
func protocols(t *testing.T, test func(t *testing.T, collector *collectortest.Collector)) {
	t.Helper()
	for protocol, serve := range map[string]func(t *testing.T) *collectortest.Collector{
		"grpc":          func(t *testing.T) *collectortest.Collector { return collectortest.GRPC(t, nil) },
		"http/protobuf": func(t *testing.T) *collectortest.Collector { return collectortest.HTTP(t, nil) },
	} {
		t.Run(protocol, func(t *testing.T) {
			collector := serve(t)
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
			test(t, collector)
		})
	}
}

// describe returns a line that describes a metric.
func describe(m *metricspb.Metric) string {
	switch data := m.GetData().(type) {
	case *metricspb.Metric_Sum:
		p := data.Sum.GetDataPoints()[0]
		return fmt.Sprintf("sum monotonic=%t %s unit=%q %v %s", data.Sum.GetIsMonotonic(), data.Sum.GetAggregationTemporality(), m.GetUnit(), p.GetValue(), attributes(p))
	case *metricspb.Metric_Gauge:
		p := data.Gauge.GetDataPoints()[0]
		return fmt.Sprintf("gauge unit=%q %v %s", m.GetUnit(), p.GetValue(), attributes(p))
	case *metricspb.Metric_Histogram:
		p := data.Histogram.GetDataPoints()[0]
		return fmt.Sprintf("histogram %s unit=%q %v %v %s", data.Histogram.GetAggregationTemporality(), m.GetUnit(), p.GetExplicitBounds(), p.GetBucketCounts(), labels(p.GetAttributes()))
	default:
		return fmt.Sprintf("%T", data)
	}
}

func attributes(p *metricspb.NumberDataPoint) string { return labels(p.GetAttributes()) }

func describeAll(t *testing.T, collector *collectortest.Collector) map[string]string {
	t.Helper()
	lines := make(map[string]string)
	for name, m := range collector.Metrics(t) {
		lines[name] = describe(m)
	}
	return lines
}

func TestNames(t *testing.T) {
	const (
		sum    = "sum monotonic=true AGGREGATION_TEMPORALITY_CUMULATIVE "
		tiered = "engine=0,tier=1:fs"
	)
	want := map[string]string{
		"test.load_bytes": sum + `unit="By" &{1152921504606846977} ` + tiered,
		"test.load_time":  sum + `unit="s" &{0.5} ` + tiered,
		"test.jobs":       `gauge unit="{job}" &{3} ` + tiered,
		"test.usage":      `gauge unit="1" &{0.25} ` + tiered,
		"test.load_size":  `histogram AGGREGATION_TEMPORALITY_CUMULATIVE unit="By" [1e+06] [0 1] ` + tiered,
		"host.requests":   sum + `unit="{request}" &{1} `,
	}
	protocols(t, func(t *testing.T, collector *collectortest.Collector) {
		_, provider := newReader(t, quick)
		measure(t, provider)
		if err := provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, describeAll(t, collector)); diff != "" {
			t.Errorf("metrics (-want +got):\n%s", diff)
		}
		if got := labels(collector.Last().GetResourceMetrics()[0].GetResource().GetAttributes()); got != "service.name=svc" {
			t.Errorf("resource %s, want the provider's", got)
		}
	})
}

func TestTemporalityPreference(t *testing.T) {
	const cumulative, delta = metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE, metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
	tests := []struct {
		preference          string
		observed, histogram metricspb.AggregationTemporality
		second              int64
	}{
		{"", cumulative, cumulative, 20},
		{"cumulative", cumulative, cumulative, 20},
		{"delta", delta, delta, 10},
		{"lowmemory", cumulative, delta, 20},
	}
	for _, test := range tests {
		t.Run("preference "+test.preference, func(t *testing.T) {
			collector := collectortest.HTTP(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", test.preference)
			_, provider := newReader(t, quick)
			var total int64
			_, err := provider.Meter("otelkv").Int64ObservableCounter("c", metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
				total += 10
				o.Observe(total)
				return nil
			}))
			if err != nil {
				t.Fatal(err)
			}
			h, err := provider.Meter("otelkv").Float64Histogram("h")
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				h.Record(t.Context(), 1)
				if err := provider.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			metrics := collector.Metrics(t)
			sum := metrics["c"].GetSum()
			if sum.GetAggregationTemporality() != test.observed || sum.GetDataPoints()[0].GetAsInt() != test.second {
				t.Errorf("second sum is %s %d, want %s %d", sum.GetAggregationTemporality(), sum.GetDataPoints()[0].GetAsInt(), test.observed, test.second)
			}
			if got := metrics["h"].GetHistogram().GetAggregationTemporality(); got != test.histogram {
				t.Errorf("histogram is %s, want %s", got, test.histogram)
			}
		})
	}
}

func TestProtocol(t *testing.T) {
	tests := []struct {
		name             string
		metrics, general string
		wantHTTP         bool
		wantErr          string
	}{
		{name: "default", wantHTTP: true},
		{name: "general", general: "http/protobuf", wantHTTP: true},
		{name: "metrics first", metrics: "http/protobuf", general: "grpc", wantHTTP: true},
		{name: "metrics first, the other way", metrics: "grpc", general: "http/protobuf"},
		{name: "json", general: "http/json", wantErr: `otelkv: OTLP protocol "http/json" of OTEL_EXPORTER_OTLP_PROTOCOL: expected grpc or http/protobuf`},
		{name: "json for metrics", metrics: "http/json", wantErr: `otelkv: OTLP protocol "http/json" of OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: expected grpc or http/protobuf`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", test.general)
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", test.metrics)
			byGRPC, byHTTP := collectortest.GRPC(t, nil), collectortest.HTTP(t, nil)
			want := byGRPC
			if test.wantHTTP {
				want = byHTTP
			}
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", want.Endpoint())
			exporter, err := otlp.New(t.Context(), quick)
			if test.wantErr != "" {
				if err == nil || err.Error() != test.wantErr {
					t.Fatalf("error %v, want %s", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = exporter.Shutdown(context.Background()) }()
			if err := exporter.Export(t.Context(), &metricdata.ResourceMetrics{}); err != nil {
				t.Fatal(err)
			}
			if got := want.Attempts(); got != 1 {
				t.Errorf("%d requests at the wanted collector, want 1", got)
			}
		})
	}
}

func TestRetries(t *testing.T) {
	protocols(t, func(t *testing.T, collector *collectortest.Collector) {
		collector.Refuse(status.Error(codes.Unavailable, "try again"), status.Error(codes.Unavailable, "try again"))
		_, provider := newReader(t, quick)
		measure(t, provider)
		if err := provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := collector.Attempts(); got != 3 {
			t.Errorf("%d attempts, want 3", got)
		}
	})
}

func TestPartialSuccessIsReported(t *testing.T) {
	protocols(t, func(t *testing.T, collector *collectortest.Collector) {
		collector.AcceptInPart(2, "too old")
		_, provider := newReader(t, quick)
		measure(t, provider)
		err := provider.ForceFlush(t.Context())
		if err == nil || !strings.Contains(err.Error(), "too old") {
			t.Errorf("flush returned %v, want the collector's message", err)
		}
	})
}

func TestCollectorDown(t *testing.T) {
	// Nothing listens at port 1 of loopback.
	for _, protocol := range []string{"grpc", "http/protobuf"} {
		t.Run(protocol, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "50")
			t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
			_, provider := newReader(t, quick)
			measure(t, provider)
			if err := provider.ForceFlush(t.Context()); err == nil {
				t.Error("flush returned no error")
			}
			if err := provider.Shutdown(t.Context()); err == nil {
				t.Error("shutdown returned no error for the last export")
			}
		})
	}
}

type errorLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *errorLog) Handle(err error) { l.write(err.Error()) }

func (l *errorLog) write(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.WriteString(line + "\n")
}

func (l *errorLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func TestHeaders(t *testing.T) {
	protocols(t, func(t *testing.T, collector *collectortest.Collector) {
		t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20general,x-scope=general")
		t.Setenv("OTEL_EXPORTER_OTLP_METRICS_HEADERS", "authorization=Bearer%20"+secret)
		_, provider := newReader(t, quick)
		measure(t, provider)
		if err := provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := collector.Header().Get("Authorization"); got != "Bearer "+secret {
			t.Errorf("authorization %q, want the metrics' own", got)
		}
	})
}

func TestSecretsAreNotPrinted(t *testing.T) {
	var log errorLog
	otel.SetErrorHandler(&log)
	otel.SetLogger(funcr.New(func(prefix, args string) { log.write(prefix + args) }, funcr.Options{Verbosity: 10}))
	t.Run("in use", func(t *testing.T) {
		protocols(t, func(t *testing.T, collector *collectortest.Collector) {
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization="+secret)
			collector.Refuse(status.Error(codes.PermissionDenied, "no"))
			reader, provider := newReader(t, quick)
			measure(t, provider)
			err := provider.ForceFlush(t.Context())
			log.write(fmt.Sprintf("%v %+v %#v %v", reader, reader, reader, err))
		})
	})
	for name, headers := range map[string]string{
		"no equals sign":     "authorization " + secret,
		"not a header name":  secret + " x=1",
		"bad escape":         "authorization=%zz" + secret,
		"second entry":       "a=b," + secret,
		"after an empty one": "a=b,,=" + secret,
		"end of the line":    "a=b%0d%0ac:" + secret,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
			_, err := otlp.New(t.Context(), quick)
			if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_HEADERS") {
				t.Fatalf("error %v, want one that names the variable", err)
			}
			log.write(err.Error())
		})
	}
	for _, endpoint := range []string{
		"http://user:" + secret + "@%zz", "http://user:" + secret + "@127.0.0.1:1", "grpc://user:" + secret + "@127.0.0.1:1",
		"user:" + secret + "@localhost:1", secret + "@127.0.0.1:1", secret + "@localhost", "dns://user:" + secret + "@127.0.0.1/localhost:1",
	} {
		t.Run("endpoint "+endpoint, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
			_, err := otlp.New(t.Context(), quick)
			if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_ENDPOINT") {
				t.Fatalf("error %v, want one that names the variable", err)
			}
			log.write(err.Error())
		})
	}
	if text := log.String(); strings.Contains(text, secret) {
		t.Errorf("a secret was printed:\n%s", text)
	}
}

func TestShutdown(t *testing.T) {
	protocols(t, func(t *testing.T, collector *collectortest.Collector) {
		_, provider := newReader(t, quick)
		measure(t, provider)
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, ok := collector.Metrics(t)["test.load_bytes"]; !ok {
			t.Error("shutdown did not export")
		}
		if err := provider.Shutdown(t.Context()); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
			t.Errorf("second shutdown returned %v, want ErrReaderShutdown", err)
		}
	})
}

func TestShutdownHonoursTheDeadline(t *testing.T) {
	protocols(t, func(t *testing.T, collector *collectortest.Collector) {
		collector.Hold()
		_, provider := newReader(t, quick)
		measure(t, provider)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := provider.Shutdown(ctx); err == nil {
			t.Error("shutdown returned no error for an export that was never answered")
		}
	})
}

func TestRetriesWithinInterval(t *testing.T) {
	upstream := otlpmetrichttp.RetryConfig{Enabled: true, InitialInterval: 5 * time.Second, MaxInterval: 30 * time.Second, MaxElapsedTime: time.Minute}
	for interval, want := range map[string]otlpmetrichttp.RetryConfig{
		"": upstream, "never": upstream, "-1": upstream, "3600000": upstream, "9223372036854775807": upstream,
		"10000": {Enabled: true, InitialInterval: 5 * time.Second, MaxInterval: 10 * time.Second, MaxElapsedTime: 10 * time.Second},
		"100":   {Enabled: true, InitialInterval: 100 * time.Millisecond, MaxInterval: 100 * time.Millisecond, MaxElapsedTime: 100 * time.Millisecond},
	} {
		t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", interval)
		if got := otlp.RetriesWithinInterval(); got != want {
			t.Errorf("interval %q: got %+v, want %+v", interval, got, want)
		}
	}
}
