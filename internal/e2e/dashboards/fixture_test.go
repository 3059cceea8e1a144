// SPDX-License-Identifier: Apache-2.0

package dashboards

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

const (
	snapshots = 25
	// spacing is the time between snapshots as Prometheus sees them. The windows of the
	// queries need it.
	spacing = 15 * time.Second
)

// A fixture is a series of scrapes of a program.
type fixture []map[string]*dto.MetricFamily

// record takes the snapshots.
func record(scrape func() map[string]*dto.MetricFamily) fixture {
	f := make(fixture, snapshots)
	for i := range f {
		f[i] = scrape()
	}
	return f
}

// republish adds the families under other names, like a program that scrapes engines and
// shows their metrics as its own.
func (f fixture) republish(rename func(string) string) {
	for _, families := range f {
		for name, family := range maps.Clone(families) {
			renamed := rename(name)
			families[renamed] = &dto.MetricFamily{Name: &renamed, Type: family.Type, Metric: family.Metric}
		}
	}
}

// serve starts a Prometheus server that scrapes the fixture. It returns when the server
// has all of it, with the time of the last snapshot. The labels are added to every
// series, as by relabelling.
func (f fixture) serve(t *testing.T, labels map[string]string) (*servers.Prometheus, time.Time) {
	t.Helper()
	last := time.Now().Truncate(time.Second)
	var history bytes.Buffer
	for i, families := range f {
		if err := write(&history, families, last.Add(-time.Duration(len(f)-1-i)*spacing)); err != nil {
			t.Fatal(err)
		}
	}
	// Each scrape shows all snapshots, so it does not matter when the first scrape comes.
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", string(expfmt.NewFormat(expfmt.TypeTextPlain)))
		_, _ = w.Write(history.Bytes())
	}))
	t.Cleanup(target.Close)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		fmt.Fprintf(&text, "          %s: %q\n", name, labels[name])
	}
	prometheus := servers.StartPrometheus(t, fmt.Sprintf(`
global:
  scrape_interval: 2s
  scrape_timeout: 2s
scrape_configs:
  - job_name: fixture
    static_configs:
      - targets: [%q]
        labels:
%s`, strings.TrimPrefix(target.URL, "http://"), text.String()))
	const counted = "vllm:kv_offload_cpu_cache_usage_perc"
	prometheus.Await(t, fmt.Sprintf("count_over_time(%s[1h])", counted), func(vector []servers.Sample) error {
		if len(vector) == 0 || vector[0].Value < snapshots {
			return fmt.Errorf("want %d snapshots, got %v", snapshots, vector)
		}
		return nil
	})
	return prometheus, last
}

// write writes the families with a timestamp.
func write(w io.Writer, families map[string]*dto.MetricFamily, at time.Time) error {
	milliseconds := at.UnixMilli()
	for _, name := range slices.Sorted(maps.Keys(families)) {
		for _, m := range families[name].GetMetric() {
			m.TimestampMs = &milliseconds
		}
		if _, err := expfmt.MetricFamilyToText(w, families[name]); err != nil {
			return err
		}
	}
	return nil
}
