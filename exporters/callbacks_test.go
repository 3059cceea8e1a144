// SPDX-License-Identifier: Apache-2.0

package exporters_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelkv/otelkv-go/exporters"
	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

const (
	// collectionTime is the deadline of a collection, for readers that have one.
	collectionTime = 2 * time.Second
	// patience is longer than any collection, shutdown or call may take. A scrape waits
	// five seconds for callbacks, and a callback that collects waits as long.
	patience = 20 * time.Second
)

// A way is one way to export a recorder.
type way struct {
	// collect returns the exported bytes that engine 0 loaded.
	collect func() (int64, error)
	// shutdown stops the exporting.
	shutdown func(context.Context) error
}

// ways are all ways to export, by name.
var ways = map[string]func(*testing.T, *otelkv.Recorder) way{
	"a reader of the SDK": func(t *testing.T, recorder *otelkv.Recorder) way {
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(newProducer(t, recorder)))
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		return way{readerCollect(reader), provider.Shutdown}
	},
	"instruments": func(t *testing.T, recorder *otelkv.Recorder) way {
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		if _, err := recorder.RegisterInstruments(provider); err != nil {
			t.Fatal(err)
		}
		return way{readerCollect(reader), provider.Shutdown}
	},
	"a Prometheus collector": func(t *testing.T, recorder *otelkv.Recorder) way {
		registry := newRegistry(t, recorder)
		return way{
			func() (int64, error) { return scrapedBytes(promhttp.HandlerFor(registry, promhttp.HandlerOpts{})) },
			func(context.Context) error { return nil },
		}
	},
	"scrapes of a pipeline": func(t *testing.T, recorder *otelkv.Recorder) way {
		pipeline := newPipelineOf(t, recorder, exporters.WithExporters("prometheus"), exporters.WithoutServer())
		return way{func() (int64, error) { return scrapedBytes(pipeline.Handler()) }, pipeline.Shutdown}
	},
	"pushes of a pipeline": func(t *testing.T, recorder *otelkv.Recorder) way {
		sent := new(lastBytes)
		pipeline := newPipelineOf(t, recorder, exporters.WithExporters("none"), exporters.WithExporter(sent, sdkmetric.WithTimeout(collectionTime)))
		return way{
			func() (int64, error) {
				sent.bytes.Store(0)
				err := pipeline.ForceFlush(context.Background())
				return sent.bytes.Load(), err
			},
			pipeline.Shutdown,
		}
	},
}

func newProducer(t *testing.T, recorder *otelkv.Recorder) *otelkv.Producer {
	t.Helper()
	producer, err := recorder.Producer()
	if err != nil {
		t.Fatal(err)
	}
	return producer
}

func newRegistry(t *testing.T, recorder *otelkv.Recorder) *promclient.Registry {
	t.Helper()
	collector, err := prometheus.NewCollector(recorder)
	if err != nil {
		t.Fatal(err)
	}
	registry := promclient.NewRegistry()
	registry.MustRegister(collector)
	return registry
}

func readerCollect(reader sdkmetric.Reader) func() (int64, error) {
	return func() (int64, error) {
		ctx, cancel := context.WithTimeout(context.Background(), collectionTime)
		defer cancel()
		var rm metricdata.ResourceMetrics
		err := reader.Collect(ctx, &rm)
		return loadedBytes(&rm), err
	}
}

// loadedBytes returns the bytes that engine 0 loaded.
func loadedBytes(rm *metricdata.ResourceMetrics) int64 {
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			sum, isSum := m.Data.(metricdata.Sum[int64])
			if !isSum || m.Name != "test.load_bytes" {
				continue
			}
			for _, p := range sum.DataPoints {
				if engine, _ := p.Attributes.Value("engine"); engine.AsString() == "0" {
					return p.Value
				}
			}
		}
	}
	return 0
}

func scrapedBytes(handler http.Handler) (int64, error) {
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if !strings.Contains(response.Body.String(), ours+"\n") {
		return 0, errors.New("the scrape shows:\n" + response.Body.String())
	}
	return 7, nil
}

// lastBytes is an exporter that keeps the last bytes that engine 0 loaded.
type lastBytes struct {
	memory

	bytes atomic.Int64
}

func (l *lastBytes) Export(_ context.Context, rm *metricdata.ResourceMetrics) error {
	l.bytes.Store(loadedBytes(rm))
	return nil
}

// A hostile callback gets its recorder, and a function that collects in the way that
// calls the callback.
type hostile func(t *testing.T, recorder *otelkv.Recorder, collect func() (int64, error)) func(context.Context) error

var hostiles = map[string]hostile{
	"returns an error": func(*testing.T, *otelkv.Recorder, func() (int64, error)) func(context.Context) error {
		return func(context.Context) error { return errors.New("no luck") }
	},
	"panics": func(*testing.T, *otelkv.Recorder, func() (int64, error)) func(context.Context) error {
		return func(context.Context) error { panic("no luck") }
	},
	"ends its goroutine": func(*testing.T, *otelkv.Recorder, func() (int64, error)) func(context.Context) error {
		return func(context.Context) error { runtime.Goexit(); return nil }
	},
	"binds, records and observes": func(_ *testing.T, recorder *otelkv.Recorder, _ func() (int64, error)) func(context.Context) error {
		return func(context.Context) error { return useEngine(recorder, 0) }
	},
	"adds and removes engines": func(_ *testing.T, recorder *otelkv.Recorder, _ func() (int64, error)) func(context.Context) error {
		var index atomic.Int64
		return func(context.Context) error { return liveEngine(recorder, int(1000+index.Add(1))) }
	},
	"makes and closes a recorder": func(_ *testing.T, _ *otelkv.Recorder, _ func() (int64, error)) func(context.Context) error {
		return func(context.Context) error { return liveRecorder() }
	},
	"makes and ends ways to export": func(_ *testing.T, recorder *otelkv.Recorder, _ func() (int64, error)) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := recorder.Producer()
			unregister, registerErr := recorder.RegisterInstruments(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())))
			pipeline, startErr := exporters.Start(ctx, recorder, exporters.WithExporters("prometheus"), exporters.WithoutServer())
			if err := errors.Join(err, registerErr, startErr); err != nil {
				return err
			}
			return errors.Join(unregister(), pipeline.Shutdown(ctx))
		}
	},
	"registers callbacks and unregisters them and itself": func(_ *testing.T, recorder *otelkv.Recorder, _ func() (int64, error)) func(context.Context) error {
		var unregister func()
		return func(context.Context) error {
			recorder.RegisterCallback(func(context.Context) error { return nil })()
			if unregister == nil {
				unregister = recorder.RegisterCallback(func(context.Context) error { return nil })
			} else {
				unregister()
			}
			return nil
		}
	},
	"collects by the way that calls it": func(_ *testing.T, _ *otelkv.Recorder, collect func() (int64, error)) func(context.Context) error {
		return func(context.Context) error { _, err := collect(); return err }
	},
	"collects by a reader": func(t *testing.T, recorder *otelkv.Recorder, _ func() (int64, error)) func(context.Context) error {
		reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(newProducer(t, recorder)))
		sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		return func(ctx context.Context) error { return reader.Collect(ctx, new(metricdata.ResourceMetrics)) }
	},
	"gathers": func(t *testing.T, recorder *otelkv.Recorder, _ func() (int64, error)) func(context.Context) error {
		registry := newRegistry(t, recorder)
		return func(context.Context) error { _, err := registry.Gather(); return err }
	},
}

// useEngine binds series of an engine, records to them and observes totals.
func useEngine(recorder *otelkv.Recorder, index int) error {
	engine, err := recorder.Engine(index)
	if err != nil {
		return err
	}
	loadTime, timeErr := catalogue.Float64Counter("test.load_time")
	loadSize, sizeErr := catalogue.Histogram("test.load_size")
	jobs, jobsErr := catalogue.Int64Gauge("test.jobs")
	counter, counterErr := engine.Float64Counter(loadTime)
	histogram, histogramErr := engine.Histogram(loadSize)
	gauge, gaugeErr := engine.Int64Gauge(jobs)
	total, totalErr := engine.Float64Total(loadTime)
	counter.Add(1)
	histogram.Record(1)
	gauge.Record(1)
	total.Observe(1)
	return errors.Join(timeErr, sizeErr, jobsErr, counterErr, histogramErr, gaugeErr, totalErr)
}

// liveEngine adds an engine, uses it and removes it.
func liveEngine(recorder *otelkv.Recorder, index int) error {
	engine, err := recorder.AddEngine(index, "m", otelkv.WithPriming())
	if err != nil {
		return err
	}
	defer engine.Remove()
	return useEngine(recorder, index)
}

// liveRecorder makes a recorder, uses it and closes it.
func liveRecorder() error {
	recorder, err := otelkv.New(catalogue)
	if err != nil {
		return err
	}
	return errors.Join(liveEngine(recorder, 0), recorder.Close())
}

// concurrently returns a function that runs a subtest at the same time as the others,
// which mostly wait, and one that waits for all.
func concurrently(t *testing.T) (run func(name string, test func(*testing.T)), wait func()) {
	var running sync.WaitGroup
	return func(name string, test func(*testing.T)) {
		running.Go(func() { t.Run(name, test) })
	}, running.Wait
}

// inTime fails the test if f does not return in time.
func inTime(t *testing.T, limit time.Duration, what string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	case <-time.After(limit):
		stacks := make([]byte, 1<<20)
		t.Fatalf("%s takes more than %v:\n%s", what, limit, stacks[:runtime.Stack(stacks, true)])
	}
}

// TestHostileCallbacks: no callback can make a collection wait longer than its limit,
// lose what was recorded, or make anything else wait.
func TestHostileCallbacks(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for callbacks for seconds")
	}
	t.Parallel()
	handleErrors(t) // there are many, and no parallel test checks them
	atOnce, wait := concurrently(t)
	defer wait()
	for wayName, newWay := range ways {
		for name, newCallback := range hostiles {
			atOnce(wayName+"/"+name, func(t *testing.T) {
				recorder, _ := newRecorder(t)
				w := newWay(t, recorder)
				var calls atomic.Int64
				callback := newCallback(t, recorder, w.collect)
				recorder.RegisterCallback(func(ctx context.Context) error {
					calls.Add(1)
					return callback(ctx)
				})
				for range 2 {
					inTime(t, patience, "a collection", func() error { return collects(w) })
				}
				if calls.Load() == 0 {
					t.Error("the callback was not called")
				}
				inTime(t, patience, "a life of an engine", func() error { return liveEngine(recorder, 7) })
				inTime(t, patience, "Shutdown", func() error { return w.shutdown(context.Background()) })
				inTime(t, patience, "Close", recorder.Close)
			})
		}
	}
}

// collects collects, and returns an error if recorded data is lost.
func collects(w way) error {
	switch bytes, err := w.collect(); {
	case err != nil:
		return err
	case bytes != 7:
		return fmt.Errorf("collected %d bytes, want 7", bytes)
	}
	return nil
}

// TestCallbackThatHangs: while a callback hangs, everything else works as without it.
func TestCallbackThatHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for callbacks for seconds")
	}
	t.Parallel()
	handleErrors(t) // there are many, and no parallel test checks them
	atOnce, wait := concurrently(t)
	defer wait()
	for name, newWay := range ways {
		atOnce(name, func(t *testing.T) {
			recorder, _ := newRecorder(t)
			other, _ := newRecorder(t)
			w, others := newWay(t, recorder), newWay(t, other)
			entered, release := make(chan struct{}), make(chan struct{})
			t.Cleanup(func() { close(release) })
			var once sync.Once
			recorder.RegisterCallback(func(context.Context) error {
				once.Do(func() { close(entered) })
				<-release
				return nil
			})
			collected := make(chan error, 1)
			go func() { collected <- collects(w) }()
			<-entered
			const soon = time.Second // less than the collection that waits
			inTime(t, soon, "recording and binding", func() error { return useEngine(recorder, 0) })
			inTime(t, soon, "AddEngine and Remove", func() error { return liveEngine(recorder, 7) })
			inTime(t, soon, "New and Close of another recorder", liveRecorder)
			inTime(t, soon, "a collection of another recorder", func() error { return collects(others) })
			inTime(t, soon, "RegisterCallback", func() error {
				recorder.RegisterCallback(func(context.Context) error { return nil })()
				return nil
			})
			select {
			case err := <-collected:
				t.Errorf("the collection that waits is over already: %v", err)
			default:
			}
			inTime(t, patience, "the collection that waits", func() error { return <-collected })
			inTime(t, soon, "a later collection", func() error { return collects(w) })
			inTime(t, soon, "Close", recorder.Close)
			inTime(t, soon, "Shutdown", func() error { return w.shutdown(context.Background()) })
		})
	}
}

// TestShutdownWhileACallbackHangs: each Shutdown returns by its own deadline.
func TestShutdownWhileACallbackHangs(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for callbacks for seconds")
	}
	t.Parallel()
	handleErrors(t) // there are many, and no parallel test checks them
	atOnce, wait := concurrently(t)
	defer wait()
	for name, newWay := range ways {
		atOnce(name, func(t *testing.T) {
			recorder, _ := newRecorder(t)
			w := newWay(t, recorder)
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			recorder.RegisterCallback(func(context.Context) error { <-release; return nil })
			var shutdowns sync.WaitGroup
			for _, limit := range []time.Duration{500 * time.Millisecond, time.Second} {
				shutdowns.Go(func() {
					ctx, cancel := context.WithTimeout(context.Background(), limit)
					defer cancel()
					began := time.Now()
					_ = w.shutdown(ctx)
					if took := time.Since(began); took > limit+500*time.Millisecond {
						t.Errorf("a Shutdown within %v took %v", limit, took)
					}
				})
			}
			shutdowns.Wait()
			inTime(t, patience, "Close", recorder.Close)
		})
	}
}
