// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/otelkv/otelkv-go/otelkv/stats"
	"github.com/otelkv/otelkv-go/schema"
)

// builder fills a payload by name, and fails the test when it cannot.
type builder struct {
	t testing.TB
	*stats.Payload
}

func build(t testing.TB) builder { return builder{t, new(stats.Payload)} }

func (b builder) check(err error) builder {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	return b
}

func (b builder) counter(name string, n stats.Number, labels ...string) builder {
	b.t.Helper()
	return b.check(b.AddCounter(name, n, labels...))
}

func (b builder) gauge(name string, n stats.Number, labels ...string) builder {
	b.t.Helper()
	return b.check(b.RecordGauge(name, n, labels...))
}

func (b builder) histogram(name string, samples []stats.Number, labels ...string) builder {
	b.t.Helper()
	for _, n := range samples {
		b.check(b.RecordHistogram(name, n, labels...))
	}
	return b
}

func ints(values ...int64) []stats.Number {
	var numbers []stats.Number
	for _, v := range values {
		numbers = append(numbers, stats.Int64(v))
	}
	return numbers
}

func floats(values ...float64) []stats.Number {
	var numbers []stats.Number
	for _, v := range values {
		numbers = append(numbers, stats.Float64(v))
	}
	return numbers
}

// dump returns everything in a payload, in order, as lines. It uses only the exported
// methods.
func dump(p *stats.Payload) []string {
	var ignored []string
	for name, n := range p.Ignored() {
		ignored = append(ignored, fmt.Sprint("ignored ", name, " ", n))
	}
	slices.Sort(ignored)
	return append(dumpContent(p), ignored...)
}

// dumpContent is dump without the counts of ignored stats, which are not encoded.
func dumpContent(p *stats.Payload) []string {
	var lines []string
	if info := p.Info(); info != nil && len(info) == 0 {
		lines = append(lines, "info of no series")
	}
	for _, facts := range p.Info() {
		lines = append(lines, "info")
		for _, name := range slices.Sorted(maps.Keys(facts)) {
			lines = append(lines, "  "+name+"="+facts[name])
		}
	}
	for m := range p.Metrics() {
		lines = append(lines, m.Kind().String()+" "+m.Name())
		for e := range m.Entries() {
			line := "  (" + strings.Join(e.LabelValues(), ",") + "):"
			if m.Kind() == schema.KindHistogram {
				for _, n := range e.Samples() {
					line += " " + n.String()
				}
			} else {
				line += " " + e.Value().String()
			}
			lines = append(lines, line)
		}
	}
	for name, child := range p.Connectors() {
		lines = append(lines, "connector "+name)
		for _, line := range dumpContent(child) {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

func expect(t *testing.T, p *stats.Payload, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, dump(p), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
}
