package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport/gate"
	"sallyport/gate/translog"
	"sallyport/policy"
	"sallyport/vin"
)

// Store is what the suite asks of a store.
type Store interface {
	gate.Recorder
	gate.Registry
	gate.InspectionStore
	gate.PolicyStore
	gate.PostureStore
	gate.RadioSetStore
	gate.LedgerStore
	gate.WatchStore
	gate.PassStore
	gate.FleetStore
	PutRegistrations(context.Context, ...gate.Registration) error
	Policy(context.Context, string) (gate.PolicyDocument, error)
	Passages(context.Context, gate.PassageFilter) ([]gate.PassageSummary, error)
	Passage(context.Context, gate.PassageID) (gate.PassageRecord, error)
	EraseBefore(ctx context.Context, before, at time.Time, why string) (int, error)
	Entries(ctx context.Context, from int64, n int) ([]translog.StoredEntry, error)
}

// Kit is how the suite gets at a kind of store.
type Kit struct {
	// Open opens an empty store that the test owns.
	Open func(t *testing.T) Store
	// Verify has the store's whole log verified.
	Verify func(t *testing.T, s Store) translog.Report
}

// Noon is the instant around which the suite's records lie.
var Noon = time.Date(2026, 11, 22, 12, 0, 0, 123456789, time.UTC)

// Sample is a passage with something in every part that a store keeps.
func Sample(n int, outcome policy.Outcome) gate.Passage {
	vin := fmt.Sprintf("5YJXCAE4XMF%06d", n)
	at := Noon.Add(time.Duration(n) * time.Minute)
	q := policy.SupplyQuestion{Op: "controlled_from", Party: "quectel", Arg: "CN", Pct: 50, Day: "2026-11-22"}
	src := policy.Source{ID: "V0003", Title: "manual", Address: "https://example.org/manual?a=1&b=<2>", Quote: "„AG525R-GL” — żółć", Date: "2022-03"}
	return gate.Passage{
		ID:   gate.PassageID(fmt.Sprintf("%s-north-%08x", at.Format("20060102T150405.000000Z"), n)),
		Lane: "north", At: at,
		Arrival: gate.Arrival{VIN: strings.ToLower(vin), Plate: fmt.Sprintf("wx %05d", n), Class: policy.ClassPrivate,
			Declared: []gate.Declared{{Kind: "no_modem", Value: "\x01\u2028"}}, Via: "scanner"},
		Result: gate.Assessment{
			VIN: vin,
			Facts: policy.Facts{At: at, Vehicle: policy.VehicleFacts{VIN: policy.Know(vin, src), ModelYear: policy.Know(2021, src)},
				Units: []policy.Unit{{Role: "tcu", Candidates: []policy.Candidate{{Maker: policy.Know(policy.Party("quectel"), src), Certainty: policy.CertaintyDocumented, Sources: []policy.Source{src}}}}}},
			Asked:   []gate.Asked{{Q: q, A: policy.SupplyAnswer{Value: policy.True, Because: "owned", Sources: []policy.Source{src}}}},
			Verdict: policy.Verdict{Outcome: outcome, Policy: "paper-baseline@1", Hash: "feed", Reasons: []policy.Reason{{Rule: "r1", Outcome: outcome, Because: "VIN " + vin}}},
			Vehicle: gate.VehicleView{Valid: true, Make: "TESLA", Model: "Model X", ModelYear: 2021},
		},
	}
}

// Run runs the whole suite against one kind of store.
func Run(t *testing.T, kit Kit) {
	ctx := context.Background()
	clean := func(t *testing.T, s Store) translog.Report {
		t.Helper()
		r := kit.Verify(t, s)
		if !r.Clean() {
			t.Fatalf("log does not fit: %+v", r.Misfits)
		}
		return r
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	is := func(t *testing.T, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Fatalf("error %v, want %v", err, want)
		}
	}

	t.Run("passage reads back as written", func(t *testing.T) {
		s := kit.Open(t)
		before := clean(t, s)
		p := Sample(1, policy.Deny)
		must(t, s.Record(ctx, p))
		clean(t, s)
		act := gate.Act{Kind: gate.ActOverride, Passage: p.ID, By: "anna", Supervisor: "jan", Reason: "ambulance, 2 persons", At: p.At.Add(time.Second)}
		must(t, s.RecordAct(ctx, act))
		out := gate.Outcome{Passage: p.ID, Lane: p.Lane, Ending: gate.EndAdmitted, At: p.At.Add(2 * time.Second), Note: "n"}
		must(t, s.RecordOutcome(ctx, out))
		r := clean(t, s)
		if r.Entries != before.Entries+4 || r.Rows != before.Rows+4 { // the fourth: it is inside
			t.Fatalf("%d entries and %d rows more, want 4 and 4", r.Entries-before.Entries, r.Rows-before.Rows)
		}
		rec, err := s.Passage(ctx, p.ID)
		must(t, err)
		if got, want := asJSON(t, rec.Passage), asJSON(t, p); got != want {
			t.Errorf("passage\n%s\nwant\n%s", got, want)
		}
		if len(rec.Acts) != 1 || !reflect.DeepEqual(rec.Acts[0], act) {
			t.Errorf("acts %+v, want %+v", rec.Acts, act)
		}
		if rec.Outcome == nil || !reflect.DeepEqual(*rec.Outcome, out) {
			t.Errorf("outcome %+v, want %+v", rec.Outcome, out)
		}
		if rec.Summary.Ending != gate.EndAdmitted || rec.Summary.Outcome != policy.Deny || rec.Summary.VIN != p.Result.VIN {
			t.Errorf("summary %+v", rec.Summary)
		}
		entries, err := s.Entries(ctx, 0, 100)
		must(t, err)
		for _, e := range entries {
			for _, secret := range []string{p.Result.VIN, "WX00001", "ambulance"} {
				if strings.Contains(strings.ToUpper(string(e.Data)), strings.ToUpper(secret)) {
					t.Errorf("entry %d holds personal data: %s", e.Seq, e.Data)
				}
			}
		}
	})

	t.Run("recording twice", func(t *testing.T) {
		s := kit.Open(t)
		p := Sample(1, policy.Grant)
		must(t, s.Record(ctx, p))
		n := clean(t, s).Entries
		must(t, s.Record(ctx, p))
		other := p
		other.Arrival.Plate = "other"
		is(t, s.Record(ctx, other), gate.ErrExists)
		end := gate.Outcome{Passage: p.ID, Ending: gate.EndLeft, At: p.At}
		must(t, s.RecordOutcome(ctx, end))
		must(t, s.RecordOutcome(ctx, end))
		end.Ending = gate.EndAdmitted
		is(t, s.RecordOutcome(ctx, end), gate.ErrExists)
		is(t, s.RecordReassessment(ctx, gate.Reassessment{Passage: p.ID, At: p.At}), gate.ErrExists)
		if got := clean(t, s).Entries; got != n+1 {
			t.Errorf("%d entries, want %d", got, n+1)
		}
	})

	t.Run("unknown passage", func(t *testing.T) {
		s := kit.Open(t)
		n := clean(t, s).Entries
		is(t, s.RecordAct(ctx, gate.Act{Kind: gate.ActOpen, Passage: "nobody", By: "x", At: Noon}), gate.ErrNotFound)
		is(t, s.RecordOutcome(ctx, gate.Outcome{Passage: "nobody", Ending: gate.EndLeft, At: Noon}), gate.ErrNotFound)
		is(t, s.RecordReassessment(ctx, gate.Reassessment{Passage: "nobody", At: Noon}), gate.ErrNotFound)
		_, err := s.Passage(ctx, "nobody")
		is(t, err, gate.ErrNotFound)
		if s.Record(ctx, gate.Passage{Lane: "north", At: Noon}) == nil {
			t.Error("passage without an id was recorded")
		}
		if got := clean(t, s).Entries; got != n {
			t.Errorf("%d entries, want %d: a refused record left an entry", got, n)
		}
	})

	t.Run("open passages are closed as unknown", func(t *testing.T) {
		s := kit.Open(t)
		for n := range 3 {
			p := Sample(n, policy.Flag)
			if n == 2 {
				p.Moment = policy.MomentExit
			}
			must(t, s.Record(ctx, p))
		}
		must(t, s.RecordOutcome(ctx, gate.Outcome{Passage: Sample(1, 0).ID, Ending: gate.EndRefused, At: Noon}))
		ids, err := s.CloseOpen(ctx, Noon.Add(time.Hour))
		must(t, err)
		if want := []gate.PassageID{Sample(0, 0).ID, Sample(2, 0).ID}; !reflect.DeepEqual(ids, want) {
			t.Fatalf("closed %v, want %v", ids, want)
		}
		rec, err := s.Passage(ctx, Sample(2, 0).ID)
		must(t, err)
		if o := rec.Outcome; o == nil || o.Ending != gate.EndUnknown || o.Lane != rec.Passage.Lane || o.Moment != policy.MomentExit {
			t.Errorf("outcome %+v", rec.Outcome)
		}
		if ids, err = s.CloseOpen(ctx, Noon.Add(time.Hour)); err != nil || len(ids) != 0 {
			t.Errorf("closed again: %v, %v", ids, err)
		}
		clean(t, s)
	})

	t.Run("last instant", func(t *testing.T) {
		s := kit.Open(t)
		late := Noon.Add(10 * time.Hour)
		must(t, s.RecordEvent(ctx, gate.Event{Kind: gate.EventStarted, At: late, Detail: "x"}))
		must(t, s.RecordEvent(ctx, gate.Event{Kind: gate.EventStopped, At: Noon}))
		last, err := s.LastAt(ctx)
		must(t, err)
		if !last.Equal(late) {
			t.Errorf("last %v, want %v", last, late)
		}
		clean(t, s)
	})

	t.Run("reassessment raises the summary", func(t *testing.T) {
		s := kit.Open(t)
		p := Sample(1, policy.Grant)
		must(t, s.Record(ctx, p))
		r := gate.Reassessment{Passage: p.ID, Lane: p.Lane, At: p.At.Add(time.Second), Because: "radio", Result: Sample(1, policy.Flag).Result}
		must(t, s.RecordReassessment(ctx, r))
		rec, err := s.Passage(ctx, p.ID)
		must(t, err)
		if rec.Summary.Outcome != policy.Flag || rec.Passage.Result.Verdict.Outcome != policy.Grant {
			t.Errorf("summary says %v, passage %v", rec.Summary.Outcome, rec.Passage.Result.Verdict.Outcome)
		}
		if len(rec.Reassessments) != 1 || asJSON(t, rec.Reassessments[0]) != asJSON(t, r) {
			t.Errorf("reassessments %+v", rec.Reassessments)
		}
		list, err := s.Passages(ctx, gate.PassageFilter{Outcome: policy.Flag})
		must(t, err)
		if len(list) != 1 {
			t.Errorf("%d passages flagged, want 1", len(list))
		}
		clean(t, s)
	})

	t.Run("list", func(t *testing.T) {
		s := kit.Open(t)
		outcomes := []policy.Outcome{policy.Grant, policy.Flag, policy.Deny}
		for n := range 12 {
			p := Sample(n, outcomes[n%3])
			if n%2 == 1 {
				p.Lane = "south"
			}
			must(t, s.Record(ctx, p))
			if n < 6 {
				must(t, s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Ending: gate.EndLeft, At: p.At}))
			}
		}
		for _, c := range []struct {
			name string
			f    gate.PassageFilter
			want []int
		}{
			{"all, newest first", gate.PassageFilter{}, []int{11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
			{"limit", gate.PassageFilter{Limit: 2}, []int{11, 10}},
			{"lane", gate.PassageFilter{Lane: "south", Limit: 3}, []int{11, 9, 7}},
			{"outcome", gate.PassageFilter{Outcome: policy.Deny}, []int{11, 8, 5, 2}},
			{"open", gate.PassageFilter{Ending: gate.EndOpen, Outcome: policy.Deny}, []int{11, 8}},
			{"ending", gate.PassageFilter{Ending: gate.EndLeft, Lane: "north"}, []int{4, 2, 0}},
			{"vin", gate.PassageFilter{VIN: " 5yjxcae4xmf000007 "}, []int{7}},
			{"plate", gate.PassageFilter{Plate: "WX-000 08"}, []int{8}},
			{"nobody", gate.PassageFilter{Plate: "WX"}, nil},
			{"from, until", gate.PassageFilter{From: Sample(3, 0).At, Until: Sample(6, 0).At}, []int{5, 4, 3}},
		} {
			list, err := s.Passages(ctx, c.f)
			must(t, err)
			var got []int
			for _, p := range list {
				var n int
				if _, err := fmt.Sscanf(p.VIN, "5YJXCAE4XMF%06d", &n); err != nil {
					t.Fatal(err)
				}
				got = append(got, n)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
			}
		}
		var paged []gate.PassageSummary
		for f := (gate.PassageFilter{Limit: 5}); len(paged) <= 12; {
			page, err := s.Passages(ctx, f)
			must(t, err)
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			f.Before = page[len(page)-1].Seq
		}
		all, err := s.Passages(ctx, gate.PassageFilter{})
		must(t, err)
		if !reflect.DeepEqual(paged, all) {
			t.Errorf("pages give %d passages, the list %d", len(paged), len(all))
		}
	})

	t.Run("inspections", func(t *testing.T) { inspections(t, kit) })
	t.Run("inspections at once", func(t *testing.T) { inspectionsAtOnce(t, kit) })
	t.Run("photographs", func(t *testing.T) { photographs(t, kit) })
	t.Run("erasure of inspections", func(t *testing.T) { inspectionsErased(t, kit) })

	t.Run("policy versions", func(t *testing.T) { policyVersions(t, kit) })
	t.Run("policy steps refused", func(t *testing.T) { policyStepsRefused(t, kit) })
	t.Run("policy versions at once", func(t *testing.T) { policiesAtOnce(t, kit) })
	t.Run("posture", func(t *testing.T) { postures(t, kit) })
	t.Run("radio sets", func(t *testing.T) { radioSets(t, kit) })
	t.Run("who is inside", func(t *testing.T) { ledger(t, kit) })
	t.Run("who is inside, any order", func(t *testing.T) { ledgerLaws(t, kit) })
	t.Run("corrections", func(t *testing.T) { corrections(t, kit) })
	t.Run("sightings", func(t *testing.T) { sightings(t, kit) })
	t.Run("watch list", func(t *testing.T) { watchList(t, kit) })
	t.Run("fleets", func(t *testing.T) { fleets(t, kit) })
	t.Run("settings", func(t *testing.T) { settings(t, kit) })
	t.Run("passes", func(t *testing.T) { passes(t, kit) })
	t.Run("radio keys", func(t *testing.T) { radioKeys(t, kit) })

	t.Run("registrations", func(t *testing.T) {
		s := kit.Open(t)
		reg := func(vin, plate string, c policy.Class) gate.Registration {
			return gate.Registration{VIN: vin, Plate: plate, Class: c, At: Noon, Source: policy.Source{ID: "list", Date: "2026-11-01"}}
		}
		must(t, s.PutRegistrations(ctx, reg("v1", "aa-11", policy.ClassGovernment), reg("", "BB 22", policy.ClassEmergency)))
		n := clean(t, s).Entries
		if s.PutRegistrations(ctx, reg("v9", "", policy.ClassPrivate), reg("", "", policy.ClassPrivate)) == nil {
			t.Error("a registration of nothing was accepted")
		}
		if got := clean(t, s).Entries; got != n {
			t.Errorf("a refused list left %d entries", got-n)
		}
		check := func(vin, plate string, want policy.Class) {
			t.Helper()
			r, err := s.Registration(ctx, vin, plate)
			if want == "" {
				is(t, err, gate.ErrNotFound)
				return
			}
			must(t, err)
			if r.Class != want {
				t.Errorf("%q %q: class %q, want %q", vin, plate, r.Class, want)
			}
		}
		check("V1", "", policy.ClassGovernment)
		check("", "AA11", policy.ClassGovernment)
		check("V9", "", "")
		check("other", "BB22", policy.ClassEmergency)
		check("", "", "")
		must(t, s.PutRegistrations(ctx, reg("V1", "CC33", policy.ClassContractor)))
		check("V1", "", policy.ClassContractor)
		check("", "CC33", policy.ClassContractor)
		check("", "AA11", "") // the plate is no longer on V1
		must(t, s.PutRegistrations(ctx, reg("V1", "CC33", "")))
		check("V1", "", "")
		check("", "CC33", "")

		must(t, s.PutRegistrations(ctx,
			reg("5YJXCAE4XMF000001", "", policy.ClassContractor), reg("1HGCM82633A004352", "", policy.ClassPrivate),
			reg("5YJXCAE42MF000002", "", policy.ClassPrivate), reg("5YJXCAE42MF000002", "", "")))
		for read, want := range map[string][]vin.VIN{
			"5YJXCAE4XMF00OOO1": {"5YJXCAE4XMF000001"}, // the one taken off the list is not expected
			"IHGCMB263SA004352": {"1HGCM82633A004352"},
			"1H6CNB2S83A0O4352": nil,
			"1HG":               nil,
		} {
			got, err := s.Alike(ctx, read)
			must(t, err)
			if !slices.Equal(got, want) {
				t.Errorf("%s may be a misreading of %v, want %v", read, got, want)
			}
		}
		clean(t, s)
	})

	t.Run("policies", func(t *testing.T) {
		s := kit.Open(t)
		p := gate.PolicyDocument{Hash: "feed", ID: "paper-baseline@1", Source: []byte("rules:\n- \xff\x00"), At: Noon}
		must(t, s.KeepPolicy(ctx, p))
		must(t, s.KeepPolicy(ctx, p))
		got, err := s.Policy(ctx, "feed")
		must(t, err)
		if !reflect.DeepEqual(got, p) {
			t.Errorf("%+v, want %+v", got, p)
		}
		_, err = s.Policy(ctx, "dead")
		is(t, err, gate.ErrNotFound)
		clean(t, s)
	})

	t.Run("erasure", func(t *testing.T) {
		s := kit.Open(t)
		for n := range 4 {
			p := Sample(n, policy.Deny)
			must(t, s.Record(ctx, p))
			must(t, s.RecordReassessment(ctx, gate.Reassessment{Passage: p.ID, Lane: p.Lane, At: p.At, Because: "radio", Result: p.Result}))
			must(t, s.RecordAct(ctx, gate.Act{Kind: gate.ActTurnAway, Passage: p.ID, By: "anna", Reason: "driver said no", At: p.At}))
			if n != 1 {
				must(t, s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Ending: gate.EndRefused, At: p.At}))
			}
		}
		n, err := s.EraseBefore(ctx, Sample(3, 0).At, Noon.AddDate(0, 1, 0), "retention, 30 days")
		must(t, err)
		if n != 6 { // passages 0 and 2; 1 is open, 3 too young
			t.Errorf("%d records erased, want 6", n)
		}
		r := clean(t, s)
		if r.Erased != 6 {
			t.Errorf("report says %d erased, want 6", r.Erased)
		}
		for n, erased := range []bool{true, false, true, false} {
			rec, err := s.Passage(ctx, Sample(n, 0).ID)
			must(t, err)
			all := asJSON(t, rec)
			if rec.Summary.Erased != erased || strings.Contains(all, "5YJX") == erased || strings.Contains(all, "driver said") == erased {
				t.Errorf("passage %d: erased %v, want %v: %s", n, rec.Summary.Erased, erased, all)
			}
			if rec.Summary.Outcome != policy.Deny || rec.Passage.Lane != "north" || len(rec.Acts) != 1 || rec.Acts[0].By != "anna" {
				t.Errorf("passage %d lost what may be kept: %s", n, all)
			}
		}
		list, err := s.Passages(ctx, gate.PassageFilter{VIN: Sample(0, 0).Result.VIN})
		must(t, err)
		if len(list) != 0 {
			t.Error("an erased passage is found by its VIN")
		}
		if n, err = s.EraseBefore(ctx, Sample(3, 0).At, Noon.AddDate(0, 1, 0), "again"); err != nil || n != 0 {
			t.Errorf("erased again: %d, %v", n, err)
		}
		must(t, s.Record(ctx, Sample(9, policy.Grant)))
		clean(t, s)
	})

	t.Run("standings", func(t *testing.T) {
		s := kit.Open(t)
		standings(ctx, t, s, func() translog.Report { return clean(t, s) })
	})

	t.Run("ended context", func(t *testing.T) {
		s := kit.Open(t)
		n := clean(t, s).Entries
		over, cancel := context.WithCancel(ctx)
		cancel()
		is(t, s.Record(over, Sample(1, policy.Grant)), context.Canceled)
		if got := clean(t, s).Entries; got != n {
			t.Errorf("%d entries, want %d", got, n)
		}
	})

	t.Run("64 at once", func(t *testing.T) {
		s := kit.Open(t)
		n := clean(t, s).Entries
		var wg sync.WaitGroup
		for g := range 64 {
			wg.Go(func() {
				for i := range 4 {
					p := Sample(g*4+i, policy.Grant)
					if err := s.Record(ctx, p); err != nil {
						t.Error(err)
						return
					}
					if _, err := s.Passage(ctx, p.ID); err != nil {
						t.Errorf("acknowledged and not there: %v", err)
					}
					if err := s.RecordOutcome(ctx, gate.Outcome{Passage: p.ID, Ending: gate.EndLeft, At: p.At}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		if got := clean(t, s); got.Entries != n+512 || got.Head.Size != got.Entries {
			t.Errorf("%d entries under a head of %d, want %d", got.Entries, got.Head.Size, n+512)
		}
	})
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
