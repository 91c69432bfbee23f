package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"

	"sallyport/policy"
)

// policyFormatCmd is `sallyport policy format`.
type policyFormatCmd struct {
	Write bool   `short:"w" help:"Write the file anew instead of printing it; a file that is laid out already is not touched."`
	Check bool   `help:"Print nothing; exit with 1 where the file is laid out otherwise."`
	File  string `arg:"" type:"existingfile" help:"Rule file (YAML)."`
}

func (c *policyFormatCmd) Run(s *streams) error {
	if c.Write && c.Check {
		return errors.New("--write and --check exclude each other")
	}
	src, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	out, err := policy.Format(src)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	same := bytes.Equal(src, out)
	switch {
	case c.Check && !same:
		fmt.Fprintf(s.err, "sallyport: %s is laid out otherwise: sallyport policy format --write %s\n", c.File, c.File)
		return exitError(1)
	case c.Check, c.Write && same:
		return nil
	case c.Write:
		info, err := os.Stat(c.File)
		if err != nil {
			return err
		}
		return errors.Join(replaceFile(c.File, out), os.Chmod(c.File, info.Mode().Perm()))
	}
	_, err = s.out.Write(out)
	return err
}

// policySchemaCmd is `sallyport policy schema`.
type policySchemaCmd struct{}

func (c *policySchemaCmd) Run(s *streams) error {
	_, err := s.out.Write(policy.Schema())
	return err
}

// policyFactsCmd is `sallyport policy facts`.
type policyFactsCmd struct{}

//nolint:unparam // kong asks for the error.
func (c *policyFactsCmd) Run(s *streams) error {
	for _, f := range policy.Vocabulary() {
		note := ""
		switch {
		case f.Module:
			note = " Of one module: inside a quantifier."
		case f.Radio:
			note = " From the air: it may raise a verdict, never lower one."
		case f.Always:
			note = " Never unknown."
		}
		fmt.Fprintf(s.out, "%-30s %s: %s.%s\n%30s ask: %s\n", f.Name, f.Label, f.Words, note, "", strings.Join(f.Operators, ", "))
		if len(f.Values) > 0 {
			fmt.Fprintf(s.out, "%30s one of: %s\n", "", strings.Join(f.Values, ", "))
		}
	}
	return nil
}
