package otelkv

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelkv/otelkv-go/otelkv/stats"
)

// observeInfo sets the catalogue's info metric to 1 for the facts of a payload,
// whose label names are the definition's: a fact that is missing has the empty
// value, one that is not declared is dropped and reported once. Facts that
// changed take the place of the old ones, where vLLM leaves both.
func (e *Engine) observeInfo(info map[string]string) error {
	m := e.recorder.info
	if m == nil {
		return e.reportOnce("", fmt.Errorf("%w: it has no metric for a payload's info", ErrUnknownMetric))
	}
	names := m.definition.LabelNames
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = info[name]
	}
	if err := e.replaceInfo(m, values); err != nil {
		e.recorder.rejected.count(err)
		return &stats.EntryError{Metric: m.definition.PrometheusName, Err: err}
	}
	undeclared := slices.DeleteFunc(slices.Sorted(maps.Keys(info)), func(name string) bool {
		return slices.Contains(names, name)
	})
	if len(undeclared) > 0 {
		return e.reportOnce(m.definition.PrometheusName,
			fmt.Errorf("%w: info has undeclared labels %.256q", ErrLabelValues, strings.Join(undeclared, ", ")))
	}
	return nil
}

// replaceInfo shows the series of the given values, and takes away the one that
// was shown before. No collection comes between, which would see both.
func (e *Engine) replaceInfo(m *instrumented, values []string) error {
	e.infoMu.Lock()
	defer e.infoMu.Unlock()
	if e.info != nil && e.info == e.existing(m, values) {
		return nil
	}
	e.recorder.collecting.Lock()
	defer e.recorder.collecting.Unlock()
	s, err := e.resolve(m, values)
	if err != nil {
		return err
	}
	s.setInt64(1)
	if old := e.info; old != nil {
		e.drain(func(other *series) bool { return other == old })
	}
	e.info = s
	return nil
}

// existing returns the engine's series of a metric and label values, or nil.
func (e *Engine) existing(m *instrumented, labelValues []string) *series {
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
