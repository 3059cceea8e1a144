// SPDX-License-Identifier: Apache-2.0

package stats_test

import (
	"fmt"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// A reference is the result of the reference decoder.
type reference struct {
	*refPayload
	isJSON bool
	limits stats.Limits
	// errs are what is wrong with single entries, in order.
	errs []string
	// Counts of the whole input.
	types, metrics, entries, samples int
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

// refer decodes a tree, and returns nil if it is refused as a whole.
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
		r.ignored++
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

// recognize tells what the value under a connector's name is, and where its payload is.
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
		r.ignored++
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

// kinds returns the kind of each metric in "types". An invalid kind is "".
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
