package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sallyport/gate/refdata"
	"sallyport/vin/telematics"
)

// refdataBuildTACCmd is `sallyport refdata build tac`.
type refdataBuildTACCmd struct {
	Osmocom string `xor:"source" required:"" type:"existingfile" placeholder:"FILE" help:"Table of the Osmocom project (tacdb.csv)."`
	GSMA    string `name:"gsma" xor:"source" required:"" type:"existingfile" placeholder:"FILE" help:"TAC list of the GSMA, parted by | or tabs. It is licensed to the site."`
	Edition string `placeholder:"NAME" help:"Name of the edition; the default is made of the file's content."`
	Source  string `placeholder:"ADDRESS" help:"Where the file comes from; the default is the layout's public address."`
	Good    bool   `name:"good-rows" help:"Write the good rows though others are bad."`
	Out     string `required:"" type:"path" placeholder:"FILE" help:"Table to write."`
}

// Run builds the table of type allocation codes. Bad rows are named on the
// error output; with one of them nothing is written unless the good rows were
// asked for. The file appears whole or not at all.
func (c *refdataBuildTACCmd) Run(s *streams) (err error) {
	path, read := c.Osmocom, telematics.ImportOsmocomTACs
	if c.GSMA != "" {
		path, read = c.GSMA, telematics.ImportGSMATACs
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	table, rep, err := read(f, telematics.TACSource{Edition: c.Edition, Source: c.Source})
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for _, e := range rep.Errors {
		fmt.Fprintf(s.err, "%s: %v\n", path, e)
	}
	if more := rep.Bad - len(rep.Errors); more > 0 {
		fmt.Fprintf(s.err, "%s: %d more bad rows\n", path, more)
	}
	switch {
	case rep.Codes == 0:
		return fmt.Errorf("%s: it holds no code", path)
	case rep.Bad > 0 && !c.Good:
		return fmt.Errorf("%s: %d of %d rows are bad, nothing was written; --good-rows writes the others", path, rep.Bad, rep.Rows)
	}
	data, err := table.Encode()
	if err != nil {
		return err
	}
	if err := replaceFile(c.Out, data); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	_, err = fmt.Fprintf(s.out, "type allocation codes %s: %d codes of %d rows, %d said again, %d with several makers, %d bad rows left out; %d bytes\n%s\n",
		table.Edition, rep.Codes, rep.Rows, rep.Again, rep.Shared, rep.Bad, len(data), table.Licence)
	return err
}

// maxTACFile bounds the compact table that is read into memory.
const maxTACFile = 512 << 20

// openTACs reads a table made by `refdata build tac`.
func openTACs(path string) (_ *telematics.TACTable, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b, err := io.ReadAll(io.LimitReader(f, maxTACFile+1))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if len(b) > maxTACFile {
		return nil, fmt.Errorf("reading %s: it has more than %d bytes", path, maxTACFile)
	}
	t, err := telematics.OpenTACs(b)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return t, nil
}

// withTACs is the reference data held, with the type allocation codes of a file
// added to its catalogue, or to the program's own. Without a file it is what is
// held.
func withTACs(held *refdata.Data, path string) (*refdata.Data, error) {
	if path == "" {
		return held, nil
	}
	table, err := openTACs(path)
	if err != nil {
		return nil, err
	}
	with := *held
	if with.Catalogue == nil {
		if with.Catalogue, err = telematics.Embedded(); err != nil {
			return nil, err
		}
	}
	with.Catalogue = with.Catalogue.WithTACs(table)
	return &with, nil
}

// tacFile is the table that the site in dir names, or empty.
func (c siteConfig) tacFile(dir string) string {
	if c.TAC == "" {
		return ""
	}
	return filepath.Join(dir, c.TAC)
}
