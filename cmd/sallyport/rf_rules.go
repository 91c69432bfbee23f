package main

import (
	"fmt"
	"strings"

	"sallyport/rf/privacy"
)

// rfRulesCmd prints of what a site may take notice, by the law of a jurisdiction.
type rfRulesCmd struct {
	Jurisdiction string `help:"Two letters, such as DE, UK, US, PL; without it all that the table holds." placeholder:"XX"`
	Sources      bool   `help:"Print the source, its date and a quote under each row."`
}

// Help is shown beneath the command's one line.
func (c *rfRulesCmd) Help() string {
	return "Says what site.toml's radio.jurisdiction means: which class of emitter is kept (a pseudonym may go into the vehicle's own record), " +
		"heard (forgotten with the pass), counted (only a number goes on) or refused. A jurisdiction that the table does not hold has the rules of " + privacy.Strictest + ", the strictest. No legal advice."
}

// Run prints the table.
func (c *rfRulesCmd) Run(s *streams) error {
	names := []string{c.Jurisdiction}
	if c.Jurisdiction == "" {
		all, err := privacy.Jurisdictions()
		if err != nil {
			return err
		}
		names = all
	} else if !privacy.ValidJurisdiction(c.Jurisdiction) {
		return fmt.Errorf("jurisdiction %q is not two letters, such as DE", c.Jurisdiction)
	}
	var b strings.Builder
	for i, name := range names {
		r, err := privacy.RulesOf(name)
		if err != nil {
			return err
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(r.Asked)
		if r.Profile != r.Asked {
			fmt.Fprintf(&b, ": not in the table; these are the rules of %s", r.Profile)
		}
		b.WriteByte('\n')
		for _, rule := range r.All() {
			fmt.Fprintf(&b, "  %-18s %-8s %s\n", rule.Class, rule.Treatment, rule.Why)
			if c.Sources {
				fmt.Fprintf(&b, "  %27s %s (%s): „%s“\n", "", rule.Source, rule.Date, rule.Quote)
			}
		}
	}
	_, err := fmt.Fprint(s.out, b.String())
	return err
}
