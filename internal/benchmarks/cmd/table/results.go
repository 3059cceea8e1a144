// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// results are the values that were measured, by benchmark and unit.
type results struct {
	values     map[key][]float64
	cpu        string
	processors int
}

// A key names what a value was measured of: a benchmark without the number of
// processors behind it, and a unit as benchstat writes it (seconds, not
// nanoseconds).
type key struct{ benchmark, unit string }

// processors is what go test appends to a benchmark's name.
var processors = regexp.MustCompile(`-(\d+)$`)

// parse reads what go test printed.
func parse(from io.Reader) (*results, error) {
	r := &results{values: make(map[key][]float64), processors: 1}
	reader := benchfmt.NewReader(from, "benchmarks")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, record
		case *benchfmt.Result:
			r.cpu = record.GetConfig("cpu")
			name := record.Name.String()
			if suffix := processors.FindStringSubmatch(name); suffix != nil {
				r.processors, _ = strconv.Atoi(suffix[1])
				name = name[:len(name)-len(suffix[0])]
			}
			for _, v := range record.Values {
				k := key{name, v.Unit}
				r.values[k] = append(r.values[k], v.Value)
			}
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	if len(r.values) == 0 {
		return nil, errors.New("there is no benchmark in what was measured")
	}
	return r, nil
}

// median returns the median of a benchmark, or infinity if it was not run.
func (r *results) median(benchmark, unit string) float64 {
	values := r.values[key{benchmark, unit}]
	if len(values) == 0 {
		return math.Inf(1)
	}
	sample := benchmath.NewSample(values, &benchmath.DefaultThresholds)
	return benchmath.AssumeNothing.Summary(sample, 0.95).Center
}

// runs returns how often the benchmarks were run, or an error if some were not
// as often as others, whose medians cannot be compared.
func (r *results) runs() (int, error) {
	runs := 0
	for k, values := range r.values {
		if runs != 0 && len(values) != runs {
			return 0, fmt.Errorf("benchmark %q was run %d times, and others %d times", k.benchmark, len(values), runs)
		}
		runs = len(values)
	}
	return runs, nil
}
