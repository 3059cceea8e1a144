// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"

	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
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

// A registryManifest describes a registry to weaver. Weaver finds the file by its name,
// manifest.yaml. A file registry_manifest.yaml would be of version 1.
type registryManifest struct {
	FileFormat  string `yaml:"file_format"`
	SchemaURL   string `yaml:"schema_url"`
	Description string `yaml:"description"`
	Stability   string `yaml:"stability"`
}

// manifestFile writes schema/vllm/registry/manifest.yaml.
func manifestFile(string) ([]byte, error) {
	return encodeYAML(registryHead, registryManifest{
		FileFormat:  "definition_manifest/2.0",
		SchemaURL:   vllm.SchemaURL,
		Description: "Metrics of vLLM's KV-cache offloading, under OpenTelemetry names.",
		Stability:   schema.StabilityDevelopment.String(),
	})
}
