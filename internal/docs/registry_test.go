package docs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/registry"
)

// The registry says all that the catalogue does: reading it gives the same
// definitions.
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

// Weaver takes a folder, and every YAML file in it and below for a part of the
// registry. The telemetry schema beside it would be an error.
func TestRegistryHasAFolderOfItsOwn(t *testing.T) {
	entries, err := os.ReadDir(filepath.Join(root, "schema", "vllm", "registry"))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "registry.yaml" {
		t.Errorf("the registry's folder holds %v, and not registry.yaml alone", entries)
	}
}
