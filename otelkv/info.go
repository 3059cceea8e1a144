// SPDX-License-Identifier: Apache-2.0

package otelkv

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// observeInfo sets the catalogue's info metric to 1 for the facts of a payload, a
// series for each map (vLLM #56867). The definition has the label names: a fact that
// is missing has the empty value, one that is not declared is dropped and reported
// once. Facts that changed take the place of the old ones, unless [WithStaleInfo] says
// that they stay, as in vLLM.
func (e *Engine) observeInfo(info []map[string]string) error {
	m := e.recorder.info
	if m == nil {
		return e.reportOnce("", fmt.Errorf("%w: it has no metric for a payload's info", ErrUnknownMetric))
	}
	names := m.definition.LabelNames
	undeclared := make(map[string]bool)
	tuples := make([][]string, len(info))
	for i, facts := range info {
		tuples[i] = make([]string, len(names))
		for j, name := range names {
			tuples[i][j] = facts[name]
		}
		for name := range facts {
			if !slices.Contains(names, name) {
				undeclared[name] = true
			}
		}
	}
	if err := e.replaceInfo(m, tuples); err != nil {
		return err
	}
	if len(undeclared) > 0 {
		return e.reportOnce(m.definition.PrometheusName, fmt.Errorf("%w: info has undeclared labels %.256q",
			ErrLabelValues, strings.Join(slices.Sorted(maps.Keys(undeclared)), ", ")))
	}
	return nil
}

// replaceInfo shows the series of the given tuples, and takes away those that were
// shown before. No collection comes between, which would see both. Tuples that no
// series can have are left out, and if there is no other, the old series stay.
func (e *Engine) replaceInfo(m *recorderMetric, tuples [][]string) error {
	e.infoMu.Lock()
	defer e.infoMu.Unlock()
	isShown := func(values []string) bool {
		s := e.existing(m, values)
		return s != nil && slices.Contains(e.info, s)
	}
	if len(tuples) == len(e.info) && !slices.ContainsFunc(tuples, func(values []string) bool { return !isShown(values) }) {
		return nil
	}
	e.recorder.collecting.Lock()
	defer e.recorder.collecting.Unlock()
	var shown []*series
	var errs []error
	for _, values := range tuples {
		s, err := e.resolve(m, values)
		if err != nil {
			e.recorder.rejected.count(err)
			errs = append(errs, &stats.EntryError{Metric: m.definition.PrometheusName, Err: err})
			continue
		}
		s.setInt64(1)
		shown = append(shown, s)
	}
	if e.recorder.config.staleInfo {
		return errors.Join(errs...)
	}
	if len(shown) > 0 {
		e.drain(func(old *series) bool { return slices.Contains(e.info, old) && !slices.Contains(shown, old) })
		e.info = shown
	}
	return errors.Join(errs...)
}

// existing returns the engine's series of a metric and label values, or nil.
func (e *Engine) existing(m *recorderMetric, labelValues []string) *series {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.metrics[m.ordinal].find(labelValues)
}

// reportOnce counts an info that does not fit the catalogue, and returns why the
// first time.
func (e *Engine) reportOnce(metric string, cause error) error {
	e.recorder.rejected.count(cause)
	if e.infoReported.Swap(true) {
		return nil
	}
	return &stats.EntryError{Metric: metric, Err: cause}
}
