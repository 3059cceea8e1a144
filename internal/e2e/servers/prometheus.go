// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/otelkv/otelkv-go/internal/e2e/loopback"
)

// A Prometheus is a server that a test started.
type Prometheus struct {
	*Process
	address string
	api     v1.API
}

// StartPrometheus runs a Prometheus server with the configuration until the test
// ends. Its OTLP receiver is on, and it keeps exemplars and native histograms.
func StartPrometheus(t testing.TB, configuration string) *Prometheus {
	t.Helper()
	path := prometheusBinary().path(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	address := loopback.FreeAddresses(t, 1)[0]
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	querier, err := api.NewClient(api.Config{Address: "http://" + address, Client: client})
	if err != nil {
		t.Fatal(err)
	}
	p := &Prometheus{
		address: address,
		api:     v1.NewAPI(querier),
		Process: start(t, "prometheus", path, []string{
			"--config.file=" + file,
			"--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + address,
			"--web.enable-otlp-receiver",
			"--enable-feature=exemplar-storage,native-histograms",
		}, nil),
	}
	p.await(t, "ready", func() bool { return answers(client, "http://"+address+"/-/ready") })
	return p
}

// OTLPEndpoint returns the URL for OTLP metrics, with its path.
func (p *Prometheus) OTLPEndpoint() string {
	return "http://" + p.address + "/api/v1/otlp/v1/metrics"
}

// answers reports whether a GET of the URL returns 200.
func answers(client *http.Client, url string) bool {
	response, err := client.Get(url)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}
