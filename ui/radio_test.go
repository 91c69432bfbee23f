package ui

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"fmt"
	"html"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"sallyport/gate"
	"sallyport/policy"
	"sallyport/rf"
	"sallyport/rf/privacy"
	"sallyport/ui/view"
)

func (f *fakeLanes) Radio(id gate.LaneID) (gate.LaneRadio, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v, ok := f.views[id]
	if !ok {
		return gate.LaneRadio{}, false
	}
	if lr, set := f.air[id]; set {
		return lr, true
	}
	at := f.now()
	return gate.LaneRadio{Lane: id, Name: v.Name, At: at, From: at.Add(-gate.RadioSpan * time.Second), Seconds: gate.RadioSpan}, true
}

// hears sets what a lane's sensors have heard.
func (f *fakeLanes) hears(id gate.LaneID, lr gate.LaneRadio) {
	f.mu.Lock()
	defer f.mu.Unlock()
	lr.Lane, lr.Name = id, f.views[id].Name
	f.air[id] = lr
}

// scene makes up what a lane heard until an instant: the same for the same name.
type scene struct {
	gate.LaneRadio
	rand *rand.Rand
}

func newScene(at time.Time) *scene {
	return &scene{gate.LaneRadio{At: at, From: at.Add(-(gate.RadioSpan - 1) * time.Second), Seconds: gate.RadioSpan}, rand.New(rand.NewPCG(1, 2))}
}

// kind adds a kind: every so many seconds something is heard, at the line and
// before it, as loud as the function says.
func (s *scene) kind(k rf.Kind, lv rf.Level, from, to, every, emitters int, loud func(second int) (stop, up float64)) {
	l := gate.RadioLevels{Kind: k, Level: lv}
	for i := from; i < to; i += every {
		stop, up := loud(i)
		x := gate.RadioSecond{At: i, Observations: 1 + emitters*3, Emitters: emitters}
		if k == rf.Cell {
			x.Emitters = 0
		} else if emitters > 3 {
			x.Emitters += s.rand.IntN(3)
		}
		jitter := s.rand.Float64()*4 - 2
		if stop > -95 || lv == rf.Relative {
			x.Stop = rf.Known(math.Round((stop+jitter)*10) / 10)
		}
		if up > -95 && up != 0 {
			x.Upstream = rf.Known(math.Round((up-jitter)*10) / 10)
		}
		l.Seconds = append(l.Seconds, x)
	}
	s.Levels = append(s.Levels, l)
}

// passing is the level of something in a vehicle that stands from one second to
// another, over what is there anyway.
func passing(loudest, ground float64, from, to int) func(int) (float64, float64) {
	return func(i int) (float64, float64) {
		d := 0.0
		switch {
		case i < from:
			d = float64(from-i) * 3
		case i > to:
			d = float64(i-to) * 4
		}
		return max(ground, loudest-23*math.Log10(math.Hypot(d, 2.5)/2.5)), max(ground-6, loudest-9-23*math.Log10(math.Hypot(d-12, 2.5)/2.5)+14)
	}
}

func steady(stop, up float64) func(int) (float64, float64) {
	return func(int) (float64, float64) { return stop, up }
}

func (s *scene) second(i int) time.Time { return s.From.Add(time.Duration(i) * time.Second) }

// sensor adds a sensor that reports well.
func (s *scene) sensor(name, source, place string, change func(*gate.SensorHealth)) {
	h := gate.SensorHealth{
		Name: name, Source: source, Place: place, State: gate.SensorAlive, LastHeard: s.At.Add(-400 * time.Millisecond),
		Rate1: 212, Rate60: 198.4, Accepted: 1_284_551, Refused: map[string]uint64{}, Clock: gate.SensorClock{Median: -0.12, Spread: 0.05, Samples: 600, Trust: gate.ClockGood},
	}
	if change != nil {
		change(&h)
	}
	s.Sensors = append(s.Sensors, h)
}

// street is what is always there: access points, passers-by's telephones.
func (s *scene) street(to int) {
	s.kind(rf.WiFi, rf.DBm, 0, to, 1, 9, steady(-72, -76))
	s.kind(rf.BLE, rf.DBm, 0, to, 1, 14, steady(-70, -74))
}

// calm is a lane at which a car stands whose telephones alone are heard, after
// another.
func calm(at time.Time) gate.LaneRadio {
	s := newScene(at)
	s.street(gate.RadioSpan)
	s.kind(rf.TPMS, rf.Relative, 120, 290, 47, 1, steady(-14, 0))
	s.kind(rf.Cell, rf.DBm, 60, 280, 23, 0, steady(-82, -84))
	s.Vehicles = []gate.RadioVehicle{
		{Passage: "20261122T115600-0001", From: s.second(88), To: s.second(112), Final: true, Finding: rf.Finding{Sensed: true, Heard: 0, Unattributed: 21}},
		{Passage: "20261122T115600-0002", From: s.second(262), Finding: rf.Finding{Sensed: true, Heard: 1, Unattributed: 24, Confidence: 0.71,
			Emitters: []rf.Heard{{Kind: rf.BLE, Probability: 0.71, Seconds: 31, LoudestDBm: -61, Otherwise: rf.OfPerson, OtherwiseP: 0.22}}}},
	}
	s.sensor("north-stop", "serial", gate.PlaceStop, nil)
	s.sensor("north-up", "udp", gate.PlaceUpstream, func(h *gate.SensorHealth) { h.Lost, h.Repeats = 12, 1_903; h.Rate60, h.Rate1 = 88, 91 })
	return s.LaneRadio
}

// hotspot is a lane at which a car stands whose own hotspot is heard.
func hotspot(at time.Time) gate.LaneRadio {
	s := newScene(at)
	s.kind(rf.WiFi, rf.DBm, 0, gate.RadioSpan, 1, 9, passing(-41, -72, 258, 400))
	s.kind(rf.BLE, rf.DBm, 0, gate.RadioSpan, 1, 14, passing(-58, -70, 258, 400))
	s.kind(rf.TPMS, rf.Relative, 252, 300, 11, 2, steady(-9, 0))
	s.kind(rf.Cell, rf.DBm, 40, 300, 5, 0, passing(-38, -84, 258, 400))
	s.kind(rf.V2X, rf.DBm, 262, 300, 1, 1, steady(-55, -66))
	s.Vehicles = []gate.RadioVehicle{
		{From: s.second(10), To: s.second(31), Final: true, Finding: rf.Finding{Sensed: true}},
		{Passage: "20261122T115600-0001", From: s.second(180), To: s.second(221), Final: true, Finding: rf.Finding{Sensed: true, Heard: 2, Unattributed: 19, Confidence: 0.96,
			Emitters: []rf.Heard{
				{Kind: rf.TPMS, Probability: 0.96, Seconds: 3, LoudestDBm: -11, Level: rf.Relative, Otherwise: rf.OfBrief, OtherwiseP: 0.02, Models: []string{"Toyota", "PMV-107J"}, Pressure: rf.Known(236)},
				{Kind: rf.BLE, Probability: 0.83, Seconds: 22, LoudestDBm: -63, Otherwise: rf.OfPerson, OtherwiseP: 0.11}}},
			WhenLeft: &rf.Finding{Sensed: true, Cellular: true}, Changed: []string{"cellular"}},
		{Passage: "20261122T115600-0002", From: s.second(258), Earlier: 3,
			Bands: []gate.RadioBand{{Band: "B3", Probability: 0.97}, {Band: "B20", Probability: 0.58}},
			Finding: rf.Finding{Sensed: true, Heard: 5, Unattributed: 31, HotspotHeard: true, Make: "Ford", Prefix: "0026B4/24", Cellular: true, Confidence: 0.994,
				Emitters: []rf.Heard{
					{Kind: rf.WiFi, Role: "ap", Probability: 0.994, Seconds: 39, LoudestDBm: -41, Otherwise: rf.OfBehind, OtherwiseP: 0.004, Prefix: "0026B4/24",
						MakerInfo: rf.MakerInfo{Organisation: "Ford Motor Company", Maker: "Ford", Category: "car_maker", Specificity: rf.Automotive},
						NameFits:  &rf.HeardName{Make: "Ford", Source: "https://example.org/names", Specificity: rf.Automotive}},
					{Kind: rf.V2X, Probability: 0.93, Seconds: 38, LoudestDBm: -55, Otherwise: rf.OfBeside, OtherwiseP: 0.05, WidthCM: 208, LengthCM: 531},
					{Kind: rf.WiFi, Role: "ap", Probability: 0.95, Seconds: 30, LoudestDBm: -60, Otherwise: rf.OfBehind, OtherwiseP: 0.03, Prefix: "9CF613/24", Derived: true,
						MakerInfo: rf.MakerInfo{Organisation: "Quectel Wireless Solutions Co.,Ltd.", Maker: "Quectel", Category: "cell_module", Specificity: rf.Mixed}},
					{Kind: rf.TPMS, Probability: 0.78, Seconds: 2, LoudestDBm: -9, Level: rf.Relative, Otherwise: rf.OfBehind, OtherwiseP: 0.18, Models: []string{"Ford"}, Pressure: rf.Known(241)},
					{Kind: rf.BLE, Probability: 0.62, Seconds: 35, LoudestDBm: -58, Otherwise: rf.OfPerson, OtherwiseP: 0.31, Company: &rf.HeardCompany{ID: 0x004C, Name: "Apple, Inc.", Category: "phone", Specificity: rf.Mixed}},
				},
				Sources: []rf.FindingBasis{
					{Claim: "an address with a prefix registered to Ford Motor Company was heard from the vehicle", Address: "https://standards-oui.ieee.org/", Date: "2026-08"},
					{Claim: "a network name of the shape that Ford vehicles broadcast was heard from the vehicle", Address: "https://martin.heiland.io/2017/03/12/reverse-wardriving", Date: "2017-03-12"},
				}}},
	}
	s.sensor("north-stop", "serial", gate.PlaceStop, nil)
	s.sensor("north-up", "mqtt", gate.PlaceUpstream, func(h *gate.SensorHealth) {
		h.State, h.Clock = gate.SensorSkewed, gate.SensorClock{Median: -2.1, Spread: 0.2, Samples: 540, Trust: gate.ClockOff}
		h.Refused = map[string]uint64{gate.RefusedLevel: 7, "data, not looked at": 81_204, "tpms: only counted by the rules of DE": 431, "wifi-probe: only counted by the rules of DE": 20_118}
	})
	return s.LaneRadio
}

// flood is a lane at which a hostile sensor makes up an address for each of
// forty thousand observations a second.
func flood(at time.Time) gate.LaneRadio {
	s := newScene(at)
	s.kind(rf.WiFi, rf.DBm, 0, 300, 1, 9, steady(-72, -76))
	s.kind(rf.BLE, rf.DBm, 40, 300, 1, 9_940, steady(-31, 0))
	s.kind(rf.TPMS, rf.DBm, 40, 300, 1, 4, steady(-24, -25))
	s.kind(rf.Fob, rf.NoLevel, 44, 300, 3, 2, steady(-30, 0))
	s.kind(rf.V2X, rf.DBm, 40, 300, 1, 120, steady(-20, -22))
	s.kind(rf.Cell, rf.DBm, 0, 300, 1, 0, steady(-40, -41))
	f := rf.Finding{Sensed: true, Heard: 61, Unattributed: 9_940}
	for i := range 61 {
		f.Emitters = append(f.Emitters, rf.Heard{Kind: rf.V2X, Probability: 0.9 - float64(i)/200, Seconds: 200, LoudestDBm: -20, WidthCM: 1023, LengthCM: 4095, Otherwise: rf.OfAmbient, OtherwiseP: 0.09})
	}
	for i := range 9 {
		s.Vehicles = append(s.Vehicles, gate.RadioVehicle{Passage: gate.PassageID(fmt.Sprint("p", i)), From: s.second(30 * i), To: s.second(30*i + 22), Finding: f})
	}
	s.sensor("north-stop", "device", gate.PlaceStop, func(h *gate.SensorHealth) {
		h.Accepted, h.Dropped, h.Rate1, h.Rate60 = 18_446_744_073, 1_204_551_220, 40_112, 39_870.3
		h.Refused = map[string]uint64{gate.RefusedAhead: 9_211_004, gate.RefusedBehind: 4_331, gate.RefusedForeign: 51, gate.RefusedLevel: 1_048_576, gate.RefusedOther: 3}
		h.State, h.Clock = gate.SensorSkewed, gate.SensorClock{Median: 2.3e9, Spread: 9e8, Samples: 600, Trust: gate.ClockWrong}
	})
	s.sensor("intruder-with-a-rather-long-name", "", "", func(h *gate.SensorHealth) {
		h.State, h.Clock = gate.SensorSkewed, gate.SensorClock{Median: -1.77e9, Spread: 3, Samples: 600, Trust: gate.ClockWrong}
	})
	return s.LaneRadio
}

// silent is a lane of which both sensors fell silent while a vehicle stood.
func silent(at time.Time) gate.LaneRadio {
	s := newScene(at)
	s.street(201)
	s.kind(rf.Cell, rf.DBm, 12, 190, 31, 0, steady(-80, -83))
	s.Vehicles = []gate.RadioVehicle{{Passage: "20261122T115600-0002", From: s.second(231), Finding: rf.Finding{}}}
	s.sensor("north-stop", "serial", gate.PlaceStop, func(h *gate.SensorHealth) {
		h.State, h.LastHeard, h.SilentSince = gate.SensorSilent, s.second(201), s.second(201)
		h.Rate1, h.Rate60, h.Trouble = 0, 0, "its serial line is not open: no such device"
		h.Clock = gate.SensorClock{Trust: gate.ClockUnknown}
	})
	s.sensor("north-up", "udp", gate.PlaceUpstream, func(h *gate.SensorHealth) {
		*h = gate.SensorHealth{Name: h.Name, Source: h.Source, Place: h.Place, State: gate.SensorNever, Clock: gate.SensorClock{Trust: gate.ClockUnknown}}
	})
	return s.LaneRadio
}

// scenes are the states in which the pages of the radio are looked at.
var scenes = map[string]func(time.Time) gate.LaneRadio{"calm": calm, "hotspot": hotspot, "flood": flood, "silent": silent, "deaf": deaf}

// deaf is a lane without sensors.
func deaf(at time.Time) gate.LaneRadio {
	s := newScene(at)
	s.From, s.Seconds = at.Add(-80*time.Second), 81 // the program has just begun
	return s.LaneRadio
}

// law is what a jurisdiction allows.
func law(t testing.TB, jurisdiction, assessment string) view.AirLaw {
	t.Helper()
	rules, err := privacy.RulesOf(jurisdiction)
	if err != nil {
		t.Fatal(err)
	}
	return view.NewAirLaw(rules, jurisdiction != "", assessment, true)
}

// raised puts a vehicle at the line whose verdict the air raised.
func raised(s *site) {
	s.lanes.change("north-1", func(v *gate.LaneView) {
		p := gate.Passage{ID: "20261122T115600-0002", Lane: "north-1", At: s.clock.now(), Arrival: gate.Arrival{VIN: vinGrant}, Result: judge(vinGrant, "", "", s.clock.now())}
		p.Result.Verdict.Outcome, p.Result.Verdict.Presumed = policy.Flag, false
		p.Result.Verdict.Reasons = []policy.Reason{{Rule: "radio-hotspot", Outcome: policy.Flag, Because: "a vehicle hotspot of Ford was heard from the vehicle (probability 0.99), and no modem is known of this car."}}
		v.State, v.Passage, v.Durable, v.Decision, v.Again = gate.Waiting, &p, true, 2, "radio"
		v.Allowed = allowed(policy.Flag)
	})
}

// galleryOfRadio is every state of the pages of the radio.
func galleryOfRadio(t *testing.T, s *site, shot func(name, role, path, lang, theme string, w, h int64, before ...chromedp.Action[chromedp.Void])) {
	t.Helper()
	tall := func(h int64) func(name, role, path, lang, theme string, w int64) {
		return func(name, role, path, lang, theme string, w int64) { shot(name, role, path, lang, theme, w, h) }
	}
	for name, make := range scenes {
		s.lanes.hears("north-1", make(s.clock.now()))
		s.lanes.change("north-1", func(v *gate.LaneView) { v.State, v.Passage, v.Again = gate.Idle, nil, "" })
		s.ui.cfg.Law = law(t, "DE", "")
		switch name {
		case "hotspot":
			raised(s)
		case "calm":
			s.ui.cfg.Law = law(t, "US", "DPIA 2026-07, signed by the site's data-protection officer")
		case "flood":
			s.ui.cfg.Law = law(t, "FR", "DPIA 2026-07")
		}
		for _, lang := range []string{"en", "de", "pl"} {
			for _, theme := range []string{"day", "night"} {
				tall(3300)("radio-"+name, "supervisor", "/lane/north-1/radio", lang, theme, 1280)
				tall(2200)("sensors-"+name, "auditor", "/radio", lang, theme, 1280)
			}
			shot("radio-"+name, "supervisor", "/lane/north-1/radio", lang, "day", 1920, 1080)
			shot("sensors-"+name, "auditor", "/radio", lang, "night", 1920, 1080)
		}
	}
	raised(s)
	for _, lang := range []string{"en", "de", "pl"} {
		shot("kiosk-raised", "supervisor", "/lane/north-1", lang, "day", 1280, 800)
	}
}

var write = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file, or writes it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *write {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", path, diff)
	}
}

var drawn = regexp.MustCompile(`(?s)<svg class="timeline".*?</svg>`)

// The timelines of the scenes, as they were looked at.
func TestTimelineGolden(t *testing.T) {
	s := newSite(t, nil)
	for name, make := range scenes {
		s.lanes.hears("north-1", make(arrivedAt))
		svg := drawn.FindString(s.do(t, s.as(t, "auditor"), "GET", "/lane/north-1/radio", nil).body)
		golden(t, "timeline-"+name+".svg", []byte(svg+"\n"))
		var tree struct {
			Title string `xml:"title"`
			Desc  string `xml:"desc"`
		}
		if err := xml.Unmarshal([]byte(svg), &tree); err != nil || tree.Title == "" || !strings.Contains(tree.Desc, "11:55:00 to 12:00:00") {
			t.Errorf("%s: %v, title %q, description %q", name, err, tree.Title, tree.Desc)
		}
		if bad := regexp.MustCompile(`NaN|Inf|\de[+-]?\d`).FindString(svg); bad != "" {
			t.Errorf("%s holds %q", name, bad)
		}
	}
}

// What the page says of each scene.
func TestRadioPage(t *testing.T) {
	s := newSite(t, nil)
	page := func(name, role string) string {
		s.lanes.hears("north-1", scenes[name](s.clock.now()))
		r := s.do(t, s.as(t, role), "GET", "/lane/north-1/radio", nil)
		if r.code != http.StatusOK {
			t.Fatalf("%s: %d", name, r.code)
		}
		return html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(r.body, " "))
	}
	for name, want := range map[string][]string{
		"calm":    {"2 sensors, all report", "This vehicle: arrived 11:59:23, still at the line", "nothing of who made it", "Nothing was attributed to it."},
		"hotspot": {"almost certainly", "> 99 %", "address prefix 0026B4/24: Ford", "in the vehicle behind (< 1 %)", "may raise a question", "B20", "2026-08", "3 of them were with this VIN", "Heard and not attributed: 31", "cannot tell a built-in modem from a telephone", "clock 2.1 s behind", "81,204", "only counted by the law of Germany", "Since it left", "air protocol Toyota, PMV-107J"},
		"flood":   {"and 60 alike", "9,940", "dropped 1,204,551,220", "clock 72 years ahead: refused", "clock 56 years behind: refused", "not in the configuration"},
		"silent":  {"2 of 2 sensors do not report", "silent since 11:58:22", "last heard 98 seconds ago", "never heard", "No sensor was heard while it stood. Nothing follows from that.", "no report"},
		"deaf":    {"No sensor is set up.", "No vehicle stood at this line", "nothing heard"},
	} {
		text := page(name, "supervisor")
		for _, w := range append(want, "A radio finding raises a question, never clears one.") {
			if !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), w) {
				t.Errorf("%s lacks %q", name, w)
			}
		}
		if strings.Contains(text, "Raised by") {
			t.Errorf("%s: says of a lane without a verdict that it was raised", name)
		}
	}
	raised(s)
	if text := page("hotspot", "supervisor"); !strings.Contains(text, "Raised by what was heard: FLAG") || !strings.Contains(text, "a vehicle hotspot of Ford was heard") {
		t.Error("the page does not say that the verdict was raised, and why")
	}
	if text := page("hotspot", "administrator"); strings.Contains(text, "The passage's record") || !strings.Contains(text, "This lane's screen") {
		t.Error("an administrator is shown the way to a record, or none to the lane")
	}
	if text := page("hotspot", "auditor"); !strings.Contains(text, "The passage's record") || strings.Contains(text, "This lane's screen") {
		t.Error("an auditor is shown the way to a lane, or none to the record")
	}
	// Without an assessment nothing that is heard decides, and the page says so.
	lr := hotspot(s.clock.now())
	lr.Live = true
	s.lanes.hears("north-1", lr)
	body := s.do(t, s.as(t, "auditor"), "GET", "/lane/north-1/radio", nil).body
	if strings.Contains(body, "may raise a question") || !strings.Contains(body, "enters no verdict and no record") {
		t.Error("what enters no verdict is said to raise a question")
	}
	if r := s.do(t, s.as(t, "auditor"), "GET", "/lane/nowhere/radio", nil); r.code != http.StatusNotFound {
		t.Errorf("a lane that is not: %d", r.code)
	}
}

// What the site may hear, in each language; and without an assessment nothing
// is kept.
func TestLawOnThePage(t *testing.T) {
	for _, x := range []struct {
		land, assessment, lang string
		want                   []string
	}{
		{"DE", "", "en", []string{"By the law of <b>Germany</b>", "No data-protection impact assessment is recorded: nothing is kept", "might be kept after an assessment"}},
		{"US", "DPIA 7", "de", []string{"den USA", "Datenschutz-Folgenabschätzung: <b>DPIA 7</b>", "ein Pseudonym darf"}},
		{"PL", "", "pl", []string{"Polski", "niesprawdzone", "nic nie jest przechowywane"}},
		{"", "", "en", []string{"This site names no jurisdiction: the strictest rules hold, those of Germany"}},
		{"FR", "", "en", []string{"no rules here for FR: the strictest hold, those of Germany"}},
	} {
		s := newSite(t, func(c *Config, _ *httptest.Server) { c.Law, c.Language = law(t, x.land, x.assessment), x.lang })
		body := s.do(t, s.as(t, "auditor"), "GET", "/radio", nil).body
		for _, w := range x.want {
			if !strings.Contains(body, w) {
				t.Errorf("%s %s: the page lacks %q", x.land, x.lang, w)
			}
		}
		if x.assessment != "" && strings.Contains(body, "nothing is kept") {
			t.Errorf("%s: nothing is kept with an assessment", x.land)
		}
	}
}

// The live page sends all once, then only what changed, then ends with the
// session; a silent sensor shows within one beat.
func TestRadioLives(t *testing.T) {
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Refresh = 20 * time.Millisecond })
	s.lanes.hears("north-1", calm(s.clock.now()))
	e := s.listen(t, s.as(t, "supervisor"), "/lane/north-1/radio/events?lang=de")
	next := func() message {
		var m message
		if err := json.Unmarshal([]byte(e.next(t, "page")), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	names := func(m message) (out []string) {
		for _, r := range m.Regions {
			out = append(out, r.Name)
		}
		return out
	}
	if m := next(); len(m.Regions) != 5 || !strings.Contains(m.html(), "2 Sensoren, alle melden") || m.Build != s.ui.assets.Version() {
		t.Fatalf("the first event is not the whole page: %q", names(m))
	}
	for range 5 {
		e.next(t, "beat")
	}
	s.lanes.hears("north-1", silent(s.clock.now()))
	if m := next(); !strings.Contains(m.html(), "still seit 11:58:22") || len(m.Regions) != 5 {
		t.Errorf("the sensor's silence: %q\n%s", names(m), m.html())
	}
	lr := silent(s.clock.now())
	lr.Sensors[0].Accepted++
	s.lanes.hears("north-1", lr)
	if m := next(); !slices.Equal(names(m), []string{"sensors"}) {
		t.Errorf("a counter alone sends %q", names(m))
	}
	s.clock.pass(2 * time.Hour)
	e.next(t, "signin")
}

// crowded are the texts of the timeline that leave the drawing or lie on one
// another.
const crowded = `(() => {
  const svg = document.querySelector(".timeline"), view = svg.viewBox.baseVal;
  const texts = [...svg.querySelectorAll("text")].map(e => [e.textContent, e.getBBox()]);
  const out = texts.filter(([, b]) => b.x < -0.5 || b.y < 0 || b.x + b.width > view.width + 0.5 || b.y + b.height > view.height).map(([t]) => t + " leaves the drawing");
  texts.forEach(([t, a], i) => { for (const [u, b] of texts.slice(i + 1)) {
    if (a.x + a.width > b.x && b.x + b.width > a.x && a.y + a.height > b.y + 2 && b.y + b.height > a.y + 2) { out.push(t + " lies on " + u); }
  } });
  return out;
})()`

// cramped are the words that a page breaks in their middle, and what is wider
// than the page.
const cramped = `(() => {
  const out = [];
  if (document.documentElement.scrollWidth > innerWidth) { out.push("the page is " + document.documentElement.scrollWidth + " wide"); }
  for (const b of document.querySelectorAll(".state b, th, .sensors td, .found td b")) {
    for (const n of b.childNodes) {
      if (n.nodeType !== Node.TEXT_NODE) { continue; }
      for (const m of n.data.matchAll(/[\p{L}\d.,]+/gu)) {
        const r = document.createRange();
        r.setStart(n, m.index); r.setEnd(n, m.index + m[0].length);
        if (r.getClientRects().length > 1) { out.push(m[0] + " is broken"); }
      }
    }
  }
  return out;
})()`

// Each page of the radio in each language and theme, on both screens: nothing
// leaves the page, no word is broken, no label lies on another, and the browser
// has nothing to complain of.
func TestBrowserRadioFits(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, nil)
	for name, make := range scenes {
		s.lanes.hears("north-1", make(s.clock.now()))
		for _, lang := range []string{"en", "pl", "de"} {
			for theme, size := range map[string][2]int64{"day": {1280, 800}, "night": {1920, 1080}} {
				s.signInAs(t, ctx, "supervisor", langCookie, lang, themeCookie, theme)
				do(t, ctx, chromedp.EmulateViewport(size[0], size[1]))
				for _, path := range []string{"/lane/north-1/radio", "/radio"} {
					do(t, ctx, chromedp.Navigate(s.URL+path))
					until(t, ctx, `document.getElementById("live").dataset.version !== undefined`)
					where := fmt.Sprintf("%s of %s, %s, %s, %d wide", path, name, lang, theme, size[0])
					if bad := eval[[]string](t, ctx, cramped); len(bad) > 0 {
						t.Errorf("%s: %q", where, bad)
					}
					if path == "/radio" {
						continue
					}
					if bad := eval[[]string](t, ctx, crowded); len(bad) > 0 {
						t.Errorf("%s: %q", where, bad)
					}
				}
			}
		}
	}
}

// The page lives: a sensor's silence shows by itself, what the person holds
// stays held, and a lost server shows as a banner that goes when it is back.
func TestBrowserRadioLives(t *testing.T) {
	ctx := chromium(t)
	s := newSite(t, func(c *Config, _ *httptest.Server) { c.Refresh = 100 * time.Millisecond })
	s.signInAs(t, ctx, "supervisor")
	s.lanes.hears("north-1", hotspot(s.clock.now()))
	do(t, ctx, chromedp.EmulateViewport(1280, 800), chromedp.Navigate(s.URL+"/lane/north-1/radio"))
	eval[bool](t, ctx, complaints)
	until(t, ctx, `document.getElementById("live").dataset.version !== undefined`)
	eval[bool](t, ctx, `window.__svg = document.querySelector(".timeline"); window.__cell = document.querySelector("#region-sensors td");
		document.getElementById("region-sensors").focus(); getSelection().selectAllChildren(document.querySelector("#slots")); true`)
	s.lanes.hears("north-1", silent(s.clock.now()))
	until(t, ctx, text+`.includes("silent since 11:58:22") && `+text+`.includes("2 of 2 sensors do not report")`)
	if !eval[bool](t, ctx, `window.__svg === document.querySelector(".timeline") && window.__cell === document.querySelector("#region-sensors td")`) {
		t.Error("the drawing or a table was put in anew: it flickers")
	}
	if !eval[bool](t, ctx, `document.activeElement.id === "region-sensors" && String(getSelection()) !== ""`) {
		t.Error("the focus or the selection is lost")
	}
	if n := eval[int](t, ctx, `document.querySelectorAll(".timeline rect[fill]").length`); n != 1 {
		t.Errorf("%d times without a report are marked, want 1", n)
	}
	s.lanes.hears("north-1", calm(s.clock.now()))
	until(t, ctx, text+`.includes("2 sensors, all report") && document.querySelectorAll(".timeline .stood").length === 2`)
	if bad := eval[[]string](t, ctx, "window.__bad"); len(bad) > 0 {
		t.Errorf("the page complains: %q", bad)
	}

	addr := s.Listener.Addr().String()
	s.ui.Close()
	if err := s.Config.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, `!document.getElementById("lost").hidden`)
	again, err := New(s.ui.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(again.Close)
	srv := &http.Server{Addr: addr, Handler: again.Handler(), ReadHeaderTimeout: time.Second}
	go func() { _ = srv.ListenAndServe() }()
	t.Cleanup(func() { again.Close(); _ = srv.Close() })
	until(t, ctx, `document.getElementById("lost").hidden`)
}
