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
	engines  map[int]map[string]*life      // by the series' names
	departed map[string][]map[string]*life // by reader: what it was not told
}

const (
	readerOfTotals = "cumulative"
	readerOfDeltas = "delta"
)

func newOracle() *oracle {
	return &oracle{engines: map[int]map[string]*life{}, departed: map[string][]map[string]*life{}}
}

func (o *oracle) life(engine int, name string) *life {
	l := o.engines[engine][name]
	if l == nil {
		l = &life{told: map[string]told{}}
		o.engines[engine][name] = l
	}
	return l
}

func (o *oracle) remove(engine int) {
	if gone := o.engines[engine]; len(gone) > 0 {
		for _, reader := range []string{readerOfTotals, readerOfDeltas} {
			o.departed[reader] = append(o.departed[reader], gone)
		}
	}
	delete(o.engines, engine)
}

// removeTier makes the lives of one tier depart, and leaves the engine's others.
func (o *oracle) removeTier(engine int, tier string) {
	gone := maps.Clone(o.engines[engine])
	maps.DeleteFunc(gone, func(name string, _ *life) bool { return !strings.HasSuffix(name, "/"+tier) })
	if len(gone) == 0 {
		return
	}
	for _, reader := range []string{readerOfTotals, readerOfDeltas} {
		o.departed[reader] = append(o.departed[reader], gone)
	}
	for name := range gone {
		delete(o.engines[engine], name)
	}
}

// collect returns what a reader is shown: departed lives first, each name once,
// and then those that are there and whose name is not taken.
func (o *oracle) collect(reader string) map[string]string {
	shown := make(map[string]string)
	show := func(lives map[string]*life) {
		for name, l := range lives {
			l.show(shown, name, reader)
		}
	}
	taken := make(map[string]bool)
	var waiting []map[string]*life
	for _, lives := range o.departed[reader] {
		waits := len(waiting) > 0
		for name := range lives {
			waits = waits || taken[name]
		}
		for name := range lives {
			taken[name] = true
		}
		if waits {
			waiting = append(waiting, lives)
		} else {
			show(lives)
		}
	}
	o.departed[reader] = waiting
	for _, lives := range o.engines {
		free := maps.Clone(lives)
		maps.DeleteFunc(free, func(name string, _ *life) bool { return taken[name] })
		show(free)
	}
	return shown
}

func (l *life) show(shown map[string]string, name, reader string) {
	t := l.told[reader]
	value, samples := l.value, l.samples
	if reader == readerOfDeltas {
		samples = l.samples[t.samples:]
		if name[:3] == "m.c" {
			value -= t.value
		}
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
