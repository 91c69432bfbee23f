package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sallyport/gate/sqlite/vpicfile"
	"sallyport/vin/build"
)

// refdataBuildVPICCmd is `sallyport refdata build vpic`.
type refdataBuildVPICCmd struct {
	SQLite  string `name:"sqlite" required:"" type:"existingfile" placeholder:"FILE" help:"NHTSA's vPIC tables as an SQLite file (.gz is unpacked)."`
	Lookups string `required:"" type:"existingfile" placeholder:"FILE" help:"vPIC's small tables as JSON."`
	World   string `type:"existingfile" placeholder:"FILE" help:"WMIs that vPIC does not hold, as CSV."`
	Out     string `required:"" type:"path" placeholder:"FILE" help:"Index to write."`
}

// Run builds the index. The file appears whole or not at all.
func (c *refdataBuildVPICCmd) Run(ctx context.Context, s *streams) error {
	src, err := vpicfile.Read(ctx, c.SQLite)
	if err != nil {
		return err
	}
	if err := addFrom(c.Lookups, src, build.ReadLookups); err != nil {
		return err
	}
	if c.World != "" {
		if err := addFrom(c.World, src, build.ReadWorld); err != nil {
			return err
		}
	}
	data, report, err := build.Index(src, build.CorgiCommunity)
	if err != nil {
		return err
	}
	if err := replaceFile(c.Out, data); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	_, err = fmt.Fprintln(s.out, report)
	return err
}

// addFrom reads a file of reference data into src.
func addFrom(path string, src *build.Source, read func(io.Reader, *build.Source) error) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := read(f, src); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// replaceFile writes data to path by way of a temporary file beside it.
func replaceFile(path string, data []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where all went well
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := os.Chmod(f.Name(), 0o644); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
