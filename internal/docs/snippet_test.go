// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// imports returns the packages that code in the documents may use, by name.
func imports() map[string]string {
	const module = "github.com/otelkv/otelkv-go/"
	return map[string]string{
		"attribute":  "go.opentelemetry.io/otel/attribute",
		"connector":  module + "otelkv/connector",
		"context":    "context",
		"errors":     "errors",
		"exporters":  module + "exporters",
		"fmt":        "fmt",
		"http":       "net/http",
		"ingest":     module + "otelkv/ingest",
		"log":        "log",
		"metric":     "go.opentelemetry.io/otel/metric",
		"names":      module + "schema/vllm/names",
		"otelkv":     module + "otelkv",
		"otelkvtest": module + "otelkv/otelkvtest",
		"otel":       "go.opentelemetry.io/otel",
		"peers":      module + "otelkv/peers",
		"promclient": "github.com/prometheus/client_golang/prometheus",
		"os":         "os",
		"prometheus": module + "exporters/prometheus",
		"registry":   module + "otelkv/registry",
		"schema":     module + "schema",
		"sdkmetric":  "go.opentelemetry.io/otel/sdk/metric",
		"stats":      module + "otelkv/stats",
		"time":       "time",
		"tiering":    module + "otelkv/tiering",
		"vllm":       module + "schema/vllm",
	}
}

// prelude declares what snippets use without declaring it.
const prelude = `
var (
	ctx       context.Context
	catalogue *schema.Catalogue
	collector *prometheus.Collector
	exporter  sdkmetric.Exporter
	recorder  *otelkv.Recorder
	engine    *otelkv.Engine
	payload   *stats.Payload
	registerer promclient.Registerer
	gpu, host []byte
	message   []byte
	send      func([]byte)
	file      *os.File
	library   interface{ Snapshot(context.Context) (struct{ BytesRead, JobsInFlight int64 }, error) }
)
`

// A checker type-checks code with the packages of this module and their dependencies.
type checker struct {
	importer types.Importer
}

func newChecker(t *testing.T) checker {
	t.Helper()
	arguments := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}
	for _, path := range imports() {
		arguments = append(arguments, path)
	}
	command := exec.Command("go", arguments...)
	command.Dir = root
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, complaints.Bytes())
	}
	exports := make(map[string]string)
	for line := range strings.Lines(string(output)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		exports[path] = file
	}
	lookup := func(path string) (io.ReadCloser, error) {
		file, ok := exports[path]
		if !ok {
			return nil, fmt.Errorf("no package %q", path)
		}
		return os.Open(file)
	}
	return checker{importer.ForCompiler(token.NewFileSet(), "gc", lookup)}
}

// check returns the errors of a snippet, which is declarations, or statements of a function
// that returns an error. Unused variables and imports are no errors.
func (c checker) check(snippet string) error {
	if strings.HasPrefix(snippet, "package main\n") {
		return nil // TestReadmeProgram runs it
	}
	var head strings.Builder
	head.WriteString("package snippet\n")
	for name, path := range imports() {
		fmt.Fprintf(&head, "import %s %q\n", name, path)
	}
	head.WriteString(prelude)
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "snippet.go", head.String()+snippet, parser.SkipObjectResolution)
	if err != nil {
		body := "func snippet() error {\nvar err error\n{\n" + snippet + "}\nreturn err\n}\n"
		if file, err = parser.ParseFile(files, "snippet.go", head.String()+body, parser.SkipObjectResolution); err != nil {
			return err
		}
	}
	var errs []error
	configuration := types.Config{Importer: c.importer, Error: func(err error) {
		var failure types.Error
		if errors.As(err, &failure) && failure.Soft {
			return
		}
		errs = append(errs, err)
	}}
	// Error has collected the errors.
	_, _ = configuration.Check("snippet", files, []*ast.File{file}, nil)
	return errors.Join(errs...)
}

// All Go code in the documents compiles.
func TestSnippetsCompile(t *testing.T) {
	c := newChecker(t)
	compiled := 0
	for _, m := range markdowns(t) {
		for _, block := range m.fences("go") {
			compiled++
			if err := c.check(block.text); err != nil {
				t.Errorf("%s:%d: %v", m.path, block.line, err)
			}
		}
	}
	if compiled < 10 {
		t.Errorf("only %d snippets", compiled)
	}
}

func TestCheckerRefuses(t *testing.T) {
	c := newChecker(t)
	for _, snippet := range []string{
		"engine.NoSuchMethod()\n",
		"counter, err := engine.Int64Counter(vllm.LoadSize)\n",
		"return\n",
		"type broken struct{ x nosuchtype }\n",
		"this is no code\n",
	} {
		if err := c.check(snippet); err == nil {
			t.Errorf("nothing is wrong with %q", snippet)
		}
	}
}

// Identifiers with a package's name in the documents exist.
func TestIdentifiersExist(t *testing.T) {
	c := newChecker(t)
	qualified := regexp.MustCompile("`(\\w+)\\.([A-Z]\\w*)(?:\\.([A-Z]\\w*))?")
	for _, m := range markdowns(t) {
		if m.path == "CHANGELOG.md" {
			continue // It also has names that were removed.
		}
		for _, found := range qualified.FindAllStringSubmatch(withoutNamesOf01(m.prose()), -1) {
			if _, ok := imports()[found[1]]; !ok {
				continue
			}
			if !c.exists(t, found[1], found[2], found[3]) {
				t.Errorf("%s: there is no %s", m.path, strings.Trim(found[0], "`"))
			}
		}
	}
}

// withoutNamesOf01 returns a document without the column of its table with names of 0.1.
func withoutNamesOf01(prose string) string {
	const header = "| 0.1 | now |\n"
	before, table, found := strings.Cut(prose, header)
	if !found {
		return prose
	}
	table, after, _ := strings.Cut(table, "\n\n")
	return before + regexp.MustCompile(`(?m)^\|[^|]*\|`).ReplaceAllString(table, "|") + "\n\n" + after
}

// exists reports whether a package has the identifier, and the identifier the member, if one
// is given. The name prometheus may be our package or the client library's.
func (c checker) exists(t *testing.T, name, identifier, member string) bool {
	t.Helper()
	paths := []string{imports()[name]}
	if name == "prometheus" {
		paths = append(paths, imports()["promclient"])
	}
	for _, path := range paths {
		found, err := c.importer.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		object := found.Scope().Lookup(identifier)
		if object == nil {
			continue
		}
		if member == "" {
			return true
		}
		if inside, _, _ := types.LookupFieldOrMethod(object.Type(), true, found, member); inside != nil {
			return true
		}
	}
	return false
}
