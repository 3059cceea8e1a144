// SPDX-License-Identifier: Apache-2.0

package exporters

import (
	"context"
	"reflect"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// interval returns how often exporters push. Only a reader can tell, because the options
// are the SDK's and the environment matters too. A reader says it where it describes itself
// for OpenTelemetry's log.
func (c *config) interval() time.Duration {
	reader := sdkmetric.NewPeriodicReader(noExporter{}, c.reader...)
	defer func() { _ = reader.Shutdown(context.Background()) }()
	if description := reflect.ValueOf(reader.MarshalLog()); description.Kind() == reflect.Struct {
		if field := description.FieldByName("Interval"); field.IsValid() {
			if d, ok := field.Interface().(time.Duration); ok {
				return d
			}
		}
	}
	return time.Minute // the SDK's default
}

// noExporter is for a reader that exports nothing.
type noExporter struct{ sdkmetric.Exporter }

func (noExporter) Shutdown(context.Context) error { return nil }
