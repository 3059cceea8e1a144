// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// model is a payload as plain maps, as in vLLM. Numbers are int64 or float64.
type model struct {
	names   []string
	metrics map[string]*modelMetric
	ignored int
	// children are the connectors, of a MultiConnector's payload.
	children []*modelChild
}

// modelChild is what came under a connector's name: a payload if there is a model,
// and what was ignored.
type modelChild struct {
	name string
	*model
	ignored int
}

type modelMetric struct {
	kind   string
	keys   []string
	values map[string][]any
}

func newModel() *model { return &model{metrics: map[string]*modelMetric{}} }

// record does one call, and reports whether vLLM's rules and ours allow it.
func (m *model) record(kind, name, key string, values ...any) bool {
	metric := m.metrics[name]
	if metric == nil {
		metric = &modelMetric{kind: kind, values: map[string][]any{}}
		m.metrics[name] = metric
		m.names = append(m.names, name)
	}
	if metric.kind != kind {
		return false
	}
	old, known := metric.values[key]
	if !known {
		metric.keys = append(metric.keys, key)
	}
	switch {
	case kind == "histogram":
		metric.values[key] = slices.Concat(old, values)
	case kind == "counter" && known:
		metric.values[key] = []any{add(old[0], values[0])}
	default:
		metric.values[key] = values
	}
	return true
}

func (m *model) merge(other *model) (clashes int) {
	for _, name := range other.names {
		metric := other.metrics[name]
		if mine := m.metrics[name]; mine != nil && mine.kind != metric.kind {
			clashes++
			continue
		}
		for _, key := range metric.keys {
			m.record(metric.kind, name, key, metric.values[key]...)
		}
	}
	return clashes
}

// child returns the child of a name, which may be new.
func (m *model) child(name string) *modelChild {
	for _, c := range m.children {
		if c.name == name {
			return c
		}
	}
	c := &modelChild{name: name}
	m.children = append(m.children, c)
	return c
}

// connector returns the payload of a connector, which may be new.
func (m *model) connector(name string) *model {
	c := m.child(name)
	if c.model == nil {
		c.model = newModel()
	}
	return c.model
}

// mergeAll is merge with all connectors.
func (m *model) mergeAll(other *model) (clashes int) {
	clashes = m.mergeContent(other)
	m.ignored += other.ignored
	for _, c := range slices.Clone(other.children) {
		if c.ignored > 0 {
			m.child(c.name).ignored += c.ignored
		}
	}
	return clashes
}

// mergeContent is mergeAll without the counts of ignored stats.
func (m *model) mergeContent(other *model) (clashes int) {
	clashes = m.merge(other)
	for _, c := range slices.Clone(other.children) {
		if c.model != nil {
			clashes += m.connector(c.name).merge(c.model)
		}
	}
	return clashes
}

func (m *model) isEmpty() bool {
	for _, c := range m.children {
		if c.ignored > 0 || c.model != nil && !c.isEmpty() {
			return false
		}
	}
	return len(m.names) == 0 && m.ignored == 0
}

func add(a, b any) any {
	x, xIsInt := a.(int64)
	y, yIsInt := b.(int64)
	if xIsInt && yIsInt {
		return x + y
	}
	return asFloat(a) + asFloat(b)
}

func asFloat(v any) float64 {
	if n, ok := v.(int64); ok {
		return float64(n)
	}
	return v.(float64)
}

func asNumber(v any) stats.Number {
	if n, ok := v.(int64); ok {
		return stats.Int64(n)
	}
	return stats.Float64(v.(float64))
}

// dump has the form of the other dump.
func (m *model) dump() []string {
	var lines []string
	for _, name := range m.names {
		metric := m.metrics[name]
		lines = append(lines, metric.kind+" "+name)
		for _, key := range metric.keys {
			line := "  (" + key + "):"
			for _, v := range metric.values[key] {
				line += " " + asNumber(v).String()
			}
			lines = append(lines, line)
		}
	}
	var ignored []string
	if m.ignored > 0 {
		ignored = append(ignored, fmt.Sprint("ignored unnamed ", m.ignored))
	}
	for _, c := range m.children {
		if c.model != nil {
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

func randomNumber(r *rand.Rand) any {
	if r.IntN(2) == 0 {
		return r.Int64N(1000)
	}
	return float64(r.IntN(1000)) / 8
}

// TestModel runs random calls against payloads that are reused throughout, and
// compares them with plain maps after each.
func TestModel(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := world{r: rand.New(rand.NewPCG(seed, 0))}
			for i := range w.payloads {
				w.payloads[i], w.models[i] = new(stats.Payload), newModel()
			}
			w.bound = bind(t, w.payloads[0])
			for step := range 500 {
				what := w.step(t)
				for i, p := range w.payloads {
					if want, got := w.models[i].dump(), dump(p); !slices.Equal(want, got) {
						t.Fatalf("step %d, %s: payload %d (-model +payload):\n%s", step, what, i, cmp.Diff(want, got))
					}
					if p.IsEmpty() != w.models[i].isEmpty() {
						t.Fatalf("step %d, %s: payload %d: IsEmpty is %t", step, what, i, p.IsEmpty())
					}
				}
			}
		})
	}
}

type world struct {
	r        *rand.Rand
	payloads [3]*stats.Payload
	models   [3]*model
	bound    handles
}

// step does one random call to a payload and its model, and says which.
func (w *world) step(t *testing.T) string {
	i, j := w.r.IntN(len(w.payloads)), w.r.IntN(len(w.payloads))
	p, m := w.payloads[i], w.models[i]
	switch choice := w.r.IntN(16); choice {
	default:
		return w.recordByName(t, i, p, m)
	case 12:
		name := w.connector()
		return "connector " + name + ", " + w.recordByName(t, i, p.Connector(name), m.connector(name))
	case 13, 14:
		if j == 0 {
			return "nothing"
		}
		return w.receive(t, i, j)
	case 0, 1:
		return w.recordBound()
	case 2, 3:
		clashes := m.mergeAll(w.models[j])
		if got := len(entryErrors(t, p.Merge(w.payloads[j]))); got != clashes {
			t.Errorf("merging %d into %d: %d errors, want %d", j, i, got, clashes)
		}
		return fmt.Sprintf("merge %d into %d", j, i)
	case 4:
		p.Reset()
		w.models[i] = newModel()
		return fmt.Sprint("reset ", i)
	case 5:
		want := m
		if m.isEmpty() {
			want = newModel()
		}
		if diff := cmp.Diff(want.dump(), dumpOrNothing(p.Take()), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("taken from %d (-model +payload):\n%s", i, diff)
		}
		w.models[i] = newModel()
		return fmt.Sprint("take from ", i)
	case 6:
		if i == j || j == 0 {
			return "nothing"
		}
		p.TakeInto(w.payloads[j])
		w.models[j], w.models[i] = newModel(), newModel()
		if !m.isEmpty() {
			w.models[j].mergeAll(m)
		}
		return fmt.Sprintf("take from %d into %d", i, j)
	case 7:
		if j == 0 {
			return "nothing"
		}
		format, data := "json", p.AppendJSON(nil)
		if w.r.IntN(2) == 0 {
			format, data = "messagepack", p.AppendMessagePack(nil)
		}
		if err := decoders[format](data, w.payloads[j]); err != nil {
			t.Error(err)
		}
		w.models[j] = newModel()
		w.models[j].mergeContent(m)
		return fmt.Sprintf("%d to %d by %s", i, j, format)
	}
}

func dumpOrNothing(p *stats.Payload) []string {
	if p == nil {
		return nil
	}
	return dump(p)
}

func (w *world) connector() string {
	return []string{"OffloadingConnector", "SimpleCPUOffloadConnector", "B"}[w.r.IntN(3)]
}

// receive decodes what a vLLM of several connectors sends: the own metrics of one
// payload as those of a connector, beside a connector that is not ours.
func (w *world) receive(t *testing.T, i, j int) string {
	own := newModel()
	own.merge(w.models[i])
	sent := build(t)
	sent.check(sent.Merge(w.payloads[i]))
	for name := range sent.Connectors() {
		sent.Connector(name).Reset()
	}
	ours := raw(sent.AppendMessagePack(nil))
	if len(own.names) == 0 {
		ours = raw(pack(t, fields{"types", fields{}, "data", fields{}}))
	}
	nixl := fields{"transfer_duration", list{0.5}, "num_failed_transfers", list{}}
	connector, other := w.connector(), []string{"NixlConnector", "MooncakeConnector", "B"}[w.r.IntN(3)]
	message := fields{connector, fields{"data", ours}, other, fields{"data", nixl}}
	received := newModel()
	received.connector(connector).merge(own)
	received.child(other).ignored++
	switch w.r.IntN(4) {
	case 0:
		message = fields{other, nixl, connector, ours}
		received = newModel()
		received.child(other).ignored++
		received.connector(connector).merge(own)
	case 1:
		message, received = nixl, newModel()
		received.ignored++
	}
	var packed any = message
	if w.r.IntN(2) == 0 {
		packed = list{3, list{}, fields{"num_running_reqs", 1, "kv_connector_stats", message, "perf_stats", nil}}
	}
	decoder := stats.Decoder{EngineCoreOutputs: true}
	if _, err := decoder.MessagePack(pack(t, packed), w.payloads[j]); err != nil {
		t.Error(err)
	}
	w.models[j] = received
	return fmt.Sprintf("receive %d beside others in %d", i, j)
}

// recordByName sometimes uses one name for a counter and a gauge, so kinds clash.
func (w *world) recordByName(t *testing.T, i int, p *stats.Payload, m *model) string {
	kind := []string{"counter", "gauge", "histogram"}[w.r.IntN(3)]
	name := fmt.Sprint(kind[:1], w.r.IntN(3))
	if w.r.IntN(10) == 0 {
		name = "clash"
	}
	var labels []string
	for range w.r.IntN(3) {
		labels = append(labels, string(rune('a'+w.r.IntN(3))))
	}
	value := randomNumber(w.r)
	record := map[string]func(string, stats.Number, ...string) error{
		"counter":   p.AddCounter,
		"gauge":     p.RecordGauge,
		"histogram": p.RecordHistogram,
	}[kind]
	allowed := m.record(kind, name, strings.Join(labels, ","), value)
	if err := record(name, asNumber(value), labels...); (err == nil) != allowed {
		t.Errorf("%s %s%v in %d: got %v, want it allowed %t", kind, name, labels, i, err, allowed)
	}
	return fmt.Sprintf("%s %s%v in %d", kind, name, labels, i)
}

// recordBound uses the handles, which are those of the first payload.
func (w *world) recordBound() string {
	m, n := w.models[0], w.r.Int64N(100)
	f := float64(n) / 4
	switch w.r.IntN(5) {
	case 0:
		w.bound.bytes.Add(n)
		m.record("counter", "test:bytes", "1:fs", n)
	case 1:
		w.bound.seconds.Add(f)
		m.record("counter", "test:time", "1:fs", f)
	case 2:
		w.bound.blocks.Record(n)
		m.record("gauge", "test:blocks", "", n)
	case 3:
		w.bound.usage.Record(f)
		m.record("gauge", "test:usage", "", f)
	case 4:
		w.bound.sizes.Record(f)
		// The unit is bytes, of which a whole number stays an int.
		sample := any(f)
		if f == math.Trunc(f) {
			sample = int64(f)
		}
		m.record("histogram", "test:size", "1:fs", sample)
	}
	return "bound handle"
}
