package gate

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sallyport/policy"
	"sallyport/vin"
	"sallyport/vin/telematics"
)

// Subject is which of the two questions an inspection answers. The vehicle's
// own units and what else was put into it are different questions: neither
// answer stands in for the other.
type Subject string

// The subjects.
const (
	SubjectUnit   Subject = "unit"   // what the vehicle's maker fitted: telematics unit, head unit
	SubjectDevice Subject = "device" // what was added or is carried: tracker, dash-cam, driver assistance, insurance dongle
)

// InspectionKind is how it is known.
type InspectionKind string

// The kinds. Only what a person saw settles a module. A letter in which the
// maker or the importer names this very VIN comes from build records and is as
// good as a document on the build (policy.CertaintyDocumented): it narrows what
// the catalogue knows of the kind of vehicle. A dealer has no build records and
// repeats what others say (policy.CertaintyReported): it adds, and replaces
// nothing. No statement clears what an inspection found, and none that says
// "not fitted" clears anything: somebody has to look.
const (
	KindSeen     InspectionKind = "seen"
	KindMaker    InspectionKind = "maker-statement"
	KindImporter InspectionKind = "importer-statement"
	KindDealer   InspectionKind = "dealer-statement"
)

// InspectionResult is what came of it.
type InspectionResult string

// The results. A removed unit is known not to be fitted until the inspection
// expires. An isolated one (its aerials or its power cut) is still fitted and
// still what it is: a cut can be mended in a minute, so the policy goes on
// judging the module, and the guard is told that it was isolated.
const (
	ResultFound    InspectionResult = "found"
	ResultNone     InspectionResult = "none"
	ResultRemoved  InspectionResult = "removed"
	ResultIsolated InspectionResult = "isolated"
	ResultUnclear  InspectionResult = "unclear" // could not tell: settles nothing and contradicts nothing
)

// Reading is one identifier as it was read.
type Reading struct {
	Kind  string `json:"kind"` // one of telematics.Kinds, without no_modem, and label: that is Text
	Value string `json:"value"`
}

// InspectedVehicle is what kind of vehicle it was, as known on the day. It
// names no vehicle: what is learnt from inspections is learnt by it.
type InspectedVehicle struct {
	Make      string `json:"make,omitempty"`
	Model     string `json:"model,omitempty"`
	ModelYear int    `json:"model_year,omitempty"` // 0 is unknown
	Market    string `json:"market,omitempty"`     // ISO 3166-1 alpha-2 or "EU"
	Plant     string `json:"plant,omitempty"`      // city and country of the plant as vPIC writes them
}

// Photo is one photograph of an inspection, without the picture.
type Photo struct {
	SHA256 string    `json:"sha256"` // of the picture, lower-case hexadecimal
	Type   string    `json:"type"`   // image/jpeg, image/png or image/webp
	Size   int       `json:"size"`   // bytes
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// Inspection is what a person read off this very vehicle, or was told of it in
// writing. It holds until it expires or an act ends it; what was recorded never
// changes. Acts and Photos are recorded beside it and are filled by the store.
type Inspection struct {
	ID      string           `json:"id"`
	VIN     string           `json:"vin"`
	Subject Subject          `json:"subject"`
	Kind    InspectionKind   `json:"kind"`
	Role    string           `json:"role"`            // tcu, head-unit; device where the subject is one
	Place   string           `json:"place,omitempty"` // where in the vehicle, in words
	Read    []Reading        `json:"read,omitempty"`
	Text    string           `json:"text,omitempty"` // label or letter, as photographed or pasted
	Result  InspectionResult `json:"result"`
	Note    string           `json:"note,omitempty"`
	By      string           `json:"by"`
	Second  string           `json:"second,omitempty"` // who was there too, and signed for it
	Via     string           `json:"via,omitempty"`    // how it was entered: screen, command line
	At      time.Time        `json:"at"`
	Expires time.Time        `json:"expires"`
	Vehicle InspectedVehicle `json:"vehicle,omitzero"`

	Acts   []InspectionAct `json:"acts,omitempty"`
	Photos []Photo         `json:"photos,omitempty"`
}

// InspectionActKind is what was done to an inspection after it was recorded.
type InspectionActKind string

// The acts on an inspection. All but the confirmation end it.
const (
	InspectionConfirmed   InspectionActKind = "confirmed"     // a second person saw the same
	InspectionWithdrawn   InspectionActKind = "withdrawn"     // it was wrong: nothing may be derived from it
	InspectionTCUReplaced InspectionActKind = "tcu-replaced"  // another unit sits there now
	InspectionRecalled    InspectionActKind = "recall"        // a workshop had the vehicle under a recall
	InspectionOwner       InspectionActKind = "owner-changed" // nobody vouches for what was done to it since
)

// InspectionAct is one act of one person on an inspection. It is appended.
type InspectionAct struct {
	Inspection string            `json:"inspection"`
	Kind       InspectionActKind `json:"kind"`
	By         string            `json:"by"`
	At         time.Time         `json:"at"`
	Note       string            `json:"note,omitempty"`
}

// InspectionActKinds lists the acts.
func InspectionActKinds() []InspectionActKind {
	return []InspectionActKind{InspectionConfirmed, InspectionWithdrawn, InspectionTCUReplaced, InspectionRecalled, InspectionOwner}
}

// Ends says whether the act ends the inspection.
func (k InspectionActKind) Ends() bool { return k != InspectionConfirmed }

// Voids says whether what happened to the vehicle voids the inspection: another
// telematics unit voids what is known of that unit, a recall what is known of
// all units, and another owner everything. A withdrawal is of one inspection
// and never of a vehicle's.
func (k InspectionActKind) Voids(in Inspection) bool {
	switch k {
	case InspectionTCUReplaced:
		return in.Subject == SubjectUnit && in.Role == roleTCU
	case InspectionRecalled:
		return in.Subject == SubjectUnit
	case InspectionOwner:
		return true
	case InspectionWithdrawn, InspectionConfirmed:
	}
	return false
}

// EndAt is the first act that had ended the inspection at that instant.
func (in Inspection) EndAt(at time.Time) (InspectionAct, bool) {
	var first InspectionAct
	found := false
	for _, a := range in.Acts {
		if a.Kind.Ends() && !a.At.After(at) && (!found || a.At.Before(first.At)) {
			first, found = a, true
		}
	}
	return first, found
}

// Withdrawn says whether the inspection had been withdrawn at that instant,
// whatever else ended it: what is derived from inspections leaves it out.
func (in Inspection) Withdrawn(at time.Time) bool {
	return slices.ContainsFunc(in.Acts, func(a InspectionAct) bool { return a.Kind == InspectionWithdrawn && !a.At.After(at) })
}

// People are those who had vouched for the inspection at that instant, each
// once, the inspector first.
func (in Inspection) People(at time.Time) []string {
	who := []string{in.By}
	add := func(name string) {
		if name != "" && !slices.Contains(who, name) {
			who = append(who, name)
		}
	}
	add(in.Second)
	for _, a := range in.Acts {
		if a.Kind == InspectionConfirmed && !a.At.After(at) {
			add(a.By)
		}
	}
	return who
}

// InspectionRules is what a site asks of inspections. The zero value takes them
// as recorded, and asks for one person.
type InspectionRules struct {
	Days          int         // life of what was seen; 0 is as recorded
	StatementDays int         // life of a statement; 0 is as recorded
	TwoPeople     policy.Zone // from this zone on an inspection needs two people; 0 is nowhere
}

// Life is how long an inspection of that kind holds; 0 is as recorded.
func (r InspectionRules) Life(k InspectionKind) time.Duration {
	days := r.Days
	if k != KindSeen {
		days = r.StatementDays
	}
	return time.Duration(days) * 24 * time.Hour
}

// Needs is how many people have to vouch for an inspection of that kind in that
// zone. A lane whose zone is not known counts as the most sensitive one. A
// statement has its author, and is never settled: one person may file it.
func (r InspectionRules) Needs(k InspectionKind, zone policy.Zone) int {
	if r.TwoPeople != 0 && k == KindSeen && (zone == 0 || zone >= r.TwoPeople) {
		return 2
	}
	return 1
}

// expires is when the inspection ends by itself: as recorded, or sooner where
// the site has shortened the life of inspections since.
func (r InspectionRules) expires(in Inspection) time.Time {
	life := r.Life(in.Kind)
	if by := in.At.Add(life); life > 0 && (in.Expires.IsZero() || by.Before(in.Expires)) {
		return by
	}
	return in.Expires
}

// Standing is where an inspection stands at an instant.
type Standing string

// The standings.
const (
	StandsInForce Standing = "in-force"
	StandsWaiting Standing = "waiting" // for a second person
	StandsExpired Standing = "expired"
	StandsEnded   Standing = "ended" // an act ended it
	StandsAhead   Standing = "ahead" // made after that instant
)

// Stands says where an inspection stands at an instant in a zone.
func (r InspectionRules) Stands(in Inspection, at time.Time, zone policy.Zone) Standing {
	if in.At.After(at) {
		return StandsAhead
	}
	if _, ended := in.EndAt(at); ended {
		return StandsEnded
	}
	if e := r.expires(in); !e.IsZero() && !e.After(at) {
		return StandsExpired
	}
	if len(in.People(at)) < r.Needs(in.Kind, zone) {
		return StandsWaiting
	}
	return StandsInForce
}

// InForce are those of a vehicle's inspections that count at an instant in a
// zone, and those that would if a second person confirmed them, both oldest
// first. What they settle is for the Judge to say, who knows the identifiers.
func (r InspectionRules) InForce(list []Inspection, at time.Time, zone policy.Zone) (force, waiting []Inspection) {
	for _, in := range list {
		switch r.Stands(in, at, zone) {
		case StandsInForce:
			force = append(force, in)
		case StandsWaiting:
			waiting = append(waiting, in)
		case StandsExpired, StandsEnded, StandsAhead:
		}
	}
	oldestFirst(force)
	oldestFirst(waiting)
	return force, waiting
}

func oldestFirst(list []Inspection) {
	slices.SortFunc(list, func(a, b Inspection) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
}

// The bounds of one inspection.
const (
	maxID       = 64 // bytes
	maxReadings = 32
	maxReading  = 256  // bytes of one identifier
	maxPlace    = 200  // characters
	maxText     = 8192 // bytes of a label or a letter
	maxNote     = 1000 // characters
)

// Photographs: their largest size in bytes, and how many one inspection has.
const (
	MaxPhoto  = 4 << 20
	MaxPhotos = 12
)

// Check says what is wrong with an inspection as it is to be recorded, or nil.
// The error names the field and what would have been accepted.
func (in Inspection) Check() error {
	if err := in.checkID(); err != nil {
		return fmt.Errorf("id: %w", err)
	}
	if NormalVIN(in.VIN) != in.VIN {
		return fmt.Errorf("vin: %q is not the %d characters of a VIN", in.VIN, vin.Length)
	}
	if err := wholeVIN(in.VIN); err != nil {
		return err
	}
	switch in.Subject {
	case SubjectUnit:
		if in.Role != roleTCU && in.Role != roleHeadUnit {
			return fmt.Errorf("role: %q is none of %s, %s", in.Role, roleTCU, roleHeadUnit)
		}
	case SubjectDevice:
		if in.Role != roleDevice {
			return fmt.Errorf("role: %q; of a device it is %s", in.Role, roleDevice)
		}
	default:
		return fmt.Errorf("subject: %q is none of %s, %s", in.Subject, SubjectUnit, SubjectDevice)
	}
	switch in.Kind {
	case KindSeen:
	case KindMaker, KindImporter, KindDealer:
		if in.Result != ResultFound && in.Result != ResultNone {
			return fmt.Errorf("result: %q; a statement says %s or %s", in.Result, ResultFound, ResultNone)
		}
	default:
		return fmt.Errorf("kind: %q is none of %s, %s, %s, %s", in.Kind, KindSeen, KindMaker, KindImporter, KindDealer)
	}
	switch in.Result {
	case ResultFound, ResultRemoved, ResultIsolated, ResultUnclear:
	case ResultNone:
		if len(in.Read) > 0 {
			return errors.New("result: nothing was found, and yet identifiers were read")
		}
		if in.Kind == KindSeen && strings.TrimSpace(in.Text) != "" {
			return errors.New("result: nothing was found, and yet a label was read; a remark is a note")
		}
	default:
		return fmt.Errorf("result: %q is none of %s, %s, %s, %s, %s", in.Result, ResultFound, ResultNone, ResultRemoved, ResultIsolated, ResultUnclear)
	}
	if len(in.Read) > maxReadings {
		return fmt.Errorf("read: %d identifiers; at most %d are kept", len(in.Read), maxReadings)
	}
	for i, r := range in.Read {
		if err := r.Check(); err != nil {
			return fmt.Errorf("read[%d]: %w", i, err)
		}
	}
	for _, f := range []struct {
		name, text string
		limit      int
		lines      bool
	}{
		{"place", in.Place, maxPlace, false}, {"text", in.Text, maxText, true}, {"note", in.Note, maxNote, true},
		{"by", in.By, maxPlace, false}, {"second", in.Second, maxPlace, false}, {"via", in.Via, maxPlace, false},
		{"vehicle.make", in.Vehicle.Make, maxPlace, false}, {"vehicle.model", in.Vehicle.Model, maxPlace, false},
		{"vehicle.market", in.Vehicle.Market, maxPlace, false}, {"vehicle.plant", in.Vehicle.Plant, maxPlace, false},
	} {
		if err := checkText(f.text, f.limit, f.lines); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	switch {
	case strings.TrimSpace(in.By) == "":
		return errors.New("by: an inspection is a person's")
	case in.Second == in.By:
		return errors.New("second: the second person is another one")
	case in.At.IsZero():
		return errors.New("at: missing")
	case !in.Expires.After(in.At):
		return errors.New("expires: every inspection expires, and after it was made")
	}
	return nil
}

// checkID says what is wrong with the id. It stands in the log, which is never
// erased: it must neither name the vehicle nor hold prose.
func (in Inspection) checkID() error {
	switch {
	case in.ID == "":
		return errors.New("missing")
	case len(in.ID) > maxID:
		return fmt.Errorf("longer than %d bytes", maxID)
	}
	for _, r := range in.ID {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r)) {
			return fmt.Errorf("%q; letters, digits, hyphen, underscore and full stop are accepted", in.ID)
		}
	}
	if in.VIN != "" && strings.Contains(bare(in.ID), bare(in.VIN)) {
		return errors.New("it names the vehicle, and the log in which it stands is never erased")
	}
	return nil
}

// wholeVIN says why a text is not a whole and valid VIN, or nil.
func wholeVIN(text string) error {
	v := vin.VIN(NormalVIN(text))
	if len(v) != vin.Length {
		return fmt.Errorf("vin: %q is not the %d characters of a VIN", text, vin.Length)
	}
	for _, p := range v.Problems() {
		if !p.Note {
			return fmt.Errorf("vin: %s: %s", v, p.Text)
		}
	}
	return nil
}

// Check says what is wrong with an identifier, or nil. Whether it can be
// understood is another question: what was read is kept as it was read.
func (r Reading) Check() error {
	kinds := slices.DeleteFunc(slices.Clone(telematics.Kinds[:]), func(k string) bool { return k == noModem || k == "label" })
	if !slices.Contains(kinds, r.Kind) {
		return fmt.Errorf("kind %q is none of %s", r.Kind, strings.Join(kinds, ", "))
	}
	if strings.TrimSpace(r.Value) == "" {
		return fmt.Errorf("kind %s needs a value", r.Kind)
	}
	return checkText(r.Value, maxReading, false)
}

func checkText(s string, limit int, lines bool) error {
	switch {
	case !utf8.ValidString(s):
		return errors.New("not UTF-8")
	case len(s) > limit*4 || utf8.RuneCountInString(s) > limit:
		return fmt.Errorf("longer than %d characters", limit)
	}
	for _, r := range s {
		if unicode.IsControl(r) && (!lines || r != '\n' && r != '\t' && r != '\r') {
			return errors.New("holds control characters")
		}
	}
	return nil
}

// Check says what is wrong with an act on an inspection, or nil.
func (a InspectionAct) Check() error {
	switch {
	case a.Inspection == "":
		return errors.New("inspection: missing")
	case !slices.Contains(InspectionActKinds(), a.Kind):
		return fmt.Errorf("kind: %q is no act on an inspection", a.Kind)
	case strings.TrimSpace(a.By) == "":
		return errors.New("by: an act is a person's")
	case a.At.IsZero():
		return errors.New("at: missing")
	case a.Kind.Ends() && strings.TrimSpace(a.Note) == "":
		return ErrNeedsReason
	}
	if err := checkText(a.Note, maxNote, true); err != nil {
		return fmt.Errorf("note: %w", err)
	}
	return nil
}

// PhotoData is one photograph with its picture, on its way to the store.
type PhotoData struct {
	Inspection string `json:"inspection"`
	Photo
	Data []byte `json:"data"`
}

// Check says what is wrong with a photograph, or nil.
func (p PhotoData) Check() error {
	sum, err := hex.DecodeString(p.SHA256)
	switch {
	case p.Inspection == "":
		return errors.New("inspection: missing")
	case strings.TrimSpace(p.By) == "":
		return errors.New("by: a photograph is a person's")
	case p.At.IsZero():
		return errors.New("at: missing")
	case err != nil || len(sum) != 32:
		return errors.New("sha256: not 64 hexadecimal digits")
	case len(p.Data) == 0 || len(p.Data) > MaxPhoto:
		return fmt.Errorf("picture: %d bytes; at most %d are kept", len(p.Data), MaxPhoto)
	case p.Size != len(p.Data):
		return fmt.Errorf("size: %d, the picture has %d bytes", p.Size, len(p.Data))
	case pictureType(p.Data) == "" || pictureType(p.Data) != p.Type:
		return errors.New("picture: neither JPEG, PNG nor WebP")
	}
	return nil
}

// pictureType is the media type of a picture by its first bytes, or "".
func pictureType(b []byte) string {
	has := func(at int, s string) bool { return len(b) >= at+len(s) && string(b[at:at+len(s)]) == s }
	switch {
	case has(0, "\xff\xd8\xff"):
		return "image/jpeg"
	case has(0, "\x89PNG\r\n\x1a\n"):
		return "image/png"
	case has(0, "RIFF") && has(8, "WEBP"):
		return "image/webp"
	}
	return ""
}
