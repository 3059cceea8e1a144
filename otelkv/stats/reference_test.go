package stats_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tinylib/msgp/msgp"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// The reference is a second decoder of payloads. It is slow and simple: other libraries
// read the whole input into a tree of fields, lists and scalars first, and then the rules
// that [stats.Decoder] documents are followed over the tree.

// beyond is a number that is one in the format, and neither an int64 nor a float64.
type beyond struct{}

// binary is what JSON has no form for.
type binary struct{}

// errBroken says that an input gives no payload at all.
var errBroken = errors.New("broken")

// readJSON reads the input into a tree by encoding/json.
func readJSON(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	root, err := readToken(d, 0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errBroken
	}
	return root, nil
}

func readToken(d *json.Decoder, depth int) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case json.Delim:
		if depth == 32 {
			return nil, errBroken
		}
		var elements []any
		for d.More() {
			element, err := readToken(d, depth+1)
			if err != nil {
				return nil, err
			}
			elements = append(elements, element)
		}
		if _, err := d.Token(); err != nil {
			return nil, err
		}
		if token == '{' {
			return fields(elements), nil
		}
		return list(elements), nil
	case json.Number:
		return readNumeral(token.String()), nil
	}
	return token, nil
}

func readNumeral(text string) any {
	if !strings.ContainsAny(text, ".eE") {
		if n, ok := new(big.Int).SetString(text, 10); ok && n.IsInt64() {
			return stats.Int64(n.Int64())
		}
		return beyond{}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return beyond{}
	}
	return stats.Float64(f)
}

// readMessagePack reads the value that data begins with by msgp.
func readMessagePack(data []byte, depth int) (value any, rest []byte, err error) {
	switch kind := msgp.NextType(data); kind {
	case msgp.MapType, msgp.ArrayType:
		var size uint32
		count := uint64(0)
		if kind == msgp.MapType {
			size, rest, err = msgp.ReadMapHeaderBytes(data)
			count = 2 * uint64(size)
		} else {
			size, rest, err = msgp.ReadArrayHeaderBytes(data)
			count = uint64(size)
		}
		if err != nil || depth == 32 || count > uint64(len(rest)) {
			return nil, nil, errBroken
		}
		var elements []any
		for range count {
			var element any
			if element, rest, err = readMessagePack(rest, depth+1); err != nil {
				return nil, nil, err
			}
			elements = append(elements, element)
		}
		if kind == msgp.MapType {
			return fields(elements), rest, nil
		}
		return list(elements), rest, nil
	case msgp.BinType, msgp.ExtensionType, msgp.TimeType, msgp.DurationType, msgp.Complex64Type, msgp.Complex128Type:
		rest, err = msgp.Skip(data)
		return binary{}, rest, err
	}
	value, rest, err = msgp.ReadIntfBytes(data)
	switch v := value.(type) {
	case int64:
		value = stats.Int64(v)
	case uint64:
		value = beyond{}
		if v <= 1<<63-1 {
			value = stats.Int64(int64(v))
		}
	case float64:
		value = stats.Float64(v)
	case float32:
		value = stats.Float64(float64(v))
	}
	return value, rest, err
}

// A reference is what the reference decoder makes of an input.
type reference struct {
	*refPayload
	isJSON bool
	limits stats.Limits
	// errs are what is wrong with single entries, in order.
	errs []string
	// Counts of the whole input.
	types, metrics, entries, samples int
}

type refPayload struct {
	info    []map[string]string
	metrics []*refMetric
	// The rest is of the outermost payload.
	ignored  int
	children []*refChild
	name     string
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

// refBroken stops the reference decoder.
type refBroken struct{}

func (r *reference) broken() { panic(refBroken{}) }

func (r *reference) report(p *refPayload, metric string, reason error) {
	r.errs = append(r.errs, describe(p.name, metric, reason))
}

func describe(connector, metric string, reason error) string {
	return fmt.Sprintf("connector %q, metric %q: %v", connector, metric, reason)
}

// refer decodes a tree, and returns nil if it gives no payload at all.
func refer(root any, isJSON bool, limits stats.Limits) (r *reference) {
	defer func() {
		if problem := recover(); problem != nil {
			if _, ok := problem.(refBroken); !ok {
				panic(problem)
			}
			r = nil
		}
	}()
	r = &reference{refPayload: new(refPayload), isJSON: isJSON, limits: limits}
	switch root := root.(type) {
	case nil:
	case fields:
		r.stats(root, true)
	case list: // EngineCoreOutputs
		if len(root) > 2 {
			r.scheduler(root[2])
		}
	default:
		r.broken()
	}
	return r
}

func (r *reference) scheduler(v any) {
	all, ok := v.(fields)
	if !ok && v != nil {
		r.broken()
	}
	if value, found := r.field(all, "kv_connector_stats"); found {
		r.connectorStats(value)
	}
}

func (r *reference) connectorStats(v any) {
	switch v := v.(type) {
	case nil:
	case fields:
		r.stats(v, false)
	default:
		r.broken()
	}
}

// field returns the value of a key that must not be there twice.
func (r *reference) field(all fields, name string) (value any, found bool) {
	for key, v := range all.pairs() {
		if key == name {
			if found {
				r.broken()
			}
			value, found = v, true
		}
	}
	return value, found
}

func (all fields) pairs() func(func(key, value any) bool) {
	return func(yield func(key, value any) bool) {
		for i := 0; i < len(all); i += 2 {
			if !yield(all[i], all[i+1]) {
				return
			}
		}
	}
}

// fits reports whether v is what "types" and "data" are.
func fits(v any, found bool) bool {
	_, isMap := v.(fields)
	return found && (isMap || v == nil)
}

func (r *reference) stats(all fields, outermost bool) {
	for _, name := range []string{"types", "data", "info", "connectors", "kv_connector_stats"} {
		r.field(all, name)
	}
	types, hasTypes := r.field(all, "types")
	data, hasData := r.field(all, "data")
	inner, hasInner := r.field(all, "kv_connector_stats")
	switch {
	case len(all) == 0:
	case fits(types, hasTypes) || fits(data, hasData):
		if hasTypes && !fits(types, true) || !fits(data, hasData) {
			r.broken()
		}
		r.body(r.refPayload, all)
		if connectors, found := r.field(all, "connectors"); found {
			if !fits(connectors, true) {
				r.broken()
			}
			nested, _ := connectors.(fields)
			r.connectors(nested)
		}
	case hasInner && outermost:
		r.connectorStats(inner)
	case areConnectors(all):
		r.connectors(all)
	default:
		r.refPayload.ignored++
	}
}

func areConnectors(all fields) bool {
	onlyMaps := true
	for _, v := range all.pairs() {
		switch what, _ := recognize(v, false); what {
		case "payload":
			return true
		case "no map":
			onlyMaps = false
		}
	}
	return onlyMaps
}

// recognize tells what came under a connector's name, and where its payload is.
func recognize(v any, inside bool) (what string, body fields) {
	all, ok := v.(fields)
	switch {
	case v == nil, ok && len(all) == 0:
		return "nothing", nil
	case !ok:
		return "no map", nil
	}
	var types, data any
	var hasTypes, hasData bool
	for key, value := range all.pairs() {
		switch key {
		case "types":
			types, hasTypes = value, true
		case "data":
			data, hasData = value, true
		}
	}
	if fits(types, hasTypes) || inside && fits(data, hasData) {
		return "payload", all
	}
	if hasData && !inside {
		if what, body := recognize(data, true); what == "payload" || what == "nothing" {
			return what, body
		}
	}
	return "other", nil
}

func (r *reference) connectors(all fields) {
	i := 0
	for key, v := range all.pairs() {
		i++
		what, body := recognize(v, false)
		name, isString := key.(string)
		bad := r.checkText(name)
		if !isString {
			bad = stats.ErrMalformed
		}
		ours := what == "payload" || what == "nothing"
		switch {
		case ours && i > r.limits.Connectors:
			r.broken()
		case i > r.limits.Connectors:
			r.ignore("other")
		case !ours && bad != nil:
			r.ignore("other")
		case !ours:
			r.ignore(name)
		case bad != nil:
			r.errs = append(r.errs, describe(r.clip(name), "", bad))
		case what == "nothing":
			r.child(name).present = true
		default:
			r.connector(name, body)
		}
	}
}

func (r *reference) ignore(name string) {
	if name == "" || name == "unnamed" {
		r.refPayload.ignored++
		return
	}
	r.child(name).ignored++
}

// child returns the payload of a connector's name, which may be new.
func (r *reference) child(name string) *refChild {
	for _, c := range r.children {
		if c.name == name {
			return c
		}
	}
	c := &refChild{refPayload: refPayload{name: name}}
	r.children = append(r.children, c)
	return c
}

func (r *reference) connector(name string, body fields) {
	for _, field := range []string{"types", "data", "info", "connectors", "kv_connector_stats"} {
		r.field(body, field)
	}
	types, hasTypes := r.field(body, "types")
	data, hasData := r.field(body, "data")
	if hasTypes && !fits(types, true) || !fits(data, hasData) {
		r.kinds(types)
		r.errs = append(r.errs, describe(name, "", stats.ErrMalformed))
		return
	}
	c := r.child(name)
	c.present = true
	r.body(&c.refPayload, body)
}

// kinds returns what "types" says of each metric. A kind that is none is "".
func (r *reference) kinds(types any) map[string]string {
	kinds := make(map[string]string)
	all, _ := types.(fields)
	for key, v := range all.pairs() {
		name, isString := key.(string)
		if r.types++; !isString || r.types > r.limits.Metrics {
			r.broken()
		}
		kind, _ := v.(string)
		if kind != "counter" && kind != "gauge" && kind != "histogram" {
			kind = ""
		}
		kinds[name] = kind
	}
	return kinds
}

func (r *reference) body(p *refPayload, all fields) {
	types, _ := r.field(all, "types")
	kinds := r.kinds(types)
	data, _ := r.field(all, "data")
	metrics, _ := data.(fields)
	for key, v := range metrics.pairs() {
		name, isString := key.(string)
		if r.metrics++; !isString || r.metrics > r.limits.Metrics {
			r.broken()
		}
		kind := kinds[name]
		m := p.metric(name)
		switch bad := r.checkText(name); {
		case bad != nil:
			r.report(p, r.clip(name), bad)
		case kind == "", m != nil && m.kind != kind:
			r.report(p, name, stats.ErrKind)
		default:
			r.metric(p, name, kind, v)
		}
	}
	if info, found := r.field(all, "info"); found {
		r.readInfo(p, info)
	}
}

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

func (r *reference) metric(p *refPayload, name, kind string, v any) {
	switch v := v.(type) {
	case fields:
		for labels, value := range v.pairs() {
			r.countEntry()
			r.entry(p, name, kind, labels, value)
		}
		if len(v) == 0 {
			p.show(name, kind)
		}
		return
	case list:
		if len(v) == 0 && r.isJSON {
			p.show(name, kind)
			return
		}
		if len(v) > 0 {
			if _, ok := v[0].(fields); ok {
				for _, object := range v {
					r.countEntry()
					r.object(p, name, kind, object)
				}
				return
			}
		}
	}
	r.countEntry()
	r.entry(p, name, kind, list{}, v)
}

func (r *reference) countEntry() {
	if r.entries++; r.entries > r.limits.Entries {
		r.broken()
	}
}

func (r *reference) object(p *refPayload, name, kind string, v any) {
	object, ok := v.(fields)
	if !ok {
		r.report(p, name, stats.ErrMalformed)
		return
	}
	var labels, value any
	var hasLabels, hasValue bool
	for key, v := range object.pairs() {
		switch key {
		case "labels":
			labels, hasLabels = v, true
		case "value":
			value, hasValue = v, true
		}
		if _, ok := key.(string); !ok {
			r.broken()
		}
	}
	if !hasLabels || !hasValue {
		r.report(p, name, stats.ErrMalformed)
		return
	}
	r.entry(p, name, kind, labels, value)
}

func (r *reference) entry(p *refPayload, name, kind string, labels, value any) {
	values, bad := r.labels(labels)
	if m := p.metric(name); bad == nil && m != nil {
		for _, e := range m.entries {
			if slices.Equal(e.labels, values) {
				bad = stats.ErrDuplicate
			}
		}
	}
	var numbers []stats.Number
	if bad == nil {
		numbers, bad = r.numbers(kind, value)
	}
	if bad != nil {
		r.report(p, name, bad)
		return
	}
	m := p.show(name, kind)
	m.entries = append(m.entries, &refEntry{values, numbers})
}

func (r *reference) labels(v any) ([]string, error) {
	all, ok := v.(list)
	if !ok {
		return nil, stats.ErrLabelValues
	}
	values := []string{}
	for _, v := range all {
		text, ok := v.(string)
		switch {
		case len(values) == r.limits.LabelValues, !ok:
			return nil, stats.ErrLabelValues
		case len(text) > r.limits.LabelLength:
			return nil, stats.ErrTooLarge
		}
		values = append(values, text)
	}
	for _, text := range values {
		if !utf8.ValidString(text) {
			return nil, stats.ErrUTF8
		}
	}
	return values, nil
}

func (r *reference) numbers(kind string, v any) (numbers []stats.Number, bad error) {
	if kind != "histogram" {
		n, ok := v.(stats.Number)
		if !ok {
			return nil, stats.ErrNumber
		}
		return []stats.Number{n}, nil
	}
	samples, ok := v.(list)
	if !ok {
		return nil, stats.ErrNumber
	}
	for _, v := range samples {
		switch v := v.(type) {
		case stats.Number:
			r.samples++
			numbers = append(numbers, v)
		case beyond: // Nobody looks at numbers past the limit.
			if r.samples <= r.limits.Samples {
				bad = stats.ErrNumber
			}
		default:
			bad = stats.ErrNumber
		}
	}
	if bad == nil && r.samples > r.limits.Samples {
		r.broken()
	}
	return numbers, bad
}

func (r *reference) readInfo(p *refPayload, v any) {
	switch v := v.(type) {
	case nil:
	case fields:
		p.info = []map[string]string{r.facts(p, v)}
	case list:
		p.info = []map[string]string{}
		for i, v := range v {
			if i == r.limits.Info {
				r.broken()
			}
			if facts, ok := v.(fields); ok {
				p.info = append(p.info, r.facts(p, facts))
			} else {
				r.report(p, "", stats.ErrMalformed)
			}
		}
	default:
		r.report(p, "", stats.ErrMalformed)
	}
}

func (r *reference) facts(p *refPayload, all fields) map[string]string {
	facts := make(map[string]string)
	i := 0
	for key, v := range all.pairs() {
		name, isString := key.(string)
		if i++; !isString || i > r.limits.Info {
			r.broken()
		}
		value := ""
		bad := r.checkText(name)
		if bad == nil {
			switch v := v.(type) {
			case string:
				value, bad = v, r.checkText(v)
			case stats.Number:
				value = v.String()
			case beyond:
				bad = stats.ErrNumber
			case bool:
				value = map[bool]string{true: "True", false: "False"}[v]
			case nil:
				value = "None"
			default:
				bad = stats.ErrLabelValues
			}
		}
		if bad != nil {
			r.report(p, "", bad)
			continue
		}
		facts[name] = value
	}
	return facts
}

func (r *reference) checkText(text string) error {
	switch {
	case len(text) > r.limits.LabelLength:
		return stats.ErrTooLarge
	case !utf8.ValidString(text):
		return stats.ErrUTF8
	}
	return nil
}

func (r *reference) clip(text string) string { return text[:min(len(text), r.limits.LabelLength)] }

// dump has the form of the other dump.
func (r *reference) dump() []string {
	lines := r.refPayload.dump()
	var ignored []string
	if r.refPayload.ignored > 0 {
		ignored = append(ignored, fmt.Sprint("ignored unnamed ", r.refPayload.ignored))
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
