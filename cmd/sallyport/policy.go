package main

import (
	"fmt"

	"sallyport/policy/pack"
)

// policyCmd is what a security manager does with rules.
type policyCmd struct {
	Packs    policyPacksCmd    `cmd:"" help:"List the policies that ship with the program, and what each leaves out of its instruments."`
	Backtest policyBacktestCmd `cmd:"" help:"Decide the site's passages, its vehicles or a file of requests again under a draft, and say what would change."`
	Format   policyFormatCmd   `cmd:"" help:"Lay a rule file out in one way; comments are kept, and the policy stays the same."`
	Schema   policySchemaCmd   `cmd:"" help:"Print the JSON Schema of a rule file, for an editor."`
	Facts    policyFactsCmd    `cmd:"" help:"List the facts that a rule may look at, and what may be asked of each."`
	Explain  policyExplainCmd  `cmd:"" help:"Say why: every rule's value atom by atom, what stands against an outcome, what would change it."`
	Test     policyTestCmd     `cmd:"" help:"Run the examples that stand beside the rules, and refuse rules that no example shows."`
	Check    policyCheckCmd    `cmd:"" help:"Look for what is wrong with rules: what can never match, is hidden, contradicts, or that this site cannot tell."`
	Diff     policyDiffCmd     `cmd:"" help:"Say in words in what two policies, or versions of one, differ."`
	Versions policyVersionsCmd `cmd:"" help:"List the versions of a site's rules, and where each stands."`
	Show     policyShowCmd     `cmd:"" help:"Print the text of a version, and what was done with it."`
	Draft    policyDraftCmd    `cmd:"" help:"Record a rule file as a new version, without any effect."`
	Propose  policyProposeCmd  `cmd:"" help:"Propose a rule file, or a draft, for another person to approve."`
	Approve  policyApproveCmd  `cmd:"" help:"Have a version that others wrote and proposed take effect."`
	Reject   policyRejectCmd   `cmd:"" help:"End a proposal, with the reason."`
	Withdraw policyWithdrawCmd `cmd:"" help:"Take a draft or proposal back, or stop a version before it takes effect."`
	Rollback policyRollbackCmd `cmd:"" help:"Propose the text of an earlier version as a new one."`
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
