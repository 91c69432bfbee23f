// Package pack holds the policies that ship with the program, as the rule
// files their authors wrote.
//
// A pack is a whole policy: its rules, the words for the guard, the parameters
// a site may choose, and what of its instruments it does not encode. None is in
// force until a site adopts it. The package imports policy only.
//
// Life of a pack: the YAML file is embedded; Source gives its bytes, for a site
// that makes a version of its own from it; Open loads it as any other rule file
// is loaded, with the same checks. Its examples stand beside its rules, at least
// one that shows each; `sallyport policy test` runs them.
package pack

import (
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"sallyport/policy"
)

//go:embed packs/*.yaml
var files embed.FS

// PaperBaseline is the pack a demonstration site starts with.
const PaperBaseline = "paper-baseline"

// Names lists the packs, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, "packs")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// Source gives the rule file of a pack. The error names the packs there are.
func Source(name string) ([]byte, error) {
	if !slices.Contains(Names(), name) {
		return nil, fmt.Errorf("no policy pack %q (there are: %s)", name, strings.Join(Names(), ", "))
	}
	return files.ReadFile("packs/" + name + ".yaml")
}

// Open loads a pack. Loading is not cached: a caller keeps the policy.
func Open(name string) (*policy.Policy, error) {
	src, err := Source(name)
	if err != nil {
		return nil, err
	}
	p, err := policy.Load(name+".yaml", src)
	if err != nil {
		return nil, fmt.Errorf("policy pack %s: %w", name, err)
	}
	return p, nil
}
