// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"slices"
	"unicode/utf8"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// metric decodes the entries of a metric in whichever form they have.
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

// object decodes an entry as JSON has it.
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
				bad = stats.ErrLabelValues
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
