package asset

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"sort"
)

//go:embed *.css *.js *.svg *.wasm
var files embed.FS

// File is one file.
type File struct {
	Content []byte
	Type    string // media type
	Version string // first 12 hex digits of its SHA-256
}

// Set is all files: immutable, safe for concurrent use.
type Set struct {
	files   map[string]File
	version string
}

// Load reads and hashes the embedded files.
func Load() (*Set, error) {
	s := &Set{files: map[string]File{}}
	names, err := fs.Glob(files, "*")
	if err != nil {
		return nil, fmt.Errorf("asset: %w", err)
	}
	sort.Strings(names)
	all := sha256.New()
	for _, name := range names {
		raw, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("asset: %w", err)
		}
		var typ string // not left to the machine's own table of types
		switch path.Ext(name) {
		case ".js":
			typ = "text/javascript; charset=utf-8"
		case ".css":
			typ = "text/css; charset=utf-8"
		case ".svg":
			typ = "image/svg+xml"
		case ".wasm":
			typ = "application/wasm"
		}
		sum := sha256.Sum256(raw)
		all.Write(sum[:])
		s.files[name] = File{Content: raw, Type: typ, Version: hex.EncodeToString(sum[:6])}
	}
	s.version = hex.EncodeToString(all.Sum(nil)[:6])
	return s, nil
}

// Open returns a file by name.
func (s *Set) Open(name string) (File, bool) {
	f, ok := s.files[name]
	return f, ok
}

// Path is the address of a file, with its version.
func (s *Set) Path(name string) string {
	return "/asset/" + name + "?v=" + s.files[name].Version
}

// Version is that of all files together: a page made for another version
// reloads itself.
func (s *Set) Version() string { return s.version }
