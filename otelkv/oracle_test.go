// SPDX-License-Identifier: Apache-2.0

package otelkv_test

import (
	"fmt"
	"maps"
	"strings"
)

// A life is one series from its first appearance to its removal, as the oracle
// keeps it.
type life struct {
	value   float64 // of the counter or gauge
	samples []float64
	told    map[string]told // by reader
}

type told struct {
	value   float64
	samples int
	shown   bool
}

// An oracle says what each reader must be shown, with nothing but maps.
type oracle struct {
	readers  map[string]deltas           // by name
	engines  map[int]map[string]*life    // by the series' names
	departed map[string]map[string]*life // by reader: what it was not told
}

// deltas are what a reader wants deltas of.
type deltas struct{ counters, histograms bool }

func newOracle() *oracle {
	return &oracle{
		readers:  map[string]deltas{},
		engines:  map[int]map[string]*life{},
		departed: map[string]map[string]*life{},
	}
}

func (o *oracle) addReader(name string, d deltas) {
	o.readers[name], o.departed[name] = d, map[string]*life{}
}

// life returns the life of a series, and begins one if there is none: that of a
// counter or histogram goes on if a reader is still to be told of its end.
func (o *oracle) life(engine int, name string) *life {
	l := o.engines[engine][name]
	if l == nil {
		if l = o.resume(name); l == nil {
			l = &life{told: map[string]told{}}
		}
		o.engines[engine][name] = l
	}
	return l
}

// bind goes on with a life that departed, if there is one, and begins none: a
// series that was not recorded to is not shown.
func (o *oracle) bind(engine int, name string) *life {
	if l := o.engines[engine][name]; l != nil {
		return l
	}
	l := o.resume(name)
	if l != nil {
		o.engines[engine][name] = l
	}
	return l
}

func (o *oracle) resume(name string) *life {
	if strings.HasPrefix(name, "m.g") {
		return nil
	}
	var found *life
	for _, lives := range o.departed {
		if l := lives[name]; l != nil {
			found = l
		}
	}
	if found != nil {
		for _, lives := range o.departed {
			delete(lives, name)
		}
	}
	return found
}

func (o *oracle) remove(engine int) {
	o.depart(o.engines[engine])
	delete(o.engines, engine)
}

// removeTier makes the lives of one tier depart, and leaves the engine's others.
func (o *oracle) removeTier(engine int, tier string) {
	gone := maps.Clone(o.engines[engine])
	maps.DeleteFunc(gone, func(name string, _ *life) bool { return !strings.HasSuffix(name, "/"+tier) })
	o.depart(gone)
	for name := range gone {
		delete(o.engines[engine], name)
	}
}

func (o *oracle) depart(gone map[string]*life) {
	for reader := range o.readers {
		maps.Copy(o.departed[reader], gone)
	}
}

// collect returns what a reader is shown: the lives that are there, and once more
// those that departed.
func (o *oracle) collect(reader string) map[string]string {
	shown := make(map[string]string)
	for _, lives := range o.engines {
		for name, l := range lives {
			delete(o.departed[reader], name) // a gauge's, which another took the place of
			l.show(shown, name, reader, o.readers[reader])
		}
	}
	for name, l := range o.departed[reader] {
		l.show(shown, name, reader, o.readers[reader])
	}
	clear(o.departed[reader])
	return shown
}

func (l *life) show(shown map[string]string, name, reader string, wants deltas) {
	t := l.told[reader]
	value, samples := l.value, l.samples
	if wants.counters && name[:3] == "m.c" {
		value -= t.value
	}
	if wants.histograms {
		samples = l.samples[t.samples:]
		if name[:3] == "m.s" && t.shown && len(samples) == 0 {
			return
		}
	}
	l.told[reader] = told{value: l.value, samples: len(l.samples), shown: true}
	switch name[:3] {
	case "m.s":
		shown[name] = distribution(samples)
	case "m.c":
		shown["m.mirror"+name[len("m.counter"):]] = fmt.Sprint(value)
		fallthrough
	default:
		shown[name] = fmt.Sprint(value)
	}
}

func distribution(samples []float64) string {
	buckets, sum := []uint64{0, 0, 0}, 0.0
	for _, s := range samples {
		sum += s
		switch {
		case s <= 1:
			buckets[0]++
		case s <= 10:
			buckets[1]++
		default:
			buckets[2]++
		}
	}
	return fmt.Sprint(buckets, sum)
}
