package gate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"sallyport/policy"
	"sallyport/vin"
)

// Fleet is a set of vehicles that somebody answers for. What was done with it
// stands in the log: the last step of a fleet says how it stands.
type Fleet struct {
	ID      string         `json:"id"`   // a code of lower-case words with hyphens
	Name    string         `json:"name"` // of the company or office
	Classes []policy.Class `json:"classes"`
	Closed  bool           `json:"closed,omitempty"`
	By      string         `json:"by"`
	At      time.Time      `json:"at"` // of the last step
}

// maxFleetName bounds a fleet's name, in characters.
const maxFleetName = 80

// Check says what is wrong with a fleet. Every store asks it.
func (f *Fleet) Check() error {
	switch {
	case !codeWord(f.ID):
		return fmt.Errorf("fleet %q: a code of 1 to 40 of a-z, 0-9 and hyphen", f.ID)
	case strings.TrimSpace(f.Name) == "" || utf8.RuneCountInString(f.Name) > maxFleetName:
		return fmt.Errorf("fleet %s: a name of 1 to %d characters", f.ID, maxFleetName)
	case strings.TrimSpace(f.By) == "" || f.At.IsZero():
		return fmt.Errorf("fleet %s: nobody makes it, or at no instant", f.ID)
	case len(f.Classes) == 0:
		return fmt.Errorf("fleet %s: no class of vehicles that it may enter", f.ID)
	}
	for _, c := range f.Classes {
		if _, ok := policy.ParseClass(string(c)); !ok {
			return fmt.Errorf("fleet %s: class %q is none", f.ID, c)
		}
	}
	return nil
}

// ErrElsewhere says that a vehicle stands on another list than that of the fleet
// whose people wanted to enter it.
var ErrElsewhere = errors.New("the vehicle is on another list")

// VehicleFilter chooses vehicles of a fleet as the list stands. A zero field does
// not restrict.
type VehicleFilter struct {
	Fleet   string // must be named
	Text    string // part of VIN or plate, as the site files them
	Seq     int64  // only the one of that number
	Outcome string // foreseen at the strictest of the site's zones: grant, flag, deny; "none": not judged yet
	After   int64  // sequence of the last one of the page before
	Limit   int    // at most 1000; 0 is 50
}

// FleetVehicle is one vehicle of a fleet.
type FleetVehicle struct {
	Seq      int64 // of its line of the list, by which pages call it
	Listed   Registration
	Foreseen map[string]string // outcome by zone, as last foreseen; empty: not judged yet
	Papers   int               // documents that are filed
}

// FleetCount is how many vehicles of a fleet there are, by what was foreseen at
// the strictest of the site's zones.
type FleetCount struct {
	All, Grant, Flag, Deny, None int
}

// Exemption is what a fleet asks for: that a rule be lifted for one vehicle or
// for all of the fleet, for a time. It never changes; what was done with it
// stands in Steps.
type Exemption struct {
	ID     string          `json:"id"`
	Fleet  string          `json:"fleet"`
	VIN    string          `json:"vin,omitempty"` // empty: every vehicle of the fleet whose VIN is read
	Rule   string          `json:"rule"`          // of the site's policy, by its id
	Reason string          `json:"reason"`
	From   time.Time       `json:"from"`
	Until  time.Time       `json:"until"`
	By     string          `json:"by"`
	At     time.Time       `json:"at"`
	Steps  []ExemptionStep `json:"steps,omitempty"`
}

// ExemptionStepKind is what was done with an exemption.
type ExemptionStepKind string

// The steps: it is granted or refused by who may decide, or withdrawn by who
// asked; one that was granted can be ended before its time.
const (
	ExemptionGranted   ExemptionStepKind = "granted"
	ExemptionRefused   ExemptionStepKind = "refused"
	ExemptionWithdrawn ExemptionStepKind = "withdrawn"
	ExemptionEnded     ExemptionStepKind = "ended"
)

// ExemptionStep is one step.
type ExemptionStep struct {
	Exemption string            `json:"exemption"`
	Kind      ExemptionStepKind `json:"kind"`
	By        string            `json:"by"`
	Note      string            `json:"note,omitempty"`
	At        time.Time         `json:"at"`
}

// MaxExemptionLife bounds an exemption: none is for ever.
const MaxExemptionLife = 2 * 366 * 24 * time.Hour

// maxExemptionText bounds the reason and the notes, in bytes.
const maxExemptionText = 1000

// Check says what is wrong with an exemption. Every store asks it.
func (e *Exemption) Check() error {
	switch {
	case e.ID == "" || e.Fleet == "" || strings.TrimSpace(e.By) == "" || e.At.IsZero():
		return errors.New("an exemption has an id, a fleet, a person and an instant")
	case !codeWord(e.Rule):
		return fmt.Errorf("rule %q is not the id of a rule", e.Rule)
	case strings.TrimSpace(e.Reason) == "":
		return ErrNeedsReason
	case len(e.Reason) > maxExemptionText:
		return fmt.Errorf("a reason of %d bytes; at most %d", len(e.Reason), maxExemptionText)
	case e.VIN != "" && (len(e.VIN) != vin.Length || e.VIN != NormalVIN(e.VIN)):
		return fmt.Errorf("VIN %q: not 17 letters and digits", e.VIN)
	case e.From.IsZero() || !e.Until.After(e.From):
		return errors.New("it ends before it begins")
	case e.Until.Sub(e.From) > MaxExemptionLife:
		return fmt.Errorf("an exemption of %d days; at most %d", int(e.Until.Sub(e.From).Hours()/24), int(MaxExemptionLife.Hours()/24))
	}
	return nil
}

func (e *Exemption) step(k ExemptionStepKind) (ExemptionStep, bool) {
	for _, s := range e.Steps {
		if s.Kind == k {
			return s, true
		}
	}
	return ExemptionStep{}, false
}

// ExemptionState is where an exemption stands at an instant.
type ExemptionState string

// The states beside those that a step names.
const (
	ExemptionAsked   ExemptionState = "asked"
	ExemptionDue     ExemptionState = "due" // granted, and begins later
	ExemptionHolds   ExemptionState = "holds"
	ExemptionExpired ExemptionState = "expired"
)

// State is where the exemption stands at an instant.
func (e *Exemption) State(at time.Time) ExemptionState {
	for _, k := range [...]ExemptionStepKind{ExemptionEnded, ExemptionRefused, ExemptionWithdrawn} {
		if _, ok := e.step(k); ok {
			return ExemptionState(k)
		}
	}
	_, granted := e.step(ExemptionGranted)
	switch {
	case !at.Before(e.Until):
		return ExemptionExpired
	case !granted:
		return ExemptionAsked
	case at.Before(e.From):
		return ExemptionDue
	}
	return ExemptionHolds
}

// CheckExemptionStep says whether a step may be added to an exemption. Every
// store asks it within the transaction that records.
func CheckExemptionStep(e *Exemption, s ExemptionStep) error {
	_, granted := e.step(ExemptionGranted)
	over := false
	for _, k := range [...]ExemptionStepKind{ExemptionEnded, ExemptionRefused, ExemptionWithdrawn} {
		_, is := e.step(k)
		over = over || is
	}
	switch {
	case strings.TrimSpace(s.By) == "" || s.At.IsZero():
		return errors.New("a step has a person and an instant")
	case len(s.Note) > maxExemptionText:
		return fmt.Errorf("a note of %d bytes; at most %d", len(s.Note), maxExemptionText)
	case over:
		return ErrOver
	case s.Kind == ExemptionGranted && granted:
		return ErrExists
	case s.Kind == ExemptionGranted && s.By == e.By:
		return ErrSamePerson
	case s.Kind == ExemptionGranted && !s.At.Before(e.Until):
		return fmt.Errorf("%w: its time is over", ErrNotAllowed)
	case s.Kind == ExemptionGranted:
		return nil
	case strings.TrimSpace(s.Note) == "" && s.Kind != ExemptionWithdrawn:
		return ErrNeedsReason
	case s.Kind == ExemptionRefused || s.Kind == ExemptionWithdrawn:
		if granted {
			return fmt.Errorf("%w: it was granted; it can be ended", ErrNotAllowed)
		}
		return nil
	case s.Kind == ExemptionEnded:
		if !granted {
			return fmt.Errorf("%w: it was never granted", ErrNotAllowed)
		}
		return nil
	}
	return fmt.Errorf("step %q is none of an exemption", s.Kind)
}

// exemptPrefix begins the name of the authorisation by which the site's rules
// know that a vehicle holds its exemption from a rule.
const exemptPrefix = "exempt-"

// ExemptionFrom is the name of the authorisation that a vehicle exempted from a
// rule holds.
func ExemptionFrom(rule string) string { return exemptPrefix + rule }

// Authorisation is what a vehicle holds by an exemption that was granted; false
// where it was not, or was ended.
func (e *Exemption) Authorisation() (policy.Authorisation, bool) {
	granted, ok := e.step(ExemptionGranted)
	if _, ended := e.step(ExemptionEnded); !ok || ended {
		return policy.Authorisation{}, false
	}
	return policy.Authorisation{
		ID: ExemptionFrom(e.Rule), Issuer: granted.By, From: e.From, Until: e.Until,
		Source: policy.Source{ID: e.ID, Title: "exemption " + e.ID + ", granted by " + granted.By, Date: granted.At.UTC().Format(time.DateOnly), Expires: e.Until.UTC().Format(time.RFC3339)},
	}, true
}

// Held is what a vehicle holds by exemptions, of whatever time.
func Held(list []Exemption) (out []policy.Authorisation) {
	for i := range list {
		if a, ok := list[i].Authorisation(); ok {
			out = append(out, a)
		}
	}
	return out
}

// Document is a paper that a fleet files for a vehicle. Its content is kept by
// its hash; nobody has judged what it says.
type Document struct {
	ID     string    `json:"id"`
	Fleet  string    `json:"fleet"`
	VIN    string    `json:"vin,omitempty"`
	Plate  string    `json:"plate,omitempty"` // of a vehicle without VIN
	Kind   string    `json:"kind"`            // one of DocumentKinds
	Name   string    `json:"name"`            // of the file, for people
	Type   string    `json:"type"`            // of its content, as it was found
	SHA256 string    `json:"sha256"`          // hexadecimal
	Size   int       `json:"size"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// DocumentKinds are what a document may be.
func DocumentKinds() []string {
	return []string{"registration", "conformity", "maker-statement", "module-label", "other"}
}

// Bounds on documents.
const (
	MaxDocument     = 5 << 20 // bytes
	MaxDocuments    = 20      // of one vehicle
	maxDocumentName = 120     // characters
)

// The types of documents.
const (
	TypePDF  = "application/pdf"
	TypeJPEG = "image/jpeg"
	TypePNG  = "image/png"
)

// DocumentType is what the bytes are, by how they begin and end; empty where they
// are none of what may be filed.
func DocumentType(data []byte) string {
	tail := data[max(0, len(data)-1024):]
	switch {
	case bytes.HasPrefix(data, []byte("%PDF-")) && bytes.Contains(tail, []byte("%%EOF")):
		return TypePDF
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")) && bytes.Contains(tail, []byte("\xff\xd9")):
		return TypeJPEG
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")) && bytes.Contains(tail, []byte("IEND")):
		return TypePNG
	}
	return ""
}

// ErrDocument says that a file is none that may be filed.
var ErrDocument = errors.New("a document is a PDF, JPEG or PNG file of at most 5 MiB")

// FileDocument fills in what the bytes say of a document, and a name that can
// stand in a header and on a page.
func FileDocument(d Document, data []byte) (Document, error) {
	if d.Type = DocumentType(data); d.Type == "" || len(data) > MaxDocument {
		return d, fmt.Errorf("%w: %d bytes", ErrDocument, len(data))
	}
	sum := sha256.Sum256(data)
	d.SHA256, d.Size = hex.EncodeToString(sum[:]), len(data)
	if at := strings.LastIndexAny(d.Name, `/\`); at >= 0 {
		d.Name = d.Name[at+1:]
	}
	d.Name = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`"<>:|?*;`, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, d.Name))
	if n := []rune(d.Name); len(n) > maxDocumentName {
		d.Name = string(n[:maxDocumentName])
	}
	if d.Name == "" {
		d.Name = "document"
	}
	return d, nil
}

// Check says what is wrong with a document. Every store asks it.
func (d *Document) Check(data []byte) error {
	sum := sha256.Sum256(data)
	switch {
	case d.ID == "" || d.Fleet == "" || strings.TrimSpace(d.By) == "" || d.At.IsZero():
		return errors.New("a document has an id, a fleet, a person and an instant")
	case d.VIN == "" && d.Plate == "":
		return errors.New("a document is of a vehicle")
	case !slices.Contains(DocumentKinds(), d.Kind):
		return fmt.Errorf("kind %q of a document is none", d.Kind)
	case d.Type != DocumentType(data) || d.Type == "" || len(data) > MaxDocument:
		return ErrDocument
	case d.SHA256 != hex.EncodeToString(sum[:]) || d.Size != len(data):
		return errors.New("the document is not what its hash says")
	}
	return nil
}

// Notice tells that what would be decided of a vehicle of a fleet has changed, or
// will. It is worked out from the list, the rules and the data, and proves
// nothing.
type Notice struct {
	ID      int64
	At      time.Time // when it was found
	Seq     int64     // of the vehicle's line of the list
	Zone    string
	Before  string   // grant, flag, deny
	After   string   // likewise
	Cause   []string // policy, data, posture, day, vehicle (inspected, or exempted)
	Version int      // of the rules under which it is After; 0 is not known
	From    time.Time
	Future  bool   // it will be so from From on, when that version takes effect
	Rule    string // that decides then
	Because string // what it says; names no vehicle
	Listed  Registration
}

// Stricter says whether the verdict became, or becomes, stricter.
func (n *Notice) Stricter() bool {
	a, _ := policy.ParseOutcome(n.After)
	b, _ := policy.ParseOutcome(n.Before)
	return a > b
}

// NoticeFilter chooses notices, the newest first. A zero field does not restrict.
type NoticeFilter struct {
	Fleets []string // must be named: nobody has all by leaving it empty
	Seq    int64    // of one vehicle
	Future bool     // only what will be
	Before int64    // ID of the last one of the page before
	Limit  int      // at most 1000; 0 is 50
}

// FleetStore keeps fleets, what they ask for and the papers of their vehicles.
// FleetDesk owns this port; gate/sqlite and gate/storetest implement it. Each
// Record method writes its records and an entry of the log for each in one
// transaction, and returns nil only when all would survive a power cut. All
// methods may be called concurrently.
type FleetStore interface {
	// RecordFleet says how a fleet stands from now on.
	RecordFleet(ctx context.Context, f Fleet) error
	// Fleets are all, by name, also those that are closed.
	Fleets(ctx context.Context) ([]Fleet, error)

	// EnterVehicles puts lines of that fleet into the site's list, all or none. A
	// line with an empty class takes the vehicle off it. It is ErrElsewhere where
	// the list has a vehicle, by its VIN or its plate, for another fleet or for
	// none, and ErrNotFound where one that is to go is not there.
	EnterVehicles(ctx context.Context, fleet string, list ...Registration) error
	// Vehicles are those of a fleet as the list stands, the newest first.
	Vehicles(ctx context.Context, f VehicleFilter) ([]FleetVehicle, error)
	// EachVehicle hands on every vehicle of a fleet as the list stands.
	EachVehicle(ctx context.Context, fleet string, take func(Registration) error) error
	// FleetCounts counts the vehicles of these fleets.
	FleetCounts(ctx context.Context, fleets ...string) (map[string]FleetCount, error)
	// OnList says how the list has vehicles of these VINs and plates: the line of
	// each that is there.
	OnList(ctx context.Context, names ...DataSubject) ([]Registration, error)

	RecordExemption(ctx context.Context, e Exemption) error
	// RecordExemptionStep adds a step where CheckExemptionStep lets it.
	RecordExemptionStep(ctx context.Context, s ExemptionStep) error
	// Exemptions are all that are kept, the newest first, with their steps.
	Exemptions(ctx context.Context) ([]Exemption, error)

	// RecordDocument files a document. A content that is filed for the vehicle
	// already is ErrExists; more than MaxDocuments are ErrTooMany.
	RecordDocument(ctx context.Context, d Document, data []byte) error
	// Documents are those of a vehicle, the newest first.
	Documents(ctx context.Context, fleet string, of DataSubject) ([]Document, error)
	// Document is one with its content, or ErrNotFound.
	Document(ctx context.Context, id string) (Document, []byte, error)

	// Notices are the notices that the filter chooses.
	Notices(ctx context.Context, f NoticeFilter) ([]Notice, error)
}
