package view

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/rf"
)

// The word of a probability and its number never contradict each other, and
// neither says that anything is certain.
func TestProbabilityInWords(t *testing.T) {
	b := base(t, "pl")
	for p, want := range map[float64][2]string{
		0: {"hardly", "< 1 %"}, 0.0099: {"hardly", "< 1 %"}, 0.01: {"hardly", "1 %"}, 0.4999: {"hardly", "49 %"}, 0.5: {"rather", "50 %"},
		0.57: {"rather", "57 %"}, 0.58: {"rather", "58 %"}, 0.7: {"likely", "70 %"}, 0.8999: {"likely", "89 %"}, 0.9: {"very", "90 %"},
		0.9899: {"very", "98 %"}, 0.99: {"almost", "99 %"}, 0.9901: {"almost", "> 99 %"}, 1: {"almost", "> 99 %"},
	} {
		if got := strings.ReplaceAll(b.percent(p), "\u00a0", " "); got != want[1] || sureness(p) != want[0] {
			t.Errorf("%v: %q %q, want %q %q", p, sureness(p), got, want[0], want[1])
		}
	}
}

func TestClockInWords(t *testing.T) {
	b := base(t, "en")
	for _, x := range []struct {
		c    gate.SensorClock
		want string
		bad  bool
	}{
		{gate.SensorClock{Trust: gate.ClockGood, Median: 0.01}, "in step", false},
		{gate.SensorClock{Trust: gate.ClockGood, Median: -0.4}, "in step (0.4 s behind)", false},
		{gate.SensorClock{Trust: gate.ClockOff, Median: -2.1, Spread: 0.1}, "clock 2.1 s behind: attribution suffers", true},
		{gate.SensorClock{Trust: gate.ClockOff, Median: 0.2, Spread: 4}, "clock unsteady by 4.0 s: attribution suffers", true},
		{gate.SensorClock{Trust: gate.ClockWrong, Median: 7300}, "clock 2 h ahead: refused", true},
		{gate.SensorClock{Trust: gate.ClockWrong, Median: -1.77e9}, "clock 56 years behind: refused", true},
		{gate.SensorClock{Trust: gate.ClockUnknown}, "not known yet", false},
		{gate.SensorClock{}, "not known yet", false},
	} {
		got, bad := b.clockWords(x.c)
		if got = strings.ReplaceAll(got, "\u00a0", " "); got != x.want || bad != x.bad {
			t.Errorf("%+v: %q %v", x.c, got, bad)
		}
	}
}

// A lane's sensors are well only when every one that should report does.
func TestHealthInOneLine(t *testing.T) {
	b := base(t, "en")
	for _, x := range []struct {
		states []string
		shape  string
		words  string
	}{
		{nil, "none", "No sensor is set up."},
		{[]string{gate.SensorAlive}, "grant", "1 sensor, and it reports"},
		{[]string{gate.SensorAlive, gate.SensorAlive}, "grant", "2 sensors, all report"},
		{[]string{gate.SensorNew, gate.SensorNew}, "none", "Sensors have just started: nothing heard yet."},
		{[]string{gate.SensorAlive, gate.SensorNew}, "none", "Sensors have just started: nothing heard yet."},
		{[]string{gate.SensorNew, gate.SensorSilent}, "flag", "1 of 2 sensors does not report as it should"},
		{[]string{gate.SensorNever, gate.SensorSkewed, gate.SensorAlive}, "flag", "2 of 3 sensors do not report as they should"},
		{[]string{"some state of another program"}, "flag", "1 of 1 sensors does not report as it should"},
	} {
		var all []gate.SensorHealth
		for _, s := range x.states {
			all = append(all, gate.SensorHealth{State: s})
		}
		if got := b.health(all); got.Shape != x.shape || got.Words != x.words {
			t.Errorf("%q: %+v", x.states, got)
		}
	}
}

// The guard's one line about the sensors is true in each state.
func TestKioskRadioLine(t *testing.T) {
	b := base(t, "en")
	now := b.Now
	for _, x := range []struct {
		r      gate.RadioState
		notice string
		want   string
		ok     bool
	}{
		{gate.RadioState{}, "", "Radio: no sensor", false},
		{gate.RadioState{Silent: []string{"a"}}, "", "Radio: nothing heard", false},
		{gate.RadioState{Silent: []string{"a"}, LastHeard: now.Add(-time.Hour)}, "", "Radio: silent since 11:00:00", false},
		{gate.RadioState{Sensors: 1, Silent: []string{"a"}, LastHeard: now}, "", "Radio: 1 sensor silent", false},
		{gate.RadioState{Sensors: 2, Skewed: []string{"a", "b"}, LastHeard: now}, "", "Radio: 2 sensor clocks off", false},
		{gate.RadioState{Sensors: 2, Crowded: true, LastHeard: now}, "", "Radio: too many radios to tell apart", false},
		{gate.RadioState{Sensors: 2, LastHeard: now}, "", "Radio: listening", true},
		{gate.RadioState{Sensors: 2, LastHeard: now}, gate.NoticeRadioNoDPIA, "Radio: not in verdicts", false},
	} {
		k := NewKiosk(b, gate.LaneView{Radio: x.r, Notice: x.notice}, nil)
		if k.Radio != x.want || k.RadioOK != x.ok || k.Notice != "" {
			t.Errorf("%+v: %q %v, notice %q", x.r, k.Radio, k.RadioOK, k.Notice)
		}
	}
}

var number = regexp.MustCompile(`-?[0-9.]+(?:e[+-]?[0-9]+)?|NaN|Inf`)

// Whatever a lane says of itself, the page renders, and all that is drawn lies
// within the drawing.
func TestRadioDrawsAnything(t *testing.T) {
	pages := set(t)
	b := base(t, "de")
	rapid.Check(t, func(t *rapid.T) {
		at := b.Now
		instant := func(name string) time.Time {
			return at.Add(time.Duration(rapid.Int64Range(-400, 60).Draw(t, name)) * time.Second)
		}
		level := func(name string) rf.Quantity {
			if rapid.Bool().Draw(t, name+" known") {
				return rf.Known(rapid.SampledFrom([]float64{-1e9, -150, -100, -55.5, 0, 20, 1e9}).Draw(t, name))
			}
			return rf.Quantity{}
		}
		lr := gate.LaneRadio{Lane: "a", At: at, From: instant("from"), Seconds: 300}
		for range rapid.IntRange(0, 4).Draw(t, "kinds") {
			l := gate.RadioLevels{
				Kind:  rapid.SampledFrom([]rf.Kind{rf.WiFi, rf.Cell, "gsm"}).Draw(t, "kind"),
				Level: rapid.SampledFrom([]rf.Level{rf.DBm, rf.Relative, rf.NoLevel, "x"}).Draw(t, "level"),
			}
			for range rapid.IntRange(0, 5).Draw(t, "seconds") {
				l.Seconds = append(l.Seconds, gate.RadioSecond{At: rapid.IntRange(-10, 700).Draw(t, "second"), Stop: level("stop"), Upstream: level("up"), Emitters: rapid.IntRange(-1, 40_000).Draw(t, "emitters")})
			}
			lr.Levels = append(lr.Levels, l)
		}
		for range rapid.IntRange(0, 4).Draw(t, "vehicles") {
			v := gate.RadioVehicle{From: instant("came"), Finding: rf.Finding{Sensed: true, Heard: rapid.IntRange(-1, 9).Draw(t, "heard")}}
			if rapid.Bool().Draw(t, "left") {
				v.To = instant("gone")
			}
			for range rapid.IntRange(0, 3).Draw(t, "emitters of it") {
				v.Finding.Emitters = append(v.Finding.Emitters, rf.Heard{Kind: rf.BLE, Probability: rapid.Float64Range(0, 1).Draw(t, "p"), Otherwise: rapid.SampledFrom([]string{"", rf.OfPerson, "x"}).Draw(t, "else")})
			}
			lr.Vehicles = append(lr.Vehicles, v)
		}
		for range rapid.IntRange(0, 2).Draw(t, "sensors") {
			lr.Sensors = append(lr.Sensors, gate.SensorHealth{
				Name: "s", State: rapid.SampledFrom([]string{gate.SensorAlive, gate.SensorSilent, "x", ""}).Draw(t, "state"), LastHeard: instant("last"),
				Rate60: rapid.Float64Range(-1, 1e6).Draw(t, "rate"), Clock: gate.SensorClock{Trust: rapid.SampledFrom([]string{gate.ClockGood, gate.ClockOff, gate.ClockWrong, "x"}).Draw(t, "trust"), Median: rapid.Float64Range(-1e12, 1e12).Draw(t, "median")},
				Refused: map[string]uint64{rapid.SampledFrom([]string{"", "level", "<i>x</i>", ": only counted by the rules of "}).Draw(t, "reason"): 1},
			})
		}
		r := NewRadio(b, lr, gate.LaneView{}, AirLaw{}, nil)
		regions, err := pages.RenderRegions(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, reg := range regions {
			if strings.Contains(reg.HTML, "<i>x</i>") || strings.Contains(reg.HTML, "ZgotmplZ") {
				t.Fatalf("region %s: %s", reg.Name, reg.HTML)
			}
		}
		in := func(what, s string, most float64) {
			for _, n := range number.FindAllString(s, -1) {
				v, err := strconv.ParseFloat(n, 64)
				if err != nil || math.IsNaN(v) || v < 0 || v > most {
					t.Fatalf("%s at %q of %q, of %v", what, n, s, most)
				}
			}
		}
		high, wide := float64(r.Line.High), float64(r.Line.Wide)
		for _, s := range r.Line.Strips {
			in("bars", s.Bars, max(high, wide))
			in("dashes", s.Dashes, max(high, wide))
			in("base", s.Base+" "+s.LabelY+" "+s.NoteY, high)
		}
		for _, w := range r.Line.Windows {
			in("window", w.X+" "+w.Wide+" "+w.Right+" "+w.LabelX, wide)
		}
		for _, q := range r.Line.Quiet {
			in("quiet", q.X+" "+q.Wide+" "+q.LabelX, wide)
		}
	})
}

// A live page costs this once a second and screen.
func BenchmarkRadio(b *testing.B) {
	pages, page := set(b), base(b, "de")
	lr := gate.LaneRadio{Lane: "a", At: page.Now, From: page.Now.Add(-299 * time.Second), Seconds: 300}
	for _, k := range radioKinds {
		l := gate.RadioLevels{Kind: k}
		for i := range 300 {
			l.Seconds = append(l.Seconds, gate.RadioSecond{At: i, Stop: rf.Known(-50 - float64(i%17)), Upstream: rf.Known(-60), Observations: 100, Emitters: 1000})
		}
		lr.Levels = append(lr.Levels, l)
	}
	f := rf.Finding{Sensed: true, Heard: rf.MaxHeard}
	for i := range rf.MaxHeard {
		f.Emitters = append(f.Emitters, rf.Heard{Kind: rf.WiFi, Probability: 0.9, Seconds: i, Prefix: strconv.Itoa(i), Otherwise: rf.OfBehind, OtherwiseP: 0.05})
	}
	for i := range 8 {
		lr.Vehicles = append(lr.Vehicles, gate.RadioVehicle{From: lr.From.Add(time.Duration(i*30) * time.Second), To: lr.From.Add(time.Duration(i*30+20) * time.Second), Finding: f})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pages.RenderRegions(NewRadio(page, lr, gate.LaneView{}, AirLaw{}, nil)); err != nil {
			b.Fatal(err)
		}
	}
}
