package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryKindIsRecorded reads the sources: each kind of event, act and ending
// that the domain names is one that some part of the program records. A kind
// that nobody records is a promise of the log that nobody keeps.
func TestEveryKindIsRecorded(t *testing.T) {
	root := filepath.Join("..", "..")
	kinds := map[string]string{} // by name of the constant, its type
	used := map[string]bool{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "gate/storetest") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		declared := map[*ast.Ident]bool{}
		if filepath.Dir(path) == "gate" {
			for _, decl := range f.Decls {
				g, ok := decl.(*ast.GenDecl)
				if !ok || g.Tok != token.CONST {
					continue
				}
				for _, s := range g.Specs {
					v := s.(*ast.ValueSpec)
					of, ok := v.Type.(*ast.Ident)
					if !ok || of.Name != "EventKind" && of.Name != "ActKind" && of.Name != "Ending" {
						continue
					}
					for _, n := range v.Names {
						kinds[n.Name], declared[n] = of.Name, true
					}
				}
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && !declared[id] {
				used[id.Name] = true
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(kinds) < 30 || kinds["EventClockJump"] != "EventKind" || kinds["ActOverride"] != "ActKind" || kinds["EndAdmitted"] != "Ending" {
		t.Fatalf("%d kinds were found: the sources are not read as they should be", len(kinds))
	}
	for name, of := range kinds {
		if !used[name] {
			t.Errorf("%s %s: nothing records it", of, name)
		}
	}
	t.Logf("%d kinds", len(kinds))
}
