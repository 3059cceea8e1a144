// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"crypto/tls"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelkv/otelkv-go/exporters/internal/collectortest"
	"github.com/otelkv/otelkv-go/internal/testcert"
)

// tlsCase is one client of a collector that requires a client certificate.
type tlsCase struct {
	name string
	// trusted is the authority that the exporter trusts.
	trusted *testcert.Authority
	// own is the certificate of the exporter, or nil.
	own  *tls.Certificate
	want bool
}

// tlsCases returns the cases and the TLS configuration of the collector.
func tlsCases(t *testing.T, serverExpires time.Time) ([]tlsCase, *tls.Config) {
	t.Helper()
	ours, other := testcert.NewAuthority(t), testcert.NewAuthority(t)
	valid := time.Now().Add(time.Hour)
	good, expired, stranger := ours.Issue(t, valid), ours.Issue(t, time.Now().Add(-time.Minute)), other.Issue(t, valid)
	alive := serverExpires.After(time.Now())
	return []tlsCase{
			{"trusted on both sides", ours, &good, alive},
			{"no client certificate", ours, nil, false},
			{"expired client certificate", ours, &expired, false},
			{"client certificate of an unknown authority", ours, &stranger, false},
			{"server of an unknown authority", other, &good, false},
		}, &tls.Config{
			Certificates: []tls.Certificate{ours.Issue(t, serverExpires)},
			ClientAuth:   tls.RequireAndVerifyClientCert,
			ClientCAs:    ours.Pool(),
		}
}

// export sends once, and tests whether the collector received it.
func export(t *testing.T, collector *collectortest.Collector, want bool) {
	t.Helper()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {}))
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.Endpoint())
	if !want {
		// A gRPC client retries a connection that TLS refused.
		t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "300")
	}
	_, provider := newReader(t, quick)
	measure(t, provider)
	err := provider.ForceFlush(t.Context())
	if sent := collector.Last() != nil; sent != want || (err == nil) != want {
		t.Errorf("sent: %t, and the flush returned %v, want it sent: %t", sent, err, want)
	}
}

func TestTLSFromEnvironment(t *testing.T) {
	for _, server := range []struct {
		name    string
		expires time.Duration
	}{{"valid server", time.Hour}, {"expired server", -time.Minute}} {
		cases, config := tlsCases(t, time.Now().Add(server.expires))
		for _, test := range cases {
			for protocol, serve := range servers {
				t.Run(server.name+"/"+test.name+"/"+protocol, func(t *testing.T) {
					t.Setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", test.trusted.File(t))
					if test.own != nil {
						certificate, key := testcert.Files(t, *test.own)
						t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", certificate)
						t.Setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", key)
					}
					t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
					export(t, serve(t, config), test.want)
				})
			}
		}
	}
}

var servers = map[string]func(testing.TB, *tls.Config) *collectortest.Collector{
	"grpc":          collectortest.GRPC,
	"http/protobuf": collectortest.HTTP,
}
