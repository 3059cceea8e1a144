package otlp

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
)

// protocolFromEnvironment returns the protocol that the environment names, and
// where it was found.
func protocolFromEnvironment() (Protocol, string) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if value := strings.TrimSpace(os.Getenv(name)); value != "" {
			return Protocol(value), name
		}
	}
	return ProtocolGRPC, "default"
}

// checkEnvironment refuses headers and endpoints that cannot be parsed. The
// upstream exporters would go on without them and log their text, which may hold
// a token or a password. The errors here name the variable only.
func checkEnvironment() error {
	var errs []error
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_METRICS_HEADERS"} {
		for i, pair := range strings.Split(os.Getenv(name), ",") {
			if strings.TrimSpace(pair) == "" {
				continue
			}
			if err := checkHeader(pair); err != nil {
				errs = append(errs, fmt.Errorf("otelkv: entry %d of %s: %w", i+1, name, err))
			}
		}
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"} {
		if _, err := url.Parse(strings.TrimSpace(os.Getenv(name))); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: %s is not a URL: expected scheme://host:port", name))
		}
	}
	return errors.Join(errs...)
}

// checkHeader checks one key=value entry, whose value is percent-encoded
// (OpenTelemetry specification, "Specifying headers via environment variables").
func checkHeader(pair string) error {
	key, value, ok := strings.Cut(pair, "=")
	if !ok {
		return errors.New("no \"=\": expected key=value")
	}
	if !isToken(strings.TrimSpace(key)) {
		return errors.New("the key is not a header name")
	}
	if _, err := url.PathUnescape(value); err != nil {
		return errors.New("the value is not percent-encoded")
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		alphanumeric := '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !alphanumeric && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
