package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/sqlite"
)

// The operations on what is kept of vehicles, as the control socket names them.
const (
	opRecordsErase    = "/records/erase"
	opRecordsHold     = "/records/hold"
	opRecordsLift     = "/records/lift"
	opRecordsExported = "/records/exported"
)

// recordAsk is a request about records. Each operation uses what it needs.
type recordAsk struct {
	gate.DataSubject
	By       string `json:"by,omitempty"`
	Password string `json:"password,omitempty"`
	Why      string `json:"why,omitempty"`
	Hold     string `json:"hold,omitempty"`
	What     string `json:"what,omitempty"`
}

// recordAnswer is what comes back.
type recordAnswer struct {
	gate.ErasureReport
	Hold string `json:"hold,omitempty"`
}

// may finds the person, who must be allowed to do it.
func (r *siteRules) may(ctx context.Context, a recordAsk, what auth.Permission) (gate.Person, error) {
	who, err := r.admit(ctx, a.By, a.Password)
	if err == nil && !auth.May(who.Role, what) {
		err = fmt.Errorf("%s is %s, and that is for others", who.Name, who.Role)
	}
	return who, err
}

func (r *siteRules) recordOps() map[string]operation {
	erase := func(f func(ctx context.Context, by string, a recordAsk) (recordAnswer, error)) operation {
		return op(func(ctx context.Context, a recordAsk) (recordAnswer, error) {
			who, err := r.may(ctx, a, auth.EraseRecords)
			if err != nil {
				return recordAnswer{}, err
			}
			return f(ctx, who.Name, a)
		})
	}
	now := func() time.Time {
		at, _ := r.clock.Stamp()
		return at
	}
	return map[string]operation{
		opRecordsErase: erase(func(ctx context.Context, by string, a recordAsk) (out recordAnswer, err error) {
			out.ErasureReport, err = r.store.EraseSubject(ctx, gate.ErasureAsk{DataSubject: a.DataSubject, By: by, Why: a.Why, At: now()})
			return out, err
		}),
		opRecordsHold: erase(func(ctx context.Context, by string, a recordAsk) (out recordAnswer, err error) {
			out.Hold, err = r.store.PlaceHold(ctx, gate.Hold{DataSubject: a.DataSubject, By: by, Why: a.Why, At: now()})
			return out, err
		}),
		opRecordsLift: erase(func(ctx context.Context, by string, a recordAsk) (recordAnswer, error) {
			return recordAnswer{Hold: a.Hold}, r.store.LiftHold(ctx, a.Hold, by, a.Why, now())
		}),
		// What leaves without personal data leaves in nobody's name.
		opRecordsExported: op(func(ctx context.Context, a recordAsk) (struct{}, error) {
			by := ""
			if a.By != "" || !strings.HasPrefix(a.What, "log") || strings.HasSuffix(a.What, ", with personal data") {
				who, err := r.may(ctx, a, auth.SeePassages)
				if err != nil {
					return struct{}{}, err
				}
				by = who.Name
			}
			return struct{}{}, r.store.RecordEvent(ctx, gate.Event{Kind: gate.EventExport, At: now(), By: by, Detail: clip(a.What, 200)})
		}),
	}
}

// recordOps are those on the running site: what was learnt from inspections that
// are gone is counted anew.
func (st *site) recordOps() map[string]operation {
	ops := maps.Clone(st.rules.recordOps())
	erase := ops[opRecordsErase]
	ops[opRecordsErase] = func(ctx context.Context, in json.RawMessage) (any, error) {
		out, err := erase(ctx, in)
		if err == nil {
			err = st.learning.Rebuild(ctx)
		}
		return out, err
	}
	return ops
}

// byFlags are the person who orders something, and why.
type byFlags struct {
	By   string `required:"" help:"Name of a security manager, as enrolled; the password is asked for, or read from the first line of standard input."`
	Why  string `required:"" help:"The reason, for the log."`
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// namedFlags name the vehicle whose records are meant. A record that bears
// either name is the vehicle's.
type namedFlags struct {
	VIN   string `help:"Of the vehicle." placeholder:"VIN"`
	Plate string `help:"Of the vehicle; with a VIN, records that bear either." placeholder:"PLATE"`
}

func (f namedFlags) subject() (gate.DataSubject, error) {
	v, err := gate.DataSubject{VIN: f.VIN, Plate: f.Plate}.Normal()
	if err != nil {
		return v, errors.New("name the vehicle: --vin, --plate, or both")
	}
	return v, nil
}

func (f byFlags) call(ctx context.Context, s *streams, what string, a recordAsk) (out recordAnswer, err error) {
	a.By, a.Why = f.By, f.Why
	if a.Password, err = askPassword(ctx, s, passwordOf(f.By)); err != nil {
		return out, err
	}
	return out, callRules(ctx, s, f.Data, what, a, &out)
}

// eraseCmd is `sallyport erase`.
type eraseCmd struct {
	namedFlags
	byFlags
}

// Run erases what is kept of the vehicle and says what was erased, what stays and
// why. The reason stays in the log for ever and must not name the vehicle.
func (c *eraseCmd) Run(ctx context.Context, s *streams) error {
	v, err := c.subject()
	if err != nil {
		return err
	}
	out, err := c.call(ctx, s, opRecordsErase, recordAsk{DataSubject: v})
	if err != nil {
		return err
	}
	total := 0
	for _, table := range slices.Sorted(maps.Keys(out.Erased)) {
		fmt.Fprintf(s.out, "erased   %-16s %d\n", table, out.Erased[table])
		total += out.Erased[table]
	}
	for _, k := range out.Kept {
		fmt.Fprintf(s.out, "stays    %-16s entry %d: %s\n", k.Table, k.Seq, keptWords[k.Why])
	}
	for _, a := range out.Also {
		fmt.Fprintf(s.out, "also     %s\n", strings.TrimSpace(strings.Join([]string{a.VIN, a.Plate}, " "))+" stands in the same records; what bears only that was not asked for")
	}
	fmt.Fprintf(s.out, "%d records erased; the log keeps that they were\n", total)
	if total > 0 {
		fmt.Fprintln(s.err, "copies made before (backups, and the copy that an upgrade leaves beside the database) still hold them")
	}
	return nil
}

var keptWords = map[string]string{
	gate.KeptOpen:    "the passage has not ended",
	gate.KeptHeld:    "a hold is on it",
	gate.KeptMention: "a record of another vehicle that names this one",
}

// holdCmd is `sallyport hold`.
type holdCmd struct {
	Place holdPlaceCmd `cmd:"" help:"Keep what is recorded of a vehicle from every erasure, until the hold is lifted."`
	Lift  holdLiftCmd  `cmd:"" help:"Lift a hold."`
	List  holdListCmd  `cmd:"" help:"List holds."`
}

// holdPlaceCmd is `sallyport hold place`.
type holdPlaceCmd struct {
	namedFlags
	byFlags
}

// Run places a hold and prints its id.
func (c *holdPlaceCmd) Run(ctx context.Context, s *streams) error {
	v, err := c.subject()
	if err != nil {
		return err
	}
	out, err := c.call(ctx, s, opRecordsHold, recordAsk{DataSubject: v})
	if err == nil {
		fmt.Fprintln(s.out, out.Hold)
	}
	return err
}

// holdLiftCmd is `sallyport hold lift`.
type holdLiftCmd struct {
	ID string `arg:"" help:"Id of the hold."`
	byFlags
}

// Run lifts it.
func (c *holdLiftCmd) Run(ctx context.Context, s *streams) error {
	out, err := c.call(ctx, s, opRecordsLift, recordAsk{Hold: c.ID})
	if err == nil {
		fmt.Fprintf(s.out, "hold %s is lifted\n", out.Hold)
	}
	return err
}

// holdListCmd is `sallyport hold list`.
type holdListCmd struct {
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
}

// Run prints one hold a line.
func (c *holdListCmd) Run(ctx context.Context, s *streams) (err error) {
	r, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	list, err := r.Holds(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "hold\tVIN\tplate\tplaced\tby\twhy\tlifted")
	for _, h := range list {
		lifted := "-"
		if !h.Lifted.IsZero() {
			lifted = h.Lifted.Format(time.RFC3339)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", h.ID, h.VIN, h.Plate, h.At.Format(time.RFC3339), h.By, oneLine(h.Why), lifted)
	}
	return w.Flush()
}

// exportSubjectCmd is `sallyport export subject`.
type exportSubjectCmd struct {
	namedFlags
	By   string `required:"" help:"Name of a person who may see passages, as enrolled; the password is asked for, or read from the first line of standard input."`
	Data string `help:"Data directory of the site, running or stopped." default:"./data" placeholder:"DIR"`
	Out  string `help:"New file; the default is the standard output." placeholder:"FILE"`
}

// Run records the export, then writes all that is kept as one JSON object.
func (c *exportSubjectCmd) Run(ctx context.Context, s *streams) (err error) {
	v, err := c.subject()
	if err != nil {
		return err
	}
	password, err := askPassword(ctx, s, passwordOf(c.By))
	if err != nil {
		return err
	}
	if err := callRules(ctx, s, c.Data, opRecordsExported, recordAsk{By: c.By, Password: password, What: "what is kept of one vehicle, for its keeper"}, &struct{}{}); err != nil {
		return err
	}
	r, err := sqlite.OpenReader(ctx, c.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	out, err := r.Subject(ctx, v)
	if err != nil {
		return err
	}
	return output(s, c.Out, func(w io.Writer) error { return printJSON(w, out) })
}
