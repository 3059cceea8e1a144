// SPDX-License-Identifier: Apache-2.0

package stats

import "log/slog"

// LogValue returns the summary as a group, in order: one attribute a key, int64
// or float64 as the number is, and a group for each nested summary under its
// connector's name. With it, a Summary can be logged as it is:
//
//	logger.Info("KV Transfer metrics", "stats", payload.Reduce())
//
// Under an empty key the attributes stand beside the message's own. An empty
// summary is an empty group, which handlers leave out.
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

// LogValue returns n as an int64 or a float64 of package slog.
func (n Number) LogValue() slog.Value {
	if v, ok := n.Int64(); ok && n.IsInt64() {
		return slog.Int64Value(v)
	}
	return slog.Float64Value(n.Float64())
}
