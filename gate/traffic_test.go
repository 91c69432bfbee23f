package gate_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sallyport/gate"
	"sallyport/gate/storetest"
	"sallyport/gate/translog"
	"sallyport/policy"
)

var allPoints = []gate.Point{gate.PointApproach, gate.PointAtLine, gate.PointUnderArm, gate.PointBeyond, gate.PointArmDown, gate.PointArmUp}

// playing is a site whose detectors are played by a script.
func playing(t *testing.T, change ...func(*gate.LaneConfig, *yard)) *yard {
	t.Helper()
	return newYard(t, storetest.NewMemory(), append([]func(*gate.LaneConfig, *yard){func(l *gate.LaneConfig, _ *yard) {
		l.Points, l.Attributor = allPoints, nil
	}}, change...)...)
}

var pointWords = map[string]gate.Point{
	"app": gate.PointApproach, "line": gate.PointAtLine, "under": gate.PointUnderArm, "beyond": gate.PointBeyond,
	"down": gate.PointArmDown, "up": gate.PointArmUp, "fire": gate.PointEgress, "tamper": gate.PointTamper,
}

// play does what a script says, word by word: line+ covers a detector, line-
// frees it, line? loses it, down! is an arm that left its place by force; 3s is
// time; G1 is a vehicle, /open an act on the one at the line (/open* a supervised
// one), //in-service an act on the lane.
func (y *yard) play(script string) {
	y.t.Helper()
	for word := range strings.FieldsSeq(script) {
		last := word[len(word)-1]
		name := word[:len(word)-1]
		point, ok := pointWords[name]
		switch {
		case ok:
			in := gate.Input{Point: point, Level: map[byte]gate.Level{'+': gate.LevelOn, '-': gate.LevelOff, '?': gate.LevelUnknown, '!': gate.LevelOff}[last], At: time.Now(), Forced: last == '!'}
			if !y.c.Input("north", in) {
				y.t.Fatalf("%s: no such point", word)
			}
			synctest.Wait()
		case strings.HasPrefix(word, "//"):
			a := gate.Act{Kind: gate.ActKind(word[2:]), By: "anna", Reason: "ordered"}
			if a.Kind == gate.ActAcknowledge {
				for _, al := range y.view().Alarms {
					if al.By == "" {
						a.Alarm = al.ID
					}
				}
			}
			if err := y.c.Act(y.t.Context(), "north", a); err != nil {
				y.t.Fatalf("%s: %v", word, err)
			}
		case word[0] == '/':
			y.act(gate.ActKind(word[1:]), y.view().Passage.ID)
		case last == 's' && word[0] <= '9':
			d, err := time.ParseDuration(word)
			if err != nil {
				y.t.Fatal(err)
			}
			time.Sleep(d)
		default:
			y.arrive(word)
		}
	}
	synctest.Wait()
}

// rest is how a lane's points are when nobody is there.
const rest = "app- line- under- beyond- up- down+ "

// through is a vehicle from the line to the inside, with the arm up before it
// and, up to the last two words, not yet down behind it.
const through = "down- up+ 1s line- under+ beyond+ under- beyond- "

func (y *yard) alarms() string {
	var list []string
	for _, a := range y.view().Alarms {
		s := string(a.Kind)
		if a.Of != "" {
			s += ":" + a.Of
		}
		if a.Over {
			s += "."
		}
		list = append(list, s)
	}
	return strings.Join(list, " ")
}

// logged counts entries of a kind whose text holds a word.
func (y *yard) logged(kind gate.EventKind, word string) int {
	y.t.Helper()
	entries, err := y.memory.Entries(context.Background(), 0, 1<<20)
	if err != nil {
		y.t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		entry, err := translog.DecodeEntry(e.Data)
		if err != nil {
			y.t.Fatal(err)
		}
		if entry.Kind == string(kind) && strings.Contains(string(entry.Body), word) {
			n++
		}
	}
	return n
}

// TestTraffic plays what detectors and contacts can see. An alarm with a point
// behind it is over, and waits for a person to take note.
func TestTraffic(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		state  gate.State
		alarms string
		ending gate.Ending // of the last vehicle
		raised int
		warn   string
	}{
		"comes up":                        {"app+", gate.Approaching, "", "", 0, ""},
		"turns round before the line":     {"app+ app- 11s", gate.Idle, "", "", 0, ""},
		"stands at the line":              {"app+ app- 5s line+", gate.AtLine, "", "", 0, ""},
		"leaves before it is known":       {"app+ line+ app- line-", gate.Idle, "", "", 0, ""},
		"is let in":                       {"app+ line+ app- G1 /open " + through + "up- down+", gate.Idle, "", gate.EndAdmitted, 1, ""},
		"is let in, the next at the line": {"app+ line+ app- G1 /open " + through + "app+ app- line+ up- down+", gate.AtLine, "", gate.EndAdmitted, 1, ""},
		"is let in, and the arm is up":    {"line+ G1 /open " + through, gate.Admitting, "", gate.EndAdmitted, 1, ""},
		"takes its time to start":         {"line+ G1 /open down- up+ 50s", gate.Admitting, "", gate.EndAdmitted, 1, ""},

		"backs out":                         {"line+ F1 line- 4s", gate.Idle, "", gate.EndLeft, 0, gate.WarnBackedOut},
		"backs out, and another comes":      {"line+ F1 line- 4s line+", gate.AtLine, "", gate.EndLeft, 0, ""},
		"moves on the detector":             {"line+ F1 line- 2s line+ 60s", gate.Waiting, "", "", 0, ""},
		"creeps under the arm":              {"line+ F1 under+ line- 60s", gate.Waiting, "", "", 0, gate.WarnUnderArm},
		"was known before it came":          {"F1 60s", gate.Waiting, "", "", 0, ""},
		"the line's detector is lost":       {"line+ F1 line? 60s", gate.Waiting, "device-lost:at-line", "", 0, ""},
		"is turned away, and stands":        {"line+ D1 /turn-away 60s", gate.Refusing, "", gate.EndRefused, 0, ""},
		"is turned away, and goes":          {"line+ D1 /turn-away 60s line-", gate.Idle, "", gate.EndRefused, 0, ""},
		"is let in, and backs out":          {"line+ G1 /open down- up+ 5s line- 15s", gate.Idle, "not-through.", gate.EndAdmitted, 1, ""},
		"is let in, and the arm falls":      {"line+ G1 /open down- up+ 5s line- up- down+", gate.Idle, "not-through.", gate.EndAdmitted, 1, ""},
		"runs through":                      {"line+ D1 down! line- under+ beyond+", gate.Idle, "forced-arm. ran-through.", gate.EndUnknown, 0, ""},
		"nobody knows it, and runs through": {"line+ line- under+ beyond+", gate.Idle, "ran-through.", "", 0, ""},

		"one follows through":               {"line+ G1 /open " + through + "under+ beyond+ under- beyond- up- down+", gate.Idle, "tailgating.", gate.EndAdmitted, 1, ""},
		"two follow through":                {"line+ G1 /open " + through + through + through + "up- down+", gate.Idle, "tailgating. tailgating.", gate.EndAdmitted, 1, ""},
		"two as one":                        {"line+ G1 /open down- up+ line- under+ beyond+ beyond- beyond+ under- beyond- up- down+", gate.Idle, "two-in-one.", gate.EndAdmitted, 1, ""},
		"a long one":                        {"line+ G1 /open down- up+ under+ beyond+ line- under- beyond- up- down+", gate.Idle, "", gate.EndAdmitted, 1, ""},
		"follows after a long time":         {"line+ G1 /open " + through + "20s under+ beyond+ under- beyond- up- down+", gate.Idle, "tailgating.", gate.EndAdmitted, 1, ""},
		"an alarm is taken note of":         {"line+ G1 /open " + through + "under+ beyond+ under- beyond- up- down+ //acknowledge", gate.Idle, "", gate.EndAdmitted, 1, ""},
		"the arm is forced":                 {"down-", gate.Idle, "forced-arm.", "", 0, ""},
		"the arm is said to be forced":      {"down! down+", gate.Idle, "forced-arm.", "", 0, ""},
		"the arm is forced while one waits": {"line+ F1 down-", gate.Waiting, "forced-arm.", "", 0, ""},
		"the arm is held open":              {"line+ G1 /open " + through + "62s", gate.Idle, "held-open", gate.EndAdmitted, 1, ""},
		"the arm was held open":             {"line+ G1 /open " + through + "62s up- down+", gate.Idle, "held-open.", gate.EndAdmitted, 1, ""},
		"a vehicle stands under the arm":    {"line+ G1 /open down- up+ line- under+ 300s", gate.Admitting, "", gate.EndAdmitted, 1, ""},
		"contacts contradict":               {"up+", gate.Idle, "arm-unclear", "", 0, ""},
		"contacts agree again":              {"up+ up-", gate.Idle, "", "", 0, ""},
		"against the direction":             {"beyond+ under+ beyond- line+ under- line-", gate.Idle, "wrong-way.", "", 0, ""},
		"somebody passes inside":            {"line+ G1 beyond+ beyond- /open " + through + "up- down+", gate.Idle, "", gate.EndAdmitted, 1, ""},
		"a detector stays covered":          {"app+ 16m", gate.Approaching, "covered-long:approach", "", 0, ""},
		"the line stays covered":            {"line+ 16m", gate.Idle, "covered-long:at-line", "", 0, ""},
		"the line is free again":            {"line+ 16m line-", gate.Idle, "", "", 0, ""},
		"what reads is lost":                {"app? line? under? beyond? up? down?", gate.Idle, "device-lost:approach device-lost:at-line device-lost:under-arm device-lost:beyond device-lost:arm-up device-lost:arm-down", "", 0, ""},
		"and back":                          {"app? line? under? beyond? up? down? 5s " + rest, gate.Idle, "", "", 0, ""},
		"bounces as the arm goes up":        {"line+ G1 /open down- 0.02s down+ 0.02s down- up+ 1s line- under+ beyond+ under- beyond- up- down+", gate.Idle, "", gate.EndAdmitted, 1, ""},
		"bounces as the arm comes down":     {"line+ G1 /open " + through + "up- down+ 0.05s down- 0.05s down+ 2s", gate.Idle, "", gate.EndAdmitted, 1, ""},
		"forced right after it came down":   {"line+ G1 /open " + through + "up- down+ 0.05s down- 2s", gate.Idle, "forced-arm.", gate.EndAdmitted, 1, ""},
		"the next is scanned early":         {"line+ G1 /open down- up+ 1s line- under+ app+ F2 beyond+ under- beyond- line+ up- down+ 5s", gate.Waiting, "", "", 1, ""},
		"scanned early, and both go":        {"line+ G1 /open down- up+ 1s line- under+ F2 beyond+ under- beyond- line+ line- under+ beyond+", gate.Idle, "ran-through.", gate.EndUnknown, 1, ""},
		"the next is scanned, and none go":  {"line+ G1 /open down- up+ 5s F2 line- up- down+ 1s", gate.Waiting, "not-through.", "", 1, ""},
		"is dismissed, and comes through":   {"line+ G1 /open down- up+ 1s /reset line- under+ beyond+ under- beyond- up- down+", gate.Idle, "", gate.EndAdmitted, 1, ""},
		"is dismissed, and backs out":       {"line+ G1 /open down- up+ 1s /reset line- up- down+", gate.Idle, "not-through.", gate.EndAdmitted, 1, ""},
		"the arm is said to be up":          {"up+ down- line+ G1 /open 6s /reset line- down+ up-", gate.Idle, "forced-arm. not-through.", gate.EndAdmitted, 0, ""},
		"under the arm it chatters":         {strings.Repeat("under+ under- 0.1s ", 30), gate.Idle, "device-lost:under-arm", "", 0, ""},
		"chatters, and nothing is raised":   {strings.Repeat("under+ under- 0.1s ", 30) + "line+ G1 /open 1s", gate.Admitting, "device-lost:under-arm", gate.EndArmFailed, 0, ""},
		"chatters, and is quiet again":      {strings.Repeat("under+ under- 0.1s ", 30) + "11s line+ G1 /open down- up+", gate.Admitting, "", gate.EndAdmitted, 1, ""},
		"behind the arm it chatters":        {strings.Repeat("beyond+ beyond- 0.1s ", 30), gate.Idle, "device-lost:beyond", "", 0, ""},
		"the line chatters":                 {"line+ F1 " + strings.Repeat("line- line+ 0.1s ", 30) + "60s", gate.Waiting, "", "", 0, ""},
		"a contact chatters":                {strings.Repeat("up+ up- 0.1s ", 30) + "11s", gate.Idle, "", "", 0, ""},
		"in the wrong order":                {"line+ G1 /open down- up+ 1s beyond+ under+ line- beyond- under- up- down+", gate.Idle, "wrong-way. not-through.", gate.EndAdmitted, 1, ""},
		"is let in by a lane that is blind": {"app? line? under? beyond? up? down? G1 /open 11s //acknowledge", gate.Idle, "", "", 1, ""},
	} {
		if strings.Contains(tt.script, "16m") {
			tt.script = strings.ReplaceAll(tt.script, "16m", "960s")
		}
		if name == "is let in by a lane that is blind" {
			tt.script, tt.ending = "app? line? under? beyond? up? down? G1 /open 11s "+rest, gate.EndAdmitted
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := playing(t)
				defer y.close()
				y.play(rest + tt.script)
				v := y.view()
				if v.State != tt.state {
					t.Errorf("lane is %s, want %s", v.State, tt.state)
				}
				if got := y.alarms(); got != tt.alarms {
					t.Errorf("alarms %q, want %q", got, tt.alarms)
				}
				if got := strings.Join(v.Warnings, " "); got != tt.warn {
					t.Errorf("warnings %q, want %q", got, tt.warn)
				}
				if n := count(y.store.Trace(), "arm"); n != tt.raised {
					t.Errorf("arm commanded %d times, want %d", n, tt.raised)
				}
				list, err := y.memory.Passages(t.Context(), gate.PassageFilter{})
				if err != nil {
					t.Fatal(err)
				}
				if tt.ending != "" && (len(list) == 0 || list[0].Ending != tt.ending) {
					t.Errorf("passages %+v, want the last to end %s", list, tt.ending)
				}
				// Alarms of devices have records of their own.
				for _, kind := range strings.Fields(tt.alarms) {
					word, _, _ := strings.Cut(strings.TrimSuffix(kind, "."), ":")
					if word != string(gate.AlarmDeviceLost) && y.logged(gate.EventAlarm, word) == 0 {
						t.Errorf("the log does not tell of %s", kind)
					}
				}
			})
		})
	}
}

// TestDeviceFaultsAreRecordedOnce, however often they are told.
func TestDeviceFaultsAreRecordedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := playing(t)
		defer y.close()
		y.play(rest)
		for range 3 {
			y.play("line? under? 1s")
			y.c.Device("north", gate.DeviceStatus{Device: "board", Fault: "offline"})
			time.Sleep(time.Second)
		}
		if v := y.view(); v.Notice != gate.NoticeDevice || len(v.Devices) != 3 {
			t.Errorf("notice %q, devices %+v", v.Notice, v.Devices)
		}
		y.play("line- 1s under- 1s")
		for range 2 {
			y.c.Device("north", gate.DeviceStatus{Device: "board"})
			time.Sleep(time.Second)
		}
		if v := y.view(); v.Notice != "" || len(v.Devices) != 0 || len(v.Alarms) != 0 {
			t.Errorf("notice %q, devices %+v, alarms %+v", v.Notice, v.Devices, v.Alarms)
		}
		// One of the points, told when the first was lost and when the last was
		// back, and one of the board.
		if f, b := y.logged(gate.EventDeviceFault, ""), y.logged(gate.EventDeviceBack, ""); f != 2 || b != 2 {
			t.Errorf("%d faults and %d returns are recorded, want 2 and 2", f, b)
		}
	})
}

// TestAutoOpenOnlyWhenTheWayIsFree: policy opens when everything says that it
// may, once, and else leaves it to a person.
func TestAutoOpenOnlyWhenTheWayIsFree(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		raised int
		state  gate.State
	}{
		"free":                          {"line+ G1", 1, gate.Admitting},
		"flagged":                       {"line+ F1 60s", 0, gate.Waiting},
		"not at the line yet":           {"G1 60s", 0, gate.Waiting},
		"comes to the line":             {"G1 10s line+", 1, gate.Admitting},
		"something is under the arm":    {"under+ line+ G1 60s", 0, gate.Waiting},
		"and has gone":                  {"under+ line+ G1 10s under-", 1, gate.Admitting},
		"a detector is lost":            {"under? line+ G1 60s", 0, gate.Waiting},
		"the arm is not down":           {"line+ down- G1 10s", 0, gate.Waiting},
		"an alarm stands":               {"down! down+ line+ G1 60s", 0, gate.Waiting},
		"an alarm was taken note of":    {"down! down+ line+ G1 10s //acknowledge", 1, gate.Admitting},
		"a person holds it":             {"under+ line+ G1 /hold under- 60s", 0, gate.Waiting},
		"it has backed out":             {"under+ line+ G1 line- under- 4s line+ 60s", 0, gate.AtLine},
		"an egress came between":        {"under+ line+ G1 //egress under- //egress-end 60s", 0, gate.AtLine},
		"the next, while the arm is up": {"line+ G1 " + through + "line+ G2 60s", 1, gate.Waiting},
		"the next, when it is down":     {"line+ G1 " + through + "line+ G2 2s up- down+", 2, gate.Admitting},
		"once, whatever the arm does":   {"line+ G1 60s down- up+ up- down+ 60s", 1, gate.Admitting},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := playing(t, func(l *gate.LaneConfig, _ *yard) { l.AutoOpen = true })
				defer y.close()
				y.play(rest + tt.script)
				if n := count(y.store.Trace(), "arm"); n != tt.raised {
					t.Errorf("arm commanded %d times, want %d", n, tt.raised)
				}
				v := y.view()
				if v.State != tt.state {
					t.Errorf("lane is %s, want %s; alarms %s", v.State, tt.state, y.alarms())
				}
			})
		})
	}
}

// TestAutoOpenLeavesConditionsToAPerson: what a person has to see to is not
// policy's to open for.
func TestAutoOpenLeavesConditionsToAPerson(t *testing.T) {
	for name, v := range map[string]policy.Verdict{
		"conditions": {Outcome: policy.Grant, Conditions: []string{"escort"}},
		"presumed":   {Outcome: policy.Grant, Presumed: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := startYard(t, storetest.NewMemory(), gate.AssessorFunc(func(r gate.Request) gate.Assessment {
					return gate.Assessment{VIN: r.VIN, Verdict: v}
				}), nil, func(l *gate.LaneConfig, _ *yard) { l.AutoOpen = true })
				defer y.close()
				y.arrive("V1")
				time.Sleep(time.Minute)
				if n := count(y.store.Trace(), "arm"); n != 0 || y.view().State != gate.Waiting {
					t.Errorf("%d commands, lane is %s", n, y.view().State)
				}
			})
		})
	}
}

// TestCoveredArmIsNotRaised, whoever asks.
func TestCoveredArmIsNotRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := playing(t)
		defer y.close()
		y.play(rest + "line+ G1 under+")
		v := y.view()
		if slices.Contains(v.Allowed, gate.ActOpen) {
			t.Errorf("allowed %v", v.Allowed)
		}
		if err := y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: v.Passage.ID, By: "anna"}); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("error %v", err)
		}
		// A detector that sees something for so long is not believed, and not
		// overruled by the program either: a person raises the arm by hand.
		y.play("960s /open")
		y.is(gate.Admitting, gate.NoticeArm, gate.ArmFault)
		if n := count(y.store.Trace(), "arm"); n != 0 || y.ending(v.Passage.ID) != gate.EndArmFailed {
			t.Errorf("%d commands, ending %s", n, y.ending(v.Passage.ID))
		}
	})
}

// TestOpenWaitsForTheArmToBeDown: a person's act for the next vehicle while the
// arm still closes is carried out when it is down.
func TestOpenWaitsForTheArmToBeDown(t *testing.T) {
	for name, tt := range map[string]struct {
		script string
		raised int
		ending gate.Ending
	}{
		"comes down":     {"2s up- down+", 2, gate.EndAdmitted},
		"stays up":       {"10s", 1, gate.EndAdmitted},
		"down on top":    {"2s under+ up- down+ 10s", 1, gate.EndArmFailed},
		"contacts lost":  {"2s up? down? 10s", 1, gate.EndArmFailed},
		"store fails":    {"", 1, gate.EndUnknown},
		"egress":         {"1s //egress up- down+", 1, gate.EndUnknown},
		"manual by hand": {"", 1, gate.EndUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := playing(t, func(l *gate.LaneConfig, _ *yard) { l.Tandem = name == "store fails" })
				defer y.close()
				wait := ""
				if name == "store fails" { // the second comes up when the first had the time to leave
					wait = "12s "
				}
				y.play(rest + "line+ G1 /open " + through + "line+ G2 " + wait + "/open")
				id := y.view().Passage.ID
				switch name {
				case "store fails":
					y.store.Break(storetest.StepRecord, false, 1)
					if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G3"}); !errors.Is(err, gate.ErrManual) {
						t.Fatal(err)
					}
					y.play("up- down+ 5s")
				case "manual by hand":
					if err := y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActManualStart, By: "anna", Reason: "drill"}); !errors.Is(err, gate.ErrNotAllowed) {
						t.Fatalf("while the arm is about to move: %v", err)
					}
					y.stop()
					synctest.Wait()
				default:
					y.play(tt.script)
				}
				if n := count(y.store.Trace(), "arm"); n != tt.raised {
					t.Errorf("arm commanded %d times, want %d", n, tt.raised)
				}
				if name == "manual by hand" { // the program has ended: the next start closes it
					return
				}
				if e := y.ending(id); e != tt.ending {
					t.Errorf("ending %q, want %q", e, tt.ending)
				}
			})
		})
	}
}

// TestTandem: the second vehicle has its verdict while the first is at the arm;
// acts name their passage, and the arm moves for the first only.
func TestTandem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := playing(t, func(l *gate.LaneConfig, y *yard) {
			l.Tandem = true
			y.arm.raise = func(context.Context) error { time.Sleep(time.Second); return nil }
		})
		defer y.close()
		y.play(rest + "line+ F1")
		first := y.view().Passage.ID
		second := y.arrive("G2")
		v := y.view()
		if v.State != gate.Waiting || v.Passage.ID != first || len(v.Vehicles) != 2 || v.Vehicles[1].Passage.ID != second || v.Vehicles[1].Passage.Result.Verdict.Outcome != policy.Grant {
			t.Fatalf("view %+v", v)
		}
		if again := y.arrive("G2"); again != second {
			t.Error("the same arrival again is another passage")
		}
		for _, k := range []gate.ActKind{gate.ActOpen, gate.ActOverride} {
			err := y.c.Act(t.Context(), "north", gate.Act{Kind: k, Passage: second, By: "anna", Reason: "r", Supervisor: "jan"})
			if !errors.Is(err, gate.ErrNotAllowed) {
				t.Errorf("%s for the second vehicle: %v", k, err)
			}
		}
		if err := y.c.Changed(t.Context(), "posture"); err != nil {
			t.Fatal(err)
		}
		for _, id := range []gate.PassageID{first, second} {
			if rec, err := y.memory.Passage(t.Context(), id); err != nil || len(rec.Reassessments) != 1 {
				t.Errorf("%s was decided again %d times: %v", id, len(rec.Reassessments), err)
			}
		}
		y.act(gate.ActOpen, first)
		third := y.arrive("D3") // while the arm moves: the second was none, or has left
		if e := y.ending(second); e != gate.EndLeft {
			t.Errorf("the second vehicle ended %q", e)
		}
		y.play("1s " + through)
		if v := y.view(); v.State != gate.Admitting || v.Passage.ID != first {
			t.Fatalf("view %+v", v)
		}
		y.play("line+ up- down+")
		if v := y.view(); v.State != gate.Waiting || v.Passage.ID != third || len(v.Vehicles) != 1 || !v.Durable {
			t.Fatalf("the third has not come up: %+v", v)
		}
		y.act(gate.ActTurnAway, third)
		y.play("line-")
		y.is(gate.Idle, "", gate.ArmClosed)
		if e, n := y.ending(first), count(y.store.Trace(), "arm"); e != gate.EndAdmitted || n != 1 {
			t.Errorf("the first ended %q, %d commands", e, n)
		}
	})
}

// TestSecondVehicleIsSentAway without the first being touched.
func TestSecondVehicleIsSentAway(t *testing.T) {
	for kind, want := range map[gate.ActKind]gate.Ending{gate.ActTurnAway: gate.EndRefused, gate.ActInspect: gate.EndInspection, gate.ActReset: gate.EndLeft, gate.ActHold: ""} {
		synctest.Test(t, func(t *testing.T) {
			y := playing(t, func(l *gate.LaneConfig, _ *yard) { l.Tandem = true })
			defer y.close()
			y.play(rest + "line+ F1")
			second := y.arrive("D2")
			y.act(kind, second)
			v := y.view()
			if n := len(v.Vehicles); v.State != gate.Waiting || n != 1 && want != "" || y.ending(second) != want {
				t.Errorf("%s: %d vehicles, ending %q, lane is %s", kind, n, y.ending(second), v.State)
			}
		})
	}
}

func (y *yard) laneAct(lane gate.LaneID, kind gate.ActKind, reason string) error {
	return y.c.Act(y.t.Context(), lane, gate.Act{Kind: kind, By: "anna", Reason: reason})
}

// TestReversible: a lane is turned by a person, when nobody is in it, and judges
// by its direction.
func TestReversible(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := playing(t, func(l *gate.LaneConfig, _ *yard) { l.Direction = gate.DirectionReversible })
		defer y.close()
		y.play(rest)
		v := y.view()
		if v.State != gate.OutOfService || v.Closed == "" || !slices.Contains(v.LaneActs, gate.ActTurnExit) || slices.Contains(v.LaneActs, gate.ActReopen) {
			t.Fatalf("it begins %+v", v)
		}
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1"}); !errors.Is(err, gate.ErrOutOfService) {
			t.Errorf("error %v", err)
		}
		y.play("//turn-entry line+")
		if err := y.laneAct("north", gate.ActTurnExit, ""); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("with a vehicle in it: %v", err)
		}
		y.play("G1")
		if m := y.view().Passage.Moment; m != policy.MomentEntry {
			t.Errorf("moment %v", m)
		}
		y.play("/turn-away line- //turn-exit")
		if v := y.view(); v.Direction != gate.DirectionExit || !v.Turns || v.State != gate.Idle {
			t.Errorf("view %+v", v)
		}
		// Now vehicles come from where they went before.
		y.play("beyond+ G2")
		v = y.view()
		if v.Passage.Moment != policy.MomentExit || v.Passage.Result.Facts.Moment != policy.MomentEntry { // the test's judge does not say
			t.Errorf("moment %v", v.Passage.Moment)
		}
		y.play("/open down- up+ beyond- under+ line+ under- line- up- down+")
		if got := y.alarms(); got != "" || y.view().State != gate.Idle {
			t.Errorf("alarms %q, lane is %s", got, y.view().State)
		}
		if n := y.logged(gate.EventLaneTurned, ""); n != 2 {
			t.Errorf("%d turns are recorded", n)
		}
	})
}

func TestPeopleCloseAndOpenLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		y := playing(t)
		defer y.close()
		y.play(rest)
		for _, a := range []gate.Act{
			{Kind: gate.ActClose, By: "anna"},
			{Kind: gate.ActClose, By: "anna", Reason: "Krakow KR 12345"},
			{Kind: gate.ActManualStart, By: "anna", Reason: ""},
		} {
			if err := y.c.Act(t.Context(), "north", a); !errors.Is(err, gate.ErrNeedsReason) {
				t.Errorf("%+v: %v", a, err)
			}
		}
		for _, a := range []gate.Act{{Kind: gate.ActClose, Reason: "damaged"}, {Kind: gate.ActReopen, By: "anna"}, {Kind: gate.ActTurnExit, By: "anna"}, {Kind: gate.ActEgressEnd, By: "anna"}, {Kind: gate.ActClose, By: "anna", Reason: "damaged", Passage: "x"}} {
			if err := y.c.Act(t.Context(), "north", a); !errors.Is(err, gate.ErrNotAllowed) {
				t.Errorf("%+v: %v", a, err)
			}
		}
		if err := y.laneAct("north", gate.ActClose, "damaged"); err != nil {
			t.Fatal(err)
		}
		if v := y.view(); v.State != gate.OutOfService || v.Closed != "damaged" {
			t.Errorf("view %+v", v)
		}
		y.play("//in-service")
		y.is(gate.Idle, "", gate.ArmClosed)
		y.play("line+ G1")
		id := y.view().Passage.ID
		if err := y.laneAct("north", gate.ActClose, "damaged"); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("with a vehicle that waits: %v", err)
		}
		if err := y.laneAct("north", gate.ActManualStart, "drill"); err != nil {
			t.Fatal(err)
		}
		if v := y.view(); v.State != gate.Manual || v.Closed != "drill" || y.ending(id) != gate.EndUnknown {
			t.Errorf("view %+v, ending %s", v, y.ending(id))
		}
		time.Sleep(time.Minute)
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G2"}); !errors.Is(err, gate.ErrManual) {
			t.Errorf("the lane left manual procedure by itself: %v", err)
		}
		y.play("down- up+ under+ under- up- down+") // by hand
		if got := y.alarms(); got != "" {
			t.Errorf("alarms %q in manual procedure", got)
		}
		y.play("line- //manual-end")
		y.is(gate.Idle, "", gate.ArmClosed)
	})
}

// egressYard is a site with an entry, an exit and one button.
func egressYard(t *testing.T, change ...func(*gate.LaneConfig, *yard)) (*yard, func(gate.LaneID) gate.LaneView) {
	t.Helper()
	y := startYard(t, storetest.NewMemory(), gate.AssessorFunc(judge), []func(*gate.Config){func(c *gate.Config) {
		exit := c.Lanes[0]
		exit.ID, exit.Direction, exit.Points = "south", gate.DirectionExit, append(slices.Clone(allPoints), gate.PointEgress)
		c.Lanes = append(c.Lanes, exit)
	}}, append([]func(*gate.LaneConfig, *yard){func(l *gate.LaneConfig, _ *yard) { l.Points, l.Attributor = allPoints, nil }}, change...)...)
	return y, func(id gate.LaneID) gate.LaneView {
		synctest.Wait()
		v, _ := y.c.View(id)
		return v
	}
}

func (y *yard) exit(words string) {
	y.t.Helper()
	for word := range strings.FieldsSeq(words) {
		if !y.c.Input("south", gate.Input{Point: pointWords[word[:len(word)-1]], Level: map[byte]gate.Level{'+': gate.LevelOn, '-': gate.LevelOff}[word[len(word)-1]], At: time.Now()}) {
			y.t.Fatal(word)
		}
		synctest.Wait()
	}
}

func TestEgress(t *testing.T) {
	for _, by := range []string{"button", "person"} {
		t.Run(by, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y, lane := egressYard(t)
				defer y.close()
				y.play(rest)
				y.exit(rest)
				y.play("line+ F1")
				waits := y.view().Passage.ID
				if by == "button" {
					y.exit("fire+")
				} else if err := y.laneAct("north", gate.ActEgress, ""); err != nil {
					t.Fatal(err)
				}
				if n, s := lane("north"), lane("south"); n.State != gate.Egress || s.State != gate.Egress || n.Arm != gate.ArmClosed {
					t.Fatalf("entry %s with its arm %s, exit %s", n.State, n.Arm, s.State)
				}
				y.exit("down- up+")
				if n := count(y.store.Trace(), "arm"); n != 1 {
					t.Errorf("%d commands, want one, to the exit's arm", n)
				}
				if e := y.ending(waits); e != gate.EndUnknown {
					t.Errorf("the vehicle that waited ended %q", e)
				}
				for _, id := range []gate.LaneID{"north", "south"} {
					if _, err := y.c.Arrive(t.Context(), id, gate.Arrival{VIN: "G1"}); !errors.Is(err, gate.ErrEgress) {
						t.Errorf("%s: %v", id, err)
					}
				}
				for range 3 { // vehicles leave, and the button keeps being pressed
					y.exit("fire- line+ line- under+ beyond+ under- beyond- fire+")
				}
				time.Sleep(time.Hour)
				if v := lane("south"); v.State != gate.Egress || v.Arm != gate.ArmOpen || len(v.Alarms) != 0 {
					t.Errorf("after an hour %+v", v)
				}
				y.exit("up- down+") // somebody lowers the arm: a person sees to it
				if v := lane("south"); len(v.Alarms) != 1 || v.Alarms[0].Kind != gate.AlarmEgressArm || !slices.Contains(v.LaneActs, gate.ActEgress) {
					t.Errorf("with the arm down %+v", v)
				}
				if n := count(y.store.Trace(), "arm"); n != 1 {
					t.Errorf("%d commands, want one", n)
				}
				if err := y.laneAct("south", gate.ActEgress, ""); err != nil {
					t.Fatal(err)
				}
				y.exit("down- up+")
				if n := count(y.store.Trace(), "arm"); n != 2 {
					t.Errorf("%d commands after a person ordered another", n)
				}
				y.exit("fire-")
				time.Sleep(time.Hour)
				if v := lane("north"); v.State != gate.Egress {
					t.Errorf("it ended by itself: %s", v.State)
				}
				if err := y.laneAct("north", gate.ActEgressEnd, ""); err != nil {
					t.Fatal(err)
				}
				if n, s := lane("north"), lane("south"); n.State != gate.Idle || s.State != gate.Idle {
					t.Errorf("in the end entry %s, exit %s", n.State, s.State)
				}
				if b, e := y.logged(gate.EventEgressBegun, ""), y.logged(gate.EventEgressEnded, ""); b != 3 || e != 2 {
					t.Errorf("%d beginnings and %d ends are recorded, want 3 and 2", b, e)
				}
			})
		})
	}
}

// lamps are lamps or a panel that may fail.
type lamps struct {
	mu    sync.Mutex
	shown []string
	fails bool
}

func (l *lamps) show(s string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails {
		return errors.New("no answer")
	}
	l.shown = append(l.shown, s)
	return nil
}
func (l *lamps) Show(_ context.Context, s gate.Signal) error { return l.show(string(s)) }
func (l *lamps) Tell(_ context.Context, s gate.Sign) error   { return l.show(string(s)) }
func (l *lamps) broken(b bool)                               { l.mu.Lock(); l.fails = b; l.mu.Unlock() }
func (l *lamps) all() string                                 { l.mu.Lock(); defer l.mu.Unlock(); return strings.Join(l.shown, " ") }

func TestLampsFollowTheLane(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		light, panel := &lamps{}, &lamps{}
		y := playing(t, func(l *gate.LaneConfig, _ *yard) { l.Lamps, l.Panel = light, panel })
		y.play(rest + "line+ G1 /open down- up+ 1s line- under+ beyond+ under- beyond- up- down+")
		if got, want := light.all(), "red green red"; got != want {
			t.Errorf("lamps %q, want %q", got, want)
		}
		if got, want := strings.TrimPrefix(panel.all(), "closed "), " stop wait go wait "; got != want {
			t.Errorf("panel %q, want %q", got, want)
		}
		light.broken(true)
		y.play("line+ G2 /open 1s")
		if v := y.view(); v.State != gate.Admitting || v.Notice != gate.NoticeDevice {
			t.Errorf("with broken lamps the lane is %s, notice %q", v.State, v.Notice)
		}
		light.broken(false)
		time.Sleep(5 * time.Second)
		if v := y.view(); v.Notice != "" || len(v.Devices) != 0 {
			t.Errorf("notice %q, devices %+v", v.Notice, v.Devices)
		}
		if f, b := y.logged(gate.EventDeviceFault, "lamps"), y.logged(gate.EventDeviceBack, "lamps"); f != 1 || b != 1 {
			t.Errorf("%d faults, %d returns", f, b)
		}
		y.close()
		if got := light.all(); !strings.HasSuffix(got, "red") {
			t.Errorf("in the end the lamps show %q", got)
		}
	})
}

// TestAutoOpenNeedsMoreThanAPlate: what anybody can copy opens nothing by itself,
// whatever the list says of it; the VIN that is read next does.
func TestAutoOpenNeedsMoreThanAPlate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var shown policy.Leaf[string]
		y := startYard(t, storetest.NewMemory(), gate.AssessorFunc(func(r gate.Request) gate.Assessment {
			return gate.Assessment{VIN: r.VIN, Verdict: policy.Verdict{Outcome: policy.Grant}}
		}), []func(*gate.Config){func(c *gate.Config) {
			c.Identity = identityFunc(func(p gate.Presented) gate.Identified {
				var f policy.ArrivalFacts
				f.Pass = shown
				if p.Pass != "" {
					f.Pass = policy.Know(map[string]string{"good": policy.PassValid, "old": policy.PassExpired}[p.Pass], policy.Source{})
					f.PassRefused = policy.Know(p.Pass != "good", policy.Source{})
				}
				return gate.Identified{Facts: f}
			})
		}}, func(l *gate.LaneConfig, _ *yard) { l.AutoOpen, l.Attributor, l.ClearAfter = true, nil, time.Second })
		defer y.close()
		raised := 0
		for _, tt := range []struct {
			onRecord bool
			first    gate.Arrival
			then     *gate.Arrival
			opens    bool
		}{
			{false, gate.Arrival{Plate: "WX1", Via: "camera"}, nil, false},
			{true, gate.Arrival{Plate: "WX2", Via: "camera"}, nil, false}, // it has a pass, and shows none
			{false, gate.Arrival{Plate: "WX3", Via: "camera", Pass: "old"}, nil, false},
			{false, gate.Arrival{Plate: "WX4", Via: "camera", Pass: "good"}, nil, true},
			{false, gate.Arrival{Plate: "WX5", Via: "camera"}, &gate.Arrival{Pass: "good", Via: "scanner"}, true},
			{false, gate.Arrival{Plate: "WX6", Via: "camera"}, &gate.Arrival{VIN: "V6", Via: "scanner"}, true},
			{false, gate.Arrival{VIN: "V7", Plate: "WX7", Via: "scanner"}, nil, true},
		} {
			shown = policy.Leaf[string]{}
			if tt.onRecord {
				shown = policy.Know(policy.PassValid, policy.Source{})
			}
			if _, err := y.c.Arrive(t.Context(), "north", tt.first); err != nil {
				t.Fatal(err)
			}
			if tt.then != nil {
				if v := y.view(); v.State != gate.Waiting || !slices.Contains(v.Warnings, gate.WarnAutoPlate) {
					t.Errorf("%+v: lane is %s, warnings %q", tt.first, v.State, v.Warnings)
				}
				if _, err := y.c.Arrive(t.Context(), "north", *tt.then); err != nil {
					t.Fatal(err)
				}
			}
			v := y.view()
			if tt.opens {
				raised++
			} else if !slices.Contains(v.Warnings, gate.WarnAutoPlate) || slices.Contains(v.Warnings, gate.WarnAutoPaused) {
				t.Errorf("%+v: warnings %q", tt.first, v.Warnings)
			}
			if n := count(y.store.Trace(), "arm"); n != raised {
				t.Fatalf("%+v: arm commanded %d times, want %d", tt.first, n, raised)
			}
			if !tt.opens {
				y.play("/reset")
			}
			time.Sleep(15 * time.Second)
		}
	})
}

type identityFunc func(gate.Presented) gate.Identified

func (f identityFunc) Identify(_ context.Context, p gate.Presented) (gate.Identified, error) {
	return f(p), nil
}

// TestEgressBeforeTheLaneRuns: a button that is pressed while the program starts
// counts, whatever another button says after it.
func TestEgressBeforeTheLaneRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		y := startYard(t, memory, gate.AssessorFunc(judge), []func(*gate.Config){func(c *gate.Config) {
			c.Store.(*storetest.Faults).Break(storetest.StepCloseOpen, false, 1)
		}}, func(l *gate.LaneConfig, _ *yard) {
			l.Points, l.Attributor = append(slices.Clone(allPoints), gate.PointEgress), nil
		})
		defer y.close()
		if v := y.view(); v.State == gate.Idle {
			t.Fatalf("the lane is in service")
		}
		y.play("fire+ 0.1s fire- 60s")
		if v := y.view(); v.State != gate.Egress {
			t.Errorf("lane is %s", v.State)
		}
	})
}

// TestCrowdedInputsKeepWhatMustNotBeMissed: a detector that floods the lane while
// the store is slow hides no forced arm, and no button that was let go of.
func TestCrowdedInputsKeepWhatMustNotBeMissed(t *testing.T) {
	for name, tt := range map[string]struct {
		in    gate.Input
		state gate.State
		alarm string
	}{
		"forced": {gate.Input{Point: gate.PointArmDown, Level: gate.LevelOff, Forced: true}, gate.Idle, "forced-arm."},
		"button": {gate.Input{Point: gate.PointEgress, Level: gate.LevelOn}, gate.Egress, ""},
		"tamper": {gate.Input{Point: gate.PointTamper, Level: gate.LevelOn}, gate.Idle, "tamper."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				y := playing(t, func(l *gate.LaneConfig, _ *yard) {
					l.Points = append(slices.Clone(allPoints), gate.PointEgress, gate.PointTamper)
				})
				defer y.close()
				y.play(rest + "fire- tamper-")
				y.c.Input("north", tt.in)
				y.c.Input("north", gate.Input{Point: tt.in.Point, Level: gate.LevelOn + gate.LevelOff - tt.in.Level})
				for i := range 1000 {
					y.c.Input("north", gate.Input{Point: gate.PointApproach, Level: gate.Level(1 + i%2)})
				}
				y.c.Input("north", gate.Input{Point: gate.PointApproach, Level: gate.LevelOff})
				time.Sleep(30 * time.Second)
				if v := y.view(); v.State != tt.state || y.alarms() != tt.alarm {
					t.Errorf("lane is %s, alarms %q", v.State, y.alarms())
				}
			})
		})
	}
}
