package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/stdout/stdoutmetric"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.uber.org/goleak"

	"github.com/otelkv/otelkv-go/exporters/console"
	"github.com/otelkv/otelkv-go/internal/cleanenv"
)

func TestMain(m *testing.M) {
	cleanenv.Unset()
	goleak.VerifyTestMain(m)
}

// printed is the part of the output that the tests look at.
type printed struct {
	ScopeMetrics []struct {
		Metrics []struct{ Name, Unit string }
	}
}

func TestReader(t *testing.T) {
	fault := errors.New("the host's fault")
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	var out strings.Builder
	reader, err := console.NewReader(console.WithExporterOptions(stdoutmetric.WithWriter(&out)))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	loaded, err := provider.Meter("otelkv").Int64Counter("test.load_bytes", metric.WithUnit("By"))
	if err != nil {
		t.Fatal(err)
	}
	loaded.Add(t.Context(), 1)
	_, err = provider.Meter("host").Int64ObservableGauge("x", metric.WithInt64Callback(func(context.Context, metric.Int64Observer) error { return fault }))
	if err != nil {
		t.Fatal(err)
	}
	if err := provider.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got printed
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if m := got.ScopeMetrics[0].Metrics[0]; m.Name != "test.load_bytes" || m.Unit != "By" {
		t.Errorf("printed %+v, want test.load_bytes in By", m)
	}
}

func TestNew(t *testing.T) {
	var out strings.Builder
	exporter, err := console.New(console.WithExporterOptions(stdoutmetric.WithWriter(&out), stdoutmetric.WithoutTimestamps()))
	if err != nil {
		t.Fatal(err)
	}
	if err := exporter.Export(t.Context(), &metricdata.ResourceMetrics{Resource: resource.Empty()}); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "{\"Resource\":null,\"ScopeMetrics\":null}\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}

func TestReaderOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		reader, err := console.NewReader(
			console.WithExporterOptions(stdoutmetric.WithWriter(&out)),
			console.WithReaderOptions(sdkmetric.WithInterval(time.Minute)))
		if err != nil {
			t.Fatal(err)
		}
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		gauge, err := provider.Meter("otelkv").Int64Gauge("test.jobs")
		if err != nil {
			t.Fatal(err)
		}
		gauge.Record(t.Context(), 1)
		time.Sleep(3*time.Minute + time.Second)
		synctest.Wait()
		if got := strings.Count(out.String(), "test.jobs"); got != 3 {
			t.Errorf("printed %d times in three minutes, want 3", got)
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
