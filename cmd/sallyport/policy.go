package main

import (
	"fmt"

	"sallyport/policy/pack"
)

// policyCmd is what a security manager does with rules.
type policyCmd struct {
	Packs policyPacksCmd `cmd:"" help:"List the policies that ship with the program, and what each leaves out of its instruments."`
	Test  policyTestCmd  `cmd:"" help:"Run the examples that stand beside the rules, and refuse rules that no example shows."`
}

type policyPacksCmd struct{}

func (c *policyPacksCmd) Run(s *streams) error {
	for _, name := range pack.Names() {
		p, err := pack.Open(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "%s (%s, %d rules): %s\n", name, p.Status(), len(p.Rules()), p.Title())
		for _, o := range p.Omits() {
			fmt.Fprintf(s.out, "    left out: %s\n", o)
		}
	}
	return nil
}
