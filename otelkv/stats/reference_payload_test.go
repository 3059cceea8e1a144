// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// A refPayload is a payload as the reference has it.
type refPayload struct {
	name    string // of the connector, if it is nested
	info    []map[string]string
	metrics []*refMetric
	ignored int
	// children are those of the outermost payload.
	children []*refChild
}

type refChild struct {
	refPayload
	present bool
}

type refMetric struct {
	name, kind string
	entries    []*refEntry
}

type refEntry struct {
	labels  []string
	numbers []stats.Number
}

// metric returns the metric of a name, or nil.
func (p *refPayload) metric(name string) *refMetric {
	for _, m := range p.metrics {
		if m.name == name {
			return m
		}
	}
	return nil
}

// show returns the metric of a name, which may be new.
func (p *refPayload) show(name, kind string) *refMetric {
	m := p.metric(name)
	if m == nil {
		m = &refMetric{name: name, kind: kind}
		p.metrics = append(p.metrics, m)
	}
	return m
}

// dump has the form of the other dump.
func (r *reference) dump() []string {
	lines := r.refPayload.dump()
	var ignored []string
	if r.ignored > 0 {
		ignored = append(ignored, fmt.Sprint("ignored unnamed ", r.ignored))
	}
	for _, c := range r.children {
		if c.present {
			lines = append(lines, "connector "+c.name)
			for _, line := range c.dump() {
				lines = append(lines, "  "+line)
			}
		}
		if c.ignored > 0 {
			ignored = append(ignored, fmt.Sprint("ignored ", c.name, " ", c.ignored))
		}
	}
	slices.Sort(ignored)
	return append(lines, ignored...)
}

func (p *refPayload) dump() []string {
	var lines []string
	if p.info != nil && len(p.info) == 0 {
		lines = append(lines, "info of no series")
	}
	for _, facts := range p.info {
		lines = append(lines, "info")
		for _, name := range slices.Sorted(maps.Keys(facts)) {
			lines = append(lines, "  "+name+"="+facts[name])
		}
	}
	for _, m := range p.metrics {
		lines = append(lines, m.kind+" "+m.name)
		for _, e := range m.entries {
			line := "  (" + strings.Join(e.labels, ",") + "):"
			for _, n := range e.numbers {
				line += " " + n.String()
			}
			lines = append(lines, line)
		}
	}
	return lines
}
