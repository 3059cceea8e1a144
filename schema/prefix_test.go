// SPDX-License-Identifier: Apache-2.0

package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/otelkv/otelkv-go/schema"
	"github.com/otelkv/otelkv-go/schema/vllm"
)

func TestWithPrefix(t *testing.T) {
	original := vllm.TieringSpec()
	prefixed, err := original.WithPrefix("ray_")
	if err != nil {
		t.Fatal(err)
	}
	if prefixed.Len() != original.Len() {
		t.Fatalf("%d definitions, want %d", prefixed.Len(), original.Len())
	}
	for d := range original.All() {
		got, ok := prefixed.Lookup(d.Name)
		if want := "ray_" + strings.ReplaceAll(d.PrometheusName, ":", "_"); !ok || got.PrometheusName != want {
			t.Errorf("%s has the Prometheus name %q, want %q", d.Name, got.PrometheusName, want)
		}
		for _, text := range []string{got.Query, got.ReplacedBy} {
			if strings.Contains(text, "vllm:kv_offload") {
				t.Errorf("%s: %q names a metric without the prefix", d.Name, text)
			}
		}
		if got.Kind() != d.Kind() || got.Number() != d.Number() || got.Unit != d.Unit {
			t.Errorf("%s changed in more than names", d.Name)
		}
	}
	trio, _ := prefixed.Lookup(vllm.TotalBytes.Name)
	if got := trio.Mirrors[0].Of; got != "ray_vllm_kv_offload_load_bytes" {
		t.Errorf("the mirror repeats %q", got)
	}
	if got, want := trio.Query, "sum by (transfer_type) (rate(ray_vllm_kv_offload_total_bytes_total[5m]))"; got != want {
		t.Errorf("the query is %q, want %q", got, want)
	}
	if d, _ := original.Lookup(vllm.TotalBytes.Name); d.Mirrors[0].Of != "vllm:kv_offload_load_bytes" {
		t.Error("the original catalogue changed")
	}
}

func TestWithPrefixThatClashes(t *testing.T) {
	counter := func(name, prometheus string) schema.Int64Counter {
		return schema.Int64Counter{Name: name, PrometheusName: prometheus, Unit: "1", Description: "X."}
	}
	for name, c := range map[string]struct {
		catalogue *schema.Catalogue
		prefix    string
		rule      string
	}{
		"illegal":                {schema.MustCatalogue(counter("a", "a")), "9-", "prometheus-name"},
		"two names become one":   {schema.MustCatalogue(counter("a", "x:y"), counter("b", "x_y")), "p_", "prometheus-name-unique"},
		"samples share one name": {schema.MustCatalogue(counter("a", "x:y"), counter("b", "x_y_total")), "p_", "sample-names"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.catalogue.WithPrefix(c.prefix)
			var definition schema.DefinitionError
			if !errors.As(err, &definition) || definition.Rule != c.rule {
				t.Errorf("got %v, want a breach of the rule %q", err, c.rule)
			}
		})
	}
}
