// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
	"github.com/otelkv/otelkv-go/otelkv"
	"github.com/otelkv/otelkv-go/schema"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	goleak.VerifyTestMain(m)
}

var catalogue = schema.MustCatalogue(
	schema.Int64Counter{Name: "test.load_bytes", PrometheusName: "test:load_bytes", Unit: "By", Description: "Bytes."},
	schema.Float64Counter{Name: "test.load_time", PrometheusName: "test:load_time", Unit: "s", Description: "Seconds."},
	schema.Int64Gauge{Name: "test.jobs", PrometheusName: "test:jobs", Unit: "{job}", Description: "Jobs."},
	schema.Float64Gauge{Name: "test.usage", PrometheusName: "test:usage_perc", Unit: "1", Description: "Fraction."},
	schema.Histogram{Name: "test.load_size", PrometheusName: "test:load_size", Unit: "By", Description: "Sizes.", Boundaries: []float64{1e6}},
)

// newRecorder returns a recorder with one engine, which counted seven bytes.
func newRecorder(t testing.TB, options ...otelkv.Option) (*otelkv.Recorder, otelkv.Int64Counter) {
	t.Helper()
	recorder, err := otelkv.New(catalogue, options...)
	if err != nil {
		t.Fatal(err)
	}
	engine, err := recorder.AddEngine(0, "m")
	if err != nil {
		t.Fatal(err)
	}
	loads, err := catalogue.Int64Counter("test.load_bytes")
	if err != nil {
		t.Fatal(err)
	}
	counter, err := engine.Int64Counter(loads)
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(7)
	return recorder, counter
}

// newPipeline returns a pipeline at a free port, which ends with the test. Its collector
// may end first.
func newPipeline(t *testing.T, opts ...exporters.Option) *exporters.Pipeline {
	t.Helper()
	recorder, _ := newRecorder(t)
	return newPipelineOf(t, recorder, opts...)
}

func newPipelineOf(t *testing.T, recorder *otelkv.Recorder, opts ...exporters.Option) *exporters.Pipeline {
	t.Helper()
	opts = append([]exporters.Option{exporters.WithServer("127.0.0.1:0")}, opts...)
	pipeline, err := exporters.Start(t.Context(), recorder, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipeline.Shutdown(expired()) })
	return pipeline
}

// startAlone starts a pipeline of a recorder of its own.
func startAlone(t *testing.T, opts ...exporters.Option) (*exporters.Pipeline, error) {
	t.Helper()
	recorder, _ := newRecorder(t)
	return exporters.Start(t.Context(), recorder, opts...)
}

func expired() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// scrape returns what the pipeline's server shows.
func scrape(t *testing.T, pipeline *exporters.Pipeline) string {
	t.Helper()
	text, err := get(pipeline)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func get(pipeline *exporters.Pipeline) (string, error) {
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get("http://" + pipeline.Addr().String() + "/metrics")
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

func count(t *testing.T, provider metric.MeterProvider, name string) {
	t.Helper()
	counter, err := provider.Meter("test").Int64Counter(name)
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(t.Context(), 7)
}

func TestChoice(t *testing.T) {
	tests := []struct {
		name        string
		environment string
		disabled    string
		opts        []exporters.Option
		want        string
		wantErrs    []string
	}{
		{name: "specification's default", want: "otlp"},
		{name: "program's default", opts: []exporters.Option{exporters.WithDefaultExporters("console")}, want: "console"},
		{name: "environment before the program's default", environment: "none", opts: []exporters.Option{exporters.WithDefaultExporters("console")}, want: "none"},
		{name: "option before the environment", environment: "otlp", opts: []exporters.Option{exporters.WithExporters("none")}, want: "none"},
		{name: "empty option", environment: "console", opts: []exporters.Option{exporters.WithExporters("")}, want: "console"},
		{name: "two", environment: "otlp,console", want: "otlp, console"},
		{name: "spaces and empty entries", environment: " otlp ,, console, ", want: "otlp, console"},
		{name: "commas alone", environment: " , ", want: "otlp"},
		{name: "SDK disabled", environment: "otlp,console", disabled: "True", opts: []exporters.Option{exporters.WithDefaultExporters("console")}, want: "none"},
		{name: "SDK not disabled", environment: "console", disabled: "false", want: "console"},
		{name: "option before a disabled SDK", disabled: "true", opts: []exporters.Option{exporters.WithExporters("console")}, want: "console"},
		{name: "twice", environment: "otlp,console,otlp", wantErrs: []string{`otelkv: exporter "otlp": exporter given twice`}},
		{name: "unknown", environment: "zipkin", wantErrs: []string{`otelkv: exporter "zipkin": no such exporter: expected one of console, none, otlp, prometheus`}},
		{name: "upper case", environment: "OTLP", wantErrs: []string{`otelkv: exporter "OTLP": no such exporter: expected one of console, none, otlp, prometheus`}},
		{name: "none with another", environment: "none,otlp", wantErrs: []string{`otelkv: exporter "none" stands alone, and the list is "none,otlp"`}},
		{name: "all that is wrong", environment: "a,otlp,otlp,b", wantErrs: []string{`"a": no such`, `"otlp": exporter given twice`, `"b": no such`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_METRICS_EXPORTER", test.environment)
			t.Setenv("OTEL_SDK_DISABLED", test.disabled)
			standardOutput(t)
			pipeline, err := startAlone(t, test.opts...)
			if len(test.wantErrs) > 0 {
				for _, want := range test.wantErrs {
					if err == nil || !strings.Contains(err.Error(), want) {
						t.Errorf("error %v, want it to say %s", err, want)
					}
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = pipeline.Shutdown(expired()) }()
			if got, want := pipeline.String(), "otelkv pipeline: "+test.want; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestListens(t *testing.T) {
	tests := []struct {
		name       string
		host, port string
		opts       []exporters.Option
		wantHost   string
		wantErr    string
	}{
		{name: "environment", host: "127.0.0.2", port: "0", wantHost: "127.0.0.2"},
		{name: "environment's port, default host", port: "0", wantHost: "127.0.0.1"},
		{name: "option first", host: "127.0.0.2", port: "x", opts: []exporters.Option{exporters.WithServer("127.0.0.3:0")}, wantHost: "127.0.0.3"},
		{name: "bad port", port: "many", wantErr: `OTEL_EXPORTER_PROMETHEUS_PORT is "many": expected a port number`},
		{name: "port out of range", port: "65536", wantErr: "expected a port number"},
		{name: "bad address", opts: []exporters.Option{exporters.WithServer("nowhere")}, wantErr: "missing port"},
		{name: "bad server option", port: "0", opts: []exporters.Option{exporters.WithServer("", prometheus.WithBearerToken(""))}, wantErr: "token is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", test.host)
			t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", test.port)
			pipeline, err := startAlone(t, append(test.opts, exporters.WithExporters("prometheus"))...)
			if test.wantErr != "" {
				if err == nil || !strings.Contains(err.Error(), test.wantErr) {
					t.Errorf("error %v, want it to say %s", err, test.wantErr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = pipeline.Shutdown(context.Background()) }()
			host, _, err := net.SplitHostPort(pipeline.Addr().String())
			if err != nil || host != test.wantHost {
				t.Errorf("listens at %s, want host %s", pipeline.Addr(), test.wantHost)
			}
			if want := "otelkv pipeline: prometheus (http://" + pipeline.Addr().String() + "/metrics)"; pipeline.String() != want {
				t.Errorf("got %q, want %q", pipeline.String(), want)
			}
		})
	}
}

// TestAddressInUse tests that Start then returns only this error, and does not try to
// reach the collector, which does not exist.
func TestAddressInUse(t *testing.T) {
	first := newPipeline(t, exporters.WithExporters("prometheus"))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	_, err := startAlone(t, exporters.WithExporters("otlp,prometheus"), exporters.WithServer(first.Addr().String()))
	if !errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "upload") {
		t.Errorf("error %v, want that the address is in use, and nothing else", err)
	}
}

func TestHandlerWithoutServer(t *testing.T) {
	pipeline := newPipeline(t, exporters.WithExporters("prometheus"), exporters.WithoutServer())
	if pipeline.Addr() != nil {
		t.Errorf("listens at %s", pipeline.Addr())
	}
	server, err := prometheus.StartServer("127.0.0.1:0", pipeline.Handler())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Shutdown(context.Background()) }()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	response, err := (&http.Client{Transport: transport}).Get(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "test:load_bytes_total{engine=\"0\",model_name=\"m\"} 7") {
		t.Errorf("the mounted handler shows:\n%s", text)
	}
}

func TestNone(t *testing.T) {
	pipeline := newPipeline(t, exporters.WithExporters("none"))
	count(t, pipeline, "host.requests")
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Error(err)
	}
	if pipeline.Addr() != nil {
		t.Errorf("listens at %s", pipeline.Addr())
	}
	answer := httptest.NewRecorder()
	pipeline.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusNotFound {
		t.Errorf("the handler answers %d, want 404", answer.Code)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := exporters.Start(t.Context(), nil); err == nil {
		t.Error("a nil recorder is taken")
	}
	if _, err := startAlone(t, exporters.WithExporters("prometheus"), exporters.WithoutServer(),
		exporters.WithServer("", prometheus.WithBearerToken("x"))); err == nil {
		t.Error("a token that protects nothing is taken")
	}
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	if _, err := startAlone(t, exporters.WithExporters("console,otlp")); err == nil {
		t.Error("http/json is taken")
	}
}

// A signal is an output that calls a function for each write.
type signal struct {
	written func()

	mu   sync.Mutex
	text strings.Builder
}

func (s *signal) Write(p []byte) (int, error) {
	s.mu.Lock()
	n, err := s.text.Write(p)
	s.mu.Unlock()
	s.written()
	return n, err
}

func (s *signal) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestShutdown(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	// Only the context ends an export that hangs.
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "3600000")
	tests := []struct {
		name          string
		hold, expired bool
		wantErr       bool
		want          bool
	}{
		{name: "in time", want: true},
		{name: "expired", expired: true, wantErr: true},
		// A collector that hangs does not prevent the last export to the console.
		{name: "collector hangs", hold: true, wantErr: true, want: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			others := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, others) })
			collector := collectortest.HTTP(t, nil)
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			out := &signal{written: func() {}}
			if test.hold {
				collector.Hold()
				out.written = cancel
			}
			if test.expired {
				cancel()
			}
			console, err := stdoutmetric.New(stdoutmetric.WithWriter(out))
			if err != nil {
				t.Fatal(err)
			}
			pipeline := newPipeline(t, exporters.WithExporters("otlp,prometheus"), exporters.WithExporter(console))
			err = pipeline.Shutdown(ctx)
			if (err != nil) != test.wantErr {
				t.Errorf("shutdown returned %v, want an error: %t", err, test.wantErr)
			}
			if got := strings.Contains(out.String(), "test.load_bytes"); got != test.want {
				t.Errorf("the console has the last export: %t, want %t", got, test.want)
			}
			if err := pipeline.Shutdown(t.Context()); (err != nil) != test.wantErr {
				t.Errorf("second shutdown returned %v, and the first an error: %t", err, test.wantErr)
			}
			if _, err := get(pipeline); err == nil {
				t.Error("the server still answers")
			}
		})
	}
}

func TestShutdownUnderLoad(t *testing.T) {
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	recorder, counter := newRecorder(t)
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("otlp,prometheus"))
	stop := make(chan struct{})
	var load, stops sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					counter.Add(1)
				}
			}
		})
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					// It fails when the server has stopped.
					_, _ = get(pipeline)
				}
			}
		})
	}
	errs := make([]error, 3)
	for i := range errs {
		stops.Go(func() { errs[i] = pipeline.Shutdown(t.Context()) })
	}
	stops.Wait()
	close(stop)
	load.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Error(err)
	}
	if collector.Last() == nil {
		t.Error("nothing was exported")
	}
}

// TestRecordingDoesNotWait tests that neither recording nor a scrape waits for a
// collector that never answers, or for an export to it.
func TestRecordingDoesNotWait(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	collector := collectortest.HTTP(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	// Only the context ends the export.
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "3600000")
	recorder, counter := newRecorder(t)
	pipeline := newPipelineOf(t, recorder, exporters.WithExporters("otlp,prometheus"))
	collector.Hold()
	flushed := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { flushed <- pipeline.ForceFlush(ctx) }()
	for collector.Attempts() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 1000 {
		counter.Add(7)
	}
	if text := scrape(t, pipeline); !strings.Contains(text, "test:load_bytes_total{engine=\"0\",model_name=\"m\"} 7007") {
		t.Errorf("the scrape shows:\n%s", text)
	}
	select {
	case err := <-flushed:
		t.Errorf("the export ended with %v before it was answered", err)
	default:
	}
	cancel()
	if err := <-flushed; err == nil {
		t.Error("the canceled flush returned no error")
	}
	collector.Release()
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := collector.Metrics(t)["test.load_bytes"].GetSum().GetDataPoints()[0].GetAsInt(); got != 7007 {
		t.Errorf("sent %d in the end, want 7007", got)
	}
}

func TestNothingPrintsTheToken(t *testing.T) {
	const secret = "s3cr3t-t0k3n"
	pipeline := newPipeline(t, exporters.WithExporters("prometheus"), exporters.WithServer("", prometheus.WithBearerToken(secret)))
	if text := fmt.Sprintf("%v %+v %#v", pipeline, pipeline, pipeline); strings.Contains(text, secret) {
		t.Errorf("the pipeline prints its token: %s", text)
	}
	if text := scrape(t, pipeline); strings.Contains(text, "test:") || strings.Contains(text, secret) {
		t.Errorf("an unauthorized scrape shows:\n%s", text)
	}
}
