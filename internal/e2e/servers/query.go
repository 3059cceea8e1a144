// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Sample is one element of the answer to a query.
type Sample struct {
	Labels map[string]string
	// Value is a number, or the count of a native histogram.
	Value float64
	// Native reports whether it is a histogram.
	Native bool
}

// Query evaluates a PromQL expression at a time, or now if it is zero, over
// Prometheus's HTTP API.
func (p *Prometheus) Query(expression string, at time.Time) ([]Sample, error) {
	form := url.Values{"query": {expression}}
	if !at.IsZero() {
		form.Set("time", strconv.FormatFloat(float64(at.UnixMilli())/1e3, 'f', 3, 64))
	}
	response, err := p.client.Post("http://"+p.address+"/api/v1/query", "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("query %s: %s: %s", expression, response.Status, body)
	}
	return samples(body)
}

// samples decodes an answer of the query API, a vector or a scalar.
func samples(body []byte) ([]Sample, error) {
	var answer struct {
		Data struct {
			ResultType string
			Result     []struct {
				Metric    map[string]string
				Value     [2]any
				Histogram []any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	if answer.Data.ResultType != "vector" {
		return nil, fmt.Errorf("the query gives a %s, not a vector", answer.Data.ResultType)
	}
	vector := make([]Sample, len(answer.Data.Result))
	for i, element := range answer.Data.Result {
		text, _ := element.Value[1].(string)
		native := len(element.Histogram) == 2
		if native {
			histogram, _ := element.Histogram[1].(map[string]any)
			text, _ = histogram["count"].(string)
		}
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, err
		}
		vector[i] = Sample{Labels: element.Metric, Value: value, Native: native}
	}
	return vector, nil
}

// An Exemplar is one that Prometheus keeps of a series.
type Exemplar struct {
	Series, Labels map[string]string
	Value          float64
}

// Exemplars returns the exemplars of the last hour of the series that an expression
// selects.
func (p *Prometheus) Exemplars(expression string) ([]Exemplar, error) {
	now := time.Now()
	form := url.Values{
		"query": {expression},
		"start": {strconv.FormatInt(now.Add(-time.Hour).Unix(), 10)},
		"end":   {strconv.FormatInt(now.Add(time.Minute).Unix(), 10)},
	}
	response, err := p.client.PostForm("http://"+p.address+"/api/v1/query_exemplars", form)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Data []struct {
			SeriesLabels map[string]string
			Exemplars    []struct {
				Labels map[string]string
				Value  string
			}
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	var all []Exemplar
	for _, series := range answer.Data {
		for _, e := range series.Exemplars {
			value, err := strconv.ParseFloat(e.Value, 64)
			if err != nil {
				return nil, err
			}
			all = append(all, Exemplar{Series: series.SeriesLabels, Labels: e.Labels, Value: value})
		}
	}
	return all, nil
}

// Await evaluates the expression until it gives what satisfied accepts, and
// returns that. It fails the test when that takes longer than a minute, with
// what satisfied said last.
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
