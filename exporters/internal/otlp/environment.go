// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"unicode"

	"golang.org/x/net/http/httpguts"
	"google.golang.org/grpc/resolver"
)

// Each variable has two forms. The one for metrics has priority.
const (
	generalPrefix = "OTEL_EXPORTER_OTLP_"
	metricsPrefix = "OTEL_EXPORTER_OTLP_METRICS_"
)

func getenv(variable string) string { return strings.TrimSpace(os.Getenv(variable)) }

// lookup returns the value of a variable, and the full name that has it.
func lookup(name string) (value, variable string) {
	for _, prefix := range []string{metricsPrefix, generalPrefix} {
		if value := getenv(prefix + name); value != "" {
			return value, prefix + name
		}
	}
	return "", ""
}

// checkEnvironment refuses values that the upstream exporters would ignore: they log the
// text, which may hold a token or a password, and send to another endpoint, without a
// header or without a certificate. The errors here only name variables and files.
//
// It returns the endpoint as a complete URL. It is empty if the endpoint is not set, or is
// another target of gRPC's client.
func checkEnvironment(protocol string) (endpoint string, err error) {
	var errs []error
	for _, prefix := range []string{generalPrefix, metricsPrefix} {
		if getenv(prefix+"ENDPOINT") != "" {
			endpoint, err = endpointURL(prefix, protocol)
			errs = append(errs, err)
		}
		errs = append(errs,
			checkHeaders(prefix+"HEADERS", protocol),
			checkAuthorities(prefix+"CERTIFICATE"),
			checkKeyPair(prefix+"CLIENT_CERTIFICATE", prefix+"CLIENT_KEY"))
	}
	return endpoint, errors.Join(errs...)
}

// isAddress reports whether the endpoint is host:port.
func isAddress(endpoint string) bool {
	u, err := url.Parse("//" + endpoint)
	return err == nil && u.Host == endpoint && u.Hostname() != "" && u.Port() != ""
}

// endpointURL returns an endpoint as a complete URL, or nothing for another target of
// gRPC's client (OpenTelemetry specification, "OpenTelemetry Protocol Exporter").
//
// The upstream exporters differ from the specification: they apply
// OTEL_EXPORTER_OTLP_INSECURE to endpoints with a scheme too. They also cannot parse an IP
// address with a port.
func endpointURL(prefix, protocol string) (string, error) {
	variable := prefix + "ENDPOINT"
	endpoint := getenv(variable)
	if protocol == protocolGRPC && isAddress(endpoint) {
		if insecure, _ := lookup("INSECURE"); strings.EqualFold(insecure, "true") {
			return "http://" + endpoint, nil
		}
		return "https://" + endpoint, nil
	}
	u, err := url.Parse(endpoint)
	switch {
	case err != nil:
	case u.User != nil:
		return "", fmt.Errorf("otelkv: %s has a user, which is not sent: expected credentials in %sHEADERS", variable, generalPrefix)
	case u.Scheme == "http" || u.Scheme == "https":
		if u.RawQuery != "" || u.Fragment != "" {
			return "", fmt.Errorf("otelkv: %s has a query or a fragment, which is not sent: expected none", variable)
		}
		if u.Host == "" {
			break
		}
		if protocol == protocolHTTP && prefix == generalPrefix {
			u = u.JoinPath("v1", "metrics")
		}
		return u.String(), nil
	case protocol == protocolGRPC && resolver.Get(u.Scheme) != nil:
		return "", nil
	case protocol == protocolGRPC && u.Scheme == "" && !strings.Contains(endpoint, "@"):
		return "", nil
	}
	return "", fmt.Errorf("otelkv: %s is no endpoint: expected http://host:port or https://host:port", variable)
}

func checkHeaders(variable string, protocol string) error {
	var errs []error
	for i, pair := range strings.Split(getenv(variable), ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		if err := checkHeader(pair, protocol); err != nil {
			errs = append(errs, fmt.Errorf("otelkv: entry %d of %s: %w", i+1, variable, err))
		}
	}
	return errors.Join(errs...)
}

// checkHeader checks one key=value entry, whose value is percent-encoded
// (OpenTelemetry specification, "Specifying headers via environment variables").
// An export with a header that gRPC cannot send would fail (gRPC over HTTP/2,
// "Custom-Metadata").
func checkHeader(pair string, protocol string) error {
	key, encoded, ok := strings.Cut(pair, "=")
	if !ok {
		return errors.New("no \"=\": expected key=value")
	}
	key = strings.TrimSpace(key)
	if !httpguts.ValidHeaderFieldName(key) {
		return errors.New("the key is not a header name")
	}
	value, err := url.PathUnescape(encoded)
	if err != nil {
		return errors.New("the value is not percent-encoded")
	}
	value = strings.TrimSpace(value)
	binary := strings.HasSuffix(strings.ToLower(key), "-bin")
	isControl := func(r rune) bool { return r < ' ' || r == '\x7f' }
	switch {
	case strings.ContainsFunc(value, isControl):
		return errors.New("the value has a control character")
	case protocol != protocolGRPC:
		return nil
	case strings.ContainsAny(key, "!#$%&'*+^`|~"):
		return errors.New("gRPC cannot send the key: expected letters, digits, \"-\", \"_\" and \".\"")
	case !binary && strings.ContainsFunc(value, func(r rune) bool { return r > unicode.MaxASCII }):
		return errors.New("the value is not ASCII, which gRPC cannot send")
	}
	return nil
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
