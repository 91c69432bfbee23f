package gate

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"sallyport/gate/auth"
	"sallyport/vin"
)

// WatchKind is by what an entry of the watch list knows a vehicle.
type WatchKind string

// The kinds of entries.
const (
	WatchVIN   WatchKind = "vin"
	WatchPlate WatchKind = "plate"
	WatchMaker WatchKind = "maker" // of a module, a party of the supply graph
	WatchGroup WatchKind = "group" // a party that controls the maker of a module
)

// WatchEntry is one entry of the site's watch list. It never changes; what was
// done with it stands in Steps.
type WatchEntry struct {
	ID     string      `json:"id"`
	Kind   WatchKind   `json:"kind"`
	Value  string      `json:"value"`  // VIN, plate or party, as the site files it
	Reason string      `json:"reason"` // a code of the site's own: stolen, follow-up …
	Do     string      `json:"do"`     // what the guard is to do
	From   time.Time   `json:"from,omitzero"`
	Until  time.Time   `json:"until,omitzero"` // zero: until it is removed
	By     string      `json:"by"`
	At     time.Time   `json:"at"`
	Steps  []WatchStep `json:"steps,omitempty"`
}

// WatchStepKind is what was done with an entry.
type WatchStepKind string

// The steps of an entry: one person asks that it be removed, another removes it.
const (
	WatchRemovalAsked WatchStepKind = "removal-asked"
	WatchRemoved      WatchStepKind = "removed"
)

// WatchStep is one step.
type WatchStep struct {
	Entry string        `json:"entry"`
	Kind  WatchStepKind `json:"kind"`
	By    string        `json:"by"`
	Note  string        `json:"note,omitempty"`
	At    time.Time     `json:"at"`
}

// Removed says whether the entry was removed.
func (e *WatchEntry) Removed() bool {
	return slices.ContainsFunc(e.Steps, func(s WatchStep) bool { return s.Kind == WatchRemoved })
}

// Holds says whether the entry holds at an instant.
func (e *WatchEntry) Holds(at time.Time) bool {
	return !e.Removed() && !at.Before(e.From) && (e.Until.IsZero() || at.Before(e.Until))
}

// maxWatchText bounds the words of an entry, in bytes.
const maxWatchText = 400

// Check says what is wrong with an entry. Every store asks it.
func (e *WatchEntry) Check() error {
	switch {
	case e.ID == "" || strings.TrimSpace(e.By) == "" || e.At.IsZero():
		return errors.New("an entry has an id, a person and an instant")
	case !codeWord(e.Reason):
		return fmt.Errorf("reason %q: a code of 1 to 40 of a-z, 0-9 and hyphen", e.Reason)
	case len(e.Do) > maxWatchText:
		return fmt.Errorf("instruction of %d bytes; at most %d", len(e.Do), maxWatchText)
	case strings.TrimSpace(e.Do) == "":
		return errors.New("no instruction for the guard")
	case !e.Until.IsZero() && !e.Until.After(e.From):
		return errors.New("it ends before it begins")
	}
	switch e.Kind {
	case WatchVIN:
		if len(e.Value) != vin.Length || e.Value != NormalVIN(e.Value) || strings.ContainsFunc(e.Value, func(r rune) bool { return !alnum(r) || r == 'I' || r == 'O' || r == 'Q' }) {
			return fmt.Errorf("VIN %q: 17 letters and digits without I, O and Q", e.Value)
		}
	case WatchPlate:
		if n := len([]rune(e.Value)); n < 2 || !plateText(e.Value) {
			return fmt.Errorf("plate %q: 2 to %d letters and digits", e.Value, maxPlateText)
		}
	case WatchMaker, WatchGroup:
		if !codeWord(strings.ReplaceAll(e.Value, "_", "-")) {
			return fmt.Errorf("%s %q: not the id of a party of the supply graph", e.Kind, e.Value)
		}
	default:
		return fmt.Errorf("kind %q is none of vin, plate, maker, group", e.Kind)
	}
	return nil
}

// codeWord keeps codes fit for a log that is never erased.
func codeWord(s string) bool {
	return s != "" && len(s) <= 40 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	})
}

// maxPlateText bounds a plate as the site files it, in characters.
const maxPlateText = 16

// plateText says whether a text is a plate as the site files it.
func plateText(s string) bool {
	return s == NormalPlate(s) && len([]rune(s)) <= maxPlateText && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
	})
}

func alnum(r rune) bool { return r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' }

// CheckWatchStep says whether a step may be added to an entry. Every store asks
// it within the transaction that records.
func CheckWatchStep(e *WatchEntry, s WatchStep) error {
	asked := slices.IndexFunc(e.Steps, func(x WatchStep) bool { return x.Kind == WatchRemovalAsked })
	switch {
	case strings.TrimSpace(s.By) == "" || s.At.IsZero():
		return errors.New("a step has a person and an instant")
	case e.Removed():
		return ErrOver
	case s.Kind == WatchRemovalAsked && asked >= 0:
		return ErrExists
	case s.Kind == WatchRemovalAsked && strings.TrimSpace(s.Note) == "":
		return ErrNeedsReason
	case s.Kind == WatchRemovalAsked:
		return nil
	case s.Kind == WatchRemoved && asked < 0:
		return fmt.Errorf("%w: nobody has asked that it be removed", ErrNotAllowed)
	case s.Kind == WatchRemoved && e.Steps[asked].By == s.By:
		return ErrSamePerson
	case s.Kind == WatchRemoved:
		return nil
	}
	return fmt.Errorf("step %q is none of an entry of the watch list", s.Kind)
}

// WatchStore keeps the watch list. WatchDesk owns this port; gate/sqlite and
// gate/storetest implement it. Each Record method writes its records and an entry
// of the log for each in one transaction, and returns nil only when all would
// survive a power cut. All methods may be called concurrently.
type WatchStore interface {
	// RecordWatch adds all entries or none. The same entry again is no error,
	// another one under its id is ErrExists.
	RecordWatch(ctx context.Context, list ...WatchEntry) error
	// RecordWatchStep adds a step where CheckWatchStep lets it. ErrNotFound when
	// there is no such entry.
	RecordWatchStep(ctx context.Context, s WatchStep) error
	// Watch are all entries that are kept, oldest first, with their steps; those
	// that were erased are left out.
	Watch(ctx context.Context) ([]WatchEntry, error)
}

// newID is a name that does not repeat.
func newID(prefix string) string {
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // never fails
	return prefix + "-" + hex.EncodeToString(salt[:])
}

// WatchDesk is the watch list as the lanes and people use it: kept in the store,
// held in memory. Its methods may be called concurrently. What a person does is
// durable on return, and counts from then on.
type WatchDesk struct {
	store WatchStore
	clock *Clock
	// changed is told, after the record is durable, that vehicles at the lines
	// are to be decided again.
	changed func(ctx context.Context) error

	acts sync.Mutex // held by whoever records
	held atomic.Pointer[watchIndex]
}

// watchIndex is the list as of one moment. Nobody changes it.
type watchIndex struct {
	all    []WatchEntry
	byID   map[string]int
	values map[string][]int // by kind and value
	folded map[string][]int // VINs and plates, with look-alikes folded
	makers []int            // by maker or group
}

// NewWatchDesk reads the list. changed may be nil.
func NewWatchDesk(ctx context.Context, store WatchStore, clock *Clock, changed func(ctx context.Context) error) (*WatchDesk, error) {
	if store == nil || clock == nil {
		return nil, errors.New("watch list: no store or no clock")
	}
	d := &WatchDesk{store: store, clock: clock, changed: changed}
	return d, d.Reload(ctx)
}

// Reload reads the list anew, after something else than the desk changed it.
func (d *WatchDesk) Reload(ctx context.Context) error {
	list, err := d.store.Watch(ctx)
	if err != nil {
		return fmt.Errorf("watch list: %w", err)
	}
	x := &watchIndex{all: list, byID: make(map[string]int, len(list)), values: make(map[string][]int, len(list)), folded: make(map[string][]int, len(list))}
	for i := range list {
		e := &list[i]
		x.byID[e.ID] = i
		if e.Removed() {
			continue
		}
		switch e.Kind {
		case WatchMaker, WatchGroup:
			x.makers = append(x.makers, i)
		case WatchVIN, WatchPlate:
			k := string(e.Kind) + ":" + e.Value
			x.values[k] = append(x.values[k], i)
			k = string(e.Kind) + ":" + FoldAlike(e.Value)
			x.folded[k] = append(x.folded[k], i)
		}
	}
	d.held.Store(x)
	return nil
}

// FoldAlike writes letters that people and cameras take for digits as those
// digits: O and Q as 0, I as 1, B as 8, S as 5, Z as 2; and letters of plates of
// Europe that a camera of another country reads as plain Latin ones as those:
// Ä as A, the Cyrillic and Greek А and Α as A. Two that fold alike may be one
// misread; they are not the same.
func FoldAlike(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		switch r = plainLatin(r); r {
		case 'O', 'Q':
			return '0'
		case 'I':
			return '1'
		case 'B':
			return '8'
		case 'S':
			return '5'
		case 'Z':
			return '2'
		}
		return r
	}, s)
}

// plainLatin is the plain capital that looks like a letter.
func plainLatin(r rune) rune {
	switch r {
	case 'А', 'Α', 'Ä', 'Á', 'À', 'Â', 'Å', 'Ą', 'Ă', 'Ã':
		return 'A'
	case 'В', 'Β':
		return 'B'
	case 'С', 'Č', 'Ć', 'Ç':
		return 'C'
	case 'Đ', 'Ď', 'Ð':
		return 'D'
	case 'Е', 'Ε', 'Ё', 'É', 'È', 'Ê', 'Ë', 'Ę', 'Ě':
		return 'E'
	case 'Ğ':
		return 'G'
	case 'Н', 'Η':
		return 'H'
	case 'І', 'Ї', 'Ι', 'Í', 'Î', 'İ':
		return 'I'
	case 'Ј':
		return 'J'
	case 'К', 'Κ', 'Ќ':
		return 'K'
	case 'Ł', 'Ľ':
		return 'L'
	case 'М', 'Μ':
		return 'M'
	case 'Ν', 'Ń', 'Ň', 'Ñ':
		return 'N'
	case 'О', 'Ο', 'Ö', 'Ó', 'Ő', 'Ô', 'Ø', 'Õ':
		return 'O'
	case 'Р', 'Ρ':
		return 'P'
	case 'Ř':
		return 'R'
	case 'Ѕ', 'Š', 'Ś', 'Ş', 'Ș':
		return 'S'
	case 'Т', 'Τ', 'Ť', 'Ț':
		return 'T'
	case 'Ü', 'Ú', 'Ű', 'Ů':
		return 'U'
	case 'Х', 'Χ':
		return 'X'
	case 'У', 'Υ', 'Ý':
		return 'Y'
	case 'Ζ', 'Ž', 'Ź', 'Ż':
		return 'Z'
	}
	return r
}

// maxReadAs bounds the readings of Alike.
const maxReadAs = 256

// misreadMost is how many characters of one plate Alike takes to be misread. A
// reader that errs in three of eight reads nothing, and what differs by so much is
// another plate; and the look-alikes are asked for on the way to a verdict, of
// which a plate with five zeros has 242 where any number may be misread, and 50
// where two may.
const misreadMost = 2

// Alike are the other plates that a plate of plain letters and digits may be a
// misread of, in one character or two; none where there would be more than a few
// hundred.
func Alike(plate string) []string {
	type reading struct {
		text   string
		misses int
	}
	list := []reading{{}}
	for _, r := range plate {
		others := string(r)
		for _, family := range [...]string{"0OQ", "1I", "8B", "5S", "2Z"} {
			if strings.ContainsRune(family, r) {
				others = family
			}
		}
		next := make([]reading, 0, len(list)+len(others))
		for _, head := range list {
			for _, o := range others {
				misses := head.misses
				if o != r {
					misses++
				}
				if misses <= misreadMost {
					next = append(next, reading{head.text + string(o), misses})
				}
			}
		}
		if len(next) > maxReadAs {
			return nil
		}
		list = next
	}
	var out []string
	for _, l := range list {
		if l.misses > 0 {
			out = append(out, l.text)
		}
	}
	return out
}

// WatchHits is what the list says of a vehicle.
type WatchHits struct {
	Hits   []WatchEntry // it is on the list
	Alike  []WatchEntry // it may be, misread: a hint
	Makers []WatchEntry // to hold its modules against
}

// Look asks the list about a VIN and a plate, as the site files them.
func (d *WatchDesk) Look(text, plate string, at time.Time) (h WatchHits) {
	x := d.held.Load()
	for _, k := range [...]struct {
		kind  WatchKind
		value string
	}{{WatchVIN, text}, {WatchPlate, plate}} {
		if k.value == "" {
			continue
		}
		for _, i := range x.values[string(k.kind)+":"+k.value] {
			if e := &x.all[i]; e.Holds(at) {
				h.Hits = append(h.Hits, *e)
			}
		}
		for _, i := range x.folded[string(k.kind)+":"+FoldAlike(k.value)] {
			if e := &x.all[i]; e.Value != k.value && e.Holds(at) {
				h.Alike = append(h.Alike, *e)
			}
		}
	}
	for _, i := range x.makers {
		if e := &x.all[i]; e.Holds(at) {
			h.Makers = append(h.Makers, *e)
		}
	}
	return h
}

// List are the entries for a person, oldest first: those that hold, or all.
func (d *WatchDesk) List(who Person, all bool) ([]WatchEntry, error) {
	if err := who.may(auth.SeeWatch); err != nil {
		return nil, fmt.Errorf("watch list: %w", err)
	}
	at := d.clock.Now()
	var out []WatchEntry
	x := d.held.Load()
	for i := range x.all {
		if all || !x.all[i].Removed() && (x.all[i].Until.IsZero() || at.Before(x.all[i].Until)) {
			out = append(out, x.all[i])
		}
	}
	return out, nil
}

// watchGroup is how many entries one transaction adds, so that a lane never waits
// long behind a long list.
const watchGroup = 500

// Add enters vehicles. All are checked before any is recorded; where the store
// fails in the middle of a long list, the error says how many were. ID, By and At
// are filled here, and values are filed as the site files them.
func (d *WatchDesk) Add(ctx context.Context, who Person, list ...WatchEntry) ([]WatchEntry, error) {
	fail := func(err error) error { return fmt.Errorf("watch list: %w", err) }
	if err := who.may(auth.EditWatch); err != nil {
		return nil, fail(err)
	}
	at, _ := d.clock.Stamp()
	out := slices.Clone(list)
	for i := range out {
		e := &out[i]
		e.normal()
		e.ID, e.By, e.At, e.Steps = newID("w"), who.Name, at, nil
		if e.From.IsZero() {
			e.From = at
		}
		if err := e.Check(); err != nil {
			if len(out) > 1 {
				err = fmt.Errorf("entry %d of %d: %w", i+1, len(out), err)
			}
			return nil, fail(err)
		}
	}
	d.acts.Lock()
	defer d.acts.Unlock()
	done := 0
	for group := range slices.Chunk(out, watchGroup) {
		if err := d.store.RecordWatch(ctx, group...); err != nil {
			if done > 0 {
				err = errors.Join(fmt.Errorf("the first %d of %d entries are recorded: %w", done, len(out), err), d.tell(ctx))
			}
			return nil, fail(err)
		}
		done += len(group)
	}
	return out, d.tell(ctx)
}

func (e *WatchEntry) normal() {
	switch e.Kind {
	case WatchVIN:
		e.Value = NormalVIN(e.Value)
	case WatchPlate:
		e.Value = NormalPlate(e.Value)
	case WatchMaker, WatchGroup:
		e.Value = strings.ToLower(strings.TrimSpace(e.Value))
	}
	e.Reason, e.Do = strings.TrimSpace(e.Reason), strings.TrimSpace(e.Do)
	e.From, e.Until = e.From.UTC().Round(0), e.Until.UTC().Round(0)
	if e.From.IsZero() {
		e.From = time.Time{}
	}
	if e.Until.IsZero() {
		e.Until = time.Time{}
	}
}

// Remove asks that an entry be removed, or, as the second person, removes it.
// done says which.
func (d *WatchDesk) Remove(ctx context.Context, who Person, id, why string) (done bool, err error) {
	if err := who.may(auth.EditWatch); err != nil {
		return false, fmt.Errorf("watch list: %w", err)
	}
	d.acts.Lock()
	defer d.acts.Unlock()
	x := d.held.Load()
	i, ok := x.byID[id]
	if !ok {
		return false, fmt.Errorf("watch list: entry %q: %w", id, ErrNotFound)
	}
	s := WatchStep{Entry: id, Kind: WatchRemovalAsked, By: who.Name, Note: strings.TrimSpace(why)}
	if slices.ContainsFunc(x.all[i].Steps, func(s WatchStep) bool { return s.Kind == WatchRemovalAsked }) {
		s.Kind = WatchRemoved
	}
	s.At, _ = d.clock.Stamp()
	if err := d.store.RecordWatchStep(ctx, s); err != nil {
		return false, fmt.Errorf("watch list: entry %q: %w", id, err)
	}
	return s.Kind == WatchRemoved, d.tell(ctx)
}

// tell reads the list anew and has the vehicles at the lines decided again.
func (d *WatchDesk) tell(ctx context.Context) error {
	if err := d.Reload(ctx); err != nil {
		return errors.Join(ErrNotDecidedAgain, err)
	}
	if d.changed != nil {
		if err := d.changed(ctx); err != nil {
			return errors.Join(ErrNotDecidedAgain, err)
		}
	}
	return nil
}

// RowError is a row of a file that cannot be used.
type RowError struct {
	Line   int    `json:"line"`
	Column string `json:"column,omitempty"`
	What   string `json:"what"`
}

func (e RowError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.What)
	}
	return fmt.Sprintf("line %d, column %s: %s", e.Line, e.Column, e.What)
}

// The columns of a file of watch-list entries.
var watchColumns = [...]string{"kind", "value", "reason", "do", "from", "until"}

// MaxWatchRows is how many entries one file may bring.
const MaxWatchRows = 200_000

// ParseWatch reads entries from a file of comma- or semicolon-separated values
// whose first line names its columns: kind, value, reason, do, and from and until
// as days (YYYY-MM-DD, UTC) or instants, which may be empty or absent. Every bad
// row is named; a file of which nothing can be read is an error.
func ParseWatch(r io.Reader) (good []WatchEntry, bad []RowError, err error) {
	data, err := io.ReadAll(io.LimitReader(r, 64<<20+1))
	if err != nil {
		return nil, nil, fmt.Errorf("watch list: %w", err)
	}
	if len(data) > 64<<20 {
		return nil, nil, fmt.Errorf("watch list: %w: a file of more than 64 MiB", ErrTooMany)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	head, _, _ := bytes.Cut(data, []byte("\n"))
	rd := csv.NewReader(bytes.NewReader(data))
	rd.FieldsPerRecord, rd.ReuseRecord = -1, true
	if bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		rd.Comma = ';'
	}
	names, err := rd.Read()
	if err != nil {
		return nil, nil, fmt.Errorf("watch list: the first line names the columns: %w", err)
	}
	column := map[string]int{}
	for i, n := range names {
		n = strings.ToLower(strings.TrimSpace(n))
		if !slices.Contains(watchColumns[:], n) {
			return nil, nil, fmt.Errorf("watch list: line 1: column %q is none of %s", n, strings.Join(watchColumns[:], ", "))
		}
		if _, twice := column[n]; twice {
			return nil, nil, fmt.Errorf("watch list: line 1: column %q stands there twice", n)
		}
		column[n] = i
	}
	for _, n := range watchColumns[:4] {
		if _, ok := column[n]; !ok {
			return nil, nil, fmt.Errorf("watch list: line 1: there is no column %q", n)
		}
	}
	seen := map[string]int{}
	for n := 0; ; n++ {
		row, err := rd.Read()
		if errors.Is(err, io.EOF) {
			return good, bad, nil
		}
		if n >= MaxWatchRows {
			return nil, nil, fmt.Errorf("watch list: %w: more than %d rows", ErrTooMany, MaxWatchRows)
		}
		if err != nil {
			var at *csv.ParseError
			line := 0
			if errors.As(err, &at) {
				line, err = at.StartLine, at.Err
			}
			bad = append(bad, RowError{Line: line, What: err.Error()})
			continue
		}
		line, _ := rd.FieldPos(0)
		e, fault := watchRow(row, column, line)
		if fault.What == "" {
			key := string(e.Kind) + ":" + e.Value
			if first, twice := seen[key]; twice {
				fault = RowError{line, "value", fmt.Sprintf("%s stands in line %d already", e.Value, first)}
			} else {
				seen[key] = line
			}
		}
		if fault.What != "" {
			bad = append(bad, fault)
			continue
		}
		good = append(good, e)
	}
}

func watchRow(row []string, column map[string]int, line int) (e WatchEntry, bad RowError) {
	cell := func(name string) string {
		if i, ok := column[name]; ok && i < len(row) {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	e = WatchEntry{Kind: WatchKind(strings.ToLower(cell("kind"))), Value: cell("value"), Reason: cell("reason"), Do: cell("do")}
	for _, when := range [...]struct {
		name string
		to   *time.Time
	}{{"from", &e.From}, {"until", &e.Until}} {
		text := cell(when.name)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			at, err = time.Parse(time.RFC3339, text)
		}
		if err != nil {
			return e, RowError{line, when.name, fmt.Sprintf("%q is neither a day (YYYY-MM-DD) nor an instant", text)}
		}
		*when.to = at
	}
	e.normal()
	// What the desk fills is checked there.
	filled := e
	filled.ID, filled.By, filled.At = "w", "w", time.Unix(1, 0)
	if err := filled.Check(); err != nil {
		about := "value"
		switch text := err.Error(); {
		case strings.HasPrefix(text, "reason"):
			about = "reason"
		case strings.Contains(text, "instruction"):
			about = "do"
		case strings.HasPrefix(text, "kind"):
			about = "kind"
		case strings.HasPrefix(text, "it ends"):
			about = "until"
		}
		return e, RowError{line, about, err.Error()}
	}
	return e, RowError{}
}
