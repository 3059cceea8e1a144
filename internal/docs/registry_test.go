// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"github.com/otelkv/otelkv-go/otelkv/registry"
	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

// The registry is complete: reading it gives the definitions of the catalogue.
func TestRegistry(t *testing.T) {
	file, err := os.Open(filepath.Join(root, "schema", "vllm", "registry", "registry.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	catalogue, err := registry.Decode("registry.yaml", file)
	if err != nil {
		t.Fatal(err)
	}
	got := slices.Collect(catalogue.All())
	if diff := cmp.Diff(definitions(vllmGroups()), got, cmp.AllowUnexported(schema.Definition{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("definitions (-catalogue +registry):\n%s", diff)
	}
}

// The folder has only files of the registry. Weaver reads every YAML file in it and below,
// so the telemetry schema in it would be an error.
func TestRegistryHasAFolderOfItsOwn(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "schema", "vllm", "registry"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	if want := []string{"manifest.yaml", "registry.yaml"}; !slices.Equal(names, want) {
		t.Errorf("the registry's folder holds %v, want %v", names, want)
	}
}

// The registry follows weaver's rules: the formats, every attribute defined once, and no
// attribute used without a definition.
func TestRegistryIsComplete(t *testing.T) {
	var file struct {
		FileFormat string                 `yaml:"file_format"`
		Attributes []struct{ Key string } `yaml:"attributes"`
		Metrics    []registryMetric       `yaml:"metrics"`
	}
	readYAML(t, "registry.yaml", &file)
	if file.FileFormat != "definition/2" {
		t.Errorf("file format %q, want definition/2", file.FileFormat)
	}
	defined := make(map[string]bool)
	for _, a := range file.Attributes {
		if defined[a.Key] {
			t.Errorf("attribute %q is defined twice", a.Key)
		}
		defined[a.Key] = true
	}
	upDownCounters := 0
	for _, m := range file.Metrics {
		for _, a := range m.Attributes {
			if !defined[a.Ref] {
				t.Errorf("%s: attribute %q is not defined", m.Name, a.Ref)
			}
		}
		if m.Instrument == "updowncounter" {
			upDownCounters++
		}
	}
	additive := 0
	for _, d := range definitions(vllmGroups()) {
		if d.Additive {
			additive++
		}
	}
	if upDownCounters != additive || additive == 0 {
		t.Errorf("%d updowncounters, want %d", upDownCounters, additive)
	}
	var manifest map[string]string
	readYAML(t, "manifest.yaml", &manifest)
	if manifest["schema_url"] != vllm.SchemaURL || manifest["file_format"] != "definition_manifest/2.0" {
		t.Errorf("the manifest is %v", manifest)
	}
}

type registryMetric struct {
	Name, Instrument string
	Attributes       []struct{ Ref string }
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "schema", "vllm", "registry", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}
