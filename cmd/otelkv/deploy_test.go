// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

const deployFolder = "../../deploy"

func deployed(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(deployFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// sidecarFlags returns the addresses that the arguments of a sidecar set.
func sidecarFlags(t *testing.T, arguments []string) (listen []string, health string) {
	t.Helper()
	if len(arguments) == 0 || arguments[0] != "sidecar" {
		t.Fatalf("%q is no sidecar", arguments)
	}
	command := newSidecar()
	if err := command.ParseFlags(arguments[1:]); err != nil {
		t.Fatal(err)
	}
	listen, err := command.Flags().GetStringArray("listen")
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range listen {
		if _, err := parseAddress(text); err != nil {
			t.Error(err)
		}
	}
	return listen, command.Flags().Lookup("health").Value.String()
}

// A container has the fields of a manifest's container that the test checks.
type container struct {
	Name  string
	Args  []string
	Env   []struct{ Name, Value string }
	Ports []struct {
		Name          string
		ContainerPort int `yaml:"containerPort"`
	}
	VolumeMounts []struct {
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
	StartupProbe  probe `yaml:"startupProbe"`
	LivenessProbe probe `yaml:"livenessProbe"`
}

type probe struct {
	HTTPGet struct{ Path, Port string } `yaml:"httpGet"`
}

func (c container) env() map[string]string {
	all := make(map[string]string)
	for _, e := range c.Env {
		all[e.Name] = e.Value
	}
	return all
}

// TestKubernetes checks that the manifests fit the program and each other.
func TestKubernetes(t *testing.T) {
	var sidecar, vllm container
	var scraped []string
	labels := make(map[string]map[string]string)
	decoder := yaml.NewDecoder(bytes.NewReader(deployed(t, "kubernetes.yaml")))
	for {
		var object struct {
			Kind string
			Spec struct {
				Selector struct {
					MatchLabels map[string]string `yaml:"matchLabels"`
				}
				Template struct {
					Metadata struct{ Labels map[string]string }
					Spec     struct {
						InitContainers []container `yaml:"initContainers"`
						Containers     []container
					}
				}
				PodMetricsEndpoints []struct{ Port, Path string } `yaml:"podMetricsEndpoints"`
			}
		}
		err := decoder.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		labels[object.Kind] = object.Spec.Selector.MatchLabels
		if object.Kind == "Deployment" {
			sidecar, vllm = object.Spec.Template.Spec.InitContainers[0], object.Spec.Template.Spec.Containers[0]
			labels["pod"] = object.Spec.Template.Metadata.Labels
		}
		for _, endpoint := range object.Spec.PodMetricsEndpoints {
			scraped = append(scraped, endpoint.Port+endpoint.Path)
		}
	}
	if !maps.Equal(labels["Deployment"], labels["pod"]) || !maps.Equal(labels["PodMonitor"], labels["pod"]) {
		t.Errorf("the labels differ: %v", labels)
	}
	listen, health := sidecarFlags(t, sidecar.Args)
	if endpoint := vllm.env()["OTELKV_ENDPOINT"]; !slices.Contains(listen, endpoint) {
		t.Errorf("vLLM sends to %q, and the sidecar listens at %q", endpoint, listen)
	}
	if sidecar.VolumeMounts[0] != vllm.VolumeMounts[0] || !strings.HasPrefix(listen[0], "unix://"+vllm.VolumeMounts[0].MountPath+"/") {
		t.Errorf("the socket %q is in no folder that both have", listen[0])
	}
	ports := make(map[string]string)
	for _, port := range sidecar.Ports {
		if len(port.Name) > 15 {
			t.Errorf("the port's name %q has more than 15 bytes, which Kubernetes refuses", port.Name)
		}
		ports[port.Name] = ":" + yamlText(t, port.ContainerPort)
	}
	if got := ports["otelkv-health"]; got != health {
		t.Errorf("health is answered at %q, and asked for at %q", health, got)
	}
	if got, want := ports["otelkv-metrics"], ":"+sidecar.env()["OTEL_EXPORTER_PROMETHEUS_PORT"]; got != want {
		t.Errorf("the port of scrapes is %q, and the exporter's %q", got, want)
	}
	if !slices.Equal(scraped, []string{"otelkv-metrics/metrics"}) {
		t.Errorf("Prometheus scrapes %q", scraped)
	}
	if probe := sidecar.StartupProbe.HTTPGet; probe.Path != "/readyz" || probe.Port != "otelkv-health" {
		t.Errorf("the startup probe asks %+v", probe)
	}
	if probe := sidecar.LivenessProbe.HTTPGet; probe.Path != "/healthz" || probe.Port != "otelkv-health" {
		t.Errorf("the liveness probe asks %+v", probe)
	}
}

func yamlText(t *testing.T, v any) string {
	t.Helper()
	text, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// TestSystemdUnit checks that the unit uses existing flags, that it creates the folders
// that it uses, and that systemd accepts it.
func TestSystemdUnit(t *testing.T) {
	text := string(deployed(t, "otelkv-sidecar.service"))
	start := regexp.MustCompile(`(?m)^ExecStart=(\S+) (.*)$`).FindStringSubmatch(text)
	if start == nil {
		t.Fatal("nothing is started")
	}
	listen, _ := sidecarFlags(t, strings.Fields(start[2]))
	if !slices.Equal(listen, []string{"unix:///run/otelkv/ingest.sock"}) || !strings.Contains(text, "\nRuntimeDirectory=otelkv\n") {
		t.Errorf("it listens at %q, in no folder that the unit makes", listen)
	}
	if !strings.Contains(start[2], "--state /var/lib/otelkv/") || !strings.Contains(text, "\nStateDirectory=otelkv\n") {
		t.Errorf("%q keeps no state in a folder that the unit makes", start[2])
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SKIPPED, NOT TESTED with systemd, which is not here")
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// systemd checks that the program exists.
	unit := write(t, "otelkv-sidecar.service", []byte(strings.Replace(text, start[1], program, 1)))
	if output, err := exec.CommandContext(t.Context(), analyze, "verify", unit).CombinedOutput(); err != nil || bytes.Contains(output, []byte(unit)) {
		t.Errorf("systemd-analyze: %v\n%s", err, output)
	}
}

// TestDockerfile checks that the image builds and runs the sidecar.
func TestDockerfile(t *testing.T) {
	text := string(deployed(t, "Dockerfile"))
	for _, line := range []string{"./cmd/otelkv\n", `ENTRYPOINT ["/usr/local/bin/otelkv"]`, `CMD ["sidecar"]`, "COPY vllm "} {
		if !strings.Contains(text, line) {
			t.Errorf("it has no %q", line)
		}
	}
	module, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)
	if version == nil || !strings.Contains(text, "FROM golang:"+string(version[1])+" ") {
		t.Errorf("it builds with another Go than go.mod says: %s", version)
	}
}
