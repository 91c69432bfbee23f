package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// sharedFile is a file of the reference material that lies beside the
// repository. A test that needs it skips, loudly, where it is absent.
func sharedFile(t testing.TB, name string) string {
	t.Helper()
	path := filepath.Join(moduleRoot(t), "..", "shared", filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("SKIPPED, PROVES NOTHING: %s is not here (%v)", path, err)
	}
	return path
}

func readLines(t testing.TB, path string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(b), []byte("\n"))
}
