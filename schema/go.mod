module github.com/otelkv/otelkv-go/schema

go 1.23.0
