// SPDX-License-Identifier: Apache-2.0

package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An adopter is a module with requirements that then requires one of ours.
type adopter struct {
	module   string   // of ours, relative to the root
	replaced []string // of ours, that the module requires
	requires []string // its own
	imports  []string // its own, which keep the requirements
	program  string   // what main does before it uses ours
	use      string   // how it uses ours
}

var adopters = []adopter{
	{
		module:  "schema",
		imports: []string{"fmt"}, program: `fmt.Print("")`,
		use: `"github.com/otelkv/otelkv-go/schema/vllm/names"; names.LoadBytesFamily`,
	},
	{
		module: ".", replaced: []string{"schema"},
		requires: []string{"go.opentelemetry.io/otel v1.40.0", "go.opentelemetry.io/otel/sdk/metric v1.40.0", "github.com/tinylib/msgp v1.3.0"},
		imports:  []string{"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/sdk/metric", "github.com/tinylib/msgp/msgp"},
		program:  `otel.SetMeterProvider(metric.NewMeterProvider()); _ = msgp.AppendNil(nil)`,
		use:      `"github.com/otelkv/otelkv-go/otelkv"; otelkv.New`,
	},
	{
		module: "exporters/prometheus", replaced: []string{".", "schema"},
		requires: []string{"github.com/prometheus/client_golang v1.23.0", "github.com/prometheus/common v0.65.0",
			"go.opentelemetry.io/otel v1.40.0", "go.opentelemetry.io/otel/sdk/metric v1.40.0"},
		imports: []string{"strings", "github.com/prometheus/client_golang/prometheus", "github.com/prometheus/common/expfmt",
			"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/sdk/metric"},
		// Services used a zero parser before there was a constructor. Later releases of
		// package expfmt panic on it.
		program: `otel.SetMeterProvider(metric.NewMeterProvider()); prometheus.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "a"}))
	if _, err := new(expfmt.TextParser).TextToMetricFamilies(strings.NewReader("a 1\n")); err != nil { panic(err) }`,
		use: `ours "github.com/otelkv/otelkv-go/exporters/prometheus"; ours.NewCollector`,
	},
	{
		module: "exporters", replaced: []string{".", "schema", "exporters/prometheus"},
		requires: []string{"github.com/prometheus/client_golang v1.23.0", "github.com/prometheus/common v0.65.0",
			"go.opentelemetry.io/otel v1.47.0", "go.opentelemetry.io/otel/sdk/metric v1.47.0",
			"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc v1.47.0",
			// Without this requirement, ours would replace procfs 0.16 by 0.17.
			"go.opentelemetry.io/otel/exporters/prometheus v0.60.0"},
		imports: []string{"strings", "github.com/prometheus/client_golang/prometheus", "github.com/prometheus/common/expfmt",
			"go.opentelemetry.io/otel", "go.opentelemetry.io/otel/sdk/metric", "go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc",
			`_ "go.opentelemetry.io/otel/exporters/prometheus"`},
		program: `otel.SetMeterProvider(metric.NewMeterProvider()); prometheus.MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "a"}))
	_ = otlpmetricgrpc.WithInsecure()
	if _, err := new(expfmt.TextParser).TextToMetricFamilies(strings.NewReader("a 1\n")); err != nil { panic(err) }`,
		use: `"github.com/otelkv/otelkv-go/exporters"; exporters.Start`,
	},
}

// TestAdopters adds each module to a module with older requirements. No version that this
// module had may change, and its program must still run.
func TestAdopters(t *testing.T) {
	for _, a := range adopters {
		t.Run(a.module, func(t *testing.T) {
			dir := t.TempDir()
			a.write(t, dir, false)
			run(t, dir, "mod", "tidy")
			before := versions(t, dir)
			a.write(t, dir, true)
			run(t, dir, "mod", "tidy")
			added := 0
			for path, version := range versions(t, dir) {
				switch had, ok := before[path]; {
				case !ok:
					added++
				case had != version:
					t.Errorf("%s changes from %s to %s", path, had, version)
				}
			}
			t.Logf("%d modules more in the list of all", added)
			run(t, dir, "run", ".")
		})
	}
}

// write writes the adopter's module, without or with ours.
func (a adopter) write(t *testing.T, dir string, with bool) {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	mod := "module example.com/adopter\n\ngo 1.26.0\n"
	for _, r := range a.requires {
		mod += "require " + r + "\n"
	}
	imports, use := a.imports, ""
	if with {
		for _, m := range append([]string{a.module}, a.replaced...) {
			path := strings.TrimSuffix("github.com/otelkv/otelkv-go/"+m, "/.")
			mod += "require " + path + " v0.2.0\nreplace " + path + " => " + filepath.Join(root, m) + "\n"
		}
		ours, expression, _ := strings.Cut(a.use, "; ")
		imports, use = append(imports[:len(imports):len(imports)], ours), "\n\tused = "+expression
	}
	code := "package main\n\nimport (\n"
	for _, i := range imports {
		if !strings.Contains(i, `"`) {
			i = `"` + i + `"`
		}
		code += "\t" + i + "\n"
	}
	code += ")\n\n// used keeps the linker from leaving out what the program only names.\nvar used any\n\nfunc main() {\n\t" + a.program + use + "\n}\n"
	for name, text := range map[string]string{"go.mod": mod, "main.go": code} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// versions returns the version of every module in the adopter's graph.
func versions(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for line := range strings.Lines(run(t, dir, "list", "-m", "all")) {
		if fields := strings.Fields(line); len(fields) > 1 && !strings.HasPrefix(fields[0], "github.com/otelkv/") {
			all[fields[0]] = fields[1]
		}
	}
	return all
}

func run(t *testing.T, dir string, arguments ...string) string {
	t.Helper()
	cmd := exec.Command("go", arguments...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
	var failed strings.Builder
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, failed.String())
	}
	return string(out)
}
