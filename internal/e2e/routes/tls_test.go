// SPDX-License-Identifier: Apache-2.0

package routes

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/exporters"
	exporter "github.com/otelkv/otelkv-go/exporters/prometheus"
	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/load"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
	"github.com/otelkv/otelkv-go/internal/testcert"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// TestMutualTLS runs tieredcache, configured by the environment alone, with a Collector
// that requires a client certificate.
func TestMutualTLS(t *testing.T) {
	const secret = "s3cr3t-t0k3n"
	authority := testcert.NewAuthority(t)
	trusted := authority.File(t)
	chain, key := testcert.Files(t, authority.Issue(t, time.Now().Add(time.Hour)))
	otherChain, otherKey := testcert.Files(t, testcert.NewAuthority(t).Issue(t, time.Now().Add(time.Hour)))
	collector := servers.StartCollector(t, "docs/collector/collector.yaml",
		"receivers.otlp.protocols.grpc.tls.cert_file="+chain,
		"receivers.otlp.protocols.grpc.tls.key_file="+key,
		"receivers.otlp.protocols.grpc.tls.client_ca_file="+trusted,
		// With TLS 1.3 a client learns of the refusal only after its handshake, and may see a
		// broken connection instead of the reason.
		"receivers.otlp.protocols.grpc.tls.max_version='1.2'")
	program := servers.BuildTieredCache(t)
	run := func(name, chain, key string, environment ...string) *servers.Process {
		return servers.StartTieredCache(t, program, append(environment,
			"OTEL_SERVICE_NAME="+name,
			"OTEL_METRICS_EXPORTER=otlp",
			"OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
			"OTEL_METRIC_EXPORT_INTERVAL=500",
			"OTEL_EXPORTER_OTLP_ENDPOINT=https://"+collector.GRPC,
			"OTEL_EXPORTER_OTLP_CERTIFICATE="+trusted,
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="+chain,
			"OTEL_EXPORTER_OTLP_CLIENT_KEY="+key,
			"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20"+secret,
		), "-duration=4s", "-engines=1")
	}
	known := run("known", chain, key)
	// Its exports are retried until their timeout.
	unknown := run("unknown", otherChain, otherKey, "OTEL_METRIC_EXPORT_TIMEOUT=1000")
	if status := known.Wait(t, 60*time.Second); status != 0 {
		t.Errorf("with the certificate the program ended with status %d", status)
	}
	unknown.Wait(t, 60*time.Second)
	arrived := func(service string) float64 {
		samples := exposition.Flatten(t, exposition.Scrape(t, "http://"+collector.Scrape+"/metrics"))
		return samples.Sum("vllm:kv_offload_store_bytes_total", `job="`+service+`"`)
	}
	// The Collector shows a batch shortly after it acknowledged it.
	for deadline := time.Now().Add(time.Minute); arrived("known") == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("with the certificate nothing arrived")
		}
	}
	if arrived("unknown") != 0 {
		t.Error("without the certificate something arrived")
	}
	for _, process := range []*servers.Process{known, unknown} {
		if strings.Contains(process.Log(), secret) {
			t.Errorf("the log shows the header's secret:\n%s", process.Log())
		}
	}
	if !strings.Contains(unknown.Log(), "certificate") {
		t.Errorf("the log does not say what is wrong:\n%s", unknown.Log())
	}
}

// TestSecuredScrape scrapes an endpoint that requires a client certificate and a bearer
// token with a real Prometheus. Without one of them there is no answer.
func TestSecuredScrape(t *testing.T) {
	const secret = "s3cr3t-t0k3n"
	authority := testcert.NewAuthority(t)
	certificate := authority.Issue(t, time.Now().Add(time.Hour))
	trusted := authority.File(t)
	chain, key := testcert.Files(t, certificate)
	service := load.NewService(t, vllm.TieringSpec(), "secured",
		exporters.WithExporters("prometheus"), exporters.WithServer("127.0.0.1:0",
			exporter.WithTLSConfig(&tls.Config{Certificates: []tls.Certificate{certificate}, ClientCAs: authority.Pool()}),
			exporter.WithBearerToken(secret)))
	service.Measure(t, 1)

	job := func(name, token, client string) string {
		return fmt.Sprintf(`
  - job_name: %s
    scheme: https
    authorization:
      credentials: %s
    tls_config:
      ca_file: %s%s
    static_configs:
      - targets: [%s]
`, name, token, trusted, client, service.Pipeline.Addr())
	}
	known := fmt.Sprintf("\n      cert_file: %s\n      key_file: %s", chain, key)
	prometheus := servers.StartPrometheus(t, "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:"+
		job("allowed", secret, known)+job("no_token", "none", known)+job("no_certificate", secret, ""))
	want := service.Exposed(t).Sum("vllm:kv_offload_load_bytes_total")
	prometheus.Await(t, `sum(vllm:kv_offload_load_bytes_total{job="allowed"})`, servers.Values(want))
	prometheus.Await(t, `up{job=~"no_.*"}`, servers.Values(0, 0))
	prometheus.Await(t, `count(vllm:kv_offload_load_bytes_total)`, servers.Values(2))
}
