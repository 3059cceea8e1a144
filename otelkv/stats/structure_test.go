// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// A script is a list of choices, one byte each. The fuzzer changes it, and so changes the
// structure of what is decoded rather than its bytes. A script that is used up chooses 0.
type script []byte

// n returns a choice from 0 to below k.
func (s *script) n(k int) int {
	if len(*s) == 0 {
		return 0
	}
	choice := int((*s)[0]) % k
	*s = (*s)[1:]
	return choice
}

func pick[T any](s *script, from ...T) T { return from[s.n(len(from))] }

// A node is a value of a payload: a map or list with children, in a map keys and values in
// turn, or a scalar.
type node struct {
	isMap, isList bool
	children      []*node
	scalar        any
	// claims is added to the number of elements that MessagePack says there are.
	claims int
}

// numeral is a number as JSON writes it. MessagePack has the same number, or one that is
// as far beyond.
type numeral string

func scalar(v any) *node             { return &node{scalar: v} }
func listOf(children ...*node) *node { return &node{isList: true, children: children} }
func mapOf(children ...*node) *node  { return &node{isMap: true, children: children} }

func (n *node) copy() *node {
	c := *n
	c.children = nil
	for _, child := range n.children {
		c.children = append(c.children, child.copy())
	}
	return &c
}

// all returns the node and everything under it.
func (n *node) all() []*node {
	nodes := []*node{n}
	for _, child := range n.children {
		nodes = append(nodes, child.all()...)
	}
	return nodes
}

// json returns the node as JSON, which has no binary data and no keys but strings.
func (n *node) json() string {
	var text strings.Builder
	for i, child := range n.children {
		isKey := n.isMap && i%2 == 0
		switch {
		case n.isMap && !isKey:
			text.WriteByte(':')
		case i > 0:
			text.WriteByte(',')
		}
		element := child.json()
		if isKey && element[0] != '"' {
			element = strconv.Quote("k" + strconv.Itoa(len(element)))
		}
		text.WriteString(element)
	}
	switch v := n.scalar.(type) {
	case numeral:
		return string(v)
	case string:
		return strconv.Quote(strings.ToValidUTF8(v, "\uFFFD"))
	case []byte:
		return `""`
	case nil:
		switch {
		case n.isMap:
			return "{" + text.String() + "}"
		case n.isList:
			return "[" + text.String() + "]"
		}
		return "null"
	}
	return fmt.Sprint(n.scalar)
}

// messagePack returns the node as [pack] takes it.
func (n *node) messagePack(t testing.TB) any {
	var elements []any
	for _, child := range n.children {
		elements = append(elements, child.messagePack(t))
	}
	if n.claims != 0 {
		size := len(elements)
		kind := byte(0xdd)
		if n.isMap {
			size, kind = size/2, 0xdf
		}
		size = max(0, size+n.claims)
		data := raw{kind, byte(size >> 24), byte(size >> 16), byte(size >> 8), byte(size)}
		for _, element := range elements {
			data = append(data, pack(t, element)...)
		}
		return data
	}
	switch {
	case n.isMap:
		return fields(elements)
	case n.isList:
		return list(elements)
	}
	if text, ok := n.scalar.(numeral); ok {
		if i, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return i
		}
		if f, err := strconv.ParseFloat(string(text), 64); err == nil && strings.ContainsAny(string(text), ".eE") {
			return f
		}
		return uint64(math.MaxUint64)
	}
	return n.scalar
}

var (
	metricNames    = []string{"c", "g", "h", "other"}
	connectorNames = []string{"A", "B", "NixlConnector", "types", "", "unnamed"}
	fieldNames     = []string{"types", "data", "info", "connectors", "kv_connector_stats", "labels", "value", "x"}
	numerals       = []numeral{"0", "1", "-1", "7", "0.5", "-0.0", "-0", "1E2", "1e400", "9223372036854775807",
		"9223372036854775808", "-9223372036854775808", "1e-400", "123456789012345678901234567890", "1.7976931348623157e308"}
	labelTexts = []string{"1:fs", "", "a", "é🙂", "\x1b\n\"\\", strings.Repeat("l", 64), strings.Repeat("l", 65), "\xff", "a\xed\xa0\x80"}
)

// validNode returns a payload that is valid, in one of the forms that there are.
func validNode(s *script, isJSON bool) *node {
	single := func() *node { return validPayload(s, isJSON) }
	connectors := func() *node {
		m := mapOf()
		for range 1 + s.n(3) {
			body := pick(s, single, func() *node { return mapOf(scalar("data"), single()) },
				func() *node { return mapOf(scalar("transfer_duration"), listOf(scalar(0.5))) },
				func() *node { return scalar(nil) })()
			m.children = append(m.children, scalar(pick(s, connectorNames...)), body)
		}
		return m
	}
	root := pick(s, single, connectors, func() *node {
		p := single()
		p.children = append(p.children, scalar("connectors"), connectors())
		return p
	})()
	switch s.n(4) {
	case 1:
		root = mapOf(scalar("num_running_reqs"), scalar(int64(3)), scalar("kv_connector_stats"), root)
	case 2:
		root = listOf(scalar(int64(0)), listOf(), mapOf(scalar("kv_connector_stats"), root), scalar(1.5))
	}
	return root
}

func validPayload(s *script, isJSON bool) *node {
	types, data := mapOf(), mapOf()
	kinds := []string{"counter", "gauge", "histogram"}
	for i := range 1 + s.n(3) {
		kind := kinds[i]
		types.children = append(types.children, scalar(metricNames[i]), scalar(kind))
		data.children = append(data.children, scalar(metricNames[i]), validEntries(s, kind, isJSON))
	}
	p := mapOf(scalar("types"), types, scalar("data"), data)
	if s.n(2) == 1 {
		p = mapOf(scalar("data"), data, scalar("types"), types)
	}
	if s.n(3) == 1 {
		facts := mapOf(scalar("tier"), scalar("1:fs"), scalar("n"), scalar(int64(16)), scalar("on"), scalar(true), scalar("none"), scalar(nil))
		p.children = append(p.children, scalar("info"), pick(s, facts, listOf(facts), listOf(facts, mapOf()), listOf()))
	}
	return p
}

func validEntries(s *script, kind string, isJSON bool) *node {
	value := func() *node {
		if kind != "histogram" {
			return scalar(pick(s, numerals[:8]...))
		}
		samples := listOf()
		for range s.n(5) {
			samples.children = append(samples.children, scalar(pick(s, numerals[:8]...)))
		}
		return samples
	}
	if s.n(4) == 1 {
		return value() // as before metrics had labels
	}
	entries := mapOf()
	if isJSON {
		entries = listOf()
	}
	for i := range s.n(4) {
		labels := listOf(scalar(fmt.Sprint(i)))
		if s.n(2) == 1 {
			labels.children = append(labels.children, scalar(pick(s, labelTexts[:6]...)))
		}
		if isJSON {
			entries.children = append(entries.children, mapOf(scalar("labels"), labels, scalar("value"), value()))
		} else {
			entries.children = append(entries.children, labels, value())
		}
	}
	return entries
}

// mutate changes the structure somewhere under root.
func mutate(s *script, root *node) {
	nodes := root.all()
	// Two bytes, as there can be more than 256.
	find := func() *node { return nodes[(s.n(256)<<8|s.n(256))%len(nodes)] }
	n := find()
	step := 1 // the children that belong together
	if n.isMap {
		step = 2
	}
	at := 0
	if len(n.children) > 0 {
		at = s.n(len(n.children)/step) * step
	}
	switch choice := s.n(13); {
	case choice == 0: // another scalar
		*n = *scalar(pick[any](s, nil, true, "text", []byte("binary"), pick(s, numerals...), pick(s, labelTexts...), float32(0.25), "histogram"))
	case choice == 1: // a container in the place of a value
		*n = *pick(s, mapOf(), listOf(), listOf(n.copy()), mapOf(scalar("x"), n.copy()), mapOf(scalar("data"), n.copy()), listOf(mapOf()))
	case choice == 2: // other parts of the input
		*n = *find().copy()
	case choice == 3: // deep nesting
		for range s.n(40) {
			*n = *listOf(n.copy())
		}
	case choice == 4: // a container of another kind
		if n.isList && len(n.children)%2 == 0 || n.isMap {
			n.isMap, n.isList = !n.isMap, !n.isList
		}
	case len(n.children) == 0:
		// What follows needs children.
	case choice == 5: // drop
		n.children = slices.Delete(n.children, at, at+step)
	case choice == 6: // duplicate, some times
		for range 1 + s.n(20) {
			var again []*node
			for _, child := range n.children[at : at+step] {
				again = append(again, child.copy())
			}
			n.children = append(n.children, again...)
		}
	case choice == 7: // swap
		other := s.n(len(n.children)/step) * step
		for i := range step {
			n.children[at+i], n.children[other+i] = n.children[other+i], n.children[at+i]
		}
	case choice == 8: // swap values
		other := s.n(len(n.children)/step)*step + step - 1
		at += step - 1
		n.children[at], n.children[other] = n.children[other], n.children[at]
	case choice == 9: // another key, or another first element
		n.children[at] = scalar(pick[any](s, pick(s, fieldNames...), pick(s, metricNames...), pick(s, connectorNames...), pick(s, labelTexts...), numeral("1"), nil))
	case choice == 10: // one more, a scalar
		for range step {
			n.children = append(n.children, scalar(pick[any](s, "x", pick(s, numerals...), nil)))
		}
	case choice == 11: // more or less than there is
		n.claims = pick(s, 1, -1, 2, 1000, 1<<30)
	case choice == 12: // many scalars
		for range s.n(100) * step {
			n.children = append(n.children, scalar(numeral("1")))
		}
	}
}

// checkStructure decodes what the script makes, in one format, and compares with the
// reference.
func checkStructure(t *testing.T, s script, isJSON bool, reused *stats.Payload) (entryErrors int, broken bool) {
	t.Helper()
	root := validNode(&s, isJSON)
	mutations := s.n(8)
	for range mutations {
		mutate(&s, root)
		if len(root.all()) > 5000 {
			break
		}
	}
	var input []byte
	if isJSON {
		input = []byte(root.json())
	} else {
		input = pack(t, root.messagePack(t))
	}
	if s.n(16) == 1 { // cut short
		input = input[:(s.n(256)<<8|s.n(256))%(len(input)+1)]
	}
	decoder := stats.Decoder{Limits: fuzzLimits, EngineCoreOutputs: true}
	decoder.Limits.Bytes = 1 << 20
	var tree any
	var unreadable error
	if isJSON {
		tree, unreadable = readJSON(input)
	} else {
		tree, _, unreadable = readMessagePack(input, 0)
	}
	var want *reference
	if unreadable == nil {
		want = refer(tree, isJSON, decoder.Limits)
	}
	for _, p := range []*stats.Payload{new(stats.Payload), reused} {
		var err error
		if isJSON {
			err = decoder.JSON(input, p)
		} else {
			_, err = decoder.MessagePack(input, p)
		}
		failed := errors.As(err, new(*stats.DecodeError))
		if failed != (want == nil) {
			t.Fatalf("decoder: %v\nthe reference takes it: %t, %v\n%s", err, want != nil, unreadable, show(input, isJSON))
		}
		if want == nil {
			if !p.IsEmpty() {
				t.Fatalf("a broken input leaves %q\n%s", dump(p), show(input, isJSON))
			}
			continue
		}
		if diff := cmp.Diff(want.dump(), dump(p), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-reference +decoder):\n%s\n%s", diff, show(input, isJSON))
		}
		if diff := cmp.Diff(want.errs, described(t, err, len(want.errs)), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("errors (-reference +decoder):\n%s\n%s", diff, show(input, isJSON))
		}
	}
	if want == nil {
		return 0, true
	}
	return len(want.errs), false
}

func show(input []byte, isJSON bool) string {
	if isJSON {
		return string(input)
	}
	return fmt.Sprintf("%q", input)
}

// described returns what the joined error says, as the reference does. Of more errors
// than a decoder names, count says how many there should be.
func described(t *testing.T, err error, count int) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	var lines []string
	for _, err := range err.(interface{ Unwrap() []error }).Unwrap() {
		e := (*stats.EntryError)(nil)
		if !errors.As(err, &e) {
			if want := fmt.Sprintf("otelkv: and %d more", count-64); err.Error() != want {
				t.Errorf("%v, want %s", err, want)
			}
			continue
		}
		for _, reason := range []error{stats.ErrKind, stats.ErrNumber, stats.ErrLabelValues, stats.ErrUTF8, stats.ErrTooLarge, stats.ErrMalformed} {
			if errors.Is(e, reason) {
				lines = append(lines, describe(e.Connector, e.Metric, reason))
			}
		}
	}
	return lines
}

// TestStructure decodes valid payloads whose structure was changed at random, and holds
// that exactly what is good in them survives.
func TestStructure(t *testing.T) {
	const rounds = 4000
	for _, format := range []string{"json", "messagepack"} {
		t.Run(format, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			var reused stats.Payload
			var whole, withErrors, broken int
			for range rounds {
				s := make(script, 400)
				for i := range s {
					s[i] = byte(r.Uint32())
				}
				switch refused, isBroken := checkStructure(t, s, format == "json", &reused); {
				case isBroken:
					broken++
				case refused > 0:
					withErrors++
				default:
					whole++
				}
			}
			t.Logf("%d payloads: %d whole, %d without some entries, %d broken", rounds, whole, withErrors, broken)
			if min(whole, withErrors, broken) < rounds/20 {
				t.Error("the mutations do not reach everything")
			}
		})
	}
}

func FuzzStructureJSON(f *testing.F) { fuzzStructure(f, true) }

func FuzzStructureMessagePack(f *testing.F) { fuzzStructure(f, false) }

func fuzzStructure(f *testing.F, isJSON bool) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		s := make([]byte, 200)
		for i := range s {
			s[i] = byte(r.Uint32())
		}
		f.Add(s)
	}
	var reused stats.Payload
	f.Fuzz(func(t *testing.T, s []byte) { checkStructure(t, s, isJSON, &reused) })
}
