// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
)

// A vector maps sets of labels, without the name, to values.
type vector []element

type element struct {
	labels map[string]string
	value  float64
}

// key returns the labels of an element as text.
func (e element) key(without ...string) string {
	labels := maps.Clone(e.labels)
	for _, name := range without {
		delete(labels, name)
	}
	return fmt.Sprint(labels)
}

// An evaluation computes a published query from the snapshots, independently of
// Prometheus. It supports the forms that the queries have. A panic is a bug of the test.
type evaluation struct {
	fixture fixture
	extra   map[string]string
	rest    string
}

// want returns the value of an expression at the last snapshot. The labels are those from
// relabelling.
func (f fixture) want(expression string, extra map[string]string) vector {
	// This panel has no value for what does not change: 0/0.
	expression, _, moving := strings.Cut(expression, " and (")
	e := &evaluation{f, extra, expression}
	v := e.product()
	if e.rest != "" {
		panic(fmt.Sprintf("%s: %q is left", expression, e.rest))
	}
	if moving {
		v = slices.DeleteFunc(v, func(a element) bool { return math.IsNaN(a.value) })
	}
	return v
}

// take removes a match of the pattern from the front.
func (e *evaluation) take(pattern string) ([]string, bool) {
	e.rest = strings.TrimLeft(e.rest, " ")
	found := regexp.MustCompile(`^(?:` + pattern + `)`).FindStringSubmatch(e.rest)
	if found != nil {
		e.rest = e.rest[len(found[0]):]
	}
	return found, found != nil
}

func (e *evaluation) must(pattern string) []string {
	found, ok := e.take(pattern)
	if !ok {
		panic(fmt.Sprintf("want %s at %q", pattern, e.rest))
	}
	return found
}

// product evaluates factors. The first may be a number.
func (e *evaluation) product() vector {
	scale := 1.0
	if found, ok := e.take(`(\d+) \*`); ok {
		scale, _ = strconv.ParseFloat(found[1], 64)
	}
	v := e.factor()
	if _, ok := e.take(`/`); ok {
		by := e.factor()
		v = slices.DeleteFunc(v, func(a element) bool {
			return !slices.ContainsFunc(by, func(b element) bool { return a.key() == b.key() })
		})
		for i, a := range v {
			at := slices.IndexFunc(by, func(b element) bool { return a.key() == b.key() })
			v[i].value /= by[at].value
		}
	}
	for i := range v {
		v[i].value *= scale
	}
	return v
}

func (e *evaluation) factor() vector {
	switch {
	case e.taken(`\(`):
		v := e.product()
		e.must(`\)`)
		return v
	case e.taken(`sum\b`):
		var by []string
		if found, ok := e.take(`by ?\(([^)]*)\)`); ok {
			by = strings.Split(strings.ReplaceAll(found[1], " ", ""), ",")
		}
		return e.factor().sum(by)
	case e.taken(`histogram_quantile\(`):
		q, _ := strconv.ParseFloat(e.must(`([\d.]+),`)[1], 64)
		v := e.factor()
		e.must(`\)`)
		return v.quantile(q)
	}
	if found, ok := e.take(`(rate|increase)\(`); ok {
		v := e.selector(found[1])
		e.must(`\)`)
		return v
	}
	return e.selector("")
}

func (e *evaluation) taken(pattern string) bool {
	_, ok := e.take(pattern)
	return ok
}

// selector evaluates the series of a name: their last values or their increases.
func (e *evaluation) selector(function string) vector {
	found := e.must(`([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?(?:\[(\w+)\])?`)
	last := e.series(len(e.fixture)-1, found[1], found[2])
	if function == "" {
		return last
	}
	window, err := time.ParseDuration(found[3])
	if err != nil {
		panic(err)
	}
	// A range excludes its start.
	inside := min(int(window/spacing), len(e.fixture))
	first := e.series(len(e.fixture)-inside, found[1], found[2])
	span := time.Duration(inside-1) * spacing
	// Prometheus extrapolates to the start of the range, but at most half a step if the
	// start is far, and not below zero for a counter.
	gap := (window - span).Seconds()
	if window-span > spacing {
		gap = (spacing / 2).Seconds()
	}
	for i, a := range last {
		if a.key() != first[i].key() {
			panic("a series came or went")
		}
		grown, before := a.value-first[i].value, gap
		if grown > 0 {
			before = min(gap, span.Seconds()*first[i].value/grown)
		}
		last[i].value = grown * (span.Seconds() + before) / span.Seconds()
		if function == "rate" {
			last[i].value /= window.Seconds()
		}
	}
	return last
}

// series returns the series of a snapshot that have the name and match the matchers.
func (e *evaluation) series(snapshot int, name, matchers string) vector {
	var v vector
	add := func(m *dto.Metric, value float64, le string) {
		labels := maps.Clone(e.extra)
		for _, pair := range m.GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		if le != "" {
			labels["le"] = le
		}
		for _, matcher := range regexp.MustCompile(`(\w+)=~?"([^"]*)"`).FindAllStringSubmatch(matchers, -1) {
			if labels[matcher[1]] != matcher[2] {
				return
			}
		}
		v = append(v, element{labels, value})
	}
	families := e.fixture[snapshot]
	for _, suffix := range []string{"_bucket", "_count", "_sum"} {
		family := families[strings.TrimSuffix(name, suffix)]
		if !strings.HasSuffix(name, suffix) || family.GetType() != dto.MetricType_HISTOGRAM {
			continue
		}
		for _, m := range family.GetMetric() {
			switch h := m.GetHistogram(); suffix {
			case "_count":
				add(m, float64(h.GetSampleCount()), "")
			case "_sum":
				add(m, h.GetSampleSum(), "")
			default:
				for _, b := range h.GetBucket() {
					add(m, float64(b.GetCumulativeCount()), strconv.FormatFloat(b.GetUpperBound(), 'g', -1, 64))
				}
			}
		}
	}
	for _, m := range families[name].GetMetric() {
		add(m, m.GetCounter().GetValue()+m.GetGauge().GetValue(), "")
	}
	slices.SortFunc(v, func(a, b element) int { return strings.Compare(a.key(), b.key()) })
	return v
}

// sum adds up elements with the same values of the labels.
func (v vector) sum(by []string) vector {
	var sums vector
	for _, a := range v {
		labels := make(map[string]string)
		for _, name := range by {
			labels[name] = a.labels[name]
		}
		sums = sums.add(element{labels, a.value})
	}
	return sums
}

func (v vector) add(a element) vector {
	for i, b := range v {
		if a.key() == b.key() {
			v[i].value += a.value
			return v
		}
	}
	return append(v, a)
}

// quantile estimates a quantile from buckets.
func (v vector) quantile(q float64) vector {
	groups := make(map[string]vector)
	for _, a := range v {
		groups[a.key("le")] = append(groups[a.key("le")], a)
	}
	le := func(a element) float64 {
		bound, err := strconv.ParseFloat(a.labels["le"], 64)
		if err != nil {
			panic(err)
		}
		return bound
	}
	var quantiles vector
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		group := groups[key]
		slices.SortFunc(group, func(a, b element) int { return cmp.Compare(le(a), le(b)) })
		rank := q * group[len(group)-1].value
		i := slices.IndexFunc(group, func(a element) bool { return a.value >= rank })
		low, before := 0.0, 0.0
		if i > 0 {
			low, before = le(group[i-1]), group[i-1].value
		}
		value := low
		switch {
		case rank == 0:
			value = math.NaN()
		case !math.IsInf(le(group[i]), 1):
			value += (le(group[i]) - low) * (rank - before) / (group[i].value - before)
		}
		labels := maps.Clone(group[0].labels)
		delete(labels, "le")
		quantiles = append(quantiles, element{labels, value})
	}
	return quantiles
}
