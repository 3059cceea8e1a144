// SPDX-License-Identifier: Apache-2.0

package servers

import (
	"context"
	"testing"
)

func promtoolBinary() Binary {
	return Binary{"promtool", func(ctx context.Context, dir, _ string) error {
		return install(ctx, dir, "github.com/prometheus/prometheus/cmd/promtool@"+prometheusVersion)
	}}
}

// Promtool returns the path of Prometheus's command for checking rules.
func Promtool(t testing.TB) string {
	t.Helper()
	return promtoolBinary().path(t)
}
