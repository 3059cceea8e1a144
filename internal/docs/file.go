// SPDX-License-Identifier: Apache-2.0

package docs

import "fmt"

// A File is one generated file.
type File struct {
	// Path is slash-separated, from the root of the repository.
	Path string
	// Content is the whole file.
	Content []byte
}

// Files returns every generated file. It reads the Go names of definitions from the source
// of package schema/vllm in the root of the repository.
func Files(root string) ([]File, error) {
	generators := []struct {
		path    string
		content func(root string) ([]byte, error)
	}{
		{"docs/metrics.md", reference},
		{"schema/vllm/names/names.go", nameConstants},
		{"schema/vllm/registry/registry.yaml", registryFile},
		{"schema/vllm/registry/manifest.yaml", manifestFile},
		{"schema/vllm/schema.yaml", telemetryFile},
		{"docs/dashboards/kv-offload.json", dashboardFile},
		{"docs/dashboards/kv-offload-engine.json", engineDashboardFile},
		{"docs/alerts/rules.yaml", rulesFile},
		{"deploy/prometheusrule.yaml", prometheusRuleFile},
		{"docs/alerts/rules.test.yaml", ruleTestsFile},
		{"docs/alerts/README.md", runbooksFile},
	}
	files := make([]File, 0, len(generators))
	for _, g := range generators {
		content, err := g.content(root)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", g.path, err)
		}
		files = append(files, File{Path: g.path, Content: content})
	}
	return files, nil
}
