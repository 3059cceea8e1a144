// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"
)

// A Sample is one element of a vector.
type Sample struct {
	Labels map[string]string
	// Value is a number, or the count of a native histogram.
	Value float64
	// Native reports whether the element is a native histogram.
	Native bool
}

// Query evaluates a PromQL expression, whose value is a vector, at a time, or now if it is
// zero.
func (p *Prometheus) Query(expression string, at time.Time) ([]Sample, error) {
	value, _, _, err := p.api.Query(context.Background(), expression, at)
	if err != nil {
		return nil, fmt.Errorf("query %s: %w", expression, err)
	}
	vector, isVector := value.(model.Vector)
	if !isVector {
		return nil, fmt.Errorf("the query gives a %s, not a vector", value.Type())
	}
	samples := make([]Sample, len(vector))
	for i, s := range vector {
		samples[i] = Sample{Labels: labels(model.LabelSet(s.Metric)), Value: float64(s.Value), Native: s.Histogram != nil}
		if s.Histogram != nil {
			samples[i].Value = float64(s.Histogram.Count)
		}
	}
	return samples, nil
}

func labels(set model.LabelSet) map[string]string {
	all := make(map[string]string, len(set))
	for name, value := range set {
		all[string(name)] = string(value)
	}
	return all
}

// An Exemplar is an exemplar that Prometheus keeps.
type Exemplar struct {
	Series, Labels map[string]string
	Value          float64
}

// Exemplars returns the exemplars of the last hour of the series that an expression
// selects.
func (p *Prometheus) Exemplars(expression string) ([]Exemplar, error) {
	now := time.Now()
	found, err := p.api.QueryExemplars(context.Background(), expression, now.Add(-time.Hour), now.Add(time.Minute))
	if err != nil {
		return nil, err
	}
	var all []Exemplar
	for _, series := range found {
		for _, e := range series.Exemplars {
			all = append(all, Exemplar{Series: labels(series.SeriesLabels), Labels: labels(e.Labels), Value: float64(e.Value)})
		}
	}
	return all, nil
}

// Await evaluates the expression until satisfied returns nil for the vector, and returns
// the vector. After a minute it fails the test with the last error of satisfied.
func (p *Prometheus) Await(t testing.TB, expression string, satisfied func([]Sample) error) []Sample {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		vector, err := p.Query(expression, time.Time{})
		if err == nil {
			if err = satisfied(vector); err == nil {
				return vector
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", expression, err)
		}
	}
}

// Some accepts any vector that has elements.
func Some(vector []Sample) error {
	if len(vector) == 0 {
		return fmt.Errorf("the vector is empty")
	}
	return nil
}

// Values accepts a vector of exactly the given values, in any order.
func Values(want ...float64) func([]Sample) error {
	return func(vector []Sample) error {
		left := make(map[float64]int)
		for _, value := range want {
			left[value]++
		}
		for _, sample := range vector {
			left[sample.Value]--
		}
		for value, n := range left {
			if n != 0 {
				return fmt.Errorf("want the values %v, got %v: %v differs", want, vector, value)
			}
		}
		return nil
	}
}
