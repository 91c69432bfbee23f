package gate_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"sallyport/gate"
	"sallyport/gate/auth"
	"sallyport/gate/storetest"
	"sallyport/policy"
	"sallyport/policy/pack"
	"sallyport/policy/supply"
)

var (
	manager = gate.Person{Name: "olga", Role: auth.SecurityManager}
)

// lists are the lists of a site in memory.
type lists struct {
	memory *storetest.Memory
	clock  *gate.Clock
	watch  *gate.WatchDesk
	passes *gate.PassDesk
	desk   *gate.IdentityDesk
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newLists(t testing.TB, ledger gate.LedgerStore, memory *storetest.Memory, now func() time.Time) *lists {
	t.Helper()
	l := &lists{memory: memory, clock: gate.NewClock(now)}
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signer, err := auth.NewPassSigner("sallyport/test", "k", key)
	must(t, err)
	reader, err := auth.NewPassReader("sallyport/test", map[string]auth.TrustedKey{"k": {Key: key.Public().(ed25519.PublicKey)}})
	must(t, err)
	l.watch, err = gate.NewWatchDesk(t.Context(), memory, l.clock, nil)
	must(t, err)
	l.passes, err = gate.NewPassDesk(t.Context(), memory, l.clock, signer, reader, nil)
	must(t, err)
	travel := func(from, to gate.LaneID) (time.Duration, bool) {
		return 3 * time.Minute, from == "south" && to == "north" || from == "north" && to == "south"
	}
	l.desk, err = gate.NewIdentityDesk(gate.IdentityConfig{Ledger: ledger, Registry: memory, Watch: l.watch, Passes: l.passes, Travel: travel, Farthest: 3 * time.Minute})
	must(t, err)
	return l
}

// presented is vehicle n at the north lane, a day after the suite's noon.
func presented(n int) gate.Presented {
	return gate.Presented{Lane: "north", Zone: policy.ZoneRestricted, At: storetest.Noon.AddDate(0, 0, 1), VIN: fmt.Sprintf("5YJXCAE4XMF%06d", n), Plate: fmt.Sprintf("WX%05d", n)}
}

func codes(f policy.ArrivalFacts) (out []string) {
	for _, x := range f.Findings {
		out = append(out, x.Code)
	}
	return out
}

// What the site finds about who presents itself: each finding by itself, known
// where there was something to look at, unknown where there was not, and with its
// source.
func TestWhatTheSiteFinds(t *testing.T) {
	now := func() time.Time { return storetest.Noon.AddDate(0, 0, 1) }
	at := now()
	listed := func(t *testing.T, l *lists, vin, plate string) {
		must(t, l.memory.PutRegistrations(t.Context(), gate.Registration{VIN: vin, Plate: plate, Class: policy.ClassContractor, At: at}))
	}
	passage := func(t *testing.T, l *lists, n int, lane gate.LaneID, moment policy.Moment, ago time.Duration, end gate.Ending) {
		p := storetest.Sample(n, policy.Grant)
		p.Lane, p.Moment, p.At = lane, moment, at.Add(-ago)
		p.ID = gate.PassageID(fmt.Sprintf("%s-%s-%d", p.At.Format("150405"), lane, n))
		must(t, l.memory.Record(t.Context(), p))
		if end != "" {
			must(t, l.memory.RecordOutcome(t.Context(), gate.Outcome{Passage: p.ID, Lane: lane, Ending: end, At: p.At, Moment: moment}))
		}
	}
	entry := func(k gate.WatchKind, v string) gate.WatchEntry {
		return gate.WatchEntry{Kind: k, Value: v, Reason: "stolen", Do: "Hold it"}
	}
	known := func(v bool) policy.Truth {
		if v {
			return policy.True
		}
		return policy.False
	}
	truth := func(l policy.Leaf[bool]) policy.Truth {
		if !l.Known {
			return policy.Unknown
		}
		return known(l.Value)
	}
	for _, c := range []struct {
		name  string
		given func(*testing.T, *lists)
		who   func(*gate.Presented)
		// inside, plate, elsewhere, watched, label
		want  string
		codes []string
	}{
		{name: "nothing on any list", want: "f?ff?"},
		{name: "nobody was read", who: func(p *gate.Presented) { p.VIN, p.Plate = "", "" }, want: "?????"},
		{name: "on its way out, and never came in", who: func(p *gate.Presented) { p.Moment = policy.MomentExit }, want: "??ff?", codes: []string{"not_inside"}},
		{name: "on its way out", given: func(t *testing.T, l *lists) { passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted) },
			who: func(p *gate.Presented) { p.Moment = policy.MomentExit }, want: "??ff?"},
		{name: "a plate like one that is inside", given: func(t *testing.T, l *lists) {
			must(t, l.memory.CorrectStay(t.Context(), gate.Correction{ID: "in-1", Kind: gate.CorrectInside, Plate: "WX00O0I", By: "jan", Why: "seen", At: at.Add(-time.Hour)}))
		}, want: "f?ff?", codes: []string{"inside_alike"}},
		{name: "a plate three misread characters from one that is inside", given: func(t *testing.T, l *lists) {
			must(t, l.memory.CorrectStay(t.Context(), gate.Correction{ID: "in-1", Kind: gate.CorrectInside, Plate: "WXO0O0I", By: "jan", Why: "seen", At: at.Add(-time.Hour)}))
		}, want: "f?ff?"},
		{name: "its plate misread on its way out", given: func(t *testing.T, l *lists) { passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted) },
			who: func(p *gate.Presented) { p.VIN, p.Plate, p.Moment = "", "WXO0O01", policy.MomentExit }, want: "??ff?", codes: []string{"inside_alike"}},
		{name: "three characters of its plate misread on its way out", given: func(t *testing.T, l *lists) { passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted) },
			who: func(p *gate.Presented) { p.VIN, p.Plate, p.Moment = "", "WXOOO01", policy.MomentExit }, want: "??ff?", codes: []string{"not_inside"}},
		{name: "a plate like that of another VIN inside", given: func(t *testing.T, l *lists) { passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted) },
			who: func(p *gate.Presented) { p.VIN, p.Plate = "5YJXCAE4XMF000002", "WXO0O01" }, want: "f?ff?"},
		{name: "a Cyrillic plate like one on the watch list", given: func(t *testing.T, l *lists) {
			_, err := l.watch.Add(t.Context(), manager, entry(gate.WatchPlate, "АА 1234 ВС"))
			must(t, err)
		}, who: func(p *gate.Presented) { p.Plate = "AA1234BC" }, want: "f?ff?", codes: []string{"watch_alike"}},
		{name: "a plate without its dots", given: func(t *testing.T, l *lists) {
			_, err := l.watch.Add(t.Context(), manager, entry(gate.WatchPlate, "MÜ-OL 12"))
			must(t, err)
		}, who: func(p *gate.Presented) { p.Plate = "MU0L12" }, want: "f?ff?", codes: []string{"watch_alike"}},
		{name: "inside already", given: func(t *testing.T, l *lists) { passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted) },
			want: "tfff?", codes: []string{"inside_already"}, who: func(p *gate.Presented) { p.Plate = "" }},
		{name: "its plate alone is inside already", given: func(t *testing.T, l *lists) { passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted) },
			want: "t?ff?", codes: []string{"inside_already"}, who: func(p *gate.Presented) { p.VIN = "" }},
		{name: "it has left", given: func(t *testing.T, l *lists) {
			passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted)
			passage(t, l, 1, "south", policy.MomentExit, 30*time.Minute, gate.EndAdmitted)
		}, want: "f?ff?"},
		{name: "another vehicle with its plate is inside", given: func(t *testing.T, l *lists) { passage(t, l, 1, "north", 0, time.Hour, gate.EndAdmitted) },
			want: "ftff?", codes: []string{"plate_differs"}, who: func(p *gate.Presented) { p.VIN = "5YJXCAE4XMF000002" }},
		{name: "plate as on the list", given: func(t *testing.T, l *lists) { listed(t, l, "5YJXCAE4XMF000001", "wx-00001") }, want: "ffff?"},
		{name: "another plate than on the list", given: func(t *testing.T, l *lists) { listed(t, l, "5YJXCAE4XMF000001", "KR 5") }, want: "ftff?", codes: []string{"plate_differs"}},
		{name: "the plate of another VIN", given: func(t *testing.T, l *lists) { listed(t, l, "5YJXCAE4XMF000009", "WX 00001") }, want: "ftff?", codes: []string{"plate_differs"}},
		{name: "the list says what the VIN is", given: func(t *testing.T, l *lists) { listed(t, l, "5YJXCAE4XMF000001", "KR 5") }, who: func(p *gate.Presented) { p.ByList = true }, want: "f?ff?"},
		{name: "at another lane now", given: func(t *testing.T, l *lists) { passage(t, l, 1, "south", 0, 2*time.Minute, "") }, want: "f?tf?", codes: []string{"seen_elsewhere"}},
		{name: "at another lane an hour ago, and nobody said how it ended", given: func(t *testing.T, l *lists) { passage(t, l, 1, "south", 0, time.Hour, "") }, want: "f?ff?"},
		{name: "too short a time ago", given: func(t *testing.T, l *lists) { passage(t, l, 1, "south", 0, 2*time.Minute, gate.EndRefused) }, want: "f?tf?", codes: []string{"seen_elsewhere"}},
		{name: "long enough ago", given: func(t *testing.T, l *lists) { passage(t, l, 1, "south", 0, 4*time.Minute, gate.EndRefused) }, want: "f?ff?"},
		{name: "just now, at a lane of which no distance is said", given: func(t *testing.T, l *lists) { passage(t, l, 1, "east", 0, time.Second, gate.EndRefused) }, want: "f?ff?"},
		{name: "on the watch list by VIN", given: func(t *testing.T, l *lists) {
			_, err := l.watch.Add(t.Context(), manager, entry(gate.WatchVIN, "5yjxcae4xmf000001"))
			must(t, err)
		}, want: "f?ft?", codes: []string{"watch_listed"}},
		{name: "on the watch list by plate", given: func(t *testing.T, l *lists) {
			_, err := l.watch.Add(t.Context(), manager, entry(gate.WatchPlate, "wx-00001"))
			must(t, err)
		}, want: "f?ft?", codes: []string{"watch_listed"}},
		{name: "a plate that looks like one on the watch list", given: func(t *testing.T, l *lists) {
			_, err := l.watch.Add(t.Context(), manager, entry(gate.WatchPlate, "WXO0OOI"))
			must(t, err)
		}, want: "f?ff?", codes: []string{"watch_alike"}},
		{name: "its second label is on the watch list", given: func(t *testing.T, l *lists) {
			_, err := l.watch.Add(t.Context(), manager, entry(gate.WatchVIN, "5YJXCAE4XMF000007"))
			must(t, err)
		}, who: func(p *gate.Presented) {
			p.Also = []gate.Identifier{{Kind: gate.IdentVIN, Value: "5yjxcae4xmf000007", Via: "scanner"}}
		}, want: "f?ftt", codes: []string{"label_differs", "watch_listed"}},
		{name: "two labels that agree", who: func(p *gate.Presented) {
			p.Also = []gate.Identifier{{Kind: gate.IdentVIN, Value: "*5yjxcae4xmf000001*", Via: "scanner"}}
		}, want: "f?fff"},
		{name: "removed from the watch list", given: func(t *testing.T, l *lists) {
			e, err := l.watch.Add(t.Context(), manager, entry(gate.WatchPlate, "WX00001"))
			must(t, err)
			if done, err := l.watch.Remove(t.Context(), manager, e[0].ID, "found"); done || err != nil {
				t.Fatal(done, err)
			}
			if done, err := l.watch.Remove(t.Context(), supervisor, e[0].ID, ""); !done || err != nil {
				t.Fatal(done, err)
			}
		}, want: "f?ff?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			memory := storetest.NewMemory()
			l := newLists(t, memory, memory, now)
			if c.given != nil {
				c.given(t, l)
			}
			p := presented(1)
			if c.name == "inside already" {
				p.Plate = "WX00001"
			}
			if c.who != nil {
				c.who(&p)
			}
			got, err := l.desk.Identify(t.Context(), p)
			must(t, err)
			text := ""
			for _, leaf := range []policy.Leaf[bool]{got.Facts.InsideAlready, got.Facts.PlateDiffers, got.Facts.SeenElsewhere, got.Facts.WatchListed, got.Facts.LabelDiffers} {
				text += map[policy.Truth]string{policy.Unknown: "?", policy.False: "f", policy.True: "t"}[truth(leaf)]
				if leaf.Known && (leaf.From.Title == "" || leaf.From.Date == "") {
					t.Errorf("a fact without a source: %+v", leaf)
				}
			}
			want := c.want
			if c.name == "inside already" {
				want = "t?ff?"
			}
			if text != want || !slices.Equal(codes(got.Facts), c.codes) {
				t.Errorf("found %s %v, want %s %v: %+v", text, codes(got.Facts), want, c.codes, got.Facts.Findings)
			}
			if got.Facts.Pass.Known != (p.VIN+p.Plate != "") || got.Facts.Pass.Known && got.Facts.Pass.Value != policy.PassNone || got.Facts.PassRefused.Known {
				t.Errorf("of a vehicle without a pass: %+v %+v", got.Facts.Pass, got.Facts.PassRefused)
			}
		})
	}
}

// Two lanes are asked about one VIN before either has a record.
func TestSameVINAtTwoLanesAtOnce(t *testing.T) {
	memory := storetest.NewMemory()
	l := newLists(t, memory, memory, time.Now)
	first, second := presented(1), presented(1)
	second.Lane, second.Plate, second.At = "south", "", second.At.Add(time.Second)
	for i, p := range []gate.Presented{first, second, first} {
		got, err := l.desk.Identify(t.Context(), p)
		must(t, err)
		if got.Facts.SeenElsewhere.Value != (i > 0) {
			t.Errorf("%d: %+v", i, got.Facts.SeenElsewhere)
		}
	}
	later := presented(1)
	later.Lane, later.At = "south", later.At.Add(time.Minute)
	if got, err := l.desk.Identify(t.Context(), later); err != nil || got.Facts.SeenElsewhere.Value {
		t.Errorf("a minute later: %+v, %v", got.Facts.SeenElsewhere, err)
	}
}

// What a pass is worth: for the vehicle that it names, here and now.
func TestWhatAPassIsWorth(t *testing.T) {
	now := storetest.Noon.AddDate(0, 0, 1)
	memory := storetest.NewMemory()
	clock := now
	l := newLists(t, memory, memory, func() time.Time { return clock })
	issue := func(p gate.VehiclePass) (gate.VehiclePass, string) {
		t.Helper()
		if p.Until.IsZero() {
			p.Until = now.Add(24 * time.Hour)
		}
		p, text, err := l.passes.Issue(t.Context(), manager, p)
		must(t, err)
		return p, text
	}
	const one, two = "5YJXCAE4XMF000001", "5YJXCAE4XMF000002"
	_, both := issue(gate.VehiclePass{VIN: one, Plate: "WX 1", Conditions: []string{"escort"}})
	_, plate := issue(gate.VehiclePass{Plate: "KR 9"})
	_, south := issue(gate.VehiclePass{VIN: two, Lanes: []gate.LaneID{"south"}})
	_, public := issue(gate.VehiclePass{VIN: two, Zones: []string{"public"}})
	_, next := issue(gate.VehiclePass{VIN: two, From: now.Add(time.Hour)})
	_, short := issue(gate.VehiclePass{VIN: two, Until: now.Add(time.Minute)})
	ended, revoked := issue(gate.VehiclePass{VIN: two})
	must(t, l.passes.Revoke(t.Context(), supervisor, ended.ID, "sold"))
	clock = now.Add(2 * time.Minute)
	for _, c := range []struct {
		name, text, vin, plate, want string
		shown                        bool
	}{
		{"shown, all that it names was read", both, one, "WX1", policy.PassValid, true},
		{"shown, the VIN was read", both, one, "", policy.PassValid, true},
		{"shown, only the plate was read", both, "", "WX1", "", true},
		{"shown, nothing was read", both, "", "", "", true},
		{"a copy, in another vehicle", both, two, "", policy.PassOtherVehicle, true},
		{"in the vehicle, under another plate", both, one, "KR9", policy.PassOtherVehicle, true},
		{"a copy, under the plate that it names", both, two, "WX1", policy.PassOtherVehicle, true},
		{"by plate", plate, two, "KR9", policy.PassValid, true},
		{"by plate, another one", plate, two, "KR8", policy.PassOtherVehicle, true},
		{"by plate, not read", plate, two, "", "", true},
		{"for another lane", south, two, "", policy.PassNotHere, true},
		{"for another zone", public, two, "", policy.PassNotHere, true},
		{"for later", next, two, "", policy.PassNotYet, true},
		{"over", short, two, "", policy.PassExpired, true},
		{"revoked", revoked, two, "", policy.PassRevoked, true},
		{"revoked, and another vehicle's", revoked, one, "", policy.PassRevoked, true},
		{"made up", "eyJhbGciOiJub25lIn0.e30.", one, "", policy.PassForged, true},
		{"on record, not shown", "", one, "", policy.PassValid, false},
		{"on record, by plate alone", "", "", "WX1", policy.PassNone, false},
		{"none", "", "5YJXCAE4XMF000009", "XX9", policy.PassNone, false},
		{"none, and nothing was read", "", "", "", "", false},
	} {
		got := l.passes.Worth(c.text, c.vin, c.plate, "north", policy.ZoneRestricted, clock)
		if got.State != c.want || got.Shown != c.shown || got.State != "" && got.Why == "" {
			t.Errorf("%s: %+v, want %q", c.name, got, c.want)
		}
		p := gate.Presented{Lane: "north", Zone: policy.ZoneRestricted, At: clock, VIN: c.vin, Plate: c.plate, Pass: c.text}
		f, err := l.desk.Identify(t.Context(), p)
		must(t, err)
		bad := c.shown && c.want != "" && c.want != policy.PassValid
		if f.Facts.Pass.Known != (c.want != "") || f.Facts.Pass.Value != c.want || f.Facts.PassRefused.Value != bad || f.Facts.PassRefused.Known != (c.shown && c.want != "") {
			t.Errorf("%s: facts %+v, refused %+v", c.name, f.Facts.Pass, f.Facts.PassRefused)
		}
	}
	// A pass that this key has signed and that is not on record is no pass.
	other := newLists(t, storetest.NewMemory(), storetest.NewMemory(), func() time.Time { return clock })
	if got := other.passes.Worth(both, one, "", "north", policy.ZoneRestricted, clock); got.State != policy.PassForged {
		t.Errorf("not issued here: %+v", got)
	}
	if n, err := l.passes.Expire(t.Context()); n != 1 || err != nil {
		t.Errorf("%d have expired, %v", n, err)
	}
	if n, err := l.passes.Expire(t.Context()); n != 0 || err != nil {
		t.Errorf("%d more have expired, %v", n, err)
	}
	if _, _, err := l.passes.Issue(t.Context(), guard, gate.VehiclePass{VIN: one, Until: now.Add(time.Hour)}); !errors.Is(err, gate.ErrForbidden) {
		t.Errorf("a guard issues passes: %v", err)
	}
	if _, _, err := l.passes.Issue(t.Context(), manager, gate.VehiclePass{VIN: one, Until: now}); err == nil {
		t.Error("issued what has ended")
	}
}

// The modules of a vehicle are held against the watch list: by their maker, and
// by who is known to control it.
func TestWatchedModules(t *testing.T) {
	j := packJudge(t, pack.PaperBaseline)
	entry := func(k gate.WatchKind, v string) gate.WatchEntry { return storetest.SampleWatch("w-"+v, k, v) }
	for _, c := range []struct {
		name string
		vin  string
		list []gate.WatchEntry
		want bool
	}{
		{"the maker of its module", modelX, []gate.WatchEntry{entry(gate.WatchMaker, "quectel")}, true},
		{"another maker", modelX, []gate.WatchEntry{entry(gate.WatchMaker, "fibocom")}, false},
		{"a group that is not known to control it", modelX, []gate.WatchEntry{entry(gate.WatchGroup, "fibocom")}, false},
		{"nothing", modelX, nil, false},
	} {
		q := gate.Request{VIN: c.vin, At: assessAt, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "US", Identity: &gate.Identified{Makers: c.list}}
		a := j.Assess(q)
		if l := a.Facts.Arrival.WatchListed; l.Value != c.want || l.Known != c.want {
			t.Errorf("%s: %+v", c.name, l)
		}
		if c.want && !slices.ContainsFunc(a.Verdict.Reasons, func(r policy.Reason) bool { return r.Rule == "watch-listed" }) {
			t.Errorf("%s: %+v", c.name, a.Verdict.Reasons)
		}
	}
}

// An entry for a group counts by who is known to control the maker on the day,
// and is told with who says so; while a module's maker is open, the vehicle is not
// known to be off the list.
func TestWatchedGroup(t *testing.T) {
	share := 60.0
	b, err := json.Marshal(supply.File{Edition: "2026-11-22",
		Parties: []supply.Party{{ID: "quectel", Name: "Quectel", Country: "CN", Ref: supply.Ref{Source: "https://example.org/quectel", Certainty: "official"}},
			{ID: "holding", Name: "Some Holding", Country: "CN", Ref: supply.Ref{Source: "https://example.org/holding", Certainty: "official"}}},
		Edges: []supply.Edge{{ID: "E1", From: "quectel", To: "holding", Kind: supply.OwnedBy, Share: &share, Since: "2020-01-01", Until: "2026-06-01",
			Ref: supply.Ref{Source: "https://example.org/report", Quote: "holds 60 %", Date: "2020-02-03", Certainty: "official"}}}})
	must(t, err)
	g, err := supply.Open(b)
	must(t, err)
	j := packJudge(t, pack.PaperBaseline).On(g)
	list := []gate.WatchEntry{storetest.SampleWatch("w-1", gate.WatchGroup, "holding")}
	ask := func(vin string, at time.Time, found policy.Leaf[bool], list []gate.WatchEntry) policy.ArrivalFacts {
		q := gate.Request{VIN: vin, At: at, Class: policy.ClassPrivate, Zone: policy.ZoneRestricted, Market: "US",
			Identity: &gate.Identified{Facts: policy.ArrivalFacts{WatchListed: found}, Makers: list}}
		return j.Assess(q).Facts.Arrival
	}
	none := policy.Know(false, policy.Source{Title: "the site's watch list"})
	held := ask(modelX, time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC), none, list)
	if !held.WatchListed.Value || len(held.Findings) != 1 {
		t.Fatalf("while it was held: %+v", held)
	}
	f := held.Findings[0]
	if !strings.Contains(f.Says, "holding stands on the watch list (stolen, entered by anna on") || !strings.Contains(f.Says, "names Quectel as the maker of a module") || !strings.Contains(f.Says, "by its sources, ") {
		t.Errorf("told as %q", f.Says)
	}
	if !slices.ContainsFunc(f.Evidence, func(s policy.Source) bool { return s.Address == "https://example.org/report" && s.Date == "2020-02-03" }) {
		t.Errorf("without the source of who holds it: %+v", f.Evidence)
	}
	if after := ask(modelX, assessAt, none, list); after.WatchListed.Value || len(after.Findings) != 0 {
		t.Errorf("after it was sold: %+v", after)
	}
	// Nothing is known of this vehicle's module.
	if open := ask("1HGCM82633A004352", assessAt, none, list); open.WatchListed.Known {
		t.Errorf("with an unknown module: %+v", open.WatchListed)
	}
	if no := ask("1HGCM82633A004352", assessAt, none, nil); !no.WatchListed.Known {
		t.Errorf("without entries for makers: %+v", no.WatchListed)
	}
}

// Plates that are taken for each other fold alike, and Alike names what folds
// alike and nothing else.
func TestAlike(t *testing.T) {
	for _, c := range [][2]string{{"WXO0OOI", "WX00001"}, {"ÄÖÜ", "A0U"}, {"АВСЕНІКМОРТХ", "A8CEH1KM0PTX"}, {"ΑΒΖ", "A82"}, {"U\u0308", "U"}, {"京A12345", "京A12345"}} {
		if got := gate.FoldAlike(c[0]); got != c[1] {
			t.Errorf("%s folds to %s, want %s", c[0], got, c[1])
		}
	}
	if got := gate.Alike("KR9"); len(got) != 0 {
		t.Errorf("of KR9: %v", got)
	}
	if got := gate.Alike("A0B"); !slices.Equal(got, []string{"A08", "AO8", "AOB", "AQ8", "AQB"}) {
		t.Errorf("of A0B: %v", got)
	}
	if got := gate.Alike("WX00000"); len(got) != 50 || !slices.Contains(got, "WXO00Q0") || slices.Contains(got, "WXOOO00") {
		t.Errorf("%d readings of a plate with five zeros: %v", len(got), got)
	}
	if got := gate.Alike(strings.Repeat("0", 20)); got != nil {
		t.Errorf("%d readings of a plate of zeros", len(got))
	}
	rapid.Check(t, func(t *rapid.T) {
		plate := rapid.StringMatching("[A-Z0-9]{1,8}").Draw(t, "plate")
		for _, other := range gate.Alike(plate) {
			if other == plate || gate.FoldAlike(other) != gate.FoldAlike(plate) {
				t.Fatalf("%s is no misread of %s", other, plate)
			}
		}
	})
	for _, c := range [][2]string{{"wx 123-45", "WX12345"}, {" –·•.\t", ""}, {"B MW\u00a01", "BMW1"}} {
		if got := gate.NormalPlate(c[0]); got != c[1] {
			t.Errorf("%q is filed as %q, want %q", c[0], got, c[1])
		}
	}
}

// Passes outlive the key that signed them for as long as it is trusted, and are
// signed with the new one at once. What ends a pass is told to the lanes, and so is
// every correction of who is inside.
func TestPassesAfterAnotherKey(t *testing.T) {
	memory := storetest.NewMemory()
	at := storetest.Noon.AddDate(0, 0, 1)
	clock := gate.NewClock(func() time.Time { return at })
	keys := func(trusted map[string]time.Time, signs string) (*auth.PassSigner, *auth.PassReader) {
		all := map[string]auth.TrustedKey{}
		var signer *auth.PassSigner
		for kid, until := range trusted {
			key := ed25519.NewKeyFromSeed([]byte(strings.Repeat(kid, ed25519.SeedSize)))
			all[kid] = auth.TrustedKey{Key: key.Public().(ed25519.PublicKey), Until: until}
			if kid == signs {
				var err error
				signer, err = auth.NewPassSigner("sallyport/test", kid, key)
				must(t, err)
			}
		}
		reader, err := auth.NewPassReader("sallyport/test", all)
		must(t, err)
		return signer, reader
	}
	told := 0
	signer, reader := keys(map[string]time.Time{"a": {}}, "a")
	d, err := gate.NewPassDesk(t.Context(), memory, clock, signer, reader, func(context.Context) error { told++; return nil })
	must(t, err)
	const vin = "5YJXCAE4XMF000001"
	p, first, err := d.Issue(t.Context(), manager, gate.VehiclePass{VIN: vin, Until: at.AddDate(0, 6, 0)})
	must(t, err)
	worth := func(text, want, when string) {
		t.Helper()
		if got := d.Worth(text, vin, "", "north", policy.ZoneRestricted, at); got.State != want {
			t.Errorf("%s: %+v, want %s", when, got, want)
		}
	}
	worth(first, policy.PassValid, "at first")
	d.Rekey(keys(map[string]time.Time{"a": at.Add(time.Hour), "b": {}}, "b"))
	worth(first, policy.PassValid, "within the overlap")
	_, second, err := d.Text(manager, p.ID)
	must(t, err)
	if second == first {
		t.Error("drawn anew with the former key")
	}
	worth(second, policy.PassValid, "drawn anew")
	at = at.Add(time.Hour)
	worth(first, policy.PassForged, "after the overlap")
	worth(second, policy.PassValid, "after the overlap, drawn anew")
	d.Rekey(keys(map[string]time.Time{"c": {}}, "c"))
	worth(second, policy.PassForged, "after a key that ended at once")
	worth("", policy.PassValid, "on record")
	if told != 1 {
		t.Errorf("the lanes were told %d times of a pass", told)
	}
	must(t, d.Revoke(t.Context(), manager, p.ID, "sold"))
	worth("", policy.PassNone, "revoked")
	if told != 2 {
		t.Errorf("the lanes were told %d times of a pass that ended", told)
	}
	ledger, err := gate.NewLedger(memory, clock, func(context.Context) error { told++; return storetest.ErrBroken })
	must(t, err)
	id, err := ledger.IsInside(t.Context(), manager, "", "WX 1", "seen")
	if !errors.Is(err, gate.ErrNotDecidedAgain) || told != 3 {
		t.Errorf("said to be inside: %v, told %d", err, told)
	}
	if err := ledger.Left(t.Context(), manager, id, "seen outside"); !errors.Is(err, gate.ErrNotDecidedAgain) || told != 4 {
		t.Errorf("said to have left: %v, told %d", err, told)
	}
}

// Where a vehicle turns up at a second lane, the one at the first lane is decided
// again: which of the two is the copy nobody knows.
func TestBothOfTwoAreSuspect(t *testing.T) {
	for _, apart := range []time.Duration{0, 2 * time.Second, time.Minute} {
		t.Run(apart.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := storetest.NewMemory()
				l := newLists(t, memory, memory, time.Now)
				y := startYard(t, memory, gate.AssessorFunc(func(r gate.Request) gate.Assessment {
					a := judge(r)
					a.Facts.Arrival = r.Identity.Facts
					if r.Identity.Facts.SeenElsewhere.Value {
						a.Verdict.Outcome = policy.Flag
					}
					return a
				}), []func(*gate.Config){func(c *gate.Config) {
					c.Identity = l.desk
					c.Lanes = append(c.Lanes, gate.LaneConfig{ID: "south", Name: "South", Zone: policy.ZoneRestricted, Arm: &arm{}})
				}})
				_, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1", Via: "scanner"})
				must(t, err)
				time.Sleep(apart)
				_, err = y.c.Arrive(t.Context(), "south", gate.Arrival{VIN: "G1", Via: "scanner"})
				must(t, err)
				synctest.Wait()
				for _, id := range []gate.LaneID{"north", "south"} {
					v, _ := y.c.View(id)
					if v.State != gate.Waiting || !v.Passage.Result.Facts.Arrival.SeenElsewhere.Value || v.Passage.Result.Verdict.Outcome != policy.Flag {
						t.Errorf("%s: %s %+v", id, v.State, v.Passage.Result.Facts.Arrival)
					}
				}
				if rec, err := memory.Passage(t.Context(), y.view().Passage.ID); err != nil || len(rec.Reassessments) != 1 {
					t.Errorf("decided again %d times, %v", len(rec.Reassessments), err)
				}
				y.close()
			})
		})
	}
}

// What comes without a VIN: a message of the vehicle before, a plate that a
// person types, a pass that is shown first.
func TestWithoutAVIN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		y := newYard(t, memory)
		arrive := func(a gate.Arrival) (gate.PassageID, error) { return y.c.Arrive(t.Context(), "north", a) }
		id, err := arrive(gate.Arrival{VIN: "G1", Via: "scanner"})
		must(t, err)
		read := time.Now()
		time.Sleep(20 * time.Second)
		y.act(gate.ActTurnAway, id)
		y.act(gate.ActReset, id)
		if _, err := arrive(gate.Arrival{Plate: "WX 1", Via: "camera", Read: read}); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("a message of the vehicle before: %v", err)
		}
		id, err = arrive(gate.Arrival{VIN: "G2", Via: "scanner"})
		must(t, err)
		if _, err := arrive(gate.Arrival{Plate: "WX 1", Via: "camera", Read: read}); !errors.Is(err, gate.ErrNotAllowed) || y.view().Passage.Arrival.Plate != "" {
			t.Errorf("a message of the vehicle before, beside the next: %v, %+v", err, y.view().Passage.Arrival)
		}
		if same, err := arrive(gate.Arrival{Plate: "WX 2", Via: "camera", Read: time.Now()}); err != nil || same != id {
			t.Errorf("its own plate: %v", err)
		}
		time.Sleep(time.Minute)
		if _, err := arrive(gate.Arrival{Plate: "WX 3", Via: "keyboard"}); !errors.Is(err, gate.ErrNotAllowed) {
			t.Errorf("a typed plate took the place of a vehicle that waits: %v", err)
		}
		if same, err := arrive(gate.Arrival{Plate: "WX 3", Via: "keyboard", Of: id}); err != nil || same != id || len(y.view().Passage.Arrival.Also) != 1 {
			t.Errorf("a second plate of it: %v, %+v", err, y.view().Passage.Arrival)
		}
		y.act(gate.ActTurnAway, id)
		next, err := arrive(gate.Arrival{Plate: "WX 4", Via: "keyboard"})
		if err != nil || next == id {
			t.Errorf("a typed plate of the next: %v", err)
		}
		y.act(gate.ActReset, next)

		id, err = arrive(gate.Arrival{Pass: "eyJ", Via: "keyboard"})
		must(t, err)
		time.Sleep(40 * time.Second)
		next, err = arrive(gate.Arrival{VIN: "G3", Via: "scanner"})
		if a := y.view().Passage.Arrival; err != nil || next == id || a.VIN != "G3" || a.Pass != "eyJ" {
			t.Errorf("the VIN behind its pass: %v, %+v", err, a)
		}
		if rec, err := memory.Passage(t.Context(), id); err != nil || rec.Outcome == nil || rec.Outcome.Note != gate.NoteIdentified {
			t.Errorf("the passage of the pass alone: %+v, %v", rec.Outcome, err)
		}
		y.close()
	})
}

// The order in which things are read of one vehicle does not matter for what is
// known of it, and nothing that was read is lost.
func TestReadingsMerge(t *testing.T) {
	readings := []gate.Arrival{
		{VIN: "5YJXCAE4XMF000001", Via: "scanner"}, {Plate: "WX 1", Via: "camera"}, {Plate: "KR 2", Via: "camera"},
		{VIN: "5YJXCAE4XMF000002", Via: "scanner"}, {VIN: "5YJXCAE4XMF000003", Via: "keyboard"}, {Pass: "p"}, {VIN: "5yjxcae4xmf000001", Plate: "wx-1", Via: "api"},
	}
	rapid.Check(t, func(t *rapid.T) {
		order := rapid.Permutation(readings).Draw(t, "order")[:rapid.IntRange(1, len(readings)).Draw(t, "how many")]
		got := gate.Arrival{}
		want := map[string]bool{}
		scanned := false
		for _, r := range order {
			before := got
			var changed bool
			if got, changed = got.With(r); !changed && !reflect.DeepEqual(got, before) {
				t.Fatalf("nothing is new, and %+v became %+v", before, got)
			}
			scanned = scanned || r.Via == "scanner" && r.VIN != ""
			if r.VIN != "" {
				want["vin "+gate.NormalVIN(r.VIN)] = true
			}
			if r.Plate != "" {
				want["plate "+gate.NormalPlate(r.Plate)] = true
			}
		}
		have := map[string]bool{}
		add := func(kind, value string) {
			if have[kind+value] {
				t.Fatalf("%s%s twice in %+v", kind, value, got)
			}
			have[kind+value] = value != ""
		}
		add("vin ", gate.NormalVIN(got.VIN))
		add("plate ", gate.NormalPlate(got.Plate))
		for _, i := range got.Also {
			value := gate.NormalPlate(i.Value)
			if i.Kind == gate.IdentVIN {
				value = gate.NormalVIN(i.Value)
			}
			add(string(i.Kind)+" ", value)
		}
		for k, there := range have {
			if !there {
				delete(have, k)
			}
		}
		if !reflect.DeepEqual(have, want) {
			t.Fatalf("%v read, %v known: %+v", want, have, got)
		}
		if scanned && got.Via != "scanner" {
			t.Fatalf("a scanned VIN did not take the place of a typed one: %+v", got)
		}
	})
}

// Every bad row of a file is named, with its line and column.
func TestWatchFile(t *testing.T) {
	good, bad, err := gate.ParseWatch(strings.NewReader("\ufeffkind,value,reason,do,from,until\n" +
		"vin,5yjxcae42mf000001,stolen,\"Hold it,\ncall 112\",2026-11-01,2026-12-01T10:00:00Z\n" +
		"plate,wx 1,follow-up,Tell the officer,,\n" +
		"plate,WX-1,follow-up,again,,\n" +
		"vin,123,stolen,Hold,,\n" +
		"ship,WX2,stolen,Hold,,\n" +
		"plate,WX3,Mr X,Hold,,\n" +
		"plate,WX4,stolen,,,\n" +
		"plate,WX5,stolen,Hold,yesterday,\n" +
		"plate,WX6,stolen,Hold,2026-12-01,2026-11-01\n" +
		"plate,\"WX7\"x,stolen,Hold,,\n" +
		"maker,Quectel,module,Ask,,\n"))
	must(t, err)
	if len(good) != 3 || good[0].Value != "5YJXCAE42MF000001" || !good[0].Until.Equal(time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)) || good[1].Value != "WX1" || good[2].Value != "quectel" {
		t.Errorf("good rows %+v", good)
	}
	var got []string
	for _, b := range bad {
		got = append(got, fmt.Sprintf("%d %s", b.Line, b.Column))
		if b.Error() == "" {
			t.Error("a bad row without words")
		}
	}
	if want := []string{"5 value", "6 value", "7 kind", "8 reason", "9 do", "10 from", "11 until", "12 "}; !slices.Equal(got, want) {
		t.Errorf("bad rows %v, want %v: %+v", got, want, bad)
	}
	for _, file := range []string{"", "kind,value\n", "kind,value,reason,do,colour\n", "kind,kind,value,reason,do\n"} {
		if _, _, err := gate.ParseWatch(strings.NewReader(file)); err == nil {
			t.Errorf("%q was read", file)
		}
	}
}

func FuzzParseWatch(f *testing.F) {
	f.Add("kind,value,reason,do,from,until\nvin,5yjxcae42mf000001,stolen,Hold,2026-11-01,\n")
	f.Add("kind;value;reason;do\nplate;wx 1;a;b\n")
	f.Add("\ufeffkind,value,reason,do\nplate,\"x\"y,a,b\n")
	f.Fuzz(func(t *testing.T, file string) {
		good, bad, err := gate.ParseWatch(strings.NewReader(file))
		if err != nil && len(good)+len(bad) > 0 {
			t.Fatal("rows, and an error for the whole file")
		}
		for _, e := range good {
			e.ID, e.By, e.At = "w", "w", time.Unix(1, 0)
			if err := e.Check(); err != nil {
				t.Fatalf("%+v: %v", e, err)
			}
		}
	})
}

// The lane asks the lists, and a plate and a VIN that are read in the same moment
// are both kept, whichever comes first.
func TestPlateAndVINAtOnce(t *testing.T) {
	for _, first := range []string{"plate", "vin"} {
		t.Run(first+" first", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := storetest.NewMemory()
				must(t, memory.PutRegistrations(t.Context(), gate.Registration{VIN: "G1", Plate: "KR 5", Class: policy.ClassPrivate, At: time.Now()}))
				l := newLists(t, memory, memory, time.Now)
				var asked []gate.Request
				y := startYard(t, memory, gate.AssessorFunc(func(r gate.Request) gate.Assessment {
					asked = append(asked, r)
					a := judge(r)
					a.Plate = r.Plate
					if r.Identity != nil {
						a.Facts.Arrival = r.Identity.Facts
					}
					return a
				}), []func(*gate.Config){func(c *gate.Config) { c.Identity = l.desk }})
				plate, scan := gate.Arrival{Plate: "WX 1", Via: "camera"}, gate.Arrival{VIN: "G1", Via: "scanner"}
				order := []gate.Arrival{plate, scan}
				if first == "vin" {
					order = []gate.Arrival{scan, plate}
				}
				var id gate.PassageID
				for _, a := range order {
					var err error
					if id, err = y.c.Arrive(t.Context(), "north", a); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Second)
				}
				v := y.view()
				if v.Passage.ID != id || v.Passage.Arrival.VIN != "G1" || v.Passage.Arrival.Plate != "WX 1" || v.Passage.Arrival.Via != "scanner" {
					t.Errorf("at the line: %+v", v.Passage.Arrival)
				}
				if f := v.Passage.Result.Facts.Arrival; !f.PlateDiffers.Value {
					t.Errorf("the plate is not held against the list: %+v", f)
				}
				y.act(gate.ActOpen, id)
				time.Sleep(time.Minute)
				inside, err := memory.Stays(t.Context(), gate.StayFilter{Inside: true})
				must(t, err)
				if len(inside) != 1 || inside[0].VIN != "G1" || inside[0].Plate != "WX1" {
					t.Errorf("inside: %+v", inside)
				}
				y.close()
			})
		})
	}
}

// brokenLedger is a ledger that cannot be read.
type brokenLedger struct{ gate.LedgerStore }

func (brokenLedger) Inside(context.Context, string, ...string) ([]gate.Stay, error) {
	return nil, storetest.ErrBroken
}

// Where the lists cannot be read there is no verdict by machine.
func TestListsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		memory := storetest.NewMemory()
		l := newLists(t, brokenLedger{memory}, memory, time.Now)
		y := startYard(t, memory, gate.AssessorFunc(judge), []func(*gate.Config){func(c *gate.Config) { c.Identity = l.desk }})
		if _, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1"}); !errors.Is(err, gate.ErrManual) {
			t.Errorf("arrival: %v", err)
		}
		y.is(gate.Manual, gate.NoticeStorage, gate.ArmClosed)
		y.close()
	})
}

// A passage's outcome and its stay never part, wherever the store breaks.
func TestOutcomeAndStayNeverPart(t *testing.T) {
	for _, c := range []struct {
		step          string
		effect, crash bool
	}{
		{storetest.StepRecord, false, true}, {storetest.StepRecord, true, true}, {storetest.StepAct, false, false}, {storetest.StepAct, true, false},
		{storetest.StepAct, true, true}, {storetest.StepOutcome, false, false}, {storetest.StepOutcome, true, false},
		{storetest.StepOutcome, false, true}, {storetest.StepOutcome, true, true},
	} {
		t.Run(fmt.Sprintf("%s effect=%v crash=%v", c.step, c.effect, c.crash), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				memory := storetest.NewMemory()
				y := newYard(t, memory)
				if c.crash {
					y.store.BreakForGood(c.step, c.effect)
				} else {
					y.store.Break(c.step, c.effect, 1)
				}
				if id, err := y.c.Arrive(t.Context(), "north", gate.Arrival{VIN: "G1", Via: "scanner"}); err == nil {
					_ = y.c.Act(t.Context(), "north", gate.Act{Kind: gate.ActOpen, Passage: id, By: "anna"})
				}
				time.Sleep(30 * time.Second)
				y.close()
				again := newYard(t, memory)
				time.Sleep(30 * time.Second)
				again.close()
				passages, err := memory.Passages(t.Context(), gate.PassageFilter{})
				must(t, err)
				stays, err := memory.Stays(t.Context(), gate.StayFilter{})
				must(t, err)
				admitted := 0
				for _, p := range passages {
					if p.Ending == "" {
						t.Errorf("%s has no ending", p.ID)
					}
					has := slices.ContainsFunc(stays, func(s gate.Stay) bool { return s.Passage == p.ID })
					if has != (p.Ending == gate.EndAdmitted) {
						t.Errorf("%s ended %s, and has a stay: %v", p.ID, p.Ending, has)
					}
					if p.Ending == gate.EndAdmitted {
						admitted++
					}
				}
				if len(stays) != admitted {
					t.Errorf("%d stays of %d passages that were admitted", len(stays), admitted)
				}
			})
		})
	}
}
