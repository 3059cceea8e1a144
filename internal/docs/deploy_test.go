// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// documents returns the YAML documents of a file in deploy.
func documents[T any](t *testing.T, path string) []T {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "deploy", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for decoder := yaml.NewDecoder(bytes.NewReader(text)); ; {
		var document T
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, document)
	}
}

// A manifest is the part of Kubernetes's resources that refers to other parts.
type manifest struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct{ Name string }
	Spec       struct {
		Template struct {
			Metadata struct{ Labels map[string]string }
			Spec     struct {
				InitContainers []container `yaml:"initContainers"`
				Containers     []container
				Volumes        []struct{ Name string }
			}
		}
		Ports               []struct{ Name, TargetPort string }
		PodMetricsEndpoints []endpoint `yaml:"podMetricsEndpoints"`
		Endpoints           []endpoint
	}
}

type container struct {
	Name         string
	Ports        []struct{ Name string }
	VolumeMounts []struct{ Name string } `yaml:"volumeMounts"`
}

type endpoint struct {
	Port        string
	Relabelings []struct {
		TargetLabel string `yaml:"targetLabel"`
	}
}

// Every port that a monitor scrapes exists, and so does every volume that is mounted.
func TestManifestsFitTogether(t *testing.T) {
	for _, files := range [][]string{
		{"kubernetes.yaml", "servicemonitor.yaml"}, {"collector/kubernetes.yaml"}, {"prometheusrule.yaml"},
	} {
		t.Run(files[0], func(t *testing.T) {
			var all []manifest
			for _, file := range files {
				all = append(all, documents[manifest](t, file)...)
			}
			ports := make(map[string]bool)
			for _, m := range all {
				if m.APIVersion == "" || m.Kind == "" || m.Metadata.Name == "" {
					t.Errorf("a resource without version, kind or name: %+v", m)
				}
				spec := m.Spec.Template.Spec
				for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
					for _, p := range c.Ports {
						ports[p.Name] = true
					}
					for _, mount := range c.VolumeMounts {
						if !slices.ContainsFunc(spec.Volumes, func(v struct{ Name string }) bool { return v.Name == mount.Name }) {
							t.Errorf("%s: no volume %s", c.Name, mount.Name)
						}
					}
				}
			}
			for _, m := range all {
				for _, e := range slices.Concat(m.Spec.PodMetricsEndpoints, m.Spec.Endpoints) {
					if !ports[e.Port] {
						t.Errorf("%s %s: no port %s", m.Kind, m.Metadata.Name, e.Port)
					}
				}
			}
		})
	}
}

// No metric has the labels that Kubernetes's tools add and dashboards filter by.
func TestNoMetricOwnsLabelsOfPods(t *testing.T) {
	added := []string{"namespace", "pod", "node", "container", "job", "instance"}
	for _, file := range []string{"kubernetes.yaml", "servicemonitor.yaml"} {
		relabelled := 0
		for _, m := range documents[manifest](t, file) {
			for _, e := range slices.Concat(m.Spec.PodMetricsEndpoints, m.Spec.Endpoints) {
				for _, r := range e.Relabelings {
					added = append(added, r.TargetLabel)
					relabelled++
				}
			}
		}
		if relabelled != 3 {
			t.Errorf("%s adds %d labels, want the 3 of KServe's boards", file, relabelled)
		}
	}
	for _, d := range definitions(groups()) {
		for _, label := range labelNames(d) {
			if slices.Contains(added, label) {
				t.Errorf("metric %q has the label %q", d.PrometheusName, label)
			}
		}
	}
}

// Each component in a Collector's pipelines is configured, and each configured component
// is in a pipeline.
func TestCollectorPipelines(t *testing.T) {
	type configuration struct {
		Receivers, Processors, Exporters map[string]any
		Service                          struct {
			Pipelines map[string]struct{ Receivers, Processors, Exporters []string }
		}
	}
	for _, file := range []string{"collector/agent.yaml", "collector/gateway.yaml"} {
		for _, c := range documents[configuration](t, file) {
			if len(c.Service.Pipelines) == 0 {
				t.Errorf("%s: no pipelines", file)
			}
			for name, p := range c.Service.Pipelines {
				for kind, part := range map[string]struct {
					defined map[string]any
					used    []string
				}{"receivers": {c.Receivers, p.Receivers}, "processors": {c.Processors, p.Processors}, "exporters": {c.Exporters, p.Exporters}} {
					if len(part.defined) != len(part.used) {
						t.Errorf("%s: pipeline %s uses the %s %v of %v", file, name, kind, part.used, part.defined)
					}
					for _, used := range part.used {
						if _, ok := part.defined[used]; !ok {
							t.Errorf("%s: no %s %s", file, kind, used)
						}
					}
				}
			}
		}
	}
}

// A composeFile has the fields of a `docker compose` file that the services use. Any other
// field is an error.
type composeFile struct {
	Name     string
	Services map[string]struct {
		Image string
		Build struct{ Context, Dockerfile, Target string }
		Command,
		Volumes,
		Ports,
		Tmpfs []string
		Environment map[string]string
		DependsOn   []string `yaml:"depends_on"`
	}
}

func TestCompose(t *testing.T) {
	folder := filepath.Join(root, "deploy", "compose")
	text, err := os.ReadFile(filepath.Join(folder, "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var compose composeFile
	if err := decoder.Decode(&compose); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cache", "collector", "prometheus", "grafana"} {
		if _, ok := compose.Services[name]; !ok {
			t.Errorf("no service %s", name)
		}
	}
	// known reports whether a host is a service.
	known := func(of, host string) {
		if _, ok := compose.Services[host]; !ok {
			t.Errorf("%s: no service %q", of, host)
		}
	}
	for name, s := range compose.Services {
		for _, other := range s.DependsOn {
			known(name, other)
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, err := os.Stat(filepath.Join(folder, filepath.FromSlash(source))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if (s.Image == "") == (s.Build.Target == "") {
			t.Errorf("%s: expected an image or something to build", name)
		}
		if s.Build.Target != "" {
			recipe, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(s.Build.Context), filepath.FromSlash(s.Build.Dockerfile)))
			if err != nil || !strings.Contains(string(recipe), " AS "+s.Build.Target+"\n") {
				t.Errorf("%s: no target %s, %v", name, s.Build.Target, err)
			}
		}
		for variable, value := range s.Environment {
			if strings.HasSuffix(variable, "_ENDPOINT") {
				known(name, hostOf(t, value))
			}
		}
	}
	for _, p := range documents[struct {
		Scrape []struct {
			Static []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}](t, "compose/prometheus.yaml") {
		for _, job := range p.Scrape {
			for _, static := range job.Static {
				for _, target := range static.Targets {
					known("prometheus.yaml", hostOf(t, "http://"+target))
				}
			}
		}
	}
	for _, p := range documents[struct{ Datasources []struct{ URL string } }](t, "compose/grafana/datasource.yaml") {
		for _, source := range p.Datasources {
			known("datasource.yaml", hostOf(t, source.URL))
		}
	}
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(fmt.Errorf("%q: %w", address, err))
	}
	return parsed.Hostname()
}
