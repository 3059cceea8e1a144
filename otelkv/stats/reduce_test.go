package stats_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

func keysAndValues(s stats.Summary) []string {
	var lines []string
	for key, n := range s.All() {
		lines = append(lines, key+"="+n.String())
	}
	return lines
}

func TestVLLMReduce(t *testing.T) {
	p := build(t).
		counter(loadBytes, stats.Int64(34)).counter(loadTime, stats.Float64(2.6)).histogram(loadSize, ints(16, 8, 3, 7)).
		counter(storeBytes, stats.Int64(19)).counter(storeTime, stats.Float64(2.3)).histogram(storeSize, ints(1, 2, 16)).
		counter(storesSkipped, stats.Int64(11)).gauge("pending", stats.Int64(2)).histogram("lookup", floats(0.1, 0.2, 0.3))
	p.SetInfo(map[string]string{"k": "v"})
	want := []string{
		loadBytes + "=34", loadTime + "=2.6", loadSize + "_count=4", loadSize + "_sum=34",
		storeBytes + "=19", storeTime + "=2.3", storeSize + "_count=3", storeSize + "_sum=19",
		storesSkipped + "=11", "pending=2", "lookup_count=3", "lookup_sum=0.6000000000000001",
	}
	if diff := cmp.Diff(want, keysAndValues(p.Reduce())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVLLMReduceLabelled(t *testing.T) {
	p := build(t).counter("my_counter", stats.Int64(17), "a").counter("my_counter", stats.Int64(3), "b")
	want := []string{"my_counter:('a',)=17", "my_counter:('b',)=3"}
	if diff := cmp.Diff(want, keysAndValues(p.Reduce())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestReduceKeys compares with what repr() prints in Python 3.
func TestReduceKeys(t *testing.T) {
	tests := []struct {
		name        string
		labelValues []string
		want        string
	}{
		{"none", nil, "m"},
		{"empty string", []string{""}, "m:('',)"},
		{"two", []string{"a", "b"}, "m:('a', 'b')"},
		{"apostrophe", []string{"it's"}, `m:("it's",)`},
		{"both quotes", []string{`it's "x"`}, `m:('it\'s "x"',)`},
		{"double quotes", []string{`"x"`}, `m:('"x"',)`},
		{"escapes", []string{"a\n\r\t\\b"}, `m:('a\n\r\t\\b',)`},
		{"control", []string{"\x00\x1b\x7f\u0085"}, `m:('\x00\x1b\x7f\x85',)`},
		{"letters", []string{"köln 東京 🙂"}, `m:('köln 東京 🙂',)`},
		{"not printable", []string{"\u00a0\u200b\u2028\U000e0001"}, `m:('\xa0\u200b\u2028\U000e0001',)`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := build(t).counter("m", stats.Int64(1), test.labelValues...).Reduce()
			if n, ok := s.Get(test.want); !ok || n != stats.Int64(1) {
				t.Errorf("got %q, want %q", keysAndValues(s), test.want)
			}
		})
	}
}

func TestReduceSums(t *testing.T) {
	tests := []struct {
		name    string
		samples []stats.Number
		want    stats.Number
	}{
		{"ints", ints(1, 2), stats.Int64(3)},
		{"mixed", append(ints(1, 2), stats.Float64(0.5)), stats.Float64(3.5)},
		{"overflow", ints(math.MaxInt64, 1), stats.Float64(1 << 63)},
		{"left to right", floats(1, 1e100, 1, -1e100), stats.Float64(0)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := build(t).histogram("h", test.samples).Reduce()
			if got, _ := s.Get("h_sum"); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	p := build(t).counter("b", stats.Float64(2)).counter("a\nb=1", stats.Int64(1), "it's").gauge("n", stats.Float64(nan()))
	p.check(p.Connector("C").AddCounter("c", stats.Int64(3), "x"))
	p.check(p.Connector("D").AddCounter("d", stats.Float64(0.5)))
	s := p.Reduce()
	if got, want := s.String(), `b=2.0, a\nb=1:("it's",)=1, n=nan, C={"c:('x',)": 3}, D={'d': 0.5}`; got != want {
		t.Errorf("String:\n got %s\nwant %s", got, want)
	}
	got, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"b":2.0,"a\nb=1:(\"it's\",)":1,"n":null,"C":{"c:('x',)":3},"D":{"d":0.5}}`; string(got) != want {
		t.Errorf("JSON:\n got %s\nwant %s", got, want)
	}
	if s.Len() != 3 {
		t.Errorf("Len is %d, want 3", s.Len())
	}
	if _, ok := s.Get("c:('x',)"); ok {
		t.Error("Get looks into nested summaries")
	}
	for name, nested := range s.Connectors() {
		if name != "C" || nested.Len() != 1 {
			t.Errorf("first nested summary is %s with %d keys, want C with 1", name, nested.Len())
		}
		break
	}
	for key := range s.All() {
		if key != "b" {
			t.Errorf("first key is %q, want b", key)
		}
		break
	}
}

// TestSummaryKeyClash has two metrics give one key: as in a Python dict, the
// later value takes the place of the earlier.
func TestSummaryKeyClash(t *testing.T) {
	s := build(t).counter("h_count", stats.Int64(9)).counter("c", stats.Int64(1)).histogram("h", ints(4)).Reduce()
	want := []string{"h_count=1", "c=1", "h_sum=4"}
	if diff := cmp.Diff(want, keysAndValues(s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSummaryIsIndependent(t *testing.T) {
	p := build(t).counter("c", stats.Int64(1))
	s := p.Reduce()
	p.Reset()
	p.counter("c", stats.Int64(5))
	if got := s.String(); got != "c=1" {
		t.Errorf("got %s, want c=1", got)
	}
}

func TestSummaryWithout(t *testing.T) {
	counter := schema.Int64Counter{PrometheusName: "c"}
	histogram := schema.Histogram{PrometheusName: "h"}
	p := build(t).counter("c", stats.Int64(1)).counter("c", stats.Int64(2), "a").counter("c_more", stats.Int64(3)).histogram("h", ints(4), "a")
	p.check(p.Connector("C").AddCounter("c", stats.Int64(5)))
	p.check(p.Connector("C").AddCounter("d", stats.Int64(6)))
	s := p.Reduce()
	whole := s.String()
	for _, test := range []struct {
		name    string
		metrics []schema.Metric
		want    string
	}{
		{"nothing", nil, whole},
		{"a metric that it does not have", []schema.Metric{schema.Int64Gauge{PrometheusName: "c:('a',)"}}, whole},
		{"a counter", []schema.Metric{counter}, `c_more=3, h:('a',)_count=1, h:('a',)_sum=4, C={'d': 6}`},
		{"a histogram", []schema.Metric{histogram}, `c=1, c:('a',)=2, c_more=3, C={'c': 5, 'd': 6}`},
		{"both", []schema.Metric{counter, histogram}, `c_more=3, C={'d': 6}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := s.Without(test.metrics...)
			if got.String() != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if n, ok := got.Get("c_more"); !ok || n != stats.Int64(3) {
				t.Errorf("c_more is %v, %t, want 3", n, ok)
			}
			if s.String() != whole {
				t.Errorf("the summary became %s", s)
			}
		})
	}
}
