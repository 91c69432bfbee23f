package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/policy"
)

// fleetCmd is `sallyport fleet`.
type fleetCmd struct {
	List  fleetListCmd  `cmd:"" help:"Say which fleets a site has, with how many vehicles and what was foreseen of them."`
	Audit fleetAuditCmd `cmd:"" help:"Say of every vehicle of a file what would be decided, and why; nothing is entered."`
}

type fleetListCmd struct {
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run prints the fleets.
func (c *fleetListCmd) Run(ctx context.Context, s *streams) (err error) {
	site, err := openBeside(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	list, err := site.store.Fleets(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "FLEET\tNAME\tVEHICLES\tDENY\tFLAG\tGRANT\tNOT JUDGED")
	for _, f := range list {
		counts, err := site.store.FleetCounts(ctx, f.ID)
		if err != nil {
			return err
		}
		n := counts[f.ID]
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\t%d\n", f.ID, f.Name, n.All, n.Deny, n.Flag, n.Grant, n.None)
	}
	return w.Flush()
}

type fleetAuditCmd struct {
	File  string `arg:"" help:"CSV whose first line names the columns (vin, plate, class, market, built_on …); - is standard input. Read row by row: of any length."`
	Data  string `required:"" type:"existingdir" help:"Data directory of the site, running or stopped." placeholder:"DIR"`
	Class string `help:"Class where a row names none." default:"private" placeholder:"CLASS"`
}

// Run prints a row for each row: its line, VIN and plate, and for each zone of the
// site the verdict and the rule with its reason. A bad row has its fault instead,
// and the exit code is 1.
func (c *fleetAuditCmd) Run(ctx context.Context, s *streams) (err error) {
	class, err := gate.ParseClass(c.Class)
	if err != nil {
		return fmt.Errorf("--%w", err)
	}
	held, err := (&assessCmd{Data: c.Data}).held()
	if err != nil {
		return err
	}
	site, err := openBeside(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	p, err := site.policyNamed(ctx, "", s.now(), held)
	if err != nil {
		return err
	}
	judge, err := site.judgeBy(ctx, s, p, held)
	if err != nil {
		return err
	}
	posture, err := site.posture(ctx, "")
	if err != nil {
		return err
	}
	in := s.in
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		in = f
	}
	at := s.now().UTC()
	f := &gate.Foresight{Judge: judge, At: at, Zones: site.cfg.zones(), Posture: posture(at), Inspecting: site.rules}
	inspected := map[string]bool{}
	if err := site.store.EachInspection(ctx, func(in gate.Inspection) error { inspected[in.VIN] = true; return nil }); err != nil {
		return err
	}
	if len(inspected) > 0 {
		f.Inspections = func(ctx context.Context, vin string) ([]gate.Inspection, error) {
			if !inspected[vin] {
				return nil, nil
			}
			return site.store.Inspections(ctx, vin, at)
		}
	}
	w := csv.NewWriter(bufio.NewWriterSize(s.out, 1<<20))
	head := []string{"line", "vin", "plate", "fault"}
	for _, z := range f.Zones {
		head = append(head, z.Name, z.Name+"_rule", z.Name+"_because")
	}
	if err := w.Write(head); err != nil {
		return err
	}
	bad := 0
	row := make([]string, len(head))
	lines := newAuditRows(in, class, at, func(line int, vin, plate, fault string) error {
		bad++
		clear(row)
		row[0], row[1], row[2], row[3] = strconv.Itoa(line), plainCell(vin), plainCell(plate), plainCell(fault)
		return w.Write(row)
	})
	n := 0
	err = f.All(ctx, lines.all(), func(r *gate.Registration, v *gate.ForeseenVehicle) error {
		clear(row)
		row[0], row[1], row[2] = r.Source.ID, r.VIN, plainCell(r.Plate)
		for i, z := range v.At {
			row[4+3*i], row[5+3*i], row[6+3*i] = z.Outcome.String(), z.Rule, plainCell(z.Because)
		}
		n++
		return w.Write(row)
	})
	w.Flush()
	if err = cmp.Or(err, w.Error()); err != nil {
		return err
	}
	fmt.Fprintf(s.err, "sallyport: %d vehicles judged, %d bad rows\n", n, bad)
	if bad > 0 {
		return exitError(1)
	}
	return nil
}

// auditRows are the rows of a file, read one by one.
type auditRows struct {
	in    io.Reader
	class policy.Class
	at    time.Time
	bad   func(line int, vin, plate, fault string) error
	fleet gate.Fleet
}

func newAuditRows(in io.Reader, class policy.Class, at time.Time, bad func(int, string, string, string) error) *auditRows {
	return &auditRows{in: in, class: class, at: at, bad: bad, fleet: gate.Fleet{Classes: []policy.Class{
		policy.ClassPrivate, policy.ClassContractor, policy.ClassGovernment, policy.ClassMilitary, policy.ClassEmergency, policy.ClassDiplomatic, policy.ClassAllied}}}
}

// all hands on the good rows, each with its line as the id of its source.
func (a *auditRows) all() iter.Seq2[*gate.Registration, error] {
	return func(yield func(*gate.Registration, error) bool) {
		br := bufio.NewReaderSize(a.in, 1<<20)
		first, err := br.Peek(4096)
		if len(first) == 0 {
			yield(nil, fmt.Errorf("the file is empty: %w", err))
			return
		}
		head, _, _ := strings.Cut(strings.TrimPrefix(string(first), "\ufeff"), "\n")
		if strings.HasPrefix(string(first), "\ufeff") {
			_, _ = br.Discard(len("\ufeff"))
		}
		rd := csv.NewReader(br)
		rd.FieldsPerRecord, rd.ReuseRecord = -1, true // each cell is a string of its own
		if strings.Count(head, ";") > strings.Count(head, ",") {
			rd.Comma = ';'
		}
		names, err := rd.Read()
		if err != nil {
			yield(nil, fmt.Errorf("line 1: %w", err))
			return
		}
		table := gate.Table{Head: append([]string{}, names...)}
		fields := table.Guess()
		row := gate.TableRow{}
		for {
			cells, err := rd.Read()
			if errors.Is(err, io.EOF) {
				return
			}
			row.Cells, row.Broken = cells, ""
			if err != nil {
				var at *csv.ParseError
				if !errors.As(err, &at) {
					yield(nil, err)
					return
				}
				row.Line, row.Broken = at.StartLine, at.Err.Error()
			} else {
				row.Line, _ = rd.FieldPos(0)
			}
			r, faults := gate.ParseVehicle(&row, fields, a.class)
			if len(faults) == 0 {
				faults = gate.CheckVehicle(&r, &a.fleet, a.at)
			}
			if len(faults) > 0 {
				if err := a.bad(row.Line, r.VIN, r.Plate, faults[0].Error()); err != nil {
					yield(nil, err)
					return
				}
				continue
			}
			r.Source.ID = strconv.Itoa(row.Line)
			if !yield(&r, nil) {
				return
			}
		}
	}
}
