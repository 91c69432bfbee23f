package view

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jba/templatecheck"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/policy"
	"sallyport/policy/supply"
	"sallyport/rf"
	"sallyport/rf/meaning"
	"sallyport/rf/privacy"
	"sallyport/ui/asset"
	"sallyport/ui/i18n"
)

func set(t testing.TB) *Set {
	t.Helper()
	s, err := Parse()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func base(t testing.TB, lang string) Base {
	t.Helper()
	c, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	a, err := asset.Load()
	if err != nil {
		t.Fatal(err)
	}
	return Base{Words: c.Words(lang, time.UTC), Languages: c.Languages(), Assets: a, Site: "Fort", Path: "/", Theme: "day",
		Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Person: &Person{Name: "a", Role: auth.Guard}}
}

// Every template is checked against its page's struct: a field that does not
// exist, or has another type, fails here and not before a guard.
func TestTemplatesFitTheirPages(t *testing.T) {
	s := set(t)
	pages := []Page{SignIn{}, Error{}, Lanes{}, Passages{}, Passage{}, Policy{}, Data{}, Log{}, Entries{}, Records{}, Figures{}, Jobs{}, &Devices{}, GalleryIndex{}, Kiosk{}, &Radio{}, &Sensors{}, API{},
		&Desk{}, &Inside{}, &Forms{}, FormsPrint{}, &Alarms{}, Shifts{}, PolicyVersions{}, PolicyVersion{}, PolicyDraft{}, &PolicyRule{}, &PolicyText{}, PolicyExamples{}, &Trial{}, Posture{},
		Fleets{}, Fleet{}, FleetVehicle{}, &FleetForm{}, &FleetImport{V: &gate.ImportView{}}, FleetExposure{}, FleetNotices{}, FleetExemptions{}, FleetPass{},
		Inspections{}, Inspect{}, Train{}, TrainStart{}, People{}, PersonPage{}, Me{}, Codes{}, SignInCode{}, Start{}, Onward{}, KioskSignIn{}, Kiosks{},
		&Catalogue{}, &KnownVehicle{}, &Supply{}, &Lists{}, &OfficialList{}, &Suppliers{}, &Watch{}, &WatchFile{}, &Machines{}, &Settings{}, &Signs{}, &ImpactAssessment{}}
	if len(pages) != len(s.pages) {
		t.Errorf("%d pages, %d templates", len(pages), len(s.pages))
	}
	for _, p := range pages {
		if err := templatecheck.CheckHTML(s.pages[p.template()].Lookup("page"), p); err != nil {
			t.Errorf("%s: %v", p.template(), err)
		}
	}
	for _, p := range []Live{&Kiosk{}, &Radio{}, &Sensors{}, &Alarms{}, &PolicyRule{}, &PolicyText{}, &Trial{}, &FleetForm{}, &FleetImport{V: &gate.ImportView{}}, &Devices{}, Log{}, &Catalogue{}, &Supply{}} {
		for _, r := range p.regions() {
			if err := templatecheck.CheckHTML(s.pages[p.template()].Lookup("region-"+r), p); err != nil {
				t.Errorf("region %s of %s: %v", r, p.template(), err)
			}
		}
	}
}

func alarmKinds() (out []string) {
	for _, k := range AlarmKinds() {
		out = append(out, string(k))
	}
	return out
}

func laneActs() (out []string) {
	for _, k := range LaneActKinds() {
		out = append(out, string(k))
	}
	return out
}

var textKey = regexp.MustCompile(`\.T "([^"]+)"`)
var textFamily = regexp.MustCompile(`\.K "([^"]+)" `)

// Every key that a template asks for exists, and so does every member of a
// family that the domain can produce.
func TestKeys(t *testing.T) {
	w := base(t, "en").Words
	dir, err := os.ReadDir("templates")
	if err != nil {
		t.Fatal(err)
	}
	families := map[string]bool{}
	for _, f := range dir {
		raw, err := os.ReadFile("templates/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range textKey.FindAllStringSubmatch(string(raw), -1) {
			if !w.Has(m[1]) {
				t.Errorf("%s asks for %q", f.Name(), m[1])
			}
		}
		for _, m := range textFamily.FindAllStringSubmatch(string(raw), -1) {
			families[m[1]] = true
		}
	}
	roles := []string{}
	for _, r := range auth.Roles() {
		roles = append(roles, string(r))
	}
	members := map[string][]string{
		"role.":          roles,
		"state.":         {"idle", "approaching", "deciding", "waiting", "admitting", "refusing", "redirected", "out-of-service", "manual", "at-line", "emergency-egress"},
		"verdict.":       {"grant", "flag", "deny", "grant.text", "flag.text", "deny.text"},
		"outcome.":       {"grant", "flag", "deny", ""},
		"act.":           {"open", "hold", "inspect", "turn-away", "override", "reset", "duress"},
		"act.reason.":    ReasonCodes(),
		"zone.":          {"0", "1", "2", "3", "4"},
		"class.":         {"", "private", "government", "contractor", "emergency", "military", "diplomatic"},
		"arm.":           {gate.ArmNone, gate.ArmClosed, gate.ArmOpening, gate.ArmOpen, gate.ArmFault},
		"end.":           {"", string(gate.EndAdmitted), string(gate.EndRefused), string(gate.EndInspection), string(gate.EndLeft), string(gate.EndArmFailed), string(gate.EndUnknown), string(gate.EndOpen)},
		"via.":           {"scanner", "keyboard", "camera", "api", "demo", "form"},
		"certainty.":     {"0", "1", "2", "3", "4"},
		"truth.":         {"yes", "no", "unknown"},
		"later.":         {"radio", "posture", "policy", "inspection", "data", "identity", "arrival"},
		"entry.":         {"passage", "act", "outcome", "reassessed", "export", "erased", "erasure-request", "sign-in", "shift_step", "alarm_step"},
		"table.":         {"passage", "act", "reassessment", "outcome", "radio_set", "photo", "inspection", "inspection_act", "registration", "stay", "stay_end", "watch", "watch_step", "pass", "pass_step", "hold", "exemption", "exemption_step", "document"},
		"kept.":          {gate.KeptOpen, gate.KeptHeld, gate.KeptMention},
		"export.format.": Base{}.Formats(),
		"figures.span.":  Figures{}.Spans(),
		"figures.use.":   {"checked", "admitted", "overridden", "stale", "open", "unheard"},
		"log.ended.":     {"stopped", "failed"},

		"find.": {"inside_already", "inside_alike", "not_inside", "plate_differs", "seen_elsewhere", "watch_listed", "watch_alike", "watch_may", "label_differs", "pass_" + policy.PassExpired, "pass_" + policy.PassNotYet, "pass_" + policy.PassNotHere, "pass_" + policy.PassRevoked, "pass_" + policy.PassForged, "pass_" + policy.PassOtherVehicle, "pass_unread", "pass_conditions"},

		"fleet.field.":     append(gate.VehicleFields(), "ic", "ce_type", "usb_id", "device", "no_modem"),
		"fleet.outcome.":   Fleet{}.Outcomes(),
		"fleet.import.":    {"read", "checking", "checked", "entering", "done", "stopped", "failed"},
		"fleet.zone.":      {"public", "controlled", "restricted", "critical", ""},
		"fleet.exemption.": {"asked", "granted", "refused", "withdrawn", "ended", "holds", "due", "expired"},
		"fleet.doc.":       gate.DocumentKinds(),
		"fleet.pass.":      {"holds", "due", "ended", "revoked"},
		"fleet.fault.":     gate.VehicleFaultCodes(),
		"fleet.cause.":     {"policy", "data", "posture", "day", "vehicle"},

		"inside.show.": Inside{}.Shows(),
		"inside.none.": Inside{}.Shows(),

		"air.code.":     airCodes(),
		"air.or.":       meaning.Explanations(),
		"air.strength.": {meaning.Weak.String(), meaning.Moderate.String(), meaning.Strong.String()},

		"radio.kind.":      {"wifi", "ble", "tpms", "v2x", "fob", "cell"},
		"radio.role.":      {"ap", "client", "probe"},
		"radio.sure.":      {"almost", "very", "likely", "rather", "hardly"},
		"radio.otherwise.": {rf.OfBefore, rf.OfBehind, rf.OfBeside, rf.OfAmbient, rf.OfPerson, rf.OfBrief, "none"},
		"radio.changed.":   {"hotspot", "make", "maker", "cellular"},
		"sensor.state.":    {gate.SensorNever, gate.SensorSilent, gate.SensorSkewed, gate.SensorAlive, gate.SensorNew, "since"},
		"sensor.place.":    {gate.PlaceStop, gate.PlaceUpstream},
		"sensor.source.":   {"serial", "udp", "mqtt", "device", "file", "none"},
		"sensor.clock.":    {"good", "good.ahead", "good.behind", "off.ahead", "off.behind", "wrong.ahead", "wrong.behind", "unsteady", "unknown"},
		"refused.":         {gate.RefusedAhead, gate.RefusedBehind, gate.RefusedForeign, gate.RefusedLevel, gate.RefusedOther, "by.counted", "by.refused"},
		"alarm.":           alarmKinds(),
		"count.":           append(CountKeys(), "duress"),
		"laneact.":         laneActs(),
		"lanewhy.":         LaneReasons(),
		"form.act.":        {"open", "turn-away", "inspect"},
		"form.way.":        {"entry", "exit"},
		"form.step.":       {"printed", "entered", "spoilt", "countersigned"},
		"shift.step.":      {"begun", "offered", "accepted", "withdrawn", "taken-over", "ended"},

		"inspect.unit.":   Inspect{}.Roles(),
		"inspect.result.": inspectionResults(),
		"train.did.":      {string(gate.TrainDuress), string(gate.TrainRescan), string(gate.TrainPaper), string(gate.TrainByHand), string(gate.TrainWait)},

		"people.state.": {"active", "disabled", "no-codes", "waits"},
		"session.kind.": {"full", string(gate.SessionKiosk), string(gate.SessionCode), string(gate.SessionEnrol)},
		"machine.kind.": deviceKinds(),

		"known.can.":  abilities(),
		"if.how.":     (*Supply)(nil).Hows(),
		"if.of.":      {gate.WhatIfMake, gate.WhatIfRow, gate.WhatIfVehicle, gate.WhatIfPassage},
		"if.kind.":    supposed(),
		"list.state.": {"in-force", "future", "superseded", "withdrawn", string(supply.EditionInForce), string(supply.EditionFuture), string(supply.EditionSuperseded), string(supply.EditionWithdrawn)},
		"list.diff.":  {"added", "removed", "ended", "renamed", "matched", "newer", "older"},
		"watch.kind.": watchKinds(),

		"set.key.":   settingKeys(),
		"set.about.": settingKeys(),
		"set.step.":  {string(gate.SettingApproved), string(gate.SettingRejected), string(gate.SettingWithdrawn)},
		"set.way.":   {string(gate.DirectionEntry), string(gate.DirectionExit), string(gate.DirectionReversible)},
		"value.":     ruleValues(),

		"law.treat.": {"kept", "heard", "counted", "refused", "unkept"},
		"law.land.":  lands(t),
		"law.class.": lawClasses(t),
	}
	for f := range families {
		if members[f] == nil {
			t.Errorf("family %q is not covered by this test", f)
		}
	}
	for f, ms := range members {
		for _, m := range ms {
			if !w.Has(f + m) {
				t.Errorf("no text for %q", f+m)
			}
		}
	}
	for _, n := range []string{gate.NoticeStorage, gate.NoticeAssess, gate.NoticeArm, gate.NoticeClock, gate.NoticeRadio, gate.NoticeDevice, gate.NoticeEgress} {
		if !w.Has("notice." + n) {
			t.Errorf("no text for notice %q", n)
		}
	}
	for _, st := range members["state."] {
		if !w.Has("state." + st + ".text") {
			t.Errorf("no text for what to do in state %q", st)
		}
	}
	for _, g := range menu {
		if !w.Has(g.key) {
			t.Errorf("no text for the part %q of the menu", g.key)
		}
		for _, p := range g.pages {
			if !w.Has(p.key) {
				t.Errorf("no text for menu entry %q", p.key)
			}
		}
	}
}

func inspectionResults() []string {
	out := []string{string(gate.ResultFound)}
	for _, r := range (Inspect{}).Results() {
		out = append(out, string(r))
	}
	return out
}

func deviceKinds() (out []string) {
	for _, k := range auth.DeviceKinds() {
		out = append(out, string(k))
	}
	return out
}

func watchKinds() (out []string) {
	for _, k := range (*Watch)(nil).Kinds() {
		out = append(out, string(k))
	}
	return out
}

func abilities() (out []string) {
	for _, r := range (&KnownVehicle{}).Can() {
		out = append(out, r.Key)
	}
	return out
}

func supposed() (out []string) {
	for _, c := range (&Supposed{}).Counts() {
		out = append(out, c.Kind)
	}
	return out
}

func settingKeys() (out []string) {
	for _, s := range gate.Settings() {
		out = append(out, s.Key)
	}
	return out
}

// ruleValues are the values of the facts whose values are words.
func ruleValues() []string {
	out := []string{"true", "false"}
	for _, f := range policy.Vocabulary() {
		switch f.Kind {
		case "class", "zone", "certainty", "role", "basis", "weekday", "pass":
			out = append(out, f.Values...)
		}
	}
	return out
}

// lands are the jurisdictions that have rules.
func lands(t *testing.T) []string {
	t.Helper()
	names, err := privacy.Jurisdictions()
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// lawClasses are the classes of broadcasts that the law tells apart.
func lawClasses(t *testing.T) (out []string) {
	t.Helper()
	rules, err := privacy.RulesOf(privacy.Strictest)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules.All() {
		out = append(out, r.Class.String())
	}
	return out
}

func waiting(o policy.Outcome, acts ...gate.ActKind) gate.LaneView {
	p := &gate.Passage{ID: "p1", Arrival: gate.Arrival{VIN: "5YJXCAE4XMF000001"}}
	p.Result.Verdict = policy.Verdict{Outcome: o, Reasons: []policy.Reason{{Rule: "r", Outcome: o, Because: "why"}}}
	return gate.LaneView{Lane: "a", TurnOut: "P3", State: gate.Waiting, Passage: p, Durable: true, Allowed: acts}
}

func TestKioskActs(t *testing.T) {
	kinds := func(as []Act) []gate.ActKind {
		var out []gate.ActKind
		for _, a := range as {
			out = append(out, a.Kind)
		}
		return out
	}
	for name, tt := range map[string]struct {
		view    gate.LaneView
		primary gate.ActKind
		others  []gate.ActKind
		next    string
	}{
		"grant": {waiting(policy.Grant, gate.ActHold, gate.ActInspect, gate.ActOpen, gate.ActTurnAway), gate.ActOpen,
			[]gate.ActKind{gate.ActTurnAway, gate.ActInspect, gate.ActHold}, "Open the barrier."},
		"flag: letting in comes last and asks why": {waiting(policy.Flag, gate.ActOpen, gate.ActHold, gate.ActInspect, gate.ActTurnAway), gate.ActInspect,
			[]gate.ActKind{gate.ActTurnAway, gate.ActHold, gate.ActOpen}, "Send it to inspection."},
		"flag without inspection": {waiting(policy.Flag, gate.ActHold, gate.ActOpen), "",
			[]gate.ActKind{gate.ActHold, gate.ActOpen}, "Hold the vehicle and call the supervisor."},
		"deny names the way out": {waiting(policy.Deny, gate.ActOverride, gate.ActTurnAway, gate.ActHold), gate.ActTurnAway,
			[]gate.ActKind{gate.ActHold, gate.ActOverride}, "Turn it away. Way out: P3"},
		"nothing allowed": {waiting(policy.Grant), "", nil, "Open the barrier."},
	} {
		k := NewKiosk(base(t, "en"), tt.view, nil)
		var primary gate.ActKind
		if k.Primary != nil {
			primary = k.Primary.Kind
		}
		if primary != tt.primary || !slices.Equal(kinds(k.Others), tt.others) || k.Next != tt.next {
			t.Errorf("%s: primary %q, others %q, next %q", name, primary, kinds(k.Others), k.Next)
		}
		for _, a := range k.Others {
			if (a.Kind == gate.ActOpen && k.Outcome != "grant" || a.Kind == gate.ActOverride) != a.Reason {
				t.Errorf("%s: act %s asks for a reason: %v", name, a.Kind, a.Reason)
			}
			if a.Supervisor != (a.Kind == gate.ActOverride) {
				t.Errorf("%s: act %s asks for a supervisor: %v", name, a.Kind, a.Supervisor)
			}
		}
	}
}

// Without a committed record the screen must not look as if it had decided.
func TestKioskShowsNoVerdictWithoutRecord(t *testing.T) {
	s := set(t)
	for name, change := range map[string]func(*gate.LaneView){
		"not durable":    func(v *gate.LaneView) { v.Durable = false },
		"still deciding": func(v *gate.LaneView) { v.State = gate.Deciding },
		"manual":         func(v *gate.LaneView) { v.State = gate.Manual },
		"out of service": func(v *gate.LaneView) { v.State = gate.OutOfService },
		"no outcome":     func(v *gate.LaneView) { v.Passage.Result.Verdict.Outcome = 0 },
	} {
		v := waiting(policy.Grant, gate.ActOpen)
		change(&v)
		k := NewKiosk(base(t, "en"), v, nil)
		k.Working = true
		if k.Verdict || k.Outcome != "" || strings.HasPrefix(k.Cue(), "grant") {
			t.Errorf("%s: verdict %v %q, sound %q", name, k.Verdict, k.Outcome, k.Cue())
		}
		rs, err := s.RenderRegions(k)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rs {
			if strings.Contains(r.HTML, "GRANT") || strings.Contains(r.HTML, "primary go") {
				t.Errorf("%s: region %s shows a grant", name, r.Name)
			}
		}
	}
}

func TestReasonsKeepEverySource(t *testing.T) {
	module := policy.Source{ID: "V1", Title: "manual", Address: "https://a", Quote: "q", Date: "2021"}
	law := policy.Source{Title: "law", Address: "https://l", Reply: "we disagree"}
	for name, tt := range map[string]struct {
		in   policy.Reason
		want []Citation
	}{
		"the deciding source is also evidence": {policy.Reason{Source: "https://a", Quote: "q", Date: "2021", Evidence: []policy.Source{module, module, {}}},
			[]Citation{{Title: "manual", Quote: "q", Date: "2021", Address: "https://a"}}},
		"the deciding source stands alone": {policy.Reason{Source: "https://b", Quote: "w", Date: "2020", Evidence: []policy.Source{module}},
			[]Citation{{Quote: "w", Date: "2020", Address: "https://b"}, {Title: "manual", Quote: "q", Date: "2021", Address: "https://a"}}},
		"the instrument is told once": {policy.Reason{Source: "https://l", Instrument: law, Evidence: []policy.Source{law}}, nil},
	} {
		got := base(t, "en").reasons("", []policy.Reason{tt.in}, nil)[0]
		if diff := cmp.Diff(tt.want, got.Evidence); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
		if tt.in.Instrument == law && (got.Instrument == nil || got.Instrument.Reply != "we disagree") {
			t.Errorf("%s: the maker's reply is lost", name)
		}
	}
}

func TestWordsOfThePolicy(t *testing.T) {
	v := waiting(policy.Flag)
	v.Passage.Result.Verdict.Hash = "beef"
	v.Passage.Result.Verdict.Conditions = []string{"Park outside", "No phone"}
	v.Passage.Result.Verdict.ConditionIDs = []string{"park-outside", "no-phone"}
	v.Passage.Result.Verdict.WorkItems = []string{"fleet-office", "depot"}
	v.Passage.Result.Verdict.Open = []policy.OpenQuestion{
		{Fact: "module.maker", Unit: "telematics unit", Ask: "Read the label on the telematics unit"},
		{Fact: "module.maker", Unit: "dashcam", Ask: "Read the label on the dashcam"},
		{Fact: "supply.acme", About: "Acme Radio", Ask: "No act at the gate settles Acme Radio"},
		{Fact: "vehicle.maker", About: "BMW", Ask: "No act at the gate settles BMW"},
		{Fact: "unheard.of", Ask: "Do something"},
	}
	b := base(t, "de")
	b.Condition = func(hash, id, lang string) string {
		if hash == "beef" && id == "park-outside" && lang == "de" {
			return "Draußen parken"
		}
		return ""
	}
	k := NewKiosk(b, v, func(hash, rule, lang string) string { return rule + " von " + hash + " auf " + lang })
	if k.First != "r von beef auf de" || k.Reasons[0].Because != "why" {
		t.Errorf("first %q, because %q", k.First, k.Reasons[0].Because)
	}
	if diff := cmp.Diff([]string{"Draußen parken", "No phone"}, k.Conds); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Fuhrparkstelle", "depot"}, k.Work); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"Etikett ablesen (Telematikeinheit): FCC-ID, IC, IMEI oder Modultyp", "Etikett ablesen (dashcam): FCC-ID, IC, IMEI oder Modultyp",
		"Am Tor nicht zu klären, wer hinter Acme Radio steht: an den Sicherheitsbeauftragten geben",
		"Am Tor nicht zu klären, wer hinter BMW steht: an den Sicherheitsbeauftragten geben", "Do something",
	}
	if diff := cmp.Diff(want, k.Open); diff != "" {
		t.Error(diff)
	}
	if len(k.OpenFirst()) != 1 || k.OpenMore() != 4 {
		t.Errorf("beside conditions: %d shown, %d more", len(k.OpenFirst()), k.OpenMore())
	}
	if k.Conds = nil; len(k.OpenFirst()) != 2 || k.OpenMore() != 3 {
		t.Errorf("alone: %d shown, %d more", len(k.OpenFirst()), k.OpenMore())
	}
	k.Open = nil
	if len(k.OpenFirst()) != 0 || k.OpenMore() != 0 {
		t.Error("questions out of nothing")
	}
	if en := NewKiosk(base(t, "en"), v, nil); en.Open[0] != "Read the label on the telematics unit" || en.First != "why" {
		t.Errorf("english: %q, %q", en.Open[0], en.First)
	}
}

// A rule that is open has not found its fact: its words must not assert it.
func TestOpenReasonIsNotAsserted(t *testing.T) {
	say := func(string, string, string) string { return "Official vehicle." }
	rs := base(t, "de").reasons("", []policy.Reason{{Rule: "r", Because: "class is not known", Open: true}, {Rule: "r", Because: "class is government"}}, say)
	if rs[0].Say != "Ungeklärt – Official vehicle." || rs[1].Say != "Official vehicle." {
		t.Errorf("open %q, decided %q", rs[0].Say, rs[1].Say)
	}
}

func TestCitationLinks(t *testing.T) {
	for address, want := range map[string]bool{"https://a.b/c": true, "http://a": true, "javascript:alert(1)": false, "site order 7": false, "": false, "//a": false} {
		if got := (Citation{Address: address}).Web(); got != want {
			t.Errorf("Web(%q) = %v", address, got)
		}
	}
}

func TestNavByRole(t *testing.T) {
	for role, want := range map[auth.Role][]string{
		auth.Guard: {"/", "/inside", "/policy", "/posture"},
		auth.Supervisor: {"/", "/passages", "/inside", "/watch", "/policy", "/policy/draft", "/policy/versions", "/posture",
			"/catalogue", "/supply", "/lists", "/suppliers", "/data", "/figures", "/radio", "/devices", "/settings", "/signs", "/dpia"},
		auth.SecurityManager: {"/", "/passages", "/inside", "/watch", "/fleet", "/fleet/notices", "/fleet/exemptions", "/policy", "/policy/draft", "/policy/versions", "/posture",
			"/catalogue", "/supply", "/lists", "/suppliers", "/data", "/figures", "/entries", "/records", "/radio", "/devices", "/jobs", "/settings", "/signs", "/dpia"},
		auth.FleetManager: {"/fleet", "/fleet/notices", "/fleet/exemptions", "/policy", "/posture", "/catalogue", "/supply", "/lists", "/suppliers", "/data"},
		auth.Auditor: {"/passages", "/inside", "/watch", "/fleet", "/fleet/notices", "/fleet/exemptions", "/policy", "/policy/versions", "/posture",
			"/catalogue", "/supply", "/lists", "/suppliers", "/data", "/figures", "/entries", "/log", "/records", "/radio", "/devices", "/jobs", "/settings", "/signs", "/dpia"},
		auth.Administrator: {"/", "/policy", "/posture", "/catalogue", "/supply", "/lists", "/suppliers", "/data", "/log", "/radio", "/devices", "/machines", "/jobs",
			"/settings", "/signs", "/dpia", "/people", "/kiosks"},
	} {
		b := base(t, "en")
		b.Person.Role, b.Path = role, "/passages/x"
		var got []string
		for _, g := range b.Menu() {
			for _, l := range g.Links {
				got = append(got, l.Address)
				if l.Here != (l.Address == "/passages") {
					t.Errorf("%s: %s is here: %v", role, l.Address, l.Here)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", role, got, want)
		}
	}
}

// The kiosk's share of the 100 ms from scan to paint.
func BenchmarkRegions(b *testing.B) {
	s, page := set(b), base(b, "de")
	v := waiting(policy.Deny, gate.ActTurnAway, gate.ActHold, gate.ActInspect, gate.ActOverride)
	r := v.Passage.Result.Verdict.Reasons[0]
	r.Evidence = []policy.Source{{Address: "https://a", Quote: "q"}, {Address: "https://b", Quote: "r"}}
	v.Passage.Result.Verdict.Reasons = []policy.Reason{r, r, r}
	b.ReportAllocs()
	for b.Loop() {
		k := NewKiosk(page, v, nil)
		k.Working = true
		if _, err := s.RenderRegions(k); err != nil {
			b.Fatal(err)
		}
	}
}

// A verdict that was decided again says why; its forms say which one they are
// about, and a new one is due a sound.
func TestKioskDecidedAgain(t *testing.T) {
	s := set(t)
	v := waiting(policy.Flag, gate.ActOpen, gate.ActInspect, gate.ActTurnAway)
	v.Decision = 1
	first := NewKiosk(base(t, "en"), v, nil)
	for _, because := range []string{"radio", "posture", "policy", "inspection", "data"} {
		v.Decision, v.Again = 2, because
		for _, lang := range []string{"en", "de", "pl"} {
			k := NewKiosk(base(t, lang), v, nil)
			k.Working = true
			if k.Again == "" || k.Again == because || k.Cue() == first.Cue() {
				t.Errorf("%s, %s: %q, sound %q after %q", because, lang, k.Again, k.Cue(), first.Cue())
			}
			regions, err := s.RenderRegions(k)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range regions {
				if r.Name == "verdict" && !strings.Contains(r.HTML, k.Again) {
					t.Errorf("%s, %s: the screen does not say why", because, lang)
				}
				if n := strings.Count(r.HTML, `name="decision" value="2"`); r.Name == "acts" && n != 3 {
					t.Errorf("%s, %s: %d forms of 3 say what they are about", because, lang, n)
				}
			}
		}
	}
}

func airCodes() (out []string) {
	for _, c := range meaning.Codes() {
		out = append(out, string(c))
	}
	return out
}
