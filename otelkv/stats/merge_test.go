// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

func TestMergeKeepsWhatIsGood(t *testing.T) {
	p := build(t).counter("a", stats.Int64(1)).gauge("b", stats.Int64(2)).counter("big", stats.Int64(1<<62))
	var other stats.Payload
	if err := decodeJSON([]byte(`{
		"types": {"a": "gauge", "b": "gauge", "big": "counter", "n": "counter", "h": "histogram"},
		"data": {"a": 7, "b": 8, "big": 4611686018427387904, "n": [{"labels": ["x"], "value": -1}, {"labels": ["y"], "value": 4}], "h": [1]}
	}`), &other); err != nil {
		t.Fatal(err)
	}
	err := p.Merge(&other)
	want := strings.Join([]string{
		`otelkv: metric "a": wrong kind: it is a counter in this payload, not a gauge`,
		`otelkv: metric "big": bad number: 4611686018427387904 + 4611686018427387904 is beyond int64`,
		`otelkv: metric "n": labels ["x"]: bad number: increment -1: expected a finite number that is not negative`,
	}, "\n")
	if fmt.Sprint(err) != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	expect(t, p.Payload,
		"counter a", "  (): 1", "gauge b", "  (): 8", "counter big", "  (): 4611686018427387904",
		"counter n", "  (y): 4", "histogram h", "  (): 1")
}

func TestMergeWithItself(t *testing.T) {
	p := build(t).counter("c", stats.Int64(2)).histogram("h", ints(1, 2)).gauge("g", stats.Int64(3))
	p.check(p.Merge(p.Payload))
	expect(t, p.Payload, "counter c", "  (): 4", "histogram h", "  (): 1 2 1 2", "gauge g", "  (): 3")
}

// TestMergeSharesNothing changes one payload after a merge, in every possible way, and
// checks that the other does not change.
func TestMergeSharesNothing(t *testing.T) {
	source := build(t).counter("c", stats.Int64(1), "x").histogram("h", ints(1, 2)).gauge("g", stats.Int64(1))
	source.SetInfo(map[string]string{"k": "v"})
	source.check(source.Connector("C").RecordHistogram("h", stats.Int64(1)))
	var target stats.Payload
	source.check(target.Merge(source.Payload))
	want := dump(source.Payload)

	source.counter("c", stats.Int64(9), "x").histogram("h", ints(9)).gauge("g", stats.Int64(9))
	source.check(source.Connector("C").RecordHistogram("h", stats.Int64(9)))
	expect(t, &target, want...)
	source.Reset()
	source.histogram("h", ints(7, 7, 7))
	source.SetInfo(map[string]string{"k": "w"})
	expect(t, &target, want...)

	source.check(target.RecordHistogram("h", stats.Int64(5)))
	expect(t, source.Payload, "info", "  k=w", "histogram h", "  (): 7 7 7")
}

// TestMergeOfNothingTaken merges what Take returns for an empty payload.
func TestMergeOfNothingTaken(t *testing.T) {
	var into, empty stats.Payload
	if err := into.AddCounter("my_counter", stats.Int64(7)); err != nil {
		t.Fatal(err)
	}
	if err := into.Merge(empty.Take()); err != nil {
		t.Errorf("Merge of a nil payload returned %v", err)
	}
	if got := into.Reduce().String(); got != "my_counter=7" {
		t.Errorf("after it the payload is %q", got)
	}
}
