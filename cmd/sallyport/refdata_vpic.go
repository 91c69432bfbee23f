package main

import (
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sallyport/gate/sqlite/vpicfile"
	"sallyport/vin"
	"sallyport/vin/build"
)

// refdataBuildVPICCmd is `sallyport refdata build vpic`.
type refdataBuildVPICCmd struct {
	Dump    string `xor:"source" required:"" type:"existingfile" placeholder:"FILE" help:"NHTSA's monthly PostgreSQL download (vPICList_lite_YYYY_MM.plain.zip, or the .sql or .gz of it)."`
	SQLite  string `name:"sqlite" xor:"source" required:"" type:"existingfile" placeholder:"FILE" help:"NHTSA's vPIC tables as an SQLite file (.gz is unpacked)."`
	Lookups string `type:"existingfile" placeholder:"FILE" help:"vPIC's small tables as JSON; needed with --sqlite."`
	World   string `type:"existingfile" placeholder:"FILE" help:"WMIs that vPIC does not hold, as CSV."`
	Against string `type:"existingfile" placeholder:"FILE" help:"Index to report the changes against; else the one the program carries."`
	Out     string `required:"" type:"path" placeholder:"FILE" help:"Index to write."`
}

// Run builds the index, with the community rows of WMIs that the edition does
// not hold, and reports what is new in it. The file appears whole or not at all.
func (c *refdataBuildVPICCmd) Run(ctx context.Context, s *streams) error {
	src, com, err := c.source(ctx)
	if err != nil {
		return err
	}
	if c.World != "" {
		if err := addFrom(c.World, src, build.ReadWorld); err != nil {
			return err
		}
	}
	com, carried, err := build.AddCommunity(src, com)
	if err != nil {
		return err
	}
	data, report, err := build.Index(src, com)
	if err != nil {
		return err
	}
	changes, err := c.changes(data)
	if err != nil {
		return err
	}
	changes.Carried = carried
	if err := replaceFile(c.Out, data); err != nil {
		return fmt.Errorf("writing %s: %w", c.Out, err)
	}
	_, err = fmt.Fprintf(s.out, "%s\n\n%s", report, changes)
	return err
}

// source reads the edition, and says which of its rows are not NHTSA's.
func (c *refdataBuildVPICCmd) source(ctx context.Context) (*build.Source, build.Community, error) {
	if c.Dump != "" {
		src, err := readDump(ctx, c.Dump)
		if err != nil {
			return nil, build.Community{}, fmt.Errorf("reading %s: %w", c.Dump, err)
		}
		if c.Lookups != "" {
			err = errors.New("--lookups goes with --sqlite: a dump holds the small tables itself")
		}
		return src, build.Community{}, err
	}
	if c.Lookups == "" {
		return nil, build.Community{}, errors.New("--sqlite needs --lookups: the cut does not hold the small tables")
	}
	src, err := vpicfile.Read(ctx, c.SQLite)
	if err != nil {
		return nil, build.Community{}, err
	}
	return src, build.CorgiCommunity, addFrom(c.Lookups, src, build.ReadLookups)
}

// changes compares the new index with the one in use.
func (c *refdataBuildVPICCmd) changes(data []byte) (build.Changes, error) {
	now, err := vin.Open(data)
	if err != nil {
		return build.Changes{}, err
	}
	old, err := vin.Embedded()
	if c.Against != "" {
		var was []byte
		if was, err = os.ReadFile(c.Against); err == nil {
			old, err = vin.Open(was)
		}
		if err != nil {
			err = fmt.Errorf("reading %s: %w", c.Against, err)
		}
	}
	if err != nil {
		return build.Changes{}, err
	}
	return build.Diff(old, now), nil
}

// readDump reads NHTSA's dump at path: a zip that holds one .sql file, a
// gzipped file, or the plain text.
func readDump(ctx context.Context, path string) (_ *build.Source, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	edition := build.DumpEdition(path)
	var in io.Reader = f
	switch strings.ToLower(filepath.Ext(path)) {
	case ".zip":
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		z, err := zip.NewReader(f, info.Size())
		if err != nil {
			return nil, err
		}
		var inside *zip.File
		for _, e := range z.File {
			if !strings.EqualFold(filepath.Ext(e.Name), ".sql") {
				continue
			}
			if inside != nil {
				return nil, fmt.Errorf("it holds both %s and %s; a dump is one .sql file", inside.Name, e.Name)
			}
			inside = e
		}
		if inside == nil {
			return nil, errors.New("there is no .sql file in it")
		}
		plain, err := inside.Open()
		if err != nil {
			return nil, err
		}
		defer func() { _ = plain.Close() }() // a damaged entry was seen on reading
		if in = plain; edition == "" {
			edition = build.DumpEdition(inside.Name)
		}
	case ".gz":
		z, err := gzip.NewReader(f)
		if err != nil {
			return nil, err
		}
		in = z
	}
	src, err := build.ReadDump(untilDone{ctx, in})
	if err != nil {
		return nil, err
	}
	src.Edition = edition
	return src, nil
}

// untilDone reads until ctx is done.
type untilDone struct {
	ctx context.Context //nolint:containedctx // lives as long as one call of readDump
	r   io.Reader
}

func (u untilDone) Read(p []byte) (int, error) {
	if err := u.ctx.Err(); err != nil {
		return 0, err
	}
	return u.r.Read(p)
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
