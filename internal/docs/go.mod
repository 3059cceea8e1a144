module github.com/otelkv/otelkv-go/internal/docs

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0
	github.com/otelkv/otelkv-go v0.2.0
	github.com/otelkv/otelkv-go/schema v0.2.0
	go.opentelemetry.io/otel/schema v0.0.19
	go.yaml.in/yaml/v3 v3.0.6
)

require (
	github.com/Masterminds/semver/v3 v3.5.0 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/go-json-experiment/json v1.27.2 // indirect
	github.com/go-logr/logr v1.4.4 // indirect
	github.com/go-logr/stdr v1.2.2 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/kr/text v0.2.0 // indirect
	github.com/philhofer/fwd v1.2.0 // indirect
	github.com/tinylib/msgp v1.6.5 // indirect
	go.opentelemetry.io/auto/sdk v1.2.1 // indirect
	go.opentelemetry.io/otel v1.47.0 // indirect
	go.opentelemetry.io/otel/log v1.47.0 // indirect
	go.opentelemetry.io/otel/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/sdk v1.47.0 // indirect
	go.opentelemetry.io/otel/sdk/metric v1.47.0 // indirect
	go.opentelemetry.io/otel/trace v1.47.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	gopkg.in/yaml.v3 v3.0.1 // indirect
)

replace (
	github.com/otelkv/otelkv-go => ../..
	github.com/otelkv/otelkv-go/exporters => ../../exporters
	github.com/otelkv/otelkv-go/exporters/prometheus => ../../exporters/prometheus
	github.com/otelkv/otelkv-go/schema => ../../schema
)
