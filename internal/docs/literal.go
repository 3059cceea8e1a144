// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// literals returns, by Prometheus name, the Go name of the variable or function of package
// schema/vllm that has the metric's definition.
func literals(root string) (map[string]string, error) {
	dir := filepath.Join(root, "schema", "vllm")
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	names := make(map[string]string)
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, entry.Name()), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, declaration := range file.Decls {
			if err := addLiterals(names, declaration); err != nil {
				return nil, fmt.Errorf("%s: %w", entry.Name(), err)
			}
		}
	}
	return names, nil
}

func addLiterals(names map[string]string, declaration ast.Decl) error {
	switch declaration := declaration.(type) {
	case *ast.FuncDecl:
		return addLiteral(names, declaration.Name.Name, declaration)
	case *ast.GenDecl:
		for _, spec := range declaration.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok && len(value.Names) == 1 {
				if err := addLiteral(names, value.Names[0].Name, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// addLiteral adds the metric that node defines, if there is one.
func addLiteral(names map[string]string, goName string, node ast.Node) (err error) {
	ast.Inspect(node, func(n ast.Node) bool {
		field, ok := n.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		if key, ok := field.Key.(*ast.Ident); !ok || key.Name != "PrometheusName" {
			return true
		}
		text, ok := field.Value.(*ast.BasicLit)
		if !ok {
			err = fmt.Errorf("%s: expected a string literal as PrometheusName", goName)
			return false
		}
		var family string
		if family, err = strconv.Unquote(text.Value); err == nil {
			names[family] = goName
		}
		return false
	})
	return err
}
