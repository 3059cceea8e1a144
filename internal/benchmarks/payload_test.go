// SPDX-License-Identifier: Apache-2.0

package benchmarks

import (
	"strconv"
	"testing"

	promclient "github.com/prometheus/client_golang/prometheus"
	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// The payload of one interval: 12 counters of int64, 6 of float64, 4 gauges, and
// 8 histograms with 108 samples between them, which are 30 series and 130 values.
const (
	payloadTiers   = 2
	payloadSeries  = 30
	payloadValues  = 130
	payloadSamples = 108
)

// payloadMetrics are the metrics of the payload. Each has a series for each of
// the payload's tiers.
type payloadMetrics struct {
	int64Counters   [6]schema.Int64Counter
	float64Counters [3]schema.Float64Counter
	gauges          [2]schema.Float64Gauge
	histograms      [4]schema.Histogram
}

func newPayloadMetrics() payloadMetrics {
	var m payloadMetrics
	for i := range m.int64Counters {
		m.int64Counters[i] = newMetrics(strconv.Itoa(i)).int64Counter
	}
	for i := range m.float64Counters {
		m.float64Counters[i] = newMetrics(strconv.Itoa(i)).float64Counter
	}
	for i := range m.gauges {
		m.gauges[i] = newMetrics(strconv.Itoa(i)).gauge
	}
	for i := range m.histograms {
		m.histograms[i] = newMetrics(strconv.Itoa(i)).histogram
	}
	return m
}

func (m payloadMetrics) catalogue() *schema.Catalogue {
	var all []schema.Metric
	for _, d := range m.int64Counters {
		all = append(all, d.Definition())
	}
	for _, d := range m.float64Counters {
		all = append(all, d.Definition())
	}
	for _, d := range m.gauges {
		all = append(all, d.Definition())
	}
	for _, d := range m.histograms {
		all = append(all, d.Definition())
	}
	return schema.MustCatalogue(all...)
}

// fill records the payload of one interval through binder, for the given tiers.
// It returns the numbers of series and values.
func (m payloadMetrics) fill(b *testing.B, binder stats.Binder, tiers []string) (series, values int) {
	b.Helper()
	for _, d := range m.int64Counters {
		for i, tier := range tiers {
			must(binder.Bind(d.Definition(), tier))(b).(stats.Adder[int64]).Add(int64(i+1) << 20)
			series, values = series+1, values+1
		}
	}
	for _, d := range m.float64Counters {
		for i, tier := range tiers {
			must(binder.Bind(d.Definition(), tier))(b).(stats.Adder[float64]).Add(float64(i) + 0.125)
			series, values = series+1, values+1
		}
	}
	for _, d := range m.gauges {
		for i, tier := range tiers {
			must(binder.Bind(d.Definition(), tier))(b).(stats.Recorder[float64]).Record(float64(i) / 7)
			series, values = series+1, values+1
		}
	}
	// Half of the histograms have one sample more than the others.
	least := payloadSamples / (len(m.histograms) * payloadTiers)
	for i, d := range m.histograms {
		for _, tier := range tiers {
			h := must(binder.Bind(d.Definition(), tier))(b).(stats.Recorder[float64])
			for j := range least + i%2 {
				h.Record(sizes[j%len(sizes)])
				values++
			}
			series++
		}
	}
	return series, values
}

// newPayload returns the payload of one interval.
func newPayload(b *testing.B, m payloadMetrics) *stats.Payload {
	b.Helper()
	p := new(stats.Payload)
	series, values := m.fill(b, p, tierNames(payloadTiers))
	if series != payloadSeries || values != payloadValues {
		b.Fatalf("the payload has %d series and %d values, want %d and %d", series, values, payloadSeries, payloadValues)
	}
	return p
}

// BenchmarkPayloadRecord adds to a counter of a payload through a bound handle.
// A payload has one writer, so there is no parallel form.
func BenchmarkPayloadRecord(b *testing.B) {
	m := newMetrics("")
	bound := must(new(stats.Payload).Int64Counter(m.int64Counter, tier))(b)
	vector := promclient.NewCounterVec(promclient.CounterOpts{Name: "bytes_total"}, labelNames())
	child := vector.WithLabelValues(modelName, engine, tier)

	serial(b, "otelkv", func(b *testing.B) {
		for b.Loop() {
			bound.Add(1)
		}
	})
	serial(b, "client_golang", func(b *testing.B) {
		for b.Loop() {
			child.Add(1)
		}
	})
}

// serial runs the loop of one implementation.
func serial(b *testing.B, impl string, loop func(*testing.B)) {
	b.Run("impl="+impl, func(b *testing.B) {
		b.Run("serial", func(b *testing.B) {
			b.ReportAllocs()
			loop(b)
		})
	})
}

// BenchmarkDecode decodes a payload from MessagePack into one that is reused.
// The library cannot read a payload as vLLM sends it, because the keys of its maps are
// arrays of label values. It gets the same payload with strings as keys, which is less to
// read, and a map to reuse.
func BenchmarkDecode(b *testing.B) {
	payload := newPayload(b, newPayloadMetrics())
	encoded := payload.AppendMessagePack(nil)
	plain := appendPlain(nil, payload)

	serial(b, "otelkv", func(b *testing.B) {
		b.SetBytes(int64(len(encoded)))
		var decoder stats.Decoder
		decoded := new(stats.Payload)
		for b.Loop() {
			if _, err := decoder.MessagePack(encoded, decoded); err != nil {
				b.Fatal(err)
			}
		}
	})
	serial(b, "library", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		decoded := make(map[string]any)
		for b.Loop() {
			var err error
			if decoded, _, err = msgp.ReadMapStrIntfBytes(plain, decoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// appendPlain appends the payload in MessagePack with the first label value of
// an entry as its key.
func appendPlain(dst []byte, payload *stats.Payload) []byte {
	var metrics []*stats.Metric
	for m := range payload.Metrics() {
		metrics = append(metrics, m)
	}
	dst = msgp.AppendMapHeader(dst, 2)
	dst = msgp.AppendString(dst, "types")
	dst = msgp.AppendMapHeader(dst, uint32(len(metrics)))
	for _, m := range metrics {
		dst = msgp.AppendString(dst, m.Name())
		dst = msgp.AppendString(dst, m.Kind().String())
	}
	dst = msgp.AppendString(dst, "data")
	dst = msgp.AppendMapHeader(dst, uint32(len(metrics)))
	for _, m := range metrics {
		dst = msgp.AppendString(dst, m.Name())
		dst = msgp.AppendMapHeader(dst, payloadTiers)
		for e := range m.Entries() {
			dst = msgp.AppendString(dst, e.LabelValues()[0])
			dst = appendValue(dst, m.Kind(), e)
		}
	}
	return dst
}

func appendValue(dst []byte, kind schema.Kind, e *stats.Entry) []byte {
	if kind != schema.KindHistogram {
		return appendNumber(dst, e.Value())
	}
	dst = msgp.AppendArrayHeader(dst, uint32(len(e.Samples())))
	for _, sample := range e.Samples() {
		dst = appendNumber(dst, sample)
	}
	return dst
}

func appendNumber(dst []byte, n stats.Number) []byte {
	if v, exact := n.Int64(); exact && n.IsInt64() {
		return msgp.AppendInt64(dst, v)
	}
	return msgp.AppendFloat64(dst, n.Float64())
}
