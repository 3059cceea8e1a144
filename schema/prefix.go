// SPDX-License-Identifier: Apache-2.0

package schema

import (
	"fmt"
	"regexp"
	"strings"
)

// WithPrefix returns the catalogue with the Prometheus names of a system that publishes
// vLLM's metrics again: with the prefix before each name, and underscores instead of
// colons. With "ray_", vllm:kv_offload_load_bytes becomes ray_vllm_kv_offload_load_bytes,
// its name in Ray. OpenTelemetry names and the keys of payloads do not change, so a
// recorder of the result accepts the same payloads.
//
// Mirrors, replacements and queries get the new names. If the prefix makes a name
// illegal, or two names equal, the error joins [DefinitionError] values.
func (c *Catalogue) WithPrefix(prefix string) (*Catalogue, error) {
	renamed := make(map[string]string, len(c.definitions))
	for _, d := range c.definitions {
		renamed[d.PrometheusName] = prefix + strings.ReplaceAll(d.PrometheusName, ":", "_")
	}
	definitions := make([]Definition, 0, len(c.definitions))
	for _, d := range c.definitions {
		d = d.clone()
		d.payloadName = d.PayloadName()
		d.PrometheusName = renamed[d.PrometheusName]
		for i, m := range d.Mirrors {
			d.Mirrors[i].Of = renamed[m.Of]
		}
		d.Query = renameIn(d.Query, renamed)
		d.ReplacedBy = renameIn(d.ReplacedBy, renamed)
		definitions = append(definitions, d)
	}
	prefixed, err := newCatalogue(definitions)
	if err != nil {
		return nil, fmt.Errorf("otelkv: prefix %q: %w", prefix, err)
	}
	return prefixed.WithSchemaURL(c.schemaURL), nil
}

// renameIn renames the families and samples in a text.
func renameIn(text string, renamed map[string]string) string {
	names := regexp.MustCompile(`[a-zA-Z_:][a-zA-Z0-9_:]*`)
	return names.ReplaceAllStringFunc(text, func(name string) string {
		if to, ok := renamed[name]; ok {
			return to
		}
		for _, suffix := range sampleSuffixes() {
			family, found := strings.CutSuffix(name, suffix)
			if to, ok := renamed[family]; found && ok {
				return to + suffix
			}
		}
		return name
	})
}
