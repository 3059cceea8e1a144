// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"slices"
	"strings"
)

// A mutant is one change to a file.
type mutant struct {
	file     string
	source   []byte // of the file, which may change meanwhile
	position token.Position
	change   string // in words
	from, to int    // the bytes that are replaced
	text     string // what replaces them
}

// apply returns the file with the change.
func (m mutant) apply() []byte {
	return slices.Concat(m.source[:m.from], []byte(m.text), m.source[m.to:])
}

// line returns the line that the mutant changes.
func (m mutant) line() string {
	return strings.TrimSpace(strings.Split(string(m.source), "\n")[m.position.Line-1])
}

// opposite maps operators to those that replace them. Not every replacement compiles: strings
// have no minus.
var opposite = map[token.Token]token.Token{
	token.LSS: token.LEQ, token.LEQ: token.LSS, token.GTR: token.GEQ, token.GEQ: token.GTR,
	token.EQL: token.NEQ, token.NEQ: token.EQL, token.ADD: token.SUB, token.SUB: token.ADD,
	token.MUL: token.QUO, token.QUO: token.MUL, token.LAND: token.LOR, token.LOR: token.LAND,
}

// mutants returns every mutant of a file, in the order of their positions.
func mutants(file string, source []byte) ([]mutant, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	c := &collector{files: files, file: file, source: source}
	for _, d := range parsed.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
			c.function(f.Type, f.Body)
			ast.Walk(visitor{c, f.Type}, f.Body)
		}
	}
	slices.SortStableFunc(c.all, func(a, b mutant) int { return a.from - b.from })
	return c.all, nil
}

// A collector collects the mutants of one file.
type collector struct {
	files  *token.FileSet
	file   string
	source []byte
	all    []mutant
}

func (c *collector) offset(p token.Pos) int { return c.files.Position(p).Offset }

func (c *collector) text(n ast.Node) string {
	return string(c.source[c.offset(n.Pos()):c.offset(n.End())])
}

func (c *collector) replace(from, to token.Pos, change, text string) {
	c.all = append(c.all, mutant{
		file: c.file, source: c.source, position: c.files.Position(from), change: change,
		from: c.offset(from), to: c.offset(to), text: text,
	})
}

// A visitor visits the nodes of one function.
type visitor struct {
	*collector

	function *ast.FuncType
}

// Visit adds the mutants of a node.
func (v visitor) Visit(n ast.Node) ast.Visitor {
	switch n := n.(type) {
	case *ast.FuncLit:
		v.collector.function(n.Type, n.Body)
		return visitor{v.collector, n.Type}
	case *ast.IfStmt:
		v.replace(n.Cond.Pos(), n.Cond.End(), "the condition is negated", "!("+v.text(n.Cond)+")")
	case *ast.BinaryExpr:
		if other, ok := opposite[n.Op]; ok {
			v.replace(n.OpPos, n.OpPos+token.Pos(len(n.Op.String())), n.Op.String()+" becomes "+other.String(), other.String())
		}
	case *ast.ReturnStmt:
		v.returns(n)
	case *ast.BlockStmt:
		v.drop(n.List)
	case *ast.CaseClause:
		v.drop(n.Body)
	case *ast.CommClause:
		v.drop(n.Body)
	}
	return v
}

// drop adds mutants without one of the statements.
func (v visitor) drop(statements []ast.Stmt) {
	for _, s := range statements {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				continue
			}
		case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.GoStmt, *ast.SendStmt, *ast.BranchStmt:
		default:
			continue
		}
		v.replace(s.Pos(), s.End(), "the statement is left out", "")
	}
}

// returns adds a mutant that returns no error.
func (v visitor) returns(s *ast.ReturnStmt) {
	results := v.function.Results
	if results == nil || len(s.Results) == 0 || v.text(results.List[len(results.List)-1].Type) != "error" {
		return
	}
	last := s.Results[len(s.Results)-1]
	if v.text(last) == "nil" || len(s.Results) != results.NumFields() {
		return
	}
	// The call still uses the imports and variables.
	v.replace(last.Pos(), last.End(), "the error is nil", "func(error) error { return nil }("+v.text(last)+")")
}

// function adds a mutant that returns zero values at once.
func (c *collector) function(f *ast.FuncType, body *ast.BlockStmt) {
	if len(body.List) == 0 {
		return
	}
	var values []string
	if f.Results != nil {
		for _, field := range f.Results.List {
			var text bytes.Buffer
			if err := printer.Fprint(&text, c.files, field.Type); err != nil {
				return
			}
			for range max(1, len(field.Names)) {
				values = append(values, "*new("+text.String()+")")
			}
		}
	}
	// The statement is on the line of the brace, so that line numbers do not change.
	c.replace(body.Lbrace+1, body.Lbrace+1, "the function returns at once", " if true { return "+strings.Join(values, ", ")+" };")
}
