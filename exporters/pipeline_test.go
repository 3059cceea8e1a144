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

	"github.com/google/go-cmp/cmp"
	promclient "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/console"
	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/exporters/otlp"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
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

// newPipeline returns a pipeline that ends with the test, at a free port. Its
// collector, if any, may be gone by then.
func newPipeline(t *testing.T, opts ...exporters.Option) *exporters.Pipeline {
	t.Helper()
	opts = append([]exporters.Option{exporters.WithListen("127.0.0.1:0")}, opts...)
	pipeline, err := exporters.New(t.Context(), catalogue, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipeline.Shutdown(expired()) })
	return pipeline
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
	response, err := (&http.Client{Transport: transport}).Get("http://" + pipeline.Addr().String() + prometheus.MetricsPath)
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
			opts := append([]exporters.Option{exporters.WithConsoleOptions(console.WithExporterOptions(stdoutmetric.WithWriter(io.Discard)))}, test.opts...)
			pipeline, err := exporters.New(t.Context(), catalogue, opts...)
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
		{name: "option first", host: "127.0.0.2", port: "x", opts: []exporters.Option{exporters.WithListen("127.0.0.3:0")}, wantHost: "127.0.0.3"},
		{name: "bad port", port: "many", wantErr: `OTEL_EXPORTER_PROMETHEUS_PORT is "many": expected a port number`},
		{name: "port out of range", port: "65536", wantErr: "expected a port number"},
		{name: "bad address", opts: []exporters.Option{exporters.WithListen("nowhere")}, wantErr: "missing port"},
		{name: "bad server option", port: "0", opts: []exporters.Option{exporters.WithServerOptions(prometheus.WithBearerToken(""))}, wantErr: "token is empty"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_PROMETHEUS_HOST", test.host)
			t.Setenv("OTEL_EXPORTER_PROMETHEUS_PORT", test.port)
			pipeline, err := exporters.New(t.Context(), catalogue, append(test.opts, exporters.WithExporters("prometheus"))...)
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

// TestAddressInUse holds that New then says so alone, and does not try to reach
// the collector, where nothing listens.
func TestAddressInUse(t *testing.T) {
	first := newPipeline(t, exporters.WithExporters("prometheus"))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	_, err := exporters.New(t.Context(), catalogue, exporters.WithExporters("otlp,prometheus"), exporters.WithListen(first.Addr().String()))
	if !errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "upload") {
		t.Errorf("error %v, want that the address is in use, and nothing else", err)
	}
}

func TestBothExporters(t *testing.T) {
	collector := collectortest.GRPC(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	pipeline := newPipeline(t,
		exporters.WithExporters("prometheus,otlp"),
		exporters.WithResource(resource.NewSchemaless(attribute.String("service.name", "svc"))),
		exporters.WithPrometheusOptions(prometheus.WithTargetInfo()))
	count(t, pipeline, "test.load_bytes")
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := collector.Metrics(t)["test.load_bytes"].GetSum().GetDataPoints()[0].GetAsInt(); got != 7 {
		t.Errorf("sent %d, want 7", got)
	}
	text := scrape(t, pipeline)
	for _, want := range []string{"\ntest:load_bytes_total 7\n", `target_info{service_name="svc"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("the scrape lacks %q:\n%s", want, text)
		}
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
	count(t, pipeline, "test.load_bytes")
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
	if !strings.Contains(string(text), "test:load_bytes_total 7") {
		t.Errorf("the mounted handler shows:\n%s", text)
	}
}

// TestUnstartedServer: a scrape that comes before the start waits, and sees what
// was declared meanwhile.
func TestUnstartedServer(t *testing.T) {
	pipeline := newPipeline(t, exporters.WithExporters("prometheus"), exporters.WithUnstartedServer())
	conn, err := net.Dial("tcp", pipeline.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	count(t, pipeline, "test.load_bytes")
	pipeline.StartServer()
	text, err := io.ReadAll(conn)
	if err != nil || !strings.Contains(string(text), "test:load_bytes_total 7") {
		t.Errorf("the scrape that waited got %v and\n%s", err, text)
	}
	newPipeline(t, exporters.WithExporters("none"), exporters.WithUnstartedServer()).StartServer()
}

func TestNone(t *testing.T) {
	pipeline := newPipeline(t, exporters.WithExporters("none"))
	count(t, pipeline, "test.load_bytes")
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

func TestOTLPOptions(t *testing.T) {
	collector := collectortest.GRPC(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	pipeline := newPipeline(t, exporters.WithExporters("otlp"), exporters.WithOTLPOptions(
		otlp.WithCatalogueNames(catalogue),
		otlp.WithReaderOptions(sdkmetric.WithMaxExportBatchSize(2))))
	addSource(t, pipeline, &ledger{label: "0"})
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The source has six points: two of the histogram, one of each other metric.
	if got := collector.Attempts(); got != 3 {
		t.Errorf("%d requests, want 3 of two points each", got)
	}
	if _, ok := collector.Metrics(t)["test:load_size"]; !ok {
		t.Errorf("the last request has %v, want test:load_size", collector.Metrics(t))
	}
}

func TestViewsAndCardinalityLimit(t *testing.T) {
	pipeline := newPipeline(t,
		exporters.WithExporters("prometheus"),
		exporters.WithViews(sdkmetric.NewView(sdkmetric.Instrument{Name: "old"}, sdkmetric.Stream{Name: "new"})),
		exporters.WithCardinalityLimit(2))
	count(t, pipeline, "old")
	c, err := pipeline.Meter("test").Int64Counter("many")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		c.Add(t.Context(), 1, metric.WithAttributes(attribute.Int("i", i)))
	}
	text := scrape(t, pipeline)
	if !strings.Contains(text, "\nnew_total{") {
		t.Errorf("the view did not rename:\n%s", text)
	}
	if !strings.Contains(text, `many_total{otel_metric_overflow="true",otel_scope_name="test",otel_scope_schema_url="",otel_scope_version=""} 9`) {
		t.Errorf("the limit did not fold:\n%s", text)
	}
}

func TestPrometheusBridgeSendsNothingTwice(t *testing.T) {
	collector := collectortest.GRPC(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	registry := promclient.NewRegistry()
	own := promclient.NewCounter(promclient.CounterOpts{Name: "host_requests_total", Help: "Requests."})
	own.Inc()
	registry.MustRegister(own)
	pipeline := newPipeline(t,
		exporters.WithExporters("prometheus,otlp"),
		exporters.WithoutServer(),
		exporters.WithPrometheusOptions(prometheus.WithRegisterer(registry)),
		exporters.WithPrometheusBridge(registry))
	count(t, pipeline, "test.load_bytes")
	count(t, pipeline, "http.requests")
	if err := pipeline.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, name := range []string{"host_requests_total", "http.requests", "http_requests_total", "test.load_bytes", "test:load_bytes_total"} {
		if _, ok := collector.Metrics(t)[name]; ok {
			got = append(got, name)
		}
	}
	if diff := cmp.Diff([]string{"host_requests_total", "http.requests", "test.load_bytes"}, got); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestWithReader(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	newPipelineWith := func(factories ...exporters.Factory) (*exporters.Pipeline, error) {
		opts := []exporters.Option{exporters.WithExporters("none")}
		for _, f := range factories {
			opts = append(opts, exporters.WithReader(f))
		}
		return exporters.New(t.Context(), catalogue, opts...)
	}
	pipeline, err := newPipelineWith(func(context.Context, exporters.Settings) (sdkmetric.Reader, error) { return reader, nil })
	if err != nil {
		t.Fatal(err)
	}
	count(t, pipeline, "x")
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &rm); err != nil || len(rm.ScopeMetrics) != 1 {
		t.Errorf("collected %v, %v", rm.ScopeMetrics, err)
	}
	if err := pipeline.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := reader.Shutdown(t.Context()); !errors.Is(err, sdkmetric.ErrReaderShutdown) {
		t.Errorf("the pipeline left its reader running: %v", err)
	}

	fault := errors.New("no")
	_, err = newPipelineWith(
		func(context.Context, exporters.Settings) (sdkmetric.Reader, error) { return nil, fault },
		func(context.Context, exporters.Settings) (sdkmetric.Reader, error) { return nil, nil },
		nil,
	)
	if !errors.Is(err, fault) || !strings.Contains(err.Error(), "reader 2 returned no reader") || !strings.Contains(err.Error(), "reader 3 has no factory") {
		t.Errorf("error %v, want every factory's", err)
	}

	scraped := func(_ context.Context, s exporters.Settings) (sdkmetric.Reader, error) {
		return prometheus.New(s.Catalogue)
	}
	if _, err = newPipelineWith(scraped, scraped); err == nil || !strings.Contains(err.Error(), "scraped already") {
		t.Errorf("error %v, want that one is scraped already", err)
	}
}

func TestNewRefuses(t *testing.T) {
	if _, err := exporters.New(t.Context(), nil); err == nil {
		t.Error("a nil catalogue is taken")
	}
	if _, err := exporters.New(t.Context(), catalogue, exporters.WithExporters("prometheus"), exporters.WithoutServer(),
		exporters.WithServerOptions(prometheus.WithBearerToken("x"))); err == nil {
		t.Error("a token that protects nothing is taken")
	}
	if _, err := exporters.New(t.Context(), catalogue, exporters.WithExporters("prometheus"), exporters.WithoutServer(),
		exporters.WithUnstartedServer()); err == nil {
		t.Error("a server that is not there is taken as unstarted")
	}
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")
	if _, err := exporters.New(t.Context(), catalogue, exporters.WithExporters("console,otlp")); err == nil {
		t.Error("http/json is taken")
	}
}

// A signal is an output that says when it was written to.
type signal struct {
	strings.Builder
	written func()
}

func (s *signal) Write(p []byte) (int, error) {
	s.written()
	return s.Builder.Write(p)
}

func TestShutdown(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	// Nothing but the context ends an export that hangs.
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
		// A collector that hangs does not keep the console from its last export.
		{name: "collector hangs", hold: true, wantErr: true, want: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			others := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, others) })
			collector := collectortest.GRPC(t, nil)
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
			pipeline := newPipeline(t, exporters.WithExporters("otlp,console,prometheus"),
				exporters.WithConsoleOptions(console.WithExporterOptions(stdoutmetric.WithWriter(out))))
			count(t, pipeline, "test.load_bytes")
			err := pipeline.Shutdown(ctx)
			if (err != nil) != test.wantErr {
				t.Errorf("shutdown returned %v, want an error: %t", err, test.wantErr)
			}
			if got := strings.Contains(out.String(), "test.load_bytes"); got != test.want {
				t.Errorf("the console has the last export: %t, want %t", got, test.want)
			}
			if err := pipeline.Shutdown(t.Context()); err != nil {
				t.Errorf("second shutdown returned %v", err)
			}
			if _, err := get(pipeline); err == nil {
				t.Error("the server still answers")
			}
			count(t, pipeline, "test.load_bytes")
		})
	}
}

func TestShutdownUnderLoad(t *testing.T) {
	collector := collectortest.GRPC(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	pipeline := newPipeline(t, exporters.WithExporters("otlp,prometheus"))
	counter, err := pipeline.Meter("test").Int64Counter("test.load_bytes")
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var load, stops sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					counter.Add(context.Background(), 1)
				}
			}
		})
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					// It fails once the server is gone.
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

// TestRecordingDoesNotWait holds that a collector which never answers, and an
// export that waits for it, delay neither recording nor a scrape.
func TestRecordingDoesNotWait(t *testing.T) {
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	collector := collectortest.GRPC(t, nil)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	// The export ends when it is told to.
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "3600000")
	pipeline := newPipeline(t, exporters.WithExporters("otlp,prometheus"))
	collector.Hold()
	count(t, pipeline, "test.load_bytes")
	flushed := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { flushed <- pipeline.ForceFlush(ctx) }()
	for collector.Attempts() == 0 {
		time.Sleep(time.Millisecond)
	}
	for range 1000 {
		count(t, pipeline, "test.load_bytes")
	}
	if text := scrape(t, pipeline); !strings.Contains(text, "test:load_bytes_total 7007") {
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
	pipeline := newPipeline(t, exporters.WithExporters("prometheus"), exporters.WithServerOptions(prometheus.WithBearerToken(secret)))
	if text := fmt.Sprintf("%v %+v %#v", pipeline, pipeline, pipeline); strings.Contains(text, secret) {
		t.Errorf("the pipeline prints its token: %s", text)
	}
	if text := scrape(t, pipeline); strings.Contains(text, "test:") || strings.Contains(text, secret) {
		t.Errorf("an unauthorized scrape shows:\n%s", text)
	}
}
