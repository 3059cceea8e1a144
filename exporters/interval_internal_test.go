// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

func TestInterval(t *testing.T) {
	var c config
	if got := c.interval(); got != time.Minute {
		t.Errorf("%v by default, want 1m", got)
	}
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "5000")
	if got := c.interval(); got != 5*time.Second {
		t.Errorf("%v by the environment, want 5s", got)
	}
	c.reader = []sdkmetric.PeriodicReaderOption{sdkmetric.WithInterval(time.Second)}
	if got := c.interval(); got != time.Second {
		t.Errorf("%v by an option, want 1s", got)
	}
}
