package view

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/ui/i18n"
)

// constants are the texts of a package's constants by type, and of untyped ones
// by the first word of their names, as its source has them: no list that somebody
// has to remember to add to.
func constants(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	out := make(map[string][]string)
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, src, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST {
				continue
			}
			for _, s := range g.Specs {
				v, ok := s.(*ast.ValueSpec)
				if !ok || len(v.Values) != 1 {
					continue
				}
				text, ok := v.Values[0].(*ast.BasicLit)
				if !ok || text.Kind != token.STRING {
					continue
				}
				value, err := strconv.Unquote(text.Value)
				if err != nil {
					t.Fatal(err)
				}
				key := v.Names[0].Name
				if of, ok := v.Type.(*ast.Ident); ok {
					key = of.Name
				} else {
					for i, r := range key {
						if i > 0 && r >= 'A' && r <= 'Z' {
							key = key[:i]
							break
						}
					}
				}
				out[key] = append(out[key], value)
			}
		}
	}
	return out
}

// Everything that a lane can say has words in every language: whoever adds a
// state, an alarm, an act, a warning or a class of fault finds out here.
func TestEverythingOfALaneIsSaid(t *testing.T) {
	all, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	lane, devices := constants(t, "../../gate"), constants(t, "../../gate/barrier")
	for _, c := range []struct {
		from   map[string][]string
		kind   string
		least  int
		key    func(value string) []string
		except string
	}{
		{lane, "State", 11, func(v string) []string { return []string{"state." + v, "state." + v + ".text"} }, ""},
		{lane, "AlarmKind", 13, func(v string) []string { return []string{"alarm." + v} }, ""},
		{lane, "ActKind", 15, func(v string) []string {
			switch {
			case v == string(gate.ActAcknowledge):
				return []string{"alarm.take"}
			case gate.ActKind(v).OfLane():
				return []string{"laneact." + v}
			}
			return []string{"act." + v}
		}, ""},
		{lane, "Ending", 7, func(v string) []string { return []string{"end." + v} }, ""},
		{lane, "Direction", 3, func(v string) []string { return []string{"lane.direction." + v} }, string(gate.DirectionReversible)}, // a lane is one or the other at any instant
		{lane, "Point", 8, func(v string) []string { return []string{"device." + v} }, ""},
		{lane, "Sign", 7, func(v string) []string { return []string{"sign." + v} }, ""},
		{lane, "Notice", 8, func(v string) []string { return []string{"notice." + v} }, gate.NoteIdentified},
		{lane, "Warn", 3, func(v string) []string { return []string{"warn." + v} }, ""},
		{lane, "Arm", 5, func(v string) []string { return []string{"arm." + v} }, ""},
		{devices, "Class", 14, func(v string) []string { return []string{"fault." + v} }, ""},
	} {
		values := c.from[c.kind]
		if len(values) < c.least {
			t.Errorf("%d constants of %s were found, want %d", len(values), c.kind, c.least)
		}
		for _, v := range values {
			if v == "" || v == c.except {
				continue
			}
			for _, key := range c.key(v) {
				for _, lang := range all.Languages() {
					if !all.Words(lang.Code, time.UTC).Has(key) {
						t.Errorf("%s: %s %q is not in words: %s", lang.Code, c.kind, v, key)
					}
				}
			}
		}
	}
	named := AlarmKinds()
	if len(named) != len(lane["AlarmKind"]) {
		t.Errorf("pages name %d kinds of alarms, and there are %d", len(named), len(lane["AlarmKind"]))
	}
}

// What happened to the lane is on the guard's screen, and the sound of an alarm
// does not take that of a verdict away.
func TestKioskSaysWhatHappened(t *testing.T) {
	b := base(t, "en")
	at := b.Now.Add(-time.Hour)
	is := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	closed := NewKiosk(b, gate.LaneView{Lane: "a", State: gate.OutOfService, Closed: "works", Ordered: &gate.Ordered{By: "anna", At: at}}, nil)
	is(closed.Ordered, b.T("lane.ordered.why", "anna", b.Stamp(at), b.T("lanewhy.works")))
	is(NewKiosk(b, gate.LaneView{Lane: "a", State: gate.OutOfService, Closed: "turn-first"}, nil).Ordered, b.T("lanewhy.turn-first"))
	egress := NewKiosk(b, gate.LaneView{Lane: "a", State: gate.Egress, Closed: "works", Ordered: &gate.Ordered{At: at}}, nil)
	is(egress.Ordered, b.T("lane.ordered.input", b.Stamp(at)))
	is(egress.Cue(), "alarm:egress")
	is(NewKiosk(b, gate.LaneView{Lane: "a", Direction: gate.DirectionEntry}, nil).Way, "")
	is(NewKiosk(b, gate.LaneView{Lane: "a", Direction: gate.DirectionEntry, Turns: true}, nil).Way, "Entry")
	is(NewKiosk(b, gate.LaneView{Lane: "a", Notice: gate.NoticeArm, ArmFault: "halfway", Arm: gate.ArmFault}, nil).Notice, b.T("fault.halfway", b.T("device.arm")))
	is(NewKiosk(b, gate.LaneView{Lane: "a", Notice: gate.NoticeArm, Arm: gate.ArmFault}, nil).Notice, b.T("notice.arm"))

	v := waiting(policy.Grant, gate.ActOpen, gate.ActHold)
	v.Decision, v.Warnings = 1, []string{gate.WarnUnderArm, gate.WarnAutoPaused}
	v.Alarms = []gate.Alarm{{ID: 3, Kind: gate.AlarmRanThrough}, {ID: 4, Kind: gate.AlarmCovered, Of: "at-line"}, {ID: 5, Kind: gate.AlarmTamper, By: "jan"}, {ID: 9, Kind: gate.AlarmDuress}}
	second := waiting(policy.Deny).Passage
	second.ID = "p2"
	v.Vehicles = []gate.LaneVehicle{{Passage: v.Passage, Durable: true}, {Passage: second, Durable: true, Decision: 2, Allowed: []gate.ActKind{gate.ActTurnAway, gate.ActReset}}}
	k := NewKiosk(b, v, nil)
	is(k.Cue(), "grant:p1:1|4")
	is(k.Alarm, b.T("alarm.more", b.T("alarm.ran-through"), 1))
	if want := []string{b.T("warn.under-arm"), b.T("warn.auto-paused")}; !reflect.DeepEqual(k.Warnings, want) {
		t.Errorf("warnings %q", k.Warnings)
	}
	if k.Outcome != "grant" || k.Behind == nil || k.Behind.Outcome != "deny" || k.Behind.Passage != "p2" || k.Behind.Decision != 2 || len(k.Behind.Acts) != 2 || k.Behind.Acts[0].Kind != gate.ActTurnAway {
		t.Errorf("behind %+v", k.Behind)
	}
	lost := NewKiosk(b, gate.LaneView{Lane: "a", Notice: gate.NoticeDevice, Devices: []gate.DeviceStatus{{Device: "x", Fault: "offline"}},
		Alarms: []gate.Alarm{{ID: 7, Kind: gate.AlarmDeviceLost, Of: "x"}}}, nil)
	is(lost.Alarm, "")
	is(lost.Cue(), "|7")
	v.Vehicles[1].Durable = false
	if NewKiosk(b, v, nil).Behind != nil {
		t.Error("a verdict is shown that is not on record")
	}
	is(b.alarmWords(gate.AlarmCovered, "at-line"), b.T("alarm.covered-long")+" · "+b.T("device.at-line"))
}
