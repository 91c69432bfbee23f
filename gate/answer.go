package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sallyport/policy"
	"sallyport/rf"
)

// AssessRequest is one line of `sallyport assess`: what is known of one arrival
// beside the reference data. Every field may be absent; absent is unknown.
type AssessRequest struct {
	VIN          string           `json:"vin"`
	Plate        string           `json:"plate"`
	Class        string           `json:"class"`   // private, government, contractor, emergency, military, diplomatic, allied
	Zone         string           `json:"zone"`    // public, controlled, restricted, critical
	At           string           `json:"at"`      // RFC 3339; absent is now
	Moment       string           `json:"moment"`  // entry, exit, inside; absent is entry
	OnCall       *bool            `json:"on_call"` // whether it is on an emergency call, as a person at the lane said
	Market       string           `json:"market"`
	Make         string           `json:"make"`       // as the registration says; used where the VIN does not say
	Model        string           `json:"model"`      // likewise
	ModelYear    int              `json:"model_year"` // likewise
	BuiltOn      string           `json:"built_on"`   // year, month or day of build as the papers say: 2027, 2027-01 or 2027-01-31
	Declared     []Declared       `json:"declared"`
	Observations []rf.Observation `json:"observations"`
}

// ParseAssessRequest reads one line. Its errors name the field and what would
// have been accepted; unknown fields are refused, so that a misspelt "zone"
// cannot silently become an unknown one.
func ParseAssessRequest(line []byte) (AssessRequest, error) {
	var r AssessRequest
	dec := json.NewDecoder(strings.NewReader(string(line)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return AssessRequest{}, fmt.Errorf("request: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return AssessRequest{}, errors.New("request: more than one JSON value on the line")
	}
	return r, nil
}

// Request checks r and turns it into the Assessor's form; now is used where
// r names no instant.
func (r AssessRequest) Request(now time.Time, hear func([]rf.Observation) *rf.Finding) (Request, error) {
	q := Request{
		VIN: r.VIN, Plate: r.Plate, Market: r.Market, At: now.UTC(), Declared: r.Declared,
		Registered: Registered{Make: r.Make, Model: r.Model, ModelYear: r.ModelYear, BuiltOn: r.BuiltOn}, OnCall: r.OnCall,
	}
	if r.Moment != "" {
		var ok bool
		if q.Moment, ok = policy.ParseMoment(r.Moment); !ok {
			return Request{}, fmt.Errorf("moment: %q is none of entry, exit, inside", r.Moment)
		}
	}
	if r.BuiltOn != "" && !partOfDay(r.BuiltOn) {
		return Request{}, fmt.Errorf("built_on: %q is not a year, month or day such as 2027, 2027-01 or 2027-01-31", r.BuiltOn)
	}
	if r.At != "" {
		at, err := time.Parse(time.RFC3339, r.At)
		if err != nil {
			return Request{}, fmt.Errorf("at: %q is not an RFC 3339 instant such as 2026-11-22T05:00:00Z", r.At)
		}
		q.At = at.UTC()
	}
	var err error
	if q.Class, err = ParseClass(r.Class); err != nil {
		return Request{}, err
	}
	if q.Zone, err = ParseZone(r.Zone); err != nil {
		return Request{}, err
	}
	if len(r.Declared) > maxDeclared {
		return Request{}, fmt.Errorf("declared: %d declarations; at most %d are read", len(r.Declared), maxDeclared)
	}
	for i, d := range r.Declared {
		if err := d.Check(); err != nil {
			return Request{}, fmt.Errorf("declared[%d]: %w", i, err)
		}
	}
	if len(r.Observations) > 0 {
		q.Radio = hear(r.Observations)
	}
	return q, nil
}

// partOfDay says whether s is a day, a month or a year.
func partOfDay(s string) bool {
	for _, layout := range [...]string{time.DateOnly, "2006-01", "2006"} {
		if _, err := time.Parse(layout, s); err == nil {
			return true
		}
	}
	return false
}

// ParseClass reads a vehicle class; empty is unknown.
func ParseClass(s string) (policy.Class, error) {
	if s == "" {
		return "", nil
	}
	if c, ok := policy.ParseClass(s); ok {
		return c, nil
	}
	return "", fmt.Errorf("class: %q is none of private, government, contractor, emergency, military, diplomatic, allied", s)
}

// ParseZone reads a zone's sensitivity; empty is unknown.
func ParseZone(s string) (policy.Zone, error) {
	if s == "" {
		return 0, nil
	}
	if z, ok := policy.ParseZone(s); ok {
		return z, nil
	}
	return 0, fmt.Errorf("zone: %q is none of public, controlled, restricted, critical", s)
}

// maxDeclared bounds the declarations of one request.
const maxDeclared = 64

// declaredKinds are the kinds of declaration.
var declaredKinds = [...]string{"fcc_id", "ic", "ce_type", "imei", "usb_id", "module", "tcu_part", "device", "no_modem"}

// Check says what is wrong with a declaration, or nil.
func (d Declared) Check() error {
	for _, k := range declaredKinds {
		if d.Kind == k {
			if d.Value == "" && d.Kind != "no_modem" {
				return fmt.Errorf("kind %s needs a value", d.Kind)
			}
			return nil
		}
	}
	return fmt.Errorf("kind %q is none of %s", d.Kind, strings.Join(declaredKinds[:], ", "))
}

// Answer is one line of `sallyport assess --json`, and what the device API
// returns. Fields are only ever added.
type Answer struct {
	VIN         string         `json:"vin"`
	Plate       string         `json:"plate,omitempty"`
	At          string         `json:"at"` // RFC 3339, the instant decided for
	Verdict     string         `json:"verdict"`
	Presumed    bool           `json:"presumed"` // the grant rests on the site's presumption, not on a fact
	Reasons     []AnswerReason `json:"reasons"`
	Lifted      []AnswerReason `json:"lifted,omitempty"`
	Open        []AnswerOpen   `json:"open"`
	Conditions  []string       `json:"conditions"`
	WorkItems   []string       `json:"work_items"`
	Vehicle     VehicleView    `json:"vehicle"`
	ModemFitted string         `json:"modem_fitted"` // yes, no, unknown
	ModemBasis  *policy.Source `json:"modem_basis,omitempty"`
	Modules     []AnswerModule `json:"modules"`
	// Air is what passive sensors said of the vehicle, the weightiest first.
	Air []policy.RadioEvidence `json:"air,omitempty"`
	// Found is what the site's own lists say of who presents itself.
	Found []policy.ArrivalFinding `json:"found,omitempty"`
	Notes []string                `json:"notes,omitempty"`
	Data  AnswerData              `json:"data"`
}

// AnswerReason is one rule's say.
type AnswerReason struct {
	Rule       string            `json:"rule"`
	Outcome    string            `json:"outcome"`
	Open       bool              `json:"open,omitempty"` // spoke because a fact is unknown
	Because    string            `json:"because"`
	Source     string            `json:"source"`
	Quote      string            `json:"quote"`
	Date       string            `json:"date"`
	Instrument policy.Source     `json:"instrument"`
	Evidence   []policy.Source   `json:"evidence,omitempty"`
	Exemption  *policy.Exemption `json:"exemption,omitempty"` // that the rule stands for
}

// AnswerOpen is one unknown fact that keeps a rule open, and the act that would
// settle it.
type AnswerOpen struct {
	Fact  string   `json:"fact"`
	Ask   string   `json:"ask"`
	Rules []string `json:"rules,omitempty"`
}

// AnswerModule is one candidate module.
type AnswerModule struct {
	Unit      string          `json:"unit"` // tcu, head-unit, device, declared
	Maker     string          `json:"maker"`
	Party     string          `json:"party,omitempty"` // its id in the supply graph
	Model     string          `json:"model"`
	ChipDown  bool            `json:"chip_down,omitempty"`
	Certainty string          `json:"certainty"`
	Basis     string          `json:"basis"`
	Sources   []policy.Source `json:"sources"`
}

// AnswerData names the editions that the answer rests on.
type AnswerData struct {
	VPIC       string `json:"vpic"`
	Catalogue  string `json:"catalogue"`
	Supply     string `json:"supply"`
	Policy     string `json:"policy"`
	PolicyHash string `json:"policy_hash"`
}

// Answer puts an assessment into its published form.
func (a Assessment) Answer() Answer {
	out := Answer{
		VIN:         a.VIN,
		Plate:       a.Plate,
		At:          a.Facts.At.UTC().Format(time.RFC3339),
		Verdict:     a.Verdict.Outcome.String(),
		Presumed:    a.Verdict.Presumed,
		Reasons:     answerReasons(a.Verdict.Policy, a.Verdict.Reasons),
		Lifted:      answerReasons(a.Verdict.Policy, a.Verdict.Lifted),
		Open:        []AnswerOpen{},
		Conditions:  a.Verdict.Conditions,
		WorkItems:   a.Verdict.WorkItems,
		Vehicle:     a.Vehicle,
		ModemFitted: unknownWord,
		Modules:     []AnswerModule{},
		Air:         a.Facts.Radio.Evidence,
		Found:       a.Facts.Arrival.Findings,
		Notes:       a.Notes,
		Data: AnswerData{
			VPIC: a.Facts.Data.VPICEdition, Catalogue: a.Facts.Data.CatalogueEdition,
			Supply: a.Facts.Data.SupplyEdition, Policy: a.Verdict.Policy, PolicyHash: a.Verdict.Hash,
		},
	}
	if out.Conditions == nil {
		out.Conditions = []string{}
	}
	if out.WorkItems == nil {
		out.WorkItems = []string{}
	}
	if m := a.Facts.Modem; m.Known {
		out.ModemFitted = "no"
		if m.Value {
			out.ModemFitted = "yes"
		}
		basis := m.From
		out.ModemBasis = &basis
	}
	for _, q := range a.Verdict.Open {
		out.Open = append(out.Open, AnswerOpen{Fact: q.Fact, Ask: q.Ask, Rules: q.Rules})
	}
	for _, u := range a.Facts.Units {
		for _, c := range u.Candidates {
			m := AnswerModule{
				Unit: u.Role, Maker: c.MakerName, Party: string(c.Maker.Value), Model: c.Model.Value,
				ChipDown: c.ChipDown.Value, Certainty: c.Certainty.String(), Basis: c.Basis, Sources: c.Sources,
			}
			if m.Sources == nil {
				m.Sources = []policy.Source{}
			}
			out.Modules = append(out.Modules, m)
		}
	}
	return out
}

func answerReasons(policyID string, rs []policy.Reason) []AnswerReason {
	out := []AnswerReason{}
	for _, r := range rs {
		a := AnswerReason{
			Rule: r.Rule, Outcome: r.Outcome.String(), Open: r.Open, Because: r.Because,
			Source: r.Source, Quote: r.Quote, Date: r.Date, Instrument: r.Instrument, Evidence: r.Evidence, Exemption: r.Exemption,
		}
		// A rule that is the site's own choice has the policy as its source,
		// and its words as the quotation.
		if a.Source == "" {
			a.Source, a.Quote = "policy "+policyID, r.Instrument.Title
		}
		if a.Date == "" {
			a.Date = unknownWord
		}
		out = append(out, a)
	}
	return out
}

// unknownWord is how an answer says that something is not known.
const unknownWord = "unknown"
