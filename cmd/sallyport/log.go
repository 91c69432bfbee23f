package main

import (
	"context"
	"fmt"

	"sallyport/gate/sqlite"
)

// logVerifyCmd is `sallyport log verify`.
type logVerifyCmd struct {
	Data string `help:"Data directory of the site." default:"./data" placeholder:"DIR"`
	Key  string `help:"Verifier key, as an auditor keeps it; the default is the one beside the database." placeholder:"KEY"`
}

// Run re-hashes the whole log. It ends with exit code 1 when anything does not
// fit, and names it.
func (c *logVerifyCmd) Run(ctx context.Context, s *streams) error {
	rep, err := sqlite.Verify(ctx, c.Data, c.Key)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "key          %s\n", rep.Key)
	fmt.Fprintf(s.out, "entries      %d\n", rep.Entries)
	fmt.Fprintf(s.out, "records      %d, of which %d erased by retention\n", rep.Rows, rep.Erased)
	fmt.Fprintf(s.out, "checkpoints  %d\n", rep.Checkpoints)
	if len(rep.Misfits) == 0 {
		fmt.Fprintln(s.out, "clean: every entry, record and checkpoint fits")
		return nil
	}
	fmt.Fprintf(s.out, "NOT CLEAN: the first that does not fit is entry %d: %s\n", rep.Misfits[0].Seq, rep.Misfits[0].What)
	for _, m := range rep.Misfits[1:] {
		fmt.Fprintf(s.out, "  entry %d: %s\n", m.Seq, m.What)
	}
	return exitError(1)
}
