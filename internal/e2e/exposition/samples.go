// SPDX-License-Identifier: Apache-2.0

// Package exposition makes samples that can be compared, from scrapes and from the
// answers of PromQL.
package exposition

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Samples maps the name and the sorted labels of a sample to its value.
type Samples map[string]float64

// Scrape gets the URL and returns the families of its text.
func Scrape(t testing.TB, url string) map[string]*dto.MetricFamily {
	t.Helper()
	return Families(t, strings.NewReader(Get(t, url)))
}

// Get returns the text at the URL.
func Get(t testing.TB, url string) string {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s: %s", url, response.Status, text)
	}
	return string(text)
}

// Families parses text of the exposition format as the llm-d router does: it only accepts
// legacy names.
func Families(t testing.TB, text io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(text)
	if err != nil {
		t.Fatalf("the scrape does not parse: %v", err)
	}
	return families
}

// Flatten returns all samples of the families, without the labels named in without.
func Flatten(t testing.TB, families map[string]*dto.MetricFamily, without ...string) Samples {
	t.Helper()
	vector, err := expfmt.ExtractSamples(new(expfmt.DecodeOptions), slices.Collect(maps.Values(families))...)
	if err != nil {
		t.Fatal(err)
	}
	samples := make(Samples)
	for _, sample := range vector {
		labels := make(map[string]string, len(sample.Metric))
		for name, value := range sample.Metric {
			labels[string(name)] = string(value)
		}
		samples.Add(labels["__name__"], labels, float64(sample.Value), without...)
	}
	return samples
}

// Add adds one sample, without the labels named in without.
func (s Samples) Add(name string, labels map[string]string, value float64, without ...string) {
	labels = maps.Clone(labels)
	for _, label := range append(without, "__name__") {
		delete(labels, label)
	}
	if le, err := strconv.ParseFloat(labels["le"], 64); err == nil {
		labels["le"] = strconv.FormatFloat(le, 'g', -1, 64)
	}
	s[key(name, labels)] = value
}

// Sum adds up the samples of the name whose keys contain all of the texts.
func (s Samples) Sum(name string, containing ...string) float64 {
	var sum float64
	for k, value := range s {
		matches := strings.HasPrefix(k, name+"{")
		for _, text := range containing {
			matches = matches && strings.Contains(k, text)
		}
		if matches {
			sum += value
		}
	}
	return sum
}

// Difference describes the differences between two sets of samples. It is empty if there
// are none.
func Difference(want, got Samples) string {
	all := maps.Clone(want)
	maps.Copy(all, got)
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(all)) {
		w, wanted := want[k]
		g, there := got[k]
		switch {
		case !there:
			lines = append(lines, fmt.Sprintf("%s is missing, want %v", k, w))
		case !wanted:
			lines = append(lines, fmt.Sprintf("%s = %v is not wanted", k, g))
		case w != g && !(math.IsNaN(w) && math.IsNaN(g)):
			lines = append(lines, fmt.Sprintf("%s = %v, want %v", k, g, w))
		}
	}
	const most = 20
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("... and %d more", len(lines)-most))
	}
	return strings.Join(lines, "\n")
}

func key(name string, labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, label+"="+strconv.Quote(labels[label]))
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}
