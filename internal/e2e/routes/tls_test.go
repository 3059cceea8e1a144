package routes

import (
	"strings"
	"testing"
	"time"

	"github.com/otelkv/otelkv-go/internal/e2e/exposition"
	"github.com/otelkv/otelkv-go/internal/e2e/receiver"
	"github.com/otelkv/otelkv-go/internal/e2e/servers"
)

// TestMutualTLS has tieredcache, set up by its environment alone, send to a
// Collector that asks for a client certificate.
func TestMutualTLS(t *testing.T) {
	const secret = "s3cr3t-t0k3n"
	authority := receiver.NewAuthority(t)
	trusted, chain, key := authority.Files(t, authority.Issue(t, time.Now().Add(time.Hour)))
	_, otherChain, otherKey := authority.Files(t, receiver.NewAuthority(t).Issue(t, time.Now().Add(time.Hour)))
	collector := servers.StartCollector(t, "collector.yaml",
		"receivers.otlp.protocols.grpc.tls.cert_file="+chain,
		"receivers.otlp.protocols.grpc.tls.key_file="+key,
		"receivers.otlp.protocols.grpc.tls.client_ca_file="+trusted)
	program := servers.BuildTieredCache(t)
	run := func(name, chain, key string) *servers.Process {
		return servers.StartTieredCache(t, program, []string{
			"OTEL_SERVICE_NAME=" + name,
			"OTEL_METRICS_EXPORTER=otlp",
			"OTEL_METRIC_EXPORT_INTERVAL=500",
			"OTEL_METRIC_EXPORT_TIMEOUT=2000",
			"OTEL_EXPORTER_OTLP_ENDPOINT=https://" + collector.GRPC,
			"OTEL_EXPORTER_OTLP_CERTIFICATE=" + trusted,
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE=" + chain,
			"OTEL_EXPORTER_OTLP_CLIENT_KEY=" + key,
			"OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20" + secret,
		}, "-duration=4s", "-engines=1")
	}
	known, unknown := run("known", chain, key), run("unknown", otherChain, otherKey)
	if status := known.Wait(t, 60*time.Second); status != 0 {
		t.Errorf("with the certificate the program ended with status %d", status)
	}
	unknown.Wait(t, 60*time.Second)
	arrived := func(service string) float64 {
		samples := exposition.Flatten(exposition.Scrape(t, "http://"+collector.Scrape+"/metrics"))
		return samples.Sum("vllm:kv_offload_store_bytes_total", `job="`+service+`"`)
	}
	if arrived("known") == 0 {
		t.Error("with the certificate nothing arrived")
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
