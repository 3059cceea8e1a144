package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"google.golang.org/grpc/resolver"
)

// The variables come in two forms. That of metrics comes before the general one.
const (
	generalPrefix = "OTEL_EXPORTER_OTLP_"
	metricsPrefix = "OTEL_EXPORTER_OTLP_METRICS_"
)

func getenv(variable string) string { return strings.TrimSpace(os.Getenv(variable)) }

// lookup returns the value of a variable and its name in the form that was found.
func lookup(name string) (value, variable string) {
	for _, prefix := range []string{metricsPrefix, generalPrefix} {
		if value := getenv(prefix + name); value != "" {
			return value, prefix + name
		}
	}
	return "", ""
}

// protocolFromEnvironment returns the protocol that the environment names, and
// where it was found.
func protocolFromEnvironment() (Protocol, string) {
	if value, variable := lookup("PROTOCOL"); value != "" {
		return Protocol(value), variable
	}
	return ProtocolGRPC, "default"
}

// checkEnvironment refuses what the upstream exporters would go on without: they
// log the text, which may hold a token or a password, and send to another
// endpoint, without a header or without a certificate. The errors here name the
// variable and files only.
func checkEnvironment(protocol Protocol) error {
	var errs []error
	for _, prefix := range []string{generalPrefix, metricsPrefix} {
		errs = append(errs,
			checkEndpoint(prefix+"ENDPOINT", protocol),
			checkHeaders(prefix+"HEADERS"),
			checkAuthorities(prefix+"CERTIFICATE"),
			checkKeyPair(prefix+"CLIENT_CERTIFICATE", prefix+"CLIENT_KEY"))
	}
	return errors.Join(errs...)
}

// endpointOptions returns what makes the gRPC exporter take an endpoint without a
// scheme, host:port, of which it cannot parse an IP address. Such an endpoint is
// secure unless OTEL_EXPORTER_OTLP_INSECURE says otherwise.
func endpointOptions() []otlpmetricgrpc.Option {
	endpoint, _ := lookup("ENDPOINT")
	if !isAddress(endpoint) {
		return nil
	}
	scheme := "https://"
	if insecure, _ := lookup("INSECURE"); strings.EqualFold(insecure, "true") {
		scheme = "http://"
	}
	return []otlpmetricgrpc.Option{otlpmetricgrpc.WithEndpointURL(scheme + endpoint)}
}

// isAddress reports whether the endpoint is host:port.
func isAddress(endpoint string) bool {
	u, err := url.Parse("//" + endpoint)
	return err == nil && u.Host == endpoint && u.Hostname() != "" && u.Port() != ""
}

// checkEndpoint takes a URL, and for gRPC any target of its client
// (OpenTelemetry specification, "OpenTelemetry Protocol Exporter").
func checkEndpoint(variable string, protocol Protocol) error {
	endpoint := getenv(variable)
	if endpoint == "" || protocol == ProtocolGRPC && isAddress(endpoint) {
		return nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
	case u.User != nil:
		return fmt.Errorf("otelkv: %s has a user, which is not sent: expected credentials in %sHEADERS", variable, generalPrefix)
	case u.Scheme == "http" || u.Scheme == "https":
		if u.Host != "" {
			return nil
		}
	case protocol == ProtocolGRPC && resolver.Get(u.Scheme) != nil:
		return nil
	case protocol == ProtocolGRPC && u.Scheme == "" && !strings.Contains(endpoint, "@"):
		return nil
	}
	return fmt.Errorf("otelkv: %s is no endpoint: expected http://host:port or https://host:port", variable)
}

func checkHeaders(variable string) error {
	var errs []error
	for i, pair := range strings.Split(getenv(variable), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		if err := checkHeader(pair); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: entry %d of %s: %w", i+1, variable, err))
		}
	}
	return errors.Join(errs...)
}

// checkHeader checks one key=value entry, whose value is percent-encoded
// (OpenTelemetry specification, "Specifying headers via environment variables").
func checkHeader(pair string) error {
	key, encoded, ok := strings.Cut(pair, "=")
	if !ok {
		return errors.New("no \"=\": expected key=value")
	}
	if !isToken(strings.TrimSpace(key)) {
		return errors.New("the key is not a header name")
	}
	value, err := url.PathUnescape(encoded)
	if err != nil {
		return errors.New("the value is not percent-encoded")
	}
	if strings.ContainsFunc(strings.TrimSpace(value), isControl) {
		return errors.New("the value has a control character")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == '\x7f' }

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

func checkAuthorities(variable string) error {
	file := getenv(variable)
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	switch {
	case err != nil:
		return fmt.Errorf("otelkv: %s: %w", variable, err)
	case !x509.NewCertPool().AppendCertsFromPEM(text):
		return fmt.Errorf("otelkv: %s: %s has no certificate: expected PEM", variable, file)
	}
	return nil
}

func checkKeyPair(certificateVariable, keyVariable string) error {
	certificate, key := getenv(certificateVariable), getenv(keyVariable)
	switch {
	case certificate == "" && key == "":
		return nil
	case certificate == "" || key == "":
		return fmt.Errorf("otelkv: expected both or neither of %s and %s", certificateVariable, keyVariable)
	}
	if _, err := tls.LoadX509KeyPair(certificate, key); err != nil {
		return fmt.Errorf("otelkv: %s and %s: %w", certificateVariable, keyVariable, err)
	}
	return nil
}
