package gate_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/policy/pack"
)

// The EX30 of whose module nothing is on record, and the Model X that documents
// name Quectel for.
const (
	ex30   = "YV4EK3ZL7SS000001"
	modelX = "5YJXCAE42MF000001"
	oldVan = "1FTNE24L7XHA00001"
)

type change func(*gate.Inspection)

func result(r gate.InspectionResult) change { return func(in *gate.Inspection) { in.Result = r } }
func kind(k gate.InspectionKind) change     { return func(in *gate.Inspection) { in.Kind = k } }
func id(s string) change                    { return func(in *gate.Inspection) { in.ID = s } }
func by(s string) change                    { return func(in *gate.Inspection) { in.By = s } }
func place(s string) change                 { return func(in *gate.Inspection) { in.Place = s } }
func later(days int) change {
	return func(in *gate.Inspection) { in.At = in.At.AddDate(0, 0, days) }
}
func device(in *gate.Inspection) { in.Subject, in.Role = gate.SubjectDevice, "device" }
func text(s string) change       { return func(in *gate.Inspection) { in.Read, in.Text = nil, s } }
func act(k gate.InspectionActKind, who string, days int) change {
	return func(in *gate.Inspection) {
		in.Acts = append(in.Acts, gate.InspectionAct{Inspection: in.ID, Kind: k, By: who, At: in.At.AddDate(0, 0, days), Note: "n"})
	}
}

func inspected(vin, what, value string, changes ...change) gate.Inspection {
	in := saw(vin, what, value)
	if what == "" {
		in.Read = nil
	}
	for _, c := range changes {
		c(&in)
	}
	return in
}

const (
	quectel = "XMR2020AG525RGL"           // AG525R-GL, as a table has it
	label   = "FCC ID: XMR202003AG525RGL" // as the owner's manual prints it
	sierra  = "EM7455"
	telit   = "LE910C4-EU"
)

func TestWhatInspectionsSettle(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	two := gate.InspectionRules{TwoPeople: policy.ZoneRestricted}
	for _, c := range []struct {
		name  string
		vin   string
		rules gate.InspectionRules
		list  []gate.Inspection
		want  policy.Outcome
		note  string // part of a note; empty wants none of the words below
	}{
		{"nothing", ex30, gate.InspectionRules{}, nil, policy.Flag, ""},
		{"the label as a text", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "", "", text("MODEL: TCU\nContains "+label+"\nIC: 10224A-2020AG525R"))}, policy.Deny, ""},
		{"the label as an identifier", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "fcc_id", label)}, policy.Deny, ""},
		{"a clean module", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra)}, policy.Grant, ""},
		{"found, and nothing could be read", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "", "")}, policy.Flag, ""},
		{"could not tell", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra, result(gate.ResultUnclear))}, policy.Flag, "could not tell"},

		{"withdrawn", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "fcc_id", quectel, act(gate.InspectionWithdrawn, "maria", 1))}, policy.Flag, "withdrawn as wrong, entered by maria"},
		{"voided by another unit", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra, act(gate.InspectionTCUReplaced, "maria", 1))}, policy.Flag, "the telematics unit was replaced"},
		{"ended tomorrow", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra, act(gate.InspectionOwner, "maria", 60))}, policy.Grant, ""},
		{"the site shortened its life", ex30, gate.InspectionRules{Days: 20}, []gate.Inspection{inspected(ex30, "module", sierra)}, policy.Flag, ""},
		{"the site lengthened its life", ex30, gate.InspectionRules{Days: 2000}, []gate.Inspection{inspected(ex30, "module", sierra)}, policy.Grant, ""},

		{"one person where two are asked for", ex30, two, []gate.Inspection{inspected(ex30, "module", sierra)}, policy.Flag, "until a second person confirms it"},
		{"confirmed", ex30, two, []gate.Inspection{inspected(ex30, "module", sierra, act(gate.InspectionConfirmed, "jan", 1))}, policy.Grant, ""},
		{"confirmed by the same person", ex30, two, []gate.Inspection{inspected(ex30, "module", sierra, act(gate.InspectionConfirmed, "anna", 1))}, policy.Flag, "until a second person confirms it"},
		{"confirmed tomorrow", ex30, two, []gate.Inspection{inspected(ex30, "module", sierra, act(gate.InspectionConfirmed, "jan", 60))}, policy.Flag, "until a second person confirms it"},
		{"both were there", ex30, two, []gate.Inspection{inspected(ex30, "module", sierra, func(in *gate.Inspection) { in.Second = "jan" })}, policy.Grant, ""},
		{"one person who read Quectel", ex30, two, []gate.Inspection{inspected(ex30, "fcc_id", quectel)}, policy.Deny, "until a second person confirms it"},
		{"a second look at what is settled", ex30, two, []gate.Inspection{
			inspected(ex30, "module", sierra, act(gate.InspectionConfirmed, "jan", 1)), inspected(ex30, "module", sierra, id("i2"), later(5))}, policy.Grant, "until a second person confirms it"},

		{"two that agree", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "module", sierra, id("i2"), later(5))}, policy.Grant, ""},
		{"maker alone, then the module", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", "Sierra Wireless"), inspected(ex30, "module", sierra, id("i2"), later(5))}, policy.Grant, ""},
		{"Quectel, then clean", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "fcc_id", quectel), inspected(ex30, "module", sierra, id("i2"), later(5))}, policy.Deny, "contradict each other"},
		{"clean, then Quectel", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "fcc_id", quectel, id("i2"), later(5))}, policy.Deny, "contradict each other"},
		{"two clean ones that differ", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "module", telit, id("i2"), later(5))}, policy.Flag, "contradict each other"},
		{"Quectel, withdrawn, then clean", ex30, gate.InspectionRules{}, []gate.Inspection{
			inspected(ex30, "fcc_id", quectel, act(gate.InspectionWithdrawn, "maria", 3)), inspected(ex30, "module", sierra, id("i2"), later(5))}, policy.Grant, "withdrawn as wrong"},
		{"clean, then none found", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "", "", result(gate.ResultNone), id("i2"), later(5))}, policy.Flag, "contradict each other"},
		{"a clean one on a car documented with Quectel, against another", modelX, gate.InspectionRules{}, []gate.Inspection{
			inspected(modelX, "module", sierra), inspected(modelX, "module", telit, id("i2"), later(5))}, policy.Deny, "contradict each other"},
		{"two modules on one label", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra, func(in *gate.Inspection) {
			in.Read = append(in.Read, gate.Reading{Kind: "fcc_id", Value: quectel})
		})}, policy.Deny, ""},
		{"a clean one, then a label of which nothing can be read", ex30, gate.InspectionRules{}, []gate.Inspection{
			inspected(ex30, "module", sierra), inspected(ex30, "", "", text("XMR FCC"), id("i2"), later(5))}, policy.Grant, ""},
		{"a clean one, then a label that only hints at another", ex30, gate.InspectionRules{}, []gate.Inspection{
			inspected(ex30, "module", sierra), inspected(ex30, "", "", text("QUECTEL wireless, model unreadable"), id("i2"), later(5))}, policy.Flag, "contradict each other"},
		{"a label that only hints", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "", "", text("QUECTEL wireless, model unreadable"))}, policy.Flag, ""},

		{"none found", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "", "", result(gate.ResultNone))}, policy.Flag, "EU law requires"},
		{"none found in a car that a manual documents with one", modelX, gate.InspectionRules{}, []gate.Inspection{inspected(modelX, "", "", result(gate.ResultNone))}, policy.Deny, "a source shows one in this kind of vehicle"},
		{"a maker's name alone", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", "Sierra Wireless")}, policy.Flag, "settles nothing by itself"},
		{"a maker's name before a model nobody knows", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", "Sierra Wireless ZZ9999")}, policy.Flag, "settles nothing by itself"},
		{"the name of a denied maker alone", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", "Quectel")}, policy.Deny, "settles nothing by itself"},
		{"removed", modelX, gate.InspectionRules{}, []gate.Inspection{inspected(modelX, "", "", result(gate.ResultRemoved))}, policy.Grant, ""},
		{"Quectel, then removed", modelX, gate.InspectionRules{}, []gate.Inspection{inspected(modelX, "fcc_id", quectel), inspected(modelX, "", "", result(gate.ResultRemoved), id("i2"), later(5))}, policy.Grant, ""},
		{"removed, then Quectel again", modelX, gate.InspectionRules{}, []gate.Inspection{inspected(modelX, "", "", result(gate.ResultRemoved)), inspected(modelX, "fcc_id", quectel, id("i2"), later(5))}, policy.Deny, "contradict each other"},
		{"isolated", modelX, gate.InspectionRules{}, []gate.Inspection{inspected(modelX, "", "", result(gate.ResultIsolated))}, policy.Deny, "a cut can be mended"},
		{"isolated, and read", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "fcc_id", quectel, result(gate.ResultIsolated))}, policy.Deny, "a cut can be mended"},

		{"a maker's letter", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "fcc_id", quectel, kind(gate.KindMaker))}, policy.Deny, ""},
		{"a maker's letter that clears", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra, kind(gate.KindMaker))}, policy.Flag, ""},
		{"an importer's letter that says none", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "", "", kind(gate.KindImporter), result(gate.ResultNone))}, policy.Flag, "a statement clears nothing"},
		{"a dealer's letter against the documents", modelX, gate.InspectionRules{}, []gate.Inspection{inspected(modelX, "module", sierra, kind(gate.KindDealer))}, policy.Deny, ""},
		{"a maker's letter against what was seen", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "fcc_id", quectel), inspected(ex30, "module", sierra, kind(gate.KindMaker), id("i2"), later(5))}, policy.Deny, ""},
		{"what was seen against a maker's letter", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "fcc_id", quectel, kind(gate.KindMaker), id("i2"), later(5))}, policy.Deny, ""},
		{"a letter that says what was seen", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "module", sierra, kind(gate.KindDealer), id("i2"), later(5))}, policy.Grant, ""},
		{"a letter is one person's even where two are asked for", ex30, two, []gate.Inspection{inspected(ex30, "fcc_id", quectel, kind(gate.KindMaker))}, policy.Deny, ""},

		{"a tracker in an old van", oldVan, gate.InspectionRules{}, []gate.Inspection{inspected(oldVan, "module", "EC25-EUX", device, place("under the dashboard"))}, policy.Deny, ""},
		{"no device found does not answer for the unit", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "", "", device, result(gate.ResultNone))}, policy.Flag, ""},
		{"no unit found does not answer for the device", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "module", "EC25-EUX", device), inspected(oldVan, "", "", result(gate.ResultNone), id("i2"), later(5))}, policy.Deny, ""},
		{"a device, then none found", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "module", "EC25-EUX", device), inspected(oldVan, "", "", device, result(gate.ResultNone), id("i2"), later(5))}, policy.Deny, "until somebody sees it removed"},
		{"a device, then removed", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "module", "EC25-EUX", device), inspected(oldVan, "module", "ec25 eux", device, result(gate.ResultRemoved), id("i2"), later(5))}, policy.Grant, ""},
		{"a device, another one removed", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "module", "EC25-EUX", device, place("boot")), inspected(oldVan, "", "", device, result(gate.ResultRemoved), place("dashboard"), id("i2"), later(5))}, policy.Deny, ""},
		{"another device removed from the same place", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "device", "comma 3X", device, place("windscreen")), inspected(oldVan, "device", "dash-cam", device, result(gate.ResultRemoved), place("Windscreen"), id("i2"), later(5))}, policy.Deny, ""},
		{"another module removed from the same place", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "fcc_id", quectel, device, place("windscreen")), inspected(oldVan, "module", sierra, device, result(gate.ResultRemoved), place("windscreen"), id("i2"), later(5))}, policy.Deny, ""},
		{"what sat in that place removed", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "device", "comma 3X", device, place("windscreen")), inspected(oldVan, "", "", device, result(gate.ResultRemoved), place("windscreen "), id("i2"), later(5))}, policy.Grant, ""},
		{"a device seen again in its place, without its label", oldVan, gate.InspectionRules{}, []gate.Inspection{
			inspected(oldVan, "device", "comma 3X", device, place("windscreen")), inspected(oldVan, "", "", device, place("windscreen"), id("i2"), later(5))}, policy.Deny, ""},

		{"a bus id alone", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "usb_id", "1199:9091")}, policy.Flag, "settles nothing by itself"},
		{"a bus id beside the marking", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra, func(in *gate.Inspection) {
			in.Read = append(in.Read, gate.Reading{Kind: "usb_id", Value: "1199"})
		})}, policy.Grant, ""},
		{"the marking, then a bus id", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "module", sierra), inspected(ex30, "usb_id", "2c7c", id("i2"), later(5))}, policy.Deny, "contradict each other"},
		{"a bus id of Quectel", ex30, gate.InspectionRules{}, []gate.Inspection{inspected(ex30, "usb_id", "2c7c:0125")}, policy.Deny, ""},
		{"a bus id on a device", oldVan, gate.InspectionRules{}, []gate.Inspection{inspected(oldVan, "usb_id", "1199", device)}, policy.Flag, "settles nothing by itself"},
		{"a bus id in a maker's letter, against the documents", modelX, gate.InspectionRules{}, []gate.Inspection{inspected(modelX, "usb_id", "1199", kind(gate.KindMaker))}, policy.Deny, ""},
		{"no telematics unit, and nobody could tell of the head unit", ex30, gate.InspectionRules{}, []gate.Inspection{
			inspected(ex30, "", "", result(gate.ResultNone)), inspected(ex30, "", "", result(gate.ResultUnclear), func(in *gate.Inspection) { in.Role = "head-unit" }, id("i2"))}, policy.Flag, "could not tell"},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := gate.Request{VIN: c.vin, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: assessAt, Inspections: c.list, Inspecting: c.rules}
			a := j.Assess(q)
			if a.Verdict.Outcome != c.want {
				t.Errorf("%s, want %s: %+v\nunits %+v\nnotes %q", a.Verdict.Outcome, c.want, a.Verdict.Reasons, a.Facts.Units, a.Notes)
			}
			all := strings.Join(a.Notes, "\n")
			if c.note != "" && !strings.Contains(all, c.note) {
				t.Errorf("notes %q", a.Notes)
			}
			if c.note == "" {
				for _, word := range []string{"contradict", "no longer counts", "second person", "clears nothing"} {
					if strings.Contains(all, word) {
						t.Errorf("notes %q", a.Notes)
					}
				}
			}
			// The order in which a store hands them over is nobody's business.
			back := slices.Clone(c.list)
			slices.Reverse(back)
			q.Inspections = back
			if b := j.Assess(q); b.Verdict.Outcome != a.Verdict.Outcome {
				t.Errorf("%s in the other order", b.Verdict.Outcome)
			}
		})
	}
}

// Recording what one person saw in a second inspection must never do more than
// that inspection says: whatever is in force, an inspection that waits for a
// second person, or a statement, lowers nothing but a maker's word on a build.
func TestWaitingAndStatementsLowerNothing(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	two := gate.InspectionRules{TwoPeople: policy.ZonePublic}
	confirmed := act(gate.InspectionConfirmed, "jan", 0)
	var pool []gate.Inspection
	for _, value := range []string{sierra, telit, "EC25-EUX", "nobody 77", ""} {
		for _, r := range []gate.InspectionResult{gate.ResultFound, gate.ResultNone, gate.ResultRemoved, gate.ResultIsolated, gate.ResultUnclear} {
			what := "module"
			if value == "" || r == gate.ResultNone {
				what = ""
			}
			pool = append(pool, inspected("", what, value, result(r)), inspected("", what, value, result(r), device))
		}
	}
	for _, vin := range []string{ex30, modelX, oldVan} {
		ask := func(list ...gate.Inspection) policy.Outcome {
			for i := range list {
				list[i].VIN = vin
			}
			return j.Assess(gate.Request{VIN: vin, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: assessAt, Inspections: list, Inspecting: two}).Verdict.Outcome
		}
		none := ask()
		for _, base := range pool {
			confirmed(&base)
			with := ask(base)
			for _, more := range pool {
				more.ID, more.At, more.Acts = "i2", more.At.AddDate(0, 0, 3), nil
				if got := ask(base, more); got < with {
					t.Errorf("%s: %s %v, then %s %v waiting: %s, was %s", vin, base.Result, base.Read, more.Result, more.Read, got, with)
				}
				if more.Result != gate.ResultFound && more.Result != gate.ResultNone {
					continue
				}
				more.Kind = gate.KindDealer
				if got := ask(base, more); got < with {
					t.Errorf("%s: %s %v, then a dealer's %s %v: %s, was %s", vin, base.Result, base.Read, more.Result, more.Read, got, with)
				}
				if more.Kind = gate.KindMaker; base.Role == more.Role && with != none {
					if got := ask(base, more); got < with {
						t.Errorf("%s: %s %v, then a maker's %s %v: %s, was %s", vin, base.Result, base.Read, more.Result, more.Read, got, with)
					}
				}
			}
		}
	}
}

// Not to find a unit clears a vehicle of whose kind nothing shows one; where a
// law or a document does, only its removal does.
func TestNoneFound(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	for _, c := range []struct {
		market string
		found  gate.InspectionResult
		want   policy.Outcome
	}{
		{"US", gate.ResultUnclear, policy.Flag},
		{"US", gate.ResultNone, policy.Grant},
		{"EU", gate.ResultNone, policy.Flag},
		{"EU", gate.ResultRemoved, policy.Grant},
	} {
		a := j.Assess(gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, Market: c.market, At: assessAt,
			Inspections: []gate.Inspection{inspected(ex30, "", "", result(c.found))}})
		if a.Verdict.Outcome != c.want {
			t.Errorf("%s in market %q: %s, want %s: %+v", c.found, c.market, a.Verdict.Outcome, c.want, a.Verdict.Reasons)
		}
		if r := a.Verdict.Reasons[0]; c.want == policy.Grant && (r.Source != "inspection i1 of this site" || r.Quote != string(c.found)) {
			t.Errorf("%s: granted by %q, quoting %q", c.found, r.Source, r.Quote)
		}
	}
}

// A record keeps what was in force: who, when, until when.
func TestInspectionIsCited(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	a := j.Assess(gate.Request{VIN: ex30, Zone: policy.ZoneRestricted, At: assessAt, Inspections: []gate.Inspection{inspected(ex30, "fcc_id", label)},
		Inspecting: gate.InspectionRules{Days: 90}})
	var got policy.Source
	for _, u := range a.Facts.Units {
		if u.Role == "tcu" && len(u.Candidates) == 1 && u.Candidates[0].Certainty == policy.CertaintySettled {
			got = u.Candidates[0].Sources[0]
		}
	}
	at := assessAt.AddDate(0, -1, 0)
	want := policy.Source{ID: "i1", Title: "inspection of the telematics unit of this vehicle by anna on " + at.Format(time.DateOnly),
		Address: "inspection i1 of this site", Quote: "fcc_id " + label, Date: at.Format(time.DateOnly), Expires: at.AddDate(0, 0, 90).Format(time.DateOnly)}
	if got != want {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// No device found is on record as such, with its day.
func TestNoDeviceFound(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	a := j.Assess(gate.Request{VIN: oldVan, Zone: policy.ZoneRestricted, Class: policy.ClassPrivate, At: assessAt,
		Inspections: []gate.Inspection{inspected(oldVan, "", "", device, result(gate.ResultNone))}})
	if len(a.Facts.Units) != 1 || a.Facts.Units[0].Role != "device" || !a.Facts.Units[0].Fitted.Known || a.Facts.Units[0].Fitted.Value {
		t.Errorf("%+v", a.Facts.Units)
	}
	if a.Facts.Modem.Known && !a.Facts.Modem.Value {
		t.Error("that no device was found says nothing of the modem")
	}
}

// Whatever is declared, of whatever vehicle, the verdict is no milder than
// without it, also where nothing is known of the vehicle.
func TestDeclarationsLowerNothing(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	none := inspected(ex30, "", "", result(gate.ResultUnclear))
	for _, vin := range []string{ex30, modelX, oldVan, "ZZZEK3ZL7SS000001", "WVWZZZ1KZAW000001", ""} {
		for _, declared := range []gate.Declared{
			{Kind: "no_modem"}, {Kind: "no_modem", Value: "Quectel"}, {Kind: "module", Value: sierra}, {Kind: "fcc_id", Value: "N7NEM7455"},
			{Kind: "tcu_part", Value: "1506277"}, {Kind: "device", Value: "none"}, {Kind: "label", Value: "no modem"}, {Kind: "usb_id", Value: "1199"},
		} {
			q := gate.Request{VIN: vin, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "EU", At: assessAt, Inspections: []gate.Inspection{none}}
			without := j.Assess(q)
			q.Declared = []gate.Declared{declared}
			with := j.Assess(q)
			if with.Verdict.Outcome < without.Verdict.Outcome {
				t.Errorf("%q, declared %v: %s, without it %s", vin, declared, with.Verdict.Outcome, without.Verdict.Outcome)
			}
			if declared.Kind == "no_modem" && with.Facts.Modem != without.Facts.Modem {
				t.Errorf("%q, declared %v: modem %+v, without it %+v", vin, declared, with.Facts.Modem, without.Facts.Modem)
			}
		}
	}
}
