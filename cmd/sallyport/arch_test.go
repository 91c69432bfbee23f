package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// ranks gives every package its place: imports go only to a lower rank. A
// package that is not listed takes the rank of its longest listed parent.
var ranks = map[string]int{
	"policy/rows":        -1,
	"rf/internal/intake": -1,

	"vin":           0,
	"rf":            0,
	"policy":        0,
	"policy/supply": 0,
	"gate/translog": 0,
	"gate/auth":     0,
	"migrations":    0,

	"vin/telematics": 1,
	"vin/build":      1,
	"rf/attribute":   1,
	"rf/btmon":       1,
	"rf/serial":      1,
	"rf/meaning":     1,
	"rf/rtl433":      1,
	"rf/kismet":      1,
	"rf/line":        1,
	"rf/mqtt":        1,
	"rf/nrf":         1,
	"rf/pcap":        1,
	"rf/privacy":     1,
	"rf/sweep":       1,
	"rf/udp":         1,
	"rf/v2x":         1,
	"policy/pack":    1,
	"gate/plate":     1,

	"policy/supply/picture": 1,

	"gate": 2,

	"gate/barrier":   3,
	"gate/scanner":   3,
	"gate/storetest": 3,
	"gate/hub":       3,
	"gate/radiokey":  3,
	"gate/refdata":   3,
	"gate/sheet":     3,
	"gate/sqlite":    3,

	"gate/barrier/barriertest": 4,
	"gate/barrier/lcus":        4,
	"gate/barrier/modbus":      4,
	"gate/barrier/osdp":        4,

	"ui/view":    4,
	"ui/i18n":    4,
	"ui/asset":   4,
	"ui/gallery": 4,
	"ui":         4,

	"cmd/sallyport": 5,
}

// purePackages take time and facts as arguments: no clock, database, network,
// file or log may be reached from their code.
var purePackages = []string{"vin", "vin/telematics", "policy", "policy/rows", "policy/supply", "policy/supply/picture", "policy/pack", "gate/plate", "rf", "rf/attribute", "rf/meaning", "rf/privacy", "gate/translog"}

// impureImports are the packages that a pure package must not import, with the
// reason a reader is given.
var impureImports = map[string]string{
	"os":           "files and environment",
	"os/exec":      "processes",
	"net":          "network",
	"net/http":     "network",
	"log":          "logging",
	"log/slog":     "logging",
	"database/sql": "database",
	"math/rand":    "chance",
	"math/rand/v2": "chance",
	"testing":      "testing in production code",
}

// fence says that an import may stand only under the named folders.
var fences = []struct {
	imports string // prefix of the import path
	only    []string
	why     string
}{
	{"database/sql", []string{"gate/sqlite", "gate/hub"}, "SQL stays in the stores"},
	{"github.com/mattn/go-sqlite3", []string{"gate/sqlite"}, "SQL stays in the stores"},
	{"github.com/jackc/pgx", []string{"gate/hub"}, "SQL stays in the stores"},
	{"github.com/pressly/goose", []string{"gate/sqlite", "gate/hub"}, "SQL stays in the stores"},
	{"github.com/labstack/echo", []string{"ui"}, "the web framework stops at ui"},
	{"github.com/tarm/serial", []string{"rf/serial"}, "its faults are guarded in one place"},
	{"github.com/eclipse/paho.golang", []string{"rf/mqtt"}, "nothing is published: a guarded connection sees to it in one place"},
	{"github.com/golang-jwt/jwt", []string{"gate/auth"}, "token rules are enforced in one place"},
	{"github.com/go-co-op/gocron", []string{"cmd/sallyport"}, "jobs are wired by hand"},
	{"github.com/xuri/excelize", []string{"gate/sheet"}, "spreadsheets are opened within bounds in one place"},
	{"github.com/dop251/goja", []string{"policy/supply/picture"}, "the program runs no script but the layout it carries"},
	{"github.com/theupdateframework/go-tuf", []string{"gate/refdata"}, "what is signed is verified in one place"},
	{"os/exec", nil, "the program starts no other program"},
	{"github.com/simonvetter/modbus", []string{"gate/barrier/modbus"}, "its limits are kept in one place"},
	{"testing", []string{"gate/storetest", "gate/barrier/barriertest"}, "no testing in production code"},
}

// sqlWords is what a statement looks like in a string literal.
var sqlWords = regexp.MustCompile(`(?is)^\s*(select\s.+\sfrom|insert\s+(or\s+\w+\s+)?into|update\s+\w+\s+set|delete\s+from|create\s+(unique\s+)?(table|index|trigger|view)|pragma\s+\w+|alter\s+table|drop\s+table)\b`)

type goFile struct {
	path string // relative to the module, slashes
	dir  string
	test bool
	ast  *ast.File
	fset *token.FileSet
}

// moduleFiles reads every Go file of the module from disk, so that the test
// result is never older than the tree (go list would be hidden from the test
// cache).
func moduleFiles(t *testing.T) []goFile {
	t.Helper()
	root := moduleRoot(t)
	var files []goFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "data" && filepath.Dir(path) == root) {
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != root {
				return filepath.SkipDir // a module of its own, of which the program holds nothing
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		dir := filepath.ToSlash(filepath.Dir(rel))
		files = append(files, goFile{path: rel, dir: dir, test: strings.HasSuffix(rel, "_test.go"), ast: f, fset: fset})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 20 {
		t.Fatalf("only %d Go files found under %s: the walk is wrong", len(files), root)
	}
	return files
}

// moduleRoot is the folder that holds go.mod.
func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}

func rankOf(dir string) (int, bool) {
	for d := dir; d != "." && d != "/"; d = filepath.ToSlash(filepath.Dir(d)) {
		if r, ok := ranks[d]; ok {
			return r, true
		}
	}
	return 0, false
}

func under(dir string, folders []string) bool {
	for _, f := range folders {
		if dir == f || strings.HasPrefix(dir, f+"/") {
			return true
		}
	}
	return false
}

func TestImportsGoDownward(t *testing.T) {
	for _, f := range moduleFiles(t) {
		if f.test {
			continue
		}
		from, ok := rankOf(f.dir)
		if !ok {
			t.Errorf("%s: package %q has no rank; give it one here", f.path, f.dir)
			continue
		}
		for _, imp := range f.ast.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			dir, ours := strings.CutPrefix(path, "sallyport/")
			if !ours {
				continue
			}
			to, ok := rankOf(dir)
			if !ok {
				t.Errorf("%s imports %s, which has no rank", f.path, path)
			} else if to >= from && !sameFamily(f.dir, dir) {
				t.Errorf("%s (rank %d) imports %s (rank %d): imports only go to a lower rank", f.path, from, dir, to)
			}
		}
	}
}

// sameFamily lets ui and its views use the parts of ui.
func sameFamily(from, to string) bool {
	return under(from, []string{"ui"}) && strings.HasPrefix(to, "ui/")
}

func TestFences(t *testing.T) {
	for _, f := range moduleFiles(t) {
		for _, imp := range f.ast.Imports {
			path, err := strconv.Unquote(imp.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, fence := range fences {
				if f.test || path != fence.imports && !strings.HasPrefix(path, fence.imports+"/") {
					continue
				}
				if !under(f.dir, fence.only) {
					t.Errorf("%s imports %s: %s", f.path, path, fence.why)
				}
			}
			if why, bad := impureImports[path]; bad && !f.test && slices.Contains(purePackages, f.dir) {
				t.Errorf("%s imports %s (%s), but %s is pure", f.path, path, why, f.dir)
			}
		}
	}
}

func TestPureCodeHasNoClock(t *testing.T) {
	for _, f := range moduleFiles(t) {
		pure := slices.Contains(purePackages, f.dir) || f.dir == "gate" && strings.HasPrefix(filepath.Base(f.path), "assess")
		if f.test || !pure {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" {
				switch sel.Sel.Name {
				case "Now", "Since", "Until", "Sleep", "After", "NewTimer", "NewTicker", "Tick", "AfterFunc":
					t.Errorf("%s: time.%s in pure code", f.fset.Position(sel.Pos()), sel.Sel.Name)
				}
			}
			return true
		})
	}
}

func TestSQLStaysInTheStores(t *testing.T) {
	for _, f := range moduleFiles(t) {
		if f.test || under(f.dir, []string{"gate/sqlite", "gate/hub", "migrations"}) {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if s, err := strconv.Unquote(lit.Value); err == nil && sqlWords.MatchString(s) {
				t.Errorf("%s: SQL outside the stores: %.60q", f.fset.Position(lit.Pos()), s)
			}
			return true
		})
	}
}

func TestEveryPackageHasADocComment(t *testing.T) {
	doc := map[string]int{}
	for _, f := range moduleFiles(t) {
		if f.test {
			continue
		}
		if _, seen := doc[f.dir]; !seen {
			doc[f.dir] = 0
		}
		if f.ast.Doc != nil {
			doc[f.dir] += len(strings.Fields(f.ast.Doc.Text()))
		}
	}
	for dir, words := range doc {
		if words < 25 {
			t.Errorf("package %s: its doc comment has %d words; it tells purpose, what may be imported, and the life of one item", dir, words)
		}
	}
}

func TestNoInitNoRegistries(t *testing.T) {
	for _, f := range moduleFiles(t) {
		for _, d := range f.ast.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init(): wire by hand in cmd", f.fset.Position(fn.Pos()))
			}
		}
		if filepath.Base(f.dir) == "util" {
			t.Errorf("%s: a package called util", f.path)
		}
	}
}

// TestTopLevel holds the customer's card: nothing else stands at the top.
func TestTopLevel(t *testing.T) {
	allowed := "cmd gate vin rf policy ui migrations deploy go.mod go.sum README.md LICENSE NOTICE Makefile"
	entries, err := os.ReadDir(moduleRoot(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") || name == "bin" || name == "data" {
			continue
		}
		if !slices.Contains(strings.Fields(allowed), name) {
			t.Errorf("%s stands at the top level beside what the card names", name)
		}
	}
}

// TestNoCellularIdentifierParser holds the legal limit on passive reception:
// no code may know subscriber or temporary network identities.
func TestNoCellularIdentifierParser(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(imsi|tmsi|rnti|guti|supi|suci)\b`)
	for _, f := range moduleFiles(t) {
		if f.test {
			continue
		}
		src, err := os.ReadFile(filepath.Join(moduleRoot(t), filepath.FromSlash(f.path)))
		if err != nil {
			t.Fatal(err)
		}
		if m := words.Find(src); m != nil {
			t.Errorf("%s speaks of %s", f.path, m)
		}
	}
}

// TestVersionFloors holds the floors below which a dependency has a known
// fault that would matter here.
func TestVersionFloors(t *testing.T) {
	floors := map[string]string{
		"github.com/labstack/echo/v4":    "v4.16.0",
		"github.com/mattn/go-sqlite3":    "v1.14.53",
		"github.com/golang-jwt/jwt/v5":   "v5.3.1",
		"github.com/go-co-op/gocron/v2":  "v2.21.2",
		"golang.org/x/mod":               "v0.42.0",
		"github.com/klauspost/compress":  "v1.18.7",
		"github.com/jackc/pgx/v5":        "v5.12.0",
		"github.com/gopacket/gopacket":   "v1.6.1",
		"github.com/eclipse/paho.golang": "v0.23.0",
		"github.com/xuri/excelize/v2":    "v2.11.0",
		"github.com/nats-io/nats-server": "v2.12.6",

		"github.com/theupdateframework/go-tuf/v2": "v2.4.2",
	}
	mod, err := os.ReadFile(filepath.Join(moduleRoot(t), "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, line := range bytes.Split(mod, []byte("\n")) {
		f := strings.Fields(strings.TrimPrefix(strings.TrimSpace(string(line)), "require "))
		if len(f) < 2 {
			continue
		}
		if floor, ok := floors[f[0]]; ok {
			seen++
			if compareVersions(f[1], floor) < 0 {
				t.Errorf("%s %s is below its floor %s", f[0], f[1], floor)
			}
		}
	}
	if seen < 5 {
		t.Fatalf("only %d of the floored modules found in go.mod: the reading is wrong", seen)
	}
}

func compareVersions(a, b string) int {
	pa, pb := strings.Split(strings.TrimPrefix(a, "v"), "."), strings.Split(strings.TrimPrefix(b, "v"), ".")
	for i := 0; i < 3; i++ {
		na, _ := strconv.Atoi(strings.SplitN(pa[min(i, len(pa)-1)], "-", 2)[0])
		nb, _ := strconv.Atoi(strings.SplitN(pb[min(i, len(pb)-1)], "-", 2)[0])
		if na != nb {
			return na - nb
		}
	}
	return 0
}
