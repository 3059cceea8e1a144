package docs

import (
	"bytes"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/registry"
)

const registryHead = "# Generated from the catalogue. To change it, change the definition and run go generate ./...\n"

// registryFile writes schema/vllm/registry/registry.yaml.
func registryFile(string) ([]byte, error) {
	var metrics []schema.Metric
	for _, g := range vllmGroups() {
		metrics = append(metrics, g.metrics...)
	}
	catalogue, err := schema.NewCatalogue(metrics...)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString(registryHead)
	err = registry.Encode(&b, catalogue)
	return b.Bytes(), err
}
