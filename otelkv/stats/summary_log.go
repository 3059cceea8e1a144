// SPDX-License-Identifier: Apache-2.0

package stats

import "log/slog"

// LogValue returns the summary as a group, in order: an int64 or float64 attribute for
// each key, and a group for each nested summary. It makes a Summary a slog attribute:
//
//	logger.Info("KV Transfer metrics", "stats", payload.Reduce())
//
// With an empty key, the attributes are those of the message itself. An empty summary
// is an empty group, which handlers leave out.
func (s Summary) LogValue() slog.Value {
	attrs := make([]slog.Attr, 0, len(s.entries)+len(s.connectors))
	for _, e := range s.entries {
		attrs = append(attrs, slog.Attr{Key: e.key, Value: e.value.LogValue()})
	}
	for _, c := range s.connectors {
		attrs = append(attrs, slog.Attr{Key: c.name, Value: c.summary.LogValue()})
	}
	return slog.GroupValue(attrs...)
}

// LogValue returns n as an int64 or float64 value of package slog.
func (n Number) LogValue() slog.Value {
	if v, ok := n.Int64(); ok && n.IsInt64() {
		return slog.Int64Value(v)
	}
	return slog.Float64Value(n.Float64())
}
