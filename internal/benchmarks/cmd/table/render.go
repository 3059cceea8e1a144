// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A column is one implementation.
type column struct{ title, impl string }

// A row is one benchmark. Its form is what its name has after the implementation,
// if anything: "serial", "parallel" or a number of series. A cell has a value in each of
// the units.
type row struct{ title, benchmark, form, units string }

func callColumns() []column {
	return []column{
		{"otelkv", "otelkv"},
		{"OTel SDK, options prepared", "otel_cached"},
		{"OTel SDK, attributes in the call", "otel_naive"},
		{"client_golang, bound child", "client_golang"},
		{"client_golang, `WithLabelValues`", "client_golang_labels"},
		{"VictoriaMetrics", "victoriametrics"},
	}
}

func callRows() []row {
	var rows []row
	for _, benchmark := range []struct{ title, name string }{
		{"counter `Add`, int64", "CounterAdd"},
		{"counter `AddContext`, int64, without a span", "CounterAddContext"},
		{"counter `Add`, float64", "CounterAddFloat64"},
		{"gauge `Record`", "GaugeRecord"},
		{"histogram `Record`", "HistogramRecord"},
		{"histogram `Record`, native buckets too", "HistogramRecordNative"},
		{"histogram `Record`, as an instrument", "HistogramRecordAsInstrument"},
	} {
		rows = append(rows,
			row{benchmark.title, benchmark.name, "serial", "sec/op"},
			row{benchmark.title + ", parallel", benchmark.name, "parallel", "sec/op"})
	}
	return append(rows, row{"counter `Add` to a payload", "PayloadRecord", "serial", "sec/op"})
}

func batchColumns() []column {
	return []column{
		{"otelkv", "otelkv"},
		{"otelkv in a registry", "otelkv_registry"},
		{"otelkv as instruments", "otelkv_instruments"},
		{"OTel SDK", "otel_cached"},
		{"client_golang", "client_golang"},
		{"VictoriaMetrics", "victoriametrics"},
		{"msgp", "library"},
	}
}

func batchRows() []row {
	return []row{
		{"`Observe` a payload of 30 series, 130 values", "Observe", "serial", "sec/op"},
		{"decode it from MessagePack", "Decode", "serial", "sec/op"},
		{"collect 9,500 series", "Collect", "serial", "sec/op"},
		{"scrape 9,500 series", "Scrape", "serial", "sec/op B/op"},
		{"collect 1,900 histogram series", "CollectHistogram", "serial", "sec/op"},
		{"scrape 1,900 histogram series", "ScrapeHistogram", "serial", "sec/op B/op"},
		{"push 50,000 series over OTLP", "Push", "serial", "sec/op"},
		{"`Observe`, an entry, on an engine of 1,000 series", "ObserveGrowth", "series=1000", "sec/series"},
		{"the same, of 100,000 series", "ObserveGrowth", "series=100000", "sec/series"},
		{"collect, a series of 1,000", "CollectGrowth", "series=1000", "sec/series"},
		{"collect, a series of 100,000", "CollectGrowth", "series=100000", "sec/series"},
		{"scrape, a series of 1,000", "ScrapeGrowth", "series=1000", "sec/series"},
		{"scrape, a series of 100,000", "ScrapeGrowth", "series=100000", "sec/series"},
		{"memory of an idle counter series", "Memory/kind=counter", "", "B/series"},
		{"memory of an idle histogram series", "Memory/kind=histogram", "", "B/series"},
	}
}

// shortColumns and shortRows are the table of the README.
func shortColumns() []column {
	return []column{
		{"otelkv", "otelkv"},
		{"OTel SDK", "otel_cached"},
		{"client_golang", "client_golang"},
		{"VictoriaMetrics", "victoriametrics"},
	}
}

func shortRows() []row {
	return []row{
		{"counter `Add`", "CounterAdd", "serial", "sec/op"},
		{"histogram `Record`", "HistogramRecord", "serial", "sec/op"},
		{"collect 9,500 counters and gauges", "Collect", "serial", "sec/op"},
		{"collect 1,900 histograms", "CollectHistogram", "serial", "sec/op"},
		{"scrape 9,500 counters and gauges", "Scrape", "serial", "sec/op B/op"},
		{"scrape 1,900 histograms", "ScrapeHistogram", "serial", "sec/op B/op"},
		{"push 50,000 series over OTLP", "Push", "serial", "sec/op"},
	}
}

// write writes the tables, and what has to be known to read them.
func (r *results) write(w io.Writer, versions string) error {
	runs, err := r.runs()
	if err != nil {
		return err
	}
	if err := r.table(w, "one call", callColumns(), callRows()); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := r.table(w, "many series", batchColumns(), batchRows()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
Medians of %d runs on %s with %d processors; %s; by `+"`make bench-table`"+`. The best result of each row is bold. All have the
same three labels and ten boundaries; parallel is one goroutine a processor on the same series. The client_golang loop beside
`+"`Observe`"+` knows each child beforehand and checks nothing, msgp decodes into `+"`map[string]any`"+`, and the SDK collects and pushes observable
instruments written by hand. A scrape is a request over loopback, without compression, and its second value is what it allocates.
VictoriaMetrics writes no help and no types. A push goes over HTTP to a receiver on loopback that only reads. Not measured: measurements in a span, views, TLS, networks, other architectures, more than %[3]d processors.
`, runs, r.cpu, r.processors, versions)
	return err
}

// table writes one table. An implementation without the operation has an empty
// cell; a row without otelkv is an error.
func (r *results) table(w io.Writer, title string, columns []column, rows []row) error {
	fmt.Fprintf(w, "| %s |", title)
	for _, c := range columns {
		fmt.Fprintf(w, " %s |", c.title)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---:|", len(columns)))
	for _, row := range rows {
		cells := make([][]string, len(columns))
		for unit := range strings.FieldsSeq(row.units) {
			values := make([]float64, len(columns))
			for i, c := range columns {
				values[i] = r.median(row.name(c.impl), unit)
			}
			if math.IsInf(values[0], 1) {
				return fmt.Errorf("benchmark %q was not run", row.name(columns[0].impl))
			}
			for i, v := range values {
				if !math.IsInf(v, 1) {
					cells[i] = append(cells[i], cell(v, unit, v == slices.Min(values)))
				}
			}
		}
		fmt.Fprintf(w, "| %s |", row.title)
		for _, c := range cells {
			fmt.Fprintf(w, " %s |", strings.Join(c, ", "))
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

// name returns the name of the row's benchmark for an implementation.
func (row row) name(impl string) string {
	name := row.benchmark + "/impl=" + impl
	if row.form == "" {
		return name
	}
	return name + "/" + row.form
}

// cell returns a value for people to read.
func cell(v float64, unit string, bold bool) string {
	text := duration(v)
	switch unit {
	case "B/series":
		text = strconv.FormatFloat(v, 'f', 0, 64) + " B"
	case "B/op":
		text = strconv.FormatFloat(v/1e6, 'f', 1, 64) + " MB"
	}
	if bold {
		return "**" + text + "**"
	}
	return text
}

// duration returns seconds in the unit that leaves the fewest digits, to two or
// three significant ones.
func duration(seconds float64) string {
	for _, scale := range []struct {
		factor float64
		unit   string
	}{{1e9, "ns"}, {1e6, "µs"}, {1e3, "ms"}} {
		if v := seconds * scale.factor; v < 999.5 || scale.unit == "ms" {
			digits := 0
			if v < 9.95 {
				digits = 1
			}
			return strconv.FormatFloat(v, 'f', digits, 64) + " " + scale.unit
		}
	}
	return ""
}
