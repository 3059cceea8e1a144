// SPDX-License-Identifier: Apache-2.0

package cleanenv_test

import (
	"os"
	"testing"

	"github.com/otelkv/otelkv-go/internal/cleanenv"
)

func TestUnset(t *testing.T) {
	t.Setenv("OTEL_METRICS_EXPORTER", "none")
	t.Setenv("NOT_OTEL_METRICS_EXPORTER", "stays")
	cleanenv.Unset()
	if value, ok := os.LookupEnv("OTEL_METRICS_EXPORTER"); ok {
		t.Errorf("OTEL_METRICS_EXPORTER is %q, want it unset", value)
	}
	if os.Getenv("NOT_OTEL_METRICS_EXPORTER") != "stays" {
		t.Error("another variable was unset")
	}
}
