// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

func nan() float64 { return math.NaN() }

// handles are one of each kind, bound to one payload.
type handles struct {
	bytes   *stats.Int64Counter
	seconds *stats.Float64Counter
	blocks  *stats.Int64Gauge
	usage   *stats.Float64Gauge
	sizes   *stats.Histogram
}

func bind(t testing.TB, p *stats.Payload) handles {
	t.Helper()
	var h handles
	var errs [5]error
	h.bytes, errs[0] = p.Int64Counter(bytesCounter, "1:fs")
	h.seconds, errs[1] = p.Float64Counter(secondsCounter, "1:fs")
	h.blocks, errs[2] = p.Int64Gauge(blocksGauge)
	h.usage, errs[3] = p.Float64Gauge(usageGauge)
	h.sizes, errs[4] = p.Histogram(sizes, "1:fs")
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h handles) record() {
	h.bytes.Add(3)
	h.seconds.Add(0.5)
	h.blocks.Record(7)
	h.usage.Record(0.25)
	h.sizes.Record(1.5)
}

var recorded = []string{
	"counter test:bytes", "  (1:fs): 3",
	"counter test:time", "  (1:fs): 0.5",
	"gauge test:blocks", "  (): 7",
	"gauge test:usage", "  (): 0.25",
	"histogram test:size", "  (1:fs): 1.5",
}

func TestHandles(t *testing.T) {
	var p stats.Payload
	h := bind(t, &p)
	if !p.IsEmpty() {
		t.Error("binding makes the payload not empty")
	}
	expect(t, &p)
	for range 3 {
		h.record()
		expect(t, &p, recorded...)
		taken := p.Take()
		expect(t, taken, recorded...)
		expect(t, &p)
	}
	if p.Take() != nil {
		t.Error("taking from an empty payload gives one")
	}
}

func TestHandlesAddUp(t *testing.T) {
	var p stats.Payload
	h := bind(t, &p)
	h.bytes.Add(0)
	h.seconds.Add(0)
	expect(t, &p, "counter test:bytes", "  (1:fs): 0", "counter test:time", "  (1:fs): 0.0")
	h.bytes.Add(4)
	h.bytes.Add(5)
	h.bytes.Add(-1)
	h.seconds.Add(0.5)
	h.seconds.Add(0.25)
	for _, bad := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		h.seconds.Add(bad)
	}
	expect(t, &p, "counter test:bytes", "  (1:fs): 9", "counter test:time", "  (1:fs): 0.75")
	h.bytes.Add(math.MaxInt64)
	h.bytes.Add(1)
	if err := p.AddCounter("test:time", stats.Int64(1), "1:fs"); err != nil {
		t.Error(err)
	}
	expect(t, &p, "counter test:bytes", "  (1:fs): 9223372036854775807", "counter test:time", "  (1:fs): 1.75")

	p.Reset()
	if err := p.AddCounter("test:bytes", stats.Float64(0.5), "1:fs"); err != nil {
		t.Error(err)
	}
	h.bytes.Add(2)
	expect(t, &p, "counter test:bytes", "  (1:fs): 2.5")
}

func TestIgnoredIncrementMakesNoEntry(t *testing.T) {
	var p stats.Payload
	h := bind(t, &p)
	h.bytes.Add(-1)
	h.seconds.Add(math.NaN())
	if !p.IsEmpty() {
		t.Errorf("got %q", dump(&p))
	}
}

func TestBindErrors(t *testing.T) {
	var p stats.Payload
	bind(t, &p)
	_, tooFew := p.Int64Counter(bytesCounter)
	_, tooMany := p.Float64Gauge(usageGauge, "a", "b")
	_, otherKind := p.Int64Gauge(schema.Int64Gauge{PrometheusName: "test:bytes"})
	_, otherNumber := p.Float64Counter(schema.Float64Counter(bytesCounter), "1:fs")
	_, mirror := p.Int64Counter(schema.Int64Counter{
		PrometheusName: "old:bytes", Mirrors: []schema.Mirror{{Of: "test:bytes"}},
	})
	_, notUTF8 := p.Histogram(sizes, "\xff")
	tests := []struct {
		name string
		err  error
		want error
		text string
	}{
		{"too few", tooFew, stats.ErrLabelValues, `otelkv: metric "test:bytes": bad label values: expected 1 for ["tier"], got 0`},
		{"too many", tooMany, stats.ErrLabelValues, `otelkv: metric "test:usage": labels ["a" "b"]: bad label values: expected 0 for [], got 2`},
		{"other kind", otherKind, stats.ErrKind, `otelkv: metric "test:bytes": wrong kind: it is a counter in this payload, not a gauge`},
		{"other number", otherNumber, stats.ErrKind, `otelkv: metric "test:bytes": labels ["1:fs"]: wrong kind: it is bound as a counter of int64, not of float64`},
		{"mirror", mirror, stats.ErrKind, `otelkv: metric "old:bytes": wrong kind: it mirrors "test:bytes": record to that`},
		{"not UTF-8", notUTF8, stats.ErrUTF8, `otelkv: metric "test:size": labels ["\xff"]: label value 0: not valid UTF-8`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if !errors.Is(test.err, test.want) {
				t.Errorf("got %v, want one that wraps %v", test.err, test.want)
			}
			if got := fmt.Sprint(test.err); got != test.text {
				t.Errorf("got  %s\nwant %s", got, test.text)
			}
		})
	}
}

func TestBinder(t *testing.T) {
	var p stats.Payload
	var b stats.Binder = &p
	bind := func(m schema.Metric, labelValues ...string) any {
		t.Helper()
		series, err := b.Bind(m.Definition(), labelValues...)
		if err != nil {
			t.Fatal(err)
		}
		return series
	}
	bind(bytesCounter, "1:fs").(stats.Adder[int64]).Add(3)
	bind(secondsCounter, "1:fs").(stats.Adder[float64]).Add(0.5)
	bind(blocksGauge).(stats.Recorder[int64]).Record(7)
	bind(usageGauge).(stats.Recorder[float64]).Record(0.25)
	bind(sizes, "1:fs").(stats.Recorder[float64]).Record(1.5)
	expect(t, &p, recorded...)
	if handle, err := b.Bind(bytesCounter.Definition()); err == nil || handle != nil {
		t.Errorf("a bad binding gives %v, %v, want nil and an error", handle, err)
	}
}

// TestBoundKindIsFixed shows that neither a record call nor a decoded payload
// takes a bound metric over for another kind, also while it is empty.
func TestBoundKindIsFixed(t *testing.T) {
	var p stats.Payload
	h := bind(t, &p)
	if err := p.RecordGauge("test:bytes", stats.Int64(1), "1:fs"); !errors.Is(err, stats.ErrKind) {
		t.Errorf("got %v, want ErrKind", err)
	}
	input := `{"types": {"test:bytes": "gauge", "ok": "gauge"}, "data": {"test:bytes": [{"labels": ["1:fs"], "value": 1}], "ok": 1}}`
	if err := decodeJSON([]byte(input), &p); !errors.Is(err, stats.ErrKind) {
		t.Errorf("got %v, want ErrKind", err)
	}
	h.bytes.Add(1)
	expect(t, &p, "gauge ok", "  (): 1", "counter test:bytes", "  (1:fs): 1")
}

func TestUnboundKindMayChangeOnceEmpty(t *testing.T) {
	p := build(t).counter("m", stats.Int64(1))
	p.Reset()
	p.gauge("m", stats.Float64(0.5))
	expect(t, p.Payload, "gauge m", "  (): 0.5")
}

func TestTakeInto(t *testing.T) {
	var p, taken stats.Payload
	h := bind(t, &p)
	if err := taken.AddCounter("stale", stats.Int64(1)); err != nil {
		t.Fatal(err)
	}
	if p.TakeInto(&taken) {
		t.Error("took something from an empty payload")
	}
	if !taken.IsEmpty() {
		t.Error("the target keeps what it held")
	}
	for range 3 {
		h.record()
		p.SetInfo(map[string]string{"k": "v"})
		if !p.TakeInto(&taken) {
			t.Error("took nothing")
		}
		expect(t, &taken, append([]string{"info", "  k=v"}, recorded...)...)
		expect(t, &p)
	}
	h.sizes.Record(99)
	expect(t, &taken, append([]string{"info", "  k=v"}, recorded...)...)
	if !p.TakeInto(&p) {
		t.Error("a payload taken into itself is not empty")
	}
	expect(t, &p, "histogram test:size", "  (1:fs): 99")
}

func TestTakeIntoReplacesOtherKind(t *testing.T) {
	var target stats.Payload
	bound := bind(t, &target)
	source := build(t).gauge("test:bytes", stats.Int64(5), "1:fs").gauge("g", stats.Int64(1))
	source.TakeInto(&target)
	expect(t, &target, "gauge test:bytes", "  (1:fs): 5", "gauge g", "  (): 1")
	target.Reset()
	bound.bytes.Add(1)
	bound.usage.Record(0.5)
	expect(t, &target, "gauge test:usage", "  (): 0.5")
}

func TestHistogramHandleKeepsCountsWhole(t *testing.T) {
	for _, test := range []struct {
		unit string
		want string
	}{
		{"By", "h_count=2, h_sum=24"},
		{"{chunk}", "h_count=2, h_sum=24"},
		{"s", "h_count=2, h_sum=24.0"},
		{"1", "h_count=2, h_sum=24.0"},
	} {
		var p stats.Payload
		h, err := p.Histogram(schema.Histogram{PrometheusName: "h", Unit: test.unit})
		if err != nil {
			t.Fatal(err)
		}
		h.Record(16)
		h.Record(8)
		if got := p.Reduce().String(); got != test.want {
			t.Errorf("unit %q: %s, want %s", test.unit, got, test.want)
		}
	}
}
