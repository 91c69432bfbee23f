package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sallyport/gate/auth"
	"sallyport/policy"
)

// ImportState is where an import stands.
type ImportState string

// The states of an import.
const (
	ImportRead     ImportState = "read"     // the file is here; which column is what can be changed
	ImportChecking ImportState = "checking" // every row is looked at; nothing is entered
	ImportChecked  ImportState = "checked"
	ImportEntering ImportState = "entering" // good rows are entered, some at a time
	ImportDone     ImportState = "done"
	ImportStopped  ImportState = "stopped" // by a person; what was entered until then stays, and the same file again does the rest
	ImportFailed   ImportState = "failed"  // as stopped, by a fault of ours
)

// RowFault is what is wrong with a row of a file.
type RowFault struct {
	VehicleFault
	Line   int
	Column int    // in the file, from 1; 0 is none
	Header string // of the column
}

// ImportView is an import as a page shows it. It is a value.
type ImportView struct {
	ID, Fleet, By, File string
	State               ImportState
	At                  time.Time
	Encoding            string
	Comma               rune
	Workbook            bool
	Head                []string
	Samples             [][]string // the first rows
	Fields              []string   // of the columns
	Class               policy.Class
	Rows                int // in the file
	Done, Of            int // of what runs now, or ran last
	New, Changed, Same  int // of the good rows
	Bad                 []RowFault
	BadRows             int
	Entered             int
	Problem             error // of ImportFailed
}

// Running says whether something runs.
func (v *ImportView) Running() bool { return v.State == ImportChecking || v.State == ImportEntering }

// Good is how many rows can be entered.
func (v *ImportView) Good() int { return v.New + v.Changed }

// fleetImport is one import. The table is not changed once it was read.
type fleetImport struct {
	mu   sync.Mutex
	view ImportView
	raw  []byte // of a file of separated values, to be read by another encoding
	t    *Table
	good []Registration // to be entered
	stop context.CancelFunc
	done chan struct{} // of what runs, or ran last
}

// Bounds on imports.
const (
	maxImports    = 8 // at the same time
	importLife    = 2 * time.Hour
	importGroup   = 100 // rows that one transaction enters, so that a lane never waits long behind it
	maxRowFaults  = 20_000
	importSamples = 5
)

// FleetImports brings files of vehicles into fleets: read, checked without any
// effect, and entered. Files are held in memory, each by whoever brought it, for
// two hours. Its methods may be called concurrently.
type FleetImports struct {
	desk *FleetDesk
	life context.Context // of the program: what runs ends with it

	mu  sync.Mutex
	all map[string]*fleetImport
}

// NewFleetImports makes one; what runs ends with the context.
func NewFleetImports(life context.Context, desk *FleetDesk) *FleetImports {
	return &FleetImports{desk: desk, life: life, all: map[string]*fleetImport{}}
}

// Read takes a file: raw of separated values, else a table that was read from a
// workbook.
func (s *FleetImports) Read(ctx context.Context, who FleetPerson, fleet, name string, raw []byte, book *Table) (ImportView, error) {
	f, err := s.desk.open(ctx, who, fleet, auth.EditFleet)
	if err != nil {
		return ImportView{}, err
	}
	at := s.desk.cfg.Clock.Now()
	i := &fleetImport{raw: raw, t: book, view: ImportView{ID: newID("i"), Fleet: fleet, By: who.Name, File: name, State: ImportRead, At: at, Workbook: book != nil, Class: f.Classes[0]}}
	if book == nil {
		if i.t, err = ReadCSV(raw, EncodingAuto); err != nil {
			return ImportView{}, err
		}
	}
	i.describe()
	s.mu.Lock()
	defer s.mu.Unlock()
	var oldest *fleetImport
	for id, o := range s.all {
		o.mu.Lock()
		old, running := o.view, o.view.Running()
		o.mu.Unlock()
		switch {
		case running:
		case at.Sub(old.At) > importLife, old.By == who.Name: // a person has one at a time
			delete(s.all, id)
		case oldest == nil || old.At.Before(oldest.view.At):
			oldest = o
		}
	}
	if len(s.all) >= maxImports {
		if oldest == nil {
			return ImportView{}, fmt.Errorf("import: %w", ErrBusy)
		}
		delete(s.all, oldest.view.ID)
	}
	s.all[i.view.ID] = i
	return i.view, nil
}

// describe fills in what the table says.
func (i *fleetImport) describe() {
	v := &i.view
	v.Encoding, v.Comma, v.Head, v.Rows, v.Fields = i.t.Encoding, i.t.Comma, i.t.Head, len(i.t.Rows), i.t.Guess()
	v.Samples = nil
	for _, r := range i.t.Rows[:min(len(i.t.Rows), importSamples)] {
		v.Samples = append(v.Samples, r.Cells)
	}
	v.New, v.Changed, v.Same, v.Bad, v.BadRows, v.Entered, v.Done, v.Of, v.Problem = 0, 0, 0, nil, 0, 0, 0, 0, nil
}

// mine is an import of the person's own.
func (s *FleetImports) mine(who FleetPerson, fleet, id string) (*fleetImport, error) {
	if err := who.may(auth.EditFleet); err != nil {
		return nil, err
	}
	s.mu.Lock()
	i, ok := s.all[id]
	s.mu.Unlock()
	if !ok || i.view.By != who.Name || i.view.Fleet != fleet || !who.has(fleet) {
		return nil, fmt.Errorf("import %q: %w", id, ErrNotFound)
	}
	return i, nil
}

// View is how an import stands.
func (s *FleetImports) View(who FleetPerson, fleet, id string) (ImportView, error) {
	i, err := s.mine(who, fleet, id)
	if err != nil {
		return ImportView{}, err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.view, nil
}

// Wait returns once nothing runs, or the context ends.
func (s *FleetImports) Wait(ctx context.Context, who FleetPerson, fleet, id string) error {
	i, err := s.mine(who, fleet, id)
	if err != nil {
		return err
	}
	i.mu.Lock()
	done := i.done
	i.mu.Unlock()
	if done == nil {
		return nil
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ImportChoice is what a person says of a file.
type ImportChoice struct {
	Fields   []string // of the columns; none keeps them
	Class    policy.Class
	Encoding string // of a file of separated values; empty keeps it
}

// Check looks at every row, without any effect. It returns at once; View tells how
// far it is.
func (s *FleetImports) Check(ctx context.Context, who FleetPerson, fleet, id string, c ImportChoice) error {
	i, err := s.mine(who, fleet, id)
	if err != nil {
		return err
	}
	f, err := s.desk.open(ctx, who, fleet, auth.EditFleet)
	if err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.view.Running() {
		return fmt.Errorf("import: %w", ErrBusy)
	}
	if c.Encoding != "" && i.raw != nil && c.Encoding != i.t.Encoding {
		t, err := ReadCSV(i.raw, c.Encoding)
		if err != nil {
			return err
		}
		i.t = t
		i.describe()
	}
	if len(c.Fields) > 0 {
		if len(c.Fields) != i.t.Columns() {
			return fmt.Errorf("%w: %d columns are named of %d", ErrTable, len(c.Fields), i.t.Columns())
		}
		seen := map[string]bool{}
		for _, name := range c.Fields {
			if name != "" && (seen[name] || !slices.Contains(VehicleFields(), name)) {
				return fmt.Errorf("%w: the column %q is named twice, or is none", ErrTable, name)
			}
			seen[name] = true
		}
		i.view.Fields = slices.Clone(c.Fields)
	}
	if !slices.Contains(i.view.Fields, FieldVIN) && !slices.Contains(i.view.Fields, FieldPlate) {
		return ErrNoNames
	}
	if c.Class != "" {
		i.view.Class = c.Class
	}
	s.run(i, ImportChecking, len(i.t.Rows), func(ctx context.Context) (ImportState, error) { return ImportChecked, s.check(ctx, i, f) })
	return nil
}

// ErrNoNames says that no column holds what vehicles are known by.
var ErrNoNames = errors.New("no column holds the VIN or the plate")

// run runs something of an import, whose lock is held.
func (s *FleetImports) run(i *fleetImport, state ImportState, of int, do func(context.Context) (ImportState, error)) {
	ctx, stop := context.WithCancel(s.life)
	i.stop, i.done = stop, make(chan struct{})
	i.view.State, i.view.Done, i.view.Of, i.view.Problem = state, 0, of, nil
	done := i.done
	go func() {
		defer close(done)
		defer stop()
		end, err := do(ctx)
		i.mu.Lock()
		defer i.mu.Unlock()
		switch {
		case err == nil:
			i.view.State = end
		case errors.Is(err, context.Canceled):
			if i.view.State = ImportStopped; state == ImportChecking {
				i.view.State = ImportRead
			}
		default:
			i.view.State, i.view.Problem = ImportFailed, err
		}
	}()
}

// checkGroup is how many rows are checked between two words of progress.
const checkGroup = 500

// check fills in what is good and what is bad.
func (s *FleetImports) check(ctx context.Context, i *fleetImport, f Fleet) error {
	i.mu.Lock()
	fields, class := i.view.Fields, i.view.Class
	i.mu.Unlock()
	at := s.desk.cfg.Clock.Now()
	var good []Registration
	var bad []RowFault
	fresh, changed, same, badRows := 0, 0, 0, 0
	vins, plates := map[string]int{}, map[string]int{}
	place := func(line int, fault VehicleFault) RowFault {
		r := RowFault{VehicleFault: fault, Line: line}
		if k := slices.Index(fields, fault.Field); fault.Field != "" && k >= 0 {
			r.Column = k + 1
			if k < len(i.t.Head) {
				r.Header = i.t.Head[k]
			}
		}
		return r
	}
	for n := 0; n < len(i.t.Rows); n += checkGroup {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows := i.t.Rows[n:min(n+checkGroup, len(i.t.Rows))]
		regs := make([]Registration, len(rows))
		faults := make([][]VehicleFault, len(rows))
		var names []DataSubject
		for k := range rows {
			regs[k], faults[k] = ParseVehicle(&rows[k], fields, class)
			if len(faults[k]) == 0 {
				faults[k] = CheckVehicle(&regs[k], &f, at)
			}
			if len(faults[k]) == 0 {
				names = append(names, DataSubject{VIN: regs[k].VIN, Plate: regs[k].Plate})
			}
		}
		there, err := s.desk.cfg.Store.OnList(ctx, names...)
		if err != nil {
			return err
		}
		byVIN, byPlate := map[string]*Registration{}, map[string]*Registration{}
		for k := range there {
			if r := &there[k]; r.VIN != "" {
				byVIN[r.VIN] = r
			}
			if r := &there[k]; r.Plate != "" {
				byPlate[r.Plate] = r
			}
		}
		for k := range rows {
			r, line := &regs[k], rows[k].Line
			if len(faults[k]) == 0 {
				faults[k] = doubles(r, line, vins, plates, byVIN[r.VIN], byPlate[r.Plate], f.ID)
			}
			if len(faults[k]) > 0 {
				badRows++
				for _, fault := range faults[k] {
					if len(bad) < maxRowFaults {
						bad = append(bad, place(line, fault))
					}
				}
				continue
			}
			was := byVIN[r.VIN]
			if r.VIN == "" {
				was = byPlate[r.Plate]
			}
			switch {
			case was == nil:
				fresh++
			case alikeListed(was, r):
				same++
				continue
			default:
				changed++
			}
			good = append(good, *r)
		}
		i.mu.Lock()
		i.view.Done = n + len(rows)
		i.mu.Unlock()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.good = good
	i.view.New, i.view.Changed, i.view.Same, i.view.Bad, i.view.BadRows = fresh, changed, same, bad, badRows
	return nil
}

// doubles says whether a vehicle stands in the file, or on a list, already as
// something that it cannot be.
func doubles(r *Registration, line int, vins, plates map[string]int, byVIN, byPlate *Registration, fleet string) []VehicleFault {
	if r.VIN != "" {
		if first, twice := vins[r.VIN]; twice {
			return []VehicleFault{{FieldVIN, "twice", fmt.Sprint(first)}}
		}
		vins[r.VIN] = line
	}
	if r.Plate != "" {
		if first, twice := plates[r.Plate]; twice {
			return []VehicleFault{{FieldPlate, "plate-twice", fmt.Sprint(first)}}
		}
		plates[r.Plate] = line
	}
	switch {
	case byVIN != nil && byVIN.Fleet != fleet:
		return []VehicleFault{{FieldVIN, "elsewhere", r.VIN}}
	case byPlate != nil && byPlate.Fleet != fleet:
		return []VehicleFault{{FieldPlate, "elsewhere", r.Plate}}
	case byPlate != nil && byPlate.VIN != r.VIN:
		return []VehicleFault{{FieldPlate, "plate-other", r.Plate}}
	}
	return nil
}

// alikeListed says whether the list says of a vehicle what a row does.
func alikeListed(a, b *Registration) bool {
	return a.VIN == b.VIN && a.Plate == b.Plate && a.Class == b.Class && a.Market == b.Market && a.Make == b.Make && a.Model == b.Model &&
		a.ModelYear == b.ModelYear && a.BuiltOn == b.BuiltOn && slices.Equal(a.Declared, b.Declared)
}

// Enter enters the good rows that a check found. Where there are bad ones too, the
// person must say that the others are to be entered all the same. It returns at
// once. Rows become durable some at a time, so that no lane waits: what was
// stopped is done to the end by the same file again.
func (s *FleetImports) Enter(ctx context.Context, who FleetPerson, fleet, id string, goodOnly bool) error {
	i, err := s.mine(who, fleet, id)
	if err != nil {
		return err
	}
	if _, err := s.desk.open(ctx, who, fleet, auth.EditFleet); err != nil {
		return err
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.view.Running():
		return fmt.Errorf("import: %w", ErrBusy)
	case i.view.State != ImportChecked, len(i.good) == 0, i.view.BadRows > 0 && !goodOnly:
		return fmt.Errorf("import: %w", ErrNotAllowed)
	}
	good, badRows := i.good, i.view.BadRows
	s.run(i, ImportEntering, len(good), func(ctx context.Context) (ImportState, error) {
		entered, err := s.enter(ctx, i, who, fleet, good)
		word := "entered"
		if err != nil {
			word = "entered, and then stopped"
		}
		// What was done is recorded although the person, or the program, has gone.
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), storePatience)
		defer cancel()
		at, _ := s.desk.cfg.Clock.Stamp()
		told := s.desk.cfg.Events(last, Event{Kind: EventFleetImport, At: at, By: who.Name, Detail: fmt.Sprintf("fleet %s: %d of %d good rows %s; %d bad rows left out", fleet, entered, len(good), word, badRows)})
		if entered > 0 {
			told = errors.Join(told, s.desk.tell(last))
		}
		if err == nil {
			err = told
		}
		return ImportDone, err
	})
	return nil
}

func (s *FleetImports) enter(ctx context.Context, i *fleetImport, who FleetPerson, fleet string, good []Registration) (entered int, err error) {
	for group := range slices.Chunk(good, importGroup) {
		if err := ctx.Err(); err != nil {
			return entered, err
		}
		at, _ := s.desk.cfg.Clock.Stamp()
		lines := slices.Clone(group)
		for k := range lines {
			lines[k].Fleet, lines[k].By, lines[k].At = fleet, who.Name, at
			lines[k].Source = policy.Source{Title: "fleet " + fleet, Date: at.UTC().Format(time.DateOnly)}
		}
		// A group that was begun is brought to its end: who stops waits for it.
		if err := s.desk.cfg.Store.EnterVehicles(context.WithoutCancel(ctx), fleet, lines...); err != nil {
			return entered, err
		}
		entered += len(lines)
		i.mu.Lock()
		i.view.Done, i.view.Entered = entered, entered
		i.mu.Unlock()
	}
	return entered, nil
}

// Stop stops what runs, and forgets the file where nothing does.
func (s *FleetImports) Stop(who FleetPerson, fleet, id string) error {
	i, err := s.mine(who, fleet, id)
	if err != nil {
		return err
	}
	i.mu.Lock()
	running, stop := i.view.Running(), i.stop
	i.mu.Unlock()
	if running {
		stop()
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.all, func(k string, _ *fleetImport) bool { return k == id })
	return nil
}

// BadCell keeps what a bad row held fit for a page and for a table that is sent
// back: no spreadsheet takes it for a formula.
func BadCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
