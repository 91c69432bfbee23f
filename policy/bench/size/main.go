// Command size builds a small program with each engine and prints what the
// engine adds to an empty one, in bytes of a stripped binary.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "size:", err)
		os.Exit(1)
	}
}

func run() error {
	dir, err := os.MkdirTemp("", "size")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	base := int64(0)
	for _, name := range []string{"none", "ours", "cedar", "cel", "opa"} {
		out := filepath.Join(dir, name)
		if msg, err := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", out, "./size/"+name).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", name, err, msg)
		}
		info, err := os.Stat(out)
		if err != nil {
			return err
		}
		if name == "none" {
			base = info.Size()
		}
		fmt.Printf("%-6s %10d bytes stripped, +%.1f MB\n", name, info.Size(), float64(info.Size()-base)/1e6)
	}
	return nil
}
