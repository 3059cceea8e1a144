// SPDX-License-Identifier: Apache-2.0

package prometheus_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	promclient "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/otelkv"
)

func TestHandlerRefusesTwoOfOne(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	_, err := prometheus.NewHandler([]*prometheus.Collector{newCollector(t, recorder), newCollector(t, recorder)})
	if err == nil || !strings.Contains(err.Error(), "two collectors") {
		t.Errorf("got %v, want an error about two collectors", err)
	}
}

func TestConcurrentScrapes(t *testing.T) {
	errs := handleErrors(t)
	recorder := newRecorder(t, everyKind)
	engine := addEngine(t, recorder, 0)
	collector := newCollector(t, recorder)
	handlers := []http.Handler{newHandler(t, collector), registryHandler(collector)}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 50 {
				measure(t, engine)
			}
		})
		wg.Go(func() {
			for range 50 {
				families(t, body(t, scrape(t, handlers[i%2], "")))
			}
		})
	}
	wg.Wait()
	if err := errs.joined(); err != nil {
		t.Errorf("reported: %v", err)
	}
}

func TestHandlerBoundsConcurrentScrapes(t *testing.T) {
	const most = 16
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		handler := newHandler(t, newCollector(t, newRecorder(t, everyKind)), promclient.GathererFunc(func() ([]*dto.MetricFamily, error) {
			<-release
			return nil, nil
		}))
		var wg sync.WaitGroup
		for range most {
			wg.Go(func() { body(t, scrape(t, handler, "")) })
		}
		synctest.Wait()
		if got := scrape(t, handler, "").Code; got != http.StatusServiceUnavailable {
			t.Errorf("status %d of scrape %d, want 503", got, most+1)
		}
		close(release)
		wg.Wait()
	})
}

// parts counts the parts of a response that a handler sends.
type parts struct {
	*httptest.ResponseRecorder
	sent int
}

func (p *parts) Write(b []byte) (int, error) {
	p.sent++
	return p.ResponseRecorder.Write(b)
}

func TestScrapeIsSentInLargeParts(t *testing.T) {
	recorder := newRecorder(t, everyKind)
	for index := range 500 {
		measure(t, addEngine(t, recorder, index))
	}
	response := &parts{ResponseRecorder: httptest.NewRecorder()}
	newHandler(t, newCollector(t, recorder)).ServeHTTP(response, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	const least = 32 << 10
	if size := len(body(t, response.ResponseRecorder)); size < 4*least || response.sent > size/least {
		t.Errorf("%d bytes were sent in %d parts, want at least %d bytes in each", size, response.sent, least)
	}
}

// gone is a response to a client that has disconnected.
type gone struct{ http.ResponseWriter }

func (gone) Write([]byte) (int, error) { return 0, errors.New("gone") }

// TestScrapeThatCannotBeAnswered tests that an answer that cannot be written is reported.
func TestScrapeThatCannotBeAnswered(t *testing.T) {
	errs := handleErrors(t)
	recorder := newRecorder(t, everyKind)
	measure(t, addEngine(t, recorder, 0))
	newHandler(t, newCollector(t, recorder)).ServeHTTP(gone{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if err := errs.joined(); err == nil || !strings.Contains(err.Error(), "otelkv: scrape: ") || !strings.Contains(err.Error(), "gone") {
		t.Errorf("reported %v, want that the client is gone", err)
	}
}

func gauge(name string, value float64) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: proto.Float64(value)}}}}
}

// TestGatherer tests that the host's metrics are shown beside ours, and that their faults
// cost none of ours.
func TestGatherer(t *testing.T) {
	fault := errors.New("the host's fault")
	tests := []struct {
		name   string
		gather func() ([]*dto.MetricFamily, error)
		want   string // a line of the host's
		report string
	}{
		{"beside", func() ([]*dto.MetricFamily, error) { return []*dto.MetricFamily{gauge("host", 3)}, nil }, "host 3", ""},
		{"one of our names", func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{gauge("host", 3), gauge("test:jobs", 1)}, nil
		}, "host 3", `"test:jobs"`},
		{"a name of our samples", func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{gauge("host", 3), gauge("test:load_size_sum", 1)}, nil
		}, "host 3", `"test:load_size_sum"`},
		{"an error", func() ([]*dto.MetricFamily, error) { return nil, fault }, "", fault.Error()},
		{"an error beside metrics", func() ([]*dto.MetricFamily, error) { return []*dto.MetricFamily{gauge("host", 3)}, fault }, "host 3", fault.Error()},
		{"a panic", func() ([]*dto.MetricFamily, error) { panic(fault) }, "", fault.Error()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			errs := handleErrors(t)
			recorder := newRecorder(t, everyKind)
			measure(t, addEngine(t, recorder, 0))
			collector := newCollector(t, recorder)
			for _, handler := range []http.Handler{
				newHandler(t, collector, promclient.GathererFunc(test.gather)),
				newHandler(t, collector, prometheus.WithoutCollectors(promclient.GathererFunc(test.gather), collector)),
			} {
				text := body(t, scrape(t, handler, ""))
				if !strings.Contains(text, "\ntest:jobs{engine=\"0\",model_name=\"m\"} 7\n") || strings.Count(text, "\ntest:jobs") != 1 {
					t.Errorf("the scrape lost test:jobs:\n%s", text)
				}
				if test.want != "" && !strings.Contains(text, test.want+"\n") {
					t.Errorf("the scrape lacks %q:\n%s", test.want, text)
				}
				families(t, text)
			}
			err := errs.joined()
			if (err == nil) != (test.report == "") || err != nil && !strings.Contains(err.Error(), test.report) {
				t.Errorf("reported %v, want %q", err, test.report)
			}
		})
	}
}

// TestTwoGatherers tests that the first of two families with the same name is shown.
func TestTwoGatherers(t *testing.T) {
	errs := handleErrors(t)
	of := func(value float64) promclient.Gatherer {
		return promclient.GathererFunc(func() ([]*dto.MetricFamily, error) {
			return []*dto.MetricFamily{gauge("host", value)}, nil
		})
	}
	handler := newHandler(t, newCollector(t, newRecorder(t, everyKind)), of(1), of(2))
	for range 3 {
		if text := body(t, scrape(t, handler, "")); !strings.Contains(text, "\nhost 1\n") || strings.Contains(text, "host 2") {
			t.Errorf("got\n%s", text)
		}
	}
	if err := errs.joined(); err == nil || strings.Count(err.Error(), `"host"`) != 1 {
		t.Errorf("reported %v, want one report of the second host", err)
	}
}

// TestGathererThatHangs tests that a scrape leaves out a gatherer that takes too long,
// and that scrapes do not queue behind it.
func TestGathererThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errs := handleErrors(t)
		release := make(chan struct{})
		var calls atomic.Int32
		recorder := newRecorder(t, everyKind)
		must[otelkv.Int64Gauge](t)(addEngine(t, recorder, 0).Int64Gauge(jobs)).Record(7)
		handler := newHandler(t, newCollector(t, recorder), promclient.GathererFunc(func() ([]*dto.MetricFamily, error) {
			calls.Add(1)
			<-release
			return []*dto.MetricFamily{gauge("host", 3)}, nil
		}))
		for range 2 {
			start := time.Now()
			if text := body(t, scrape(t, handler, "")); !strings.Contains(text, "\ntest:jobs{") {
				t.Errorf("the scrape lost test:jobs:\n%s", text)
			}
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("the scrape took %v", took)
			}
		}
		if got := calls.Load(); got != 1 {
			t.Errorf("the gatherer was called %d times, want once", got)
		}
		if errs.joined() == nil {
			t.Error("nothing was reported")
		}
		close(release)
		synctest.Wait()
		if text := body(t, scrape(t, handler, "")); !strings.Contains(text, "\nhost 3\n") && !strings.HasPrefix(text, "# TYPE host") {
			t.Errorf("the gatherer did not come back:\n%s", text)
		}
	})
}
